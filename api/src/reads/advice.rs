//! What a person can do where a job cannot go on by itself. Pure.

use serde::Serialize;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{Phase, VideoJob};

use crate::schemas;

/// Why a job failed or waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobError {
    /// A stable word, as in the object's conditions.
    #[schema(value_type = schemas::Reason)]
    pub reason: String,
    /// Description of the problem.
    pub message: String,
    /// The next thing to do.
    pub what_to_do: String,
}

/// Why a job has failed or waits for a person, if it does.
#[must_use]
pub fn of(job: &VideoJob) -> Option<JobError> {
    let status = job.status.as_ref()?;
    let needs_somebody =
        phase(job) == Phase::Failed || condition::is_true(&status.conditions, ConditionType::Stalled);
    let ready = condition::get(&status.conditions, ConditionType::Ready).filter(|_| needs_somebody)?;
    Some(JobError {
        reason: ready.reason.clone(),
        message: ready.message.clone(),
        what_to_do: what_to_do(&ready.reason, &JobRef::of(job)),
    })
}

fn what_to_do(reason: &str, job: &JobRef) -> String {
    let path = format!("/jobs/{job}");
    match reason {
        "BudgetExceeded" => {
            "raise spec.budget.limit, or make the video cheaper; the job then goes on by itself".to_owned()
        }
        "PriceUnknown" => {
            "name the price in spec.prices of the ProviderAccount; the job then goes on by itself".to_owned()
        }
        "ContentRefused" => {
            "change the prompt of the scene in spec.sceneOverrides, or skip the scene; the job then goes on by itself"
                .to_owned()
        }
        "CredentialsInvalid" => {
            "put valid credentials into the Secret that the message names; the job then goes on by itself".to_owned()
        }
        "ConfigurationInvalid" => {
            "create what is missing, or correct the spec; the job then goes on by itself".to_owned()
        }
        "OutcomeUnknown" | "ArtifactsPruned" => format!(
            "decide whether to pay again: POST {path}/retry is the leave to do so, and nothing is bought without it"
        ),
        "QualityCheckFailed" => format!(
            "look at the film (GET {path}/artifacts); take it as it is by the annotation videofactory.dev/accept-quality, or \
             change the video"
        ),
        "Rejected" => format!("change the video, or POST {path}/restart to make it anew"),
        _ => format!("read GET {path}/logs and /events, mend the cause, then POST {path}/retry"),
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
        assert!(unknown.what_to_do.contains("POST /jobs/films/ocean/retry"), "{}", unknown.what_to_do);
        let failed = of(&job("Failed", true, "RetriesExhausted")).unwrap();
        assert!(failed.what_to_do.contains("/logs"), "{}", failed.what_to_do);
        assert!(of(&job("Failed", false, "Rejected")).unwrap().what_to_do.contains("restart"));
    }

    #[test]
    fn who_goes_on_alone_has_no_error() {
        assert_eq!(of(&job("Waiting", false, "AwaitingQuota")), None);
        assert_eq!(of(&job("Review", false, "AwaitingReview")), None);
    }
}
