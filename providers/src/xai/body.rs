//! What is sent: the bodies of submissions.

use serde_json::{Value, json};

use super::{IMAGE_MODEL, PROVIDER, SECONDS, VIDEO_MODEL, configuration};
use crate::capability::{ClipRequest, HEADROOM, Model, PictureRequest};
use crate::error::ProviderError;
use crate::request::{data_url, lay_over, nearest_ratio, picture_prompt};

/// The frames that are sold, as width and height.
const RATIOS: [(u32, u32); 7] = [(1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3)];
/// Pictures whose longer side is to have more pixels than this are asked for in the larger size.
const SMALL_PICTURE: f64 = 1024.0;
/// Settings that the length, the price or the reading of answers depends on.
const RESERVED_OF_CLIPS: [&str; 4] = ["model", "prompt", "image", "duration"];
const RESERVED_OF_PICTURES: [&str; 6] = ["model", "prompt", "image", "images", "n", "response_format"];

/// The model's name, or the usual one.
fn name<'a>(model: &'a Model, usual: &'static str) -> &'a str {
    let name = model.name.trim();
    if name.is_empty() { usual } else { name }
}

/// The finest resolution of the model that the frame needs. Prices differ by it.
pub(crate) fn resolution(model: &str, width: u32, height: u32) -> &'static str {
    let model = if model.trim().is_empty() { VIDEO_MODEL } else { model.trim() };
    match width.min(height) {
        0..=480 => "480p",
        721.. if model.ends_with("-1.5") => "1080p",
        _ => "720p",
    }
}

/// The body of a submission of a clip.
pub(super) fn of_clip(request: &ClipRequest) -> Result<Value, ProviderError> {
    let (shortest, longest) = SECONDS;
    if !(shortest..=longest).contains(&request.seconds) {
        return Err(configuration(format!(
            "a clip of {} s is not sold, only {shortest} to {longest} s; change the scene's length",
            request.seconds
        )));
    }
    let model = name(&request.model, VIDEO_MODEL);
    let (across, down) = nearest_ratio(&RATIOS, request.width, request.height);
    let mut body = json!({
        "model": model,
        "prompt": request.prompt.trim(),
        // Given flat, as image_url, it is ignored without a word.
        "image": {"url": data_url(&request.picture)},
        "duration": request.seconds,
        "aspect_ratio": format!("{across}:{down}"),
        "resolution": resolution(model, request.width, request.height),
    });
    lay_over(PROVIDER, &mut body, &request.model, &RESERVED_OF_CLIPS)?;
    Ok(body)
}

/// Path and body of a submission of a picture.
pub(super) fn of_picture(request: &PictureRequest) -> Result<(&'static str, Value), ProviderError> {
    let (across, down) = nearest_ratio(&RATIOS, request.width, request.height);
    let longer = f64::from(request.width.max(request.height)) * HEADROOM;
    let mut body = json!({
        "model": name(&request.model, IMAGE_MODEL),
        "prompt": picture_prompt(request),
        "n": 1,
        "aspect_ratio": format!("{across}:{down}"),
        "resolution": if longer > SMALL_PICTURE { "2k" } else { "1k" },
        "response_format": "b64_json",
    });
    let path = match reference(request)? {
        None => "/images/generations",
        Some(picture) => {
            body["image"] = json!({"url": picture, "type": "image_url"});
            "/images/edits"
        }
    };
    lay_over(PROVIDER, &mut body, &request.model, &RESERVED_OF_PICTURES)?;
    Ok((path, body))
}

/// The one picture that can be sent along.
fn reference(request: &PictureRequest) -> Result<Option<String>, ProviderError> {
    let all = request.characters.iter().flat_map(|character| {
        character.references.iter().map(move |picture| (character.name.as_str(), picture))
    });
    let all: Vec<_> = all.collect();
    match all.as_slice() {
        [] => Ok(None),
        [(_, picture)] => Ok(Some(data_url(picture))),
        [_, (name, _), ..] => Err(configuration(format!(
            "one reference picture can be sent for a scene, but its characters have {}; keep one, and take that \
             of {name} away, or draw with another provider",
            all.len()
        ))),
    }
}
