//! What to do next: pure, synchronous, total. No client, no clock, no randomness.
//!
//! A build system, not a script: a step is done if it succeeded with the inputs it would have now;
//! retry, resume, and an edit before publication are all one rule, run what is stale.

mod accounts;
mod advance;
mod begin;
mod doubt;
mod entry;
mod hire;
mod leftovers;
mod lost;
mod made;
mod needs;
mod order;
mod permits;
mod progress;
mod requests;
mod restored;
mod retire;
mod returns;
mod room;
mod settle;
mod tell;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::bounds;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::requests::{JobRequests, ReadRequestError, job_requests};
use videofactory_crds::videojob::{StepStatus, VideoJobStatus};
use videofactory_crds::{StepName, VideoJob};

use super::attempts::Attempt;
use super::conditions;
use super::deletion;
use super::measured;
use super::model::{Action, Decision, Measured, Observed};
use super::verdict::Verdict;
use crate::events::Event;

/// Decides what the status of the observed object is to be and what is to be done, at `now`.
///
/// Total: whatever was observed, the result names a next event (a Job at work, a time to wake, or a
/// condition that a person ends).
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    let mut draft = Draft::new(observed, now);
    let verdict = draft.judge();
    returns::release(&mut draft);
    returns::drop_booked(&mut draft);
    returns::tell_paid(&mut draft);
    leftovers::stop_strays(&mut draft);
    let generation = observed.job.metadata.generation;
    conditions::write(&mut draft.status, &verdict, generation, now);
    conditions::write_storage(&mut draft.status, &observed.storage, generation, now);
    draft.actions.extend(deletion::finalizer_change(&observed.job).map(Action::SetFinalizer));
    draft.announce(&verdict);
    draft.measure(&verdict);
    retire::retire(&mut draft, &verdict);
    Decision {
        status: bounds::fit::<VideoJob, _>(draft.status),
        actions: draft.actions,
        measured: draft.measured,
        wake_at: draft.wake_at,
    }
}

/// The decision while it is being made.
struct Draft<'a> {
    observed: &'a Observed,
    now: Timestamp,
    requests: JobRequests,
    unreadable: Vec<ReadRequestError>,
    status: VideoJobStatus,
    actions: Vec<Action>,
    measured: Vec<Measured>,
    wake_at: Option<Timestamp>,
    /// Steps that go on by what their accounts, or the end of an earlier pod, will tell.
    asking: BTreeSet<StepName>,
}

impl<'a> Draft<'a> {
    fn new(observed: &'a Observed, now: Timestamp) -> Self {
        let mut status = observed.job.status.clone().unwrap_or_default();
        restored::renumber(&mut status, observed.job.metadata.generation);
        let none = BTreeMap::new();
        let (requests, unreadable) =
            job_requests(observed.job.metadata.annotations.as_ref().unwrap_or(&none));
        Self {
            observed,
            now,
            requests,
            unreadable,
            status,
            actions: Vec::new(),
            measured: Vec::new(),
            wake_at: None,
            asking: BTreeSet::new(),
        }
    }

    fn judge(&mut self) -> Verdict {
        requests::handle(self);
        let standing = settle::settle(self);
        if let Some(verdict) = self.published() {
            entry::stop(self, standing.keys().copied(), Reason::Completed);
            progress::count(self);
            return verdict;
        }
        match (begin::begin(self), self.held()) {
            (Err(_), Some((reason, message))) => {
                self.forget_unmade(&standing);
                let at_work = standing.iter().filter(|(_, attempt)| **attempt != Attempt::Absent);
                entry::stop(self, at_work.map(|(name, _)| *name), reason);
                Verdict::Suspended { reason, message }
            }
            (Err(verdict), None) => {
                self.forget_unmade(&standing);
                verdict
            }
            (Ok(settings), _) => advance::advance(self, &settings, &standing),
        }
    }

    /// Attempts on record of which there is nothing wait for no end: while the job cannot begin, none of them does.
    fn forget_unmade(&mut self, standing: &settle::Standing) {
        for (name, attempt) in standing {
            if *attempt == Attempt::Absent {
                entry::set_state(self, *name, StepState::Pending);
            }
        }
    }

