use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use videofactory_providers::{
    Artist, Health, HuggingFace, Model, NarrationRequest, Narrator, PictureRequest, ProviderError, Resume,
    Speech, TimingLevel,
};

use crate::support::{Received, assert_hides, connection, serve};

const KEY: &str = "hf_very_secret_token_0123456789";
const PNG: &[u8] = include_bytes!("pixel.png");

type Seen = Arc<Mutex<Vec<Received>>>;
type Answer = (StatusCode, &'static str, Vec<u8>);

/// A service that gives this answer to what is asked of it, and this file to whoever fetches one.
async fn service(answer: impl Fn(&str) -> Answer, file: Answer) -> (HuggingFace, Seen) {
    let seen = Seen::default();
    let (kept, given) = (seen.clone(), Arc::new(Mutex::new(None)));
    let current = given.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        let is_file = received.line.starts_with("GET /files/");
        kept.lock().push(received);
        let (status, media_type, body) = if is_file { file } else { current.lock().clone().unwrap() };
        (status, [("content-type", media_type)], body).into_response()
    };
    let base = serve(Router::new().fallback(any(handler))).await;
    *given.lock() = Some(answer(&base));
    (HuggingFace::new(&connection(&base, &[("apiKey", KEY)])).unwrap(), seen)
}

fn ok(body: &Value) -> Answer {
    (StatusCode::OK, "application/json", body.to_string().into_bytes())
}

fn no_file() -> Answer {
    (StatusCode::NOT_FOUND, "text/plain", Vec::new())
}

fn drawing(name: &str) -> PictureRequest {
    PictureRequest {
        model: Model { name: name.to_owned(), ..Model::default() },
        prompt: "A whale".to_owned(),
        style: String::new(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: Vec::new(),
    }
}

fn narration(name: &str) -> NarrationRequest {
    NarrationRequest {
        model: Model { name: name.to_owned(), ..Model::default() },
        texts: vec!["One.".to_owned(), "Two.".to_owned()],
        language: "en".to_owned(),
        voice: String::new(),
        speed: 1.0,
    }
}

fn wav() -> Vec<u8> {
    let samples = vec![1, -1, 300];
    Speech { samples, sample_rate: 24_000, words: Vec::new(), level: TimingLevel::Estimated }.to_wav()
}

#[tokio::test]
async fn a_picture_comes_as_bytes() {
    let (service, seen) = service(|_| (StatusCode::OK, "image/png", PNG.to_vec()), no_file()).await;
    let picture = service.draw(&drawing("stabilityai/sdxl")).await.unwrap();
    assert_eq!((picture.bytes.as_slice(), picture.media_type.as_str()), (PNG, "image/png"));
    let seen = seen.lock();
    assert_eq!(seen[0].line, "POST /hf-inference/models/stabilityai/sdxl");
    assert_eq!(seen[0].header("authorization"), format!("Bearer {KEY}"));
}

#[tokio::test]
async fn a_picture_comes_by_a_link_that_is_followed_without_the_key() {
    for name in ["", "replicate/o/m"] {
        let answer = |base: &str| {
            let link = format!("{base}/files/a.png");
            ok(&json!({"images": [{"url": link}], "output": [link]}))
        };
        let (service, seen) = service(answer, (StatusCode::OK, "image/png", PNG.to_vec())).await;
        assert_eq!(service.draw(&drawing(name)).await.unwrap().bytes, PNG);
        let seen = seen.lock();
        assert_eq!((seen[1].line.as_str(), seen[1].header("authorization")), ("GET /files/a.png", ""));
        assert_eq!(seen[0].header("prefer"), if name.is_empty() { "" } else { "wait" });
    }
}

#[tokio::test]
async fn speech_comes_by_a_link_or_as_bytes() {
    let link = |base: &str| ok(&json!({"audio": {"url": format!("{base}/files/a.wav")}}));
    let (fal, _) = service(link, (StatusCode::OK, "audio/wav", wav())).await;
    let (hf, _) = service(|_| (StatusCode::OK, "audio/wav", wav()), no_file()).await;
    for (service, name) in [(fal, ""), (hf, "facebook/mms-tts-eng")] {
        let speeches = service.narrate(&narration(name)).await.unwrap();
        let [speech] = speeches.as_slice() else { panic!("{} speeches", speeches.len()) };
        assert_eq!((speech.samples.as_slice(), speech.sample_rate), (&[1, -1, 300][..], 24_000));
        assert_eq!((speech.level, speech.words.len()), (TimingLevel::Estimated, 0));
    }
    let (flac, _) = service(|_| (StatusCode::OK, "audio/flac", b"fLaC and so on".to_vec()), no_file()).await;
    let error = flac.narrate(&narration("facebook/mms-tts-eng")).await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Configuration { message, .. } if message.contains("WAV")),
        "{error}"
    );
}

#[tokio::test]
async fn a_model_that_loads_is_waited_for_and_credits_need_a_person() {
    let loading = json!({"error": "Model o/m is currently loading", "estimated_time": 20.0});
    let (service_503, _) = service(
        |_| (StatusCode::SERVICE_UNAVAILABLE, "application/json", loading.to_string().into_bytes()),
        no_file(),
    )
    .await;
    let error = service_503.draw(&drawing("o/m")).await.unwrap_err();
    let ProviderError::RateLimited { resume: Resume::After(wait), .. } = error else { panic!("{error}") };
    assert_eq!(wait.as_secs(), 20);
    let spent = format!(r#"{{"error":"You have exceeded your monthly included credits, {KEY}"}}"#);
    let (poor, _) = service(
        |_| (StatusCode::PAYMENT_REQUIRED, "application/json", spent.clone().into_bytes()),
        no_file(),
    )
    .await;
    let error = poor.draw(&drawing("o/m")).await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::CreditsUsedUp { message, .. } if message.contains("add credit")),
        "{error}"
    );
    assert_hides(&error, &[KEY, "very_secret"]);
}

#[tokio::test]
async fn a_look_names_the_tokens_owner() {
    let (service, seen) = service(|_| ok(&json!({"type": "user", "name": "ada"})), no_file()).await;
    assert_eq!(service.check().await.unwrap(), "the token is good; it belongs to ada");
    assert_eq!(seen.lock()[0].line, "GET /api/whoami-v2");
}
