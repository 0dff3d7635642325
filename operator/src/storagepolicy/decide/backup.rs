//! Which backup begins now, and why none does.

use jiff::Timestamp;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun};

use super::super::requests::{self, Pending};
use super::super::run_history;
use super::super::schedule::{Schedule, TOO_LATE};
use super::{Action, Draft, refused};

impl Draft<'_> {
    pub(super) fn back_up(&mut self, schedule: Option<&Schedule>, pending: &Pending) {
        if let Some(barrier) = self.suspension() {
            self.status.next_backup_at = None;
            if let Some(request) = &pending.backup {
                requests::handled_backup(&mut self.status.handled, request);
                self.events.push(refused("BackUp", &barrier.words()));
            }
            return;
        }
        let announced = self.before.next_backup_at.as_ref().map(|next| next.0);
        let due_slot = schedule.map(|schedule| schedule.due_slot(announced, self.now));
        let due = due_slot.and_then(|due_slot| due_slot.due);
        let next = due_slot.and_then(|due_slot| due_slot.next);
        let mut waits = due;
        if let Some((slot, resumed)) = self.is_free().then(|| self.backup_slot(due, pending)).flatten() {
            if !resumed && let Some(request) = &pending.backup {
                requests::handled_backup(&mut self.status.handled, request);
            }
            waits = None;
            self.status.backup =
                Some(BackupRun { resumed: resumed.then_some(true), ..run_history::backup_begun(slot) });
            self.action = Some(Action::BackUp { slot });
        }
        if let Some(waits) = waits {
            self.wakes.extend(waits.checked_add(TOO_LATE));
        }
        self.status.next_backup_at = waits.or(next).map(whole_seconds);
        self.wakes.extend(next);
    }

    /// The slot to back up now, and whether it is one that was broken off: that is tried once more.
    fn backup_slot(&mut self, due: Option<Timestamp>, pending: &Pending) -> Option<(Timestamp, bool)> {
        if let Some(lost) = self.status.backup.as_mut().filter(|run| run.outcome.is_none()) {
            // Of a policy that was restored: the backup may be the one that it comes from, and is not written over.
            let made = self.observed.policy.metadata.creation_timestamp.as_ref();
            let is_restored = made.is_some_and(|made| lost.slot.0 < made.0);
            if lost.resumed != Some(true) && !is_restored {
                return Some((lost.slot.0, true));
            }
            lost.outcome = Some(BackupOutcome::Interrupted);
            let why = if is_restored {
                "it was under way when this policy was backed up, which was restored since"
            } else {
                "the operator ended in the middle of it, twice"
            };
            lost.message = Some(why.to_owned());
        }
        if pending.backup.is_some() { Some((self.now, false)) } else { due.map(|due| (due, false)) }
    }
}
