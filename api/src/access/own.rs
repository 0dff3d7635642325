//! What whoever a client is may do: asked in their own name.

use axum::http::StatusCode;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use videofactory_client::within;

use crate::problem::Problem;

/// What is to be done something with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty: Kubernetes' own first one.
    pub group: &'static str,
    /// Plural, in lower case.
    pub resource: &'static str,
    /// A part of it with rules of its own; empty: none.
    pub subresource: &'static str,
}

/// Fails unless the client may do this with objects of a kind in this namespace.
pub async fn may(client: &Client, verb: &str, kind: Kind, namespace: &str) -> Result<(), Problem> {
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: filled(kind.group),
                verb: Some(verb.to_owned()),
                resource: filled(kind.resource),
                subresource: filled(kind.subresource),
                namespace: Some(namespace.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer =
        within("create a SelfSubjectAccessReview", api.create(&PostParams::default(), &review)).await?;
    if answer.status.is_some_and(|status| status.allowed) {
        return Ok(());
    }
    let what = [kind.resource, kind.subresource].join("/");
    let what = what.trim_end_matches('/');
    let detail = format!("you may not {verb} {what} in namespace {namespace}");
    let name = format!("{what}.{}", kind.group);
    let name = name.trim_end_matches('.');
    let hint = format!("ask for a role with the verb {verb} on {name} in that namespace");
    Err(Problem::new(StatusCode::FORBIDDEN, detail).hint(hint))
}
