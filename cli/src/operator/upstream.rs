//! Whom requests go to that only the operator can answer.

use std::future::Future;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use videofactory_api::problem::Problem;

use super::Operator;

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
