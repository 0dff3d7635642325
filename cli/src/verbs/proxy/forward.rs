//! What is asked of the operator, streamed both ways.

use std::future::Future;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, StatusCode};
use videofactory_api::problem::Problem;

use crate::operator::Operator;

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

/// Whom requests go to.
pub trait Upstream: Send + Sync + 'static {
    /// Sends a request with a token of its own, and gives the answer as it comes.
    fn send(&self, request: http::Request<Body>) -> impl Future<Output = Result<Response, Problem>> + Send;
}

impl Upstream for Operator {
    async fn send(&self, request: http::Request<Body>) -> Result<Response, Problem> {
        match Self::send(self, request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(error) => {
                let problem = Problem::new(StatusCode::BAD_GATEWAY, error.message);
                Err(match error.hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                })
            }
        }
    }
}

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
