//! Orphans of earlier attempts, and pods that are overdue: nothing of a step starts beside them, and people are
//! informed.

use videofactory_crds::StepName;

use super::super::attempts::{Attempt, deadlines, is_occupied};
use super::super::model::PodProblem;
use super::super::verdict::Verdict;
use super::draft::Draft;
use super::messages::at_work_verdict;

/// Seconds between two looks at what is late.
const OVERDUE_RETRY: i64 = 60;

/// Why a step cannot begin yet: an orphan of an earlier attempt may still run.
pub(super) fn blocked_by_orphan(draft: &mut Draft<'_>, name: StepName) -> Option<Verdict> {
    let observed = draft.observed;
    if !is_occupied(observed, name) {
        return None;
    }
    draft.stop_jobs(name);
    wake_when_late(draft, name);
    let lingers = deadlines(observed, name)
        .find(|(at, problem)| *at <= draft.now && matches!(problem, PodProblem::StuckTerminating(_)));
    Some(match lingers {
        Some((_, problem)) => at_work_verdict(&observed.job, name, 0, Some(&problem)),
        None => {
            Verdict::Running { step: name, message: format!("{name}: waits for its previous pod to end") }
        }
    })
}

/// How a step stands whose attempt was asked to end.
pub(super) fn stopping(draft: &mut Draft<'_>, name: StepName, attempt: &Attempt) -> Verdict {
    wake_when_late(draft, name);
    match attempt {
        Attempt::Alive(Some(problem @ PodProblem::StuckTerminating(_))) => {
            at_work_verdict(&draft.observed.job, name, 0, Some(problem))
        }
        _ => Verdict::Running { step: name, message: format!("{name}: stopping") },
    }
}

/// Looks again when something of this step becomes late, and now and then once it is.
pub(super) fn wake_when_late(draft: &mut Draft<'_>, name: StepName) {
    for (at, _) in deadlines(draft.observed, name) {
        if at > draft.now {
            draft.wake(at);
        } else {
            draft.wake_in(OVERDUE_RETRY);
        }
    }
}
