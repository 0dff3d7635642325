//! `YouTube`: Google's token endpoint, resumable uploads, thumbnails, captions, and what the Data API says of videos.
//!
//! An account is a refresh token. Its channel has the videos whose uploads are complete.

mod data;
mod extras;
mod playlists;
mod session;
mod upload;

use serde_json::json;

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call, pairs};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::protocol::{Misread, Protocol, Refused};
use super::service::{Operation, Service};

pub(crate) use session::Session;

/// Seconds that an access token is good for, as the answer says.
const EXPIRES_IN: u64 = 3599;

pub(crate) struct YouTube;

impl Protocol for YouTube {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("POST", ["token"]) => read_token(call),
            ("PUT" | "DELETE", ["upload", "youtube", "v3", "videos"]) => Ok(upload::read_part(state, call)),
            ("POST", ["upload", "youtube", "v3", "videos"]) => {
                upload::read_session(call, signed(state, call, Operation::Session)?)
            }
            ("POST", ["upload", "youtube", "v3", "thumbnails", "set"]) => {
                extras::read_thumbnail(state, call, signed(state, call, Operation::Thumbnail)?)
            }
            ("POST", ["upload", "youtube", "v3", "captions"]) => {
                extras::read_captions(state, call, signed(state, call, Operation::Captions)?)
            }
            ("GET", ["youtube", "v3", "videos"]) => {
                Ok(data::read_videos(state, call, signed(state, call, Operation::Videos)?))
            }
            ("GET", ["youtube", "v3", "channels"]) => signed(state, call, Operation::Channels),
            ("GET", ["youtube", "v3", "playlistItems"]) => {
                playlists::read(call, signed(state, call, Operation::PlaylistItems)?)
            }
            ("POST", ["youtube", "v3", "playlistItems"]) => {
                playlists::read_insertion(state, call, signed(state, call, Operation::PlaylistInsert)?)
            }
            _ => Err(Misread::NoRoute),
        }
    }

    fn refuse(ask: &Ask, why: &Refused) -> Answer {
        match why {
            Refused::TokenRevoked => oauth(400, "invalid_grant", "Token has been expired or revoked."),
            Refused::WrongKey if ask.operation == Operation::Token => {
                oauth(401, "invalid_client", "The OAuth client was not found.")
            }
            Refused::Invalid(what) if ask.operation == Operation::Token => {
                oauth(400, "invalid_request", what)
            }
            Refused::NoKey | Refused::WrongKey => {
                let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                     other valid authentication credential.";
                error(401, "global", "authError", text)
            }
            Refused::Forbidden if ask.operation == Operation::Thumbnail => error(
                403,
                "youtube.thumbnail",
                "forbidden",
                "The authenticated user doesn't have permissions to upload and set custom video thumbnails.",
            ),
            Refused::Forbidden => error(403, "youtube.common", "forbidden", "Access forbidden."),
            // What is not there has its reason before a colon, for example `videoNotFound`.
            Refused::NotFound(what) | Refused::Invalid(what) => {
                let status = if matches!(why, Refused::NotFound(_)) { 404 } else { 400 };
                let (reason, text) = what.split_once(": ").unwrap_or(("badRequest", what));
                let status = if reason == "captionExists" { 409 } else { status };
                error(status, "youtube.video", reason, text)
            }
            Refused::CreditsUsedUp => exhausted(Shape::QuotaExceeded),
            Refused::Moderated => {
                error(400, "youtube.video", "invalidVideoMetadata", "The request metadata is invalid.")
            }
            Refused::Status(code) | Refused::Loading(code) => {
                error(*code, "global", "backendError", "Backend Error")
            }
            Refused::RateLimited(shape, _) => exhausted(*shape),
        }
    }

    fn shape(ask: &Ask, _: &Exceeded) -> Shape {
        if ask.operation == Operation::Session { Shape::UploadsPerDay } else { Shape::QuotaExceeded }
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        match (ask.operation, work) {
            (Operation::Token, _) => Ok(token(state, ask)),
            (Operation::Session, Some(work)) => Ok(upload::open(state, call, work)),
            (Operation::Chunk, _) => upload::put(state, call, ask, fault).await,
            (Operation::Query, _) => Ok(upload::query(state, call, ask, fault)),
            (Operation::Thumbnail, Some(work)) => Ok(extras::set_thumbnail(state, call, work)),
            (Operation::Captions, Some(work)) => Ok(extras::insert_captions(state, call, work)),
            (Operation::Videos, _) => Ok(data::videos(state, call, ask, fault)),
            (Operation::Channels, _) => Ok(data::channels(fault)),
            (Operation::PlaylistInsert, Some(work)) => Ok(playlists::insert(state, call, work)),
            _ => Ok(playlists::list(state, call, ask, fault)),
        }
    }
}

