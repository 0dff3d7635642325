//! How steps and the whole job stand, in words: what is told first, and what a person can do.

use jiff::Timestamp;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, VideoJob, requests};

use super::super::model::Hindrance;
use super::super::verdict::Verdict;
use super::draft::{BUCKET_PATIENCE, Draft, later};
use super::settle::LONGEST_DELAY;
use crate::events::{MOST_TEXT_BYTES, cut};

/// What is told where it should be said why, and nothing was said.
pub(super) const NO_WORDS: &str = "no reason was given; the log of its pod may have one";

/// Where no step has anything to tell, all are done; one that is not is looked at again.
pub(super) fn nothing_to_tell(draft: &mut Draft<'_>) -> Verdict {
    let done = |name| draft.step(name).and_then(|step| step.state).is_some_and(StepState::is_done);
    match StepName::ALL.into_iter().find(|name| !done(*name)) {
        None => Verdict::Succeeded { reason: Reason::Completed, message: finished_message(draft) },
        Some(step) => {
            draft.wake_in(BUCKET_PATIENCE);
            Verdict::Running { step, message: format!("{step}: its turn has not come") }
        }
    }
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

/// How a step stands whose attempt is at work, or is kept from it.
pub(super) fn hindered(
    job: &VideoJob,
    name: StepName,
    attempt: i32,
    hindrance: Option<&Hindrance>,
) -> Verdict {
    let stalled = |message: String| Verdict::Stalled {
        reason: Reason::ConfigurationInvalid,
        message,
        step: Some(name),
    };
    let waiting = |message: String| Verdict::Waiting {
        reason: Reason::Progressing,
        message,
        step: Some(name),
        at: None,
    };
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    match hindrance {
        None => Verdict::Running { step: name, message: format!("{name}: attempt {attempt}") },
        Some(Hindrance::Unschedulable(why)) => {
            let said = why.trim_end_matches('.');
            let why = if said.is_empty() { String::new() } else { format!(" (the scheduler says: {said})") };
            waiting(format!(
                "{name}: its pod waits for a node with room for it{why}; it starts by itself as soon as one has enough CPU and \
                 memory free; if none ever has, add a node or ask for less in compute"
            ))
        }
        Some(Hindrance::NoPod(job)) => waiting(format!(
            "{name}: its Job makes no pod: kubectl -n {namespace} describe job {job} says why; fix that, or edit the job"
        )),
        Some(Hindrance::Refused(why)) => stalled(format!(
            "{name}: its pod is refused: {why}; fix that (compute.labels and compute.annotations are put on pods), then \
             edit the job or request a retry"
        )),
        Some(Hindrance::Lingering(pod)) => waiting(format!(
            "{name}: its pod is being stopped and should have been gone minutes ago; its node may be lost: kubectl -n \
             {namespace} delete pod {pod} --force once the node is gone for good"
        )),
        Some(Hindrance::Image(why)) => stalled(format!("{name}: the worker's image cannot be pulled: {why}")),
        Some(Hindrance::Configuration(why)) => stalled(format!("{name}: its pod cannot start: {why}")),
    }
}

/// What a gate's message says: how to pass it.
pub(super) fn review_message(job: &VideoJob, step: StepName, digest: &str) -> String {
    let command = annotate_command(job, requests::APPROVED, &format!("{step}@{digest}"));
    format!("{step} waits for approval: {command}")
}

/// What is said of a film that failed its checks: what a person can do. However much failed, that is not cut off.
fn quality_message(job: &VideoJob, step: StepName, failed: &str, film: &str) -> String {
    format!(
        "{step}: {}; edit the job, or take the film as it is: {}",
        cut(failed, MOST_TEXT_BYTES / 2),
        annotate_command(job, requests::ACCEPT_QUALITY, film)
    )
}

/// The command that asks something of a job.
pub(super) fn annotate_command(job: &VideoJob, annotation: &str, value: &str) -> String {
    let (namespace, name) = (job.metadata.namespace.as_deref(), job.metadata.name.as_deref());
    format!(
        "kubectl annotate -n {} vj {} --overwrite {annotation}={value}",
        namespace.unwrap_or_default(),
        name.unwrap_or_default()
    )
}

fn finished_message(draft: &Draft<'_>) -> String {
    let film = draft.status.artifacts.as_ref().and_then(|artifacts| artifacts.video.as_ref());
    film.map_or_else(|| "done".to_owned(), |film| format!("the film is {}", film.key))
}
