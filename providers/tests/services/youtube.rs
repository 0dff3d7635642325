use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use jiff::{Timestamp, ToSpan};
use parking_lot::Mutex;
use serde_json::{Value, json};
use videofactory_providers::youtube::{Addition, CHUNK_BYTES, Stored, Upload, VideoId};
use videofactory_providers::{Health, ProviderError, Secret, YouTube};

use crate::support::{Received, assert_hides, connection, nobody, now, serve};

const CLIENT_SECRET: &str = "GOCSPX-a-very-secret-client";
const REFRESH_TOKEN: &str = "1//a-very-secret-refresh-token";
const UPLOAD_ID: &str = "AJRbA5Uabcdefghijk";
const CHUNK: usize = 262_144;

/// The channel as the service keeps it.
#[derive(Default)]
struct Channel {
    base: String,
    /// How many tokens were given out; the last one is taken.
    tokens: usize,
    refuses_login: bool,
    /// What the session has, and of how much.
    bytes: Vec<u8>,
    size: usize,
    /// Answers for the next calls of the session, instead of the right ones.
    faults: Vec<Fault>,
    /// Answers by the beginning of path and query.
    pages: Vec<(&'static str, StatusCode, Value)>,
    seen: Vec<Received>,
}

/// What a session does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// It stores nothing and says so without a range.
    StoresNothing,
    /// It stores the first part of the chunk and breaks.
    BreaksHalfway,
    /// It knows nothing of the session.
    Gone,
    /// It refuses, and repeats the session's address.
    Gossips,
}

type Shared = Arc<Mutex<Channel>>;

async fn channel() -> (YouTube, Shared) {
    channel_at(now).await
}

async fn channel_at(clock: fn() -> Timestamp) -> (YouTube, Shared) {
    let shared = Shared::default();
    let router = Router::new()
        .route("/token", any(token))
        .route("/upload/youtube/v3/videos", any(begin))
        .route("/session", any(session))
        .fallback(any(page))
        .with_state(shared.clone());
    let base = serve(router).await;
    shared.lock().base.clone_from(&base);
    (youtube(&base, clock), shared)
}

fn youtube(base: &str, clock: fn() -> Timestamp) -> YouTube {
    let secrets =
        [("clientId", "id.apps.example"), ("clientSecret", CLIENT_SECRET), ("refreshToken", REFRESH_TOKEN)];
    YouTube::new(&connection(base, &secrets), clock).unwrap()
}

async fn token(State(shared): State<Shared>, request: Request) -> Response {
    let received = Received::read(request).await;
    let form = String::from_utf8(received.body).unwrap();
    assert!(
        form.contains("grant_type=refresh_token") && form.contains("refresh_token=1%2F%2Fa-very"),
        "{form}"
    );
    let mut channel = shared.lock();
    if channel.refuses_login {
        let body =
            json!({"error": "invalid_grant", "error_description": format!("{REFRESH_TOKEN} was revoked")});
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    }
    channel.tokens += 1;
    let token = format!("ya29.token-{}", channel.tokens);
    axum::Json(json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})).into_response()
}

impl Channel {
    fn takes(&self, received: &Received) -> bool {
        received.header("authorization") == format!("Bearer ya29.token-{}", self.tokens)
    }
}

