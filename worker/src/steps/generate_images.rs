//! generate-images: a picture for every scene, drawn or the user's own. Its key holds the digest of
//! what it was made from.

use videofactory_crds::StepName;
use videofactory_pipeline::documents::{Images, SceneImage};
use videofactory_pipeline::inputs::image_digest;
use videofactory_pipeline::storyboard::{Scene, Storyboard};
use videofactory_providers::{Artist, Character, Embedded, PictureRequest};
use videofactory_storage::PutOptions;

use super::hired::{EMBEDDED_MODEL, embedded};
use super::scenes::{SceneWork, each_scene, require_asset};
use super::{keep_document, read_document};
use crate::context::Context;
use crate::outcome::{Made, StepError};

/// What pictures are stored as.
const EXTENSIONS: [(&str, &str); 2] = [("image/png", "png"), ("image/jpeg", "jpg")];

/// Makes the pictures that are missing.
pub async fn run(context: &Context) -> Result<Made, StepError> {
    let storyboard: Storyboard = read_document(context, StepName::WriteScript).await?;
    let artist = embedded(context, "images", context.input.settings.providers.images.as_ref())?;
    let scenes = each_scene(context, &storyboard.scenes, &Pictures { context, artist }).await?;
    let made = context.progress.report().unwrap_or_default().made;
    let message = format!("{} scenes have a picture, {made} of them new", scenes.len());
    let (_, output) = keep_document(context, Images { scenes }, made > 0).await?;
    Ok(Made { output: Some(output), model: EMBEDDED_MODEL.to_owned(), message, ..Made::default() })
}

struct Pictures<'a> {
    context: &'a Context,
    artist: Embedded,
}

impl SceneWork for Pictures<'_> {
    type Entry = SceneImage;

    async fn find(&self, scene: &Scene) -> Result<Option<SceneImage>, StepError> {
        let digest = image_digest(self.context.input.job.run, &self.context.input.settings, scene);
        if !scene.assets.image.is_empty() {
            require_asset(self.context, scene, &scene.assets.image).await?;
            return Ok(Some(SceneImage { id: scene.id.clone(), digest, key: scene.assets.image.clone() }));
        }
        for (_, extension) in EXTENSIONS {
            let key = self.context.keys.image(&digest, extension);
            if self.context.bucket.head(&key).await?.is_some() {
                return Ok(Some(SceneImage { id: scene.id.clone(), digest, key }));
            }
        }
        Ok(None)
    }

    async fn make(&self, scene: &Scene) -> Result<SceneImage, StepError> {
        let settings = &self.context.input.settings;
        let digest = image_digest(self.context.input.job.run, settings, scene);
        let (width, height) = settings.frame();
        let cast = settings.characters.iter().filter(|character| scene.characters.contains(&character.name));
        let request = PictureRequest {
            prompt: [scene.image_prompt.as_str(), scene.camera.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
            style: settings.style.suffix.clone(),
            width,
            height,
            seed: digest.seed(),
            characters: cast
                .map(|character| Character {
                    name: character.name.clone(),
                    description: character.description.clone().unwrap_or_default(),
                })
                .collect(),
        };
        let picture = self.artist.draw(&request).await?;
        let known = EXTENSIONS.iter().find(|(media_type, _)| *media_type == picture.media_type);
        let Some((media_type, extension)) = known else {
            return Err(StepError::Break(format!("a picture of type {:?} came", picture.media_type)));
        };
        let key = self.context.keys.image(&digest, extension);
        self.context.bucket.put_once(&key, picture.bytes, &PutOptions::of_type(*media_type)).await?;
        Ok(SceneImage { id: scene.id.clone(), digest, key })
    }
}
