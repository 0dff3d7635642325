//! Pictures: how one is asked for, and which part of the answer it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::reply::Reply;
use super::{PROVIDER, unexpected};
use crate::capability::{HEADROOM, Picture, PictureRequest};
use crate::error::ProviderError;
use crate::http::shown;
use crate::image;
use crate::request::{nearest_ratio, picture_prompt};

/// The frames that are sold, as width and height.
const RATIOS: [(u32, u32); 10] =
    [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];
/// The sizes that are sold, by the side of a square picture.
const SIZES: [(&str, f64); 3] = [("1K", 1024.0), ("2K", 2048.0), ("4K", 4096.0)];
/// Most pictures that may be sent along.
const MAX_REFERENCES: usize = 14;
/// Most bytes of all pictures that are sent along: the service takes 20 MB in all, which base64 makes of 15.
const MAX_REFERENCE_BYTES: usize = 14_000_000;

/// The `contents` of the request.
pub(super) fn contents(request: &PictureRequest) -> Result<Value, ProviderError> {
    let references = || request.characters.iter().flat_map(|character| &character.references);
    let (count, bytes) =
        (references().count(), references().map(|picture| picture.bytes.len()).sum::<usize>());
    if count > MAX_REFERENCES || bytes > MAX_REFERENCE_BYTES {
        return Err(ProviderError::Configuration {
            provider: PROVIDER,
            message: format!(
                "the characters of one scene have {count} reference pictures with {bytes} bytes; at most {MAX_REFERENCES} \
                 with {MAX_REFERENCE_BYTES} bytes can be sent, so give fewer or smaller ones in characters.referenceImages"
            ),
        });
    }
    let mut parts = Vec::new();
    for character in &request.characters {
        if character.references.is_empty() {
            continue;
        }
        parts.push(json!({"text": format!("This is what {} looks like:", character.name)}));
        for picture in &character.references {
            let data = STANDARD.encode(&picture.bytes);
            parts.push(json!({"inlineData": {"mimeType": picture.media_type, "data": data}}));
        }
    }
    parts.push(json!({"text": prompt(request)}));
    Ok(json!([{"role": "user", "parts": parts}]))
}

fn prompt(request: &PictureRequest) -> String {
    format!("Draw one full-bleed picture without frame, caption or watermark. {}", picture_prompt(request))
}

/// The `generationConfig` of the request.
pub(super) fn configuration(model: &str, request: &PictureRequest) -> Value {
    let (across, down) = nearest_ratio(&RATIOS, request.width, request.height);
    let mut image = json!({"aspectRatio": format!("{across}:{down}")});
    // The family before has one size only and refuses requests that name others.
    if !model.starts_with("gemini-2.") {
        image["imageSize"] = json!(size(request.width, request.height));
    }
    let seed = request.seed & u64::from(i32::MAX.unsigned_abs());
    json!({"responseModalities": ["IMAGE"], "imageConfig": image, "seed": seed})
}

/// The smallest size that leaves room to move the frame over the picture, or else the largest.
pub(crate) fn size(width: u32, height: u32) -> &'static str {
    let (across, down) = nearest_ratio(&RATIOS, width, height);
    let stretch = (f64::from(across) / f64::from(down)).sqrt();
    let fits = |side: f64| {
        side * stretch >= f64::from(width) * HEADROOM && side / stretch >= f64::from(height) * HEADROOM
    };
    SIZES.into_iter().find(|(_, side)| fits(*side)).map_or("4K", |(name, _)| name)
}

/// The picture of the answer.
pub(super) fn read(reply: Reply) -> Result<Picture, ProviderError> {
    let picture = reply.data.into_iter().find(|part| part.media_type.starts_with("image/"));
    match picture {
        Some(part) => image::read(PROVIDER, part.bytes),
        None if reply.text.trim().is_empty() => Err(unexpected("the answer holds no picture".to_owned())),
        None => Err(unexpected(format!("the answer holds no picture, but says: {}", shown(&reply.text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::Data;
    use super::*;
    use crate::capability::{Character, Model};

    fn request(width: u32, height: u32) -> PictureRequest {
        PictureRequest {
            model: Model::default(),
            prompt: "a lighthouse".to_owned(),
            style: "oil on canvas".to_owned(),
            width,
            height,
            seed: u64::MAX,
            characters: Vec::new(),
        }
    }

    fn reference(bytes: usize) -> Picture {
        let media_type = "image/png".to_owned();
        Picture { bytes: vec![0; bytes], media_type, width: 1, height: 1, cost_micros: None }
    }

    #[test]
    fn the_nearest_ratio_and_the_smallest_size_with_room_are_asked_for() {
        for (width, height, ratio, size) in [
            (720, 1280, "9:16", "2K"),
            (360, 640, "9:16", "1K"),
            (1080, 1080, "1:1", "2K"),
            (720, 900, "4:5", "1K"),
            (1920, 1080, "16:9", "2K"),
            (3840, 2160, "16:9", "4K"),
            (16, 16, "1:1", "1K"),
        ] {
            let configuration = configuration("gemini-3.1-flash-image", &request(width, height));
            assert_eq!(configuration["imageConfig"], json!({"aspectRatio": ratio, "imageSize": size}));
            assert_eq!(configuration["seed"], i32::MAX);
        }
        let old = configuration("gemini-2.5-flash-image", &request(720, 1280));
        assert_eq!(old["imageConfig"], json!({"aspectRatio": "9:16"}));
    }

    #[test]
    fn characters_are_shown_by_their_pictures_and_described_by_their_words() {
        let hero = Character {
            name: "Captain Lund".to_owned(),
            description: "an old sailor".to_owned(),
            references: vec![reference(3)],
        };
        let contents = contents(&PictureRequest { characters: vec![hero], ..request(720, 1280) }).unwrap();
        let parts = contents[0]["parts"].as_array().unwrap();
        assert_eq!(parts[1], json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}));
        let prompt = parts[2]["text"].as_str().unwrap();
        assert!(prompt.contains("a lighthouse") && prompt.contains("oil on canvas"), "{prompt}");
        assert!(prompt.contains("Captain Lund: an old sailor"), "{prompt}");
    }

    #[test]
    fn too_many_or_too_large_references_are_a_matter_of_configuration() {
        for references in [vec![reference(1); 15], vec![reference(15_000_000)]] {
            let hero = Character { references, ..Character::default() };
            let answer = contents(&PictureRequest { characters: vec![hero], ..request(720, 1280) });
            assert!(matches!(answer, Err(ProviderError::Configuration { .. })));
        }
    }

    #[test]
    fn an_answer_without_a_picture_is_reported_with_what_it_says() {
        let said = read(Reply { text: "I would rather not".to_owned(), data: Vec::new() }).unwrap_err();
        assert!(said.to_string().contains("rather not"), "{said}");
        let page = Data { media_type: "image/png".to_owned(), bytes: b"<html>".to_vec() };
        for data in [vec![], vec![page]] {
            let answer = read(Reply { text: String::new(), data });
            assert!(matches!(answer, Err(ProviderError::Unexpected { .. })));
        }
    }
}
