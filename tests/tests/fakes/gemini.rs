//! Gemini's scripts, pictures, speech and clips.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Shape};

use super::{Site, header, read};

const SCRIPT: &str = "/models/gemini-3.8-flash:generateContent";
const SPEECH: &str = "/models/gemini-3.8-flash-tts:generateContent";
const IMAGE: &str = "/models/gemini-3.1-flash-image:generateContent";
const CLIP: &str = "/models/veo-3.1-generate-preview:predictLongRunning";

fn says(text: &str, config: &Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config})
}

fn script() -> Value {
    let schema = json!({"type": "object", "properties": {"scenes": {"type": "array", "minItems": 2, "items":
        {"type": "object", "properties": {"narration": {"type": "string"}}}}}});
    says("the sea", &json!({"responseMimeType": "application/json", "responseJsonSchema": schema}))
}

fn clip() -> Value {
    json!({
        "instances": [{"prompt": "a fox", "image": {"bytesBase64Encoded": "cGljdHVyZQ==", "mimeType": "image/png"}}],
        "parameters": {"aspectRatio": "9:16", "resolution": "720p", "durationSeconds": 6},
    })
}

async fn ask(site: &Site, path: &str, body: &Value) -> (u16, Value) {
    read(site.posted(Service::Gemini, path, body).await).await
}

#[tokio::test]
async fn a_script_keeps_to_the_schema() {
    let site = Site::start().await;
    let (status, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!((status, &answer["candidates"][0]["finishReason"]), (200, &json!("STOP")));
    let text = answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    let script: Value = serde_json::from_str(text).unwrap();
    assert_eq!(script["scenes"].as_array().unwrap().len(), 2);
    let made = &site.ledger().await.submissions[0];
    assert_eq!((made.operation, made.prompt.as_str(), made.delivered), (Operation::Script, "the sea", true));
}

#[tokio::test]
async fn speech_is_headerless_samples() {
    let site = Site::start().await;
    let voice = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}});
    let body = says("One two three.", &json!({"responseModalities": ["AUDIO"], "speechConfig": voice}));
    let (_, answer) = ask(&site, SPEECH, &body).await;
    let data = &answer["candidates"][0]["content"]["parts"][0]["inlineData"];
    assert_eq!(data["mimeType"], "audio/L16;codec=pcm;rate=24000");
    let bytes = STANDARD.decode(data["data"].as_str().unwrap()).unwrap();
    assert!(bytes.len() > 24_000 && bytes.len().is_multiple_of(2), "{} bytes", bytes.len());
    let mut wrong = body;
    wrong["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] =
        json!("Nobody");
    assert_eq!(ask(&site, SPEECH, &wrong).await.0, 400);
}

#[tokio::test]
async fn a_picture_has_the_ratio() {
    let site = Site::start().await;
    let image = json!({"aspectRatio": "9:16", "imageSize": "1K"});
    let (_, answer) =
        ask(&site, IMAGE, &says("a fox", &json!({"responseModalities": ["IMAGE"], "imageConfig": image})))
            .await;
    let data = &answer["candidates"][0]["content"]["parts"][0]["inlineData"];
    let bytes = STANDARD.decode(data["data"].as_str().unwrap()).unwrap();
    let info = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    assert_eq!((info.info().width, info.info().height), (768, 1360));
}

