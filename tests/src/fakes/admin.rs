//! The fakes' second port: limits, faults and settings in, the ledger out; and the other origin of redirected results.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::State;
use super::accounts::Settings;
use super::client::Stranger;
use super::faults::Fault;
use super::ledger::{Ledger, Stray};
use super::limits::Limit;
use super::media;
use crate::otlp::Received;

/// Headers that carry credentials of one service or another.
const CREDENTIALS: [&str; 4] = ["authorization", "x-goog-api-key", "cookie", "proxy-authorization"];

/// Which account is meant; absent: all.
#[derive(Deserialize)]
struct Which {
    key: Option<String>,
}

pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let router = Router::new()
        .route("/admin/health", get(async || "ok\n"))
        .route("/admin/ledger", get(ledger))
        .route("/admin/limits", get(limits).post(set_limits))
        .route("/admin/faults", get(faults).post(set_faults))
        .route("/admin/settings", get(settings).post(set_settings))
        .route("/admin/spend", post(spend))
        .route("/admin/reset", post(reset))
        .route("/admin/spans", get(spans))
        .route("/elsewhere/{id}", get(elsewhere))
        .route("/v1/traces", post(collect))
        .with_state(state);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin port is gone");
    }
}

async fn ledger(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Json<Ledger> {
    Json(state.store.open().ledger(which.key.as_deref()))
}

async fn limits(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Json<Vec<Limit>> {
    Json(state.store.open().limits(which.key.as_deref()))
}

async fn set_limits(
    Shared(state): Shared<Arc<State>>,
    Query(which): Query<Which>,
    Json(limits): Json<Vec<Limit>>,
) -> (StatusCode, String) {
    answer(state.store.open().set_limits(which.key.as_deref(), limits))
}

async fn faults(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Json<Vec<Fault>> {
    Json(state.faults.list(which.key.as_deref()))
}

async fn set_faults(
    Shared(state): Shared<Arc<State>>,
    Query(which): Query<Which>,
    Json(faults): Json<Vec<Fault>>,
) -> (StatusCode, String) {
    answer(state.faults.replace(which.key.as_deref(), faults))
}

async fn settings(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Json<Settings> {
    Json(state.store.open().settings_of(which.key.as_deref().unwrap_or_default()))
}

async fn set_settings(
    Shared(state): Shared<Arc<State>>,
    Query(which): Query<Which>,
    Json(settings): Json<Settings>,
) -> StatusCode {
    state.store.open().set(which.key.as_deref(), settings);
    StatusCode::NO_CONTENT
}

async fn spend(Shared(state): Shared<Arc<State>>, Json(stranger): Json<Stranger>) -> StatusCode {
    let Stranger { key, service, operation, units } = stranger;
    state.store.open().spend(&key, service, operation, units, state.clock.now());
    StatusCode::NO_CONTENT
}

async fn reset(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> (StatusCode, String) {
    state.store.open().reset(which.key.as_deref());
    answer(state.faults.replace(which.key.as_deref(), Vec::new()))
}

/// The spans of the trace that `key` names.
async fn spans(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Json<Vec<Received>> {
    Json(state.spans.of(which.key.as_deref()))
}

async fn collect(Shared(state): Shared<Arc<State>>, body: Bytes) -> (StatusCode, String) {
    match state.spans.take(&body) {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")),
    }
}

/// A result that a redirect led to.
async fn elsewhere(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut pages = state.store.open();
    let Some(work) = pages.work(&id).cloned() else { return StatusCode::NOT_FOUND.into_response() };
    let came = CREDENTIALS.into_iter().filter(|name| headers.contains_key(*name)).map(str::to_owned);
    pages.strayed(&work.ask.key, Stray { id: id.clone(), credentials: came.collect() });
    pages.delivered(&id);
    drop(pages);
    let (kind, bytes) = media::of(&work);
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

fn answer(done: anyhow::Result<()>) -> (StatusCode, String) {
    match done {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}\n")),
    }
}
