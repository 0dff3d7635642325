use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use videofactory_net::Network;
use videofactory_providers::{
    Artist, Connection, Health, Model, NarrationRequest, Narrator, OpenAiCompatible, PictureRequest,
    ProviderError, ScriptRequest, ScriptWriter, Speech, TimingLevel,
};

use crate::support::{Received, assert_hides, connection, serve};

const KEY: &str = "sk-very-secret-0123456789";
const PNG: &[u8] = include_bytes!("pixel.png");

type Seen = Arc<Mutex<Vec<Received>>>;

/// A server that answers so, below `/v1`; its base URL.
async fn server(answer: fn(&Received) -> Response) -> (String, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        kept.lock().push(received.clone());
        answer(&received)
    };
    (format!("{}/v1", serve(Router::new().fallback(any(handler))).await), seen)
}

fn with_key(base: &str) -> OpenAiCompatible {
    OpenAiCompatible::new(&connection(base, &[("apiKey", KEY)])).unwrap()
}

fn keyless(base: &str) -> OpenAiCompatible {
    let network = Network::default().with_loopback(true);
    let endpoint = base.to_owned();
    OpenAiCompatible::new(&Connection { endpoint, keyless: true, network, ..Connection::default() }).unwrap()
}

fn reported(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

fn model(name: &str) -> Model {
    Model { name: name.to_owned(), ..Model::default() }
}

fn writing(name: &str) -> ScriptRequest {
    ScriptRequest {
        model: model(name),
        topic: "Tides".to_owned(),
        language: "en".to_owned(),
        target: Duration::from_secs(30),
        max: Duration::from_mins(1),
        scene_count: 1,
        style: String::new(),
        characters: Vec::new(),
        revision: None,
    }
}

fn drawing() -> PictureRequest {
    PictureRequest {
        model: model("flux"),
        prompt: "A whale".to_owned(),
        style: String::new(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: Vec::new(),
    }
}

fn narration() -> NarrationRequest {
    NarrationRequest {
        model: model("kokoro"),
        texts: vec!["One.".to_owned(), "Two.".to_owned()],
        language: "en".to_owned(),
        voice: "af_heart".to_owned(),
        speed: 1.0,
    }
}

fn lines(seen: &Seen) -> Vec<String> {
    seen.lock().iter().map(|received| received.line.clone()).collect()
}

fn script() -> String {
    let scene = json!({"narration": "The sea rises.", "imagePrompt": "a sea", "motionPrompt": "waves"});
    json!({"title": "T", "description": "d", "tags": [], "scenes": [scene]}).to_string()
}

#[tokio::test]
async fn a_server_that_knows_no_schema_is_asked_again_in_a_form_that_it_knows() {
    let (base, seen) = server(|received| {
        let form = received.json()["response_format"]["type"].as_str().map(str::to_owned);
        match form {
            Some(form) => {
                let complaint = json!({"error": {"message": format!("response_format {form} is unknown")}});
                reported(StatusCode::BAD_REQUEST, &complaint)
            }
            None => reported(StatusCode::OK, &json!({"choices": [{"message": {"content": script()}}]})),
        }
    })
    .await;
    let script = keyless(&base).write(&writing("qwen3:8b")).await.unwrap();
    assert_eq!(script.scenes[0].narration, "The sea rises.");
    assert_eq!(lines(&seen), ["POST /v1/chat/completions"; 3]);
    assert!(seen.lock().iter().all(|received| received.header("authorization").is_empty()));
}

#[tokio::test]
async fn a_model_that_is_not_there_is_answered_with_those_that_are() {
    let (base, seen) = server(|received| {
        if received.line == "GET /v1/models" {
            return reported(StatusCode::OK, &json!({"data": [{"id": "qwen3:8b"}, {"id": "flux"}]}));
        }
        reported(StatusCode::NOT_FOUND, &json!({"error": "model 'gone' not found"}))
    })
    .await;
    for name in ["gone", ""] {
        let error = keyless(&base).write(&writing(name)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
        assert!(error.to_string().contains("qwen3:8b, flux"), "{error}");
    }
    assert_eq!(lines(&seen).iter().filter(|line| line.starts_with("POST")).count(), 1);
    assert_eq!(keyless(&base).check().await.unwrap(), "it answers; 2 models are offered");
}

#[tokio::test]
async fn a_picture_is_fetched_with_the_key_where_the_server_is_whatever_host_it_names() {
    for link in ["/generated/a.png", "http://localhost:1/generated/a.png"] {
        let (base, seen) = server(|received| match received.line.as_str() {
            "GET /generated/a.png" => (StatusCode::OK, [("content-type", "image/png")], PNG).into_response(),
            line if line.starts_with("GET") => StatusCode::NOT_FOUND.into_response(),
            _ => {
                let link = received.json()["prompt"].as_str().unwrap().replace("A whale. ", "");
                reported(StatusCode::OK, &json!({"data": [{"url": link}]}))
            }
        })
        .await;
        let request = PictureRequest { style: link.to_owned(), ..drawing() };
        assert_eq!(with_key(&base).draw(&request).await.unwrap().bytes, PNG);
        assert_eq!(lines(&seen), ["POST /v1/images/generations", "GET /generated/a.png"]);
        let bearer = format!("Bearer {KEY}");
        assert!(seen.lock().iter().all(|received| received.header("authorization") == bearer));
        let body = seen.lock()[0].json();
        assert!(body.get("response_format").is_none(), "{body}");
    }
}

fn wav() -> Vec<u8> {
    let samples = vec![9; 24_000];
    Speech { samples, sample_rate: 24_000, words: Vec::new(), level: TimingLevel::Estimated }.to_wav()
}

#[tokio::test]
async fn words_times_are_asked_for_where_they_can_be_had() {
    use base64::Engine;
    let (base, seen) = server(|received| match received.line.as_str() {
        "GET /dev/captioned_speech" => (StatusCode::METHOD_NOT_ALLOWED, [("allow", "POST")]).into_response(),
        "POST /dev/captioned_speech" => {
            let audio = base64::engine::general_purpose::STANDARD.encode(wav());
            let stamp = |word: &str, at: f64| json!({"word": word, "start_time": at, "end_time": at + 0.3});
            let stamps = [stamp("One", 0.1), stamp(".", 0.4), stamp("Two", 0.5)];
            reported(StatusCode::OK, &json!({"audio": audio, "timestamps": stamps}))
        }
        line => panic!("{line} was asked for"),
    })
    .await;
    let speeches = keyless(&base).narrate(&narration()).await.unwrap();
    assert_eq!((speeches.len(), speeches[0].level, speeches[0].words.len()), (1, TimingLevel::Exact, 2));
    let body = seen.lock()[1].json();
    assert_eq!((&body["input"], &body["voice"]), (&json!("One.\n\nTwo."), &json!("af_heart")));
    assert_eq!(body["normalization_options"], json!({"normalize": false}));
}

#[tokio::test]
async fn any_other_server_speaks_without_times_and_is_asked_once() {
    let (base, seen) = server(|received| match received.line.as_str() {
        "POST /v1/audio/speech" => (StatusCode::OK, [("content-type", "audio/wav")], wav()).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let speeches = with_key(&base).narrate(&narration()).await.unwrap();
    assert_eq!((speeches[0].samples.len(), speeches[0].level), (24_000, TimingLevel::Estimated));
    assert_eq!(lines(&seen), ["GET /dev/captioned_speech", "POST /v1/audio/speech"]);
}

#[tokio::test]
async fn the_words_of_a_host_that_nobody_vouches_for_are_not_shown() {
    let (base, _) = server(|_| {
        let complaint = json!({"error": {"message": format!("internal detail of {KEY}")}});
        reported(StatusCode::BAD_REQUEST, &complaint)
    })
    .await;
    let allowed = with_key(&base).draw(&drawing()).await.unwrap_err();
    assert!(allowed.to_string().contains("internal detail"), "{allowed}");
    assert_hides(&allowed, &[KEY]);
    let network = Network::default().with_loopback(true);
    let endpoint = base.clone();
    let missing = OpenAiCompatible::new(&Connection { endpoint, network, ..Connection::default() });
    assert!(missing.unwrap_err().to_string().contains("allowed-hosts"));
}
