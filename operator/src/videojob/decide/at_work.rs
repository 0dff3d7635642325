//! What becomes of an attempt that has not ended: it is left at work, stopped, or begun again if there is nothing of it.

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_pipeline::{Digest, graph};

use super::super::attempts::Attempt;
use super::super::model::PodProblem;
use super::super::verdict::Verdict;
use super::accounts::is_barred;
use super::attempt_without_job::relaunch_or_begin;
use super::begin_step::begin;
use super::draft::{BUCKET_RETRY, Draft};
use super::messages::at_work_verdict;
use super::obstacles::obstacle;
use super::progress;
use super::step::Transitions;
use super::wait_for_orphans::blocked_by_orphan;
use super::walk::Walk;

/// An attempt that has not ended.
pub(super) fn at_work(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
    wanted: Option<&Digest>,
    attempt: &Attempt,
) {
    let settings = walk.film.settings;
    let edited = draft.status.observed_generation != draft.observed.job.metadata.generation;
    let barred = is_barred(draft, settings, name);
    let previewing = !draft.preview_steps.is_empty();
    let step = draft.step_mut(name);
    // While something before it is made again it may still turn out to be wanted, but for a
    // publication, which cannot be taken back, for what belongs to an earlier run, and for what is paid for beside the
    // preview.
    let stale = if let Some(wanted) = wanted {
        Some(wanted.as_str()) != step.input_digest.as_deref()
    } else {
        let pays_for_others = previewing && step.preview != Some(true);
        pays_for_others || name == StepName::PublishVideo || step.input_digest.is_none()
    };
    // A pod that cannot start gives way when the job is edited or a retry is asked for: what kept it may be fixed.
    let is_stopping = step.reason == Some(VideoJobReason::Progressing);
    let gives_way = matches!(attempt, Attempt::Alive(Some(_))) && (edited || is_stopping);
    let rejected = walk.rejected.is_some_and(|gate| graph::downstream(gate).contains(&name));
    let end_it = match &walk.held {
        Some((reason, _)) => Some(*reason),
        None if rejected => Some(VideoJobReason::Rejected),
        None if barred => Some(VideoJobReason::SideEffectsSuspended),
        None => (stale || gives_way).then_some(VideoJobReason::Progressing),
    };
    let number = step.attempt.unwrap_or_default();
    match (end_it, attempt) {
        (Some(_), Attempt::Absent) => {
            draft.step_mut(name).pending();
            if let Some(input) = wanted {
                begin(walk, draft, name, input);
            }
        }
        (Some(reason), _) => {
            draft.stop([name], reason);
            walk.verdicts.push(stopping(draft, name, attempt));
        }
        (None, Attempt::Absent) => {
            let Some(input) = wanted else {
                draft.step_mut(name).pending();
                return;
            };
            if let Some(verdict) = obstacle(draft, settings, walk.gate, name) {
                draft.step_mut(name).pending();
                walk.verdicts.push(verdict);
            } else if let Some(verdict) = blocked_by_orphan(draft, name) {
                walk.verdicts.push(verdict);
            } else {
                relaunch_or_begin(walk, draft, name, input, number);
            }
        }
        (None, Attempt::Unknown(why)) => {
            draft.wake_in(BUCKET_RETRY);
            walk.verdicts.push(Verdict::Waiting {
                reason: VideoJobReason::StorageUnavailable,
                message: format!("{name}: {why}").into(),
                step: Some(name),
                at: None,
            });
        }
        (None, Attempt::Alive(problem)) => {
            draft.wake_when_late(name);
            walk.verdicts.push(at_work_verdict(&draft.observed.job, name, number, problem.as_ref()));
            progress::report(draft, name);
        }
        (None, _) => walk.verdicts.push(at_work_verdict(&draft.observed.job, name, number, None)),
    }
}

/// How a step stands whose attempt was asked to end.
pub(super) fn stopping(draft: &mut Draft<'_>, name: StepName, attempt: &Attempt) -> Verdict {
    draft.wake_when_late(name);
    match attempt {
        Attempt::Alive(Some(problem @ PodProblem::StuckTerminating(_))) => {
            at_work_verdict(&draft.observed.job, name, 0, Some(problem))
        }
        _ => Verdict::Running { step: name, message: format!("{name}: stopping") },
    }
}
