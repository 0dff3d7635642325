//! `/internal/progress`. POST: what a worker says of its step, with its pod's own token. GET: all that workers said last,
//! for the replicas that do not lead, and for nobody else.
//!
//! Which step that is, the pod's labels say; the body is a [`Progress`] and names nothing. Kept in memory by the
//! leader, to whom the others pass it on; losing it changes nothing but the display.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Extension, Json};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::runtime::reflector::ObjectRef;
use tokio::time::timeout;
use videofactory_api::access::{Caller, TokenReviewer};
use videofactory_api::changes::Change;
use videofactory_api::limits::Limits;
use videofactory_api::problem::Problem;
use videofactory_api::{body, body_guard};
use videofactory_client::JobRef;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{Progress, TOKEN_AUDIENCE};

use super::relay::{RELAYED, Relay};
use crate::caches::OwnerKey;
use crate::context::Context;
use crate::progress::{ProgressChange, Said};
use crate::videojob::model::PodState;

/// Most bytes of what a worker reports.
pub(super) const MAX_BYTES: usize = 16 * 1024;
/// Longest time in which a report must have come: it is small, and a worker sends it at once.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Most characters of a worker's words.
const MAX_MESSAGE_CHARACTERS: usize = 300;

/// Where a pod's token names the pod.
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// What is needed to take a report.
#[derive(Clone)]
pub struct Reports {
    /// What the controllers share.
    pub context: Context,
    /// Whose token a worker or a replica shows.
    pub tokens: Arc<TokenReviewer>,
    /// The way to the replica that leads.
    pub relay: Arc<Relay>,
    /// How much callers may ask for, here and of the API.
    pub limits: Arc<Limits>,
}

/// Lets nobody in whom the cluster does not know: without a valid token nothing is said, not even which methods there
/// are, and nothing is read of what they send. No pod takes the places of others.
pub async fn authenticate(
    State(reports): State<Reports>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts.headers, &reports.tokens).await?;
    let pod = pod_of(&caller.user);
    // The steps of a namespace have one ServiceAccount.
    let whose = pod.unwrap_or_else(|| caller.name());
    reports.limits.count(whose)?;
    let share = reports.limits.request_of(whose)?;
    if parts.method == Method::POST && pod.is_none() {
        return Err(no_pod());
    }
    parts.extensions.insert(caller);
    Ok(body_guard::with_guard(next.run(Request::from_parts(parts, body)).await, share))
}

/// Takes a report.
pub async fn report(
    State(reports): State<Reports>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let context = &reports.context;
    // A remembered token is worth no more than its pod, which is looked up each time.
    let pod_uid = pod_of(&caller.user).ok_or_else(no_pod)?;
    let is_relayed = request.headers().contains_key(RELAYED);
    let mut progress = read(request).await?;
    progress.message = progress.message.chars().take(MAX_MESSAGE_CHARACTERS).collect();
    progress.fraction = if progress.fraction.is_finite() { progress.fraction.clamp(0.0, 1.0) } else { 0.0 };
    if !context.leader_flag.is_leading() {
        if is_relayed {
            return Err(does_not_lead());
        }
        // Not a redirect: clients drop the token when they follow one to another host.
        return reports.relay.pass_on(caller.token(), &progress).await;
    }
    let pod = context.caches.pods.get(pod_uid).ok_or_else(|| Problem {
        retry_after: Some(1),
        ..Problem::new(StatusCode::NOT_FOUND, "this pod is not known as a step's")
    })?;
    let record = &pod.facts;
    if matches!(record.facts.state, PodState::Ended(_)) {
        return Err(Problem::new(StatusCode::GONE, "this pod has ended"));
    }
    let change = context.progress.post(&pod.owner, &record.facts, progress);
    if change != ProgressChange::None {
        context.caches.changes.publish(|| {
            Change::Job(JobRef { namespace: record.namespace.clone(), name: record.job.clone() })
        });
    }
    if change == ProgressChange::StatusDue {
        context.caches.videojob_queue.push(ObjectRef::new(&record.job).within(&record.namespace));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What a worker says, once all of it has come.
async fn read(request: Request) -> Result<Progress, Problem> {
    let reading = timeout(TIMEOUT, Json::<Progress>::from_request(request, &()));
    let read = reading.await.map_err(|_| body::too_slow(TIMEOUT))?;
    let Json(progress) = read.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    Ok(progress)
}

/// Sends another replica what workers of steps at work reported last.
pub async fn serve_progress(
    State(reports): State<Reports>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Said>, Problem> {
    let context = &reports.context;
    let own = reports.relay.token().await.map_err(|error| {
        tracing::warn!(error = %format_args!("{error:#}"), "other replicas are not known, and see no live progress");
        Problem::later("this replica has no token of its own, and knows no other one", 5)
    })?;
    let own = reports.tokens.review(&own).await?;
    if caller.user.username.is_none() || caller.user.username != own.username {
        let detail = "this is for replicas of the operator alone";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, detail).hint("GET /jobs and GET /stream are for others")
        );
    }
    if !context.leader_flag.is_leading() {
        return Err(does_not_lead());
    }
    let is_at_work = |owner: &OwnerKey, step: StepName| {
        let pods = context.caches.pods.of(owner);
        pods.iter()
            .map(|pod| &pod.object.facts.facts)
            .any(|pod| pod.step == step && pod.state == PodState::Running)
    };
    Ok(Json(context.progress.all(is_at_work)))
}

fn does_not_lead() -> Problem {
    Problem::later("this replica does not lead; try again, on a new connection", 1)
}

/// UID of the pod that a token was given to, if it was given to one.
fn pod_of(user: &UserInfo) -> Option<&str> {
    user.extra.as_ref()?.get(POD_UID)?.first().map(String::as_str)
}

fn no_pod() -> Problem {
    let detail = format!("show the token of a step's pod, made for the audience {TOKEN_AUDIENCE}");
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}
