use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use videofactory_providers::{
    Animator, Artist, ClipRequest, ClipState, Health, Lengths, Model, Picture, PictureRequest, ProviderError,
    Resume, Ticket, Xai,
};

use crate::support::{Received, assert_hides, connection, nobody, serve};

const KEY: &str = "xai-very-secret-key-0123456789";
const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42 and so on";
const PNG: &[u8] = include_bytes!("pixel.png");

/// A service that answers each path as the test says.
#[derive(Clone, Default)]
struct Service {
    answers: Arc<Mutex<BTreeMap<&'static str, Vec<Given>>>>,
    seen: Arc<Mutex<Vec<Received>>>,
}

/// An answer: status, content type and body, or where to go instead.
#[derive(Clone)]
enum Given {
    Body(StatusCode, &'static str, Bytes),
    Away(String),
}

fn json_answer(status: u16, body: &Value) -> Given {
    Given::Body(StatusCode::from_u16(status).unwrap(), "application/json", body.to_string().into())
}

fn file(media_type: &'static str, bytes: &'static [u8]) -> Given {
    Given::Body(StatusCode::OK, media_type, Bytes::from_static(bytes))
}

impl Service {
    async fn start() -> (Self, String) {
        let service = Self::default();
        let base = serve(Router::new().fallback(any(answer)).with_state(service.clone())).await;
        (service, base)
    }

    /// What is answered to this method and path, the last one again and again.
    fn gives(&self, line: &'static str, answers: Vec<Given>) {
        self.answers.lock().insert(line, answers);
    }

