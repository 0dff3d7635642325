//! When a step is tried again after an attempt, and what it waits for until then.

use jiff::Timestamp;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, VideoJob};
use videofactory_pipeline::Digest;

use super::super::verdict::Verdict;
use super::draft::{Draft, later};
use super::messages::{NO_WORDS, quality_message};

/// Seconds before the first retry; doubled for each further one.
const FIRST_DELAY: i64 = 5;
/// Most seconds between two tries.
pub(super) const LONGEST_DELAY: i64 = 600;

/// When to try again after so many tries: each time later, up to a limit.
pub(super) fn back_off(now: Timestamp, tries: i32, jitter: f64) -> Timestamp {
    let doublings = u32::try_from(tries.clamp(0, 10)).unwrap_or_default();
    let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 600 seconds")]
    let spread = (delay as f64 * (0.8 + 0.2 * jitter)).ceil() as i64;
    later(now, spread)
}

/// Between 0 and 1, the same for the same attempt: jobs that failed together do not return together.
pub(super) fn jitter_of(draft: &Draft<'_>, name: StepName) -> f64 {
    let uid = draft.observed.job.metadata.uid.as_deref().unwrap_or_default();
    let attempt = draft.step(name).and_then(|step| step.attempt).unwrap_or_default();
    let seed = Digest::of_bytes(format!("{uid}/{name}/{attempt}").as_bytes()).seed();
    f64::from(u32::try_from(seed % 1000).unwrap_or_default()) / 1000.0
}

/// What a step waits for after an attempt with today's inputs; `None` when it may begin again.
pub(super) fn waiting(job: &VideoJob, step: &StepStatus, now: Timestamp) -> Option<Verdict> {
    let reason = step.reason.filter(|reason| *reason != Reason::AwaitingQuota || step.demands.is_empty())?;
    if step.demands.iter().any(|demand| demand.granted.is_none()) {
        // What it waits for is its account's to say.
        return None;
    }
    let told = step.message.clone().filter(|told| !told.is_empty()).unwrap_or_else(|| NO_WORDS.to_owned());
    let name = step.name;
    if step.state == Some(StepState::Failed) {
        let message = format!("{name}: {told}; fix the cause, then request a retry");
        return Some(Verdict::Failed { reason, message, step: name });
    }
    match &step.retry_at {
        // A clock that was set back must not make it wait for longer than we ever do.
        Some(at) if at.0 <= now || at.0 > later(now, LONGEST_DELAY) => None,
        // A person is needed, but need not tell us.
        Some(at) if matches!(reason, Reason::CredentialsInvalid | Reason::ConfigurationInvalid) => {
            let message = format!("{name}: {told}; tries again at {}", at.0);
            Some(Verdict::Stalled { reason, message, step: Some(name) })
        }
        Some(at) => Some(Verdict::Waiting {
            reason,
            message: format!("{name}: {told}; tries again at {}", at.0),
            step: Some(name),
            at: Some(at.0),
        }),
        None => {
            let film = step.output_digest.as_deref().filter(|_| reason == Reason::QualityCheckFailed);
            let message = film.map_or_else(
                || format!("{name}: {told}; when that is fixed, edit the job or request a retry"),
                |film| quality_message(job, name, &told, film),
            );
            Some(Verdict::Stalled { reason, message, step: Some(name) })
        }
    }
}
