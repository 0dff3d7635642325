//! What to do next: pure, synchronous, total. No client, no clock, no randomness.
//!
//! A build system, not a script: a step is done if it succeeded with the inputs it would have now;
//! retry, resume, and an edit before publication are all one rule, run what is stale.
//!
//! The files read downward: none imports what stands above it.
//!
//! - What people ask: `requests`. What has ended: `settle`, by `outcome`, `spent`, `doubt` and `kept`.
//! - Whether a run may begin: `begin_run`, by `restored`, `made` and `channel`.
//! - The walk over the graph: `advance`; a result that people review: `review`; an attempt that has not ended: `at_work`, or
//!   of which there is no Job: `attempt_without_job`; a step that is stale: `begin_step`.
//! - Once it is known how all steps stand: `progress`, `release`, `strays`, `announce`, `retire`.
//! - What keeps a stale step: `after_attempt`, `obstacles`, `supplies` (`lost`, `room`), `leftovers`.
//! - What it asks its accounts and what it waits for there: `hire`, by `survey`, `budget`, `needs` and `waits`. The begin of
//!   an attempt: `begin_attempt`, by `order`.
//! - What all of these read and fill in: `walk`, `film`, `engagement`; `grants`, `prices`, `accounts`; `pruned`, `demands`;
//!   `messages`; and at the bottom `draft`, `step`, the one place that writes a step's state, and `allowed_submissions`.

mod accounts;
mod advance;
mod after_attempt;
mod allowed_submissions;
mod announce;
mod at_work;
mod attempt_without_job;
mod begin_attempt;
mod begin_run;
mod begin_step;
mod budget;
mod channel;
pub(super) mod demands;
mod doubt;
mod draft;
mod engagement;
mod film;
mod grants;
mod hire;
mod kept;
mod leftovers;
mod lost;
mod made;
mod messages;
mod needs;
mod obstacles;
mod order;
mod outcome;
mod prices;
mod progress;
mod pruned;
mod release;
mod requests;
mod restored;
mod retire;
mod review;
mod room;
mod settle;
mod spent;
mod step;
mod strays;
mod supplies;
mod survey;
mod waits;
mod walk;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use videofactory_crds::VideoJob;
use videofactory_crds::bounds;
use videofactory_crds::condition::VideoJobReason;

use self::announce::announce;
use self::draft::Draft;
use super::attempts::Attempt;
use super::model::{Action, Decision, Observed};
use super::verdict::Verdict;
use super::{conditions, deletion, measured};

/// Decides what the status of the observed object is to be and what is to be done, at `now`.
///
/// Total: whatever was observed, the result names a next event (a Job at work, a time to wake, or a
/// condition that a person ends).
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    let mut draft = Draft::new(observed, now);
    let generation = observed.job.metadata.generation;
    let verdict = judge(&mut draft);
    release::release(&mut draft);
    release::drop_booked(&mut draft);
    release::tell_paid(&mut draft);
    strays::stop_strays(&mut draft);
    let is_news = conditions::write(&mut draft.status, &verdict, generation, now);
    conditions::write_storage(&mut draft.status, &observed.storage, generation, now);
    draft.actions.extend(deletion::finalizer_change(&observed.job).map(Action::SetFinalizer));
    if is_news {
        announce(&mut draft, &verdict);
    }
    draft.measured.extend(measured::job_end(observed.job.status.as_ref(), &verdict, now));
    retire::retire(&mut draft, &verdict);
    Decision {
        status: bounds::fit::<VideoJob, _>(draft.status),
        actions: draft.actions,
        measured: draft.measured,
        wake_at: draft.wake_at,
    }
}

fn judge(draft: &mut Draft<'_>) -> Verdict {
    requests::handle(draft);
    let standing = settle::settle(draft);
    if let Some(verdict) = draft.published() {
        draft.stop(standing.keys().copied(), VideoJobReason::Completed);
        progress::count(draft);
        return verdict;
    }
    match (begin_run::begin(draft), draft.held()) {
        (Err(_), Some((reason, message))) => {
            draft.forget_unmade(&standing);
            let at_work = standing.iter().filter(|(_, attempt)| **attempt != Attempt::Absent);
            draft.stop(at_work.map(|(name, _)| *name), reason);
            Verdict::Suspended { reason, message }
        }
        (Err(verdict), None) => {
            draft.forget_unmade(&standing);
            verdict
        }
        (Ok(settings), _) => advance::advance(draft, &settings, &standing),
    }
}
