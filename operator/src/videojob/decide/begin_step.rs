//! Whether a step begins that is stale and whose inputs are all there, or what it waits for.

use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::videojob::StepStatus;
use videofactory_pipeline::{Digest, Settings};

use super::super::model::Storage;
use super::super::verdict::Verdict;
use super::accounts::{external_accounts, has_new_credentials};
use super::draft::Draft;
use super::first_purchase::obstacle_to_purchase;
use super::missing_artifacts;
use super::obstacles::obstacle;
use super::quota_request::request_quota;
use super::step::{Transitions, is_tried, result_is_void};
use super::supplies::lacks;
use super::wait_after_attempt::after_attempt;
use super::wait_for_orphans::blocked_by_orphan;
use super::walk::Walk;

/// Begins the step, if nothing keeps it.
pub(super) fn begin(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName, input: &Digest) {
    let settings = walk.film.settings;
    notice_changes(draft, settings, name);
    if let Some((reason, message)) = &walk.held {
        let verdict = Verdict::Suspended { reason: *reason, message: message.clone() };
        walk.keep_waiting(draft, name, verdict);
        return;
    }
    if let Some(verdict) =
        missing_artifacts::gone(draft, settings, name).or_else(|| after_attempt(draft, name, input))
    {
        walk.verdicts.push(verdict);
        return;
    }
    if let Some(verdict) = obstacle(draft, settings, walk.gate, name) {
        walk.keep_waiting(draft, name, verdict);
        return;
    }
    if lacks(walk, draft, name, input) {
        return;
    }
    if let Some(verdict) = obstacle_to_purchase(draft, settings, name) {
        walk.keep_waiting(draft, name, verdict);
        return;
    }
    if draft.step(name).is_none_or(|step| !is_tried(step, input)) {
        draft.step_mut(name).change_inputs();
    }
    if let Some(verdict) = blocked_by_orphan(draft, name) {
        draft.asking.insert(name);
        walk.verdicts.push(verdict);
        return;
    }
    if external_accounts(draft, settings, name).is_empty() {
        request_quota(walk, draft, name, input, true);
    } else {
        walk.asks.push((name, input.clone()));
    }
}

/// Ends a wait for what a person, or the bucket's return, may have changed.
fn notice_changes(draft: &mut Draft<'_>, settings: &Settings, name: StepName) {
    let storage = &draft.observed.storage;
    let fixed = has_new_credentials(draft, settings, name);
    let edited = draft.status.observed_generation != draft.observed.job.metadata.generation;
    let step = draft.step_mut(name);
    let waits = step.state == Some(StepState::Waiting) && step.reason != Some(VideoJobReason::AwaitingQuota);
    let fixed_by_person =
        [Some(VideoJobReason::CredentialsInvalid), Some(VideoJobReason::ConfigurationInvalid)];
    let by_a_person = step.retry_at.is_none() || fixed_by_person.contains(&step.reason);
    if (edited || fixed) && waits && by_a_person && result_is_void(step) {
        // Whatever was changed may be what it waited for.
        step.reset_step();
    }
    if bucket_came_back(step, storage) {
        step.reset_step();
    }
}

/// Whether the bucket was away and came back after a worker complained of what may have been the bucket's.
fn bucket_came_back(step: &StepStatus, storage: &Storage) -> bool {
    let Storage::Ready { since: Some(since), .. } = storage else { return false };
    let complained = matches!(
        step.reason,
        Some(VideoJobReason::CredentialsInvalid | VideoJobReason::ConfigurationInvalid)
    );
    let waits = step.state == Some(StepState::Waiting) && step.retry_at.is_none();
    complained && waits && step.finished_at.as_ref().is_some_and(|ended| *since > ended.0)
}
