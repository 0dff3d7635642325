//! Messages to people: why a step does not continue, and what they can do.

use videofactory_client::price::Price;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::videojob::Demand;
use videofactory_crds::{StepName, VideoJob, requests};
use videofactory_pipeline::contract::{StepOutcome, remark_of, with_remark};

use super::super::model::PodProblem;
use super::super::verdict::Verdict;
use super::draft::Draft;
use crate::events::{MAX_TEXT_BYTES, cut};

/// The message where a reason should stand, and none was given.
pub(super) const NO_MESSAGE: &str = "it gave no reason; see the log of its pod";

/// Why an attempt has ended, in its worker's words if it has any.
pub(super) fn said(outcome: &StepOutcome) -> &str {
    if outcome.message.trim().is_empty() { NO_MESSAGE } else { &outcome.message }
}

/// How a step stands whose attempt is at work, or is kept from it.
pub(super) fn at_work_verdict(
    job: &VideoJob,
    name: StepName,
    attempt: i32,
    problem: Option<&PodProblem>,
) -> Verdict {
    let stalled = |message: String| Verdict::Stalled {
        reason: VideoJobReason::ConfigurationInvalid,
        message: message.into(),
        step: Some(name),
    };
    let waiting = |message: String| Verdict::Waiting {
        reason: VideoJobReason::Progressing,
        message: message.into(),
        step: Some(name),
        at: None,
    };
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    match problem {
        None => Verdict::Running { step: name, message: format!("{name}: attempt {attempt}") },
        Some(PodProblem::Unschedulable(why)) => {
            let said = why.trim_end_matches('.');
            let why = if said.is_empty() { String::new() } else { format!(" (the scheduler says: {said})") };
            waiting(format!(
                "{name}: no node takes its pod yet{why}; it starts automatically as soon as one does; if none ever will, \
                 change compute or the nodes"
            ))
        }
        Some(PodProblem::NoPod(job)) => waiting(format!(
            "{name}: its Job makes no pod: kubectl -n {namespace} describe job {job} says why; fix that, or edit the job"
        )),
        Some(PodProblem::Refused(why)) => stalled(format!(
            "{name}: its pod is refused: {why}; fix that (compute.labels and compute.annotations are put on pods), then \
             edit the job or request a retry"
        )),
        Some(PodProblem::StuckTerminating(pod)) => waiting(format!(
            "{name}: its pod is being stopped and should have been gone minutes ago; its node may be lost: kubectl -n \
             {namespace} delete pod {pod} --force once the node is gone for good"
        )),
        Some(PodProblem::Image(why)) => {
            stalled(format!("{name}: the worker's image cannot be pulled: {why}"))
        }
        Some(PodProblem::Configuration(why)) => stalled(format!("{name}: its pod cannot start: {why}")),
    }
}

/// How a job stands that waits at this gate, and how to pass it.
pub(super) fn in_review(draft: &Draft<'_>, gate: StepName) -> Verdict {
    let digest = draft.step(gate).and_then(|step| step.output_digest.clone()).unwrap_or_default();
    let command = annotate_command(&draft.observed.job, requests::APPROVED, &format!("{gate}@{digest}"));
    let message = format!("{gate} waits for approval: {command}");
    Verdict::Review { reason: VideoJobReason::AwaitingReview, step: gate, message }
}

/// How a job stands whose preview is made, and how to have the other scenes made. `result`: what is shown.
pub(super) fn in_preview(draft: &Draft<'_>, step: StepName, scene: &str, result: &str) -> Verdict {
    let scene = if scene.is_empty() { "the first scene".to_owned() } else { format!("scene {scene}") };
    let command = annotate_command(&draft.observed.job, requests::APPROVED, result);
    let message = format!(
        "the preview of {scene} is ready; look at it, and approve it to make the other scenes: {command}"
    );
    Verdict::Review { reason: VideoJobReason::PreviewReady, step, message }
}

/// What is said of a film that failed its checks: what a person can do. However much failed, that is not cut off.
pub(super) fn quality_message(job: &VideoJob, step: StepName, failed: &str, film: &str) -> String {
    format!(
        "{step}: {}; edit the job, or take the film as it is: {}",
        cut(failed, MAX_TEXT_BYTES / 2),
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

/// What is said of a job whose film is made.
pub(super) fn finished_message(draft: &Draft<'_>) -> String {
    let film = draft.status.artifacts.as_ref().and_then(|artifacts| artifacts.video.as_ref());
    let made = film.map_or_else(|| "done".to_owned(), |film| format!("the film is {}", film.key));
    with_remark(&made, script_remark(draft))
}

/// What a person should know of the script, if anything: whoever looks at the film alone would not see that its text says
/// nothing.
pub(super) fn script_remark<'a>(draft: &'a Draft<'_>) -> Option<&'a str> {
    let step = draft.step(StepName::WriteScript).filter(|step| step.state.is_some_and(StepState::is_done))?;
    step.message.as_deref().and_then(remark_of)
}

/// What is gone, what it costs to make it again, how a person says so, and what else there is to do.
pub(super) fn gone_message(job: &VideoJob, what: &str, price: Price, otherwise: &str) -> String {
    let cost = match price {
        Price::Nothing => "costs nothing, but time".to_owned(),
        Price::About(sum) => format!("costs up to about ${sum}"),
        Price::Unknown => "costs, and nobody knows how much".to_owned(),
    };
    let command = annotate_command(job, requests::RETRY, "$(date -u +%FT%TZ)");
    let what = cut(what, MAX_TEXT_BYTES / 2);
    format!("{what}; making them again {cost}: to have that, {command}, or request a restart; {otherwise}")
}

/// What a step asks its accounts for.
pub(super) fn asks_for(demands: &[Demand]) -> String {
    let asked: Vec<String> = demands
        .iter()
        .map(|demand| format!("{} of {}", demand.submissions.unwrap_or_default(), demand.account))
        .collect();
    format!("asks for {}", asked.join(" and "))
}

/// What is said of a job that was restored without its status.
pub(super) fn restored_message(job: &VideoJob) -> String {
    format!(
        "another tool has restored this job without its status, and a VideoJob of its name has files in the bucket: restore \
         the status (kubectl videofactory restore does, from a backup of Video Factory; Velero with the annotation \
         velero.io/restore-status: \"true\"), and it continues; or, to have the film made and paid for again, {}",
        annotate_command(job, requests::RETRY, "$(date -u +%FT%TZ)")
    )
}
