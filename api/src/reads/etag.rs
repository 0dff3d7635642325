//! Answers that carry a tag of what they say, so that who has it already gets no more than that.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// Kept by the caller alone, and asked about before each use.
pub const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What distinguishes one content from another, as the header ETag has it: `"<text>"`, or `W/"<text>"` where a proxy on the
/// way may change the bytes, but not what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    text: String,
    weak: bool,
}

impl Tag {
    /// The tag of a JSON text.
    pub fn weak(bytes: &[u8]) -> Self {
        Self { text: format!("\"{}\"", Digest::of_bytes(bytes)), weak: true }
    }

    /// The tag that a bucket gives to a file; none if it gives none, or one that no header can hold.
    pub fn strong(text: &str) -> Option<Self> {
        let is_fit = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b','));
        (is_fit && !text.is_empty()).then(|| Self { text: format!("\"{text}\""), weak: false })
    }

    /// Writes it into the headers of an answer.
    pub fn write(&self, answer: &mut HeaderMap) -> Result<(), Problem> {
        let value = if self.weak { format!("W/{}", self.text) } else { self.text.clone() };
        let value = HeaderValue::try_from(value)
            .map_err(|error| Problem::internal("the answer cannot be tagged", &error))?;
        answer.insert(ETAG, value);
        Ok(())
    }

    /// Whether the caller says by If-None-Match that they have it.
    pub fn is_known(&self, request: &HeaderMap) -> bool {
        let all = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut named = all.flat_map(|value| value.split(',')).map(str::trim);
        named.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.text)
    }

    /// Whether a part of the content may be given: unless If-Range speaks of another one.
    pub fn allows_part(&self, request: &HeaderMap) -> bool {
        request.get(IF_RANGE).is_none_or(|named| !self.weak && named == self.text.as_str())
    }
}

/// The JSON of this, or 304 where the caller has it. `request`: the headers of the request.
pub fn json<T: Serialize>(request: &HeaderMap, answer: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer)
        .map_err(|error| Problem::internal("the answer cannot be written as JSON", &error))?;
    let tag = Tag::weak(&body);
    let is_known = tag.is_known(request);
    let mut response = Response::new(if is_known { Body::empty() } else { body.into() });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response.headers_mut().insert(CACHE_CONTROL, REVALIDATED);
    tag.write(response.headers_mut())?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_has_the_answer_gets_not_modified_without_it() {
        let first = super::json(&HeaderMap::new(), &json!({"a": 1})).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].clone();
        assert!(tag.to_str().unwrap().starts_with("W/\""));
        let mut request = HeaderMap::new();
        request.insert(IF_NONE_MATCH, tag.clone());
        let again = super::json(&request, &json!({"a": 1})).unwrap();
        assert_eq!((again.status(), &again.headers()[ETAG]), (StatusCode::NOT_MODIFIED, &tag));
        assert!(again.headers().get(CONTENT_TYPE).is_none());
        let changed = super::json(&request, &json!({"a": 2})).unwrap();
        assert_eq!(changed.status(), StatusCode::OK);
        assert_ne!(changed.headers()[ETAG], tag);
    }

    #[test]
    fn a_tag_is_known_by_its_text_in_any_list() {
        let tag = Tag::strong("abc").unwrap();
        let named = |value: &'static str| {
            let request = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))]);
            tag.is_known(&request)
        };
        for value in ["*", "\"abc\"", "W/\"abc\"", "\"x\", W/\"y\" , \"abc\""] {
            assert!(named(value), "{value}");
        }
        for value in ["", "abc", "\"x\"", "\"a b\"", "w/\"abc\"", "\"abc"] {
            assert!(!named(value), "{value}");
        }
        assert_eq!((Tag::strong(""), Tag::strong("a\"b"), Tag::strong("a,b")), (None, None, None));
    }
}
