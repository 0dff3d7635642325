//! What requests to services have in common: how a picture is described, how pictures are sent along, which
//! of a service's frames fits, and how a person's own parameters are laid over ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::capability::{Character, Model, Picture, PictureRequest};
use crate::error::ProviderError;
use crate::http::shown;

/// What may stand in a part of a path as it is, besides letters and digits.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The picture in words: what is seen, who appears, and the look.
pub(crate) fn picture_prompt(request: &PictureRequest) -> String {
    let mut parts = vec![request.prompt.trim().to_owned()];
    for character in &request.characters {
        let description = character.description.trim();
        if !description.is_empty() {
            parts.push(format!("{}: {description}", character.name.trim()));
        }
    }
    parts.push(request.style.trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts.join(". ")
}

/// The file as a `data:` URL.
pub(crate) fn data_url(picture: &Picture) -> String {
    format!("data:{};base64,{}", picture.media_type, STANDARD.encode(&picture.bytes))
}

/// The bytes in base64, which may have the beginning of a `data:` URL before it.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = match text.split_once(',') {
        Some((head, rest)) if head.starts_with("data:") && head.ends_with(";base64") => rest,
        _ => text,
    };
    STANDARD.decode(text.trim()).ok()
}

/// The frame, as width and height, that is nearest to the one wanted.
pub(crate) fn nearest_ratio(ratios: &[(u32, u32)], width: u32, height: u32) -> (u32, u32) {
    let shape = |width: u32, height: u32| f64::from(width.max(1)).ln() - f64::from(height.max(1)).ln();
    let wanted = shape(width, height);
    let distance = |ratio: &(u32, u32)| (shape(ratio.0, ratio.1) - wanted).abs();
    ratios.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or((1, 1))
}

/// Refuses characters with pictures where the model takes none: leaving them out would show somebody else.
pub(crate) fn refuse_references(
    provider: &'static str,
    model: &str,
    characters: &[Character],
) -> Result<(), ProviderError> {
    match characters.iter().find(|character| !character.references.is_empty()) {
        None => Ok(()),
        Some(character) => Err(ProviderError::Configuration {
            provider,
            message: format!(
                "the model {} takes no reference pictures, but the character {} has some; choose a model that \
                 takes them, or take the pictures away from the character",
                shown(model),
                shown(&character.name)
            ),
        }),
    }
}

/// Lays the person's parameters over the request's own; `null` takes one away. What is `reserved` may not be
/// set: the answer is read by it, or somebody else decides it.
pub(crate) fn lay_over(
    provider: &'static str,
    target: &mut Value,
    model: &Model,
    reserved: &[&str],
) -> Result<(), ProviderError> {
    for (name, value) in &model.parameters {
        if reserved.contains(&name.as_str()) {
            return Err(ProviderError::Configuration {
                provider,
                message: format!("the parameter {} is set by Video Factory itself; remove it", shown(name)),
            });
        }
        overlay(target, name, value);
    }
    Ok(())
}

fn overlay(target: &mut Value, name: &str, value: &Value) {
    let Value::Object(object) = target else { return };
    match (object.get_mut(name), value) {
        (_, Value::Null) => drop(object.remove(name)),
        (Some(inner @ Value::Object(_)), Value::Object(values)) => {
            for (name, value) in values {
                overlay(inner, name, value);
            }
        }
        _ => drop(object.insert(name.to_owned(), value.clone())),
    }
}

/// A service's id as a part of a path; none if it would lead elsewhere.
pub(crate) fn segment(id: &str) -> Option<String> {
    let is_place = id.is_empty() || id.bytes().all(|byte| byte == b'.');
    (!is_place && id.len() <= 500).then(|| utf8_percent_encode(id, SEGMENT).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(parameters: &Value) -> Model {
        Model { name: String::new(), parameters: serde_json::from_value(parameters.clone()).unwrap() }
    }

    #[test]
    fn a_picture_is_described_with_who_appears_and_the_look() {
        let hero =
            Character { name: "Ada".to_owned(), description: " a fox ".to_owned(), references: Vec::new() };
        let request = PictureRequest {
            model: Model::default(),
            prompt: "A whale jumps".to_owned(),
            style: "ink".to_owned(),
            width: 720,
            height: 1280,
            seed: 1,
            characters: vec![hero, Character::default()],
        };
        assert_eq!(picture_prompt(&request), "A whale jumps. Ada: a fox. ink");
    }

    #[test]
    fn the_nearest_frame_is_chosen() {
        let ratios = [(1, 1), (16, 9), (9, 16), (4, 3), (3, 4)];
        assert_eq!(nearest_ratio(&ratios, 1920, 1080), (16, 9));
        assert_eq!(nearest_ratio(&ratios, 1080, 1350), (3, 4));
        assert_eq!(nearest_ratio(&ratios, 0, 0), (1, 1));
    }

    #[test]
    fn parameters_are_laid_over_and_null_takes_away() {
        let mut target = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": 3});
        let parameters = json!({"b": {"d": 4, "f": 5}, "e": null, "g": [1]});
        lay_over("A service", &mut target, &with(&parameters), &["prompt"]).unwrap();
        assert_eq!(target, json!({"a": 1, "b": {"c": 1, "d": 4, "f": 5}, "g": [1]}));
        let error =
            lay_over("A service", &mut target, &with(&json!({"prompt": "x"})), &["prompt"]).unwrap_err();
        assert!(matches!(&error, ProviderError::Configuration { message, .. } if message.contains("prompt")));
    }

    #[test]
    fn base64_is_read_with_and_without_its_type() {
        assert_eq!(from_base64("AQID"), Some(vec![1, 2, 3]));
        assert_eq!(from_base64("data:image/png;base64,AQID"), Some(vec![1, 2, 3]));
        assert_eq!(from_base64("https://a.example/b"), None);
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        assert_eq!(segment("0f3-a_b.c").unwrap(), "0f3-a_b.c");
        assert_eq!(segment("../a?b#c").unwrap(), "..%2Fa%3Fb%23c");
        for place in ["", ".", ".."] {
            assert_eq!(segment(place), None);
        }
    }
}
