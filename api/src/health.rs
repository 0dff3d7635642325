//! GET `/health`, `/health/full` and `/ready`.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::within;
use videofactory_crds::ProviderAccount;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_pipeline::clock;

use crate::access::{Caller, Permission};
use crate::checks::Check;
use crate::problem::Problem;
use crate::state::{NOT_READY, State};
use crate::unwatched;

/// What is said of an object without conditions.
pub(crate) const UNSEEN: &str = "the operator has not looked at it yet";

/// All checks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// Whether every check is healthy.
    healthy: bool,
    checks: Vec<Check>,
    /// When this was answered.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// Whether the process answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Alive {
    /// Always true.
    healthy: bool,
}

/// Whether the process can act or stand by.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ready {
    /// Always true; where it is not, the answer is 503.
    ready: bool,
    /// Whether this replica is the one that acts.
    leader: bool,
}

/// The routes with their documentation.
pub fn routes(state: State) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(full)).with_state(state)
}

/// `/health` and `/ready` alone, for the kubelet: at a port of their own callers cannot take its places.
pub fn probes(state: State) -> Router {
    Router::new().route("/health", get(alive)).route("/ready", get(ready)).with_state(state)
}

/// All checks, made now.
async fn all(state: &State) -> Vec<Check> {
    let mut checks = vec![kubernetes(state).await, storage(state), controller(state)];
    checks.extend(namespaces(state));
    checks.extend(accounts(state));
    checks
}

/// All checks: of a moment ago, or made now.
pub async fn checks(state: &State) -> Vec<Check> {
    state.checks.get(all(state)).await
}

/// The process answers.
#[utoipa::path(get, path = "/health", operation_id = "is_alive", tag = "health", security(()), responses(
    (status = 200, description = "The process answers", body = Alive),
))]
async fn alive() -> Json<Alive> {
    Json(Alive { healthy: true })
}

/// Whether this replica can act or stand by: all caches are complete and up to date, and it is not about to end.
#[utoipa::path(get, path = "/ready", operation_id = "is_ready", tag = "health", security(()), responses(
    (status = 200, description = "It can act, or stand by", body = Ready),
    (
        status = 503,
        description = "The first lists are not complete yet, the API server has not answered for some time, or the process is \
                       about to end"
    )
))]
async fn ready(Shared(state): Shared<State>) -> Result<Json<Ready>, Problem> {
    if state.stop.is_cancelled() {
        Err(Problem::later("this replica is about to end", 1))
    } else if state.process.is_ready() {
        Ok(Json(Ready { ready: true, leader: state.process.is_leader() }))
    } else {
        Err(Problem::later(NOT_READY, 1))
    }
}

/// All checks. The status is 503 if one of them fails.
#[utoipa::path(get, path = "/health/full", operation_id = "check_health", tag = "health", responses(
    (status = 200, description = "All is healthy", body = Health),
    (status = 503, description = "Something is not healthy", body = Health),
))]
async fn full(Shared(state): Shared<State>, caller: Caller) -> Result<Response, Problem> {
    state.authorizer.check(&caller.user, Permission::Path("/health/full")).await?;
    let checks = checks(&state).await;
    let healthy = checks.iter().all(|check| check.healthy);
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(Health { healthy, checks, timestamp: clock::now() })).into_response())
}

fn check(name: impl Into<String>, healthy: bool, message: String) -> Check {
    Check { name: name.into(), healthy, message, latency_ms: None, timestamp: clock::now() }
}

async fn kubernetes(state: &State) -> Check {
    let asked = Instant::now();
    let answer = within("get the API server's version", state.client.apiserver_version()).await;
    let (healthy, message) = match answer {
        Ok(version) => (true, format!("Kubernetes {}", version.git_version)),
        Err(error) => (false, error.to_string()),
    };
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).ok();
    Check { latency_ms, ..check("kubernetes_api", healthy, message) }
}

/// What the policies' own controller has found.
fn storage(state: &State) -> Check {
    let (mut fit, mut all, mut why) = (0, 0, Vec::new());
    for guarded in state.stores.policies.state() {
        all += 1;
        let name = format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
        let conditions = match &guarded.0 {
            Ok(policy) => {
                policy.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
            }
            Err(error) => {
                why.push(format!("{name} cannot be read: {}", error.error));
                continue;
            }
        };
        match trouble(conditions) {
            None => fit += 1,
            Some(message) => why.push(format!("{name}: {message}")),
        }
    }
    why.sort_unstable();
    let message = match why.first() {
        None => format!("{fit} of {all} buckets can be used"),
        Some(first) => format!("{fit} of {all} buckets can be used; {first}"),
    };
    check("r2_storage", fit == all, message)
}

/// A failed check for each namespace that should be watched and is not.
fn namespaces(state: &State) -> impl Iterator<Item = Check> {
    state.process.unwatched().into_iter().map(|namespace| {
        let message = format!("{}: {}", unwatched::message(&namespace), unwatched::HINT);
        check(format!("namespace:{namespace}"), false, message)
    })
}

/// A check for each account, in the order of their names.
fn accounts(state: &State) -> Vec<Check> {
    let mut checks: Vec<Check> = state
        .stores
        .accounts
        .state()
        .iter()
        .map(|guarded| {
            let name = format!("account:{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
            match &guarded.0 {
                Ok(account) => of_account(name, account),
                Err(error) => check(name, false, format!("it cannot be read: {}", error.error)),
            }
        })
        .collect();
    checks.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    checks
}

fn of_account(name: String, account: &ProviderAccount) -> Check {
    let status = account.status.as_ref();
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let health = status.and_then(|status| status.health.as_ref());
    let latency = health.and_then(|health| health.latency_milliseconds);
    let latency_ms = latency.and_then(|milliseconds| u64::try_from(milliseconds).ok());
    let message = trouble(conditions);
    let healthy = message.is_none();
    let fine = || "the service answers and takes the credentials".to_owned();
    Check { latency_ms, ..check(name, healthy, message.unwrap_or_else(fine)) }
}

/// What stands in the way of an object's use: its condition Ready, unless that is true.
fn trouble(conditions: &[Condition]) -> Option<String> {
    match condition::get(conditions, ConditionType::Ready) {
        Some(ready) if ready.status == "True" => None,
        Some(ready) => Some(ready.message.clone()),
        None => Some(UNSEEN.to_owned()),
    }
}

fn controller(state: &State) -> Check {
    let ready = state.process.is_ready();
    let role = if state.process.is_leader() { "leading" } else { "standing by" };
    let caches = if ready { "caches are complete" } else { NOT_READY };
    check("controller", ready, format!("{role}; {caches}"))
}
