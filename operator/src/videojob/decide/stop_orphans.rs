//! Jobs that no record expects to be at work.

use super::super::attempts::is_open;
use super::super::model::{Action, JobFacts, PodFacts, PodState};
use super::draft::Draft;

/// Stops the Jobs that no record expects to be at work: those of a status that was put back, one whose creation was
/// answered too late, and those whose worker's end is recorded while what a cluster has put beside it runs on: it would
/// do so until the pod's deadline.
pub(super) fn stop_orphaned_jobs(draft: &mut Draft<'_>) {
    let at_work = |job: &JobFacts| {
        let mine = |pod: &&PodFacts| pod.step == job.step && pod.attempt == job.attempt;
        let runs = |pod: &PodFacts| pod.outlived || !matches!(pod.state, PodState::Ended(_));
        draft.observed.pods.iter().filter(mine).any(runs)
    };
    let recorded = |job: &JobFacts| {
        let step = draft.step(job.step).filter(|step| step.job.as_deref() == Some(job.name.as_str()));
        step.is_some_and(|step| is_open(step) || !at_work(job))
    };
    let deletions: Vec<Action> = draft
        .observed
        .jobs
        .iter()
        .filter(|job| job.ended.is_none() && !job.deleting && !recorded(job))
        .map(|job| Action::DeleteJob { name: job.name.clone(), uid: job.uid.clone() })
        .filter(|action| !draft.actions.contains(action))
        .collect();
    draft.actions.extend(deletions);
}
