//! Pictures in the bucket, as services are handed them.

use videofactory_pipeline::storyboard::Scene;
use videofactory_providers::{Character, Picture, image};
use videofactory_storage::StorageError;

use crate::context::Context;
use crate::outcome::StepError;

/// Most bytes of a picture.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The picture under `key`; `None` if there is none.
pub async fn fetch(context: &Context, key: &str) -> Result<Option<Picture>, StepError> {
    let bytes = match context.bucket.get(key, MAX_BYTES).await {
        Err(StorageError::NoSuchKey { .. }) => return Ok(None),
        other => other?.to_vec(),
    };
    let Some((media_type, width, height)) = image::look(&bytes) else {
        return Err(StepError::FollowSettings(format!(
            "failed to hand {key} to a service: it is neither a PNG nor a JPEG picture; put one there"
        )));
    };
    Ok(Some(Picture { bytes, media_type: media_type.to_owned(), width, height, cost_micros: None }))
}

/// Who appears in a scene, with pictures of them.
pub async fn cast(context: &Context, scene: &Scene) -> Result<Vec<Character>, StepError> {
    let settings = &context.input.settings;
    let mut cast = Vec::new();
    for character in settings.characters.iter().filter(|known| scene.characters.contains(&known.name)) {
        let mut references = Vec::new();
        for key in character.reference_images.iter().flatten().filter_map(|key| key.get()) {
            references.push(fetch(context, key).await?.ok_or_else(|| {
                StepError::FollowSettings(format!(
                    "failed to find {key}, a picture of character {:?}: it is not in the bucket; upload it, or correct \
                     referenceImages",
                    character.name
                ))
            })?);
        }
        cast.push(Character {
            name: character.name.clone(),
            description: character.description.clone().unwrap_or_default(),
            references,
        });
    }
    Ok(cast)
}
