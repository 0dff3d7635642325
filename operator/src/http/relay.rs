//! What only the leader knows, on the replicas that do not lead: they ask it for what workers say, and pass on to it what
//! workers say to them.
//!
//! Replicas know each other by a token of their own `ServiceAccount`, which is good for nothing else. Where the leader
//! answers, its Lease says. Losing any of this changes nothing but the display.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::ResourceExt;
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use videofactory_api::changes::Change;
use videofactory_api::problem::Problem;
use videofactory_client::JobRef;
use videofactory_pipeline::contract::Progress;

use crate::caches::{Caches, OwnerKey};
use crate::leader_flag::LeaderFlag;
use crate::progress::Said;
use crate::videojob::build::PROGRESS_PATH;

/// Stands in what a replica passes on: that is passed on no further, whoever leads meanwhile.
pub const RELAYED: HeaderName = HeaderName::from_static("videofactory-relayed");

/// How long an answer is good for: whoever asks more often gets the same one.
pub(super) const TTL: Duration = Duration::from_secs(1);
/// How long a leader that gave no answer is not asked again, so that nobody waits for it each time.
const SPARED_FOR: Duration = Duration::from_secs(5);
/// Longest that the leader may take.
pub(super) const TAKES: Duration = Duration::from_secs(1);
/// Most bytes of its answer: a few hundred for each step at work.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The way to the replica that leads.
pub struct Relay {
    leader_flag: LeaderFlag,
    token_file: PathBuf,
    http: Client<HttpConnector, Body>,
    known: Mutex<Option<Known>>,
}

/// What a leader said last.
struct Known {
    leader: SocketAddr,
    until: Instant,
    said: Arc<Said>,
}

impl Relay {
    /// A way to whom `leader_flag` sees, with the token in this file.
    #[must_use]
    pub fn new(leader_flag: LeaderFlag, token_file: PathBuf) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { leader_flag, token_file, http, known: Mutex::default() }
    }

    /// What workers said last, as the leader has it; nothing while it is away.
    pub async fn said(&self) -> Arc<Said> {
        let Some(leader) = self.leader_flag.leader_address() else { return Arc::default() };
        // Held while asking: of many who ask at once, one asks the leader.
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && known.leader == leader
            && Instant::now() < known.until
        {
            return Arc::clone(&known.said);
        }
        let (said, good_for) = match self.ask(leader).await {
            Ok(said) => (Arc::new(said), TTL),
            Err(error) => {
                tracing::debug!(%leader, error = %format_args!("{error:#}"), "the leader does not send what workers report");
                (Arc::default(), SPARED_FOR)
            }
        };
        *known = Some(Known { leader, until: Instant::now() + good_for, said: Arc::clone(&said) });
        said
    }

    async fn ask(&self, leader: SocketAddr) -> anyhow::Result<Said> {
        let token = self.token().await?;
        let (status, body) = self.call(leader, Method::GET, &token, Body::empty()).await?;
        ensure!(status == StatusCode::OK, "it answered {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).context("its answer cannot be read")
    }

    /// Passes on what a worker says, with the worker's own token; whatever the leader answers.
    pub async fn pass_on(&self, token: &str, progress: &Progress) -> Result<StatusCode, Problem> {
        let away = || Problem::later("no replica of the operator leads; try again", 1);
        let leader = self.leader_flag.leader_address().ok_or_else(away)?;
        let body = serde_json::to_vec(progress)
            .map_err(|error| Problem::internal("the report cannot be passed on", &error))?;
        match self.call(leader, Method::POST, token, Body::from(body)).await {
            Ok((status, _)) if status.is_success() => Ok(status),
            Ok((status, _)) => Err(Problem::new(status, "the replica that leads did not take this")),
            Err(error) => {
                tracing::debug!(%leader, error = %format_args!("{error:#}"), "the leader does not take a report of a worker");
                Err(away())
            }
        }
    }

    /// The token by which other replicas know this one. Kubernetes renews the file.
    pub async fn token(&self) -> anyhow::Result<String> {
        let file = &self.token_file;
        let read = tokio::fs::read_to_string(file).await;
        read.map(|token| token.trim().to_owned())
            .with_context(|| format!("failed to read {}", file.display()))
    }

    async fn call(
        &self,
        leader: SocketAddr,
        method: Method,
        token: &str,
        body: Body,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{leader}{PROGRESS_PATH}"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .header(RELAYED, "true")
            .body(body)?;
        let asking = async {
            let answer = self.http.request(request).await.context("it does not answer")?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!("its answer broke off: {error}"))?;
            anyhow::Ok((status, body.to_bytes()))
        };
        timeout(TAKES, asking)
            .await
            .with_context(|| format!("it gave no answer within {} s", TAKES.as_secs()))?
    }

    /// Notifies those who follow the jobs of what workers report to the leader. Never ends; asks nobody while nobody follows.
    pub async fn watch(&self, caches: &Caches) {
        let mut before: Arc<Said> = Arc::default();
        let mut beat = interval(TTL);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if !caches.changes.has_subscribers() {
                before = Arc::default();
                continue;
            }
            // What it hears itself, the leader sends at once.
            let said = if self.leader_flag.is_leading() { Arc::default() } else { self.said().await };
            publish(caches, &differing(&before, &said));
            before = said;
        }
    }
}

/// The owners of whom something else is said than before.
fn differing<'a>(before: &'a Said, now: &'a Said) -> BTreeSet<&'a OwnerKey> {
    let owners = before.keys().chain(now.keys());
    owners.filter(|owner| before.get(*owner) != now.get(*owner)).collect()
}

fn publish(caches: &Caches, owners: &BTreeSet<&OwnerKey>) {
    if owners.is_empty() {
        return;
    }
    for job in caches.videojobs.state() {
        if owners.contains(&OwnerKey::of(&*job)) {
            let namespace = job.namespace().unwrap_or_default();
            caches.changes.publish(|| Change::Job(JobRef { namespace, name: job.name_any() }));
        }
    }
}
