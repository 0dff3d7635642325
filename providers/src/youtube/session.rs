//! Upload sessions: what is sent to one, and what its answers mean.

use reqwest::Url;
use reqwest::header::{HeaderValue, RANGE};

use super::PROVIDER;
use super::upload::VideoId;
use crate::connection::Secret;
use crate::error::ProviderError;
use crate::http::Answer;

/// All chunks of an upload but the last are multiples of so many bytes.
pub const CHUNK_BYTES: u64 = 262_144;

/// What the service has of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// So many bytes from the beginning.
    Bytes(u64),
    /// All of it: the video is there.
    Done(VideoId),
    /// Nothing: the session is over, and was not finished as far as the service knows.
    Gone,
}

/// The session's address in the `Location` of the answer.
pub(super) fn address(location: Option<&HeaderValue>) -> Result<Secret, ProviderError> {
    let text = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session = Secret::new(text);
    checked(&session)?;
    Ok(session)
}

/// The session's address, if it is one.
pub(super) fn checked(session: &Secret) -> Result<&str, ProviderError> {
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    match Url::parse(session.reveal()).ok().filter(is_web) {
        Some(_) => Ok(session.reveal()),
        None => Err(unexpected("the upload session has no address".to_owned())),
    }
}

/// The parts of a session's address that nobody may see.
pub(super) fn secrets(session: &Secret) -> Vec<Secret> {
    let url = Url::parse(session.reveal()).ok();
    let pairs = url.iter().flat_map(Url::query_pairs);
    let ids = pairs.filter(|(name, _)| name.contains("id")).map(|(_, value)| Secret::new(&value));
    std::iter::once(session.clone()).chain(ids).collect()
}

/// The `Content-Range` of a chunk.
pub(super) fn range(size: u64, from: u64, length: usize) -> Result<String, ProviderError> {
    let length = length as u64;
    let end = from.checked_add(length).filter(|end| length > 0 && *end <= size);
    match end {
        Some(end) if end == size || length.is_multiple_of(CHUNK_BYTES) => {
            Ok(format!("bytes {from}-{}/{size}", end - 1))
        }
        _ => Err(unexpected(format!(
            "a chunk of {length} bytes at {from} of {size} cannot be sent: all but the last are multiples of {CHUNK_BYTES}"
        ))),
    }
}

/// What the answer of a session means; `None` if it is an error like any other.
pub(super) fn read(answer: &Answer, size: u64) -> Option<Result<Stored, ProviderError>> {
    match answer.status.as_u16() {
        200 | 201 => Some(done(&answer.body)),
        308 => Some(stored(answer.headers.get(RANGE), size).map(Stored::Bytes)),
        404 | 410 => Some(Ok(Stored::Gone)),
        _ => None,
    }
}

fn done(body: &[u8]) -> Result<Stored, ProviderError> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let id = body["id"].as_str().and_then(VideoId::new);
    id.map(Stored::Done).ok_or_else(|| ProviderError::OutcomeUnknown {
        provider: PROVIDER,
        message: "all of the video was sent, but the answer does not say its id; look for its marker"
            .to_owned(),
    })
}

/// `bytes=0-524287`; without it, nothing is stored.
fn stored(range: Option<&HeaderValue>, size: u64) -> Result<u64, ProviderError> {
    let Some(range) = range else { return Ok(0) };
    let text = range.to_str().unwrap_or_default().trim();
    let ends = text.strip_prefix("bytes=").unwrap_or(text).split_once('-');
    let end =
        ends.filter(|(start, _)| start.trim() == "0").and_then(|(_, end)| end.trim().parse::<u64>().ok());
    end.and_then(|end| end.checked_add(1))
        .filter(|stored| *stored <= size)
        .ok_or_else(|| unexpected(format!("the upload session says that it has {text:?} of {size} bytes")))
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}
