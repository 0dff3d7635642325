//! Veo: clips by a long-running operation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::State;
use super::super::accounts::Work;
use super::super::answer::Answer;
use super::super::call::{Ask, Call, Product};
use super::super::faults::Effect;
use super::super::protocol::{Misread, Protocol, Refused};
use super::{Gemini, known};

const RESPONSE: &str = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse";
const USUAL_SECONDS: u64 = 8;

pub(super) fn read(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    known(&ask, &["veo-"], "predictLongRunning")?;
    let Some(body) = call.json() else { return Err(Misread::invalid(ask, "Invalid JSON payload received.")) };
    let [instance] = body["instances"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(Misread::invalid(ask, "instances must have exactly one entry."));
    };
    let picture = match picture_of(&instance["image"]) {
        Ok(picture) => picture,
        Err(what) => return Err(Misread::invalid(ask, what)),
    };
    let ask = ask.about(instance["prompt"].as_str().unwrap_or_default(), picture.as_deref());
    if ask.prompt.is_empty() && ask.pictures == 0 {
        return Err(Misread::invalid(ask, "A prompt or an image is required."));
    }
    let parameters = &body["parameters"];
    let length = &parameters["durationSeconds"];
    let seconds = if length.is_null() { Some(USUAL_SECONDS) } else { length.as_u64() };
    let Some(seconds) = seconds.filter(|seconds| [4, 6, 8].contains(seconds)) else {
        let what =
            format!("The number value for `durationSeconds` is out of bound: {length}. Supported: 4, 6, 8.");
        return Err(Misread::invalid(ask, what));
    };
    let text = |name: &str, usual: &'static str| parameters[name].as_str().unwrap_or(usual).to_owned();
    let (ratio, resolution) = (text("aspectRatio", "16:9"), text("resolution", "720p"));
    if !["16:9", "9:16"].contains(&ratio.as_str()) {
        return Err(Misread::invalid(ask, format!("`aspectRatio` {ratio} is not supported.")));
    }
    if !["720p", "1080p", "4k"].contains(&resolution.as_str()) || (resolution != "720p" && seconds != 8) {
        let what = format!("`resolution` {resolution} is not supported for a clip of {seconds} seconds.");
        return Err(Misread::invalid(ask, what));
    }
    Ok(ask.making(Product::Clip { seconds: u32::try_from(seconds).unwrap_or(0), ratio, resolution }))
}

fn picture_of(image: &Value) -> Result<Option<Vec<u8>>, String> {
    if image.is_null() {
        return Ok(None);
    }
    let (Some(data), Some(kind)) = (image["bytesBase64Encoded"].as_str(), image["mimeType"].as_str()) else {
        return Err("`image` needs bytesBase64Encoded and mimeType.".to_owned());
    };
    if !kind.starts_with("image/") {
        return Err(format!("{kind} is no image."));
    }
    STANDARD.decode(data).map(Some).map_err(|_| "`bytesBase64Encoded` cannot be decoded.".to_owned())
}

fn name(work: &Work) -> String {
    format!("models/{}/operations/{}", work.ask.model, work.id)
}

pub(super) fn submitted(work: &Work) -> Answer {
    Answer::json(200, json!({"name": name(work)}))
}

pub(super) fn poll(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let now = state.clock.now();
    let work = state.store.open().polled(ask);
    let Some(work) = work.filter(|_| fault != Some(&Effect::Expired)) else {
        return Gemini::refuse(ask, &Refused::NotFound("Requested entity was not found.".to_owned()));
    };
    if fault == Some(&Effect::Failed) {
        let error =
            json!({"code": 13, "message": "Video generation failed due to an internal server issue."});
        return Answer::json(200, json!({"name": name(&work), "done": true, "error": error}));
    }
    if work.done > now.instant || fault == Some(&Effect::Pending) {
        return Answer::json(200, json!({"name": name(&work)}));
    }
    let uri = format!("{}/gemini/v1beta/files/{}:download?alt=media", call.origin, work.id);
    let made = match fault {
        Some(Effect::Moderated) => json!({
            "raiMediaFilteredCount": 1,
            "raiMediaFilteredReasons": ["The video could not be generated: it violates Google's content policies."],
        }),
        Some(Effect::EmptyUrl) => json!({"generatedSamples": [{"video": {"uri": ""}}]}),
        _ => json!({"generatedSamples": [{"video": {"uri": uri}}]}),
    };
    let response = json!({"@type": RESPONSE, "generateVideoResponse": made});
    Answer::json(200, json!({"name": name(&work), "done": true, "response": response}))
}
