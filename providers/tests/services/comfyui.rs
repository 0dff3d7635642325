use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use videofactory_net::Network;
use videofactory_providers::{
    Animator, ClipRequest, ClipState, ComfyUi, Connection, Drawn, Health, Illustrator, Lengths, Model,
    Picture, PictureRequest, ProviderError, Ticket,
};

use crate::support::{Received, serve};

const PNG: &[u8] = include_bytes!("pixel.png");
const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42and so on";

type Seen = Arc<Mutex<Vec<Received>>>;

async fn comfy(answer: fn(&Received) -> Response) -> (ComfyUi, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        kept.lock().push(received.clone());
        answer(&received)
    };
    let endpoint = serve(Router::new().fallback(any(handler))).await;
    let nodes = json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 0}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
        "8": {"class_type": "LoadImage", "inputs": {"image": ""}},
        "9": {"class_type": "SaveImage", "inputs": {"length": 1}},
    });
    let bindings = json!({"prompt": "6.text", "seed": "3.seed", "image": "8.image", "frames": "9.length"});
    let workflows = BTreeMap::from([
        ("ink.json".to_owned(), nodes.to_string()),
        ("ink.bindings.json".to_owned(), bindings.to_string()),
    ]);
    let network = Network::default().with_loopback(true);
    let connection = Connection { endpoint, keyless: true, network, workflows, ..Connection::default() };
    (ComfyUi::new(&connection).unwrap(), seen)
}

