//! What whoever a client is may do: asked in their own name.

use axum::http::StatusCode;
use kube::Client;
use videofactory_client::Right;

use crate::problem::Problem;

/// Fails with what to ask for, unless the client has this right.
pub async fn may(client: &Client, right: Right<'_>) -> Result<(), Problem> {
    if videofactory_client::may(client, right).await? {
        return Ok(());
    }
    let Right { verb, group, resource, namespace } = right;
    let (place, there) = match namespace {
        Some(namespace) => (format!("namespace {namespace}"), "in that namespace"),
        None => ("all namespaces".to_owned(), "in the whole cluster"),
    };
    let name = [resource, group].join(".");
    let name = name.trim_end_matches('.');
    Err(Problem::new(StatusCode::FORBIDDEN, format!("you may not {verb} {resource} in {place}"))
        .hint(format!("ask for a role with the verb {verb} on {name} {there}")))
}
