//! What the whole job keeps of an outcome: the film, its publications, and that the result of an earlier step is gone.

use videofactory_crds::StepName;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::videojob::{ArtifactStatus, Publication};
use videofactory_pipeline::contract::{Artifact, ExitCode, Publication as Published, StepOutcome};

use super::draft::Draft;
use super::messages::said;
use super::pruned::film_is_back;
use super::step::Transitions;

/// What the whole job keeps of an outcome.
pub(super) fn record_results(draft: &mut Draft<'_>, outcome: &StepOutcome, asks_a_person: bool) {
    if let Some(missing) = outcome.missing_from.filter(|_| outcome.exit == ExitCode::MissingInput) {
        // One that has not succeeded is to be made anyway, and may say why it waits.
        let earlier = draft.step_mut(missing);
        if earlier.drop_result() {
            earlier.pending();
            if asks_a_person {
                earlier.lose(said(outcome));
            }
        }
    }
    if outcome.output.is_none() {
        return;
    }
    if outcome.step == StepName::PublishVideo {
        draft.status.publications = outcome.publications.iter().map(publication_status).collect();
        // What was last decided upon: an edit that came while it ended is no part of it.
        draft.status.published_generation = draft.status.observed_generation;
    }
    if outcome.step == StepName::AssembleVideo {
        let files = &outcome.artifacts;
        let kept = draft.status.artifacts.get_or_insert_default();
        kept.video = files.video.as_ref().map(artifact_status);
        kept.thumbnail = files.thumbnail.as_ref().map(artifact_status);
        kept.captions = files.captions.iter().map(artifact_status).collect();
        film_is_back(&mut kept.pruned);
    }
}

fn artifact_status(artifact: &Artifact) -> ArtifactStatus {
    ArtifactStatus {
        key: artifact.key.clone(),
        size: Some(artifact.size),
        duration: (artifact.seconds > 0.0).then_some(artifact.seconds),
    }
}

fn publication_status(publication: &Published) -> Publication {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    Publication {
        target: publication.target.clone(),
        state: Some(publication.state),
        id: given(&publication.id),
        url: given(&publication.url),
        at: publication.at.parse().ok().map(whole_seconds),
    }
}
