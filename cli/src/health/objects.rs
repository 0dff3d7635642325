//! What to make of buckets, accounts and jobs. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use videofactory_client::JobRef;
use videofactory_client::job_advice::{Attention, attention};
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::provideraccount::CREDENTIALS_EXPIRE_SOON;
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::{ProviderAccount, StoragePolicy, VideoJob};

use super::Check;
use crate::policies as policy;
use crate::text::{count, plain, span};

/// Jobs that are named.
const MAX_NAMED: usize = 5;

fn ill(conditions: &[Condition], kind: ConditionType) -> Option<String> {
    let condition = condition::get(conditions, kind)?;
    (condition.status != "True").then(|| plain(&condition.message))
}

fn without_status(name: String) -> Check {
    Check::warning(name, "the operator has not looked at it yet", "is the operator there?")
}

fn not_ready(name: &str, conditions: &[Condition]) -> Option<Check> {
    let hint = "do what the message says; the operator then finds it automatically";
    ill(conditions, ConditionType::Ready).map(|message| Check::error(name, message, hint))
}

/// The buckets.
pub fn policies(policies: &[StoragePolicy], namespace: Option<&str>) -> Vec<Check> {
    if policies.is_empty() {
        let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace {name}"));
        let hint = "apply one: manifests/samples/storage has one for several kinds of buckets";
        return vec![Check::warning(
            "buckets",
            format!("there is no StoragePolicy in {place}, so jobs wait"),
            hint,
        )];
    }
    policies.iter().map(of_policy).collect()
}

fn of_policy(object: &StoragePolicy) -> Check {
    let name = format!("StoragePolicy {}", policy::name(object));
    let namespace = object.namespace().unwrap_or_default();
    let look = format!("kubectl videofactory storage {} -n {namespace}", object.name_any());
    let Some(status) = &object.status else { return without_status(name) };
    if let Some(check) = not_ready(&name, &status.conditions) {
        return check;
    }
    let percent = status.usage.as_ref().and_then(|usage| usage.percent).unwrap_or(0);
    match status.level.unwrap_or_default() {
        StorageLevel::Stopped | StorageLevel::Full => {
            let hint =
                format!("make room: kubectl videofactory cleanup -n {namespace} --older-than 7d; {look}");
            Check::error(name, format!("{percent}% full: jobs that have not begun wait"), hint)
        }
        level => match ill(&status.conditions, ConditionType::WithinLimit) {
            Some(message) => Check::warning(name, message, look),
            None if level == StorageLevel::Warning => Check::warning(name, format!("{percent}% full"), look),
            None => Check::ok(name, format!("{percent}% full")),
        },
    }
}

pub fn account(account: &ProviderAccount, now: Timestamp) -> Check {
    let namespace = account.namespace().unwrap_or_default();
    let name = format!("ProviderAccount {namespace}/{}", account.name_any());
    let renew = "put a new key into its Secret, and its end into spec.credentialsExpireAt";
    if let Some(end) = &account.spec.credentials_expire_at {
        let left = end.0.duration_since(now);
        if left <= SignedDuration::ZERO {
            return Check::error(name, format!("its key ended {} ago", span(-left.as_secs())), renew);
        }
        if left <= CREDENTIALS_EXPIRE_SOON {
            return Check::warning(name, format!("its key ends in {}", span(left.as_secs())), renew);
        }
    }
    let Some(status) = &account.status else { return without_status(name) };
    if let Some(check) = not_ready(&name, &status.conditions) {
        return check;
    }
    let used_up = status.quotas.iter().find(|quota| {
        quota.limit.is_some_and(|limit| quota.used.unwrap_or(0) + quota.reserved.unwrap_or(0) >= limit)
    });
    match (used_up, status.waiting.unwrap_or(0)) {
        (Some(quota), waiting @ 1..) => Check::warning(
            name,
            format!(
                "quota {} is used up, and {} for it",
                quota.name,
                count(usize::try_from(waiting).unwrap_or(0), "step") + " wait"
            ),
            format!(
                "nothing, they continue automatically; kubectl videofactory accounts {} -n {namespace}",
                account.name_any()
            ),
        ),
        _ => Check::ok(name, format!("{} answers and takes the key", account.spec.provider.as_str())),
    }
}

