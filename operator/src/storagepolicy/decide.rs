//! Decide: a finding becomes conditions, and says when to ask again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::condition::{self, ConditionState, ConditionStatus, ConditionType};
use videofactory_crds::{Reason, StoragePolicy, StoragePolicyStatus};

use super::observe::Finding;

/// How often a bucket that is fit is asked.
const WHILE_FIT: Duration = Duration::from_mins(5);
/// How soon a bucket that is not fit is asked again, at first and at last.
const WHILE_UNFIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// The status that says what was found.
#[must_use]
pub fn decide(policy: &StoragePolicy, finding: &Finding, now: Timestamp) -> StoragePolicyStatus {
    let name = &policy.spec.bucket.name;
    let (ready, healthy, reason, message) = match finding {
        Finding::Fit => {
            let message = format!("bucket {name:?} answers, takes the credentials and writes once");
            (true, ConditionStatus::True, Reason::Available, message)
        }
        Finding::Unfit { reason, answered, message } => {
            let healthy = answered.map_or(ConditionStatus::Unknown, ConditionStatus::from);
            (false, healthy, *reason, message.clone())
        }
    };
    let mut status = policy.status.clone().unwrap_or_default();
    let generation = policy.metadata.generation;
    status.observed_generation = generation;
    let healthy_reason = if healthy == ConditionStatus::True { Reason::Available } else { reason };
    for (kind, holds, reason) in
        [(ConditionType::Ready, ready.into(), reason), (ConditionType::Healthy, healthy, healthy_reason)]
    {
        let state = ConditionState { kind, status: holds, reason, message: message.clone() };
        condition::set(&mut status.conditions, state, generation, now);
    }
    status
}

/// How long a finding is good for, after so many findings in a row that the bucket is not fit.
#[must_use]
pub fn good_for(finding: &Finding, times: u32) -> Duration {
    match finding {
        Finding::Fit => WHILE_FIT,
        Finding::Unfit { .. } => {
            let (first, last) = WHILE_UNFIT;
            first.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(last)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "generation": 3},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn down() -> Finding {
        Finding::Unfit { reason: Reason::StorageUnavailable, answered: Some(false), message: "down".into() }
    }

    fn shown(status: &StoragePolicyStatus) -> Vec<(&str, &str, &str)> {
        let conditions = status.conditions.iter();
        conditions.map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str())).collect()
    }

    #[test]
    fn a_fit_bucket_is_ready_and_healthy() {
        let status = decide(&policy(), &Finding::Fit, at(10));
        assert_eq!(shown(&status), [("Ready", "True", "Available"), ("Healthy", "True", "Available")]);
        assert_eq!(status.observed_generation, Some(3));
    }

    #[test]
    fn an_unreachable_bucket_is_neither() {
        let status = decide(&policy(), &down(), at(10));
        let expected = [("Ready", "False", "StorageUnavailable"), ("Healthy", "False", "StorageUnavailable")];
        assert_eq!(shown(&status), expected);
    }

    #[test]
    fn a_server_that_answers_is_healthy_even_if_its_bucket_is_not_fit() {
        let reason = Reason::PreconditionsUnsupported;
        let finding = Finding::Unfit { reason, answered: Some(true), message: "no".into() };
        let status = decide(&policy(), &finding, at(10));
        let expected = [("Ready", "False", "PreconditionsUnsupported"), ("Healthy", "True", "Available")];
        assert_eq!(shown(&status), expected);
    }

    #[test]
    fn finding_the_same_again_changes_nothing() {
        let mut policy = policy();
        for finding in [Finding::Fit, down()] {
            let status = decide(&policy, &finding, at(10));
            policy.status = Some(status.clone());
            assert_eq!(decide(&policy, &finding, at(99)), status);
        }
    }

    #[test]
    fn a_bucket_that_is_down_is_asked_soon_and_then_every_minute() {
        let waits: Vec<u64> = (1..8).map(|times| good_for(&down(), times).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(good_for(&Finding::Fit, 0), WHILE_FIT);
    }
}
