//! POST `/internal/progress`: what a worker says of its step, with its pod's own token.
//!
//! Which step that is, the pod's labels say; the body is a [`Progress`] and names nothing. Kept in memory by the
//! leader; losing it changes nothing but the display.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::runtime::reflector::ObjectRef;
use videofactory_api::access::{TokenReviewer, bearer};
use videofactory_api::problem::Problem;
use videofactory_pipeline::contract::{Progress, TOKEN_AUDIENCE};

use crate::context::Context;
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
    /// Whose token a worker shows.
    pub tokens: Arc<TokenReviewer>,
}

/// Takes a report.
pub async fn report(
    State(reports): State<Reports>,
    headers: HeaderMap,
    body: Result<Json<Progress>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let context = &reports.context;
    if !context.leads.now() {
        // Not a redirect: clients drop the token when they follow one to another host.
        return Err(Problem::later("this replica does not lead; try again, on a new connection", 1));
    }
    let token =
        bearer(&headers).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "send a bearer token"))?;
    // A remembered token is worth no more than its pod, which is looked up each time.
    let pod_uid = pod_of(reports.tokens.review(token).await?)?;
    let Json(mut progress) = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    progress.message = progress.message.chars().take(MOST_MESSAGE_CHARACTERS).collect();
    progress.fraction = if progress.fraction.is_finite() { progress.fraction.clamp(0.0, 1.0) } else { 0.0 };
    let pod = context.caches.pods.get(&pod_uid).ok_or_else(|| Problem {
        retry_after: Some(1),
        ..Problem::new(StatusCode::NOT_FOUND, "this pod is not known as a step's")
    })?;
    let record = &pod.facts;
    if matches!(record.facts.state, PodState::Ended(_)) {
        return Err(Problem::new(StatusCode::GONE, "this pod has ended"));
    }
    if context.progress.post(&pod.owner, &record.facts, progress) {
        context.caches.videojob_queue.push(ObjectRef::new(&record.job).within(&record.namespace));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// UID of the pod that a token was given to.
fn pod_of(user: UserInfo) -> Result<String, Problem> {
    let uids = user.extra.unwrap_or_default().remove(POD_UID).unwrap_or_default();
    uids.into_iter().next().ok_or_else(|| {
        let detail = format!("show the token of a step's pod, made for the audience {TOKEN_AUDIENCE}");
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    })
}
