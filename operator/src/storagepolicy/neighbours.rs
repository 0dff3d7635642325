//! Policies that share a bucket. Of those with one place, or with one inside the other, the oldest prunes.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;
use videofactory_crds::StoragePolicy;

use super::plan::{ReadRulesError, Rules};
use crate::caches::Guarded;

/// The place of a policy's files: endpoint, bucket and prefix.
pub type Place = (String, String, String);

/// Where a policy's files are. Two names of one server are two places: nothing tells that they are the same.
#[must_use]
pub fn place(policy: &StoragePolicy) -> Place {
    let bucket = &policy.spec.bucket;
    let endpoint = bucket.endpoint.trim_end_matches('/').to_ascii_lowercase();
    (endpoint, bucket.name.clone(), bucket.prefix.trim_matches('/').to_owned())
}

/// Namespace and name of the oldest policy that is older than this one and has a part of its place.
#[must_use]
pub fn older(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Option<String> {
    let age = |policy: &StoragePolicy| (policy.creation_timestamp(), policy.uid());
    let own = place(policy);
    readable(all)
        .filter(|other| other.uid() != policy.uid() && other.metadata.deletion_timestamp.is_none())
        .filter(|other| age(other) < age(policy) && overlap(&place(other), &own))
        .min_by_key(|other| age(other))
        .map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

/// The policies with the same place, this one among them.
#[must_use]
pub fn sharing(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Vec<StoragePolicy> {
    let own = place(policy);
    let others = readable(all).filter(|other| other.uid() != policy.uid() && place(other) == own);
    others.cloned().chain([policy.clone()]).collect()
}

/// The other policies whose place has a part in common with this one's.
pub fn touching<'a>(
    all: &'a [Arc<Guarded<StoragePolicy>>],
    policy: &StoragePolicy,
) -> impl Iterator<Item = &'a StoragePolicy> {
    let (own, uid) = (place(policy), policy.uid());
    readable(all).filter(move |other| other.uid() != uid && overlap(&place(other), &own))
}

/// The namespaces whose jobs may have files in the policy's bucket, under its prefix, and which lose what its rules say:
/// its own, and those of all other policies for the same place, unless one of them is suspended.
#[must_use]
pub fn covered_namespaces<'a>(
    policy: &StoragePolicy,
    others: impl IntoIterator<Item = &'a StoragePolicy>,
) -> BTreeSet<String> {
    let own = place(policy);
    let same: Vec<_> = others.into_iter().filter(|other| place(other) == own).collect();
    let suspended = same.iter().filter(|other| other.spec.suspend);
    let suspended: BTreeSet<String> = suspended.filter_map(|other| other.namespace()).collect();
    let namespaces = same.iter().filter_map(|other| other.namespace()).chain(policy.namespace());
    namespaces.filter(|namespace| !suspended.contains(namespace)).collect()
}

/// What the policies for one place protect together.
pub fn protection(
    all: &[Arc<Guarded<StoragePolicy>>],
    policy: &StoragePolicy,
) -> Result<Rules, ReadRulesError> {
    Rules::of(policy, &others(all, policy))
}

