//! Whether a step's next attempt is a survey: one that submits nothing, and reports what only a worker can know.

use std::collections::BTreeMap;

use videofactory_crds::StepName;
use videofactory_crds::videojob::{Demand, ScenesStatus, StepStatus};
use videofactory_pipeline::{Digest, Settings};

use super::super::model::ExternalAccount;
use super::accounts::external_accounts;
use super::demands::is_owed;
use super::draft::Draft;
use super::step::{by_scene, is_tried};

/// What only a worker that submits nothing can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survey {
    /// What this attempt has spent.
    Spending(Option<i32>),
    /// Which part of what is wanted now is there.
    Artifacts,
}

/// Whether the step's next attempt would submit nothing, and only fetch and report what was paid for.
pub(super) fn is_survey(draft: &Draft<'_>, settings: &Settings, name: StepName, input: &Digest) -> bool {
    due_survey(draft, &external_accounts(draft, settings, name), name, input).is_some()
}

/// Which survey is due, if one is.
pub(super) fn due_survey(
    draft: &Draft<'_>,
    accounts: &BTreeMap<String, ExternalAccount>,
    name: StepName,
    input: &Digest,
) -> Option<Survey> {
    let step = draft.step(name)?;
    let same = is_tried(step, input);
    match unaccounted(draft, name) {
        Some(owed) if same && accounts.contains_key(&owed.account) => Some(Survey::Spending(owed.attempt)),
        _ => (may_have_other_artifacts(step, input) && was_at_work(step) && !accounts.is_empty())
            .then_some(Survey::Artifacts),
    }
}

/// The first demand that was begun with and of which nobody knows yet what it has spent.
pub(super) fn unaccounted(draft: &Draft<'_>, name: StepName) -> Option<Demand> {
    draft.step(name)?.demands.iter().find(|demand| is_owed(demand)).cloned()
}

/// Whether what the step's last attempt has reported is not, or may not be, what is there of what is wanted now.
pub(super) fn may_have_other_artifacts(step: &StepStatus, input: &Digest) -> bool {
    !is_tried(step, input) || is_to_be_looked_through(step)
}

/// Whether what a step wants to pay for may be there already: its last attempt has submitted, and ended without a word of
/// what is left.
pub(super) fn may_be_made(step: &StepStatus, input: &Digest) -> bool {
    let left = step.scenes.as_ref().and_then(|scenes| scenes.left);
    is_tried(step, input) && was_at_work(step) && step.survey != Some(true) && left.is_none()
}

/// Whether an attempt may have left something: one that was edited while it waited for its first grant has not.
fn was_at_work(step: &StepStatus) -> bool {
    step.input_digest.is_some() && step.started_at.is_some()
}

/// Whether nobody knows what of a step is there: what it had is gone, at least in part.
fn is_to_be_looked_through(step: &StepStatus) -> bool {
    let nothing_known = |scenes: &ScenesStatus| scenes.completed.is_none() && scenes.left.is_none();
    by_scene(step.name) && step.scenes.as_ref().is_some_and(nothing_known)
}
