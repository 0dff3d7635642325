//! What changes something. Every write goes to the API server as whoever asks for it, so that the cluster's own rules
//! decide; nothing here depends on the operator's stores, so that a proxy on somebody's machine can serve it, too.

mod bulk;
mod create;
mod job;
pub mod restore;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{delete, post};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use videofactory_client::within;
use videofactory_crds::GROUP;

pub use bulk::{ActionsBody, BulkAnswer};
pub use create::{CreateAnswer, CreateBody};
pub use job::{ActionAnswer, ActionBody};
pub use storage::CleanupAnswer;

use crate::access::{Clients, TokenReviewer, bearer};
use crate::problem::Problem;

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
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    verb: Some(verb.to_owned()),
                    resource: Some(resource.to_owned()),
                    namespace: Some(namespace.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.0.clone());
        let answer =
            within("create a SelfSubjectAccessReview", api.create(&PostParams::default(), &review)).await?;
        if answer.status.is_some_and(|status| status.allowed) {
            return Ok(());
        }
        let detail = format!("you may not {verb} {resource} in namespace {namespace}");
        let hint = format!("ask for a role with the verb {verb} on {resource}.{GROUP} in that namespace");
        Err(Problem::new(StatusCode::FORBIDDEN, detail).hint(hint))
    }
}

/// The routes.
pub fn router(authors: Authors) -> Router {
    Router::new()
        .route("/jobs", post(create::create))
        .route("/jobs/actions", post(bulk::act))
        .route("/jobs/force-stop-all", post(bulk::stop_all))
        .route("/jobs/{namespace}/{name}", delete(job::delete))
        .route("/jobs/{namespace}/{name}/{action}", post(job::act))
        .route("/storage/cleanup", post(storage::clean_up))
        .with_state(authors)
}

/// `?dry_run=true`: nothing is changed, and the answer says what would be.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DryRun {
    dry_run: bool,
}

/// A query, or what is wrong with it.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::bad_request(error.body_text()))
    }
}
