//! Whether a person is to look at what was just found done, and what they said.

use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::{StepName, requests};

use super::super::verdict::Verdict;
use super::draft::Draft;
use super::step::Transitions;
use super::walk::Walk;
use crate::events::EventReason;

/// Whether a person is to look at what was just found done, and what they said.
pub(super) fn check_review(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName) {
    // It is said again below, if it is so still.
    draft.step_mut(name).forget_review();
    if !walk.film.settings.review.after.contains(&name) {
        return;
    }
    let output = draft.step(name).and_then(|step| step.output_digest.clone()).unwrap_or_default();
    let says = |decision: &Option<requests::Decision>| {
        decision.as_ref().is_some_and(|decision| decision.step == name && decision.digest == output)
    };
    let (approved, rejected) = (says(&draft.requests.approved), says(&draft.requests.rejected));
    let step = draft.step_mut(name);
    if rejected {
        // Whatever was approved before: a person may think better of it.
        step.reject();
        walk.gate.get_or_insert(name);
        walk.rejected.get_or_insert(name);
        walk.verdicts.push(Verdict::Failed {
            reason: VideoJobReason::Rejected,
            message: format!(
                "{name} was rejected; edit the job, take the annotation {} off to decide again, or request a restart",
                requests::REJECTED
            ),
            step: name,
        });
        return;
    }
    if walk.gate.is_some() {
        return;
    }
    if approved {
        step.approve(&output);
    }
    if step.approved.as_deref() != Some(output.as_str()) {
        step.await_review();
        walk.gate = Some(name);
        let of_this_step = |decision: &&requests::Decision| decision.step == name;
        if let Some(other) = draft.requests.approved.clone().as_ref().filter(of_this_step) {
            let note = format!(
                "the approval of {name}@{} is not for what is under review, {name}@{output}: look at it, and approve it \
                 if you like it",
                other.digest
            );
            draft.event(false, EventReason::RequestIgnored, "Reconcile", note);
        }
    }
}
