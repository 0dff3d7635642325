//! Orphans of earlier attempts: nothing of a step starts beside them, and people are informed of one that is overdue.

use videofactory_crds::StepName;

use super::super::attempts::{deadlines, is_occupied};
use super::super::model::PodProblem;
use super::super::verdict::Verdict;
use super::draft::Draft;
use super::messages::at_work_verdict;

/// Why a step cannot begin yet: an orphan of an earlier attempt may still run.
pub(super) fn blocked_by_orphan(draft: &mut Draft<'_>, name: StepName) -> Option<Verdict> {
    let observed = draft.observed;
    if !is_occupied(observed, name) {
        return None;
    }
    draft.stop_jobs(name);
    draft.wake_when_late(name);
    let lingers = deadlines(observed, name)
        .find(|(at, problem)| *at <= draft.now && matches!(problem, PodProblem::StuckTerminating(_)));
    Some(match lingers {
        Some((_, problem)) => at_work_verdict(&observed.job, name, 0, Some(&problem)),
        None => {
            Verdict::Running { step: name, message: format!("{name}: waits for its previous pod to end") }
        }
    })
}
