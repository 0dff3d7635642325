//! What keeps a job from continuing, and what a person can do then; `job_hint` has it in words. Pure.

use kube::ResourceExt;
use videofactory_crds::condition::{self, ConditionType, VideoJobReason};
use videofactory_crds::{Phase, VideoJob, requests};

use crate::job_action::{asks_whether_to_pay, phase, ready};

/// Why a job does not continue before a person does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attention {
    Failed,
    /// Something is to be changed or decided first; its message says what.
    Stalled,
    /// A result is to be approved or rejected.
    Review,
    /// Somebody holds it.
    Held,
}

/// Why this job does not continue before a person does something; none: it continues automatically, or is done.
#[must_use]
pub fn attention(job: &VideoJob) -> Option<Attention> {
    match phase(job) {
        Phase::Failed => Some(Attention::Failed),
        Phase::Review => Some(Attention::Review),
        Phase::Suspended if is_held(job) => Some(Attention::Held),
        _ => is_stalled(job).then_some(Attention::Stalled),
    }
}

/// Whether it is kept from working. Of one that was let go the status says so later.
#[must_use]
pub fn is_held(job: &VideoJob) -> bool {
    job.spec.suspend || job.annotations().contains_key(requests::HOLD)
}

/// What a person can do for a job that has failed, or waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Decide whether to pay again for what was paid for: a retry is the permission.
    PayAgain,
    /// Restore its status; or retry it, which makes the whole film again and pays for it.
    RestoreStatus,
    /// Allow it more money, or ask for less.
    RaiseBudget,
    /// Name the price of its model.
    NamePrice,
    /// Give the account valid credentials, or credits.
    RenewCredentials,
    /// Change or skip the scenes that a service refuses.
    EditScenes,
    /// Change the film, or take it as it is.
    AcceptQuality,
    /// Change what was rejected, or make all again.
    EditRejected,
    /// Wait until the operator's owner lets side effects happen again.
    AllowSideEffects,
    /// Do what the message says; if it does not continue then, retry it.
    FollowMessage,
    /// Find the cause in the logs, fix it, and retry.
    FixThenRetry,
    /// Read the message: a newer version has written a reason that this one does not know, and a retry may cost money.
    ReadMessage,
}

/// What to do for this job, which has stopped, by the reason of its condition `Ready`.
#[must_use]
pub fn advice(job: &VideoJob) -> Advice {
    let Some(reason) = reason(job) else { return Advice::ReadMessage };
    match of(reason) {
        // What is reported first need not be all: a retry would pay for what another step asks about.
        Advice::FollowMessage | Advice::FixThenRetry if asks_whether_to_pay(job) => Advice::PayAgain,
        advice => advice,
    }
}

/// Whether nothing more happens to it before a person changes or decides something.
#[must_use]
pub fn is_stalled(job: &VideoJob) -> bool {
    let conditions = job.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition::is_true(conditions, ConditionType::Stalled)
}

/// Why it stands where it stands, as far as this version knows the word.
#[must_use]
pub fn reason(job: &VideoJob) -> Option<VideoJobReason> {
    condition::reason(ready(job)?)
}

