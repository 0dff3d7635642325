//! GET `/metrics`, as `OpenMetrics`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::{Problem, Shared};

/// The metrics, with the jobs counted as they are now.
pub async fn metrics(State(shared): State<Shared>) -> Result<Response, Problem> {
    let mut phases: BTreeMap<String, i64> = BTreeMap::new();
    for object in shared.context.caches.videojobs.state() {
        let Ok(job) = &object.0 else { continue };
        let phase = job.status.as_ref().and_then(|status| status.phase).unwrap_or_default();
        *phases.entry(phase.to_string()).or_default() += 1;
    }
    let phases: Vec<(String, i64)> = phases.into_iter().collect();
    let text = shared.context.metrics.text(&phases).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written; see the operator's log",
        )
    })?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
