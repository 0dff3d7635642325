use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use videofactory_providers::webhook::{Announcement, FilmFile};
use videofactory_providers::{Health, ProviderError, Webhook};

use crate::support::{Received, assert_hides, connection, nobody, now, serve};

const KEY: &str = "a-signing-key-of-the-user";

type Inbox = Arc<Mutex<Vec<Received>>>;

async fn receiver(answer: fn() -> Response) -> (Webhook, Inbox) {
    let inbox = Inbox::default();
    let kept = inbox.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        kept.lock().push(received);
        answer()
    };
    let base = serve(Router::new().fallback(any(handler))).await;
    (webhook(&format!("{base}/hooks/secret-path")), inbox)
}

fn webhook(url: &str) -> Webhook {
    Webhook::new(&connection("", &[("url", url), ("signingKey", KEY)]), now).unwrap()
}

fn announcement() -> Announcement {
    Announcement {
        namespace: "films".to_owned(),
        name: "ocean-facts".to_owned(),
        run: 2,
        target: "buffer".to_owned(),
        title: "Três fatos".to_owned(),
        description: "d".to_owned(),
        tags: vec!["mar".to_owned()],
        film: FilmFile {
            url: "https://r2.example/film.mp4?X-Amz-Signature=abc".to_owned(),
            sha256: "00ff".to_owned(),
            bytes: 1_234,
            seconds: 45.5,
        },
        thumbnail: None,
    }
}

/// HMAC by its definition in RFC 2104, for keys shorter than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ pad).collect() };
    let inner = Sha256::digest([padded(0x36).as_slice(), message].concat());
    Sha256::digest([padded(0x5c).as_slice(), &inner[..]].concat()).to_vec()
}

#[tokio::test]
async fn a_film_is_announced_once_signed_and_with_its_key() {
    let (webhook, inbox) = receiver(|| StatusCode::NO_CONTENT.into_response()).await;
    webhook.publish(&announcement(), "vf-3f9c2a1e-r2-buffer").await.unwrap();
    let inbox = inbox.lock();
    let [call] = inbox.as_slice() else { panic!("{} calls came", inbox.len()) };
    assert_eq!(call.line, "POST /hooks/secret-path");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("idempotency-key"), "vf-3f9c2a1e-r2-buffer");
    let timestamp = call.header("x-videofactory-timestamp");
    assert_eq!(timestamp, now().as_second().to_string());
    let signed = [timestamp.as_bytes(), b".", &call.body].concat();
    let expected = hex::encode(hmac(KEY.as_bytes(), &signed));
    assert_eq!(call.header("x-videofactory-signature"), format!("v1={expected}"));
    let film = json!({"url": "https://r2.example/film.mp4?X-Amz-Signature=abc", "sha256": "00ff", "bytes": 1234,
        "seconds": 45.5});
    let expected: Value = json!({"event": "video.published", "namespace": "films", "name": "ocean-facts", "run": 2,
        "target": "buffer", "title": "Três fatos", "description": "d", "tags": ["mar"], "film": film});
    assert_eq!(call.json(), expected);
}

#[tokio::test]
async fn a_redirect_is_not_followed_even_to_the_same_server() {
    let (webhook, inbox) =
        receiver(|| (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response()).await;
    let error = webhook.publish(&announcement(), "k").await.unwrap_err();
    assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
    assert_eq!(inbox.lock().len(), 1);
    // Even such a receiver is there.
    assert_eq!(webhook.check().await.unwrap(), "there is an answer (307 Temporary Redirect)");
    assert!(inbox.lock()[1].line.starts_with("HEAD "));
}

#[tokio::test]
async fn an_absent_receiver_is_tried_again_and_no_error_shows_a_secret() {
    let away = webhook(&format!("{}/hooks/secret-path", nobody().await));
    assert!(matches!(away.check().await, Err(ProviderError::Unavailable { .. })));
    assert!(!format!("{away:?}").contains("secret-path"));
    let absent = away.publish(&announcement(), "k").await.unwrap_err();
    assert!(matches!(absent, ProviderError::Unavailable { .. }), "{absent}");
    let (gossip, _) =
        receiver(|| (StatusCode::BAD_REQUEST, format!("your key {KEY} is bad")).into_response()).await;
    let echoed = gossip.publish(&announcement(), "k").await.unwrap_err();
    assert!(matches!(echoed, ProviderError::Configuration { .. }), "{echoed}");
    for error in [absent, echoed] {
        assert_hides(&error, &[KEY, "secret-path", "X-Amz"]);
    }
}

#[tokio::test]
async fn an_account_without_a_url_or_key_is_reported() {
    let without_url = Webhook::new(&connection("", &[("signingKey", KEY)]), now).unwrap_err();
    assert!(matches!(&without_url, ProviderError::Credentials { message, .. } if message.contains("no url")));
    let without_key = Webhook::new(&connection("", &[("url", "https://hooks.example/a")]), now).unwrap_err();
    assert!(matches!(without_key, ProviderError::Credentials { .. }));
}