// Without a wildcard, so that whoever adds a reason decides what people read.
const fn of(reason: VideoJobReason) -> Advice {
    match reason {
        VideoJobReason::OutcomeUnknown | VideoJobReason::ArtifactsPruned => Advice::PayAgain,
        VideoJobReason::RestoreIncomplete => Advice::RestoreStatus,
        VideoJobReason::BudgetExceeded => Advice::RaiseBudget,
        VideoJobReason::PriceUnknown => Advice::NamePrice,
        VideoJobReason::CredentialsInvalid => Advice::RenewCredentials,
        VideoJobReason::ContentRefused => Advice::EditScenes,
        VideoJobReason::QualityCheckFailed => Advice::AcceptQuality,
        VideoJobReason::Rejected => Advice::EditRejected,
        VideoJobReason::SideEffectsSuspended => Advice::AllowSideEffects,
        VideoJobReason::RetriesExhausted
        | VideoJobReason::DeadlineExceeded
        | VideoJobReason::Interrupted
        | VideoJobReason::RetryScheduled
        | VideoJobReason::ProviderUnavailable => Advice::FixThenRetry,
        VideoJobReason::ConfigurationInvalid
        | VideoJobReason::StorageFull
        | VideoJobReason::StorageUnavailable
        | VideoJobReason::AwaitingQuota
        | VideoJobReason::RateLimited
        | VideoJobReason::AwaitingReview
        | VideoJobReason::PreviewReady
        | VideoJobReason::Suspended
        | VideoJobReason::Held
        | VideoJobReason::Progressing
        | VideoJobReason::Available
        | VideoJobReason::AlreadyMade
        | VideoJobReason::Completed => Advice::FollowMessage,
    }
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use serde_json::{Value, json};

    use super::*;

    /// All reasons, as the definition of a `VideoJob` lists them.
    fn reasons() -> Vec<String> {
        let definition = serde_json::to_value(VideoJob::crd()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let steps = &schema["properties"]["status"]["properties"]["steps"];
        let words = steps["items"]["properties"]["reason"]["enum"].as_array().unwrap();
        words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn job(ready: &str, step: &str) -> VideoJob {
        let condition = json!({"type": "Ready", "status": "False", "reason": ready, "message": "",
                               "lastTransitionTime": "2026-12-24T18:00:00Z"});
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {
                "phase": "Waiting", "conditions": [condition],
                "steps": [{"name": "animate-scenes", "state": "Waiting", "reason": step}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn where_a_retry_pays_again_no_advice_is_a_mere_retry() {
        let reasons = reasons();
        assert!(reasons.len() > 25, "{reasons:?}");
        for name in reasons {
            let advice = advice(&job(&name, &name));
            let pays = asks_whether_to_pay(&job(&name, &name));
            let says_so = matches!(advice, Advice::PayAgain | Advice::RestoreStatus);
            assert_eq!(pays, says_so, "{name}: {advice:?}");
        }
    }

    #[test]
    fn a_step_that_asks_for_money_counts_also_where_another_is_reported_first() {
        assert_eq!(advice(&job("RetriesExhausted", "OutcomeUnknown")), Advice::PayAgain);
        assert_eq!(advice(&job("RetriesExhausted", "RetriesExhausted")), Advice::FixThenRetry);
        assert_eq!(advice(&job("BudgetExceeded", "OutcomeUnknown")), Advice::RaiseBudget);
    }

    #[test]
    fn what_keeps_a_job_from_continuing_is_distinguished() {
        let at = |phase: &str, stalled: &str, hold: Option<&str>| {
            let mut job = job("Progressing", "Progressing");
            let mut status = serde_json::to_value(job.status.take()).unwrap();
            status["phase"] = json!(phase);
            status["conditions"] = json!([{"type": "Stalled", "status": stalled, "reason": "Progressing", "message": "",
                                           "lastTransitionTime": "2026-12-24T18:00:00Z"}]);
            job.status = serde_json::from_value(status).unwrap();
            let hold = hold.map(|why| (requests::HOLD.to_owned(), why.to_owned()));
            job.annotations_mut().extend(hold);
            attention(&job)
        };
        for (phase, stalled, hold, expected) in [
            ("Failed", "True", None, Some(Attention::Failed)),
            ("Waiting", "True", None, Some(Attention::Stalled)),
            ("Waiting", "False", None, None),
            ("Review", "False", None, Some(Attention::Review)),
            ("Suspended", "False", Some("lunch"), Some(Attention::Held)),
            ("Suspended", "False", None, None),
            ("Succeeded", "False", Some("lunch"), None),
        ] {
            assert_eq!(at(phase, stalled, hold), expected, "{phase} {stalled} {hold:?}");
        }
    }

    #[test]
    fn a_reason_of_a_newer_version_is_no_reason_to_retry() {
        assert_eq!(advice(&job("TemporalAnomaly", "Progressing")), Advice::ReadMessage);
    }
}
