use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use videofactory_providers::{
    Animator, Artist, ClipRequest, ClipState, Gemini, Health, Lengths, Model, NarrationRequest, Narrator,
    Picture, PictureRequest, ProviderError, Resume, ScriptRequest, ScriptWriter, Ticket,
};

use crate::support::{Received, assert_hides, connection, nobody, now, serve};

const KEY: &str = "AIzaSyA-very-secret-key-0123456789";
const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42 and so on";
const NAME: &str = "models/veo-3.1-generate-preview/operations/op1";

type Seen = Arc<Mutex<Vec<Received>>>;
type Answer = (StatusCode, String);

/// A service that gives these answers one after the other, and the last one again and again.
async fn service(answers: Vec<Answer>) -> (Gemini, Seen) {
    let (seen, left) = (Seen::default(), Arc::new(Mutex::new(answers)));
    let kept = seen.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        kept.lock().push(received);
        let mut left = left.lock();
        let (status, body) = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
        (status, [("content-type", "application/json")], body).into_response()
    };
    let base = serve(Router::new().fallback(any(handler))).await;
    (gemini(&base), seen)
}

fn gemini(base: &str) -> Gemini {
    Gemini::new(&connection(base, &[("apiKey", KEY)]), now).unwrap()
}

fn ok(body: &Value) -> Answer {
    (StatusCode::OK, body.to_string())
}

fn answer_of(parts: &Value) -> Answer {
    ok(&json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}))
}

fn script_request() -> ScriptRequest {
    ScriptRequest {
        model: Model::default(),
        topic: "the sea".to_owned(),
        language: "en".to_owned(),
        target: Duration::from_secs(20),
        max: Duration::from_mins(1),
        scene_count: 1,
        style: String::new(),
        characters: Vec::new(),
        revision: None,
    }
}

fn clip_request() -> ClipRequest {
    let picture = Picture {
        bytes: vec![1],
        media_type: "image/png".to_owned(),
        width: 1,
        height: 1,
        cost_micros: None,
    };
    ClipRequest {
        model: Model::default(),
        prompt: "waves".to_owned(),
        picture,
        seconds: 8,
        width: 720,
        height: 1280,
    }
}

#[tokio::test]
async fn a_script_is_written() {
    let script = json!({"title": "The sea", "description": "d", "tags": ["sea"],
        "scenes": [{"narration": "It is deep.", "imagePrompt": "a sea", "motionPrompt": "waves"}]});
    let (gemini, seen) = service(vec![answer_of(&json!([{"text": script.to_string()}]))]).await;
    let script = gemini.write(&script_request()).await.unwrap();
    assert_eq!(script.scenes[0].narration, "It is deep.");
    let seen = seen.lock();
    assert_eq!(seen[0].line, "POST /models/gemini-3.8-flash:generateContent");
    assert_eq!(seen[0].header("x-goog-api-key"), KEY);
    assert_eq!(seen[0].json()["generationConfig"]["responseMimeType"], "application/json");
}

