//! Server-sent events, as a reader sees them.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;

/// Whether an answer consists of events.
pub fn are_in(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|media| media == "text/event-stream")
}

/// Events as they come.
pub struct Events {
    body: Body,
    /// What has come and was not read yet.
    text: String,
}

impl Events {
    pub fn new(body: Body) -> Self {
        Self { body, text: String::new() }
    }

    /// The next event or comment as it is written; `None` at the end.
    pub async fn piece(&mut self) -> Option<String> {
        loop {
            if let Some((piece, rest)) = self.text.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(piece);
            }
            let frame = self.body.frame().await?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }

    /// The name and the data of the next event; `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let piece = self.piece().await?;
            let field = |name: &str| piece.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(event), Some(data)) = (field("event:"), field("data:")) {
                return Some((event.to_owned(), serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// All that is written until what was there at first has been sent; nothing of a body that is empty.
    pub async fn until_synced(mut self) -> Bytes {
        let mut all = String::new();
        while let Some(piece) = self.piece().await {
            all.push_str(&piece);
            if piece.contains("event: synced") {
                break;
            }
        }
        all.into()
    }
}
