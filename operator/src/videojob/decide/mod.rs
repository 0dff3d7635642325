//! What to do next: pure, synchronous, total. No client, no clock, no randomness.
//!
//! A build system, not a script: a step is done if it succeeded with the inputs it would have now;
//! retry, resume, and an edit before publication are all one rule, run what is stale.

mod accounts;
mod advance;
mod again;
mod at_work;
mod begin;
mod budget;
pub(super) mod demands;
mod doubt;
mod draft;
mod engagement;
mod film;
mod grants;
mod hire;
mod kept;
mod launch;
mod leftovers;
mod lost;
mod made;
mod messages;
mod needs;
mod obstacles;
mod order;
mod outcome;
mod permits;
mod prices;
mod progress;
mod pruned;
mod release;
mod requests;
mod restored;
mod retire;
mod retry;
mod review;
mod room;
mod settle;
mod spent;
mod start;
mod step;
mod survey;
mod waits;
mod walk;

use jiff::Timestamp;
use videofactory_crds::bounds;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::{StepName, VideoJob};

use self::draft::Draft;
use self::step::Transitions;
use super::attempts::{Attempt, Standing};
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
    restored::renumber(&mut draft.status, generation);
    let verdict = judge(&mut draft);
    release::release(&mut draft);
    release::drop_booked(&mut draft);
    release::tell_paid(&mut draft);
    leftovers::stop_strays(&mut draft);
    conditions::write(&mut draft.status, &verdict, generation, now);
    conditions::write_storage(&mut draft.status, &observed.storage, generation, now);
    draft.actions.extend(deletion::finalizer_change(&observed.job).map(Action::SetFinalizer));
    announce(&mut draft, &verdict);
    measure(&mut draft, &verdict);
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
    if let Some(verdict) = published(draft) {
        draft.stop(standing.keys().copied(), Reason::Completed);
        progress::count(draft);
        return verdict;
    }
    match (begin::begin(draft), draft.held()) {
        (Err(_), Some((reason, message))) => {
            forget_unmade(draft, &standing);
            let at_work = standing.iter().filter(|(_, attempt)| **attempt != Attempt::Absent);
            draft.stop(at_work.map(|(name, _)| *name), reason);
            Verdict::Suspended { reason, message }
        }
        (Err(verdict), None) => {
            forget_unmade(draft, &standing);
            verdict
        }
        (Ok(settings), _) => advance::advance(draft, &settings, &standing),
    }
}

/// Attempts on record of which there is nothing wait for no end: while the job cannot begin, none of them does.
fn forget_unmade(draft: &mut Draft<'_>, standing: &Standing) {
    for (name, attempt) in standing {
        if *attempt == Attempt::Absent {
            draft.step_mut(*name).pending();
        }
    }
}

/// After publication an edit changes nothing, and says so.
fn published(draft: &Draft<'_>) -> Option<Verdict> {
    let publish = draft.step(StepName::PublishVideo)?;
    if publish.state != Some(StepState::Succeeded) {
        return None;
    }
    let edited = draft
        .status
        .published_generation
        .is_some_and(|at| Some(at) != draft.observed.job.metadata.generation);
    let note = if edited {
        "; it was edited since: request a restart to make it again with these settings"
    } else {
        ""
    };
    Some(Verdict::Succeeded { reason: Reason::Completed, message: format!("published{note}") })
}

/// The end of the whole job is measured when it comes.
fn measure(draft: &mut Draft<'_>, verdict: &Verdict) {
    let before = draft.observed.job.status.as_ref();
    draft.measured.extend(before.and_then(|before| measured::job_end(before, verdict, draft.now)));
}

/// An Event for each change that a person would want to hear of: waits, failures, completion.
fn announce(draft: &mut Draft<'_>, verdict: &Verdict) {
    let before = draft.observed.job.status.as_ref().and_then(conditions::told);
    if before == conditions::told(&draft.status) {
        return;
    }
    let action =
        |step: &Option<StepName>| step.map_or_else(|| "Reconcile".to_owned(), |step| step.to_string());
    match verdict {
        Verdict::Running { .. } => {}
        Verdict::Waiting { reason, message, step, .. } => {
            draft.event(false, &reason.to_string(), &action(step), message);
        }
        Verdict::Stalled { reason, message, step } => {
            draft.event(true, &reason.to_string(), &action(step), message);
        }
        Verdict::Review { step, message } => {
            draft.event(false, &Reason::AwaitingReview.to_string(), &step.to_string(), message);
        }
        Verdict::Suspended { reason, message } | Verdict::Succeeded { reason, message } => {
            draft.event(false, &reason.to_string(), "Reconcile", message);
        }
        Verdict::Failed { reason, message, step } => {
            draft.event(true, &reason.to_string(), &step.to_string(), message);
        }
    }
}

#[cfg(test)]
mod hire_tests;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod properties_accounts;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_accounts;
#[cfg(test)]
mod tests_begin;
#[cfg(test)]
mod tests_costs;
#[cfg(test)]
mod tests_edits;
#[cfg(test)]
mod tests_grants;
#[cfg(test)]
mod tests_leftovers;
#[cfg(test)]
mod tests_lost;
#[cfg(test)]
mod tests_measured;
#[cfg(test)]
mod tests_paid;
#[cfg(test)]
mod tests_requests;
#[cfg(test)]
mod tests_restored;
#[cfg(test)]
mod tests_retire;
#[cfg(test)]
mod tests_room;
#[cfg(test)]
mod tests_side_effects;
#[cfg(test)]
mod tests_told;
#[cfg(test)]
mod tests_traced;
#[cfg(test)]
mod world;
