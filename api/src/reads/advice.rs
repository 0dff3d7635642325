//! What a person can do where a job cannot go on by itself. Pure.

use serde::Serialize;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_client::job_action::ready;
use videofactory_client::job_advice::{Advice, Attention, advice, attention};
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
    pub what_to_do: String,
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
        what_to_do: what_to_do(advice(job), &JobRef::of(job)),
    })
}

fn what_to_do(advice: Advice, job: &JobRef) -> String {
    let path = format!("/jobs/{job}");
    match advice {
        Advice::PayAgain => format!(
            "decide whether to pay again: POST {path}/retry is the permission to pay, and nothing is bought without it"
        ),
        Advice::RestoreStatus => format!(
            "restore its status by POST /restore with a backup that holds the job; or POST {path}/retry, which makes the \
             film again and pays for it"
        ),
        Advice::RaiseBudget => {
            "raise spec.budget.limit, or make the video cheaper; the job then continues automatically".to_owned()
        }
        Advice::NamePrice => {
            "name the price in spec.prices of the ProviderAccount; the job then continues automatically".to_owned()
        }
        Advice::RenewCredentials => {
            "put valid credentials into the Secret that the message names; the job then continues automatically".to_owned()
        }
        Advice::EditScenes => "change the prompt of the scene in spec.sceneOverrides, or skip the scene; the job then \
                               continues automatically"
            .to_owned(),
        Advice::AcceptQuality => format!(
            "look at the film (GET {path}/artifacts); take it as it is by the annotation videofactory.dev/accept-quality, or \
             change the video"
        ),
        Advice::EditRejected => format!("change the video, or POST {path}/restart to make it again"),
        Advice::AllowSideEffects => {
            "the operator runs with VIDEOFACTORY_SIDE_EFFECTS=Suspend; once that is over the job continues automatically"
                .to_owned()
        }
        Advice::FollowMessage => {
            format!("do what the message says; if the job does not continue then: POST {path}/retry")
        }
        Advice::FixThenRetry => format!("read GET {path}/logs and /events, fix the cause, then POST {path}/retry"),
        Advice::ReadMessage => "do what the message says".to_owned(),
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
    fn where_a_retry_pays_again_it_says_so() {
        for reason in ["OutcomeUnknown", "ArtifactsPruned", "RestoreIncomplete"] {
            let said = of(&job("Waiting", true, reason)).unwrap().what_to_do;
            assert!(
                said.contains("pay") && said.contains("POST /jobs/films/ocean/retry"),
                "{reason}: {said}"
            );
        }
    }

    #[test]
    fn who_goes_on_alone_has_no_error() {
        assert_eq!(of(&job("Waiting", false, "AwaitingQuota")), None);
        assert_eq!(of(&job("Review", false, "AwaitingReview")), None);
    }
}