    /// After publication an edit changes nothing, and says so.
    fn published(&self) -> Option<Verdict> {
        let publish = self.step(StepName::PublishVideo)?;
        if publish.state != Some(StepState::Succeeded) {
            return None;
        }
        let edited = self
            .status
            .published_generation
            .is_some_and(|at| Some(at) != self.observed.job.metadata.generation);
        let note = if edited {
            "; it was edited since: request a restart to make it again with these settings"
        } else {
            ""
        };
        Some(Verdict::Succeeded { reason: Reason::Completed, message: format!("published{note}") })
    }

    fn step(&self, name: StepName) -> Option<&StepStatus> {
        self.status.steps.iter().find(|step| step.name == name)
    }

    /// The step's entry, made if it is not there, in the graph's order.
    fn step_mut(&mut self, name: StepName) -> &mut StepStatus {
        let steps = &mut self.status.steps;
        let place = steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
            let place = steps.iter().position(|step| step.name > name).unwrap_or(steps.len());
            steps.insert(place, StepStatus { state: Some(StepState::Pending), ..StepStatus::new(name) });
            place
        });
        &mut steps[place]
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn wake_in(&mut self, seconds: i64) {
        self.wake(later(self.now, seconds));
    }

    fn event(&mut self, warning: bool, reason: &str, action: &str, note: impl Into<String>) {
        self.actions.push(Action::Event(Event {
            warning,
            reason: reason.to_owned(),
            action: action.to_owned(),
            note: note.into(),
        }));
    }

    /// Whether the job is kept from working, and why.
    fn held(&self) -> Option<(Reason, String)> {
        if let Some(why) = &self.requests.hold {
            let why = if why.is_empty() { "no reason given" } else { why };
            return Some((Reason::Held, format!("held: {why}; remove the annotation to continue")));
        }
        let suspended = self.observed.job.spec.suspend;
        suspended
            .then(|| (Reason::Suspended, "suspended by spec.suspend; set it to false to continue".to_owned()))
    }

    /// The end of the whole job is measured when it comes.
    fn measure(&mut self, verdict: &Verdict) {
        let before = self.observed.job.status.as_ref();
        self.measured.extend(before.and_then(|before| measured::job_end(before, verdict, self.now)));
    }

    /// An Event for each change that a person would want to hear of: waits, failures, completion.
    fn announce(&mut self, verdict: &Verdict) {
        let before = self.observed.job.status.as_ref().and_then(conditions::told);
        if before == conditions::told(&self.status) {
            return;
        }
        let action =
            |step: &Option<StepName>| step.map_or_else(|| "Reconcile".to_owned(), |step| step.to_string());
        match verdict {
            Verdict::Running { .. } => {}
            Verdict::Waiting { reason, message, step, .. } => {
                self.event(false, &reason.to_string(), &action(step), message);
            }
            Verdict::Stalled { reason, message, step } => {
                self.event(true, &reason.to_string(), &action(step), message);
            }
            Verdict::Review { step, message } => {
                self.event(false, &Reason::AwaitingReview.to_string(), &step.to_string(), message);
            }
            Verdict::Suspended { reason, message } | Verdict::Succeeded { reason, message } => {
                self.event(false, &reason.to_string(), "Reconcile", message);
            }
            Verdict::Failed { reason, message, step } => {
                self.event(true, &reason.to_string(), &step.to_string(), message);
            }
        }
    }
}

/// `seconds` after `from`; the latest time there is if that is out of range.
fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Writes off what the attempts of a job that is being deleted have spent and never told, and takes back what it asks for:
/// while its files wait for their bucket, others shall have it.
pub fn write_off_all(status: &mut VideoJobStatus, now: Timestamp) {
    status.steps.iter_mut().for_each(|step| returns::write_off(step, now));
}

/// Results of the steps that are done with today's inputs.
type Results = BTreeMap<StepName, videofactory_pipeline::contract::Upstream>;

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
