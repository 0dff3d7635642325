//! `retry` and `restart`: to do again, and whether that pays again.

use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_crds::{StepStatus, VideoJob, requests};

use super::{Plan, Request, annotate, phase, ready, steps};
use crate::job_ref::JobRef;

impl Request {
    pub(super) fn retry(&self, job: &VideoJob) -> Plan {
        let name = JobRef::of(job);
        match phase(job) {
            Phase::Succeeded => Plan::Refused(format!(
                "{name} has succeeded, so there is nothing to retry; to make the film again, ask for a restart"
            )),
            Phase::Suspended => {
                Plan::Refused(format!("{name} is suspended; to continue it, ask for a resume"))
            }
            Phase::Review => {
                Plan::Refused(format!("{name} waits for a review; approve or reject what it has made"))
            }
            Phase::Failed if steps(job).any(|step| step.reason == Some(VideoJobReason::Rejected)) => {
                Plan::Refused(format!(
                    "{name} was rejected, which no retry undoes; change it, or ask for a restart to make it again"
                ))
            }
            Phase::Pending | Phase::Running if self.is_of_many() => {
                Plan::Unchanged("it has not stopped, and a retry of many leaves it alone".to_owned())
            }
            _ if self.is_of_many() && asks_whether_to_pay(job) => Plan::Refused(format!(
                "{name} asks whether to pay again; read its message, and retry it by its name if you agree"
            )),
            _ => annotate(requests::RETRY, &self.at.to_string()),
        }
    }

    pub(super) fn restart(&self, job: &VideoJob) -> Plan {
        let mut annotations = json!({requests::RESTART: self.at.to_string()});
        // What was decided speaks of the run before, even where the new one makes the very same.
        for decision in [requests::APPROVED, requests::REJECTED] {
            if job.annotations().contains_key(decision) {
                annotations[decision] = Value::Null;
            }
        }
        Plan::Patch(json!({"metadata": {"annotations": annotations}}))
    }
}

/// Whether a retry of this job would be the permission to pay again for what was paid for.
#[must_use]
pub fn asks_whether_to_pay(job: &VideoJob) -> bool {
    let asks = |step: &StepStatus| {
        matches!(step.reason, Some(VideoJobReason::OutcomeUnknown | VideoJobReason::ArtifactsPruned))
    };
    // No step of it has begun, as far as its status knows.
    let is_incomplete =
        ready(job).is_some_and(|ready| ready.reason == VideoJobReason::RestoreIncomplete.to_string());
    is_incomplete || steps(job).any(asks)
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::super::testing::{asked, at, job, patch, refusal};
    use super::*;

    #[test]
    fn a_failed_or_waiting_job_is_retried_by_its_annotation() {
        for (phase, reason) in [("Failed", "RetriesExhausted"), ("Waiting", "OutcomeUnknown")] {
            let patch = patch(asked(Action::Retry).plan(&job(phase, reason)));
            assert_eq!(patch["metadata"]["annotations"][requests::RETRY], "2026-12-24T18:00:00Z");
        }
    }

    #[test]
    fn where_a_retry_does_nothing_the_refusal_says_what_to_do() {
        for (phase, reason, hint) in [
            ("Succeeded", "Completed", "restart"),
            ("Suspended", "Held", "resume"),
            ("Review", "AwaitingReview", "approve"),
            ("Failed", "Rejected", "restart"),
        ] {
            let why = refusal(asked(Action::Retry).plan(&job(phase, reason)));
            assert!(why.contains("films/ocean") && why.contains(hint), "{why}");
        }
    }

    #[test]
    fn a_restart_takes_back_what_was_decided_of_the_run_before() {
        let mut film = job("Failed", "Rejected");
        assert_eq!(
            patch(asked(Action::Restart).plan(&film)),
            json!({"metadata": {"annotations": {requests::RESTART: "2026-12-24T18:00:00Z"}}})
        );
        film.annotations_mut().insert(requests::REJECTED.to_owned(), "assemble-video@3f9c".to_owned());
        let asked = patch(asked(Action::Restart).plan(&film));
        assert_eq!(
            asked["metadata"]["annotations"],
            json!({requests::RESTART: "2026-12-24T18:00:00Z", requests::REJECTED: null})
        );
    }

    #[test]
    fn a_retry_of_many_is_no_permission_to_pay_again() {
        let many = Request::of_many(Action::Retry, at());
        for reason in ["OutcomeUnknown", "ArtifactsPruned"] {
            assert!(refusal(many.plan(&job("Waiting", reason))).contains("pay again"));
        }
        assert!(matches!(many.plan(&job("Failed", "RetriesExhausted")), Plan::Patch(_)));
        for phase in ["Running", "Pending"] {
            assert!(
                matches!(many.plan(&job(phase, "Progressing")), Plan::Unchanged(_)),
                "it may ask any moment"
            );
        }
        let mut bare = job("Waiting", "Progressing");
        bare.status.as_mut().unwrap().conditions = serde_json::from_value(json!([{
            "type": "Ready", "status": "False", "reason": "RestoreIncomplete", "message": "",
            "lastTransitionTime": "2026-12-24T18:00:00Z",
        }]))
        .unwrap();
        assert!(refusal(many.plan(&bare)).contains("pay again"));
    }
}
