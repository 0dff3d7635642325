//! `/internal/progress`. POST: what a worker says of its step, with its pod's own token. GET: all that workers said last,
//! for the replicas that do not lead, and for nobody else.
//!
//! Which step that is, the pod's labels say; the body is a [`Progress`] and names nothing. Kept in memory by the
//! leader, to whom the others pass it on; losing it changes nothing but the display.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Extension, Json};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::runtime::reflector::ObjectRef;
use videofactory_api::access::{Caller, TokenReviewer};
use videofactory_api::changes::Change;
use videofactory_api::problem::Problem;
use videofactory_client::JobRef;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{Progress, TOKEN_AUDIENCE};

use super::relay::{RELAYED, Relay};
use crate::context::Context;
use crate::progress::{ProgressChange, Said};
use crate::videojob::model::PodState;

/// Most characters of a worker's words.
const MOST_MESSAGE_CHARACTERS: usize = 300;

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
}

/// Lets nobody in whom the cluster does not know: strangers learn not even which methods there are, and nothing is read
/// of what they send.
pub async fn authenticate(
    State(reports): State<Reports>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts.headers, &reports.tokens).await?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Takes a report.
pub async fn report(
    State(reports): State<Reports>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Json<Progress>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let context = &reports.context;
    // A remembered token is worth no more than its pod, which is looked up each time.
    let pod_uid = pod_of(&caller.user)?;
    let Json(mut progress) = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    progress.message = progress.message.chars().take(MOST_MESSAGE_CHARACTERS).collect();
    progress.fraction = if progress.fraction.is_finite() { progress.fraction.clamp(0.0, 1.0) } else { 0.0 };
    if !context.leads.now() {
        if headers.contains_key(RELAYED) {
            return Err(does_not_lead());
        }
        // Not a redirect: clients drop the token when they follow one to another host.
        return reports.relay.pass_on(caller.token(), &progress).await;
    }
    let pod = context.caches.pods.get(&pod_uid).ok_or_else(|| Problem {
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

/// Tells another replica what workers of steps at work said last.
pub async fn tell(
    State(reports): State<Reports>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Said>, Problem> {
    let context = &reports.context;
    let own = reports.relay.token().await.map_err(|error| {
        tracing::warn!("other replicas are not known, and see no live progress: {error:#}");
        Problem::later("this replica has no token of its own, and knows no other one", 5)
    })?;
    let own = reports.tokens.review(&own).await?;
    if caller.user.username.is_none() || caller.user.username != own.username {
        let detail = "this is for replicas of the operator alone";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, detail).hint("GET /jobs and GET /stream are for others")
        );
    }
    if !context.leads.now() {
        return Err(does_not_lead());
    }
    let is_at_work = |owner: &str, step: StepName| {
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

/// UID of the pod that a token was given to.
fn pod_of(user: &UserInfo) -> Result<String, Problem> {
    let uids = user.extra.as_ref().and_then(|extra| extra.get(POD_UID));
    uids.and_then(|uids| uids.first().cloned()).ok_or_else(|| {
        let detail = format!("show the token of a step's pod, made for the audience {TOKEN_AUDIENCE}");
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    })
}
