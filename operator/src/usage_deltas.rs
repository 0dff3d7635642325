//! Changes of the usage of buckets since their policies were last updated: what jobs wrote and deleted, which keeps a
//! measured usage current until the next listing, which costs; and that a server had no space left.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use videofactory_crds::storagepolicy::ObjectKind;

use crate::namespaced_name::NamespacedName;

/// More or less of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Files.
    pub objects: i64,
    pub bytes: i64,
}

/// Changes by kind.
pub type Changes = BTreeMap<ObjectKind, Change>;

/// Adds more changes to all.
pub fn add(all: &mut Changes, more: &Changes) {
    for (kind, change) in more {
        let sum = all.entry(*kind).or_default();
        sum.objects = sum.objects.saturating_add(change.objects);
        sum.bytes = sum.bytes.saturating_add(change.bytes);
    }
}

/// Takes off what was reported.
pub fn take_off(all: &mut Changes, reported: &Changes) {
    for (kind, change) in reported {
        let left = all.entry(*kind).or_default();
        left.objects = left.objects.saturating_sub(change.objects);
        left.bytes = left.bytes.saturating_sub(change.bytes);
    }
}

/// Whether nothing was written or deleted.
#[must_use]
pub fn is_nothing(changes: &Changes) -> bool {
    changes.values().all(|change| *change == Change::default())
}

/// The changes of one policy's bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDelta {
    /// What was written and deleted.
    pub changes: Changes,
    /// When its server last refused a file for want of room.
    pub refused_at: Option<Timestamp>,
}

/// Changes by policy, until its controller takes them.
#[derive(Debug, Default)]
pub struct UsageDeltas {
    deltas: Mutex<HashMap<NamespacedName, PolicyDelta>>,
    changed: Notify,
}

impl UsageDeltas {
    /// Counts what was written to (or, below zero, deleted from) the bucket of this policy.
    pub fn count(&self, policy: NamespacedName, changes: &Changes) {
        self.record(policy, |deltas| {
            add(&mut deltas.changes, changes);
        });
    }

    /// The server of this policy's bucket refused a file then, for want of room.
    pub fn refused(&self, policy: NamespacedName, at: Timestamp) {
        self.record(policy, |deltas| deltas.refused_at = deltas.refused_at.max(Some(at)));
    }

    fn record(&self, policy: NamespacedName, note: impl FnOnce(&mut PolicyDelta)) {
        note(self.deltas.lock().entry(policy).or_default());
        self.changed.notify_one();
    }

    /// Waits until something was heard since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The policies for which something was heard that nobody has taken.
    #[must_use]
    pub fn changed_policies(&self) -> Vec<NamespacedName> {
        self.deltas.lock().keys().cloned().collect()
    }

    /// All that was heard for this policy since it was last taken.
    #[must_use]
    pub fn take(&self, policy: &NamespacedName) -> PolicyDelta {
        self.deltas.lock().remove(policy).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> NamespacedName {
        NamespacedName::new("films", name)
    }

    #[test]
    fn changes_add_up_until_they_are_taken() {
        let usage_deltas = UsageDeltas::default();
        let change = |objects, bytes| Changes::from([(ObjectKind::Clips, Change { objects, bytes })]);
        usage_deltas.count(policy("default"), &change(3, 300));
        usage_deltas.count(policy("default"), &change(-1, -100));
        usage_deltas.refused(policy("other"), Timestamp::UNIX_EPOCH);
        assert_eq!(
            usage_deltas.take(&policy("default")),
            PolicyDelta { changes: change(2, 200), refused_at: None }
        );
        assert_eq!(usage_deltas.take(&policy("default")), PolicyDelta::default());
        assert_eq!(usage_deltas.changed_policies(), [policy("other")]);
        assert!(usage_deltas.take(&policy("other")).refused_at.is_some());
    }

    #[tokio::test]
    async fn who_waits_is_given_what_was_counted_before() {
        let usage_deltas = UsageDeltas::default();
        usage_deltas.count(policy("default"), &Changes::new());
        usage_deltas.changed().await;
    }
}
