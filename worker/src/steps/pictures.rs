//! Pictures in the bucket, as services are handed them.

use videofactory_pipeline::storyboard::Scene;
use videofactory_providers::{Character, Picture};
use videofactory_storage::StorageError;

use crate::context::Context;
use crate::outcome::StepError;

/// Most bytes of a picture.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The picture under `key`; `None` if there is none.
pub async fn fetch(context: &Context, key: &str) -> Result<Option<Picture>, StepError> {
    let bytes = match context.bucket.get(key, MOST_BYTES).await {
        Err(StorageError::NoSuchKey { .. }) => return Ok(None),
        other => other?.to_vec(),
    };
    let (media_type, size) = match bytes.first_chunk() {
        Some(b"\x89PNG\r\n\x1a\n") => ("image/png", png_size(&bytes)),
        Some([0xff, 0xd8, 0xff, ..]) => ("image/jpeg", jpeg_size(&bytes)),
        _ => ("", None),
    };
    let Some((width, height)) = size else {
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

fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from: usize| Some(u32::from_be_bytes(bytes.get(from..from + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// From the frame header, which stands behind any number of other segments.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from: usize| Some(u16::from_be_bytes(bytes.get(from..from + 2)?.try_into().ok()?));
    let mut at = 2;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)?) {
            (0xff, 0xff) => at += 1,
            (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                return Some((number(at + 7)?.into(), number(at + 5)?.into()));
            }
            (0xff, 0xd9 | 0xda) => return None,
            (0xff, _) => at += 2 + usize::from(number(at + 2)?),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_bytes() {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 3, 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0; 6]).unwrap();
        assert_eq!(png_size(&png), Some((3, 2)));
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08\x01\x68\x02\x80\x03";
        assert_eq!(jpeg_size(jpeg), Some((640, 360)));
        assert_eq!((png_size(&png[..20]), jpeg_size(&jpeg[..12])), (None, None));
    }
}
