//! Why a job failed or waits for a person, and what they can do. Pure.

use serde::Serialize;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_client::job_action::ready;
use videofactory_client::job_advice::{Attention, attention};
use videofactory_client::job_hint::{JobCommands, hint};
use videofactory_crds::VideoJob;

use crate::schemas;

/// Why a job failed or waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobError {
    /// A stable word, as in the object's conditions.
    #[schema(value_type = schemas::Reason)]
    pub reason: String,
    /// Description of the problem.
    pub message: String,
    /// The next thing to do.
    pub hint: String,
}

/// Why a job has failed or waits for a person, if it does.
#[must_use]
pub fn of(job: &VideoJob) -> Option<JobError> {
    if !matches!(attention(job), Some(Attention::Failed | Attention::Stalled)) {
        return None;
    }
    let ready = ready(job)?;
    Some(JobError {
        reason: ready.reason.clone(),
        message: ready.message.clone(),
        hint: hint(job, &Requests(JobRef::of(job))),
    })
}

/// Requests to this API.
struct Requests(JobRef);

impl JobCommands for Requests {
    fn retry(&self) -> String {
        format!("POST /jobs/{}/retry", self.0)
    }

    fn restart(&self) -> String {
        format!("POST /jobs/{}/restart", self.0)
    }

    fn logs(&self) -> String {
        format!("GET /jobs/{0}/logs and GET /jobs/{0}/events", self.0)
    }

    fn film(&self) -> String {
        format!("GET /jobs/{}/artifacts", self.0)
    }

    fn restore(&self) -> String {
        format!("POST /restore?namespace={}", self.0.namespace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(phase: &str, stalled: bool, reason: &str) -> VideoJob {
        let condition = |kind: &str, status: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": "why",
                   "lastTransitionTime": "2026-12-24T18:00:00Z"})
        };
        let mut conditions = vec![condition("Ready", "False")];
        if stalled {
            conditions.push(condition("Stalled", "True"));
        }
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {"phase": phase, "conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn who_waits_for_a_person_says_what_to_do() {
        let unknown = of(&job("Waiting", true, "OutcomeUnknown")).unwrap();
        assert!(unknown.hint.contains("POST /jobs/films/ocean/retry"), "{}", unknown.hint);
        let failed = of(&job("Failed", true, "RetriesExhausted")).unwrap();
        assert!(failed.hint.contains("/logs"), "{}", failed.hint);
        assert!(of(&job("Failed", false, "Rejected")).unwrap().hint.contains("restart"));
    }

    #[test]
    fn who_continues_automatically_has_no_error() {
        assert_eq!(of(&job("Waiting", false, "AwaitingQuota")), None);
        assert_eq!(of(&job("Review", false, "AwaitingReview")), None);
    }
}
