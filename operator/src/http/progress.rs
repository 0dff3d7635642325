//! POST `/internal/progress`: what a worker says of its step, with its pod's own token.
//!
//! Which step that is, the pod's labels say; the body is a [`Progress`] and names nothing. Kept in memory by the
//! leader; losing it changes nothing but the display.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use kube::runtime::reflector::ObjectRef;
use videofactory_pipeline::contract::Progress;

use super::{Problem, Shared};
use crate::videojob::model::PodState;

/// Most characters of a worker's words.
const MOST_MESSAGE_CHARACTERS: usize = 300;

/// Takes a report.
pub async fn report(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Result<Json<Progress>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let context = &shared.context;
    if !context.leads.now() {
        // Not a redirect: clients drop the token when they follow one to another host.
        return Err(Problem::later("this replica does not lead; try again, on a new connection", 1));
    }
    let token =
        bearer(&headers).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "send a bearer token"))?;
    let pod_uid = shared.tokens.pod_of(token).await?;
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
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
