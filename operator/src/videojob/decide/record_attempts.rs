//! Records the outcome of every attempt that has ended in the status of its step.

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;

use super::super::attempt_outcome::Ending;
use super::super::attempts::{self, Attempt, End, OpenAttempts};
use super::demands::give_back;
use super::draft::Draft;
use super::no_quota;
use super::record_results::record_results;
use super::retry_or_fail::{StepRecorder, is_paid, jitter_of};
use super::spent;
use super::step::Transitions;
use crate::events::EventReason;

/// Records every attempt that has ended; returns the state of the others.
pub(super) fn record_ended(draft: &mut Draft<'_>) -> OpenAttempts {
    let open: Vec<_> = attempts::open(&draft.status).collect();
    let mut open_attempts = OpenAttempts::new();
    for (step, attempt) in open {
        match attempts::attempt_state(draft.observed, step, attempt, draft.now) {
            Attempt::Ended { end, at } => record_outcome(draft, step, end, at),
            Attempt::Absent if never_started(draft, step, attempt) => {}
            Attempt::Absent if draft.step(step).is_some_and(|step| step.reason.is_some()) => {
                // We have stopped it, and nothing is left of it.
                draft.step_mut(step).pending();
            }
            other => {
                open_attempts.insert(step, other);
            }
        }
    }
    open_attempts
}

/// Records an attempt that the API server would not have, if it was granted something: others shall have that, and the next
/// attempt asks again after a while. One that holds nothing is tried again as it is.
fn never_started(draft: &mut Draft<'_>, name: StepName, attempt: i32) -> bool {
    let refusal = draft.observed.refused.get(&(name, attempt)).filter(|refusal| refusal.unmade);
    let Some(refusal) = refusal else { return false };
    let (now, jitter, limit) = (draft.now, jitter_of(draft, name), draft.observed.job.spec.retry.limit);
    let step = draft.step_mut(name);
    if !give_back(step) {
        return false;
    }
    step.job = None;
    let mut recorder = StepRecorder { step, now, limit, jitter, asks_a_person: false, without_quota: None };
    recorder.retry_later(VideoJobReason::ConfigurationInvalid, &refusal.words);
    true
}

fn record_outcome(draft: &mut Draft<'_>, name: StepName, end: End, at: Option<Timestamp>) {
    let now = draft.now;
    let stopped_by_us = draft.step(name).is_some_and(|step| step.reason.is_some());
    let jitter = jitter_of(draft, name);
    let limit = draft.observed.job.spec.retry.limit;
    let accepted = draft.status.handled.as_ref().and_then(|handled| handled.accept_quality.clone());
    let (mut asks_a_person, mut without_quota) = (false, None);
    let ending = Ending::read(&end, stopped_by_us);
    if let End::Reported(outcome) = &end {
        draft.step_mut(name).skip_begun(outcome.latest);
        without_quota = no_quota::without_quota(draft, name, outcome);
        spent::record_usage(draft, name, outcome);
        spent::count(draft, outcome, at.unwrap_or(now));
        no_quota::report(draft, name, outcome);
        if !outcome.note.is_empty() {
            draft.event(false, EventReason::TextLeftOut, name.as_str(), format!("{name}: {}", outcome.note));
        }
        asks_a_person = is_paid(draft, outcome);
    }
    let step = draft.step_mut(name);
    step.end(at.unwrap_or(now));
    let mut recorder = StepRecorder { step, now, limit, jitter, asks_a_person, without_quota };
    match end {
        End::Silent(code) => recorder.record_silent_exit(code),
        End::Reported(outcome) if Some(outcome.input.as_str()) == recorder.step.input_digest.as_deref() => {
            recorder.record_reported(&outcome, accepted.as_deref(), stopped_by_us);
            record_results(draft, &outcome, asks_a_person);
        }
        End::Reported(_) => recorder.interrupted("it worked on other inputs", true),
        End::Interrupted(why) => recorder.interrupted(&why, stopped_by_us),
        End::OutOfMemory => recorder.failed(
            VideoJobReason::RetryScheduled,
            "its container was killed for its memory; raise compute.steps resources if this happens again",
        ),
        End::Deadline => recorder.failed(VideoJobReason::DeadlineExceeded, "its deadline passed"),
    }
    let measured = ending.recorded(draft.observed, draft.step_mut(name));
    draft.measured.extend(measured);
}
