//! What people ask of a policy by annotation: each request once. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::StoragePolicy;
use videofactory_crds::request_state::{RequestState, record, request_state};
use videofactory_crds::requests::{Cleanup, Requested, policy_requests};
use videofactory_crds::storagepolicy::PolicyHandled;

use crate::events::{Event, EventReason};

/// Requests that were not acted upon yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// To prune now.
    pub cleanup: Option<Cleanup>,
    /// To back up now.
    pub backup: Option<Requested>,
}

/// The requests on a policy that its status does not record as handled, and Events about those that are not followed.
#[must_use]
pub fn pending(policy: &StoragePolicy, now: Timestamp) -> (Pending, Vec<Event>) {
    let (asked, unreadable) = policy_requests(policy.annotations());
    let handled = policy.status.as_ref().and_then(|status| status.handled.clone()).unwrap_or_default();
    let mut ignored = Vec::new();
    let made = policy.creation_timestamp().map(|made| made.0);
    let mut is_new = |action: &str, asked: &Requested, request_state: RequestState| match request_state {
        RequestState::New => true,
        RequestState::Handled => false,
        RequestState::Outdated(why) => {
            ignored.push(self::ignored(action, asked, &why));
            false
        }
    };
    let pending = Pending {
        cleanup: asked.cleanup.filter(|asked| {
            let stands =
                request_state(&asked.requested, &record(asked), handled.cleanup.as_deref(), made, now);
            is_new("Prune", &asked.requested, stands)
        }),
        backup: asked.backup.filter(|asked| {
            is_new("BackUp", asked, request_state(asked, &asked.text, handled.backup.as_deref(), made, now))
        }),
    };
    let events = unreadable.into_iter().map(|error| Event {
        warning: true,
        reason: EventReason::RequestUnreadable,
        action: "Reconcile".to_owned(),
        note: error.to_string(),
    });
    (pending, events.chain(ignored).collect())
}

fn ignored(action: &str, asked: &Requested, why: &str) -> Event {
    Event {
        warning: true,
        reason: EventReason::RequestIgnored,
        action: action.to_owned(),
        note: format!("the request of {} is not followed: {why}", asked.text),
    }
}

/// Records that a clean-up was handled.
pub fn handled_cleanup(handled: &mut Option<PolicyHandled>, request: &Cleanup) {
    handled.get_or_insert_default().cleanup = Some(record(request));
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

    fn now() -> Timestamp {
        "2026-12-24T18:00:02Z".parse().unwrap()
    }

    const CLEANUP: &str = r#"{"at":"2026-12-24T18:00:00Z","olderThan":"7d","dryRun":true}"#;

    #[test]
    fn a_request_is_pending_until_the_status_records_it() {
        let asked = json!({
            "videofactory.dev/cleanup-requested": CLEANUP,
            "videofactory.dev/backup-requested-at": "2026-12-24T18:00:00Z",
        });
        let (pending_now, events) = pending(&policy(&asked, &json!({})), now());
        assert!(events.is_empty());
        let cleanup = pending_now.cleanup.unwrap();
        assert!(cleanup.dry_run && pending_now.backup.is_some());
        let handled = json!({"cleanup": "2026-12-24T18:00:00Z", "backup": "2026-12-24T18:00:00Z"});
        assert_eq!(pending(&policy(&asked, &handled), now()).0, Pending::default());
        let mut status = None;
        handled_cleanup(&mut status, &cleanup);
        assert_eq!(status.unwrap().cleanup.as_deref(), Some(CLEANUP));
    }

    fn stands(cleanup: &str, handled: &str) -> (bool, Vec<String>) {
        let asked = json!({"videofactory.dev/cleanup-requested": cleanup});
        let mut policy = policy(&asked, &json!({"cleanup": handled}));
        policy.metadata.creation_timestamp = serde_json::from_value(json!("2026-12-20T00:00:00Z")).unwrap();
        let (pending, events) = pending(&policy, now());
        (pending.cleanup.is_some(), events.into_iter().map(|event| event.reason.to_string()).collect())
    }

    #[test]
    fn an_old_request_that_is_put_back_is_ignored_and_the_same_time_with_another_wish_is_new() {
        let ignored = (false, vec!["RequestIgnored".to_owned()]);
        for handled in [CLEANUP, "2026-12-24T18:00:00Z"] {
            assert_eq!(stands(r#"{"at":"2026-12-24T17:59:59Z","olderThan":"1d"}"#, handled), ignored);
            assert_eq!(stands(r#"{"at":"2026-12-24T18:00:01Z"}"#, handled), (true, vec![]));
            assert_eq!(stands(CLEANUP, handled), (false, vec![]));
        }
        let real = r#"{"at":"2026-12-24T18:00:00Z","olderThan":"7d","dryRun":false}"#;
        assert_eq!(stands(real, CLEANUP), (true, vec![]), "the real run after the dry one");
        assert_eq!(stands(r#"{"at":"2026-12-19T23:59:59Z"}"#, ""), ignored, "the policy was made again");
        assert_eq!(stands(r#"{"at":"2026-12-20T00:00:00Z"}"#, ""), (true, vec![]));
    }

    #[test]
    fn a_request_from_the_future_is_reported_and_does_not_block_one_made_now() {
        let ignored = (false, vec!["RequestIgnored".to_owned()]);
        let before = "2026-12-24T17:00:00Z";
        assert_eq!(stands(r#"{"at":"2027-12-24T18:00:00Z"}"#, before), ignored);
        assert_eq!(stands(r#"{"at":"2026-12-24T18:00:01Z"}"#, before), (true, vec![]));
    }

    #[test]
    fn an_unreadable_request_is_reported_and_nothing_follows() {
        let asked = json!({"videofactory.dev/cleanup-requested": "now, please"});
        let (pending_now, events) = pending(&policy(&asked, &json!({})), now());
        assert_eq!(pending_now, Pending::default());
        assert!(events[0].note.contains("cleanup-requested"), "{}", events[0].note);
    }
}
