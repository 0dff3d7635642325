//! Speech: how each of those who do the work is asked, and how it answers.

use serde_json::{Value, json};

use super::route::{self, Route, Via};
use super::{PROVIDER, SPEECH_MODEL, configuration, fault};
use crate::capability::NarrationRequest;
use crate::error::ProviderError;
use crate::http::{Answer, File, shown, sniff, taken};
use crate::request::lay_over;

/// The usual models by what a language's tag begins with; the first that fits.
const USUAL: [(&str, &str); 9] = [
    ("en-gb", "fal-ai/fal-ai/kokoro/british-english"),
    ("en", "fal-ai/fal-ai/kokoro/american-english"),
    ("es", "fal-ai/fal-ai/kokoro/spanish"),
    ("fr", "fal-ai/fal-ai/kokoro/french"),
    ("hi", "fal-ai/fal-ai/kokoro/hindi"),
    ("it", "fal-ai/fal-ai/kokoro/italian"),
    ("ja", "fal-ai/fal-ai/kokoro/japanese"),
    ("pt", "fal-ai/fal-ai/kokoro/brazilian-portuguese"),
    ("zh", "fal-ai/fal-ai/kokoro/mandarin-chinese"),
];
/// Speeds that can be asked for.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Speeds nearer to 1 than this are not worth asking for.
const SPEED_TOLERANCE: f64 = 0.01;
/// Settings that the price or the reading of answers depends on.
const RESERVED: [&str; 5] = ["text", "prompt", "inputs", "model", "provider"];

/// The model that speaks the language when none is named.
pub(super) fn usual_model(language: &str) -> Option<&'static str> {
    let tag = language.to_ascii_lowercase();
    let fits =
        |start: &str| tag.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    USUAL.into_iter().find_map(|(start, name)| fits(start).then_some(name))
}

/// Where a request goes.
pub(super) fn choose(request: &NarrationRequest) -> Result<Route, ProviderError> {
    let usual = usual_model(&request.language);
    if usual.is_none() && request.model.name.trim().is_empty() {
        return Err(configuration(format!(
            "no usual model speaks the language {:?}; name one that does",
            shown(&request.language)
        )));
    }
    route::choose(&request.model, usual.unwrap_or(SPEECH_MODEL))
}

/// Path and body of a request. One request speaks all texts: a voice that begins again for each of them sounds
/// like several people.
pub(super) fn body(route: &Route, request: &NarrationRequest) -> Result<(String, Value), ProviderError> {
    let model = &route.model;
    if !request.texts.iter().any(|text| text.chars().any(char::is_alphanumeric)) {
        return Err(configuration(
            "there is no word to speak; give the scene a narration with words".to_owned(),
        ));
    }
    if !SPEEDS.contains(&request.speed) {
        return Err(configuration(format!("a speed of {} is not between 0.5 and 2.0", request.speed)));
    }
    let text = request.texts.iter().map(|text| text.trim()).collect::<Vec<_>>().join("\n\n");
    let voice = request.voice.trim();
    let has_pace = (request.speed - 1.0).abs() > SPEED_TOLERANCE;
    match route.via {
        Via::FalAi => {
            let mut body = json!({"text": text});
            // Of this family, most take the text under this name only.
            if model.name.contains("kokoro") {
                body["prompt"] = json!(text);
            }
            if !voice.is_empty() {
                body["voice"] = json!(voice);
            }
            if has_pace {
                body["speed"] = json!(request.speed);
            }
            lay_over(PROVIDER, &mut body, model, &RESERVED)?;
            Ok((format!("/fal-ai/{}", model.name), body))
        }
        Via::HfInference if !voice.is_empty() || has_pace => Err(configuration(
            "models of hf-inference take neither a voice nor a speed; leave them out, or name a model of fal-ai"
                .to_owned(),
        )),
        Via::HfInference => {
            let mut body = json!({"inputs": text, "parameters": {}});
            lay_over(PROVIDER, &mut body["parameters"], model, &RESERVED)?;
            Ok((format!("/hf-inference/models/{}", model.name), body))
        }
        Via::Nscale | Via::Replicate => Err(configuration(format!(
            "{} is not asked for speech; name a model of fal-ai or hf-inference",
            route.via.as_str()
        ))),
    }
}

/// The sound file in an answer, or where it is.
pub(super) fn read(via: Via, answer: &Answer) -> Result<File, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, true));
    }
    let is_sound = answer.media_type().starts_with("audio/")
        || sniff(&answer.body).is_some_and(|kind| kind.starts_with("audio/"));
    if via == Via::HfInference && is_sound {
        return Ok(File::Here(answer.body.clone()));
    }
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let link = ["audio", "audio_url", "audio_file"].into_iter().find_map(|name| {
        let found = &value[name];
        found.as_str().or_else(|| found["url"].as_str())
    });
    link.and_then(File::of_link).ok_or_else(|| fault::stray(&value))
}
