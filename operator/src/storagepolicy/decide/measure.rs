//! What the bucket holds: when to list it, and when to report it.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::storagepolicy::StorageUsage;

use super::super::observe::can_prune;
use super::super::schedule::Schedule;
use super::super::usage;
use super::{Action, Draft};
use crate::usage_deltas::{self, Changes};

/// Least time between two writes that only report a few files more; a new level is reported at once.
const TOLD_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// How long after its start an operator measures again what its predecessor measured: what that one had counted is lost.
const AFTER_START: SignedDuration = SignedDuration::from_mins(5);

impl Draft<'_> {
    /// What the bucket holds by all that is known.
    pub(super) fn current_usage(&self) -> Option<StorageUsage> {
        let snapshot = self.status.usage.as_ref()?;
        let mut usage = usage::with_changes(snapshot, &self.observed.snapshot.changes);
        usage.percent = usage.bytes.map(|bytes| usage::percent(bytes, self.marks.limit));
        Some(usage)
    }

    pub(super) fn measure(&mut self, current: Option<&StorageUsage>) {
        let snapshot = &self.observed.snapshot;
        if snapshot.running.is_some() || snapshot.is_listed || self.action.is_some() {
            return;
        }
        let due = match current {
            _ if self.observed.snapshot.other_bucket || self.observed.snapshot.outdated => self.now,
            Some(StorageUsage { measured_at: Some(at), objects, .. }) => {
                let every = usage::interval(objects.unwrap_or_default());
                let due = at.0.checked_add(every).unwrap_or(Timestamp::MAX);
                let after_start = self.observed.started.checked_add(AFTER_START).unwrap_or(Timestamp::MAX);
                if at.0 < self.observed.started { due.min(after_start) } else { due }
            }
            _ => self.now,
        };
        let due = due.max(self.observed.snapshot.measure_from.unwrap_or(due));
        if due > self.now {
            self.wakes.push(due);
        } else if self.may_measure() {
            self.action = Some(Action::Measure);
        }
    }

    /// Whether the bucket may be listed now: also in the look in which the policy has come to it.
    fn may_measure(&self) -> bool {
        !self.observed.stopping && can_prune(&self.observed.finding)
    }

    pub(super) fn estimate(&mut self, prunes: Option<&Schedule>, backups: Option<&Schedule>) {
        let objects = self.status.usage.as_ref().and_then(|usage| usage.objects).unwrap_or_default();
        let prunes = prunes.filter(|_| self.status.next_run_at.is_some());
        let backups = backups.filter(|_| self.status.next_backup_at.is_some());
        let counter = usage::counted(self.status.operations.as_ref(), &Changes::new(), self.now);
        self.status.operations = Some(usage::estimated(&counter, objects, prunes, backups, self.now));
    }

    /// Puts the current usage into the status if that is written anyway or due; whether it contains all changes.
    pub(super) fn report_usage(&mut self, current: Option<StorageUsage>) -> bool {
        let Some(current) = current else { return false };
        let nothing = usage_deltas::is_nothing(&self.observed.snapshot.changes);
        let due_at =
            self.observed.snapshot.usage_reported.and_then(|reported| reported.checked_add(TOLD_EVERY).ok());
        let due = due_at.is_none_or(|due| due <= self.now);
        if !nothing && !due && self.status == self.before {
            self.wakes.extend(due_at);
            return false;
        }
        self.status.usage = Some(current);
        if !nothing {
            let counted =
                usage::counted(self.status.operations.as_ref(), &self.observed.snapshot.changes, self.now);
            self.status.operations = Some(counted);
        }
        true
    }
}
