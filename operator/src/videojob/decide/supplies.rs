//! Whether the bucket has what a step needs: the files of earlier steps, and room for its own.

use videofactory_crds::StepName;
use videofactory_pipeline::Digest;

use super::demands::{withdraw, write_off};
use super::draft::Draft;
use super::missing_artifacts::{self, Needed};
use super::step::Transitions;
use super::storage_gate;
use super::survey::is_survey;
use super::walk::Walk;

/// Whether files that are gone, or a bucket without room, keep the step from beginning; then that is reported.
pub(super) fn lacks(walk: &mut Walk<'_>, draft: &mut Draft<'_>, name: StepName, input: &Digest) -> bool {
    match missing_artifacts::needed(draft, walk.film.settings, name) {
        Needed::Nothing => {}
        Needed::ApprovalRequired(verdict) => {
            walk.verdicts.push(*verdict);
            return true;
        }
        Needed::Film => {
            withdraw(draft.step_mut(name));
            draft.step_mut(name).reset_step();
            walk.results.remove(&StepName::AssembleVideo);
            walk.gone = Some(StepName::AssembleVideo);
            return true;
        }
    }
    let Some(verdict) = storage_gate::blocked_by(draft, name) else { return false };
    // A survey brings what was paid for, whose links expire.
    if is_survey(draft, walk.film.settings, name, input) {
        return false;
    }
    let now = draft.now;
    write_off(draft.step_mut(name), now);
    walk.keep_waiting(draft, name, verdict);
    true
}
