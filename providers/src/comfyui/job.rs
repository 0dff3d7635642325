//! Where a request is: in the queue, in the history with what was made of it, or nowhere. The history of an id that is
//! unknown and of one that waits look alike, so that the queue is asked first; the history as a whole may have hundreds of
//! megabytes, and is never asked for.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{PROVIDER, fault, unexpected};
use crate::error::ProviderError;
use crate::http::{Answer, shown};

/// What a newer server says of a request by its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It waits or is being made.
    Queued,
    /// It is not in the queue.
    Elsewhere,
    /// The server does not know this question.
    NotSupported,
}

/// What the history has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Not this request.
    Nothing,
    /// The path of what it made.
    File(String),
}

/// The id under which the server has queued a request: ours, unless it is too old to take one.
pub(super) fn submitted(answer: &Answer, id: &str) -> Result<String, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, true));
    }
    let value = answer.json(PROVIDER, true)?;
    Ok(value["prompt_id"].as_str().filter(|given| !given.is_empty()).unwrap_or(id).to_owned())
}

/// Where `/api/jobs/{id}` says that the request is.
pub(super) fn of_jobs(answer: &Answer) -> Result<Place, ProviderError> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status.as_u16() {
        200..=299 => Ok(match value["status"].as_str() {
            Some("pending" | "in_progress" | "waiting_to_dispatch") => Place::Queued,
            Some(_) => Place::Elsewhere,
            None => Place::NotSupported,
        }),
        // Without words of its own, the path is what it does not know.
        404 if value["error"].is_string() => Ok(Place::Elsewhere),
        400 | 404 | 405 | 501 => Ok(Place::NotSupported),
        _ => Err(fault::read(answer, false).into_transient()),
    }
}

/// Whether the request waits or is being made.
pub(super) fn is_in_queue(answer: &Answer, id: &str) -> Result<bool, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, false).into_transient());
    }
    let value = answer.json(PROVIDER, false).map_err(ProviderError::into_transient)?;
    let (Some(running), Some(pending)) =
        (value["queue_running"].as_array(), value["queue_pending"].as_array())
    else {
        return Err(unexpected("asked for its queue, it answered something else".to_owned()).into_transient());
    };
    // Each is a list: a number, the id, the workflow.
    Ok(running.iter().chain(pending).any(|entry| entry[1] == id))
}

/// Whether the history has the request.
pub(super) fn is_in_history(answer: &Answer, id: &str) -> Result<bool, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, false).into_transient());
    }
    Ok(answer.json(PROVIDER, false).map_err(ProviderError::into_transient)?.get(id).is_some())
}

/// What the history says of the request.
pub(super) fn of_history(answer: &Answer, id: &str, kinds: &[&str]) -> Result<Found, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, false).into_transient());
    }
    let value = answer.json(PROVIDER, false).map_err(ProviderError::into_transient)?;
    let Some(entry) = value.get(id) else { return Ok(Found::Nothing) };
    if entry["status"]["status_str"] == "error" {
        return Err(unexpected(failure(answer, &entry["status"])));
    }
    let outputs = entry["outputs"].as_object().into_iter().flatten();
    let files = outputs.flat_map(|(_, output)| {
        ["images", "video", "videos", "gifs"]
            .into_iter()
            .flat_map(move |name| output[name].as_array().into_iter().flatten())
    });
    let mut files: Vec<&Value> = files.filter(|file| is_of(file, kinds)).collect();
    // What was only looked at on the way is of the kind `temp`.
    files.sort_by_key(|file| file["type"] != "output");
    match files.first().and_then(|file| path(file)) {
        Some(path) => Ok(Found::File(path)),
        None => Err(unexpected(format!(
            "the workflow has ended and made no file of type {}; let it end in a node that saves one",
            kinds.join(" or ")
        ))),
    }
}

/// Whether a file's name is that of one of these kinds.
fn is_of(file: &Value, kinds: &[&str]) -> bool {
    let name = file["filename"].as_str().unwrap_or_default().to_ascii_lowercase();
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("mp4") => "video/mp4",
        _ => return false,
    };
    kinds.contains(&kind)
}

/// Where a file is fetched.
fn path(file: &Value) -> Option<String> {
    let part = |name: &str| {
        let text = file[name].as_str().unwrap_or_default();
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    };
    let (name, folder, kind) = (part("filename"), part("subfolder"), part("type"));
    (!name.is_empty()).then(|| format!("/view?filename={name}&subfolder={folder}&type={kind}"))
}

/// Why a workflow has failed.
fn failure(answer: &Answer, status: &Value) -> String {
    let messages = status["messages"].as_array().into_iter().flatten();
    let of = |kind: &str| messages.clone().find(|message| message[0] == kind).map(|message| &message[1]);
    if of("execution_interrupted").is_some() {
        return "the workflow was interrupted there".to_owned();
    }
    let text = |name: &str| of("execution_error").and_then(|error| error[name].as_str()).unwrap_or_default();
    let why = shown(&format!("{} {}", text("node_type"), text("exception_message")));
    if answer.is_foreign || why.is_empty() {
        return "the workflow has failed; its log says why".to_owned();
    }
    format!("the workflow has failed: {why}")
}
