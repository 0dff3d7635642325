//! A server that speaks OpenAI's protocol, and what others of its kind do not know of it.

use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Shape};

use super::{Site, header, read};

const CHAT: &str = "/chat/completions";
const IMAGE: &str = "/images/generations";

fn chat(model: &str, form: &Value) -> Value {
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let reported = format!("Write a script.\n{schema}");
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": reported}]});
    if !form.is_null() {
        body["response_format"] = form.clone();
    }
    body
}

fn image(model: &str) -> Value {
    json!({"model": model, "prompt": "a fox", "size": "320x176", "n": 1})
}

#[tokio::test]
async fn a_script_comes_in_the_forms_that_the_model_knows() {
    let site = Site::start().await;
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {
        "type": "object", "properties": {"answer": {"type": "boolean"}},
    }}});
    let object = json!({"type": "json_object"});
    for (model, form, status, text) in [
        ("writer", &schema, 200, r#"{"answer":true}"#),
        ("writer-no-schema", &schema, 400, ""),
        ("writer-no-schema", &object, 200, "part 1"),
        ("writer-no-format", &object, 400, ""),
        ("writer-no-format", &Value::Null, 200, "part 1"),
        ("writer-prose", &Value::Null, 200, "</think>"),
        ("gone", &Value::Null, 404, ""),
    ] {
        let (came, answer) = read(site.posted(Service::OpenAi, CHAT, &chat(model, form)).await).await;
        let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        assert!(came == status && content.contains(text), "{model}: {came} {answer}");
    }
    assert_eq!(site.ledger().await.submissions.len(), 4);
}

#[tokio::test]
async fn a_picture_comes_by_whatever_way_the_server_has() {
    let site = Site::start().await;
    for (model, url) in [
        ("flux", format!("{}/openai/results/", site.fakes.url())),
        ("flux-relative", "/openai/results/".to_owned()),
        ("flux-internal", "http://localhost:8080/openai/results/".to_owned()),
    ] {
        let (_, answer) = read(site.posted(Service::OpenAi, IMAGE, &image(model)).await).await;
        assert!(answer["data"][0]["url"].as_str().unwrap().starts_with(&url), "{model}: {answer}");
    }
    let (_, answer) = read(site.posted(Service::OpenAi, IMAGE, &image("flux-by-bytes")).await).await;
    assert!(answer["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    let mut breaks = image("flux-breaks");
    breaks["response_format"] = json!("b64_json");
    assert_eq!(read(site.posted(Service::OpenAi, IMAGE, &breaks).await).await.0, 500);
}

#[tokio::test]
async fn speech_has_no_sizes_and_beside_the_protocol_the_words_times() {
    let site = Site::start().await;
    let body = json!({"model": "kokoro", "input": "In 1969 we went.", "voice": "af_heart"});
    let sound = site.posted(Service::OpenAi, "/audio/speech", &body).await.bytes().await.unwrap();
    assert_eq!((&sound[..4], &sound[4..8], &sound[40..44]), (&b"RIFF"[..], &[0xff; 4][..], &[0xff; 4][..]));

    let beside = format!("{}/openai/dev/captioned_speech", site.fakes.url());
    let look = site.http.get(&beside).send().await.unwrap();
    assert_eq!((look.status().as_u16(), header(&look, "allow").as_str()), (405, "POST"));
    for (normalize, second) in [(true, "number"), (false, "1969")] {
        let mut body = body.clone();
        body["normalization_options"] = json!({"normalize": normalize});
        let (_, answer) = read(site.http.post(&beside).json(&body).send().await.unwrap()).await;
        let stamps = answer["timestamps"].as_array().unwrap();
        assert_eq!((stamps.len(), &stamps[1]["word"]), (4, &json!(second)), "{answer}");
    }
    let lite = format!("{}/openai/lite", site.fakes.url());
    for path in ["/v1/models", "/dev/captioned_speech"] {
        assert_eq!(site.http.get(format!("{lite}{path}")).send().await.unwrap().status(), 404);
    }
    let plain = site.http.post(format!("{lite}/v1/audio/speech")).json(&body).send().await.unwrap();
    assert_eq!(plain.status(), 200);
}

#[tokio::test]
async fn no_key_is_an_account_too_and_errors_come_as_successes() {
    let site = Site::start().await;
    let url = site.url(Service::OpenAi, IMAGE);
    assert_eq!(site.http.post(&url).json(&image("flux")).send().await.unwrap().status(), 200);
    assert_eq!(site.admin().ledger("anonymous").await.unwrap().submissions.len(), 1);
    site.fault(Fault::always(Effect::NoOutput)).await;
    let (status, answer) = read(site.posted(Service::OpenAi, IMAGE, &image("flux")).await).await;
    assert_eq!((status, &answer["error"]["message"]), (200, &json!("CUDA out of memory")));
    site.fault(Fault::always(Effect::RateLimited { shape: Shape::Plain, seconds: 55 })).await;
    let answer = site.posted(Service::OpenAi, IMAGE, &image("flux")).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (429, ""));
    site.fault(Fault::always(Effect::Loading { code: 503 })).await;
    let (status, answer) = read(site.posted(Service::OpenAi, IMAGE, &image("flux")).await).await;
    assert_eq!((status, &answer["error"]["message"]), (503, &json!("Loading model")));
    let ledger = site.ledger().await;
    assert_eq!((ledger.submissions.len(), ledger.submissions[0].operation), (1, Operation::Image));
}
