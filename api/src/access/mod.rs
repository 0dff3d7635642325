//! Who calls, and what they may: the cluster's own tokens and rules.

mod clients;
mod own_permissions;
mod permissions;
pub mod public_paths;
pub mod same_origin;
mod tokens;
mod user_client;

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use k8s_openapi::api::authentication::v1::UserInfo;

pub use clients::Clients;
pub use own_permissions::may;
pub use permissions::{Authorizer, Permission};
pub use tokens::TokenReviewer;
pub use user_client::{MANAGER, UserClient, UserClientSource};

use crate::problem::Problem;

/// The caller of a request.
#[derive(Clone)]
pub struct Caller {
    /// As the API server knows them.
    pub user: UserInfo,
    /// What they showed.
    token: String,
}

impl Caller {
    /// What they are called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.user.username.as_deref().unwrap_or_default()
    }

    /// Their token, to ask the API server with.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Caller {
    /// Whoever shows a token in these headers.
    pub async fn of(headers: &HeaderMap, tokens: &TokenReviewer) -> Result<Self, Problem> {
        let token = bearer(headers).ok_or_else(|| Problem::unauthorized("there is no bearer token"))?;
        Ok(Self { user: tokens.review(token).await?, token: token.to_owned() })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<TokenReviewer>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => Self::of(&parts.headers, &Arc::<TokenReviewer>::from_ref(state)).await,
        }
    }
}

/// The bearer token of a request. Nothing else counts, no cookie: what a browser adds automatically is nobody's will.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_token_is_taken() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("Bearer "), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
