//! Which prune run begins now, and why none does.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{PruneCause, PruneRun, StorageUsage};

use super::super::conditions::Barrier;
use super::super::plan::Order;
use super::super::requests::{self, Pending};
use super::super::runs;
use super::super::schedule::{Schedule, TOO_LATE};
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
            self.events.extend(barrier.and_then(|_| runs::cancel(&mut self.status)));
            if let (Some(request), Some(barrier)) = (&pending.cleanup, barrier) {
                requests::handled_cleanup(&mut self.status.handled, request);
                self.events.push(refused("Prune", &barrier.words()));
            }
            return;
        };
        let turn = schedule.look(self.before.next_run_at.as_ref().map(|next| next.0), self.now);
        let due = turn.due.filter(|due| !self.is_slot_begun(*due));
        let order = self.is_free().then(|| self.order(due, schedule, pending, current)).flatten();
        // A slot that is due and cannot begin stays announced until it is too late for it.
        let begins = order.as_ref().is_some_and(|order| order.cause == PruneCause::Schedule);
        let waits = due.filter(|_| !begins);
        if let Some(waits) = waits {
            self.wakes.extend(waits.checked_add(TOO_LATE));
        }
        self.status.next_run_at = waits.or(turn.next).map(whole_seconds);
        self.wakes.extend(turn.next);
        if let Some(order) = order {
            if order.cause == PruneCause::Request
                && let Some(request) = &pending.cleanup
            {
                requests::handled_cleanup(&mut self.status.handled, request);
            }
            runs::begin(&mut self.status, &order, self.spec.history);
            self.action = Some(Action::Prune(order));
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
    fn order(
        &mut self,
        due: Option<Timestamp>,
        schedule: &Schedule,
        pending: &Pending,
        current: Option<&StorageUsage>,
    ) -> Option<Order> {
        let slot = self.own_slot();
        let order = |slot, cause| Order { slot, cause, dry_run: false, older_than: None };
        let mut order = if let Some(resumed) = runs::to_resume(&self.status, schedule, self.now) {
            resumed
        } else if let Some(request) = &pending.cleanup {
            Order {
                dry_run: request.dry_run,
                older_than: request.older_than,
                ..order(slot, PruneCause::Request)
            }
        } else if let Some(due) = due {
            order(due, PruneCause::Schedule)
        } else if self.level_asks(current) {
            order(slot, PruneCause::WarnCrossed)
        } else {
            return None;
        };
        order.dry_run |= self.spec.dry_run;
        Some(order)
    }
}
