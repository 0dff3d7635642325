//! Playlists: the channel's uploads, and any other whose id begins with `PL`.

use serde_json::{Value, json};

use super::super::State;
use super::super::accounts::Work;
use super::super::answer::Answer;
use super::super::call::{Ask, Call};
use super::super::faults::Effect;
use super::super::protocol::{Misread, Refused};
use super::data::{CHANNEL, UPLOADS};
use super::session::{Session, Video};
use super::{extras, parts};

const USUAL_PAGE: usize = 5;
const LARGEST_PAGE: usize = 50;

/// `playlistItems.list`
pub(super) fn read(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    exists(ask, call.query.get("playlistId").map(String::as_str).unwrap_or_default())
}

/// `playlistItems.insert`
pub(super) fn read_insertion(state: &State, call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let body = call.json().unwrap_or_default();
    let text = |place: &str| body.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let ask = exists(ask, text("/snippet/playlistId"))?;
    extras::of_video(state, ask, text("/snippet/resourceId/videoId"))
}

fn exists(ask: Ask, playlist: &str) -> Result<Ask, Misread> {
    if playlist == UPLOADS || playlist.starts_with("PL") {
        return Ok(ask);
    }
    let what = "playlistNotFound: The playlist identified with the request's playlistId cannot be found.";
    Err(Misread::refused(ask, Refused::NotFound(what.to_owned())))
}

pub(super) fn insert(state: &State, call: &Call, work: &Work) -> Answer {
    let body = call.json().unwrap_or_default();
    let playlist = body["snippet"]["playlistId"].as_str().unwrap_or_default().to_owned();
    let mut pages = state.store.open();
    let Some(session) = extras::session_of(&mut pages.sessions, &work.ask.id) else {
        return Answer::empty(404);
    };
    session.playlists.push(playlist.clone());
    let whole = session.video.as_ref().map(|video| item(&playlist, 0, session, video)).unwrap_or_default();
    Answer::json(200, parts(call, &whole)).delivering(&work.id)
}

/// A page of the playlist, newest first.
pub(super) fn list(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let playlist = call.query.get("playlistId").map(String::as_str).unwrap_or_default();
    let only = call.query.get("videoId");
    let pages = state.store.open();
    let mut all: Vec<(&Session, &Video)> = pages
        .sessions
        .values()
        .filter(|session| session.key == ask.key && fault != Some(&Effect::NoOutput))
        .filter(|session| playlist == UPLOADS || session.playlists.iter().any(|one| one == playlist))
        .filter_map(|session| Some((session, session.video.as_ref()?)))
        .filter(|(_, video)| only.is_none_or(|only| *only == video.id))
        .collect();
    all.sort_by_key(|(_, video)| std::cmp::Reverse(video.published));
    let number = |name: &str| call.query.get(name).and_then(|number| number.parse::<usize>().ok());
    let size = number("maxResults").unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE);
    let begin = number("pageToken").unwrap_or(0).min(all.len());
    let page = all.iter().enumerate().skip(begin).take(size);
    let items: Vec<Value> =
        page.map(|(place, (session, video))| parts(call, &item(playlist, place, session, video))).collect();
    let mut list = json!({
        "kind": "youtube#playlistItemListResponse", "etag": "fake", "items": items,
        "pageInfo": {"totalResults": all.len(), "resultsPerPage": size},
    });
    if begin + size < all.len() {
        list["nextPageToken"] = (begin + size).to_string().into();
    }
    Answer::json(200, list)
}

fn item(playlist: &str, place: usize, session: &Session, video: &Video) -> Value {
    json!({
        "kind": "youtube#playlistItem", "etag": "fake", "id": format!("{playlist}.{}", video.id),
        "snippet": {
            "title": session.snippet["title"], "description": session.snippet["description"], "channelId": CHANNEL,
            "playlistId": playlist, "position": place, "publishedAt": format!("{:.0}", video.published),
            "resourceId": {"kind": "youtube#video", "videoId": video.id},
        },
        "contentDetails": {"videoId": video.id, "videoPublishedAt": format!("{:.0}", video.published)},
        "status": {"privacyStatus": session.status["privacyStatus"]},
    })
}
