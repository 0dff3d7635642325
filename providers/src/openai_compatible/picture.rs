//! Pictures: how one is asked for, and where it is in an answer.

use serde_json::{Value, json};

use super::{PROVIDER, fault};
use crate::capability::PictureRequest;
use crate::error::ProviderError;
use crate::http::{Answer, File, taken};
use crate::image;
use crate::request::{from_base64, lay_over, nearest_ratio, picture_prompt, refuse_references};

/// Settings that the price or the reading of answers depends on.
const RESERVED: [&str; 4] = ["model", "prompt", "n", "stream"];
/// OpenAI's own models draw these sizes only; the models of others draw any.
const SIZES: [(&str, &[(u32, u32)]); 3] = [
    ("dall-e-3", &[(1024, 1024), (1792, 1024), (1024, 1792)]),
    ("dall-e-2", &[(1024, 1024)]),
    ("gpt-image-1", &[(1024, 1024), (1536, 1024), (1024, 1536)]),
];

/// The body of a request. `response_format` is sent only if the parameters have it: some servers know only one, and some
/// fail on it.
pub(super) fn body(model: &str, request: &PictureRequest) -> Result<Value, ProviderError> {
    refuse_references(PROVIDER, model, &request.characters)?;
    let (width, height) = size(model, request.width, request.height);
    let mut body = json!({
        "model": model,
        "prompt": picture_prompt(request),
        "size": format!("{width}x{height}"),
        "n": 1,
    });
    lay_over(PROVIDER, &mut body, &request.model, &RESERVED)?;
    Ok(body)
}

/// The size that the model is asked for.
fn size(model: &str, width: u32, height: u32) -> (u32, u32) {
    let own = model.rsplit('/').next().unwrap_or(model);
    let fixed = SIZES.iter().find(|(name, _)| own.starts_with(name));
    match fixed {
        Some((_, sizes)) => nearest_ratio(sizes, width, height),
        None => image::drawn_size(width, height),
    }
}

/// The picture in an answer, or where `of_link` finds it. It was given, so one that cannot be read has failed.
pub(super) fn read(answer: &Answer, of_link: impl Fn(&str) -> Option<File>) -> Result<File, ProviderError> {
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let first = &value["data"][0];
    let here = first["b64_json"].as_str().filter(|text| !text.is_empty()).and_then(from_base64);
    let file = here.map(File::Here).or_else(|| of_link(first["url"].as_str()?));
    file.ok_or_else(|| fault::stray(answer, &value))
}
