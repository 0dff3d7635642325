//! What whoever a client is may do: asked in their own name.

use axum::http::StatusCode;
use kube::Client;
use videofactory_client::Right;
use videofactory_client::access::{RequireError, require};

use crate::problem::Problem;

/// Fails with what to ask for, unless the client has this right.
pub async fn may(client: &Client, right: Right<'_>) -> Result<(), Problem> {
    require(client, right).await.map_err(|error| match error {
        RequireError::CallApiServer(error) => error.into(),
        RequireError::HoldRight { refusal, hint } => Problem::new(StatusCode::FORBIDDEN, refusal).hint(hint),
    })
}
