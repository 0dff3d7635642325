//! The proxy's second port: counters out, faults in.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::State;
use super::counters::Counters;
use super::faults::Fault;

pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let router = Router::new()
        .route("/counters", get(counters))
        .route("/reset", post(reset))
        .route("/faults", get(faults).post(set_faults))
        .route("/held", get(held))
        .with_state(state);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin port is gone");
    }
}

async fn counters(Shared(state): Shared<Arc<State>>) -> Json<Counters> {
    Json(state.ledger.read())
}

/// Counters to nothing, faults ended.
async fn reset(Shared(state): Shared<Arc<State>>) -> (StatusCode, String) {
    state.ledger.reset();
    answer(state.set_faults(Vec::new()))
}

async fn faults(Shared(state): Shared<Arc<State>>) -> Json<Vec<Fault>> {
    Json(state.faults.list())
}

/// Keys of the requests that are held now.
async fn held(Shared(state): Shared<Arc<State>>) -> Json<Vec<String>> {
    Json(state.faults.held())
}

async fn set_faults(
    Shared(state): Shared<Arc<State>>,
    Json(faults): Json<Vec<Fault>>,
) -> (StatusCode, String) {
    answer(state.set_faults(faults))
}

fn answer(done: anyhow::Result<()>) -> (StatusCode, String) {
    match done {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}\n")),
    }
}
