//! What whoever a client is may do, asked of the API server.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::call::{CallError, within};

/// A verb on a kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right<'a> {
    /// `get`, `list`, `approve`, …
    pub verb: &'a str,
    /// The API group; empty: the core.
    pub group: &'a str,
    /// Plural, in lower case; with a subresource, such as `pods/log`.
    pub resource: &'a str,
    /// `None`: in all of them.
    pub namespace: Option<&'a str>,
}

impl Right<'_> {
    /// The question for it.
    #[must_use]
    pub fn review(&self) -> SelfSubjectAccessReview {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, part)) => (resource, Some(part.to_owned())),
            None => (self.resource, None),
        };
        let attributes = ResourceAttributes {
            group: Some(self.group.to_owned()),
            verb: Some(self.verb.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            namespace: self.namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        }
    }
}

impl Right<'_> {
    fn refused(&self) -> RequireError {
        let Self { verb, group, resource, namespace } = *self;
        let (place, there) = match namespace {
            Some(namespace) => (format!("namespace {namespace}"), "in that namespace"),
            None => ("all namespaces".to_owned(), "in the whole cluster"),
        };
        let name = [resource, group].join(".");
        let name = name.trim_end_matches('.');
        RequireError::HoldRight {
            refusal: format!("you may not {verb} {resource} in {place}"),
            hint: format!("ask for a role with the verb {verb} on {name} {there}"),
        }
    }
}

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
    if may(client, right).await? { Ok(()) } else { Err(right.refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named_with_its_place() {
        let right =
            Right { verb: "approve", group: "films.dev", resource: "videojobs", namespace: Some("films") };
        let reported = |right: Right<'_>| match right.refused() {
            RequireError::HoldRight { refusal, hint } => format!("{refusal}: {hint}"),
            RequireError::CallApiServer(error) => panic!("{error}"),
        };
        assert_eq!(
            reported(right),
            "you may not approve videojobs in namespace films: ask for a role with the verb approve on \
             videojobs.films.dev in that namespace"
        );
        let everywhere = reported(Right { group: "", resource: "pods", namespace: None, ..right });
        assert!(everywhere.ends_with("the verb approve on pods in the whole cluster"), "{everywhere}");
    }

    #[test]
    fn a_subresource_is_asked_for_as_such() {
        let right = Right { verb: "get", group: "", resource: "pods/log", namespace: Some("films") };
        let asked = right.review().spec.resource_attributes.unwrap();
        assert_eq!(asked.resource.as_deref(), Some("pods"));
        assert_eq!(asked.subresource.as_deref(), Some("log"));
        assert_eq!(asked.namespace.as_deref(), Some("films"));
    }
}
