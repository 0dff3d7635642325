//! A URL of the user's own that is called for each finished film. The call is signed, so that the receiver
//! knows that it is ours, and carries an idempotency key, so that it may be repeated after a lost answer.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;
use sha2::Sha256;

use crate::capability::Health;
use crate::connection::{Connection, Secret};
use crate::error::{ProviderError, Resume};
use crate::http::{Answer, Body, Call, Http};

/// How this provider is called in messages.
const PROVIDER: &str = "The webhook";
/// The event's name in the call's body.
const EVENT: &str = "video.published";
/// How long the receiver may take.
const CALL_TAKES: Duration = Duration::from_secs(30);
/// Most bytes of its answer, which is read for errors only.
const ANSWER_BYTES: usize = 64 * 1024;

/// The key by which repeated calls are known as one.
pub const KEY_HEADER: &str = "idempotency-key";
/// When the call was made, in seconds since 1970; a receiver should refuse what is old.
pub const TIMESTAMP_HEADER: &str = "x-videofactory-timestamp";
/// `v1=` and the hex HMAC-SHA256 of timestamp, dot and body by the account's `signingKey`.
pub const SIGNATURE_HEADER: &str = "x-videofactory-signature";

/// A finished film, as it is announced.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The `VideoJob`'s namespace.
    pub namespace: String,
    /// The `VideoJob`'s name.
    pub name: String,
    pub run: u32,
    /// The target's name.
    pub target: String,
    pub title: String,
    pub description: String,
    /// Search words.
    pub tags: Vec<String>,
    pub film: FilmFile,
    /// A link to the thumbnail, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
}

/// Where a film is to be had, and what it must be.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilmFile {
    /// A link, good for some time.
    pub url: String,
    /// The file's SHA-256, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// How long it plays.
    pub seconds: f64,
}

#[derive(Serialize)]
struct Message<'a> {
    event: &'static str,
    #[serde(flatten)]
    announcement: &'a Announcement,
}

/// A receiver of announcements.
#[derive(Debug, Clone)]
pub struct Webhook {
    http: Http,
    /// A secret itself: whoever knows it can call.
    url: Secret,
    key: Secret,
    clock: fn() -> Timestamp,
}

impl Webhook {
    /// The receiver at the Secret's `url`; its `signingKey` signs. `clock` says the time, which is signed too.
    pub fn new(connection: &Connection, clock: fn() -> Timestamp) -> Result<Self, ProviderError> {
        let url = connection.secret(PROVIDER, "url")?.clone();
        let key = connection.secret(PROVIDER, "signingKey")?.clone();
        Ok(Self { http: Http::of_secret(PROVIDER, connection, &url)?, url, key, clock })
    }

    /// Announces the film. May be repeated with the same `idempotency_key` until it succeeds.
    pub async fn publish(
        &self,
        announcement: &Announcement,
        idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        let answer = self.http.call(self.request(announcement, idempotency_key)?).await?;
        if answer.is_success() { Ok(()) } else { Err(fault(&answer)) }
    }

    fn request(&self, announcement: &Announcement, idempotency_key: &str) -> Result<Call, ProviderError> {
        let body = serde_json::to_vec(&Message { event: EVENT, announcement })
            .map_err(|error| unexpected(format!("failed to write the announcement: {error}")))?;
        let timestamp = (self.clock)().as_second();
        let mut call = Call::post(self.url.reveal(), Body::Empty).within(CALL_TAKES, ANSWER_BYTES);
        call.follow = false;
        call.headers = vec![
            ("content-type", "application/json".to_owned()),
            (KEY_HEADER, idempotency_key.to_owned()),
            (TIMESTAMP_HEADER, timestamp.to_string()),
            (SIGNATURE_HEADER, format!("v1={}", signature(&self.key, timestamp, &body)?)),
        ];
        call.body = Body::Bytes(Bytes::from(body));
        Ok(call)
    }
}

#[async_trait]
impl Health for Webhook {
    /// Whether there is somebody: what it answers to a call without a message says nothing.
    async fn check(&self) -> Result<String, ProviderError> {
        let mut call = Call::get(self.url.reveal()).within(CALL_TAKES, ANSWER_BYTES);
        call.method = Method::HEAD;
        call.follow = false;
        let answer = self.http.call(call).await?;
        Ok(format!("there is an answer ({})", answer.status))
    }
}

/// The hex HMAC-SHA256 of timestamp, dot and body.
fn signature(key: &Secret, timestamp: i64, body: &[u8]) -> Result<String, ProviderError> {
    let mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes());
    let mut mac = mac.map_err(|_| unexpected("the signing key cannot be used".to_owned()))?;
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    Ok(hex::encode(mac.finalize().into_bytes()))
}

/// What an answer that is no success means.
fn fault(answer: &Answer) -> ProviderError {
    let reported = answer.reported();
    match answer.status.as_u16() {
        300..=399 => configuration(format!(
            "it redirects ({reported}), and a signed call follows no redirect; set url in the account's Secret to where it leads"
        )),
        408 | 425 | 429 => answer.error(PROVIDER, false),
        410 => configuration(format!(
            "it is gone ({reported}); put another url into the account's Secret, or take the target out"
        )),
        400..=499 => {
            configuration(format!("it answered {reported}; check url and signingKey in the account's Secret"))
        }
        500..=599 => match answer.resume() {
            Resume::Unknown => answer.error(PROVIDER, false),
            resume => ProviderError::RateLimited { provider: PROVIDER, message: reported, resume },
        },
        _ => unexpected(format!("it answered {reported}")),
    }
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}

fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;
    use crate::http::any_body;

    fn error(status: u16, retry_after: Option<&'static str>, body: &[u8]) -> ProviderError {
        let mut headers = HeaderMap::new();
        headers.extend(retry_after.map(|text| (RETRY_AFTER, HeaderValue::from_static(text))));
        fault(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_vec(),
            is_foreign: false,
        })
    }

    #[test]
    fn a_signature_is_the_known_one() {
        // printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'key'
        let found = signature(&Secret::from("key"), 1_700_000_000, br#"{"a":1}"#).unwrap();
        assert_eq!(found, "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03");
    }

    #[test]
    fn what_a_person_must_fix_is_not_repeated() {
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413] {
            assert!(matches!(error(status, None, b""), ProviderError::Configuration { .. }), "{status}");
        }
    }

    #[test]
    fn what_passes_is_repeated_when_the_receiver_says() {
        let wait = Resume::After(Duration::from_secs(7));
        for status in [429, 503] {
            let error = error(status, Some("7"), b"");
            assert!(matches!(error, ProviderError::RateLimited { resume, .. } if resume == wait), "{status}");
        }
        for status in [408, 500, 502, 503] {
            assert!(matches!(error(status, None, b"<html>"), ProviderError::Unavailable { .. }), "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_an_error_and_no_panic(status in 100u16..1000, body in any_body()) {
            let _ = error(status, None, &body);
        }
    }
}
