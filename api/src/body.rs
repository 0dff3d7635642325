//! Bodies of requests.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use serde_json::{Map, Value};
use tokio::time::timeout;
use videofactory_client::json::{MAX_VALUES, values};

use crate::problem::Problem;

/// Most bytes of a body, but for backups: a storyboard of 200 scenes is smaller.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Longest time in which a body must have come: who is slow must not keep others out.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What is said to somebody whose body has not come in this time.
#[must_use]
pub fn too_slow(within: Duration) -> Problem {
    let detail = format!("the body was not complete within {} s", within.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

/// A JSON body; an empty one is the default. What cannot be read is refused with a sentence.
pub struct Body<T>(pub T);

/// Whether a body is said to be JSON. A web page can send a form or plain text to another site without asking it; JSON it
/// cannot.
pub fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"))
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let reading = timeout(TIMEOUT, Bytes::from_request(request, state));
        let bytes = reading.await.map_err(|_| too_slow(TIMEOUT))?.map_err(|error| {
            Problem::new(error.status(), "the body is too large, or ended before it was complete")
        })?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be JSON")
                .hint("send the header Content-Type: application/json"));
        }
        let unreadable = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            // What serde derives takes an array of the fields' values for an object.
            return Err(unreadable("the body must be a JSON object".to_owned()));
        }
        if values(&bytes) > MAX_VALUES {
            return Err(unreadable(format!("the body has more than {MAX_VALUES} values")));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| unreadable(error.to_string()))
    }
}

/// Reads an object within a body, for `deserialize_with`. What serde derives takes an array of the fields' values as well.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<T, D::Error> {
    let fields = Map::<String, Value>::deserialize(from)?;
    serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)
}

/// The same of an object that may be left out; one that is there is an object.
pub fn some_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    object(from).map(Some)
}
