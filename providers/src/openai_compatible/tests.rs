//! What is sent, and the answers of such servers as they are documented or were seen.

use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::*;
use crate::capability::{Character, TimingLevel};
use crate::error::{Resume, kind};
use crate::http::{File, any_body};

fn answer(status: u16, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.as_bytes().to_vec());
    Answer { status, headers, body, is_foreign: false }
}

fn with(parameters: &Value) -> Model {
    Model { name: "m".to_owned(), parameters: serde_json::from_value(parameters.clone()).unwrap() }
}

fn writing(parameters: &Value) -> ScriptRequest {
    ScriptRequest {
        model: with(parameters),
        topic: "Why the sea has tides".to_owned(),
        language: "en".to_owned(),
        target: Duration::from_secs(30),
        max: Duration::from_mins(1),
        scene_count: 2,
        style: String::new(),
        characters: Vec::new(),
        revision: None,
    }
}

fn drawing(parameters: &Value, references: usize) -> PictureRequest {
    let media_type = "image/png".to_owned();
    let picture = Picture { bytes: vec![1], media_type, width: 1, height: 1, cost_micros: None };
    PictureRequest {
        model: with(parameters),
        prompt: "A whale".to_owned(),
        style: "ink".to_owned(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: vec![Character { references: vec![picture; references], ..Character::default() }],
    }
}

fn narration(parameters: &Value, voice: &str, speed: f64) -> NarrationRequest {
    NarrationRequest {
        model: with(parameters),
        texts: vec![" One. ".to_owned(), "Two.".to_owned()],
        language: "en".to_owned(),
        voice: voice.to_owned(),
        speed,
    }
}

#[test]
fn a_script_is_asked_for_in_the_form_that_the_server_may_know() {
    let schema = text::body("m", &writing(&json!({})), Form::Schema);
    assert_eq!(schema["response_format"]["json_schema"]["schema"]["properties"]["scenes"]["maxItems"], 2);
    let object = text::body("m", &writing(&json!({})), Form::Object);
    assert_eq!(object["response_format"], json!({"type": "json_object"}));
    let words = text::body("m", &writing(&json!({})), Form::Words);
    assert_eq!(words.as_object().unwrap().keys().collect::<Vec<_>>(), ["messages", "model"]);
    for body in [schema, object, words] {
        let reported = body["messages"][0]["content"].as_str().unwrap();
        assert!(reported.contains("tides") && reported.contains("\"imagePrompt\""), "{reported}");
    }
    assert_eq!(Form::first(&with(&json!({}))), Form::Schema);
    assert_eq!(Form::first(&with(&json!({"response_format": null}))), Form::Words);
}

#[test]
fn only_a_complaint_about_the_form_leads_to_the_next_one() {
    for (status, body, is) in [
        (400, r#"{"error":{"message":"'response_format.type' must be 'text'","type":"invalid"}}"#, true),
        (422, r#"{"detail":"json_schema is not supported"}"#, true),
        (400, r#"{"error":"guided decoding is off"}"#, true),
        (400, r#"{"error":{"message":"model \"x\" not found"}}"#, false),
        (500, r#"{"error":"response_format"}"#, false),
        (429, r#"{"error":"response_format"}"#, false),
    ] {
        assert_eq!(fault::is_about_the_form(&answer(status, body)), is, "{status} {body}");
    }
}

#[test]
fn the_text_of_an_answer_is_read_or_its_lack_reported() {
    let read = |body: &str| text::read(&answer(200, body));
    assert_eq!(read(r#"{"choices":[{"message":{"content":"{}"}}]}"#).unwrap(), "{}");
    let parts = r#"{"choices":[{"message":{"content":[{"type":"text","text":"{"},{"text":"}"}]}}]}"#;
    assert_eq!(read(parts).unwrap(), "{}");
    for (body, expected, says) in [
        (r#"{"choices":[{"message":{"content":null,"refusal":"I can't help"}}]}"#, "refused", "can't"),
        (r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#, "refused", "filter"),
        (r#"{"choices":[{"message":{"content":"{"},"finish_reason":"length"}]}"#, "unexpected", "max_tokens"),
        (r#"{"choices":[]}"#, "unexpected", "no result"),
        (r#"{"error":{"message":"CUDA out of memory","type":"server_error"}}"#, "unexpected", "CUDA"),
        (r#"{"error":"content_policy_violation"}"#, "refused", "content_policy"),
        ("{\"choi", "unexpected", "JSON"),
        ("", "unexpected", "JSON"),
    ] {
        let error = read(body).unwrap_err();
        assert_eq!(kind(&error), expected, "{body}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn errors_are_believed_in_the_servers_own_words() {
    for (status, body, expected) in [
        (401, r#"{"error":{"message":"Incorrect API key"}}"#, "credentials"),
        (401, "", "unknown"),
        (402, r#"{"error":{"message":"Insufficient credits","code":402}}"#, "credits"),
        (404, r#"{"error":{"message":"model 'x' not found"}}"#, "configuration"),
        (404, "404 page not found", "configuration"),
        (422, r#"{"detail":[{"loc":["body","voice"],"msg":"Field required"}]}"#, "configuration"),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
            "credits",
        ),
        (429, r#"{"error":{"message":"Rate limit reached"}}"#, "limited"),
        (429, "<html><title>Too many</title>", "unknown"),
        (400, r#"{"error":{"message":"rejected","code":"moderation_blocked"}}"#, "refused"),
        (500, r#"{"error":"model requires more system memory"}"#, "unknown"),
        (503, r#"{"error":{"code":503,"message":"Loading model"}}"#, "unavailable"),
        (503, "upstream connect error", "unknown"),
        (502, "<html>", "unknown"),
    ] {
        assert_eq!(kind(&fault::read(&answer(status, body))), expected, "{status} {body}");
    }
    let limited = fault::read(&answer(429, r#"{"error":"slow down"}"#));
    assert!(matches!(limited, ProviderError::RateLimited { resume: Resume::Unknown, .. }));
}

#[test]
fn a_picture_is_asked_for_in_a_size_of_the_model_and_without_what_some_do_not_know() {
    let body = picture::body("flux", &drawing(&json!({}), 0)).unwrap();
    assert_eq!(body, json!({"model": "flux", "prompt": "A whale. ink", "size": "864x1536", "n": 1}));
    for (model, size) in [
        ("gpt-image-1-mini", "1024x1536"),
        ("openai/dall-e-3", "1024x1792"),
        ("dall-e-2", "1024x1024"),
        ("gpt-image-2", "864x1536"),
    ] {
        assert_eq!(picture::body(model, &drawing(&json!({}), 0)).unwrap()["size"], size, "{model}");
    }
    let own = json!({"size": "512x512", "response_format": "b64_json", "n": null});
    assert_eq!(kind(&picture::body("m", &drawing(&own, 0)).unwrap_err()), "configuration");
    let own = json!({"size": "512x512", "response_format": "b64_json"});
    let body = picture::body("m", &drawing(&own, 0)).unwrap();
    assert_eq!((&body["size"], &body["response_format"]), (&json!("512x512"), &json!("b64_json")));
    assert_eq!(kind(&picture::body("m", &drawing(&json!({}), 1)).unwrap_err()), "configuration");
}

#[test]
fn a_picture_comes_as_bytes_or_as_a_link_and_its_lack_is_reported() {
    let read = |body: &str| picture::read(&answer(200, body), |link| Some(File::Own(link.to_owned())));
    assert_eq!(read(r#"{"data":[{"b64_json":"AQID","url":""}]}"#).unwrap(), File::Here(vec![1, 2, 3]));
    assert_eq!(read(r#"{"data":[{"b64_json":"","url":"/a.png"}]}"#).unwrap(), File::Own("/a.png".to_owned()));
    for body in
        [r#"{"data":[]}"#, r#"{"data":[{"b64_json":"!"}]}"#, r#"{"error":"out of memory"}"#, "", "<html>"]
    {
        assert_eq!(kind(&read(body).unwrap_err()), "unexpected", "{body}");
    }
}

#[test]
fn speech_is_asked_for_as_a_wav_file() {
    let body = speech::body("kokoro", &narration(&json!({}), "", 1.0)).unwrap();
    assert_eq!(body, json!({"model": "kokoro", "input": "One.\n\nTwo.", "response_format": "wav"}));
    let body = speech::body("kokoro", &narration(&json!({"lang_code": "a"}), "af_heart", 1.2)).unwrap();
    assert_eq!(
        (&body["voice"], &body["speed"], &body["lang_code"]),
        (&json!("af_heart"), &json!(1.2), &json!("a"))
    );
    for (own, speed) in [(json!({"input": "x"}), 1.0), (json!({"stream": true}), 1.0), (json!({}), 3.0)] {
        assert_eq!(kind(&speech::body("m", &narration(&own, "", speed)).unwrap_err()), "configuration");
    }
    let silent = NarrationRequest { texts: vec!["…".to_owned()], ..narration(&json!({}), "", 1.0) };
    assert_eq!(kind(&speech::body("m", &silent).unwrap_err()), "configuration");
}

#[test]
fn an_error_in_place_of_speech_is_no_speech() {
    assert_eq!(kind(&speech::check(&answer(200, r#"{"error":"no such voice"}"#)).unwrap_err()), "unexpected");
    let mut sound = answer(200, "");
    sound.body = crate::wav::write(&[1, 2], 24_000);
    speech::check(&sound).unwrap();
}

#[test]
fn captioned_speech_brings_the_words_times_if_they_fit() {
    let audio = crate::wav::write(&vec![0; 24_000], 24_000);
    let audio = data_of(&audio);
    let texts = ["One two.".to_owned()];
    let stamps = json!([
        {"word": "One", "start_time": 0.1, "end_time": 0.4}, {"word": "two", "start_time": 0.4, "end_time": 0.8},
        {"word": ".", "start_time": 0.8, "end_time": 0.9},
    ]);
    let body = json!({"audio": audio, "timestamps": stamps}).to_string();
    let speech = captioned::read(&answer(200, &body), &texts).unwrap();
    let places: Vec<(u64, u64)> = speech.words.iter().map(|word| (word.start, word.end)).collect();
    assert_eq!((speech.level, places), (TimingLevel::Exact, vec![(2_400, 9_600), (9_600, 19_200)]));
    let body = json!({"audio": audio, "timestamps": null}).to_string();
    let speech = captioned::read(&answer(200, &body), &texts).unwrap();
    assert_eq!((speech.level, speech.words.len()), (TimingLevel::Estimated, 0));
    for body in [r#"{"audio":"","timestamps":[]}"#, r#"{"detail":"boom"}"#, ""] {
        assert_eq!(kind(&captioned::read(&answer(200, body), &texts).unwrap_err()), "unexpected", "{body}");
    }
    let asked = captioned::body(&json!({"model": "kokoro", "input": "One."}));
    assert_eq!(
        (&asked["stream"], &asked["normalization_options"]["normalize"]),
        (&json!(false), &json!(false))
    );
}

fn data_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn models_are_named_to_whoever_names_none_or_a_wrong_one() {
    let offered =
        models::read(&answer(200, r#"{"data":[{"id":"qwen3:8b"},{"id":"not a name"},{"id":"flux"}]}"#));
    assert_eq!(offered.as_deref(), Some(&["qwen3:8b".to_owned(), "flux".to_owned()][..]));
    let names = offered.as_deref();
    assert!(models::unnamed(names).to_string().contains("name one that the server has: qwen3:8b, flux"));
    let error = || configuration("it answered 404".to_owned());
    let reported = models::explained(error(), "gone", names).to_string();
    assert!(reported.contains("It has no model \"gone\": qwen3:8b, flux"), "{reported}");
    assert_eq!(models::explained(error(), "flux", names), error());
    assert_eq!(models::explained(error(), "gone", None), error());
}

#[test]
fn a_check_distinguishes_a_server_without_a_list_from_one_that_is_away_or_wants_a_key() {
    let look = |status: u16, body: &str| models::health(&answer(status, body));
    assert_eq!(look(200, r#"{"data":[{"id":"a"}]}"#).unwrap(), "it answers; 1 models are offered");
    assert!(look(404, "").is_ok() && look(200, "[]").is_ok());
    for (status, body, expected) in [
        (401, "", "credentials"),
        (403, r#"{"error":"no"}"#, "credentials"),
        (500, "", "unavailable"),
        (502, "<html>", "unavailable"),
        (429, "", "limited"),
        (200, "<html>", "unavailable"),
    ] {
        assert_eq!(kind(&look(status, body).unwrap_err()), expected, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(status in 100u16..1000, body in any_body()) {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), body, is_foreign: false };
        let _ = (text::read(&answer), fault::read(&answer), models::health(&answer), speech::check(&answer));
        let _ = picture::read(&answer, |_| None);
        let _ = captioned::read(&answer, &["One.".to_owned()]);
    }
}
