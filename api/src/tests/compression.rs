//! Which answers are compressed.

use std::io::Read;

use axum::http::StatusCode;
use axum::http::header::{ACCEPT_ENCODING, RANGE};
use flate2::read::GzDecoder;

use super::dashboard::{harness, html};
use crate::testing::{Answer, DIGEST, ROOT};

const FILM: &str = "/jobs/films/ocean/artifacts/video";

/// The body of an answer that came compressed.
fn unpacked(answer: &Answer) -> Vec<u8> {
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("gzip", "accept-encoding"));
    let mut read = Vec::new();
    GzDecoder::new(&answer.body[..]).read_to_end(&mut read).unwrap();
    read
}

#[tokio::test]
async fn pages_assets_and_json_are_compressed_for_whoever_asks_for_it() {
    let harness = harness().await;
    let asked = [(ACCEPT_ENCODING, "gzip, deflate, br")];
    let page = harness.ask("GET", "/dashboard", ROOT, &asked).await;
    let text = String::from_utf8(unpacked(&page)).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.trim_end().ends_with("</html>"), "{text}");
    assert!(page.body.len() < text.len() / 2, "{} of {}", page.body.len(), text.len());
    for path in ["/dashboard/assets/dashboard.css", "/dashboard/assets/dashboard.js", "/openapi.json"] {
        let plain = harness.get(path).await;
        assert_eq!((plain.status, plain.header("content-encoding")), (StatusCode::OK, ""), "{path}");
        let packed = harness.ask("GET", path, ROOT, &asked).await;
        assert!(unpacked(&packed) == plain.body, "{path} is another one");
    }
    for refused in ["identity", "gzip;q=0", "br"] {
        let page = harness.ask("GET", "/dashboard", ROOT, &[(ACCEPT_ENCODING, refused)]).await;
        assert_eq!((page.status, page.header("content-encoding")), (StatusCode::OK, ""), "{refused}");
        assert!(html(&page).starts_with("<!doctype html>"), "{refused}");
    }
}

#[tokio::test]
async fn films_ranges_events_and_what_is_short_come_as_they_are() {
    let harness = harness().await;
    let film = vec![7; 4096];
    harness.files.put(&format!("videos/films/ocean-3f9c2a1e/r1/{DIGEST}.mp4"), film.clone());
    let gzip = || (ACCEPT_ENCODING, "gzip");
    let whole = harness.ask("GET", FILM, ROOT, &[gzip()]).await;
    assert_eq!((whole.header("content-encoding"), &whole.body[..]), ("", &film[..]));
    let part = harness.ask("GET", FILM, ROOT, &[gzip(), (RANGE, "bytes=0-2047")]).await;
    assert_eq!((part.status, part.header("content-encoding")), (StatusCode::PARTIAL_CONTENT, ""));
    assert_eq!((part.header("content-length"), part.body.len()), ("2048", 2048));
    let events = harness.ask("GET", "/stream", ROOT, &[gzip()]).await;
    assert_eq!((events.status, events.header("content-encoding")), (StatusCode::OK, ""));
    let short = harness.ask("GET", "/health", ROOT, &[gzip()]).await;
    assert_eq!((short.status, short.header("content-encoding")), (StatusCode::OK, ""));
    assert_eq!(short.json()["healthy"], true);
}
