//! The HTTP side, on every replica: health, metrics, and what workers report.

mod health;
mod metrics;
mod problem;
mod progress;
mod tokens;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use problem::Problem;

use crate::context::Context;
use crate::videojob::build::PROGRESS_PATH;

/// Most bytes of a request's body.
const MOST_BODY_BYTES: usize = 16 * 1024;

/// What the routes share.
#[derive(Clone)]
struct Shared {
    context: Context,
    tokens: Arc<tokens::Reviewer>,
    health: Arc<health::Checker>,
}

/// Serves for ever.
pub async fn serve(context: Context) -> anyhow::Result<()> {
    let address = context.config.listen;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))?;
    tracing::info!(%address, "listening");
    axum::serve(listener, router(context)).await.context("failed to serve HTTP")
}

fn router(context: Context) -> Router {
    let tokens = Arc::new(tokens::Reviewer::new(context.client.clone()));
    let shared = Shared { context, tokens, health: Arc::new(health::Checker::default()) };
    Router::new()
        .route("/health", get(health::alive))
        .route("/health/full", get(health::full))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route(PROGRESS_PATH, post(progress::report))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .with_state(shared)
}
