//! What changes something. Every write goes to the API server as whoever asks for it, so that the cluster's own rules
//! decide; nothing here depends on the operator's stores, so that a proxy on somebody's machine can serve it, too.

mod bulk;
pub mod check;
mod create;
mod job;
pub mod restore;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use kube::Client;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::Right;
use videofactory_client::restore::Files;
use videofactory_crds::GROUP;

pub use bulk::{ActionsBody, BulkAnswer};
pub use create::{CreateAnswer, CreateBody, CreateEstimate, JobEstimate};
pub use job::{ActionAnswer, ActionBody};
pub use storage::CleanupAnswer;

use crate::access::{self, Clients, TokenReviewer, bearer};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::tasks::Tasks;

/// As whom changes are made: the first manager of the fields that they set.
pub const MANAGER: &str = "videofactory-api";

/// Who writes.
#[derive(Clone)]
pub enum Authors {
    /// Whoever shows a token, with it.
    Tokens(Arc<TokenReviewer>, Arc<Clients>),
    /// Always the same person: the one on whose machine this runs.
    One(Client),
}

/// A way to the API server in the name of whoever asks.
pub struct Author(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for Author
where
    Authors: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Self::of(parts, &Authors::from_ref(state)).await
    }
}

impl Author {
    /// Whoever asks.
    pub(crate) async fn of(parts: &mut Parts, authors: &Authors) -> Result<Self, Problem> {
        match authors {
            Authors::One(client) => Ok(Self(client.clone())),
            Authors::Tokens(tokens, clients) => {
                let token = bearer(&parts.headers)
                    .ok_or_else(|| Problem::unauthorized("there is no bearer token"))?;
                // Asked first: a stranger's word must not cost connections to the API server.
                tokens.review(token).await?;
                Ok(Self(clients.of_token(token)?))
            }
        }
    }
}

impl Author {
    /// Fails unless the author may do this with objects of ours.
    async fn may(&self, verb: &str, resource: &str, namespace: &str) -> Result<(), Problem> {
        access::may(&self.0, Right { verb, group: GROUP, resource, namespace: Some(namespace) }).await
    }
}

/// What the routes need.
#[derive(Clone)]
struct WriteState {
    authors: Authors,
    tasks: Tasks,
}

impl FromRef<WriteState> for Authors {
    fn from_ref(state: &WriteState) -> Self {
        state.authors.clone()
    }
}

impl FromRef<WriteState> for Tasks {
    fn from_ref(state: &WriteState) -> Self {
        state.tasks.clone()
    }
}

/// All that needs nothing but its author: what a proxy on somebody's machine serves itself, backups included. `files`: its
/// way to the buckets.
pub fn router(authors: Authors, files: Option<Arc<dyn Files>>) -> Router {
    let backups = crate::reads::backup::routes(authors.clone());
    let tasks = Tasks::default();
    let restore = restore::routes(authors.clone(), files, tasks.clone());
    routes(authors, tasks).merge(backups).merge(restore).into()
}

/// The routes with their documentation. `tasks`: where batches go on to their end.
pub fn routes(authors: Authors, tasks: Tasks) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(bulk::act))
        .routes(routes!(bulk::stop_all))
        .routes(routes!(job::delete))
        .routes(routes!(job::act))
        .routes(routes!(storage::clean_up))
        .with_state(WriteState { authors, tasks })
}

/// Why a job is held, for whoever looks at it: what the caller says, if that says anything.
fn hold_reason(given: Option<String>) -> String {
    given.filter(|reason| !reason.trim().is_empty()).unwrap_or_else(|| "suspended through the API".to_owned())
}

/// `?dry_run=true`: nothing is changed, and the answer says what would be.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DryRun {
    /// Whether nothing is to be changed.
    dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_always_has_a_reason() {
        assert_eq!(hold_reason(Some("too expensive".to_owned())), "too expensive");
        for blank in [None, Some(String::new()), Some(" \n".to_owned())] {
            assert_eq!(hold_reason(blank), "suspended through the API");
        }
    }
}
