//! The client with which the API server is called in the name of the caller.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use kube::Client;
use videofactory_client::Right;
use videofactory_crds::GROUP;

use super::{Clients, TokenReviewer, bearer, may};
use crate::problem::Problem;

/// As whom changes are made: the first manager of the fields that they set.
pub const MANAGER: &str = "videofactory-api";

/// Where the clients of callers come from.
#[derive(Clone)]
pub enum UserClientSource {
    /// Whoever shows a token, with it.
    Tokens(Arc<TokenReviewer>, Arc<Clients>),
    /// Always the same person: the one on whose machine this runs.
    One(Client),
}

/// A client of the API server in the name of the caller.
pub struct UserClient(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for UserClient
where
    UserClientSource: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Self::of(parts, &UserClientSource::from_ref(state)).await
    }
}

impl UserClient {
    /// Whoever asks.
    pub async fn of(parts: &mut Parts, user_clients: &UserClientSource) -> Result<Self, Problem> {
        match user_clients {
            UserClientSource::One(client) => Ok(Self(client.clone())),
            UserClientSource::Tokens(tokens, clients) => {
                let token = bearer(&parts.headers)
                    .ok_or_else(|| Problem::unauthorized("there is no bearer token"))?;
                // Asked first: a stranger's word must not cost connections to the API server.
                tokens.review(token).await?;
                Ok(Self(clients.of_token(token)?))
            }
        }
    }

    /// Fails unless the caller may do this with our objects.
    pub async fn may(&self, verb: &str, resource: &str, namespace: &str) -> Result<(), Problem> {
        may(&self.0, Right { verb, group: GROUP, resource, namespace: Some(namespace) }).await
    }
}
