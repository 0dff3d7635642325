//! The answers of those who do the work, as they are documented, and what is sent to them.

use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::capability::{Character, Model};
use crate::error::{Resume, kind};
use crate::http::{File, any_body};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
const ALL: [Via; 4] = [Via::HfInference, Via::FalAi, Via::Nscale, Via::Replicate];
const LOADING: &str = r#"{"error":"Model stabilityai/sdxl is currently loading","estimated_time":20.0}"#;

fn answer(status: u16, media_type: &str, body: &[u8]) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap());
    Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_vec(), is_foreign: false }
}

fn picture(via: Via, status: u16, body: &str) -> Result<File, ProviderError> {
    picture::read(via, &answer(status, "application/json", body.as_bytes()))
}

fn at(link: &str) -> File {
    File::At(link.to_owned())
}

fn model(name: &str, parameters: &Value) -> Model {
    Model { name: name.to_owned(), parameters: serde_json::from_value(parameters.clone()).unwrap() }
}

fn drawing(name: &str, parameters: &Value, references: usize) -> PictureRequest {
    let reference = Picture {
        bytes: vec![1, 2, 3],
        media_type: "image/png".to_owned(),
        width: 1,
        height: 1,
        cost_micros: None,
    };
    let hero = Character {
        name: "Ada".to_owned(),
        description: String::new(),
        references: vec![reference; references],
    };
    PictureRequest {
        model: model(name, parameters),
        prompt: "A whale".to_owned(),
        style: String::new(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: vec![hero],
    }
}

fn picture_body(name: &str, parameters: &Value, references: usize) -> Result<(String, Value), ProviderError> {
    let request = drawing(name, parameters, references);
    picture::body(&route::choose(&request.model, IMAGE_MODEL)?, &request)
}

fn narration(name: &str, parameters: &Value) -> NarrationRequest {
    NarrationRequest {
        model: model(name, parameters),
        texts: vec![" One. ".to_owned(), "Two.".to_owned()],
        language: "en".to_owned(),
        voice: String::new(),
        speed: 1.0,
    }
}

fn speech_body(request: &NarrationRequest) -> Result<(String, Value), ProviderError> {
    speech::body(&speech::choose(request)?, request)
}

#[test]
fn each_is_asked_for_a_picture_in_its_own_way() {
    let hf = json!({"inputs": "A whale", "parameters": {"width": 864, "height": 1536, "seed": 7, "guidance_scale": 3}});
    let fal = json!({"prompt": "A whale", "image_size": {"width": 864, "height": 1536}, "seed": 7, "guidance_scale": 3});
    let nscale = json!({
        "prompt": "A whale", "model": "o/m", "size": "864x1536", "response_format": "b64_json", "guidance_scale": 3,
    });
    let input = json!({"prompt": "A whale", "aspect_ratio": "9:16", "output_format": "png", "seed": 7, "guidance_scale": 3});
    for (name, path, body) in [
        ("hf-inference/o/m", "/hf-inference/models/o/m", hf),
        ("fal-ai/fal-ai/flux/schnell", "/fal-ai/fal-ai/flux/schnell", fal),
        ("nscale/o/m", "/nscale/v1/images/generations", nscale),
        ("replicate/o/m", "/replicate/v1/models/o/m/predictions", json!({"input": input})),
        ("replicate/o/m:abc", "/replicate/v1/predictions", json!({"version": "abc", "input": input})),
    ] {
        let sent = picture_body(name, &json!({"guidance_scale": 3}), 0).unwrap();
        assert_eq!(sent, (path.to_owned(), body), "{name}");
    }
}

#[test]
fn a_picture_is_not_larger_than_models_can_draw() {
    let request = PictureRequest { width: 2160, height: 3840, ..drawing("", &json!({}), 0) };
    let (_, body) = picture::body(&route::choose(&request.model, IMAGE_MODEL).unwrap(), &request).unwrap();
    assert_eq!(body["image_size"], json!({"width": 1056, "height": 1872}));
}

#[test]
fn prompts_and_counts_cannot_be_replaced_by_parameters() {
    for name in ["prompt", "inputs", "model", "num_images", "num_outputs", "response_format"] {
        let error = picture_body("fal-ai/a/b", &json!({name: 4}), 0).unwrap_err();
        assert!(
            matches!(&error, ProviderError::Configuration { message, .. } if message.contains(name)),
            "{error}"
        );
    }
    assert_eq!(
        kind(&speech_body(&narration("fal-ai/a/b", &json!({"text": "x"}))).unwrap_err()),
        "configuration"
    );
}

#[test]
fn reference_pictures_go_to_models_that_take_them() {
    let data = "data:image/png;base64,AQID";
    let sent = |name: &str, count| picture_body(name, &json!({}), count).map(|(_, body)| body);
    assert_eq!(sent("fal-ai/fal-ai/flux-pro/kontext", 1).unwrap()["image_url"], data);
    assert_eq!(sent("fal-ai/fal-ai/nano-banana/edit", 2).unwrap()["image_urls"], json!([data, data]));
    assert_eq!(sent("replicate/b/flux-kontext-pro", 1).unwrap()["input"]["input_image"], data);
    for (name, count) in [("", 1), ("nscale/o/m", 1), ("hf-inference/o/m", 1), ("replicate/o/m", 1)] {
        let error = sent(name, count).unwrap_err();
        assert!(
            matches!(&error, ProviderError::Configuration { message, .. } if message.contains("Ada")),
            "{error}"
        );
    }
    assert_eq!(kind(&sent("fal-ai/fal-ai/flux-pro/kontext", 2).unwrap_err()), "configuration");
}

#[test]
fn a_picture_is_found_where_each_puts_it() {
    let raw = picture::read(Via::HfInference, &answer(200, "image/png", PNG)).unwrap();
    assert_eq!(raw, File::Here(PNG.to_vec()));
    let fal = r#"{"images":[{"url":"https://v3.fal.media/a.png","content_type":"image/png"}],"has_nsfw_concepts":[false]}"#;
    assert_eq!(picture(Via::FalAi, 200, fal).unwrap(), at("https://v3.fal.media/a.png"));
    let fal = r#"{"images":[{"url":"data:image/png;base64,AQID"}]}"#;
    assert_eq!(picture(Via::FalAi, 200, fal).unwrap(), File::Here(vec![1, 2, 3]));
    assert_eq!(
        picture(Via::Nscale, 200, r#"{"data":[{"b64_json":"AQID"}]}"#).unwrap(),
        File::Here(vec![1, 2, 3])
    );
    for output in [r#""https://r.delivery/a.png""#, r#"["https://r.delivery/a.png"]"#] {
        let body = format!(r#"{{"status":"succeeded","output":{output}}}"#);
        assert_eq!(picture(Via::Replicate, 201, &body).unwrap(), at("https://r.delivery/a.png"));
    }
}

#[test]
fn a_model_that_loads_is_waited_for() {
    for status in [200, 503] {
        let error = picture(Via::HfInference, status, LOADING).unwrap_err();
        let ProviderError::RateLimited { resume, message, .. } = &error else { panic!("{error}") };
        assert_eq!(*resume, Resume::After(Duration::from_secs(20)));
        assert!(message.contains("currently loading"), "{message}");
    }
    for odd in ["-1", "1e300", "\"soon\"", "null"] {
        let body = LOADING.replace("20.0", odd);
        let error = picture(Via::HfInference, 503, &body).unwrap_err();
        assert!(matches!(kind(&error), "unavailable" | "limited"), "{odd}: {error}");
    }
}

#[test]
fn errors_mean_what_a_caller_can_do() {
    let credits = r#"{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO."}"#;
    let policy = r#"{"detail":[{"loc":["body","prompt"],"msg":"The content could not be processed","type":"content_policy_violation"}]}"#;
    let empty = "";
    for (status, body, expected) in [
        (402, credits, "credits"),
        (401, r#"{"error":"Invalid username or password."}"#, "credentials"),
        (
            403,
            r#"{"error":"This authentication method does not have sufficient permissions"}"#,
            "credentials",
        ),
        (404, r#"{"error":"Model o/m does not exist"}"#, "configuration"),
        (400, r#"{"error":"Model not supported by provider fal-ai"}"#, "configuration"),
        (400, r#"{"error":["bad guidance_scale"]}"#, "configuration"),
        (422, policy, "refused"),
        (400, r#"{"error":"NSFW content detected"}"#, "refused"),
        (429, r#"{"error":"Too many requests"}"#, "limited"),
        // Not in words of its own: a proxy may have passed the request on.
        (429, empty, "unknown"),
        (503, empty, "unknown"),
        (503, r#"{"error":"Service Unavailable"}"#, "unknown"),
        (401, "<html><title>Sign in</title>", "unknown"),
        (403, "<html><title>Blocked</title>", "unknown"),
        (407, "<html><title>Proxy login</title>", "unknown"),
        (408, "", "unknown"),
        (500, empty, "unknown"),
        (504, "<html><title>Gateway time-out</title>", "unknown"),
    ] {
        for via in ALL {
            assert_eq!(kind(&picture(via, status, body).unwrap_err()), expected, "{status} {body}");
        }
    }
    let mut limited = answer(429, "application/json", b"{}");
    limited.headers.insert("ratelimit", HeaderValue::from_static("\"api\";r=0;t=55"));
    let error = picture::read(Via::FalAi, &limited).unwrap_err();
    assert!(
        matches!(error, ProviderError::RateLimited { resume: Resume::After(wait), .. } if wait.as_secs() == 55)
    );
}

#[test]
fn what_was_taken_is_never_said_not_to_be() {
    for via in ALL {
        for body in [
            "",
            "{}",
            "[]",
            "{\"images\":",
            "<html><title>Sign in</title>",
            r#"{"error":"odd"}"#,
            r#"{"images":[{"url":""}]}"#,
        ] {
            assert_eq!(kind(&picture(via, 200, body).unwrap_err()), "unexpected", "{via:?} {body}");
        }
    }
    for (body, expected) in [
        (r#"{"status":"starting","output":null}"#, "unexpected"),
        (r#"{"status":"failed","output":null,"error":"CUDA out of memory"}"#, "unexpected"),
        (r#"{"status":"failed","output":null,"error":"NSFW content detected. Try again."}"#, "refused"),
    ] {
        assert_eq!(kind(&picture(Via::Replicate, 201, body).unwrap_err()), expected, "{body}");
    }
    let withheld = r#"{"images":[{"url":"https://v3.fal.media/a.png"}],"has_nsfw_concepts":[true]}"#;
    assert_eq!(kind(&picture(Via::FalAi, 200, withheld).unwrap_err()), "refused");
}

#[test]
fn speech_is_asked_for_in_one_request() {
    let (path, body) = speech_body(&narration("", &json!({}))).unwrap();
    assert_eq!(path, "/fal-ai/fal-ai/kokoro/american-english");
    assert_eq!(body, json!({"text": "One.\n\nTwo.", "prompt": "One.\n\nTwo."}));
    let request = NarrationRequest {
        voice: "nova".to_owned(),
        speed: 1.25,
        ..narration("fal-ai/a/b", &json!({"pitch": 2}))
    };
    let (_, body) = speech_body(&request).unwrap();
    assert_eq!(body, json!({"text": "One.\n\nTwo.", "voice": "nova", "speed": 1.25, "pitch": 2}));
    let (path, body) = speech_body(&narration("facebook/mms-tts-eng", &json!({}))).unwrap();
    assert_eq!(path, "/hf-inference/models/facebook/mms-tts-eng");
    assert_eq!(body, json!({"inputs": "One.\n\nTwo.", "parameters": {}}));
}

#[test]
fn speech_that_cannot_be_had_is_reported_before_it_is_asked_for() {
    let plain = || narration("", &json!({}));
    for request in [
        NarrationRequest { language: "tlh".to_owned(), ..plain() },
        NarrationRequest { texts: vec!["…".to_owned()], ..plain() },
        NarrationRequest { speed: f64::NAN, ..plain() },
        NarrationRequest { speed: 3.0, ..plain() },
        NarrationRequest { voice: "nova".to_owned(), ..narration("hf-inference/a/b", &json!({})) },
        NarrationRequest { speed: 1.5, ..narration("hf-inference/a/b", &json!({})) },
        narration("nscale/a/b", &json!({})),
    ] {
        assert_eq!(kind(&speech_body(&request).unwrap_err()), "configuration", "{request:?}");
    }
}

#[test]
fn the_usual_voice_speaks_the_language() {
    for (language, name) in [
        ("en", Some("american-english")),
        ("en-US", Some("american-english")),
        ("en-GB", Some("british-english")),
        ("pt-BR", Some("brazilian-portuguese")),
        ("enm", None),
        ("de", None),
        ("", None),
    ] {
        let expected = name.map(|name| format!("fal-ai/fal-ai/kokoro/{name}"));
        assert_eq!(HuggingFace::usual_model(Sold::NarrationSecond, language).map(str::to_owned), expected);
    }
}

#[test]
fn sound_is_found_where_each_puts_it() {
    let read = |via, media_type, body: &[u8]| speech::read(via, &answer(200, media_type, body));
    assert_eq!(read(Via::HfInference, "audio/flac", b"fLaC").unwrap(), File::Here(b"fLaC".to_vec()));
    for body in
        [r#"{"audio":{"url":"https://v3.fal.media/a.wav"}}"#, r#"{"audio_url":"https://v3.fal.media/a.wav"}"#]
    {
        let found = read(Via::FalAi, "application/json", body.as_bytes()).unwrap();
        assert_eq!(found, at("https://v3.fal.media/a.wav"));
    }
    assert_eq!(kind(&read(Via::FalAi, "application/json", b"{}").unwrap_err()), "unexpected");
    assert_eq!(kind(&read(Via::HfInference, "application/json", LOADING.as_bytes()).unwrap_err()), "limited");
}

#[test]
fn a_token_is_good_if_it_belongs_to_somebody() {
    let read = |status, body: &str| read_account(&answer(status, "application/json", body.as_bytes()));
    assert_eq!(read(200, r#"{"type":"user","name":"ada"}"#).unwrap(), "the token is good; it belongs to ada");
    assert_eq!(
        kind(&read(401, r#"{"error":"Invalid credentials in Authorization header"}"#).unwrap_err()),
        "credentials"
    );
    assert_eq!(kind(&read(200, "<html>").unwrap_err()), "unavailable");
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(
        status in 100u16..1000, body in any_body(), audio: bool, via in proptest::sample::select(&ALL[..]),
    ) {
        let answer = answer(status, if audio { "audio/wav" } else { "application/json" }, &body);
        let _ = picture::read(via, &answer);
        let _ = speech::read(via, &answer);
        let _ = read_account(&answer);
    }
}