#[tokio::test]
async fn a_clip_is_an_operation_and_its_file_needs_the_key() {
    let site = Site::start().await;
    let (_, answer) = ask(&site, CLIP, &clip()).await;
    let name = answer["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("models/veo-3.1-generate-preview/operations/"), "{name}");
    let poll = async || read(site.get(Service::Gemini, &format!("/{name}")).send().await.unwrap()).await.1;
    site.fault(Fault::always(Effect::Pending)).await;
    assert_eq!(poll().await, json!({"name": name}));
    site.fix().await;
    let done = poll().await;
    let uri = done
        .pointer("/response/generateVideoResponse/generatedSamples/0/video/uri")
        .unwrap()
        .as_str()
        .unwrap();
    assert_eq!(site.http.get(uri).send().await.unwrap().status(), 403);
    let film = site.http.get(uri).header("x-goog-api-key", super::KEY).send().await.unwrap();
    assert_eq!(&film.bytes().await.unwrap()[4..8], b"ftyp");
    let made = &site.ledger().await.submissions[0];
    assert_eq!((made.seconds, made.pictures, made.delivered), (Some(6), 1, true));

    for (effect, place, expected) in [
        (Effect::Moderated, "/response/generateVideoResponse/raiMediaFilteredCount", json!(1)),
        (Effect::EmptyUrl, "/response/generateVideoResponse/generatedSamples/0/video/uri", json!("")),
        (Effect::Failed, "/error/code", json!(13)),
        (Effect::Expired, "/error/status", json!("NOT_FOUND")),
    ] {
        site.fault(Fault::always(effect.clone()).on(Operation::Poll)).await;
        let answer = poll().await;
        assert_eq!(answer.pointer(place), Some(&expected), "{effect:?}: {answer}");
    }
}

#[tokio::test]
async fn a_clip_of_another_length_or_resolution_is_refused() {
    let site = Site::start().await;
    for (field, value) in [
        ("durationSeconds", json!(5)),
        ("durationSeconds", json!("8")),
        ("aspectRatio", json!("1:1")),
        ("resolution", json!("1080p")),
    ] {
        let mut body = clip();
        body["parameters"][field] = value.clone();
        assert_eq!(ask(&site, CLIP, &body).await.0, 400, "{field}: {value}");
    }
}

#[tokio::test]
async fn refusals_come_with_200() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Moderated)).await;
    let (status, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!((status, &answer["promptFeedback"]["blockReason"]), (200, &json!("PROHIBITED_CONTENT")));
    assert!(answer["candidates"].is_null());
    assert_eq!(site.ledger().await.accepted("sea"), 0);

    site.fault(Fault::always(Effect::FinishReason { reason: "SAFETY".to_owned() })).await;
    let (_, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!(answer["candidates"][0], json!({"content": {}, "finishReason": "SAFETY", "index": 0}));

    site.fault(Fault::always(Effect::FinishReason { reason: "MAX_TOKENS".to_owned() })).await;
    let (_, answer) = ask(&site, SCRIPT, &script()).await;
    let text = answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");

    site.fault(Fault::always(Effect::NoOutput)).await;
    let body = says("a fox", &json!({"responseModalities": ["IMAGE"]}));
    assert_eq!(ask(&site, IMAGE, &body).await.1["candidates"][0]["finishReason"], "NO_IMAGE");

    site.fault(Fault::always(Effect::Say { text: "no JSON".to_owned() })).await;
    let (_, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "no JSON");
}

#[tokio::test]
async fn quota_is_reported_with_details_or_without() {
    let site = Site::start().await;
    let detail = |answer: &Value, kind: &str| {
        let all = answer["error"]["details"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["@type"].as_str().unwrap().ends_with(kind))
    };
    site.fault(Fault::always(Effect::RateLimited { shape: Shape::RetryInfo, seconds: 26 })).await;
    let (status, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!((status, &answer["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(detail(&answer, "RetryInfo").unwrap()["retryDelay"], "26s");

    site.fault(Fault::always(Effect::RateLimited { shape: Shape::PerDay, seconds: 26 })).await;
    let (_, answer) = ask(&site, SCRIPT, &script()).await;
    let id = detail(&answer, "QuotaFailure").unwrap()["violations"][0]["quotaId"].clone();
    assert_eq!(id, "GenerateRequestsPerDayPerProjectPerModel-FreeTier");

    site.fault(Fault::always(Effect::RateLimited { shape: Shape::Plain, seconds: 26 })).await;
    let answer = site.posted(Service::Gemini, SCRIPT, &script()).await;
    assert_eq!(header(&answer, "retry-after"), "");
    assert!(read(answer).await.1["error"]["details"].is_null());
}

#[tokio::test]
async fn keys_models_and_unknown_fields_are_checked() {
    let site = Site::start().await;
    let url = site.url(Service::Gemini, SCRIPT);
    let (status, answer) = read(site.http.post(url).json(&script()).send().await.unwrap()).await;
    assert_eq!((status, &answer["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    site.fault(Fault::always(Effect::WrongKey).times(1)).await;
    let (status, answer) = ask(&site, SCRIPT, &script()).await;
    assert_eq!((status, &answer["error"]["details"][0]["reason"]), (400, &json!("API_KEY_INVALID")));
    assert_eq!(ask(&site, "/models/imagen-4:generateContent", &script()).await.0, 404);
    let mut body = script();
    body["generationConfig"]["responseSchemas"] = json!({});
    let (status, answer) = ask(&site, SCRIPT, &body).await;
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("Unknown name \"responseSchemas\""));
    let models = read(site.get(Service::Gemini, "/models").send().await.unwrap()).await.1;
    assert_eq!(models["models"][0]["name"], "models/gemini-3.8-flash");
}