#[tokio::test]
async fn a_picture_is_drawn_by_the_model_and_with_the_parameters_that_are_named() {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAAAAACcgYFdAAAAC0lEQVR4nGNggAIAAAkAAftSuKkAAAAASUVORK5CYII=";
    let (gemini, seen) =
        service(vec![answer_of(&json!([{"inlineData": {"mimeType": "image/png", "data": png}}]))]).await;
    let parameters = [("imageConfig".to_owned(), json!({"imageSize": "1K"}))].into();
    let request = PictureRequest {
        model: Model { name: "gemini-3-pro-image".to_owned(), parameters },
        prompt: "a sea".to_owned(),
        style: String::new(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: Vec::new(),
    };
    let picture = gemini.draw(&request).await.unwrap();
    assert_eq!((picture.media_type.as_str(), picture.width, picture.height), ("image/png", 2, 3));
    let seen = seen.lock();
    assert_eq!(seen[0].line, "POST /models/gemini-3-pro-image:generateContent");
    assert_eq!(
        seen[0].json()["generationConfig"]["imageConfig"],
        json!({"aspectRatio": "9:16", "imageSize": "1K"})
    );
}

#[tokio::test]
async fn several_texts_are_spoken_in_one_request() {
    let sound = json!([{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQACAA=="}}]);
    let (gemini, seen) = service(vec![answer_of(&sound)]).await;
    let request = NarrationRequest {
        model: Model::default(),
        texts: vec!["One.".to_owned(), "Two.".to_owned()],
        language: "en".to_owned(),
        voice: "Puck".to_owned(),
        speed: 1.0,
    };
    let speeches = gemini.narrate(&request).await.unwrap();
    assert_eq!(speeches.len(), 1);
    assert_eq!((speeches[0].samples.as_slice(), speeches[0].sample_rate), (&[1, 2][..], 24_000));
    let seen = seen.lock();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].json()["contents"][0]["parts"][0]["text"], "One.\n\nTwo.");
}

#[tokio::test]
async fn a_clip_is_submitted_polled_and_fetched_with_the_key_from_the_services_own_origin_only() {
    let (other_seen, own_seen) = (Seen::default(), Seen::default());
    let file = |seen: &Seen| {
        let seen = seen.clone();
        any(move |request: Request| async move {
            let received = Received::read(request).await;
            seen.lock().push(received);
            ([("content-type", "video/mp4")], MP4)
        })
    };
    let other = serve(Router::new().route("/film", file(&other_seen))).await;
    let uri = Arc::new(Mutex::new(format!("{other}/film")));
    let served_uri = uri.clone();
    let operation = move || async move {
        let uri = served_uri.lock().clone();
        let samples = json!([{"video": {"uri": uri}}]);
        axum::Json(
            json!({"name": NAME, "done": true, "response": {"generateVideoResponse": {"generatedSamples": samples}}}),
        )
    };
    let router = Router::new()
        .route("/models/{model}", any(|| async { axum::Json(json!({"name": NAME})) }))
        .route(&format!("/{NAME}"), any(operation))
        .route("/film", file(&own_seen));
    let base = serve(router).await;
    let gemini = gemini(&base);
    let id = gemini.submit(&clip_request(), &Ticket::new("a slot")).await.unwrap();
    assert_eq!(id, NAME);
    assert!(matches!(gemini.poll(&id).await.unwrap(), ClipState::Done(clip) if clip.bytes == MP4));
    assert_eq!(other_seen.lock()[0].header("x-goog-api-key"), "");
    *uri.lock() = format!("{base}/film");
    assert!(matches!(gemini.poll(&id).await.unwrap(), ClipState::Done(clip) if clip.bytes == MP4));
    assert_eq!(own_seen.lock()[0].header("x-goog-api-key"), KEY);
    assert_eq!(gemini.lengths(&Model::default()), Lengths::Only(&[4, 6, 8]));
}

#[tokio::test]
async fn a_clip_goes_through_pending_to_refused() {
    let filtered = json!({"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["a real person"]});
    let (gemini, seen) = service(vec![
        ok(&json!({"name": NAME})),
        ok(&json!({"name": NAME, "done": true, "response": {"generateVideoResponse": filtered}})),
    ])
    .await;
    assert_eq!(gemini.poll(NAME).await.unwrap(), ClipState::Pending { percent: None });
    assert!(
        matches!(gemini.poll(NAME).await, Err(ProviderError::Refused { why, .. }) if why == "a real person")
    );
    assert_eq!(seen.lock()[0].line, format!("GET /{NAME}"));
}

#[tokio::test]
async fn an_operation_that_google_does_not_know_is_not_found_and_anothers_page_says_nothing_of_it() {
    let gone = json!({"error": {"code": 404, "message": "Operation not found", "status": "NOT_FOUND"}});
    let page = (StatusCode::NOT_FOUND, "<html><title>nginx</title>".to_owned());
    let (gemini, seen) = service(vec![page, (StatusCode::NOT_FOUND, gone.to_string())]).await;
    assert!(matches!(gemini.poll(NAME).await, Err(ProviderError::Unavailable { .. })));
    assert!(matches!(gemini.poll(NAME).await, Err(ProviderError::NotFound { .. })));
    // An odd id is not asked for.
    assert!(matches!(gemini.poll("../files/operations/x?y").await, Err(ProviderError::Unexpected { .. })));
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test]
async fn a_submission_whose_answer_says_nothing_has_an_unknown_outcome() {
    let broken = |status: StatusCode, body: &str| (status, body.to_owned());
    let answers = vec![
        broken(StatusCode::INTERNAL_SERVER_ERROR, ""),
        broken(StatusCode::OK, "{\"name\": \"models/veo"),
        broken(StatusCode::OK, "{}"),
    ];
    for answer in answers {
        let (gemini, _) = service(vec![answer]).await;
        let error = gemini.submit(&clip_request(), &Ticket::new("a slot")).await.unwrap_err();
        assert!(matches!(error, ProviderError::OutcomeUnknown { .. }), "{error}");
    }
    let error = gemini(&nobody().await).submit(&clip_request(), &Ticket::new("a slot")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_days_quota_names_the_time_at_which_it_comes_back() {
    let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota",
        "details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26s"}]}});
    let (gemini, _) = service(vec![(StatusCode::TOO_MANY_REQUESTS, body.to_string())]).await;
    let midnight = Resume::At("2026-10-06T07:00:00Z".parse().unwrap());
    let error = gemini.write(&script_request()).await.unwrap_err();
    assert!(matches!(error, ProviderError::RateLimited { resume, .. } if resume == midnight), "{error}");
}

#[tokio::test]
async fn no_error_shows_the_key_even_if_the_service_does() {
    let gossip = |status: StatusCode| -> Answer {
        (
            status,
            json!({"error": {"message": format!("the key {KEY} of https://a.example/?key={KEY} is odd")}})
                .to_string(),
        )
    };
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let (gemini, _) = service(vec![gossip(StatusCode::from_u16(status).unwrap())]).await;
        assert_hides(&gemini.write(&script_request()).await.unwrap_err(), &[KEY]);
        assert_hides(&gemini.check().await.unwrap_err(), &[KEY]);
        assert!(!format!("{gemini:?}").contains(KEY));
    }
}

#[tokio::test]
async fn health_asks_for_what_costs_nothing() {
    let (gemini, seen) = service(vec![ok(&json!({"models": []}))]).await;
    assert_eq!(gemini.check().await.unwrap(), "the key is good");
    assert_eq!(seen.lock()[0].line, "GET /models?pageSize=1");
}

#[tokio::test]
async fn an_account_without_a_key_is_reported() {
    let error = Gemini::new(&connection("", &[]), now).unwrap_err();
    assert!(
        matches!(&error, ProviderError::Credentials { message, .. } if message.contains("apiKey")),
        "{error}"
    );
}
