//! The Event that says how a job stands now.

use videofactory_crds::StepName;

use super::super::verdict::Verdict;
use super::draft::Draft;

/// An Event for a change that a person would want to hear of: a wait, a failure, completion.
pub(super) fn announce(draft: &mut Draft<'_>, verdict: &Verdict) {
    let action =
        |step: &Option<StepName>| step.map_or_else(|| "Reconcile".to_owned(), |step| step.to_string());
    match verdict {
        Verdict::Running { .. } => {}
        Verdict::Waiting { reason, message, step, .. } => {
            draft.event(false, *reason, &action(step), message.to_string());
        }
        Verdict::Stalled { reason, message, step } => {
            draft.event(true, *reason, &action(step), message.to_string());
        }
        Verdict::Review { reason, step, message } => {
            draft.event(false, *reason, &step.to_string(), message);
        }
        Verdict::Suspended { reason, message } | Verdict::Succeeded { reason, message } => {
            draft.event(false, *reason, "Reconcile", message);
        }
        Verdict::Failed { reason, message, step } => {
            draft.event(true, *reason, &step.to_string(), message);
        }
    }
}
