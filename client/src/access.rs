//! What whoever a client is may do, asked of the API server.

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::call::{CallError, within};
use crate::right::Right;

/// Whether the client has this right.
pub async fn may(client: &Client, right: Right<'_>) -> Result<bool, CallError> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let (params, review) = (PostParams::default(), right.review());
    let answer = within("create a SelfSubjectAccessReview", api.create(&params, &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Why something is not done for a client.
#[derive(Debug, thiserror::Error)]
pub enum RequireError {
    /// It could not be asked.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// The client has not this right.
    #[error("{refusal}")]
    HoldRight {
        /// What it may not.
        refusal: String,
        /// What to ask for.
        hint: String,
    },
}

/// Fails with what to ask for, unless the client has this right.
pub async fn require(client: &Client, right: Right<'_>) -> Result<(), RequireError> {
    if may(client, right).await? {
        return Ok(());
    }
    Err(RequireError::HoldRight { refusal: right.refusal(), hint: right.hint() })
}
