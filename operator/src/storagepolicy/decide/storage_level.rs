//! The level that is shown and reported: how full the bucket is, by its marks and by what its server says.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::condition;
use videofactory_crds::storagepolicy::{StorageLevel, StorageUsage};

use super::super::observe::Finding;
use super::super::usage;
use super::Draft;
use crate::events::{Event, EventReason};

/// How long a refusal for want of room counts while nothing is deleted: somebody may have given the server more.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(15);

impl Draft<'_> {
    /// Shows the level, which is never behind. A server that has no room is full whatever was counted.
    pub(super) fn show(&mut self, current: Option<&StorageUsage>) {
        let bytes = current.and_then(|usage| usage.bytes);
        let counted = bytes.map(|bytes| usage::level(bytes, &self.marks));
        self.status.level = if self.refuses() { Some(StorageLevel::Full) } else { counted };
        let until = self.observed.snapshot.refused_at.and_then(|at| at.checked_add(REFUSED_FOR).ok());
        self.wakes.extend(until.filter(|until| *until > self.now));
    }

    /// Whether the server says that it has no room.
    pub(super) fn refuses(&self) -> bool {
        let refused = |at: Timestamp| self.now.duration_since(at) < REFUSED_FOR;
        matches!(&self.observed.finding, Finding::Unfit { reason: StoragePolicyReason::StorageFull, .. })
            || self.observed.snapshot.refused_at.is_some_and(refused)
    }

    /// Reports a level that was reached.
    pub(super) fn report_level(&mut self) {
        let before = self.before.level.unwrap_or_default();
        let Some(level) = self.status.level.filter(|level| *level > before) else { return };
        let limit = condition::get(&self.status.conditions, condition::ConditionType::WithinLimit);
        let note = limit.map(|condition| condition.message.clone()).unwrap_or_default();
        let reason = match level {
            StorageLevel::Normal | StorageLevel::Warning => EventReason::StorageWarning,
            StorageLevel::Stopped => EventReason::StorageStopped,
            StorageLevel::Full => EventReason::StorageFull,
        };
        let action = "Measure".to_owned();
        self.events.push(Event { warning: true, reason, action, note });
    }
}
