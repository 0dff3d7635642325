//! animate-scenes: a clip for every scene. The embedded way makes no file: the scene's picture moves
//! within the film's own pass, and the document says so with an empty key.

use std::collections::BTreeMap;

use videofactory_crds::StepName;
use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{Clips, Images, SceneClip};
use videofactory_pipeline::inputs::clip_digest;
use videofactory_pipeline::storyboard::{Scene, Storyboard};

use super::hired::{EMBEDDED_MODEL, embedded};
use super::scenes::{SceneWork, each_scene, require_asset};
use super::{keep_document, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};

/// Settles how every scene moves.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let images: Images = read_document(context, StepName::GenerateImages).await?;
    embedded(context, "animation", context.input.settings.providers.animation.as_ref())?;
    let images = images.scenes.into_iter().map(|image| (image.id, image.digest)).collect();
    let scenes = each_scene(context, &storyboard.scenes, &Motions { context, images }).await?;
    let clips = scenes.iter().filter(|scene| !scene.key.is_empty()).count();
    let message = format!("{clips} scenes have a clip, {} move as pictures", scenes.len() - clips);
    let (_, output) = keep_document(context, Clips { scenes }, false).await?;
    Ok(Made { output: Some(output), model: EMBEDDED_MODEL.to_owned(), message, ..Made::default() })
}

struct Motions<'a> {
    context: &'a Context,
    images: BTreeMap<String, Digest>,
}

impl SceneWork for Motions<'_> {
    type Entry = SceneClip;

    async fn find(&self, scene: &Scene) -> Result<Option<SceneClip>, StepError> {
        let input = &self.context.input;
        let image = self.images.get(&scene.id).ok_or_else(|| StepError::FindArtifact {
            what: format!("the picture of scene {}", scene.id),
            from: StepName::GenerateImages,
        })?;
        let key = &scene.assets.clip;
        if !key.is_empty() {
            require_asset(self.context, scene, key).await?;
        }
        let digest = clip_digest(input.job.run, &input.settings, scene, image, 0);
        Ok(Some(SceneClip { id: scene.id.clone(), digest, key: key.clone() }))
    }

    async fn make(&self, scene: &Scene) -> Result<SceneClip, StepError> {
        // `find` answers for every scene.
        Err(StepError::Break(format!("scene {} has neither a picture nor a clip", scene.id)))
    }
}
