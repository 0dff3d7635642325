//! The decision while it is being made: what was observed, and the status, the acts and the time to wake as far as they
//! are decided.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::provideraccount::Holder;
use videofactory_crds::requests::{JobRequests, ReadRequestError, job_requests};
use videofactory_crds::videojob::{Demand, Preview, StepStatus, VideoJobStatus};
use videofactory_pipeline::Digest;
use videofactory_pipeline::keys::is_id;

use super::super::attempts::{Attempt, OpenAttempts, deadlines};
use super::super::model::{Action, Measured, Observed};
use super::step::Transitions;
use crate::events::{Event, EventReason};

/// Seconds between two looks at a bucket that does not answer.
pub(super) const BUCKET_RETRY: i64 = 15;
/// Seconds between two looks at what is late.
const OVERDUE_RETRY: i64 = 60;

/// The decision while it is being made.
pub(super) struct Draft<'a> {
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) requests: JobRequests,
    pub(super) unreadable: Vec<ReadRequestError>,
    pub(super) status: VideoJobStatus,
    pub(super) actions: Vec<Action>,
    pub(super) measured: Vec<Measured>,
    pub(super) wake_at: Option<Timestamp>,
    /// Steps that continue by what their accounts, or the end of an earlier pod, will report.
    pub(super) asking: BTreeSet<StepName>,
    /// Steps that make the previewed scene alone, as long as nobody has approved the preview.
    pub(super) preview_steps: BTreeSet<StepName>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(observed: &'a Observed, now: Timestamp) -> Self {
        let mut status = observed.job.status.clone().unwrap_or_default();
        renumber(&mut status, observed.job.metadata.generation);
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
            preview_steps: BTreeSet::new(),
        }
    }

    pub(super) fn step(&self, name: StepName) -> Option<&StepStatus> {
        self.status.steps.iter().find(|step| step.name == name)
    }

    /// The step's entry, made if it is not there, in the graph's order.
    pub(super) fn step_mut(&mut self, name: StepName) -> &mut StepStatus {
        let steps = &mut self.status.steps;
        let place = steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
            let place = steps.iter().position(|step| step.name > name).unwrap_or(steps.len());
            steps.insert(place, StepStatus { state: Some(StepState::Pending), ..StepStatus::new(name) });
            place
        });
        &mut steps[place]
    }

    /// Who asks for this, as accounts know them.
    pub(super) fn holder(&self, name: StepName, demand: &Demand) -> Holder {
        Holder {
            uid: self.observed.job.metadata.uid.clone().unwrap_or_default(),
            step: Some(name),
            attempt: demand.attempt,
            ..Holder::default()
        }
    }

    /// Id of the previewed scene; empty: the film's first.
    pub(super) fn preview_scene(&self) -> &'a str {
        self.observed.job.spec.preview.as_ref().map_or("", Preview::scene)
    }

    /// Gives the job its id, once.
    pub(super) fn choose_id(&mut self) {
        let uid = self.observed.job.metadata.uid.as_deref().unwrap_or_default();
        self.status.id.get_or_insert_with(|| short_id(uid));
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn wake_in(&mut self, seconds: i64) {
        self.wake(later(self.now, seconds));
    }

    /// Looks again when something of this step becomes late, and now and then once it is.
    pub(super) fn wake_when_late(&mut self, name: StepName) {
        for (at, _) in deadlines(self.observed, name) {
            if at > self.now {
                self.wake(at);
            } else {
                self.wake_in(OVERDUE_RETRY);
            }
        }
    }

    pub(super) fn event(
        &mut self,
        warning: bool,
        reason: impl Into<EventReason>,
        action: &str,
        note: impl Into<String>,
    ) {
        self.actions.push(Action::Event(Event {
            warning,
            reason: reason.into(),
            action: action.to_owned(),
            note: note.into(),
        }));
    }

    /// Stops the attempts of these steps. The reason is the record that their end is our doing.
    pub(super) fn stop(&mut self, names: impl IntoIterator<Item = StepName>, reason: VideoJobReason) {
        for name in names {
            self.step_mut(name).stop(reason);
            self.stop_jobs(name);
        }
    }

    /// Deletes what is still at work for this step.
    pub(super) fn stop_jobs(&mut self, name: StepName) {
        let deletions = self
            .observed
            .jobs
            .iter()
            .filter(|job| job.step == name && !job.deleting && job.ended.is_none())
            .map(|job| Action::DeleteJob { name: job.name.clone(), uid: job.uid.clone() });
        self.actions.extend(deletions);
    }

    /// Attempts on record of which there is nothing wait for no end: while the job cannot begin, none of them does.
    pub(super) fn forget_unmade(&mut self, open_attempts: &OpenAttempts) {
        for (name, attempt) in open_attempts {
            if *attempt == Attempt::Absent {
                self.step_mut(*name).pending();
            }
        }
    }

    /// Whether the job is kept from working, and why.
    pub(super) fn held(&self) -> Option<(VideoJobReason, String)> {
        if let Some(why) = &self.requests.hold {
            let why = if why.is_empty() { "no reason given" } else { why };
            return Some((VideoJobReason::Held, format!("held: {why}; remove the annotation to continue")));
        }
        let suspended = self.observed.job.spec.suspend;
        suspended.then(|| {
            (VideoJobReason::Suspended, "suspended by spec.suspend; set it to false to continue".to_owned())
        })
    }
}

/// `seconds` after `from`; the latest time there is if that is out of range.
pub(super) fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// A status that speaks of a later generation than the spec has is that of an object which is gone: its spec had been
/// edited as often. What was true of its last generation is true of this one.
fn renumber(status: &mut VideoJobStatus, generation: Option<i64>) {
    let (Some(seen), Some(now)) = (status.observed_generation, generation) else { return };
    if seen <= now {
        return;
    }
    status.observed_generation = generation;
    // Another one than the present is an earlier one.
    status.published_generation = status.published_generation.map(|at| if at == seen { now } else { 0 });
}

/// The first eight digits of the UID: enough to keep the bucket's keys of two jobs of one name apart. A UID of another
/// make has a digest, for keys take eight hexadecimal digits and nothing else.
fn short_id(uid: &str) -> String {
    let id: String = uid.chars().take(8).collect();
    if is_id(&id) { id } else { Digest::of_bytes(uid.as_bytes()).as_str().chars().take(8).collect() }
}
