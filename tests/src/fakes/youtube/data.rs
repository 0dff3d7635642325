//! What the Data API says of a channel and its videos.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::State;
use super::super::answer::Answer;
use super::super::call::{Ask, Call};
use super::super::faults::Effect;
use super::parts;
use super::session::{Session, Video};

pub(super) const CHANNEL: &str = "UCfakefakefakefakefakefa";
pub(super) const UPLOADS: &str = "UUfakefakefakefakefakefa";

/// `videos.list`; about the title of the first video.
pub(super) fn read_videos(state: &State, call: &Call, ask: Ask) -> Ask {
    let ids = call.query.get("id").map(String::as_str).unwrap_or_default().to_owned();
    let pages = state.store.open();
    let first =
        pages.sessions.values().find(|session| has_id(session, ids.split(',').next().unwrap_or_default()));
    let title = first.and_then(|session| session.snippet["title"].as_str()).unwrap_or_default();
    ask.about(title, []).after(&ids)
}

/// `videos.list`
pub(super) fn videos(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let now = state.clock.now().instant;
    let pages = state.store.open();
    let mut items = Vec::new();
    for id in ask.id.split(',').filter(|_| fault != Some(&Effect::NoOutput)) {
        let found = pages.sessions.values().find(|session| session.key == ask.key && has_id(session, id));
        if let Some((session, video)) = found.and_then(|session| Some((session, session.video.as_ref()?))) {
            items.push(parts(call, &resource(session, video, now, fault)));
        }
    }
    let shown = items.len();
    Answer::json(
        200,
        json!({
            "kind": "youtube#videoListResponse", "etag": "fake", "items": items,
            "pageInfo": {"totalResults": shown, "resultsPerPage": shown},
        }),
    )
}

fn has_id(session: &Session, id: &str) -> bool {
    session.video.as_ref().is_some_and(|video| video.id == id)
}

/// A video as the API describes it.
pub(super) fn resource(session: &Session, video: &Video, now: Instant, fault: Option<&Effect>) -> Value {
    let mut snippet = session.snippet.clone();
    snippet["channelId"] = CHANNEL.into();
    snippet["publishedAt"] = format!("{:.0}", video.published).into();
    let mut status = session.status.clone();
    if status["privacyStatus"].is_null() {
        status["privacyStatus"] = "public".into();
    }
    let processing = match fault {
        Some(Effect::Failed) => {
            status["uploadStatus"] = "failed".into();
            status["failureReason"] = "codec".into();
            "failed"
        }
        Some(Effect::Moderated) => {
            status["uploadStatus"] = "rejected".into();
            status["rejectionReason"] = "duplicate".into();
            "terminated"
        }
        Some(Effect::Pending) => {
            status["uploadStatus"] = "uploaded".into();
            "processing"
        }
        _ if video.processed > now => {
            status["uploadStatus"] = "uploaded".into();
            "processing"
        }
        _ => {
            status["uploadStatus"] = "processed".into();
            "succeeded"
        }
    };
    json!({
        "kind": "youtube#video", "etag": "fake", "id": video.id, "snippet": snippet, "status": status,
        "processingDetails": {"processingStatus": processing},
    })
}

/// `channels.list`: every account has one channel.
pub(super) fn channels(fault: Option<&Effect>) -> Answer {
    let channel = json!({
        "kind": "youtube#channel", "etag": "fake", "id": CHANNEL,
        "snippet": {"title": "Fake channel"},
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": UPLOADS}},
    });
    let items = if fault == Some(&Effect::NoOutput) { vec![] } else { vec![channel] };
    Answer::json(
        200,
        json!({
            "kind": "youtube#channelListResponse", "etag": "fake", "items": items,
            "pageInfo": {"totalResults": 1, "resultsPerPage": 5},
        }),
    )
}
