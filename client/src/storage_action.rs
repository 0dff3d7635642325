//! What people ask of a `StoragePolicy`, as the patch that asks it. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};
use videofactory_crds::{Duration, requests};

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
