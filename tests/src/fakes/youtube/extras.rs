//! What a video gets besides its film: a thumbnail and captions.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::State;
use super::super::accounts::Work;
use super::super::answer::Answer;
use super::super::call::{Ask, Call};
use super::super::ledger::Captions;
use super::super::protocol::{Misread, Refused};
use super::session::Session;

/// Largest thumbnail, in bytes.
const LARGEST_THUMBNAIL: usize = 2 * 1024 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

pub(super) fn read_thumbnail(state: &State, call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let id = call.query.get("videoId").map(String::as_str).unwrap_or_default();
    let ask = of_video(state, ask, id)?;
    if call.body.is_empty() {
        return Err(Misread::invalid(
            ask,
            "mediaBodyRequired: The request does not include the image content.",
        ));
    }
    if call.body.len() > LARGEST_THUMBNAIL || !(call.body.starts_with(PNG) || call.body.starts_with(JPEG)) {
        return Err(Misread::invalid(ask, "invalidImage: The provided image content is invalid."));
    }
    let title = ask.prompt.clone();
    Ok(ask.about(&title, [&call.body[..]]))
}

pub(super) fn set_thumbnail(state: &State, call: &Call, work: &Work) -> Answer {
    if let Some(session) = session_of(&mut state.store.open().sessions, &work.ask.id) {
        session.thumbnail = Some(hex::encode(Sha256::digest(&call.body)));
    }
    let url = format!("https://i.ytimg.com/vi/{}/default.jpg", work.ask.id);
    Answer::json(
        200,
        json!({
            "kind": "youtube#thumbnailSetResponse", "etag": "fake",
            "items": [{"default": {"url": url, "width": 120, "height": 90}}],
        }),
    )
    .delivering(&work.id)
}

pub(super) fn read_captions(state: &State, call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let Some((head, text)) = related(call) else {
        return Err(Misread::invalid(
            ask,
            "contentRequired: The request does not contain the caption track contents.",
        ));
    };
    let snippet = &head["snippet"];
    let ask = of_video(state, ask, snippet["videoId"].as_str().unwrap_or_default())?;
    let (Some(language), Some(name)) = (snippet["language"].as_str(), snippet["name"].as_str()) else {
        return Err(Misread::invalid(ask, "invalidMetadata: language and name are required."));
    };
    let mut pages = state.store.open();
    let exists = session_of(&mut pages.sessions, &ask.id).is_some_and(|session| {
        session.captions.iter().any(|track| track.language == language && track.name == name)
    });
    drop(pages);
    if exists {
        let what = "captionExists: The specified video already has a caption track with the given language and name.";
        return Err(Misread::invalid(ask, what));
    }
    let title = ask.prompt.clone();
    Ok(ask.about(&title, [&text[..]]))
}

pub(super) fn insert_captions(state: &State, call: &Call, work: &Work) -> Answer {
    let Some((head, text)) = related(call) else { return Answer::empty(400) };
    let field = |name: &str| head["snippet"][name].as_str().unwrap_or_default().to_owned();
    let track = Captions {
        language: field("language"),
        name: field("name"),
        text: String::from_utf8_lossy(&text).into_owned(),
    };
    if let Some(session) = session_of(&mut state.store.open().sessions, &work.ask.id) {
        session.captions.push(track);
    }
    let snippet = json!({
        "videoId": work.ask.id, "language": field("language"), "name": field("name"), "trackKind": "standard",
        "status": "serving", "isDraft": false,
    });
    Answer::json(200, json!({"kind": "youtube#caption", "etag": "fake", "id": work.id, "snippet": snippet}))
        .delivering(&work.id)
}

/// A request about a video of the account's channel.
pub(super) fn of_video(state: &State, ask: Ask, id: &str) -> Result<Ask, Misread> {
    let mut pages = state.store.open();
    let session = session_of(&mut pages.sessions, id).filter(|session| session.key == ask.key);
    let Some(session) = session else {
        let what = "videoNotFound: The video that you are trying to change cannot be found.".to_owned();
        return Err(Misread::refused(ask, Refused::NotFound(what)));
    };
    let title = session.snippet["title"].as_str().unwrap_or_default().to_owned();
    Ok(ask.about(&title, []).after(id))
}

pub(super) fn session_of<'a>(
    sessions: &'a mut std::collections::BTreeMap<String, Session>,
    video: &str,
) -> Option<&'a mut Session> {
    sessions.values_mut().find(|session| session.video.as_ref().is_some_and(|known| known.id == video))
}

/// The two parts of a `multipart/related` body: what the media is, and the media.
fn related(call: &Call) -> Option<(Value, Bytes)> {
    let kind = call.header("content-type");
    let boundary = kind.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let places: Vec<usize> = find_all(&call.body, boundary.as_bytes());
    let part = |at: usize| -> Option<Bytes> {
        let whole = call.body.slice(places.get(at)? + boundary.len()..*places.get(at + 1)?);
        let head = [&b"\r\n\r\n"[..], b"\n\n"];
        let begin = head.iter().filter_map(|gap| Some(find_all(&whole, gap).first()? + gap.len())).min()?;
        let body = whole.slice(begin..);
        let end = if body.ends_with(b"\r\n") { body.len() - 2 } else { body.len().saturating_sub(1) };
        Some(body.slice(..end))
    };
    Some((serde_json::from_slice(&part(0)?).ok()?, part(1)?))
}

fn find_all(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    bytes
        .windows(pattern.len())
        .enumerate()
        .filter(|(_, window)| *window == pattern)
        .map(|(at, _)| at)
        .collect()
}
