//! Batch deletes in which single keys fail: the proxy deletes the others one by one and answers for all.

use std::collections::BTreeMap;

use axum::body::Body;
use hyper::header::{AUTHORIZATION, HOST, HeaderName};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::State;
use super::faults::Effect;
use super::outgoing::outgoing;
use super::resign::{Keys, sign_again};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");
/// What a path keeps as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Deletes the keys of a batch but for those that are to fail.
pub(crate) async fn delete(
    state: &State,
    keys: &Keys,
    parts: &Parts,
    body: &str,
    failing: &BTreeMap<String, Effect>,
) -> anyhow::Result<Response<Body>> {
    let mut answer = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult>");
    for key in keys_in(body) {
        let code = match failing.get(&key) {
            None => {
                let status = state.client.request(single(state, keys, parts, &key)?).await?.status();
                anyhow::ensure!(status.is_success(), "the server would not delete {key}: {status}");
                continue;
            }
            Some(Effect::DenyKeys) => "AccessDenied",
            Some(_) => "InternalError",
        };
        answer.extend([
            "<Error><Key>",
            &key,
            "</Key><Code>",
            code,
            "</Code><Message>A fault was ordered</Message>",
        ]);
        answer.push_str("</Error>");
    }
    answer.push_str("</DeleteResult>");
    Ok(Response::new(Body::from(answer)))
}

/// The keys of a batch.
pub(crate) fn keys_in(body: &str) -> impl Iterator<Item = String> + '_ {
    body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
}

fn single(state: &State, keys: &Keys, parts: &Parts, key: &str) -> anyhow::Result<hyper::Request<Body>> {
    let bucket = parts.uri.path().trim_matches('/').split('/').next().unwrap_or_default().to_owned();
    let mut single = hyper::Request::new(()).into_parts().0;
    single.method = Method::DELETE;
    single.uri = format!("/{bucket}/{}", utf8_percent_encode(key, PATH)).parse()?;
    let mut headers = HeaderMap::new();
    for name in [HOST, DATE, AUTHORIZATION] {
        if let Some(value) = parts.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(DIGEST, "UNSIGNED-PAYLOAD".parse()?);
    single.headers = headers;
    sign_again(&mut single, keys)?;
    outgoing(&state.upstream, single, Body::empty())
}