/// A request that needs an access token, in the name of the account that it was given to.
fn signed(state: &State, call: &Call, operation: Operation) -> Result<Ask, Misread> {
    let given = call.bearer().and_then(|token| state.store.open().tokens.get(token).cloned());
    let ask = Ask::new(Service::YouTube, operation, given.as_deref().unwrap_or_default());
    if ask.key.is_empty() { Err(Misread::refused(ask, Refused::NoKey)) } else { Ok(ask) }
}

fn read_token(call: &Call) -> Result<Ask, Misread> {
    let form = pairs(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let ask = Ask::new(Service::YouTube, Operation::Token, field("refresh_token"));
    if field("grant_type") != "refresh_token" || ask.key.is_empty() {
        return Err(Misread::invalid(ask, "Missing required parameter: refresh_token"));
    }
    if field("client_id").is_empty() || field("client_secret").is_empty() {
        return Err(Misread::refused(ask, Refused::WrongKey));
    }
    Ok(ask)
}

fn token(state: &State, ask: &Ask) -> Answer {
    let token = format!("ya29.{}", uuid::Uuid::new_v4().simple());
    state.store.open().tokens.insert(token.clone(), ask.key.clone());
    Answer::json(
        200,
        json!({
            "access_token": token, "expires_in": EXPIRES_IN, "token_type": "Bearer",
            "scope": "https://www.googleapis.com/auth/youtube.upload https://www.googleapis.com/auth/youtube",
        }),
    )
}

fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, json!({"error": error, "error_description": description}))
}

fn error(status: u16, domain: &str, reason: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"error": {
            "code": status, "message": message,
            "errors": [{"message": message, "domain": domain, "reason": reason}],
        }}),
    )
}

fn exhausted(shape: Shape) -> Answer {
    match shape {
        Shape::UploadsPerDay => error(
            429,
            "usageLimits",
            "rateLimitExceeded",
            "Quota exceeded for quota metric 'Video Uploads' and limit 'Video Uploads per day' of service \
             'youtube.googleapis.com' for consumer 'project_number:123456789012'.",
        ),
        Shape::UploadLimit => error(
            400,
            "youtube.video",
            "uploadLimitExceeded",
            "The user has exceeded the number of videos they may upload.",
        ),
        Shape::Plain | Shape::RetryAfter => {
            error(429, "usageLimits", "rateLimitExceeded", "Too many requests. Please retry later.")
        }
        _ => error(
            403,
            "youtube.quota",
            "quotaExceeded",
            "The request cannot be completed because you have exceeded your quota.",
        ),
    }
}

/// The fields of an object that a request's `part` names, besides those that every resource has.
fn parts(call: &Call, whole: &serde_json::Value) -> serde_json::Value {
    let wanted = call.query.get("part").map(String::as_str).unwrap_or_default();
    let mut chosen = json!({});
    for (name, value) in whole.as_object().into_iter().flatten() {
        if ["kind", "etag", "id"].contains(&name.as_str()) || wanted.split(',').any(|part| part == name) {
            chosen[name] = value.clone();
        }
    }
    chosen
}
