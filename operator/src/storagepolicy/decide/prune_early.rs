//! Whether a run begins before its schedule, because the bucket fills up; and how long none does after one that failed or
//! could not free enough.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::storagepolicy::{PruneOutcome, PruneRun, StorageUsage};

use super::super::run_history::freed;
use super::super::{conditions, usage};
use super::Draft;

/// How long after a run that failed another may begin because the bucket fills; twice as long after each further one.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(15);
/// How often that wait is doubled at most.
const MAX_DOUBLINGS: usize = 6;
/// How long after a run that could not free enough another begins while jobs wait for room.
const WHILE_STOPPED: SignedDuration = SignedDuration::from_hours(1);
/// Growth that makes another run worth while where the last one could not free enough: this part of the limit.
const WORTH_A_RUN: i64 = 100;

/// Whether a run failed and has freed nothing: a single file that cannot be deleted says nothing of the others.
fn in_vain(run: &PruneRun) -> bool {
    run.outcome == Some(PruneOutcome::Failed) && !freed(run)
}

impl Draft<'_> {
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
}
