//! What a step waits for after an attempt, and until when.

use jiff::Timestamp;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, VideoJob};
use videofactory_pipeline::Digest;

use super::super::verdict::{Message, Verdict};
use super::draft::{Draft, later};
use super::messages::{NO_MESSAGE, quality_message};
use super::step::is_tried;

/// Most seconds between two tries.
pub(super) const MAX_DELAY: i64 = 600;

/// What the step waits for after an attempt with these inputs.
pub(super) fn after_attempt(draft: &mut Draft<'_>, name: StepName, input: &Digest) -> Option<Verdict> {
    let (now, job) = (draft.now, &draft.observed.job);
    let step = draft.step_mut(name);
    let asks = step.reason == Some(VideoJobReason::ArtifactsPruned);
    if !is_tried(step, input) || asks {
        return None;
    }
    let verdict = waiting(job, step, now)?;
    if let Some(at) = step.retry_at.as_ref().map(|at| at.0).filter(|at| *at > now) {
        draft.wake(at);
    }
    Some(verdict)
}

/// What a step waits for after an attempt with today's inputs; `None` when it may begin again.
fn waiting(job: &VideoJob, step: &StepStatus, now: Timestamp) -> Option<Verdict> {
    let reason =
        step.reason.filter(|reason| *reason != VideoJobReason::AwaitingQuota || step.demands.is_empty())?;
    if step.demands.iter().any(|demand| demand.granted.is_none()) {
        // What it waits for is its account's to say.
        return None;
    }
    let reported =
        step.message.clone().filter(|reported| !reported.is_empty()).unwrap_or_else(|| NO_MESSAGE.to_owned());
    let name = step.name;
    if step.state == Some(StepState::Failed) {
        let message = format!("{name}: {reported}; fix the cause, then request a retry");
        return Some(Verdict::Failed { reason, message, step: name });
    }
    let tries_again =
        |at: Timestamp| Message::with_numbers(format!("{name}: {reported}; tries again at "), at.to_string());
    match &step.retry_at {
        // A clock that was set back must not make it wait for longer than we ever do.
        Some(at) if at.0 <= now || at.0 > later(now, MAX_DELAY) => None,
        // A person is needed, but need not answer here.
        Some(at)
            if matches!(
                reason,
                VideoJobReason::CredentialsInvalid | VideoJobReason::ConfigurationInvalid
            ) =>
        {
            Some(Verdict::Stalled { reason, message: tries_again(at.0), step: Some(name) })
        }
        Some(at) => {
            Some(Verdict::Waiting { reason, message: tries_again(at.0), step: Some(name), at: Some(at.0) })
        }
        None => {
            let film = step.output_digest.as_deref().filter(|_| reason == VideoJobReason::QualityCheckFailed);
            let message = film.map_or_else(
                || {
                    let then = if reported == NO_MESSAGE { "then" } else { "when that is fixed," };
                    format!("{name}: {reported}; {then} edit the job or request a retry")
                },
                |film| quality_message(job, name, &reported, film),
            );
            Some(Verdict::Stalled { reason, message: message.into(), step: Some(name) })
        }
    }
}
