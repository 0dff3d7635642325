//! Pictures: how each of those who do the work is asked, and how it answers.

use serde_json::{Value, json};

use super::route::{Route, Via};
use super::{PROVIDER, configuration, fault, unexpected};
use crate::capability::PictureRequest;
use crate::error::ProviderError;
use crate::http::{Answer, Complaint, File, sniff, taken};
use crate::image;
use crate::request::{data_url, from_base64, lay_over, nearest_ratio, picture_prompt, refuse_references};

/// Seeds are smaller than this everywhere.
const SEEDS: u64 = 1 << 31;
/// The frames of models that take no size, as width and height.
const RATIOS: [(u32, u32); 7] = [(1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3)];
/// Settings that the price or the reading of answers depends on.
const RESERVED: [&str; 11] = [
    "prompt",
    "inputs",
    "model",
    "version",
    "n",
    "num_images",
    "num_outputs",
    "response_format",
    "image_url",
    "image_urls",
    "input_image",
];

/// Path and body of a request.
pub(super) fn body(route: &Route, request: &PictureRequest) -> Result<(String, Value), ProviderError> {
    let model = &route.model;
    let prompt = picture_prompt(request);
    let (width, height) = image::drawn_size(request.width, request.height);
    let seed = request.seed % SEEDS;
    let (path, mut body, inside) = match route.via {
        Via::HfInference => {
            let parameters = json!({"width": width, "height": height, "seed": seed});
            let path = format!("/hf-inference/models/{}", model.name);
            (path, json!({"inputs": prompt, "parameters": parameters}), Some("parameters"))
        }
        Via::FalAi => {
            let size = json!({"width": width, "height": height});
            (
                format!("/fal-ai/{}", model.name),
                json!({"prompt": prompt, "image_size": size, "seed": seed}),
                None,
            )
        }
        Via::Nscale => {
            let body = json!({
                "prompt": prompt,
                "model": model.name,
                "size": format!("{width}x{height}"),
                "response_format": "b64_json",
            });
            ("/nscale/v1/images/generations".to_owned(), body, None)
        }
        Via::Replicate => {
            let (across, down) = nearest_ratio(&RATIOS, request.width, request.height);
            let frame = format!("{across}:{down}");
            let input =
                json!({"prompt": prompt, "aspect_ratio": frame, "output_format": "png", "seed": seed});
            match model.name.split_once(':') {
                Some((_, version)) => {
                    let body = json!({"version": version, "input": input});
                    ("/replicate/v1/predictions".to_owned(), body, Some("input"))
                }
                None => (
                    format!("/replicate/v1/models/{}/predictions", model.name),
                    json!({"input": input}),
                    Some("input"),
                ),
            }
        }
    };
    let target = match inside {
        Some(name) => &mut body[name],
        None => &mut body,
    };
    lay_over(PROVIDER, target, model, &RESERVED)?;
    add_references(route, request, target)?;
    Ok((path, body))
}

/// Sends the characters' pictures along, in the way of the model; refuses them where it takes none.
fn add_references(route: &Route, request: &PictureRequest, target: &mut Value) -> Result<(), ProviderError> {
    let pictures: Vec<String> =
        request.characters.iter().flat_map(|character| &character.references).map(data_url).collect();
    let Some(first) = pictures.first() else { return Ok(()) };
    let name = route.model.name.as_str();
    let (field, one) = match route.via {
        Via::FalAi if name.ends_with("kontext/multi") || name.ends_with("/edit") => ("image_urls", false),
        Via::FalAi if name.contains("kontext") || name.contains("image-edit") => ("image_url", true),
        Via::Replicate if name.contains("kontext") => ("input_image", true),
        _ => return refuse_references(PROVIDER, name, &request.characters),
    };
    if one && pictures.len() > 1 {
        return Err(configuration(format!(
            "the model {name} takes one reference picture, but the scene's characters have {}; keep one",
            pictures.len()
        )));
    }
    target[field] = if one { json!(first) } else { json!(pictures) };
    Ok(())
}

/// The picture in an answer, or where it is.
pub(super) fn read(via: Via, answer: &Answer) -> Result<File, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, true));
    }
    if via == Via::HfInference && sniff(&answer.body).is_some_and(|kind| kind.starts_with("image/")) {
        return Ok(File::Here(answer.body.clone()));
    }
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let file = match via {
        Via::HfInference => None,
        Via::FalAi => {
            let first = if value["images"].is_array() { &value["images"][0] } else { &value["image"] };
            if value["has_nsfw_concepts"][0] == true {
                let message = "the picture was withheld by the filter for nudity".to_owned();
                return Err(fault::refused(&Complaint { code: String::new(), message }));
            }
            first["url"].as_str().and_then(File::of_link)
        }
        Via::Nscale => {
            let first = &value["data"][0];
            let here = first["b64_json"].as_str().and_then(from_base64).map(File::Here);
            here.or_else(|| first["url"].as_str().and_then(File::of_link))
        }
        Via::Replicate => prediction(&value)?,
    };
    file.ok_or_else(|| fault::stray(&value))
}

/// What Replicate made; it answers after a minute even if nothing is made yet.
fn prediction(value: &Value) -> Result<Option<File>, ProviderError> {
    let output = if value["output"].is_array() { &value["output"][0] } else { &value["output"] };
    if let Some(link) = output.as_str() {
        return Ok(File::of_link(link));
    }
    let complaint =
        Complaint { code: String::new(), message: value["error"].as_str().unwrap_or_default().to_owned() };
    if fault::is_refusal(&complaint) {
        return Err(fault::refused(&complaint));
    }
    match value["status"].as_str() {
        Some("starting" | "processing") => Err(unexpected(
            "it took the request, but the picture was not made within a minute; choose a faster model"
                .to_owned(),
        )),
        _ => Ok(None),
    }
}
