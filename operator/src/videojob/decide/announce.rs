//! What people and metrics are told once it is known how the whole job stands.

use videofactory_crds::StepName;
use videofactory_crds::condition::Reason;

use super::super::verdict::Verdict;
use super::super::{conditions, measured};
use super::draft::Draft;

/// An Event for each change that a person would want to hear of: waits, failures, completion.
pub(super) fn announce(draft: &mut Draft<'_>, verdict: &Verdict) {
    let before = draft.observed.job.status.as_ref().and_then(conditions::told);
    if before == conditions::told(&draft.status) {
        return;
    }
    let action =
        |step: &Option<StepName>| step.map_or_else(|| "Reconcile".to_owned(), |step| step.to_string());
    match verdict {
        Verdict::Running { .. } => {}
        Verdict::Waiting { reason, message, step, .. } => {
            draft.event(false, &reason.to_string(), &action(step), message);
        }
        Verdict::Stalled { reason, message, step } => {
            draft.event(true, &reason.to_string(), &action(step), message);
        }
        Verdict::Review { step, message } => {
            draft.event(false, &Reason::AwaitingReview.to_string(), &step.to_string(), message);
        }
        Verdict::Suspended { reason, message } | Verdict::Succeeded { reason, message } => {
            draft.event(false, &reason.to_string(), "Reconcile", message);
        }
        Verdict::Failed { reason, message, step } => {
            draft.event(true, &reason.to_string(), &step.to_string(), message);
        }
    }
}

/// The end of the whole job is measured when it comes.
pub(super) fn measure(draft: &mut Draft<'_>, verdict: &Verdict) {
    let before = draft.observed.job.status.as_ref();
    draft.measured.extend(before.and_then(|before| measured::job_end(before, verdict, draft.now)));
}
