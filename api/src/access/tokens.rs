//! Whose token somebody shows: asked of the API server by `TokenReview`, and remembered for a while.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use videofactory_client::within;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// How long a review is good for: so long a token that was revoked still counts.
const GOOD_FOR: Duration = Duration::from_mins(1);
/// Most tokens that are remembered.
const MOST_REMEMBERED: usize = 4096;
/// Reviews at once: strangers must not keep the API server busy through us.
const AT_ONCE: usize = 4;

/// Reviews tokens that were made for one audience.
pub struct TokenReviewer {
    client: Client,
    /// `None`: the API server's own.
    audience: Option<&'static str>,
    known: Mutex<HashMap<Digest, (UserInfo, Instant)>>,
    slots: Semaphore,
}

impl TokenReviewer {
    /// Reviews tokens that were made for the API server.
    #[must_use]
    pub fn of_api_server(client: Client) -> Self {
        Self::new(client, None)
    }

    /// Reviews tokens that were made for this audience.
    #[must_use]
    pub fn of_audience(client: Client, audience: &'static str) -> Self {
        Self::new(client, Some(audience))
    }

    fn new(client: Client, audience: Option<&'static str>) -> Self {
        Self { client, audience, known: Mutex::new(HashMap::new()), slots: Semaphore::new(AT_ONCE) }
    }

    /// Whose token this is.
    pub async fn review(&self, token: &str) -> Result<UserInfo, Problem> {
        let digest = Digest::of_bytes(token.as_bytes());
        let known = self.known.lock().get(&digest).filter(|(_, at)| at.elapsed() < GOOD_FOR).cloned();
        if let Some((user, _)) = known {
            return Ok(user);
        }
        let _slot = self
            .slots
            .try_acquire()
            .map_err(|_| Problem::later("too many unknown tokens at once; try again", 1))?;
        let user = self.ask(token).await?;
        let mut known = self.known.lock();
        known.retain(|_, (_, at)| at.elapsed() < GOOD_FOR);
        if known.len() < MOST_REMEMBERED {
            known.insert(digest, (user.clone(), Instant::now()));
        }
        Ok(user)
    }

    async fn ask(&self, token: &str) -> Result<UserInfo, Problem> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: self.audience.map(|audience| vec![audience.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let answer = within("create a TokenReview", api.create(&PostParams::default(), &review)).await;
        let review = answer.map_err(|error| {
            tracing::warn!(%error, "a token cannot be checked");
            Problem::later("the token cannot be checked now; try again", 5)
        })?;
        let refused = || match self.audience {
            Some(audience) => Problem::unauthorized(format!("the token is none for the audience {audience}")),
            None => Problem::unauthorized("the cluster does not know this token, or it has expired"),
        };
        let status = review.status.ok_or_else(refused)?;
        let audiences = status.audiences.unwrap_or_default();
        // A server that does not know audiences answers without them: such an answer says nothing.
        let is_meant = self.audience.is_none_or(|wanted| audiences.iter().any(|audience| audience == wanted));
        if status.authenticated != Some(true) || !is_meant {
            return Err(refused());
        }
        status.user.ok_or_else(refused)
    }
}
