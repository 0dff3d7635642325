//! Which prune run begins now, and why none does.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{PruneCause, PruneRun, StorageUsage};

use super::super::conditions::Barrier;
use super::super::plan::RunRequest;
use super::super::requests::{self, Pending};
use super::super::schedule::{Schedule, TOO_LATE};
use super::super::{interrupted_run, run_history};
use super::{Action, Draft, refused};

impl Draft<'_> {
    pub(super) fn prune(
        &mut self,
        barrier: Option<&Barrier>,
        schedule: Option<&Schedule>,
        pending: &Pending,
        current: Option<&StorageUsage>,
    ) {
        let (Some(schedule), None) = (schedule, barrier) else {
            self.status.next_run_at = None;
            self.events.extend(barrier.and_then(|_| interrupted_run::cancel(&mut self.status)));
            if let (Some(request), Some(barrier)) = (&pending.cleanup, barrier) {
                requests::handled_cleanup(&mut self.status.handled, request);
                self.events.push(refused("Prune", &barrier.words()));
            }
            return;
        };
        let due_slot = schedule.due_slot(self.before.next_run_at.as_ref().map(|next| next.0), self.now);
        let due = due_slot.due.filter(|due| !self.is_slot_begun(*due));
        let run_request = self.is_free().then(|| self.run_request(due, schedule, pending, current)).flatten();
        // A slot that is due and cannot begin stays announced until it is too late for it.
        let begins =
            run_request.as_ref().is_some_and(|run_request| run_request.cause == PruneCause::Schedule);
        let waits = due.filter(|_| !begins);
        if let Some(waits) = waits {
            self.wakes.extend(waits.checked_add(TOO_LATE));
        }
        self.status.next_run_at = waits.or(due_slot.next).map(whole_seconds);
        self.wakes.extend(due_slot.next);
        if let Some(run_request) = run_request {
            if run_request.cause == PruneCause::Request
                && let Some(request) = &pending.cleanup
            {
                requests::handled_cleanup(&mut self.status.handled, request);
            }
            run_history::begin(&mut self.status, &run_request, self.spec.history);
            self.action = Some(Action::Prune(run_request));
        }
    }

    fn is_slot_begun(&self, slot: Timestamp) -> bool {
        let of_schedule =
            |run: &&PruneRun| matches!(run.cause, None | Some(PruneCause::Schedule | PruneCause::Resumed));
        self.before.runs.iter().filter(of_schedule).any(|run| run.slot.0 == slot)
    }

    /// A slot for a run that no schedule asks for: now, or right after the last one if that was in the same second, since
    /// the slot is a run's name.
    fn own_slot(&self) -> Timestamp {
        let last = self.status.runs.iter().map(|run| run.slot.0).filter(|slot| *slot >= self.now).max();
        last.map_or(self.now, |last| last.checked_add(SignedDuration::from_secs(1)).unwrap_or(self.now))
    }

    /// What to prune now: first what was broken off, then what a person asks for, then what is due, then what the level
    /// asks for.
    fn run_request(
        &mut self,
        due: Option<Timestamp>,
        schedule: &Schedule,
        pending: &Pending,
        current: Option<&StorageUsage>,
    ) -> Option<RunRequest> {
        let slot = self.own_slot();
        let run_request = |slot, cause| RunRequest { slot, cause, dry_run: false, older_than: None };
        let mut run_request =
            if let Some(resumed) = interrupted_run::to_resume(&self.status, schedule, self.now) {
                resumed
            } else if let Some(request) = &pending.cleanup {
                RunRequest {
                    dry_run: request.dry_run,
                    older_than: request.older_than,
                    ..run_request(slot, PruneCause::Request)
                }
            } else if let Some(due) = due {
                run_request(due, PruneCause::Schedule)
            } else if self.level_asks(current) {
                run_request(slot, PruneCause::WarnCrossed)
            } else {
                return None;
            };
        run_request.dry_run |= self.spec.dry_run;
        Some(run_request)
    }
}