fn unauthorised() -> Response {
    (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": {"code": 401, "message": "Invalid Credentials"}})))
        .into_response()
}

async fn begin(State(shared): State<Shared>, request: Request) -> Response {
    let received = Received::read(request).await;
    let mut channel = shared.lock();
    if !channel.takes(&received) {
        return unauthorised();
    }
    channel.size = received.header("x-upload-content-length").parse().unwrap();
    channel.seen.push(received);
    let location = format!("{}/session?upload_id={UPLOAD_ID}", channel.base);
    (StatusCode::OK, [("location", location)]).into_response()
}

async fn session(State(shared): State<Shared>, request: Request) -> Response {
    let received = Received::read(request).await;
    let mut channel = shared.lock();
    if !channel.takes(&received) {
        return unauthorised();
    }
    assert_eq!(received.line, format!("PUT /session?upload_id={UPLOAD_ID}"));
    let range = received.header("content-range").strip_prefix("bytes ").unwrap().to_owned();
    assert_eq!(range.split_once('/').unwrap().1, channel.size.to_string());
    let fault = if channel.faults.is_empty() { None } else { Some(channel.faults.remove(0)) };
    match fault {
        Some(Fault::StoresNothing) => return StatusCode::PERMANENT_REDIRECT.into_response(),
        Some(Fault::Gone) => return StatusCode::NOT_FOUND.into_response(),
        Some(Fault::Gossips) => {
            let text = format!("{}/session?upload_id={UPLOAD_ID} and {UPLOAD_ID} are odd", channel.base);
            return (StatusCode::BAD_REQUEST, axum::Json(json!({"error": {"message": text}})))
                .into_response();
        }
        Some(Fault::BreaksHalfway) | None => {}
    }
    if !range.starts_with('*') {
        let from: usize = range.split_once('-').unwrap().0.parse().unwrap();
        assert_eq!(from, channel.bytes.len());
        let stored = if fault.is_some() { CHUNK } else { received.body.len() };
        channel.bytes.extend_from_slice(&received.body[..stored]);
    }
    if fault.is_some() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match channel.bytes.len() {
        all if all == channel.size => {
            axum::Json(json!({"kind": "youtube#video", "id": "video_1"})).into_response()
        }
        0 => StatusCode::PERMANENT_REDIRECT.into_response(),
        some => {
            (StatusCode::PERMANENT_REDIRECT, [("range", format!("bytes=0-{}", some - 1))]).into_response()
        }
    }
}

async fn page(State(shared): State<Shared>, request: Request) -> Response {
    let received = Received::read(request).await;
    let mut channel = shared.lock();
    if !channel.takes(&received) {
        return unauthorised();
    }
    let found = channel.pages.iter().find(|(start, ..)| received.line.starts_with(start));
    let (status, body) =
        found.map_or((StatusCode::NOT_FOUND, json!({})), |(_, status, body)| (*status, body.clone()));
    channel.seen.push(received);
    (status, axum::Json(body)).into_response()
}

fn upload(size: usize) -> Upload {
    Upload {
        title: "Three facts".to_owned(),
        size: size as u64,
        marker: "vf-3f9c2a1e-r1".to_owned(),
        ..Upload::default()
    }
}

/// Uploads as a caller does: in chunks of 512 KiB, asking where to continue after every failure.
async fn upload_all(youtube: &YouTube, session: &Secret, film: &[u8]) -> VideoId {
    let size = film.len() as u64;
    let mut stored = youtube.stored(session, size).await.unwrap();
    for _ in 0..20 {
        let from = match stored {
            Stored::Bytes(from) => from,
            Stored::Done(id) => return id,
            Stored::Gone => panic!("the session is gone"),
        };
        let start = usize::try_from(from).unwrap();
        let chunk = Bytes::copy_from_slice(&film[start..film.len().min(start + 2 * CHUNK)]);
        stored = match youtube.send(session, size, from, chunk).await {
            Ok(stored) => stored,
            Err(ProviderError::Unavailable { .. }) => youtube.stored(session, size).await.unwrap(),
            Err(error) => panic!("{error}"),
        };
    }
    panic!("the upload does not come to an end");
}

#[tokio::test]
async fn an_upload_goes_through_all_that_can_be_resumed() {
    let (youtube, shared) = channel().await;
    let film: Vec<u8> = (0..1_500_000u32).map(|at| (at % 251) as u8).collect();
    let session = youtube.begin(&upload(film.len())).await.unwrap();
    // The first question is answered truly; then a chunk is lost, one is stored halfway, and one more lost.
    shared.lock().faults = vec![];
    assert_eq!(youtube.stored(&session, film.len() as u64).await.unwrap(), Stored::Bytes(0));
    shared.lock().faults = vec![Fault::StoresNothing, Fault::StoresNothing, Fault::BreaksHalfway];
    assert_eq!(upload_all(&youtube, &session, &film).await, VideoId::new("video_1").unwrap());
    assert!(shared.lock().bytes == film, "the bytes differ");
    // Asked again, a finished session still says so.
    assert!(matches!(youtube.stored(&session, film.len() as u64).await.unwrap(), Stored::Done(_)));
    assert_eq!(shared.lock().tokens, 1);
    assert_eq!(CHUNK as u64, CHUNK_BYTES);
}

#[tokio::test]
async fn a_lost_session_is_gone() {
    let (youtube, shared) = channel().await;
    let session = youtube.begin(&upload(10)).await.unwrap();
    shared.lock().faults = vec![Fault::Gone, Fault::Gone];
    assert_eq!(youtube.stored(&session, 10).await.unwrap(), Stored::Gone);
    assert_eq!(youtube.send(&session, 10, 0, Bytes::from_static(b"0123456789")).await.unwrap(), Stored::Gone);
}

#[tokio::test]
async fn a_token_is_used_until_it_ends_or_is_not_taken_and_then_renewed() {
    static SECONDS: AtomicI64 = AtomicI64::new(0);
    fn clock() -> Timestamp {
        now() + SECONDS.load(Ordering::Relaxed).seconds()
    }
    let (youtube, shared) = channel_at(clock).await;
    assert_eq!(youtube.token().await.unwrap().reveal(), "ya29.token-1");
    SECONDS.store(3_539, Ordering::Relaxed);
    assert_eq!(youtube.token().await.unwrap().reveal(), "ya29.token-1");
    SECONDS.store(3_540, Ordering::Relaxed);
    assert_eq!(youtube.token().await.unwrap().reveal(), "ya29.token-2");
    // Somebody else signs in, and the token is not taken any more.
    shared.lock().tokens = 7;
    youtube.begin(&upload(10)).await.unwrap();
    assert_eq!(youtube.token().await.unwrap().reveal(), "ya29.token-8");
}

#[tokio::test]
async fn a_revoked_login_is_reported_without_secrets() {
    let (youtube, shared) = channel().await;
    shared.lock().refuses_login = true;
    for error in [youtube.check().await.unwrap_err(), youtube.begin(&upload(10)).await.unwrap_err()] {
        assert!(matches!(error, ProviderError::Credentials { .. }), "{error}");
        assert_hides(&error, &[REFRESH_TOKEN, CLIENT_SECRET]);
    }
    shared.lock().refuses_login = false;
    youtube.check().await.unwrap();
    let printed = format!("{youtube:?} {youtube:#?}");
    assert!(!printed.contains("ya29.") && !printed.contains("very-secret"), "{printed}");
}

#[tokio::test]
async fn no_error_of_a_session_shows_its_address_or_the_token() {
    let (youtube, shared) = channel().await;
    let session = youtube.begin(&upload(10)).await.unwrap();
    let film = || Bytes::from_static(b"0123456789");
    shared.lock().faults = vec![Fault::Gossips, Fault::Gossips, Fault::BreaksHalfway];
    let away = Secret::new(&format!("{}/session?upload_id={UPLOAD_ID}", nobody().await));
    let errors = [
        youtube.stored(&session, 10).await.unwrap_err(),
        youtube.send(&session, 10, 0, film()).await.unwrap_err(),
        youtube.stored(&session, 10).await.unwrap_err(),
        youtube.stored(&away, 10).await.unwrap_err(),
        youtube.send(&session, 10, 5, film()).await.unwrap_err(),
        youtube.stored(&Secret::new(&format!("odd:{UPLOAD_ID}")), 10).await.unwrap_err(),
    ];
    for error in errors {
        assert_hides(&error, &[UPLOAD_ID, "/session", "ya29.", REFRESH_TOKEN, CLIENT_SECRET]);
    }
    assert!(!format!("{session:?} {session}").contains(UPLOAD_ID));
}

#[tokio::test]
async fn the_token_stays_within_the_services_origin() {
    let (youtube, _) = channel().await;
    let (seen, elsewhere) = (Arc::new(Mutex::new(Vec::new())), Router::new());
    let kept = seen.clone();
    let handler = move |request: Request| async move {
        let received = Received::read(request).await;
        kept.lock().push(received.header("authorization").to_owned());
        StatusCode::PERMANENT_REDIRECT
    };
    let other = serve(elsewhere.fallback(any(handler))).await;
    let stored = youtube.stored(&Secret::new(&format!("{other}/session")), 10).await.unwrap();
    assert_eq!(stored, Stored::Bytes(0));
    assert_eq!(*seen.lock(), [""]);
}

#[tokio::test]
async fn a_marked_video_is_found_on_a_later_page() {
    let (youtube, shared) = channel().await;
    let ok = StatusCode::OK;
    let item = |id: &str| json!({"contentDetails": {"videoId": id}});
    shared.lock().pages = vec![
        (
            "GET /youtube/v3/channels?part=contentDetails&mine=true",
            ok,
            json!({"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UUabc"}}}]}),
        ),
        (
            "GET /youtube/v3/playlistItems?part=contentDetails&maxResults=50&playlistId=UUabc&pageToken=P2",
            ok,
            json!({"items": [item("c3")]}),
        ),
        (
            "GET /youtube/v3/playlistItems?part=contentDetails&maxResults=50&playlistId=UUabc",
            ok,
            json!({"items": [item("a1"), item("b2")], "nextPageToken": "P2"}),
        ),
        ("GET /youtube/v3/videos?part=snippet&id=a1,b2", ok, json!({"items": [{"id": "a1", "snippet": {}}]})),
        (
            "GET /youtube/v3/videos?part=snippet&id=c3",
            ok,
            json!({"items": [{"id": "c3", "snippet": {"tags": ["vf-3f9c2a1e-r1"]}}]}),
        ),
    ];
    assert_eq!(youtube.find("vf-3f9c2a1e-r1").await.unwrap(), VideoId::new("c3"));
    assert_eq!(youtube.find("vf-3f9c2a1e-r2").await.unwrap(), None);
    // A channel that has never uploaded has no list of uploads.
    shared.lock().pages.truncate(1);
    assert_eq!(youtube.find("vf-3f9c2a1e-r1").await.unwrap(), None);
}

