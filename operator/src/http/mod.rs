//! The HTTP side, on every replica: the API, and what workers report.

mod process;
mod progress;
mod recent;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use tokio::net::TcpListener;
use videofactory_api::access::TokenReviewer;
use videofactory_api::state::{State, Stores};
use videofactory_pipeline::contract::TOKEN_AUDIENCE;

use self::process::Operator;
use crate::context::Context;
use crate::videojob::build::PROGRESS_PATH;

/// Most bytes of what a worker reports.
const MOST_REPORT_BYTES: usize = 16 * 1024;

/// Serves for ever. `cluster`: the way to the API server, on which callers write with their own tokens.
pub async fn serve(context: Context, cluster: kube::Config) -> anyhow::Result<()> {
    let address = context.config.listen;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))?;
    tracing::info!(%address, "listening");
    axum::serve(listener, router(context, cluster)).await.context("failed to serve HTTP")
}

fn router(context: Context, cluster: kube::Config) -> Router {
    let caches = &context.caches;
    let stores = Stores {
        videojobs: caches.videojobs.clone(),
        channels: caches.channels.clone(),
        accounts: caches.accounts.clone(),
        policies: caches.policies.clone(),
    };
    let tokens = Arc::new(TokenReviewer::of_audience(context.client.clone(), TOKEN_AUDIENCE));
    let reports = progress::Reports { context: context.clone(), tokens };
    let process = Arc::new(Operator::new(context.clone()));
    let state = State::new(context.client, cluster, stores, process);
    Router::new()
        .route(PROGRESS_PATH, post(progress::report))
        .layer(DefaultBodyLimit::max(MOST_REPORT_BYTES))
        .with_state(reports)
        .fallback_service(videofactory_api::router(state))
}
