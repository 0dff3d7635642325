//! What the level asks for: who fills the bucket is warned, and runs begin before the schedule.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::condition;
use videofactory_crds::storagepolicy::{PruneOutcome, PruneRun, StorageLevel, StorageUsage};

use super::super::observe::Finding;
use super::super::runs::freed;
use super::super::{conditions, usage};
use super::Draft;
use crate::events::{Event, EventReason};

/// How long after a run that failed another may begin because the bucket fills; twice as long after each further one.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(15);
/// How often that wait is doubled at most.
const MAX_DOUBLINGS: usize = 6;
/// How long after a run that could not free enough another begins while jobs wait for room.
const WHILE_STOPPED: SignedDuration = SignedDuration::from_hours(1);
/// How long a refusal for want of room counts while nothing is deleted: somebody may have given the server more.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Growth that makes another run worth while where the last one could not free enough: this part of the limit.
const WORTH_A_RUN: i64 = 100;

/// Whether a run failed and has freed nothing: a single file that cannot be deleted says nothing of the others.
fn in_vain(run: &PruneRun) -> bool {
    run.outcome == Some(PruneOutcome::Failed) && !freed(run)
}

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
    fn refuses(&self) -> bool {
        let refused = |at: Timestamp| self.now.duration_since(at) < REFUSED_FOR;
        matches!(&self.observed.finding, Finding::Unfit { reason: StoragePolicyReason::StorageFull, .. })
            || self.observed.snapshot.refused_at.is_some_and(refused)
    }

    /// Whether the bucket has grown to `warn` since the last run, or if that could not bring it below, by enough more, or
    /// has kept jobs waiting for long.
    pub(super) fn level_asks(&mut self, current: Option<&StorageUsage>) -> bool {
        let refuses = self.refuses();
        let bytes = current.and_then(|usage| usage.bytes);
        let Some(bytes) = bytes.filter(|bytes| refuses || *bytes >= self.marks.warn) else { return false };
        if self.spec.rules.is_empty() || self.observed.snapshot.other_bucket {
            return false;
        }
        let Some(last) = conditions::last_run_that_counts(self.spec, &self.status) else { return true };
        // What failed may go well next time, however much is in the bucket.
        let wait = match last.bytes_after.filter(|_| !in_vain(last)) {
            Some(after) if after < self.marks.warn && !refuses => return true,
            Some(after) if bytes >= after.saturating_add((self.marks.limit / WORTH_A_RUN).max(1)) => {
                return true;
            }
            // Nothing grows any more, but files grow old and jobs end. What only plans frees nothing, however often.
            Some(_) if (refuses || bytes >= self.marks.stop) && !self.spec.dry_run => {
                let objects = current.and_then(|usage| usage.objects).unwrap_or_default();
                let every = SignedDuration::try_from(usage::interval(objects)).unwrap_or(WHILE_STOPPED);
                WHILE_STOPPED.max(every)
            }
            Some(_) => return false,
            None => self.wait_after_failures(),
        };
        // From its end: a run over a full bucket may take long.
        let took = last.duration.map_or(0, |took| i64::try_from(took.as_secs()).unwrap_or(i64::MAX));
        let ended = last.slot.0.checked_add(SignedDuration::from_secs(took)).unwrap_or(Timestamp::MAX);
        let from = ended.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.wakes.push(from);
        from <= self.now
    }

    /// Longer with each failure in a row.
    fn wait_after_failures(&self) -> SignedDuration {
        let runs = conditions::runs_that_count(self.spec, &self.status);
        let failed = runs.take_while(|run| in_vain(run)).count();
        let doublings = failed.saturating_sub(1).min(MAX_DOUBLINGS);
        AFTER_FAILURE.saturating_mul(1 << doublings)
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
