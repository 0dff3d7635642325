//! Whose token somebody shows: asked of the API server by `TokenReview`, and remembered for a while.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use axum::http::StatusCode;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use videofactory_client::within;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// How long a review is good for: so long a token that was revoked still counts.
const REVIEW_TTL: Duration = Duration::from_mins(1);
/// How long a refusal is: whoever repeats it costs the API server nothing.
const REFUSAL_TTL: Duration = Duration::from_secs(10);
/// How long a valid token counts as known: it is reviewed again without queueing behind new tokens.
const KNOWN_TOKEN_TTL: Duration = Duration::from_mins(10);
/// Most tokens that are remembered, and most refusals.
const MAX_CACHED: usize = 4096;
/// Concurrent reviews of new tokens, and of known ones: new ones must not keep the API server busy through us.
const REVIEW_CONCURRENCY: usize = 4;
/// Most tokens that wait for a review, and how long: the number of concurrent requests is limited, too.
const MAX_QUEUED: usize = 64;
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Reviews tokens that were made for one audience.
pub struct TokenReviewer {
    client: Client,
    /// `None`: the API server's own.
    audience: Option<&'static str>,
    known: Mutex<HashMap<Digest, (UserInfo, Instant)>>,
    refused: Mutex<HashMap<Digest, (Problem, Instant)>>,
    known_tokens: ReviewQueue,
    new_tokens: ReviewQueue,
}

/// Concurrent reviews of tokens, and the queue before them.
struct ReviewQueue {
    slots: Semaphore,
    queue_slots: Semaphore,
}

impl Default for ReviewQueue {
    fn default() -> Self {
        Self {
            slots: Semaphore::new(REVIEW_CONCURRENCY),
            queue_slots: Semaphore::new(REVIEW_CONCURRENCY + MAX_QUEUED),
        }
    }
}

impl ReviewQueue {
    async fn run<T>(&self, review: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let busy = || Problem::later("too many tokens are to be checked at once; try again", 1);
        let _queue_slot = self.queue_slots.try_acquire().map_err(|_| busy())?;
        let slot = timeout(MAX_WAIT, self.slots.acquire()).await.map_err(|_| busy())?;
        let _slot = slot.map_err(|_| busy())?;
        review.await
    }
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
        Self {
            client,
            audience,
            known: Mutex::default(),
            refused: Mutex::default(),
            known_tokens: ReviewQueue::default(),
            new_tokens: ReviewQueue::default(),
        }
    }

    /// Whose token this is.
    pub async fn review(&self, token: &str) -> Result<UserInfo, Problem> {
        let digest = Digest::of_bytes(token.as_bytes());
        if let Some(refusal) = cached(&self.refused, &digest, REFUSAL_TTL) {
            return Err(refusal);
        }
        if let Some(user) = cached(&self.known, &digest, REVIEW_TTL) {
            return Ok(user);
        }
        let was_known = cached(&self.known, &digest, KNOWN_TOKEN_TTL).is_some();
        let queue = if was_known { &self.known_tokens } else { &self.new_tokens };
        let answer = queue.run(self.ask(token)).await;
        match &answer {
            Ok(user) => insert_cached(&self.known, digest, user.clone(), KNOWN_TOKEN_TTL),
            Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
                self.known.lock().remove(&digest);
                insert_cached(&self.refused, digest, refusal.clone(), REFUSAL_TTL);
            }
            Err(_) => {}
        }
        answer
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

type TokenCache<T> = Mutex<HashMap<Digest, (T, Instant)>>;

fn cached<T: Clone>(cache: &TokenCache<T>, digest: &Digest, good_for: Duration) -> Option<T> {
    cache.lock().get(digest).filter(|(_, at)| at.elapsed() < good_for).map(|(what, _)| what.clone())
}

fn insert_cached<T>(cache: &TokenCache<T>, digest: Digest, what: T, good_for: Duration) {
    let mut cache = cache.lock();
    if cache.len() >= MAX_CACHED {
        cache.retain(|_, (_, at)| at.elapsed() < good_for);
    }
    if cache.len() < MAX_CACHED || cache.contains_key(&digest) {
        cache.insert(digest, (what, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::{Value, json};
    use videofactory_client::connect;

    use super::*;
    use crate::testing::documented;
    use crate::testing::serve;

    /// An API server that knows the token `good`, and has reviewed so many. New tokens wait for it.
    #[derive(Clone)]
    struct Server {
        asked: Arc<Mutex<Vec<String>>>,
        gate: Arc<Semaphore>,
    }

    impl Server {
        async fn review(self, Json(mut review): Json<Value>) -> Json<Value> {
            let token = review["spec"]["token"].as_str().unwrap().to_owned();
            self.asked.lock().push(token.clone());
            if token.starts_with("stranger") {
                drop(self.gate.acquire().await.unwrap());
            }
            review["status"] = json!({"authenticated": token == "good", "user": {"username": token}});
            Json(review)
        }

        fn asked(&self, token: &str) -> usize {
            self.asked.lock().iter().filter(|asked| *asked == token).count()
        }
    }

    async fn harness() -> (Server, Arc<TokenReviewer>) {
        let server = Server { asked: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
        let slots = server.clone();
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let router = Router::new().route(path, post(move |review| slots.clone().review(review)));
        let config = kube::Config::new(serve(router).await.parse().unwrap());
        (server, Arc::new(TokenReviewer::of_api_server(connect(config, "test").unwrap())))
    }

    #[tokio::test]
    async fn a_refusal_is_remembered_too() {
        let (server, reviewer) = harness().await;
        for _ in 0..3 {
            assert_eq!(reviewer.review("bad").await.unwrap_err().status, StatusCode::UNAUTHORIZED);
            assert!(reviewer.review("good").await.is_ok());
        }
        assert_eq!((server.asked("bad"), server.asked("good")), (1, 1));
    }

    #[tokio::test]
    async fn strangers_keep_nobody_out_whose_token_was_good() {
        let (server, reviewer) = harness().await;
        reviewer.review("good").await.unwrap();
        let digest = Digest::of_bytes(b"good");
        let old = Instant::now().checked_sub(REVIEW_TTL).unwrap();
        reviewer.known.lock().get_mut(&digest).unwrap().1 = old;
        let new_tokens: Vec<_> = (0..REVIEW_CONCURRENCY + MAX_QUEUED)
            .map(|number| {
                let reviewer = reviewer.clone();
                tokio::spawn(async move { reviewer.review(&format!("stranger {number}")).await })
            })
            .collect();
        while reviewer.new_tokens.queue_slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let one_more = reviewer.review("one more").await.unwrap_err();
        assert_eq!(one_more.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reviewer.review("good").await.is_ok(), "it is reviewed again beside them");
        assert_eq!(server.asked("good"), 2);
        server.gate.add_permits(1_000);
        for stranger in new_tokens {
            assert!(stranger.await.unwrap().is_err());
        }
    }

    #[test]
    fn the_limit_of_new_tokens_is_documented() {
        let (tokens, wait) = (REVIEW_CONCURRENCY + MAX_QUEUED, MAX_WAIT.as_secs());
        let known =
            format!("503; tokens that were valid in the last {} minutes", KNOWN_TOKEN_TTL.as_secs() / 60);
        documented::limit(&format!(
            "Tokens that are new to the operator and being checked, or waiting for the check | {tokens}, for at most \
             {wait} s | {known}"
        ));
    }
}
