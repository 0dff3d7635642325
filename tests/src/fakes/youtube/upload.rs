//! Resumable uploads, byte by byte: what is stored is what has arrived in whole blocks, as at Google.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::header::{LOCATION, RANGE};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::State;
use super::super::accounts::Work;
use super::super::answer::Answer;
use super::super::call::{Ask, Call};
use super::super::faults::Effect;
use super::super::protocol::{Misread, Protocol, Refused};
use super::super::service::{Operation, Service};
use super::session::{BLOCK, Session, Video};
use super::{YouTube, data, parts};

/// Which bytes a part holds: from the first to before the last, of so many in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u64,
    after: u64,
    total: Option<u64>,
}

pub(super) fn read_session(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    if call.query.get("uploadType").map(String::as_str) != Some("resumable") {
        return Err(Misread::invalid(ask, "badRequest: Only resumable uploads are faked."));
    }
    let body = call.json().unwrap_or_default();
    let (snippet, status) = (&body["snippet"], &body["status"]);
    let title = snippet["title"].as_str().unwrap_or_default();
    let ask = ask.about(title, []);
    let characters = |name: &str| snippet[name].as_str().unwrap_or_default().chars().count();
    let tags: usize =
        snippet["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(tag_length).sum();
    let angled = |name: &str| snippet[name].as_str().unwrap_or_default().contains(['<', '>']);
    let wrong = if title.trim().is_empty() || characters("title") > 100 || angled("title") {
        Some("invalidTitle: The request metadata specifies an invalid or empty video title.")
    } else if snippet["description"].as_str().unwrap_or_default().len() > 5000 || angled("description") {
        Some("invalidDescription: The request metadata specifies an invalid video description.")
    } else if tags > 500 {
        Some("invalidTags: The request metadata specifies invalid video keywords.")
    } else if !status["publishAt"].is_null() && !is_publishable(status) {
        Some("invalidPublishAt: The request metadata specifies an invalid scheduled publishing time.")
    } else {
        None
    };
    match wrong {
        Some(what) => Err(Misread::invalid(ask, what)),
        None => Ok(ask),
    }
}

/// Tags are counted with a comma each, those with spaces also with quotation marks.
fn tag_length(tag: &str) -> usize {
    tag.chars().count() + 1 + if tag.contains(' ') { 2 } else { 0 }
}

fn is_publishable(status: &Value) -> bool {
    let time = status["publishAt"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    time.is_some() && status["privacyStatus"] == "private"
}

pub(super) fn open(state: &State, call: &Call, work: &Work) -> Answer {
    let body = call.json().unwrap_or_default();
    let session = Session {
        id: work.id.clone(),
        key: work.ask.key.clone(),
        at: state.clock.now().wall,
        snippet: body["snippet"].clone(),
        status: body["status"].clone(),
        total: call.header("x-upload-content-length").parse().ok(),
        stored: 0,
        hasher: Sha256::new(),
        pending: Vec::new(),
        gone: false,
        video: None,
        thumbnail: None,
        captions: Vec::new(),
        playlists: Vec::new(),
    };
    state.store.open().sessions.insert(work.id.clone(), session);
    let part = call.query.get("part").map(String::as_str).unwrap_or_default().replace(',', "%2C");
    let location = format!(
        "{}/youtube/upload/youtube/v3/videos?uploadType=resumable&part={part}&upload_id={}",
        call.origin, work.id
    );
    Answer::empty(200)
        .with(LOCATION, location)
        .with_named("x-guploader-uploadid", work.id.as_str())
        .delivering(&work.id)
}

/// A part of an upload or a question for how much there is, in the name of the session's account: who has the
/// session's URL needs no token.
pub(super) fn read_part(state: &State, call: &Call) -> Ask {
    let id = call.query.get("upload_id").map(String::as_str).unwrap_or_default();
    let asks = call.header("content-range").starts_with("bytes */");
    let operation = if asks { Operation::Query } else { Operation::Chunk };
    let pages = state.store.open();
    let session = pages.sessions.get(id);
    let key = session.map(|session| session.key.as_str()).unwrap_or_default();
    let title = session.map(|session| session.text("title")).unwrap_or_default();
    Ask::new(Service::YouTube, operation, key).about(title, []).after(id)
}

fn lost(ask: &Ask) -> Answer {
    YouTube::refuse(
        ask,
        &Refused::NotFound("notFound: The upload session does not exist any more.".to_owned()),
    )
}

pub(super) fn query(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let mut pages = state.store.open();
    let Some(session) = pages.sessions.get_mut(&ask.id) else { return lost(ask) };
    session.gone |= fault == Some(&Effect::SessionGone);
    answer(call, ask, session, state.clock.now().instant)
}

/// How far an upload is, or the video that it has become.
fn answer(call: &Call, ask: &Ask, session: &Session, now: Instant) -> Answer {
    if session.gone {
        return lost(ask);
    }
    if let Some(video) = &session.video {
        return Answer::json(200, parts(call, &data::resource(session, video, now, None)));
    }
    let answer = Answer::empty(308).with_named("x-guploader-uploadid", session.id.as_str());
    match session.stored {
        0 => answer,
        stored => answer.with(RANGE, format!("bytes=0-{}", stored - 1)),
    }
}

pub(super) async fn put(
    state: &State,
    call: &mut Call,
    ask: &Ask,
    fault: Option<&Effect>,
) -> anyhow::Result<Answer> {
    let body = call.stream.take();
    let begun = begin(state, call, ask, fault);
    let (span, refusal) = match begun {
        Ok(span) => (span, None),
        Err(answer) => (Span { first: 0, after: 0, total: None }, Some(answer)),
    };
    let mut arrived = span.first;
    if let Some(body) = body {
        let mut body = Body::new(body);
        let cut = if let Some(Effect::CutUpload { bytes }) = fault { span.first + bytes } else { u64::MAX };
        // A client that goes away in the middle leaves what has arrived until then.
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            let bytes =
                &bytes[..bytes.len().min(usize::try_from(cut.saturating_sub(arrived)).unwrap_or(usize::MAX))];
            if refusal.is_none() {
                take(state, ask, arrived, bytes);
            }
            arrived += bytes.len() as u64;
            anyhow::ensure!(arrived < cut, "a fault was ordered: the upload is cut");
        }
    }
    Ok(refusal.unwrap_or_else(|| end(state, call, ask, span, fault)))
}

/// Holds a part against the session that it belongs to.
fn begin(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Result<Span, Answer> {
    let mut pages = state.store.open();
    let Some(session) = pages.sessions.get_mut(&ask.id) else { return Err(lost(ask)) };
    if fault == Some(&Effect::SessionGone) || call.method == hyper::Method::DELETE {
        session.gone = true;
    }
    if call.method == hyper::Method::DELETE {
        return Err(Answer::empty(499));
    }
    if session.gone || session.video.is_some() {
        return Err(answer(call, ask, session, state.clock.now().instant));
    }
    session.pending.clear();
    let wrong = |what: &str| YouTube::refuse(ask, &Refused::Invalid(format!("badRequest: {what}")));
    let Some(span) = span_of(call) else {
        return Err(wrong("Content-Range or Content-Length cannot be read."));
    };
    session.total = session.total.or(span.total);
    let is_last = session.total == Some(span.after);
    if span.total.is_some() && span.total != session.total {
        return Err(wrong("The total of Content-Range is not what was announced."));
    }
    if session.total.is_some_and(|total| span.after > total) || span.first > session.stored {
        return Err(wrong("The range does not begin where the upload has arrived."));
    }
    if !is_last && !(span.after - span.first).is_multiple_of(BLOCK as u64) {
        return Err(wrong("Parts but the last must be multiples of 262144 bytes."));
    }
    Ok(span)
}

/// Which bytes a part holds; without Content-Range all of them.
fn span_of(call: &Call) -> Option<Span> {
    let range = call.header("content-range");
    if range.is_empty() {
        let length = call.header("content-length").parse().ok()?;
        return Some(Span { first: 0, after: length, total: Some(length) });
    }
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (first <= last).then_some(Span { first, after: last + 1, total })
}

/// Takes in bytes of a part from this place of the file on; what is stored already is passed over.
fn take(state: &State, ask: &Ask, place: u64, bytes: &[u8]) {
    let mut pages = state.store.open();
    let Some(session) = pages.sessions.get_mut(&ask.id).filter(|session| !session.gone) else { return };
    let expected = session.stored + session.pending.len() as u64;
    let known = usize::try_from(expected.saturating_sub(place)).unwrap_or(usize::MAX);
    if place <= expected && known < bytes.len() {
        session.append(&bytes[known..]);
    }
}

/// The whole part has come.
fn end(state: &State, call: &Call, ask: &Ask, span: Span, fault: Option<&Effect>) -> Answer {
    let now = state.clock.now();
    let mut pages = state.store.open();
    let processing = pages.settings_of(&ask.key).processing();
    let Some(session) = pages.sessions.get_mut(&ask.id) else { return lost(ask) };
    if fault == Some(&Effect::NoRange) {
        session.empty();
        return answer(call, ask, session, now.instant);
    }
    let arrived = session.stored + session.pending.len() as u64;
    if session.video.is_none() && session.total == Some(span.after) && arrived == span.after {
        session.store(session.pending.len());
        session.video = Some(Video {
            id: uuid::Uuid::new_v4().simple().to_string()[..11].to_owned(),
            sha256: hex::encode(session.hasher.clone().finalize()),
            published: now.wall,
            processed: now.instant + processing,
        });
    }
    answer(call, ask, session, now.instant)
}
