//! What jobs wrote to buckets and deleted from them since their policies were last told: it keeps a measured usage
//! current until the next listing, which costs.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use tokio::sync::Notify;
use videofactory_crds::storagepolicy::ObjectKind;

/// More or less of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Files.
    pub objects: i64,
    /// Bytes.
    pub bytes: i64,
}

/// Changes by kind.
pub type Changes = BTreeMap<ObjectKind, Change>;

/// Changes by policy, until its controller takes them.
#[derive(Debug, Default)]
pub struct Meter {
    changes: Mutex<HashMap<(String, String), Changes>>,
    changed: Notify,
}

impl Meter {
    /// Counts what was written to (or, below zero, deleted from) the bucket of this policy.
    pub fn count(&self, namespace: &str, policy: &str, changes: &Changes) {
        let mut all = self.changes.lock();
        let known = all.entry((namespace.to_owned(), policy.to_owned())).or_default();
        for (kind, more) in changes {
            let sum = known.entry(*kind).or_default();
            sum.objects = sum.objects.saturating_add(more.objects);
            sum.bytes = sum.bytes.saturating_add(more.bytes);
        }
        drop(all);
        self.changed.notify_one();
    }

    /// Waits until something was counted since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Namespace and name of the policies for which something was counted that nobody has taken.
    #[must_use]
    pub fn changed_policies(&self) -> Vec<(String, String)> {
        self.changes.lock().keys().cloned().collect()
    }

    /// All that was counted for this policy since it was last taken.
    #[must_use]
    pub fn take(&self, namespace: &str, policy: &str) -> Changes {
        self.changes.lock().remove(&(namespace.to_owned(), policy.to_owned())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_add_up_until_they_are_taken() {
        let meter = Meter::default();
        let change = |objects, bytes| Changes::from([(ObjectKind::Clips, Change { objects, bytes })]);
        meter.count("films", "default", &change(3, 300));
        meter.count("films", "default", &change(-1, -100));
        meter.count("films", "other", &change(1, 1));
        assert_eq!(meter.take("films", "default"), change(2, 200));
        assert_eq!(meter.take("films", "default"), Changes::default());
        assert_eq!(meter.changed_policies(), [("films".to_owned(), "other".to_owned())]);
    }

    #[tokio::test]
    async fn who_waits_is_told_of_what_was_counted_before() {
        let meter = Meter::default();
        meter.count("films", "default", &Changes::new());
        meter.changed().await;
    }
}