/// The other policies with the same place.
#[must_use]
pub fn others(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Vec<StoragePolicy> {
    let mut sharing = sharing(all, policy);
    sharing.retain(|other| other.uid() != policy.uid());
    sharing
}

fn readable(all: &[Arc<Guarded<StoragePolicy>>]) -> impl Iterator<Item = &StoragePolicy> {
    all.iter().filter_map(|guarded| guarded.0.as_ref().ok())
}

fn overlap(one: &Place, other: &Place) -> bool {
    let holds = |outer: &str, inner: &str| {
        outer.is_empty()
            || inner == outer
            || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    (&one.0, &one.1) == (&other.0, &other.1) && (holds(&one.2, &other.2) || holds(&other.2, &one.2))
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;

    fn policy(name: &str, created: &str, endpoint: &str, prefix: &str) -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": name, "namespace": "films", "uid": name, "creationTimestamp": created},
            "spec": {
                "bucket": {"endpoint": endpoint, "name": "videos", "prefix": prefix, "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        }))
        .unwrap()
    }

    const FIRST: &str = "2026-01-01T00:00:00Z";
    const SECOND: &str = "2026-01-02T00:00:00Z";
    const S3: &str = "http://s3:9000";

    fn older_of(policies: &[StoragePolicy], which: usize) -> Option<String> {
        let all: Vec<_> =
            policies.iter().map(|policy| Arc::new(DeserializeGuard(Ok(policy.clone())))).collect();
        older(&all, &policies[which])
    }

    #[test]
    fn of_two_with_one_place_the_oldest_prunes() {
        let both = [policy("b", FIRST, S3, ""), policy("a", SECOND, "http://S3:9000/", "")];
        assert_eq!(older_of(&both, 0), None);
        assert_eq!(older_of(&both, 1), Some("films/b".to_owned()));
        // Made in the same second: by UID.
        let both = [policy("b", FIRST, S3, ""), policy("a", FIRST, S3, "")];
        assert_eq!((older_of(&both, 0), older_of(&both, 1)), (Some("films/a".to_owned()), None));
    }

    #[test]
    fn a_prefix_inside_another_overlaps_and_one_beside_it_does_not() {
        for (one, other, overlaps) in [
            ("", "factory/", true),
            ("factory/", "factory/films/", true),
            ("factory/films/", "factory/", true),
            ("factory/", "factory-2/", false),
            ("a/", "b/", false),
        ] {
            let both = [policy("a", FIRST, S3, one), policy("b", SECOND, S3, other)];
            assert_eq!(older_of(&both, 1).is_some(), overlaps, "{one} {other}");
        }
    }

    #[test]
    fn one_that_is_going_or_has_another_bucket_does_not_count() {
        let mut going = policy("a", FIRST, S3, "");
        going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
        let other = policy("b", FIRST, "http://elsewhere:9000", "");
        let all = [going, other, policy("c", SECOND, S3, "")];
        assert_eq!(older_of(&all, 2), None);
    }

    #[test]
    fn what_jobs_write_counts_for_all_policies_of_the_place() {
        let all =
            [policy("a", FIRST, S3, "x/"), policy("b", SECOND, S3, "x/"), policy("c", SECOND, S3, "x/y/")];
        let guarded: Vec<_> =
            all.iter().map(|policy| Arc::new(DeserializeGuard(Ok(policy.clone())))).collect();
        let names: Vec<String> = sharing(&guarded, &all[0]).iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["b", "a"]);
        let names: Vec<String> = touching(&guarded, &all[0]).map(ResourceExt::name_any).collect();
        assert_eq!(names, ["b", "c"], "room is made for all that have a part of it");
    }

    #[test]
    fn policies_of_one_bucket_cover_each_others_namespaces() {
        let policy = |namespace: &str, endpoint: &str, prefix: &str| {
            let mut policy = policy("default", FIRST, endpoint, prefix);
            policy.metadata.namespace = Some(namespace.to_owned());
            policy
        };
        let own = policy("films", "http://s3:9000", "studio/");
        let others = [
            policy("shows", "http://s3:9000/", "studio/"),
            policy("news", "http://s3:9000", "other/"),
            policy("sports", "http://s4:9000", "studio/"),
        ];
        assert_eq!(covered_namespaces(&own, &others), ["films".to_owned(), "shows".to_owned()].into());
        let [mut suspended, ..] = others;
        suspended.spec.suspend = true;
        let active = policy("shows", "http://s3:9000", "studio/");
        assert_eq!(covered_namespaces(&own, [&active, &suspended]), ["films".to_owned()].into());
        let beside = StoragePolicy { metadata: own.metadata.clone(), ..suspended.clone() };
        assert_eq!(covered_namespaces(&own, [&beside]), BTreeSet::new(), "its own namespace is no exception");
    }
}
