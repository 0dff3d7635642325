//! What was submitted earlier, and its result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::State;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::faults::Effect;
use super::media;

/// A request for what was submitted earlier, which has its account, prompt and model, if it is known.
pub(crate) fn of_result(state: &State, ask: Ask, name: &str) -> Ask {
    let id = name.split_once('.').map_or(name, |(id, _)| id);
    let pages = state.store.open();
    let Some(work) = pages.work(id) else { return ask.after(id) };
    let (prompt, digest, model) = (work.ask.prompt.clone(), work.ask.digest.clone(), work.ask.model.clone());
    let key = work.ask.key.clone();
    Ask { prompt, digest, model, ..ask }.after(id).named(&key)
}

/// The result of a submission, to everybody who knows its URL.
pub(crate) fn download(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let Some(work) = state.store.open().work(&ask.id).cloned() else { return Answer::empty(404) };
    if fault == Some(&Effect::Redirect) {
        return Answer::empty(302).with(hyper::header::LOCATION, elsewhere(state, call, &work.id));
    }
    let (kind, bytes) = media::of(&work);
    Answer::bytes(kind, bytes).delivering(&work.id)
}

/// Where the same result is under another origin.
fn elsewhere(state: &State, call: &Call, id: &str) -> String {
    let host = call.origin.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let host = host.map_or(call.origin.as_str(), |(host, _)| host);
    format!("{host}:{}/elsewhere/{id}", state.admin_port)
}

/// The bytes of the pictures that a URL names: of a `data:` URL what it holds, of another the URL itself.
pub(crate) fn picture_of(url: &str) -> Result<Vec<u8>, String> {
    if let Some(data) = url.strip_prefix("data:") {
        let (kind, data) = data.split_once(";base64,").ok_or("the data URL is not in base64")?;
        if !kind.starts_with("image/") {
            return Err(format!("{kind} is no image"));
        }
        return STANDARD.decode(data).map_err(|_| "the base64 of the image cannot be read".to_owned());
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.as_bytes().to_vec());
    }
    Err("an image is an https URL or a data URL".to_owned())
}

/// The fields of both objects.
pub(crate) fn with(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}