    fn lines(&self) -> Vec<String> {
        self.seen.lock().iter().map(|received| received.line.clone()).collect()
    }
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    let received = Received::read(request).await;
    let mut answers = service.answers.lock();
    let given = match answers.get_mut(received.line.as_str()) {
        Some(left) if left.len() > 1 => left.remove(0),
        Some(left) => left[0].clone(),
        None => json_answer(404, &json!({"error": "no such path"})),
    };
    service.seen.lock().push(received);
    match given {
        Given::Body(status, media_type, body) => {
            (status, [("content-type", media_type)], body).into_response()
        }
        Given::Away(url) => Redirect::temporary(&url).into_response(),
    }
}

fn xai(base: &str) -> Xai {
    Xai::new(&connection(&format!("{base}/v1"), &[("apiKey", KEY)])).unwrap()
}

fn clip_request() -> ClipRequest {
    let picture = Picture {
        bytes: vec![1, 2, 3],
        media_type: "image/png".to_owned(),
        width: 1,
        height: 1,
        cost_micros: None,
    };
    ClipRequest {
        model: Model::default(),
        prompt: "the whale dives".to_owned(),
        picture,
        seconds: 8,
        width: 720,
        height: 1280,
    }
}

fn picture_request() -> PictureRequest {
    PictureRequest {
        model: Model::default(),
        prompt: "A whale".to_owned(),
        style: String::new(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: Vec::new(),
    }
}

fn done(url: &str) -> Given {
    let video = json!({"url": url, "duration": 8, "respect_moderation": true});
    json_answer(
        200,
        &json!({"status": "done", "video": video, "usage": {"cost_in_usd_ticks": 5_600_000_000u64}}),
    )
}

#[tokio::test]
async fn a_clip_is_submitted_polled_and_fetched_without_the_key() {
    let (service, base) = Service::start().await;
    let (other, other_base) = Service::start().await;
    other.gives("GET /a.mp4", vec![file("video/mp4", MP4)]);
    service.gives("POST /v1/videos/generations", vec![json_answer(200, &json!({"request_id": "id/1"}))]);
    let pending = json_answer(200, &json!({"status": "pending", "progress": 40}));
    let empty = Given::Body(StatusCode::ACCEPTED, "text/plain", Bytes::new());
    service.gives("GET /v1/videos/id%2F1", vec![empty, pending, done(&format!("{base}/go"))]);
    service.gives("GET /go", vec![Given::Away(format!("{other_base}/a.mp4"))]);
    let xai = xai(&base);
    assert_eq!(xai.lengths(&Model::default()), Lengths::Range(1, 15));
    let id = xai.submit(&clip_request(), &Ticket::new("a slot")).await.unwrap();
    assert_eq!(xai.poll(&id).await.unwrap(), ClipState::Pending { percent: None });
    assert_eq!(xai.poll(&id).await.unwrap(), ClipState::Pending { percent: Some(40) });
    let ClipState::Done(clip) = xai.poll(&id).await.unwrap() else { panic!("it is not done") };
    assert_eq!((clip.bytes.as_slice(), clip.cost_micros), (MP4, Some(560_000)));
    let seen = service.seen.lock();
    assert_eq!(seen[0].header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(seen[0].json()["image"]["url"], "data:image/png;base64,AQID");
    let fetched = other.seen.lock();
    assert_eq!((fetched.len(), fetched[0].header("authorization")), (1, ""));
    assert!(!String::from_utf8_lossy(&fetched[0].body).contains(KEY));
}

#[tokio::test]
async fn a_link_that_does_not_work_yet_ends_nothing() {
    let (service, base) = Service::start().await;
    service.gives("GET /v1/videos/id", vec![done(&format!("{base}/a.mp4"))]);
    let page =
        Given::Body(StatusCode::OK, "text/html", Bytes::from_static(b"<html><title>Maintenance</title>"));
    let gone = json_answer(403, &json!({"error": "expired"}));
    service.gives("GET /a.mp4", vec![page, gone, file("application/octet-stream", MP4)]);
    let xai = xai(&base);
    for _ in 0..2 {
        let error = xai.poll("id").await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    }
    assert!(matches!(xai.poll("id").await.unwrap(), ClipState::Done(_)));
}

#[tokio::test]
async fn a_young_clip_may_be_unknown_for_a_while() {
    let (service, base) = Service::start().await;
    service.gives("GET /v1/videos/id", vec![json_answer(400, &json!({"error": "Invalid request id"}))]);
    let error = xai(&base).poll("id").await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    let moderated = json!({"code": "imagine:content-moderated", "error": "rejected by content moderation"});
    service.gives("GET /v1/videos/bad", vec![json_answer(400, &moderated)]);
    let error = xai(&base).poll("bad").await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_answer_to_a_submission_is_an_unknown_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for cut in ["", "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"request_id\":"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(cut.as_bytes()).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
    });
    let xai = xai(&base);
    for _ in 0..2 {
        let error = xai.submit(&clip_request(), &Ticket::new("a slot")).await.unwrap_err();
        assert!(matches!(error, ProviderError::OutcomeUnknown { .. }), "{error}");
        assert_hides(&error, &[KEY]);
    }
}

#[tokio::test]
async fn errors_are_distinguished_and_hide_the_key() {
    let (service, base) = Service::start().await;
    let echoed = json!({"code": "c", "error": format!("Incorrect API key provided: {KEY}")});
    let page = format!("<!doctype html><title>Down, Bearer {KEY}</title>");
    service.gives(
        "POST /v1/videos/generations",
        vec![
            json_answer(400, &echoed),
            json_answer(429, &json!({"error": "Requests per Second (actual/limit): 2/2"})),
            json_answer(429, &json!({"error": "Your team has used all available credits"})),
            json_answer(503, &json!({"error": "busy"})),
            Given::Body(StatusCode::BAD_GATEWAY, "text/html", page.into()),
        ],
    );
    let xai = xai(&base);
    let mut kinds = Vec::new();
    for _ in 0..5 {
        let error = xai.submit(&clip_request(), &Ticket::new("a slot")).await.unwrap_err();
        assert_hides(&error, &[KEY, "very-secret"]);
        kinds.push(match error {
            ProviderError::Credentials { .. } => "credentials",
            ProviderError::CreditsUsedUp { .. } => "credits",
            ProviderError::RateLimited { resume: Resume::After(wait), .. }
                if wait == Duration::from_secs(1) =>
            {
                "limited"
            }
            ProviderError::Unavailable { .. } => "unavailable",
            ProviderError::OutcomeUnknown { .. } => "unknown",
            error => panic!("{error}"),
        });
    }
    assert_eq!(kinds, ["credentials", "limited", "credits", "unavailable", "unknown"]);
    let error = self::xai(&nobody().await).submit(&clip_request(), &Ticket::new("a slot")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_picture_that_is_paid_for_is_fetched_again_if_need_be() {
    let (service, base) = Service::start().await;
    let drawn =
        json!({"data": [{"url": format!("{base}/a.png")}], "usage": {"cost_in_usd_ticks": 200_000_000}});
    service.gives("POST /v1/images/generations", vec![json_answer(200, &drawn)]);
    service.gives("GET /a.png", vec![json_answer(404, &json!({})), file("image/png", PNG)]);
    let picture = xai(&base).draw(&picture_request()).await.unwrap();
    assert_eq!((picture.media_type.as_str(), picture.cost_micros), ("image/png", Some(20_000)));
    assert_eq!(service.lines(), ["POST /v1/images/generations", "GET /a.png", "GET /a.png"]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_used_was_taken_all_the_same() {
    let (service, base) = Service::start().await;
    let drawn = json!({"data": [{"b64_json": "AQID"}]});
    service.gives("POST /v1/images/generations", vec![json_answer(200, &drawn)]);
    let error = xai(&base).draw(&picture_request()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn a_picture_whose_download_is_blocked_was_taken_all_the_same() {
    let (service, base) = Service::start().await;
    let refused = "http://169.254.169.254/a.png".to_owned();
    for link in [refused, format!("{}/a.png", nobody().await)] {
        let drawn = json!({"data": [{"url": link}]});
        service.gives("POST /v1/images/generations", vec![json_answer(200, &drawn)]);
        let error = xai(&base).draw(&picture_request()).await.unwrap_err();
        assert!(
            matches!(&error, ProviderError::Unexpected { message, .. } if message.contains("took the request")),
            "{link}: {error}"
        );
    }
    assert_eq!(service.lines(), ["POST /v1/images/generations"; 2]);
}

#[tokio::test]
async fn a_look_costs_nothing() {
    let (service, base) = Service::start().await;
    service.gives("GET /v1/models", vec![json_answer(200, &json!({"data": [{"id": "a"}]}))]);
    assert_eq!(xai(&base).check().await.unwrap(), "the key is good; 1 models are offered");
    let error = Xai::new(&connection(&base, &[])).unwrap_err();
    assert!(
        matches!(&error, ProviderError::Credentials { message, .. } if message.contains("apiKey")),
        "{error}"
    );
}
