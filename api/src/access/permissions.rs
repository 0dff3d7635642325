//! What somebody may: asked of the API server by `SubjectAccessReview`, and remembered for a moment.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use videofactory_client::within;
use videofactory_crds::GROUP;

use crate::problem::Problem;

/// How long an answer is good for: so long a permission that was taken away still counts.
const TTL: Duration = Duration::from_secs(10);
/// Most answers that are remembered.
const MAX_REMEMBERED: usize = 8192;
/// Questions that the API server is asked at once.
const CONCURRENCY: usize = 32;

/// Something that a person may or may not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// A verb on a kind of ours.
    Resource {
        /// `get`, `list`, `approve`, …
        verb: &'static str,
        /// Plural, in lower case.
        resource: &'static str,
        /// Empty: in all of them.
        namespace: String,
    },
    /// To get what stands at this path and speaks of the whole installation.
    Path(&'static str),
}

impl Permission {
    /// A verb on a kind, in this namespace, or in all if it is none.
    #[must_use]
    pub fn to(verb: &'static str, resource: &'static str, namespace: Option<&str>) -> Self {
        Self::Resource { verb, resource, namespace: namespace.unwrap_or_default().to_owned() }
    }

    /// What is said to somebody without it. It reveals nothing of what there is.
    fn refusal(&self) -> Problem {
        let forbidden = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
        match self {
            Self::Resource { verb, resource, namespace } if namespace.is_empty() => {
                forbidden(format!("you may not {verb} {resource} in all namespaces"))
                    .hint("name a namespace of yours: ?namespace=<namespace>")
            }
            Self::Resource { verb, resource, namespace } => forbidden(format!(
                "you may not {verb} {resource} in namespace {namespace}"
            ))
            .hint(format!("ask for a role with the verb {verb} on {resource}.{GROUP} in that namespace")),
            Self::Path(path) => forbidden(format!("you may not get {path}"))
                .hint(format!("ask for a ClusterRole with the verb get on the nonResourceURL {path}")),
        }
    }

    fn review(&self, user: &UserInfo) -> SubjectAccessReview {
        let mut spec = SubjectAccessReviewSpec {
            user: user.username.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra: user.extra.clone(),
            ..SubjectAccessReviewSpec::default()
        };
        match self {
            Self::Resource { verb, resource, namespace } => {
                spec.resource_attributes = Some(ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    verb: Some((*verb).to_owned()),
                    resource: Some((*resource).to_owned()),
                    namespace: Some(namespace.clone()),
                    ..ResourceAttributes::default()
                });
            }
            Self::Path(path) => {
                spec.non_resource_attributes = Some(NonResourceAttributes {
                    path: Some((*path).to_owned()),
                    verb: Some("get".to_owned()),
                });
            }
        }
        SubjectAccessReview { spec, ..SubjectAccessReview::default() }
    }
}

/// Asks what somebody may.
pub struct Authorizer {
    client: Client,
    asking: Semaphore,
    known: Mutex<HashMap<(String, Permission), (bool, Instant)>>,
}

impl Authorizer {
    /// One that asks through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, asking: Semaphore::new(CONCURRENCY), known: Mutex::new(HashMap::new()) }
    }

    /// Fails with what to ask for, unless the user may.
    pub async fn check(&self, user: &UserInfo, permission: Permission) -> Result<(), Problem> {
        // Groups and extra belong to whom it is: a token of fewer rights must not gain by another of the same name.
        let who = serde_json::to_string(user).unwrap_or_default();
        let key = (who, permission);
        let allowed = match self.remembered(&key) {
            Some(allowed) => allowed,
            None => self.learn(user, key.clone()).await?,
        };
        if allowed { Ok(()) } else { Err(key.1.refusal()) }
    }

    fn remembered(&self, key: &(String, Permission)) -> Option<bool> {
        let known = self.known.lock();
        known.get(key).filter(|(_, at)| at.elapsed() < TTL).map(|(allowed, _)| *allowed)
    }

    async fn learn(&self, user: &UserInfo, key: (String, Permission)) -> Result<bool, Problem> {
        let _turn = self.asking.acquire().await.map_err(|error| Problem::internal("nobody asks", &error))?;
        // Somebody may have asked the same while this one waited.
        if let Some(allowed) = self.remembered(&key) {
            return Ok(allowed);
        }
        let allowed = self.ask(user, &key.1).await?;
        let mut known = self.known.lock();
        if known.len() >= MAX_REMEMBERED {
            known.retain(|_, (_, at)| at.elapsed() < TTL);
        }
        if known.len() < MAX_REMEMBERED {
            known.insert(key, (allowed, Instant::now()));
        }
        Ok(allowed)
    }

    /// The same, whatever is remembered: how long it takes reveals nothing.
    pub async fn check_uncached(&self, user: &UserInfo, permission: Permission) -> Result<(), Problem> {
        if self.ask(user, &permission).await? { Ok(()) } else { Err(permission.refusal()) }
    }

    async fn ask(&self, user: &UserInfo, permission: &Permission) -> Result<bool, Problem> {
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = permission.review(user);
        let answer =
            within("create a SubjectAccessReview", api.create(&PostParams::default(), &review)).await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "a permission cannot be checked");
            Problem::later("your permissions cannot be checked now; try again", 5)
        })?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_names_the_user_with_all_groups_and_what_is_asked() {
        let user = UserInfo {
            username: Some("system:serviceaccount:films:editor".to_owned()),
            groups: Some(vec!["system:authenticated".to_owned()]),
            ..UserInfo::default()
        };
        let spec = Permission::to("list", "videojobs", Some("films")).review(&user).spec;
        assert_eq!(spec.groups, user.groups);
        let asked = spec.resource_attributes.unwrap();
        assert_eq!(asked.group.as_deref(), Some("videofactory.dev"));
        assert_eq!(asked.namespace.as_deref(), Some("films"));
        let spec = Permission::Path("/metrics").review(&user).spec;
        assert_eq!(spec.non_resource_attributes.unwrap().path.as_deref(), Some("/metrics"));
    }

    #[test]
    fn a_refusal_says_what_to_ask_for() {
        let broad = Permission::to("list", "videojobs", None).refusal();
        assert!(broad.hint.unwrap().contains("?namespace="));
        let narrow = Permission::to("get", "videojobs", Some("films")).refusal();
        assert!(narrow.detail.contains("namespace films") && narrow.hint.unwrap().contains("videojobs"));
    }
}