fn reported(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

fn drawing() -> PictureRequest {
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

fn clip() -> ClipRequest {
    let media_type = "image/png".to_owned();
    ClipRequest {
        model: Model { name: "ink".to_owned(), ..Model::default() },
        prompt: "it jumps".to_owned(),
        picture: Picture { bytes: PNG.to_vec(), media_type, width: 1, height: 1, cost_micros: None },
        seconds: 3,
        width: 720,
        height: 1280,
    }
}

fn lines(seen: &Seen) -> Vec<String> {
    seen.lock().iter().map(|received| received.line.clone()).collect()
}

#[tokio::test]
async fn a_picture_is_queued_under_our_id_and_fetched_from_an_old_server_too() {
    let (comfy, seen) = comfy(|received| match received.line.as_str() {
        "POST /prompt" => {
            reported(StatusCode::OK, &json!({"prompt_id": received.json()["prompt_id"], "number": 1}))
        }
        "GET /queue" => reported(StatusCode::OK, &json!({"queue_running": [], "queue_pending": []})),
        line if line.starts_with("GET /history/") => {
            let id = line.rsplit('/').next().unwrap();
            let file = json!({"filename": "a.png", "subfolder": "", "type": "output"});
            reported(StatusCode::OK, &json!({id: {"outputs": {"9": {"images": [file]}}}}))
        }
        line if line.starts_with("GET /view?") => {
            (StatusCode::OK, [("content-type", "image/png")], PNG).into_response()
        }
        _ => (StatusCode::NOT_FOUND, "404: Not Found").into_response(),
    })
    .await;
    let ticket = Ticket::new("a slot");
    let id = Illustrator::id_of(&comfy, &ticket).unwrap();
    assert_eq!(Illustrator::submit(&comfy, &drawing(), &ticket).await.unwrap(), Drawn::Queued(id.clone()));
    let body = seen.lock()[0].json();
    assert_eq!((&body["prompt_id"], &body["prompt"]["6"]["inputs"]["text"]), (&json!(id), &json!("A whale")));
    assert_eq!(Illustrator::poll(&comfy, &id).await.unwrap().unwrap().bytes, PNG);
    let asked = lines(&seen);
    assert_eq!(
        &asked[1..4],
        [format!("GET /api/jobs/{id}"), "GET /queue".to_owned(), format!("GET /history/{id}")]
    );
    assert!(comfy.check().await.is_err());
}

#[tokio::test]
async fn a_clip_begins_with_its_picture_and_is_looked_after() {
    let (comfy, seen) = comfy(|received| match received.line.as_str() {
        "POST /upload/image" => {
            reported(StatusCode::OK, &json!({"name": "up.png", "subfolder": "", "type": "input"}))
        }
        "POST /prompt" => reported(StatusCode::OK, &json!({"prompt_id": received.json()["prompt_id"]})),
        line if line.starts_with("GET /api/jobs/") => {
            let is_first = line.ends_with(&Ticket::new("first").uuid());
            let status = if is_first { "in_progress" } else { "completed" };
            reported(StatusCode::OK, &json!({"status": status}))
        }
        line if line.starts_with("GET /history/") => {
            let id = line.rsplit('/').next().unwrap();
            let file = json!({"filename": "a.mp4", "subfolder": "", "type": "output"});
            reported(StatusCode::OK, &json!({id: {"outputs": {"9": {"images": [file]}}}}))
        }
        line if line.starts_with("GET /view?") => {
            (StatusCode::OK, [("content-type", "video/mp4")], MP4).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    assert_eq!(comfy.lengths(&clip().model), Lengths::Range(1, 5));
    let first = Animator::submit(&comfy, &clip(), &Ticket::new("first")).await.unwrap();
    assert_eq!(Animator::poll(&comfy, &first).await.unwrap(), ClipState::Pending { percent: None });
    let second = Animator::submit(&comfy, &clip(), &Ticket::new("second")).await.unwrap();
    let ClipState::Done(made) = Animator::poll(&comfy, &second).await.unwrap() else { panic!("not done") };
    assert_eq!(made.bytes, MP4);
    let seen = seen.lock();
    assert!(seen[0].header("content-type").starts_with("multipart/form-data; boundary="));
    let inputs = &seen[1].json()["prompt"];
    assert_eq!(
        (&inputs["8"]["inputs"]["image"], &inputs["9"]["inputs"]["length"]),
        (&json!("up.png"), &json!(49))
    );
}

#[tokio::test]
async fn a_restarted_server_has_not_lost_a_request_but_does_not_find_it() {
    let (comfy, _) = comfy(|received| match received.line.as_str() {
        line if line.starts_with("GET /api/jobs/") => {
            reported(StatusCode::NOT_FOUND, &json!({"error": "Job not found"}))
        }
        _ => reported(StatusCode::OK, &json!({})),
    })
    .await;
    let error = Animator::poll(&comfy, &Ticket::new("gone").uuid()).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotFound { .. }), "{error}");
}

/// A server that makes the request `running`, has `waiting` in its queue and `done` in its history, and knows of single
/// requests by their ids, or not.
fn busy(received: &Received, is_new: bool) -> Response {
    let gone = || (StatusCode::NOT_FOUND, "404: Not Found").into_response();
    match received.line.as_str() {
        "POST /queue" | "POST /interrupt" => StatusCode::OK.into_response(),
        "GET /queue" => {
            reported(StatusCode::OK, &json!({"queue_running": [[1, "running"]], "queue_pending": []}))
        }
        line if line.starts_with("GET /api/jobs/") && is_new => match line.rsplit('/').next() {
            Some("running") => reported(StatusCode::OK, &json!({"status": "in_progress"})),
            Some("done") => reported(StatusCode::OK, &json!({"status": "completed"})),
            _ => reported(StatusCode::NOT_FOUND, &json!({"error": "Job not found"})),
        },
        "GET /history/done" => reported(StatusCode::OK, &json!({"done": {"outputs": {}}})),
        line if line.starts_with("GET /history/") => reported(StatusCode::OK, &json!({})),
        _ => gone(),
    }
}

#[tokio::test]
async fn a_request_is_taken_back_by_its_id_and_nobody_elses_is_interrupted() {
    for is_new in [true, false] {
        let answer: fn(&Received) -> Response =
            if is_new { |received| busy(received, true) } else { |received| busy(received, false) };
        let (comfy, seen) = comfy(answer).await;
        for (id, certain) in [("waiting", true), ("done", false), ("running", is_new)] {
            assert_eq!(Animator::cancel(&comfy, id).await.unwrap(), certain, "{id}");
            assert_eq!(Illustrator::cancel(&comfy, id).await.unwrap(), certain, "{id}");
        }
        let seen = seen.lock();
        let sent = |line: &str| -> Vec<Value> {
            seen.iter().filter(|received| received.line == line).map(Received::json).collect()
        };
        let deleted = ["waiting", "waiting", "done", "done", "running", "running"];
        assert_eq!(sent("POST /queue"), deleted.map(|id| json!({"delete": [id]})));
        let interrupted = json!({"prompt_id": "running"});
        let expected = if is_new { vec![interrupted.clone(), interrupted] } else { Vec::new() };
        assert_eq!(sent("POST /interrupt"), expected);
    }
}
