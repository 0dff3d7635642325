//! What changes something. Every write goes to the API server as whoever asks for it, so that the cluster's own rules
//! decide; nothing here depends on the operator's stores, so that a proxy on somebody's machine can serve it, too.

mod bulk;
mod create;
mod job;
pub mod restore;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kube::Client;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::Right;
use videofactory_crds::GROUP;

pub use bulk::{ActionsBody, BulkAnswer};
pub use create::{CreateAnswer, CreateBody, CreateEstimate, JobEstimate};
pub use job::{ActionAnswer, ActionBody};
pub use storage::CleanupAnswer;

use crate::access::{self, Clients, TokenReviewer, bearer};
use crate::problem::Problem;
use crate::query::Parameters;

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

impl FromRequestParts<Authors> for Author {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, authors: &Authors) -> Result<Self, Problem> {
        Self::of(parts, authors).await
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

/// All that needs nothing but its author: what a proxy on somebody's machine serves itself, backups included.
pub fn router(authors: Authors) -> Router {
    let backups = crate::reads::backup::routes(authors.clone());
    routes(authors.clone()).merge(backups).merge(restore::routes(authors, None)).into()
}

/// The routes with their documentation.
pub fn routes(authors: Authors) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(bulk::act))
        .routes(routes!(bulk::stop_all))
        .routes(routes!(job::delete))
        .routes(routes!(job::act))
        .routes(routes!(storage::clean_up))
        .with_state(authors)
}

/// `?dry_run=true`: nothing is changed, and the answer says what would be.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DryRun {
    /// Whether nothing is to be changed.
    dry_run: bool,
}