#[tokio::test]
async fn what_a_channel_may_not_add_is_noted_and_the_rest_added() {
    let (youtube, shared) = channel().await;
    let id = VideoId::new("video_1").unwrap();
    let forbidden = json!({"error": {"code": 403, "message": "The channel may not set thumbnails",
        "errors": [{"domain": "youtube.thumbnail", "reason": "forbidden"}]}});
    shared.lock().pages = vec![
        ("POST /upload/youtube/v3/thumbnails/set?videoId=video_1", StatusCode::FORBIDDEN, forbidden),
        (
            "POST /upload/youtube/v3/captions?uploadType=multipart&part=snippet",
            StatusCode::OK,
            json!({"id": "cap"}),
        ),
        ("GET /youtube/v3/playlistItems?part=id", StatusCode::OK, json!({"items": []})),
        ("POST /youtube/v3/playlistItems?part=snippet", StatusCode::OK, json!({"id": "item"})),
    ];
    let thumbnail = youtube.set_thumbnail(&id, Bytes::from_static(b"jpeg"), "image/jpeg").await.unwrap();
    assert!(matches!(thumbnail, Addition::Declined(why) if why.contains("may not set thumbnails")));
    let srt = b"1\n00:00:00,000 --> 00:00:01,000\nHi\n";
    assert_eq!(youtube.insert_caption(&id, "en", "English", srt).await.unwrap(), Addition::Added);
    assert_eq!(youtube.add_to_playlist(&id, "PLabc").await.unwrap(), Addition::Added);
    let channel = shared.lock();
    assert_eq!(channel.seen[0].body, b"jpeg");
    let caption = String::from_utf8_lossy(&channel.seen[1].body).into_owned();
    assert!(caption.contains(r#""videoId":"video_1""#) && caption.contains("--> 00:00:01,000"), "{caption}");
    assert!(channel.seen[1].header("content-type").starts_with("multipart/related; boundary="));
    assert_eq!(channel.seen[3].json()["snippet"]["resourceId"]["videoId"], "video_1");
}

#[tokio::test]
async fn captions_that_are_there_and_videos_in_the_playlist_are_not_added_twice() {
    let (youtube, shared) = channel().await;
    let id = VideoId::new("video_1").unwrap();
    let exists = json!({"error": {"code": 409, "errors": [{"reason": "captionExists"}]}});
    shared.lock().pages = vec![
        ("POST /upload/youtube/v3/captions", StatusCode::CONFLICT, exists),
        ("GET /youtube/v3/playlistItems?part=id", StatusCode::OK, json!({"items": [{"id": "item"}]})),
    ];
    assert_eq!(youtube.insert_caption(&id, "en", "English", b"").await.unwrap(), Addition::Added);
    assert_eq!(youtube.add_to_playlist(&id, "PLabc").await.unwrap(), Addition::Added);
    assert_eq!(shared.lock().seen.len(), 2);
}

#[tokio::test]
async fn a_video_that_is_not_there_has_no_status() {
    let (youtube, shared) = channel().await;
    shared.lock().pages =
        vec![("GET /youtube/v3/videos?part=status&id=video_1", StatusCode::OK, json!({"items": []}))];
    assert_eq!(youtube.status(&VideoId::new("video_1").unwrap()).await.unwrap(), None);
}
