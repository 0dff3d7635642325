//! Answers that carry a tag of what they say, so that who has it already is told just that.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use serde::Serialize;
use videofactory_pipeline::Digest;

use crate::problem::Problem;

/// Kept by the caller alone, and asked about before each use.
pub const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The JSON of this, or 304 where the caller has it. `request`: the headers of the request.
pub fn json<T: Serialize>(request: &HeaderMap, answer: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer)
        .map_err(|error| Problem::internal("the answer cannot be written as JSON", &error))?;
    let tag = weak(&body)?;
    let is_known = is_known(request, &tag);
    let mut response = Response::new(if is_known { Body::empty() } else { body.into() });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response.headers_mut().insert(CACHE_CONTROL, REVALIDATED);
    response.headers_mut().typed_insert(tag);
    Ok(response)
}

/// A tag of these bytes. Weak: a proxy on the way may compress them.
fn weak(bytes: &[u8]) -> Result<ETag, Problem> {
    let tag = format!("W/\"{}\"", Digest::of_bytes(bytes));
    tag.parse().map_err(|_| Problem::internal("the answer cannot be tagged", &tag))
}

/// Whether the caller says that what has this tag is there already.
pub fn is_known(request: &HeaderMap, tag: &ETag) -> bool {
    request.typed_get::<IfNoneMatch>().is_some_and(|asked| !asked.precondition_passes(tag))
}

#[cfg(test)]
mod tests {
    use axum::http::header::{ETAG, IF_NONE_MATCH};
    use serde_json::json;

    use super::*;

    #[test]
    fn who_has_the_answer_is_told_so_without_it() {
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
}
