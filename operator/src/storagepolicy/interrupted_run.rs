//! A prune run that was broken off in its middle: whether it continues, and for how long. Pure.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StoragePolicyStatus;
use videofactory_crds::storagepolicy::{PruneCause, PruneOutcome};

use super::plan::RunRequest;
use super::run_history::event_of;
use super::schedule::Schedule;
use crate::events::Event;

/// What a run says that ended without a word.
const BROKEN_OFF: &str = "the operator ended in the middle of it";

/// How long after its slot a run that was interrupted continues: what somebody wanted days ago may be nobody's wish now.
const RESUMED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Says of a run of which nobody knows any more that it was interrupted.
pub fn reconcile_runs(status: &mut StoragePolicyStatus) {
    if let Some(run) = status.runs.first_mut().filter(|run| run.outcome.is_none()) {
        run.outcome = Some(PruneOutcome::Interrupted);
        run.message = Some(BROKEN_OFF.to_owned());
    }
}

/// A run that was broken off does not continue: its policy is suspended, or has moved to another place. What is reported of
/// it.
pub fn cancel(status: &mut StoragePolicyStatus) -> Option<Event> {
    let run = status.runs.first_mut().filter(|run| run.outcome == Some(PruneOutcome::Interrupted))?;
    run.outcome = Some(PruneOutcome::Cancelled);
    Some(event_of(run))
}

/// The slot to continue with: that of the last run if it was interrupted for the first time, a short while ago and in this
/// place, and no later one has come.
#[must_use]
pub fn to_resume(status: &StoragePolicyStatus, schedule: &Schedule, now: Timestamp) -> Option<RunRequest> {
    let last = status.runs.first().filter(|run| run.outcome == Some(PruneOutcome::Interrupted))?;
    let slot = last.slot.0;
    let tried_twice = last.cause == Some(PruneCause::Resumed)
        || status
            .runs
            .iter()
            .skip(1)
            .any(|run| run.slot == last.slot && run.outcome == Some(PruneOutcome::Interrupted));
    let overtaken = schedule.next_after(slot).is_some_and(|next| next <= now);
    let elsewhere = status.place.as_ref().is_some_and(|place| slot < place.since.0);
    let long_ago = now.duration_since(slot) > RESUMED_WITHIN;
    (!tried_twice && !overtaken && !elsewhere && !long_ago).then(|| RunRequest {
        slot,
        cause: PruneCause::Resumed,
        dry_run: last.dry_run == Some(true),
        older_than: last.older_than,
    })
}

#[cfg(test)]
mod tests {
    use videofactory_crds::schedule::{CronSchedule, TimeZone};

    use super::super::run_history::begin;
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn daily() -> Schedule {
        Schedule::read(&CronSchedule::new("0 3 * * *"), &TimeZone::new("Etc/UTC")).unwrap()
    }

    fn run_request(cause: PruneCause) -> RunRequest {
        let older_than = Some("7d".parse().unwrap());
        RunRequest { slot: at("2026-01-01T10:00:00Z"), cause, dry_run: true, older_than }
    }

    #[test]
    fn a_run_that_nobody_knows_of_is_resumed_once_with_what_it_was_asked() {
        let mut status = StoragePolicyStatus::default();
        begin(&mut status, &run_request(PruneCause::Request), 10);
        let now = at("2026-01-01T10:05:00Z");
        assert_eq!(to_resume(&status, &daily(), now), None, "it is under way");
        reconcile_runs(&mut status);
        assert_eq!(status.runs[0].outcome, Some(PruneOutcome::Interrupted));
        let again = to_resume(&status, &daily(), now).unwrap();
        assert_eq!(again, run_request(PruneCause::Resumed));
        begin(&mut status, &again, 10);
        reconcile_runs(&mut status);
        assert_eq!(to_resume(&status, &daily(), now), None, "twice is enough");
        assert_eq!(status.runs.len(), 2);
    }

    #[test]
    fn a_slot_that_a_later_one_has_overtaken_is_not_resumed() {
        let mut status = StoragePolicyStatus::default();
        begin(&mut status, &run_request(PruneCause::Schedule), 10);
        reconcile_runs(&mut status);
        assert!(to_resume(&status, &daily(), at("2026-01-02T02:59:59Z")).is_some());
        assert!(to_resume(&status, &daily(), at("2026-01-02T03:00:00Z")).is_none());
    }
}
