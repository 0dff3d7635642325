//! The HTTP API: health, metrics, and what people and programs see and ask of videos, accounts and buckets.
//!
//! It is given stores and a [`state::Process`], and knows no controller. Every replica serves it. Who reads needs a token
//! of the cluster and its permission (`access/`); who writes does so with that token (`writes/`).

pub mod access;
mod body;
pub mod health;
mod path;
pub mod problem;
pub mod reads;
pub mod state;
mod uid;
pub mod writes;

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state, map_request_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kube::ResourceExt;
use videofactory_client::JobRef;

use crate::access::{Caller, Permission};
use crate::problem::Problem;
use crate::state::State;
use crate::writes::Authors;

/// How the API introduces itself to the API server when it writes for others.
pub(crate) const AGENT: &str = concat!("videofactory-api/", env!("CARGO_PKG_VERSION"));

/// Most bytes of a request's body: a storyboard of 200 scenes is smaller.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// What anybody may see: the node's probes have no token.
const OPEN: [&str; 2] = ["/health", "/ready"];

/// All routes.
pub fn router(state: State) -> Router {
    let authors = Authors::Tokens(state.tokens.clone(), state.clients.clone());
    let routes = Router::new()
        .route("/health", get(health::alive))
        .route("/health/full", get(health::full))
        .route("/ready", get(health::ready))
        .merge(reads::router())
        .with_state(state.clone())
        .merge(reads::backup::router(authors.clone()))
        .merge(writes::restore::router(authors.clone(), Some(state.process.clone())))
        .merge(writes::router(authors))
        .fallback(async || path::unknown_route())
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes other methods")
                .hint("see GET /docs")
        })
        .layer(from_fn_with_state(state.clone(), authenticate))
        .layer(from_fn_with_state(state.clone(), measure))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES));
    // Around the others: a path must be as it is meant before it is matched.
    Router::new().fallback_service(routes).layer(map_request_with_state(state, resolve_uid))
}

/// Leads a path with a UID to the job that has it.
async fn resolve_uid(Shared(state): Shared<State>, request: Request) -> Request {
    let Some(uid) = uid::of_path(request.uri().path()).map(str::to_owned) else { return request };
    let jobs = state.stores.videojobs.state();
    let Some(found) = jobs.iter().find(|job| job.uid().as_deref() == Some(uid.as_str())) else {
        return request;
    };
    let job = JobRef { namespace: found.namespace().unwrap_or_default(), name: found.name_any() };
    uid::rewrite(request, &uid, &job)
}

/// Lets nobody in whom the cluster does not know, whatever the path: strangers learn not even what there is.
async fn authenticate(
    Shared(state): Shared<State>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if OPEN.contains(&request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts.headers, &state).await?;
    if let Some(uid) = uid::of_path(&parts.uri.path().to_owned()) {
        // There is none: only who may see all jobs is told so.
        state.authorizer.check(&caller.user, Permission::to("list", "videojobs", None)).await?;
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no VideoJob with the UID {uid}")));
    }
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Measures every answer, by the pattern of its path.
async fn measure(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (method, begun) = (request.method().clone(), Instant::now());
    let response = next.run(request).await.into_response();
    let route = route.as_deref().unwrap_or("unmatched");
    state.process.answered(route, method.as_str(), response.status().as_u16(), begun.elapsed());
    response
}