/// The jobs that do not continue automatically. `namespace`: where they were looked for; none: in all.
pub fn films(jobs: &[VideoJob], namespace: Option<&str>) -> Vec<Check> {
    let place = namespace.map_or_else(|| "-A".to_owned(), |namespace| format!("-n {namespace}"));
    let of = |kinds: &[Attention]| {
        let meant = |job: &&VideoJob| attention(job).is_some_and(|why| kinds.contains(&why));
        jobs.iter().filter(meant).map(JobRef::of).collect::<Vec<_>>()
    };
    let failed = of(&[Attention::Failed]);
    let stalled = of(&[Attention::Stalled, Attention::Review]);
    let held = of(&[Attention::Held]);
    let mut checks = Vec::new();
    for (check, names, hint) in [
        (
            "jobs that failed",
            failed,
            format!("kubectl videofactory retry --phase Failed {place}; status of each says why"),
        ),
        (
            "jobs that need a person",
            stalled,
            "kubectl videofactory status <name> -n <namespace> says what to do".to_owned(),
        ),
    ] {
        if !names.is_empty() {
            checks.push(Check::warning(check, named(&names), hint));
        }
    }
    if checks.is_empty() {
        let found = format!("{}; none failed, stopped or waits for a review", count(jobs.len(), "job"));
        checks.push(Check::ok("jobs", found));
    }
    // That is what somebody wanted.
    if !held.is_empty() {
        checks.push(Check::ok("jobs that are suspended", named(&held)));
    }
    checks
}

fn named(jobs: &[JobRef]) -> String {
    let shown: Vec<String> = jobs.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = if jobs.len() > MAX_NAMED { ", …" } else { "" };
    format!("{}: {}{more}", jobs.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::health::State;
    use crate::testing::NOW;

    #[test]
    fn a_hint_acts_where_it_was_looked_and_nowhere_else() {
        let failed = crate::testing::job("ocean", json!({"phase": "Failed"}));
        let failed = [serde_json::from_value(failed).unwrap()];
        for (namespace, place) in [(Some("films"), "--phase Failed -n films;"), (None, "--phase Failed -A;")]
        {
            let hint = films(&failed, namespace)[0].hint.clone().unwrap();
            assert!(hint.contains(place), "{hint}");
        }
        let full = crate::testing::policy(json!({"level": "Full", "usage": {"percent": 97}}));
        let hint = of_policy(&serde_json::from_value(full).unwrap()).hint.unwrap();
        assert!(hint.contains("cleanup -n films --older-than 7d"), "{hint}");
    }

    #[test]
    fn films_that_somebody_holds_are_named_and_are_nothing_wrong() {
        let mut film = crate::testing::job("ocean", json!({"phase": "Suspended"}));
        film["spec"]["suspend"] = json!(true);
        let checks = films(&[serde_json::from_value(film).unwrap()], Some("films"));
        assert!(checks.iter().all(|check| check.state == State::Ok), "{checks:?}");
        assert_eq!(checks[1].message, "1: films/ocean");
    }

    #[test]
    fn keys_are_warned_of_before_they_end() {
        let state = |end: &str| {
            let object = json!({
                "metadata": {"name": "grok", "namespace": "films"},
                "spec": {"provider": "XAI", "secretRef": {"name": "grok"}, "credentialsExpireAt": end},
                "status": {"conditions": []},
            });
            account(&serde_json::from_value(object).unwrap(), NOW.parse().unwrap()).state
        };
        assert_eq!(state("2026-12-24T17:00:00Z"), State::Error);
        assert_eq!(state("2027-01-07T17:00:00Z"), State::Warning);
        assert_eq!(state("2027-01-08T18:00:00Z"), State::Ok);
    }
}
