//! Speech: how it is asked for, and whether what came is one.

use serde_json::{Value, json};

use super::{PROVIDER, configuration, fault, joined};
use crate::capability::NarrationRequest;
use crate::error::ProviderError;
use crate::http::{Answer, sniff};
use crate::request::lay_over;

/// Settings that the price or the reading of answers depends on.
const RESERVED: [&str; 4] = ["model", "input", "stream", "stream_format"];
/// Speeds that can be asked for.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Speeds nearer to 1 than this are not worth asking for.
const SPEED_TOLERANCE: f64 = 0.01;

/// The body of a request. One request speaks all texts: a voice that begins again for each of them sounds like several
/// people.
pub(super) fn body(model: &str, request: &NarrationRequest) -> Result<Value, ProviderError> {
    if !request.texts.iter().any(|text| text.chars().any(char::is_alphanumeric)) {
        return Err(configuration(
            "there is no word to speak; give the scene a narration with words".to_owned(),
        ));
    }
    if !SPEEDS.contains(&request.speed) {
        return Err(configuration(format!("a speed of {} is not between 0.5 and 2.0", request.speed)));
    }
    let mut body = json!({"model": model, "input": joined(&request.texts), "response_format": "wav"});
    let voice = request.voice.trim();
    if !voice.is_empty() {
        body["voice"] = json!(voice);
    }
    if (request.speed - 1.0).abs() > SPEED_TOLERANCE {
        body["speed"] = json!(request.speed);
    }
    lay_over(PROVIDER, &mut body, &request.model, &RESERVED)?;
    Ok(body)
}

/// Refuses an error that comes as a success.
pub(super) fn check(answer: &Answer) -> Result<(), ProviderError> {
    let is_json =
        answer.media_type() == "application/json" || answer.body.trim_ascii_start().starts_with(b"{");
    if !is_json || sniff(&answer.body).is_some() {
        return Ok(());
    }
    let value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Err(fault::stray(answer, &value))
}
