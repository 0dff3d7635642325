//! Answers, and what faults make of them on their way out.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

use super::faults::Effect;

/// How many pieces a slow body comes in.
const PIECES: usize = 10;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>\
    <body><h1>Bad gateway</h1><p>Error code 5xx. Please try again in a few minutes.</p></body></html>\n";

/// An answer before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    /// The submission whose product this is.
    pub(crate) delivers: Option<String>,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delivers: None }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is made where it is handed over")]
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self::bytes("application/json; charset=utf-8", value.to_string()).with_status(status)
    }

    pub(crate) fn bytes(kind: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(200) }.with(CONTENT_TYPE, kind)
    }

    /// What a proxy in front of a service sends when the service is away.
    pub(crate) fn html(status: u16) -> Self {
        Self::bytes("text/html; charset=UTF-8", PAGE).with_status(status)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a header that has no constant; lower case.
    pub(crate) fn with_named(self, name: &'static str, value: impl Into<String>) -> Self {
        self.with(HeaderName::from_static(name), value)
    }

    pub(crate) fn delivering(mut self, id: &str) -> Self {
        self.delivers = Some(id.to_owned());
        self
    }

    /// As it is sent, with what a fault does to its body.
    pub(crate) fn into_response(self, fault: Option<&Effect>) -> Response<Body> {
        let whole = self.body.len();
        let half = self.body.slice(..whole / 2);
        let mut length = whole;
        let body = match fault {
            Some(Effect::Truncated) => {
                length = half.len();
                Body::from(half)
            }
            Some(Effect::CutAnswer) => Body::from_stream(cut(half)),
            Some(Effect::SlowBody { ms }) => {
                Body::from_stream(slowly(&self.body, Duration::from_millis(*ms)))
            }
            _ => Body::from(self.body),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}

fn cut(half: Bytes) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    let broken = std::io::Error::other("a fault was ordered: the answer is cut");
    // The half is on its way before the connection breaks.
    futures::stream::iter([Ok(half), Err(broken)]).then(async |piece| {
        tokio::task::yield_now().await;
        piece
    })
}

fn slowly(
    body: &Bytes,
    duration: Duration,
) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send + use<> {
    let piece = body.len().div_ceil(PIECES).max(1);
    let pauses = u32::try_from(body.len().div_ceil(piece)).unwrap_or(1).max(1);
    let pieces: Vec<Bytes> =
        (0..body.len()).step_by(piece).map(|at| body.slice(at..(at + piece).min(body.len()))).collect();
    futures::stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(duration / pauses).await;
        Ok(piece)
    })
}
