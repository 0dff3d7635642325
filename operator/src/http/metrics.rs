//! GET `/metrics`, in the text format that is asked for.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{Problem, Shared};
use crate::metrics::{Census, Format};

/// The metrics, with the objects counted as they are now.
pub async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::asked_for(accept).unwrap_or_default();
    let census = Census::take(&shared.context.caches);
    let text = shared.context.metrics.text(&census, format).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written; see the operator's log",
        )
    })?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}
