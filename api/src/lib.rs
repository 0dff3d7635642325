//! The HTTP API: health, metrics, and what people and programs see and ask of videos, accounts and buckets.
//!
//! It is given stores and a [`state::Process`], and knows no controller. Every replica serves it. Who reads needs a token
//! of the cluster and its permission (`access/`); who writes does so with that token (`writes/`).

#![expect(
    clippy::doc_markdown,
    reason = "the documentation of handlers and of what they answer is what /docs prints, which shows backticks as they are"
)]

pub mod access;
pub mod backup;
pub mod body;
pub mod body_guard;
pub mod changes;
pub mod checks;
mod compression;
pub mod dashboard;
mod docs;
pub mod documents;
pub mod found_clips;
pub mod health;
pub mod limits;
mod openapi;
mod path;
pub mod problem;
mod query;
mod reads;
mod request_id;
mod schemas;
mod security_headers;
pub mod state;
pub mod task_limits;
pub mod tasks;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod uid;
pub mod unwatched;
pub mod writes;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::middleware::{
    Next, from_fn, from_fn_with_state, map_request, map_request_with_state, map_response,
};
use axum::response::{IntoResponse, Response};
use kube::{Resource, ResourceExt};
use serde_json::Value;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use videofactory_client::JobRef;
use videofactory_client::restore::Files;

use crate::access::public_paths::is_public;
use crate::access::{Caller, Permission, UserClientSource};
use crate::limits::Limits;
use crate::problem::Problem;
use crate::state::State;
use crate::unwatched::Unwatched;

/// How the API introduces itself to the API server when it writes for others.
pub(crate) const AGENT: &str = concat!("videofactory-api/", env!("CARGO_PKG_VERSION"));

/// The port at which operators serve, and a proxy on somebody's machine, unless another one is configured.
pub const PORT: u16 = 8000;

/// All routes.
pub fn router(state: State) -> Router {
    let (routes, _) = documented(&state);
    let routes = routes
        .merge(dashboard::routes().with_state(state.clone()))
        .fallback(async || path::unknown_route())
        .method_not_allowed_fallback(async || other_methods())
        .layer(from_fn(access::same_origin::guard))
        .layer(from_fn_with_state(state.clone(), authenticate))
        .layer(from_fn_with_state(state.clone(), measure))
        .layer(DefaultBodyLimit::max(body::MAX_BYTES));
    // Around the others: a path must be as it is meant before it is matched.
    Router::new()
        .fallback_service(routes)
        .layer(map_request_with_state(state.clone(), resolve_uid))
        .layer(from_fn_with_state(state.limits, admit))
        .layer(from_fn(dashboard::as_pages))
        .layer(compression::layer())
        .layer(map_response(security_headers::on_every_answer))
        .layer(from_fn(request_id::span))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(map_request(request_id::check))
}

/// The routes, and the OpenAPI document of them all.
fn documented(state: &State) -> (Router, Value) {
    let user_clients = UserClientSource::Tokens(state.tokens.clone(), state.clients.clone());
    let files: Arc<dyn Files> = Arc::new(writes::check::Buckets(state.process.clone()));
    let (routes, of_routes) = OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .merge(reads::routes())
        .with_state(state.clone())
        .merge(health::routes(state.clone()))
        .merge(writes::routes(
            user_clients.clone(),
            state.tasks.clone(),
            Unwatched::by(state.process.clone()),
        ))
        .merge(writes::check::routes(user_clients.clone(), files.clone()))
        .merge(backup::routes(user_clients, Some(files), state.tasks.clone()))
        .split_for_parts();
    let (docs, of_docs) = docs::routes().split_for_parts();
    let document = openapi::complete(&of_routes.merge_from(of_docs));
    (routes.merge(docs.with_state(docs::Pages::new(&document))), document)
}

/// The UID by which a request names its job, or the namespace that looks like one.
#[derive(Clone)]
struct ByUid {
    uid: String,
    /// Namespace of the job with this UID, if there is one.
    namespace: Option<String>,
}

/// Leads a path with a UID to the job that has it.
async fn resolve_uid(Shared(state): Shared<State>, mut request: Request) -> Request {
    let Some(uid) = uid::of_path(request.uri().path()).map(str::to_owned) else { return request };
    let found = state.stores.videojobs.find(|job| job.meta().uid.as_deref() == Some(uid.as_str()));
    let namespace = found.as_ref().and_then(|job| job.namespace());
    if let Some(found) = found {
        let job = JobRef { namespace: found.namespace().unwrap_or_default(), name: found.name_any() };
        request = uid::rewrite(request, &uid, &job);
    }
    request.extensions_mut().insert(ByUid { uid, namespace });
    request
}

/// Lets nobody in whom the cluster does not know, whatever the path: without a valid token nothing is said, not even
/// what there is.
async fn authenticate(
    Shared(state): Shared<State>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if is_public(request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts.headers, &state.tokens).await?;
    state.limits.count(caller.name())?;
    let share = state.limits.request_of(caller.name())?;
    if let Some(named) = parts.extensions.get() {
        may_learn(&state, &caller, named).await?;
    }
    parts.extensions.insert(caller);
    Ok(body_guard::with_guard(next.run(Request::from_parts(parts, body)).await, share))
}

/// Whether somebody may learn which job has a UID: whoever may get it. To all others it is as if there were none, and they
/// wait as long for it: the same is asked of the API server, whatever there is, and nothing that is remembered.
async fn may_learn(state: &State, caller: &Caller, ByUid { uid, namespace }: &ByUid) -> Result<(), Problem> {
    let in_all = refusal(state, caller, Permission::to("list", "videojobs", None)).await?;
    let place = namespace.as_deref().unwrap_or(uid);
    let there = refusal(state, caller, Permission::to("get", "videojobs", Some(place))).await?;
    if there.is_none() && (namespace.is_some() || is_namespace(state, uid)) {
        return Ok(());
    }
    let nothing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no VideoJob with the UID {uid}"));
    Err(in_all.unwrap_or_else(nothing))
}

/// Why somebody may not, if they may not.
async fn refusal(state: &State, caller: &Caller, to: Permission) -> Result<Option<Problem>, Problem> {
    match state.authorizer.check_uncached(&caller.user, to).await {
        Ok(()) => Ok(None),
        Err(refusal) if refusal.status == StatusCode::FORBIDDEN => Ok(Some(refusal)),
        Err(problem) => Err(problem),
    }
}

/// Whether jobs are in a namespace with this name.
fn is_namespace(state: &State, name: &str) -> bool {
    state.stores.videojobs.find(|job| job.meta().namespace.as_deref() == Some(name)).is_some()
}

/// Answers no more requests at once than there is room for; what is open always. One counts until it is read. To be
/// put around all that an operator serves.
pub async fn admit(
    Shared(limits): Shared<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if is_public(request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let place = limits.request()?;
    Ok(body_guard::with_guard(next.run(request).await, place))
}

/// What is said to a method that a path does not take.
#[must_use]
pub fn other_methods() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes other methods").hint("see GET /docs")
}

/// A method as metrics have it: any word is one, and each would be a series of its own.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Measures every answer, by the pattern of its path.
async fn measure(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (method, begun) = (known(request.method()), Instant::now());
    let response = next.run(request).await.into_response();
    let route = route.as_deref().unwrap_or("unmatched");
    state.process.answered(route, method, response.status().as_u16(), begun.elapsed());
    response
}
