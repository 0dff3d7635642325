//! What people ask of a policy by annotation: each request once. Pure.

use kube::ResourceExt;
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::{Cleanup, Requested, policy_requests};
use videofactory_crds::storagepolicy::PolicyHandled;

use crate::videojob::model::Event;

/// Requests that were not acted upon yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// To prune now.
    pub cleanup: Option<Cleanup>,
    /// To back up now.
    pub backup: Option<Requested>,
}

/// The requests on a policy that its status does not record as handled, and Events about those that cannot be read.
#[must_use]
pub fn pending(policy: &StoragePolicy) -> (Pending, Vec<Event>) {
    let (asked, unreadable) = policy_requests(policy.annotations());
    let handled = policy.status.as_ref().and_then(|status| status.handled.clone()).unwrap_or_default();
    let events = unreadable.into_iter().map(|error| Event {
        warning: true,
        reason: "RequestUnreadable".to_owned(),
        action: "Reconcile".to_owned(),
        note: error.to_string(),
    });
    let is_new = |text: &String, handled: Option<&String>| handled != Some(text);
    let pending = Pending {
        cleanup: asked.cleanup.filter(|asked| is_new(&asked.requested.text, handled.cleanup.as_ref())),
        backup: asked.backup.filter(|asked| is_new(&asked.text, handled.backup.as_ref())),
    };
    (pending, events.collect())
}

/// Records that a clean-up was handled.
pub fn handled_cleanup(handled: &mut Option<PolicyHandled>, request: &Cleanup) {
    handled.get_or_insert_default().cleanup = Some(request.requested.text.clone());
}

/// Records that a backup was handled.
pub fn handled_backup(handled: &mut Option<PolicyHandled>, request: &Requested) {
    handled.get_or_insert_default().backup = Some(request.text.clone());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(annotations: &serde_json::Value, handled: &serde_json::Value) -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "annotations": annotations},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": {"handled": handled},
        }))
        .unwrap()
    }

    const CLEANUP: &str = r#"{"at":"2026-12-24T18:00:00Z","olderThan":"7d","dryRun":true}"#;

    #[test]
    fn a_request_is_pending_until_the_status_records_it() {
        let asked = json!({
            "videofactory.dev/cleanup-requested": CLEANUP,
            "videofactory.dev/backup-requested-at": "2026-12-24T18:00:00Z",
        });
        let (pending_now, events) = pending(&policy(&asked, &json!({})));
        assert!(events.is_empty());
        let cleanup = pending_now.cleanup.unwrap();
        assert!(cleanup.dry_run && pending_now.backup.is_some());
        let handled = json!({"cleanup": "2026-12-24T18:00:00Z", "backup": "2026-12-24T18:00:00Z"});
        assert_eq!(pending(&policy(&asked, &handled)).0, Pending::default());
        let mut status = None;
        handled_cleanup(&mut status, &cleanup);
        assert_eq!(status.unwrap().cleanup.as_deref(), Some("2026-12-24T18:00:00Z"));
    }

    #[test]
    fn an_unreadable_request_is_told_and_nothing_follows() {
        let asked = json!({"videofactory.dev/cleanup-requested": "now, please"});
        let (pending_now, events) = pending(&policy(&asked, &json!({})));
        assert_eq!(pending_now, Pending::default());
        assert!(events[0].note.contains("cleanup-requested"), "{}", events[0].note);
    }
}
