//! What is asked of the operator, streamed both ways.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};

use crate::operator::Upstream;

/// Headers that speak of one connection, and not of what goes over it.
const OF_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Passes a request on, and its answer back.
pub async fn forward<U: Upstream>(upstream: &U, mut request: Request) -> Response {
    strip(request.headers_mut());
    request.headers_mut().remove(HOST);
    match upstream.send(request).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            response
        }
        Err(problem) => problem.into_response(),
    }
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .filter_map(|names| names.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}
