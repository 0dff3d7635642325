//! What people ask of a `StoragePolicy`, as the patch that asks it. Pure.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::{Duration, StoragePolicy, requests};

/// Prune now. `older_than`: age from which finished jobs' files may go, instead of the rules' own.
#[must_use]
pub fn cleanup(at: Timestamp, older_than: Option<Duration>, dry_run: bool) -> Value {
    let mut request = json!({"at": at.to_string()});
    if let Some(age) = older_than {
        request["olderThan"] = json!(age);
    }
    if dry_run {
        request["dryRun"] = json!(true);
    }
    json!({"metadata": {"annotations": {requests::CLEANUP: request.to_string()}}})
}

/// The time for a request to prune: now, but at least a second after each run and request that these policies know. Runs
/// are told apart by the second.
#[must_use]
pub fn cleanup_time<'a>(policies: impl IntoIterator<Item = &'a StoragePolicy>, now: Timestamp) -> Timestamp {
    let known = policies.into_iter().flat_map(|policy| {
        let runs = policy.status.iter().flat_map(|status| &status.runs).map(|run| run.slot.0);
        let asked = requests::policy_requests(policy.annotations()).0.cleanup;
        runs.chain(asked.map(|asked| asked.requested.at).filter(|at| *at <= now)).collect::<Vec<_>>()
    });
    let next = |at: Timestamp| at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
    known.map(next).max().map_or(now, |earliest| earliest.max(now))
}

/// Back up now.
#[must_use]
pub fn backup(at: Timestamp) -> Value {
    json!({"metadata": {"annotations": {requests::BACKUP: at.to_string()}}})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use videofactory_crds::requests::policy_requests;

    use super::*;

    fn annotations(patch: &Value) -> BTreeMap<String, String> {
        serde_json::from_value(patch["metadata"]["annotations"].clone()).unwrap()
    }

    #[test]
    fn a_request_has_a_second_of_its_own() {
        let (now, slot) = ("2026-12-24T18:00:00.25Z", "2026-12-24T18:00:00Z");
        let policy: StoragePolicy = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy", "metadata": {"name": "default"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": {"runs": [{"slot": slot}]},
        }))
        .unwrap();
        let now = now.parse().unwrap();
        assert_eq!(cleanup_time([&policy], now), "2026-12-24T18:00:01Z".parse().unwrap());
        assert_eq!(cleanup_time([], now), now);
    }

    #[test]
    fn what_is_asked_is_what_the_controller_reads() {
        let at = "2026-12-24T18:00:00.25Z".parse().unwrap();
        let (asked, unreadable) =
            policy_requests(&annotations(&cleanup(at, Some(Duration::from_days(7)), true)));
        assert_eq!(unreadable, []);
        let asked = asked.cleanup.unwrap();
        assert_eq!(
            (asked.requested.at, asked.older_than, asked.dry_run),
            (at, Some(Duration::from_days(7)), true)
        );
        let (asked, _) = policy_requests(&annotations(&cleanup(at, None, false)));
        assert_eq!(asked.cleanup.map(|asked| (asked.older_than, asked.dry_run)), Some((None, false)));
        let (asked, _) = policy_requests(&annotations(&backup(at)));
        assert_eq!(asked.backup.map(|asked| asked.at), Some(at));
    }
}
