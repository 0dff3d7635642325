//! `YouTube`: uploads that can be resumed, in steps that the caller drives, so that each can be recorded
//! before the next. The address of an upload session is a credential: whoever has it can upload.

mod fault;
mod find;
mod parts;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{Timestamp, ToSpan};
use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use self::parts::Addition;
pub use self::session::{CHUNK_BYTES, Stored};
pub use self::status::{UploadState, VideoStatus};
use self::token::{Login, Token};
pub use self::upload::{Privacy, Upload, VideoId};
use crate::capability::Health;
use crate::connection::{Connection, Secret};
use crate::error::ProviderError;
use crate::http::{Answer, Body, Call, Http, mask};

/// How this provider is called in messages.
const PROVIDER: &str = "YouTube";
/// Where videos are served.
const BASE: &str = "https://www.googleapis.com";
/// Where tokens are given out.
const TOKEN_BASE: &str = "https://oauth2.googleapis.com";
/// The addresses that are the service's own.
pub(crate) const OWN: &[&str] = &[BASE, TOKEN_BASE];
/// How long a call without a file may take.
const CALL_TAKES: Duration = crate::MAX_OPENING;
/// How long a file or a chunk of one may take: 64 MiB at 1 Mbit/s.
const CHUNK_TAKES: Duration = Duration::from_mins(10);
/// Most bytes of an answer.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// A token is renewed so long before it ends.
const TOKEN_MARGIN_SECONDS: i64 = 60;

/// A channel of `YouTube`'s, by the credentials of its owner.
#[derive(Clone)]
pub struct YouTube {
    http: Http,
    tokens: Http,
    login: Login,
    token: Arc<Mutex<Option<Token>>>,
    clock: fn() -> Timestamp,
}

impl std::fmt::Debug for YouTube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("YouTube").field("http", &self.http).finish_non_exhaustive()
    }
}

impl YouTube {
    /// The service with `clientId`, `clientSecret` and `refreshToken` of the connection. An endpoint stands
    /// for both the service's own addresses. `clock` says the time: tokens end, and a day's quota comes back
    /// at midnight in California.
    pub fn new(connection: &Connection, clock: fn() -> Timestamp) -> Result<Self, ProviderError> {
        Ok(Self {
            http: Http::new(PROVIDER, connection, OWN)?,
            tokens: Http::new(PROVIDER, connection, &[TOKEN_BASE, BASE])?,
            login: Login::new(connection)?,
            token: Arc::default(),
            clock,
        })
    }

    /// A token for calls, kept until shortly before it ends. `Credentials` if the refresh token is not taken.
    pub async fn token(&self) -> Result<Secret, ProviderError> {
        // Held while a token is fetched: calls at the same time share it.
        let mut kept = self.token.lock().await;
        let now = (self.clock)();
        if let Some(token) = kept.as_ref().filter(|token| token.until > now) {
            return Ok(token.value.clone());
        }
        let answer = self.tokens.call(Call::post("/token", self.login.form())).await?;
        if !answer.is_success() {
            return Err(token::fault(&answer));
        }
        let (value, seconds) = token::read(&answer.body)?;
        let until = now.checked_add((seconds - TOKEN_MARGIN_SECONDS).seconds()).unwrap_or(now);
        *kept = Some(Token { value: value.clone(), until });
        Ok(value)
    }

    /// Opens an upload session: its address, which must be stored before the first byte is sent. Nothing can
    /// be seen on the channel until all bytes are there; a session that is lost is no harm.
    pub async fn begin(&self, upload: &Upload) -> Result<Secret, ProviderError> {
        let path = "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status";
        let mut call = Call::post(path, Body::Json(upload.body()?));
        call.follow = false;
        call.headers = vec![
            ("x-upload-content-length", upload.size.to_string()),
            ("x-upload-content-type", "video/mp4".to_owned()),
        ];
        let answer = self.authorised(call).await?;
        if !answer.is_success() {
            return Err(self.fault(&answer));
        }
        session::address(answer.headers.get(LOCATION))
    }

    /// How much of a session's video of `size` bytes the service has stored.
    pub async fn stored(&self, session: &Secret, size: u64) -> Result<Stored, ProviderError> {
        let headers = vec![("content-length", "0".to_owned()), ("content-range", format!("bytes */{size}"))];
        self.put(session, size, headers, Bytes::new()).await
    }

    /// Sends `bytes`, which begin at `from` of `size`. All chunks but the last are multiples of
    /// [`CHUNK_BYTES`]. After `Unavailable`, [`Self::stored`] says where to continue.
    pub async fn send(
        &self,
        session: &Secret,
        size: u64,
        from: u64,
        bytes: Bytes,
    ) -> Result<Stored, ProviderError> {
        let range = session::range(size, from, bytes.len())?;
        let headers = vec![("content-type", "video/mp4".to_owned()), ("content-range", range)];
        self.put(session, size, headers, bytes).await
    }

