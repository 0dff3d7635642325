//! A request as it goes to the server behind.

use axum::body::Body;
use hyper::header::{CONNECTION, EXPECT, HeaderName, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};

pub(crate) fn outgoing(upstream: &Uri, mut parts: Parts, body: Body) -> anyhow::Result<Request<Body>> {
    let target = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let mut uri = upstream.clone().into_parts();
    uri.path_and_query = Some(target);
    parts.uri = Uri::from_parts(uri)?;
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")] {
        parts.headers.remove(name);
    }
    Ok(Request::from_parts(parts, body))
}
