//! A verb on a kind of object: how the API server is asked about it, and what is said to whoever does not have it.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};

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

impl<'a> Right<'a> {
    /// The right that the API server misses by these words: `… cannot patch resource "videojobs" in API group
    /// "videofactory.dev" in the namespace "films"`, or `at the cluster scope`.
    #[must_use]
    pub fn missed_in(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once(" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, place) = rest.split_once('"')?;
        let namespace = match place.strip_prefix(" in the namespace \"") {
            Some(rest) => Some(rest.split_once('"')?.0),
            None if place.starts_with(" at the cluster scope") => None,
            None => return None,
        };
        Some(Self { verb, group, resource, namespace })
    }

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

    /// What is said to somebody without it.
    #[must_use]
    pub fn refusal(&self) -> String {
        let Self { verb, resource, .. } = self;
        match self.namespace {
            Some(namespace) => format!("you may not {verb} {resource} in namespace {namespace}"),
            None => format!("you may not {verb} {resource} in all namespaces"),
        }
    }

    /// What they can do.
    #[must_use]
    pub fn hint(&self) -> String {
        let Self { verb, group, resource, namespace } = *self;
        let name = [resource, group].join(".");
        let name = name.trim_end_matches('.');
        let there = if namespace.is_some() { "in that namespace" } else { "in the whole cluster" };
        format!("ask for a role with the verb {verb} on {name} {there}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named_with_its_place() {
        let right =
            Right { verb: "approve", group: "films.dev", resource: "videojobs", namespace: Some("films") };
        assert_eq!(right.refusal(), "you may not approve videojobs in namespace films");
        assert_eq!(
            right.hint(),
            "ask for a role with the verb approve on videojobs.films.dev in that namespace"
        );
        let everywhere = Right { group: "", resource: "pods", namespace: None, ..right };
        assert_eq!(everywhere.refusal(), "you may not approve pods in all namespaces");
        assert!(everywhere.hint().ends_with("the verb approve on pods in the whole cluster"));
    }

    #[test]
    fn a_missing_right_is_read_from_the_api_servers_words() {
        let right =
            Right { verb: "patch", group: "films.dev", resource: "videojobs", namespace: Some("films") };
        let named = "videojobs.films.dev \"ocean\" is forbidden: User \"eve\" cannot patch resource \"videojobs\" in API \
                     group \"films.dev\" in the namespace \"films\"";
        assert_eq!(Right::missed_in(named), Some(right));
        let reasoned = format!("{named}: RBAC: role.rbac.authorization.k8s.io \"none\" not found");
        assert_eq!(Right::missed_in(&reasoned), Some(right));
        let everywhere = "pods is forbidden: User \"eve\" cannot get resource \"pods/log\" in API group \"\" at the cluster \
                          scope";
        let logs = Right { verb: "get", group: "", resource: "pods/log", namespace: None };
        assert_eq!(Right::missed_in(everywhere), Some(logs));
        for other in [
            "pods \"b\" is forbidden: exceeded quota: few",
            "forbidden: User \"eve\" cannot get path \"/metrics\"",
            "User \"eve\" cannot get resource \"pods\" in API group \"\" somewhere",
        ] {
            assert_eq!(Right::missed_in(other), None, "{other}");
        }
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
