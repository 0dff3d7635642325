//! One step's entry in the status: what it says of a result, and how it is put back or stopped.

use videofactory_crds::StepName;
use videofactory_crds::condition::{Reason, StepState};
use videofactory_crds::videojob::StepStatus;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Upstream;

use super::super::model::{Action, Storage};
use super::draft::Draft;

/// Whether what a step waits for has nothing to do with a result that a person might still accept, or that is gone.
pub(super) fn result_is_void(step: &StepStatus) -> bool {
    step.reason != Some(Reason::QualityCheckFailed) && step.gone != Some(true)
}

/// Whether the bucket was away and came back after a worker complained of what may have been the bucket's.
pub(super) fn bucket_came_back(step: &StepStatus, storage: &Storage) -> bool {
    let Storage::Ready { since: Some(since), .. } = storage else { return false };
    let complained = matches!(step.reason, Some(Reason::CredentialsInvalid | Reason::ConfigurationInvalid));
    let waits = step.state == Some(StepState::Waiting) && step.retry_at.is_none();
    complained && waits && step.finished_at.as_ref().is_some_and(|ended| *since > ended.0)
}

/// What a step made, if it succeeded.
pub(super) fn result_of(step: &StepStatus) -> Option<Upstream> {
    if step.reason == Some(Reason::QualityCheckFailed) {
        return None;
    }
    Some(Upstream {
        input: Digest::from_hex(step.input_digest.as_deref()?)?,
        output: Digest::from_hex(step.output_digest.as_deref()?)?,
    })
}

/// The result of a step whose inputs are not known yet stays on record, but does not count.
pub(super) fn unsettle(step: &mut StepStatus) {
    if step.state != Some(StepState::Failed) || step.input_digest.is_some() {
        step.state = Some(StepState::Pending);
        step.reason = None;
        step.message = None;
        step.retry_at = None;
    }
}

pub(super) fn set_state(draft: &mut Draft<'_>, name: StepName, state: StepState) {
    let step = draft.step_mut(name);
    step.state = Some(state);
    step.reason = None;
    step.message = None;
}

/// Stops the attempts of these steps. The reason is the record that their end is our doing.
pub(super) fn stop(draft: &mut Draft<'_>, names: impl IntoIterator<Item = StepName>, reason: Reason) {
    for name in names {
        let step = draft.step_mut(name);
        step.reason = Some(reason);
        step.message = Some("stopping".to_owned());
        stop_jobs(draft, name);
    }
}

/// Deletes what is still at work for this step.
pub(super) fn stop_jobs(draft: &mut Draft<'_>, name: StepName) {
    let doomed = draft
        .observed
        .jobs
        .iter()
        .filter(|job| job.step == name && !job.deleting && job.ended.is_none())
        .map(|job| Action::DeleteJob { name: job.name.clone(), uid: job.uid.clone() });
    draft.actions.extend(doomed);
}
