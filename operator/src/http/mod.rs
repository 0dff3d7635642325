//! The HTTP side, on every replica: the API, what workers report, and the kubelet's probes.

mod listen;
mod process;
mod progress;
mod relay;
#[cfg(test)]
mod tests;
mod versioned_cache;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use videofactory_api::access::TokenReviewer;
use videofactory_api::state::{State, Stores};
use videofactory_api::{admit, health, other_methods};
use videofactory_pipeline::contract::TOKEN_AUDIENCE;

use self::listen::Bounds;
use self::process::Operator;
use self::progress::Reports;
use self::relay::Relay;
use crate::context::Context;
use crate::videojob::build::PROGRESS_PATH;

/// How long after it was asked to stop the process waits for writes under way. The pod is given 35 s
/// (`terminationGracePeriodSeconds`): `preStop` takes some of them before this, the last Events and spans some after it.
const LAST_WRITES: Duration = Duration::from_secs(25);

/// Serves until it is asked to stop; then takes no more connections, and ends with the last answer and the last batch of
/// writes that has begun, or after [`LAST_WRITES`]. `cluster`: the way to the API server, on which callers write with their
/// own tokens.
pub async fn serve(context: Context, cluster: kube::Config, stop: CancellationToken) -> anyhow::Result<()> {
    let listeners = Listeners {
        callers: bind(context.config.listen).await?,
        probes: bind(context.config.probe_address()).await?,
    };
    serve_on(listeners, context, cluster, stop).await
}

/// Where requests come in.
struct Listeners {
    callers: TcpListener,
    probes: TcpListener,
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))?;
    tracing::info!(%address, "listening");
    Ok(listener)
}

async fn serve_on(
    listeners: Listeners,
    context: Context,
    cluster: kube::Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let relay = Arc::new(Relay::new(context.leader_flag.clone(), context.config.token_file.clone()));
    let (caches, tasks) = (Arc::clone(&context.caches), context.tasks.clone());
    let (routes, probes) = routers(context, cluster, Arc::clone(&relay), stop.clone());
    let serving = async {
        listen::serve(listeners.callers, routes, Bounds::default(), stop.clone()).await;
        // Whoever could begin a write is gone.
        tasks.ended().await;
    };
    // They are answered to the end: /ready says then that this replica is about to go.
    let probing = listen::serve(listeners.probes, probes, Bounds::of_probes(), CancellationToken::new());
    let too_late = async {
        stop.cancelled().await;
        sleep(LAST_WRITES).await;
    };
    tokio::select! {
        () = serving => {}
        () = probing => {}
        () = relay.watch(&caches) => {}
        () = too_late => {
            let (left, seconds) = (tasks.under_way(), LAST_WRITES.as_secs());
            tracing::warn!(left, seconds, "batches of writes are broken off that did not end in time");
        }
    }
    Ok(())
}

/// What callers ask, and what the kubelet does.
fn routers(
    context: Context,
    cluster: kube::Config,
    relay: Arc<Relay>,
    stop: CancellationToken,
) -> (Router, Router) {
    let (caches, tasks) = (&context.caches, context.tasks.clone());
    let stores = Stores {
        videojobs: caches.videojobs.clone(),
        changes: caches.changes.clone(),
        channels: caches.channels.clone(),
        accounts: caches.accounts.clone(),
        policies: caches.policies.clone(),
    };
    let tokens = Arc::new(TokenReviewer::of_audience(context.client.clone(), TOKEN_AUDIENCE));
    let process = Arc::new(Operator::new(context.clone(), Arc::clone(&relay)));
    let state = State { tasks, ..State::new(context.client.clone(), cluster, stores, process, stop) };
    let probes = health::probes(state.clone());
    let reports = Reports { context, tokens, relay, limits: Arc::clone(&state.limits) };
    (progress_route(reports).fallback_service(videofactory_api::router(state)), probes)
}

/// The route of workers and other replicas. Its requests count among those of the API.
fn progress_route(reports: Reports) -> Router {
    Router::new()
        .route(
            PROGRESS_PATH,
            get(progress::serve_progress).post(progress::report).fallback(async || other_methods()),
        )
        .layer(DefaultBodyLimit::max(progress::MAX_BYTES))
        .layer(from_fn_with_state(reports.clone(), progress::authenticate))
        .layer(from_fn_with_state(Arc::clone(&reports.limits), admit))
        .with_state(reports)
}
