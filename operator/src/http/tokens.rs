//! Whose token a worker shows: asked of the API server by `TokenReview`, and remembered for a while.
//!
//! A remembered token is worth no more than its pod: the caller looks the pod up in the cache each time.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::TOKEN_AUDIENCE;

use super::Problem;
use crate::client::within;
use axum::http::StatusCode;

/// How long a review is good for.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// Most tokens that are remembered.
const MOST_REMEMBERED: usize = 4096;
/// Reviews at once: strangers must not keep the API server busy through us.
const AT_ONCE: usize = 4;
/// Where a pod's token names the pod.
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// Reviews tokens.
pub struct Reviewer {
    client: Client,
    known: Mutex<HashMap<Digest, (String, Instant)>>,
    slots: Semaphore,
}

impl Reviewer {
    /// A reviewer that asks through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::new(HashMap::new()), slots: Semaphore::new(AT_ONCE) }
    }

    /// UID of the pod that a token was given to.
    pub async fn pod_of(&self, token: &str) -> Result<String, Problem> {
        let digest = Digest::of_bytes(token.as_bytes());
        let known = self.known.lock().get(&digest).filter(|(_, at)| at.elapsed() < GOOD_FOR).cloned();
        if let Some((pod, _)) = known {
            return Ok(pod);
        }
        let _slot = self
            .slots
            .try_acquire()
            .map_err(|_| Problem::later("too many unknown tokens at once; try again", 1))?;
        let pod = self.ask(token).await?;
        let mut known = self.known.lock();
        known.retain(|_, (_, at)| at.elapsed() < GOOD_FOR);
        if known.len() < MOST_REMEMBERED {
            known.insert(digest, (pod.clone(), Instant::now()));
        }
        Ok(pod)
    }

    async fn ask(&self, token: &str) -> Result<String, Problem> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![TOKEN_AUDIENCE.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let answer = within("create a TokenReview", api.create(&PostParams::default(), &review)).await;
        let review = answer.map_err(|error| {
            tracing::warn!(%error, "a worker's token cannot be checked");
            Problem::later("the token cannot be checked now; try again", 5)
        })?;
        let refused = || {
            let detail = format!("show the token of a step's pod, made for the audience {TOKEN_AUDIENCE}");
            Problem::new(StatusCode::UNAUTHORIZED, detail)
        };
        let status = review.status.ok_or_else(refused)?;
        let audiences = status.audiences.unwrap_or_default();
        // A server that does not know audiences answers without them: such an answer says nothing.
        if status.authenticated != Some(true) || !audiences.iter().any(|audience| audience == TOKEN_AUDIENCE)
        {
            return Err(refused());
        }
        let extra = status.user.and_then(|user| user.extra).unwrap_or_default();
        extra.get(POD_UID).and_then(|uids| uids.first()).cloned().ok_or_else(refused)
    }
}
