//! What people ask of a `StoragePolicy`.

use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use videofactory_crds::{Duration, StoragePolicy, requests};

use crate::call::{CallError, within};

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

/// The time for a request to prune: now, but at least a second after each run and request that the policy knows. Runs are
/// told apart by the second. One that a clock which was wrong has put far ahead counts for nothing: the request would be
/// one from the future.
#[must_use]
pub fn cleanup_time(policy: &StoragePolicy, now: Timestamp) -> Timestamp {
    let next = |at: Timestamp| at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
    let runs = policy.status.iter().flat_map(|status| &status.runs).map(|run| run.slot.0);
    let asked = requests::policy_requests(policy.annotations()).0.cleanup;
    let asked = asked.map(|asked| asked.requested.at).filter(|at| *at <= now);
    let after = runs.chain(asked).map(next).filter(|at| !requests::is_early(*at, now)).max();
    after.map_or(now, |earliest| earliest.max(now))
}

/// A wish to prune now.
#[derive(Clone, Copy, Debug)]
pub struct Cleanup {
    /// The present time.
    pub now: Timestamp,
    /// Age from which finished jobs' files may go, instead of the rules' own.
    pub older_than: Option<Duration>,
    /// Only plan.
    pub dry_run: bool,
}

/// What became of a wish to one policy.
#[derive(Debug)]
pub struct Asked {
    /// The policy, as `<namespace>/<name>`.
    pub policy: String,
    /// The time of the request, by which its run is known; or why there is none.
    pub at: Result<Timestamp, CallError>,
}

/// Asks each of these policies; in their order. That one refuses keeps none from being asked.
pub async fn clean_up(
    client: &Client,
    policies: &[StoragePolicy],
    wish: Cleanup,
    manager: &str,
) -> Vec<Asked> {
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let mut asked = Vec::with_capacity(policies.len());
    for policy in policies {
        let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
        let at = cleanup_time(policy, wish.now);
        let patch = Patch::Merge(cleanup(at, wish.older_than, wish.dry_run));
        let api: Api<StoragePolicy> = Api::namespaced(client.clone(), &namespace);
        let what = format!("patch StoragePolicy {namespace}/{name}");
        let answer = within(what, api.patch_metadata(&name, &params, &patch)).await;
        asked.push(Asked { policy: format!("{namespace}/{name}"), at: answer.map(|_| at) });
    }
    asked
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
        let policy = |slot: &str| -> StoragePolicy {
            serde_json::from_value(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy", "metadata": {"name": "default"},
                "spec": {
                    "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                    "capacity": {"limit": "10G"},
                },
                "status": {"runs": [{"slot": slot}, {"slot": "2026-12-24T17:00:00Z"}]},
            }))
            .unwrap()
        };
        let now = "2026-12-24T18:00:00.25Z".parse().unwrap();
        for (slot, at) in [
            ("2026-12-24T17:59:59Z", "2026-12-24T18:00:00.25Z"),
            ("2026-12-24T18:00:00Z", "2026-12-24T18:00:01Z"),
            ("2026-12-24T18:04:59Z", "2026-12-24T18:05:00Z"),
            ("2026-12-24T18:05:00Z", "2026-12-24T18:00:00.25Z"),
            ("2027-12-24T18:00:00Z", "2026-12-24T18:00:00.25Z"),
        ] {
            let time = cleanup_time(&policy(slot), now);
            assert_eq!(time, at.parse().unwrap(), "{slot}");
            assert!(!requests::is_early(time, now), "{slot}");
        }
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