    async fn put(
        &self,
        session: &Secret,
        size: u64,
        headers: Vec<(&'static str, String)>,
        bytes: Bytes,
    ) -> Result<Stored, ProviderError> {
        let takes = if bytes.is_empty() { CALL_TAKES } else { CHUNK_TAKES };
        let mut call = Call::post(session::checked(session)?, Body::Bytes(bytes)).within(takes, ANSWER_BYTES);
        call.method = Method::PUT;
        call.follow = false;
        call.headers = headers;
        let mut answer = self.authorised(call).await?;
        answer.body = mask(answer.body, session::secrets(session).iter());
        session::read(&answer, size).unwrap_or_else(|| Err(self.fault(&answer)))
    }

    /// The newest of the channel's uploads that carries `marker` in its tags or description. Fresh uploads
    /// can take minutes to be listed.
    pub async fn find(&self, marker: &str) -> Result<Option<VideoId>, ProviderError> {
        let channel = self.get("/youtube/v3/channels?part=contentDetails&mine=true").await?;
        let playlist = find::uploads(&channel)?;
        let mut page = String::new();
        for _ in 0..find::MAX_PAGES {
            let answer = self.authorised(Call::get(find::page(&playlist, &page))).await?;
            if answer.status.as_u16() == 404 {
                // A channel without any upload has no such list.
                return Ok(None);
            }
            let (ids, next) = find::ids(&self.read(&answer)?);
            if !ids.is_empty() {
                let videos =
                    self.get(&format!("/youtube/v3/videos?part=snippet&id={}", ids.join(","))).await?;
                if let Some(id) = find::marked(&videos, marker) {
                    return Ok(Some(id));
                }
            }
            match next {
                Some(next) => page = next,
                None => break,
            }
        }
        Ok(None)
    }

    /// How far the service is with a video; `None` if there is none with this id on the channel.
    pub async fn status(&self, id: &VideoId) -> Result<Option<VideoStatus>, ProviderError> {
        let videos = self.get(&format!("/youtube/v3/videos?part=status&id={}", id.as_str())).await?;
        Ok(status::read(&videos))
    }

    /// Sets the video's thumbnail, a JPEG or PNG file. That a channel may not set any is no failure.
    pub async fn set_thumbnail(
        &self,
        id: &VideoId,
        bytes: Bytes,
        media_type: &str,
    ) -> Result<Addition, ProviderError> {
        if let Some(declined) = parts::unfit_thumbnail(bytes.len(), media_type) {
            return Ok(declined);
        }
        let path = format!("/upload/youtube/v3/thumbnails/set?videoId={}&uploadType=media", id.as_str());
        let mut call = Call::post(path, Body::Bytes(bytes));
        call.headers = vec![("content-type", media_type.to_owned())];
        self.add(call).await
    }

    /// Adds captions, a file in SRT format. Those that are there already are not added again.
    pub async fn insert_caption(
        &self,
        id: &VideoId,
        language: &str,
        name: &str,
        srt: &[u8],
    ) -> Result<Addition, ProviderError> {
        let snippet = json!({"snippet": {"videoId": id.as_str(), "language": language, "name": name, "isDraft": false}});
        let (media_type, body) = parts::multipart(&snippet, srt);
        let mut call = Call::post(
            "/upload/youtube/v3/captions?uploadType=multipart&part=snippet",
            Body::Bytes(body.into()),
        );
        call.headers = vec![("content-type", media_type)];
        self.add(call).await
    }

    /// Puts the video into one of the channel's playlists, unless it is there.
    pub async fn add_to_playlist(&self, id: &VideoId, playlist: &str) -> Result<Addition, ProviderError> {
        let answer = self.authorised(Call::get(parts::in_playlist(playlist, id))).await?;
        match answer.status.as_u16() {
            404 => {
                return Ok(Addition::Declined(format!("there is no playlist {playlist:?} on the channel")));
            }
            _ if parts::has_items(&self.read(&answer)?) => return Ok(Addition::Added),
            _ => {}
        }
        let resource = json!({"kind": "youtube#video", "videoId": id.as_str()});
        let body = json!({"snippet": {"playlistId": playlist, "resourceId": resource}});
        self.add(Call::post("/youtube/v3/playlistItems?part=snippet", Body::Json(body))).await
    }

    async fn add(&self, call: Call) -> Result<Addition, ProviderError> {
        let answer = self.authorised(call).await?;
        if answer.is_success() || answer.status.as_u16() == 409 {
            return Ok(Addition::Added);
        }
        fault::declined(&answer).map_or_else(|| Err(self.fault(&answer)), |why| Ok(Addition::Declined(why)))
    }

    async fn get(&self, path: &str) -> Result<Value, ProviderError> {
        let answer = self.authorised(Call::get(path).within(CALL_TAKES, ANSWER_BYTES)).await?;
        self.read(&answer)
    }

    fn read(&self, answer: &Answer) -> Result<Value, ProviderError> {
        if answer.is_success() { answer.json(PROVIDER, false) } else { Err(self.fault(answer)) }
    }

    fn fault(&self, answer: &Answer) -> ProviderError {
        fault::read(answer, (self.clock)())
    }

    /// Calls with a token; if one that was kept is not taken, once more with a new one.
    async fn authorised(&self, call: Call) -> Result<Answer, ProviderError> {
        let token = self.token().await?;
        let answer = self.http.call(signed(call.clone(), &token)).await?;
        if answer.status.as_u16() != 401 {
            return Ok(answer);
        }
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.value == token) {
            *kept = None;
        }
        drop(kept);
        let token = self.token().await?;
        self.http.call(signed(call, &token)).await
    }
}

#[async_trait]
impl Health for YouTube {
    /// Signs in again, which costs no quota.
    async fn check(&self) -> Result<String, ProviderError> {
        *self.token.lock().await = None;
        self.token().await.map(|_| "the login is good".to_owned())
    }
}

fn signed(mut call: Call, token: &Secret) -> Call {
    call.secrets.push(("authorization", Secret::new(&format!("Bearer {}", token.reveal()))));
    call
}
