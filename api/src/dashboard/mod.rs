//! The dashboard: pages for people who make films, and for those on call. They are made here, on the server, of what the API
//! itself answers, so that they can be read without a script. A script adds what changes by itself and makes buttons work:
//! each is a call of the API, and says how curl and the plugin make the same one.
//!
//! Who reads a page needs the token and the permissions that the API asks for; a browser gets in by `kubectl videofactory
//! dashboard`, or by an authenticating proxy that forwards a token.

mod accounts;
mod address;
mod assets;
mod buttons;
mod formatting;
mod health;
mod job;
mod jobs;
mod layout;
mod live;
mod new;
mod problems;
mod scene;
mod storage;
mod wait_queue;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;

pub use self::problems::as_pages;
use crate::state::State;

/// Where a script learns what to show beside its requests that change something. Here nothing: whoever let the browser in
/// adds the token. The plugin's proxy answers it itself.
pub const SESSION: &str = "/dashboard/session";

/// The pages. They are no part of the OpenAPI document: programs ask the API itself.
pub fn routes() -> Router<State> {
    Router::new()
        .route("/", get(async || Redirect::to(jobs::PATH)))
        .route(jobs::PATH, get(jobs::list))
        .route("/dashboard/jobs/{namespace}/{name}", get(job::get))
        .route("/dashboard/jobs/{namespace}/{name}/events", get(job::events))
        .route("/dashboard/jobs/{namespace}/{name}/logs", get(job::logs))
        .route("/dashboard/jobs/{namespace}/{name}/yaml", get(job::yaml))
        .route("/dashboard/jobs/{namespace}/{name}/scenes/{scene}", get(scene::get))
        .route("/dashboard/new", get(new::get))
        .route("/dashboard/storage", get(storage::get))
        .route("/dashboard/accounts", get(accounts::get))
        .route("/dashboard/health", get(health::get))
        .route(live::PATH, get(live::follow))
        .route(SESSION, get(async || StatusCode::NO_CONTENT))
        .route(assets::PATH, get(assets::asset))
}
