//! Which steps' files are gone with the kinds of files that a rule of the policy has deleted, and what a person's retry makes
//! of that.

use std::collections::BTreeSet;

use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::StepStatus;
use videofactory_pipeline::keys::{kind_of, pruned_kinds};

use super::draft::Draft;
use super::step::Transitions;

/// The kinds that assemble-video makes: for nothing, but time.
const OF_THE_FILM: [ObjectKind; 3] = [ObjectKind::Videos, ObjectKind::Thumbnails, ObjectKind::Captions];

/// Whether anything that a step has made, its document included, may be gone with these kinds.
pub(super) fn is_missing(pruned: &BTreeSet<ObjectKind>, name: StepName) -> bool {
    let own: &[ObjectKind] = match name {
        StepName::WriteScript => &[],
        StepName::GenerateImages | StepName::NarrateScenes | StepName::AnimateScenes => &[ObjectKind::Clips],
        StepName::AssembleVideo => &OF_THE_FILM,
        // Its records are kept as long as there is a job.
        StepName::PublishVideo => return false,
    };
    pruned.contains(&ObjectKind::Work) || own.iter().any(|kind| pruned.contains(kind))
}

/// The film and what belongs to it are there again, or are about to be made.
pub(super) fn film_is_back(pruned: &mut Vec<String>) {
    pruned.retain(|kind| kind_of(kind).is_none_or(|kind| !OF_THE_FILM.contains(&kind)));
}

/// A person says that what is gone is to be made again. Steps that were not asked about keep what they have.
pub(super) fn make_again(draft: &mut Draft<'_>) {
    let asked = |step: &&mut StepStatus| step.gone == Some(true);
    let now = draft.now;
    draft.status.steps.iter_mut().filter(asked).for_each(|step| step.make_again(now));
    if !draft.status.steps.iter().any(|step| step.reason == Some(VideoJobReason::ArtifactsPruned)) {
        return;
    }
    let pruned = pruned_kinds(&draft.status);
    let lost = |step: &&mut StepStatus| {
        is_missing(&pruned, step.name)
            && step.input_digest.is_some()
            && step.state != Some(StepState::Running)
    };
    draft.status.steps.iter_mut().filter(lost).for_each(|step| step.make_again(now));
    if let Some(artifacts) = &mut draft.status.artifacts {
        artifacts.pruned.clear();
    }
}
