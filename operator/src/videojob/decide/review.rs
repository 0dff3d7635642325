//! Whether a person is to look at what was just found done, and what they said.

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::requests::{Decision, REJECTED};

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
    let result = format!("{name}@{output}");
    let approved = is_of(draft.requests.approved.as_ref(), &result);
    let rejected = is_of(draft.requests.rejected.as_ref(), &result);
    let step = draft.step_mut(name);
    if rejected {
        // Whatever was approved before: a person may think better of it.
        step.reject();
        walk.gate.get_or_insert(name);
        walk.rejected.get_or_insert(name);
        walk.verdicts.push(rejected_verdict(name, &name.to_string()));
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
        report_other_approval(draft, name, &format!("what is under review, {result}"));
    }
}

/// Whether a person has decided about this very result, `<step>@<digest>`.
pub(super) fn is_of(decision: Option<&Decision>, result: &str) -> bool {
    decision.is_some_and(|decision| format!("{}@{}", decision.step, decision.digest) == result)
}

/// How a job stands of which a person has rejected this.
pub(super) fn rejected_verdict(name: StepName, what: &str) -> Verdict {
    Verdict::Failed {
        reason: VideoJobReason::Rejected,
        message: format!(
            "{what} was rejected; edit the job, take the annotation {REJECTED} off to decide again, or request a restart"
        ),
        step: name,
    }
}

/// Says that an approval of this step does not count, if there is one: it is of something else than what is shown.
pub(super) fn report_other_approval(draft: &mut Draft<'_>, name: StepName, shown: &str) {
    let approved = draft.requests.approved.as_ref().filter(|decision| decision.step == name);
    let Some(digest) = approved.map(|decision| decision.digest.clone()) else { return };
    let note = format!(
        "the approval of {name}@{digest} is not for {shown}: look at it, and approve it if you like it"
    );
    draft.event(false, EventReason::RequestIgnored, "Reconcile", note);
}
