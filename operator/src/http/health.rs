//! GET `/health`, `/health/full` and `/ready`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_pipeline::clock;

use super::{Problem, Shared};
use crate::client::within;
use crate::context::Context;

/// How long an answer is good for: whoever asks more often is told the same, and asks the API server nothing.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// One check.
#[derive(Clone, Debug, Serialize)]
struct Check {
    name: &'static str,
    healthy: bool,
    message: String,
    latency_ms: Option<u64>,
    timestamp: Timestamp,
}

/// Remembers the last checks.
#[derive(Debug, Default)]
pub struct Checker {
    last: Mutex<Option<(Instant, Vec<Check>)>>,
}

impl Checker {
    async fn checks(&self, context: &Context) -> Vec<Check> {
        // Held while asking: of many who ask at once, one asks the API server.
        let mut last = self.last.lock().await;
        if let Some((at, checks)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return checks.clone();
        }
        let checks = vec![kubernetes(context).await, storage(context), controller(context)];
        *last = Some((Instant::now(), checks.clone()));
        checks
    }
}

/// The process answers.
pub async fn alive() -> Json<Value> {
    Json(json!({ "healthy": true }))
}

/// Every cache is complete: this replica can act, or stand by.
pub async fn ready(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    if shared.context.caches.are_ready() {
        Ok(Json(json!({ "ready": true, "leader": shared.context.leads.now() })))
    } else {
        Err(Problem::later("the first lists are not complete yet", 1))
    }
}

/// Every check by itself; 503 if one of them fails.
pub async fn full(State(shared): State<Shared>) -> Response {
    let checks = shared.health.checks(&shared.context).await;
    let healthy = checks.iter().all(|check| check.healthy);
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "healthy": healthy, "checks": checks, "timestamp": clock::now() });
    (status, Json(body)).into_response()
}

fn check(name: &'static str, healthy: bool, message: String) -> Check {
    Check { name, healthy, message, latency_ms: None, timestamp: clock::now() }
}

async fn kubernetes(context: &Context) -> Check {
    let asked = Instant::now();
    let answer = within("get the API server's version", context.client.apiserver_version()).await;
    let (healthy, message) = match answer {
        Ok(version) => (true, format!("Kubernetes {}", version.git_version)),
        Err(error) => (false, error.to_string()),
    };
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).ok();
    Check { latency_ms, ..check("kubernetes_api", healthy, message) }
}

/// What the policies' own controller has found.
fn storage(context: &Context) -> Check {
    let policies = context.caches.policies.state();
    let fit = policies.iter().filter(|policy| {
        let status = policy.0.as_ref().ok().and_then(|policy| policy.status.as_ref());
        status.is_some_and(|status| condition::is_true(&status.conditions, ConditionType::Ready))
    });
    let (fit, all) = (fit.count(), policies.len());
    check("r2_storage", fit == all, format!("{fit} of {all} buckets can be used"))
}

fn controller(context: &Context) -> Check {
    let ready = context.caches.are_ready();
    let role = if context.leads.now() { "leading" } else { "standing by" };
    let caches = if ready { "caches are complete" } else { "caches are being filled" };
    check("controller", ready, format!("{role}; {caches}"))
}
