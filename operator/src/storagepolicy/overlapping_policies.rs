//! Policies whose locations in a bucket are the same or overlap. Of these the oldest prunes.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;
use videofactory_crds::StoragePolicy;

use super::location::{BucketLocation, arrived, location};
use super::plan::{ReadRulesError, Rules};
use crate::caches::Guarded;

/// Whether two policies have their files in the same place: by its name, or by the mark that both have found there.
fn same_location(one: &StoragePolicy, other: &StoragePolicy) -> bool {
    let mark = |policy| arrived(policy).and_then(|there| there.mark.as_deref());
    location(one) == location(other) || mark(one).is_some_and(|own| mark(other) == Some(own))
}

/// Namespace and name of the oldest policy that is older than this one and has a part of its place.
#[must_use]
pub fn older(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Option<String> {
    let age = |policy: &StoragePolicy| (policy.creation_timestamp(), policy.uid());
    touching(all, policy)
        .filter(|other| other.metadata.deletion_timestamp.is_none() && arrived(other).is_some())
        .filter(|other| age(other) < age(policy))
        .min_by_key(|other| age(other))
        .map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

/// The policies with the same place, this one among them.
#[must_use]
pub fn sharing(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Vec<StoragePolicy> {
    let others = readable(all).filter(|other| other.uid() != policy.uid() && same_location(other, policy));
    others.cloned().chain([policy.clone()]).collect()
}

/// The other policies with the same place whose word counts in a run of this one: those that have come there, and those
/// of its own namespace. Whoever only names the bucket, without a key to it, stops nobody.
#[must_use]
pub fn respected_peers(all: &[Arc<Guarded<StoragePolicy>>], policy: &StoragePolicy) -> Vec<StoragePolicy> {
    let mut others = sharing(all, policy);
    others.retain(|other| {
        let counts = arrived(other).is_some() || other.namespace() == policy.namespace();
        counts && other.uid() != policy.uid()
    });
    others
}

/// The other policies whose place has a part in common with this one's.
pub fn touching<'a>(
    all: &'a [Arc<Guarded<StoragePolicy>>],
    policy: &StoragePolicy,
) -> impl Iterator<Item = &'a StoragePolicy> {
    let (own, uid) = (location(policy), policy.uid());
    readable(all).filter(move |other| {
        other.uid() != uid && (overlap(&location(other), &own) || same_location(other, policy))
    })
}

/// The namespaces whose jobs may have files in the policy's bucket, under its prefix, and which lose what its rules say:
/// its own, and those of all others that are [`respected_peers`], unless one of them is suspended.
#[must_use]
pub fn covered_namespaces<'a>(
    policy: &'a StoragePolicy,
    respected_peers: impl IntoIterator<Item = &'a StoragePolicy>,
) -> BTreeSet<String> {
    let all: Vec<_> = respected_peers.into_iter().chain([policy]).collect();
    let suspended = all.iter().filter(|policy| policy.spec.suspend);
    let suspended: BTreeSet<String> = suspended.filter_map(|policy| policy.namespace()).collect();
    let namespaces = all.iter().filter_map(|policy| policy.namespace());
    namespaces.filter(|namespace| !suspended.contains(namespace)).collect()
}

/// What the policies for one place protect together.
pub fn protection(
    all: &[Arc<Guarded<StoragePolicy>>],
    policy: &StoragePolicy,
) -> Result<Rules, ReadRulesError> {
    Rules::of(policy, &respected_peers(all, policy))
}

fn readable(all: &[Arc<Guarded<StoragePolicy>>]) -> impl Iterator<Item = &StoragePolicy> {
    all.iter().filter_map(|guarded| guarded.0.as_ref().ok())
}

fn overlap(one: &BucketLocation, other: &BucketLocation) -> bool {
    let holds = |outer: &str, inner: &str| {
        outer.is_empty()
            || inner == outer
            || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    let same_bucket = one.endpoint == other.endpoint && one.bucket == other.bucket;
    same_bucket && (holds(&one.prefix, &other.prefix) || holds(&other.prefix, &one.prefix))
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;

    fn policy(name: &str, created: &str, endpoint: &str, prefix: &str) -> StoragePolicy {
        let policy = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": name, "namespace": "films", "uid": name, "creationTimestamp": created},
            "spec": {
                "bucket": {"endpoint": endpoint, "name": "videos", "prefix": prefix, "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        }));
        come(policy.unwrap(), None)
    }

    /// The policy once it has found its place fit, with this mark.
    fn come(mut policy: StoragePolicy, mark: Option<&str>) -> StoragePolicy {
        let BucketLocation { endpoint, bucket, prefix } = location(&policy);
        let there = json!({"place": {
            "endpoint": endpoint, "bucket": bucket, "prefix": prefix, "cluster": "c", "mark": mark, "since": FIRST,
        }});
        policy.status = Some(serde_json::from_value(there).unwrap());
        policy
    }

    fn guarded(all: &[StoragePolicy]) -> Vec<Arc<Guarded<StoragePolicy>>> {
        all.iter().map(|policy| Arc::new(DeserializeGuard(Ok(policy.clone())))).collect()
    }

    fn names(all: &[StoragePolicy]) -> Vec<String> {
        all.iter().map(ResourceExt::name_any).collect()
    }

    const FIRST: &str = "2026-01-01T00:00:00Z";
    const SECOND: &str = "2026-01-02T00:00:00Z";
    const S3: &str = "http://s3:9000";

    fn older_of(policies: &[StoragePolicy], which: usize) -> Option<String> {
        older(&guarded(policies), &policies[which])
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
        let guarded = guarded(&all);
        assert_eq!(names(&sharing(&guarded, &all[0])), ["b", "a"]);
        let names: Vec<String> = touching(&guarded, &all[0]).map(ResourceExt::name_any).collect();
        assert_eq!(names, ["b", "c"], "room is made for all that have a part of it");
    }

    fn of_namespace(namespace: &str, endpoint: &str, prefix: &str) -> StoragePolicy {
        let mut policy = policy("default", FIRST, endpoint, prefix);
        policy.metadata.namespace = Some(namespace.to_owned());
        policy.metadata.uid = Some(format!("{namespace}-{endpoint}"));
        policy
    }

    #[test]
    fn policies_of_one_bucket_cover_each_others_namespaces() {
        let own = of_namespace("films", "http://s3:9000", "studio/");
        let others = [
            of_namespace("shows", "http://s3:9000/", "studio/"),
            of_namespace("news", "http://s3:9000", "other/"),
            of_namespace("sports", "http://s4:9000", "studio/"),
        ];
        let respected_peers = respected_peers(&guarded(&others), &own);
        assert_eq!(
            covered_namespaces(&own, &respected_peers),
            ["films".to_owned(), "shows".to_owned()].into()
        );
        let [mut suspended, ..] = others;
        suspended.spec.suspend = true;
        let active = of_namespace("shows", "http://s3:9000", "studio/");
        assert_eq!(covered_namespaces(&own, [&active, &suspended]), ["films".to_owned()].into());
        let beside = StoragePolicy { metadata: own.metadata.clone(), ..suspended.clone() };
        assert_eq!(covered_namespaces(&own, [&beside]), BTreeSet::new(), "its own namespace is no exception");
    }

    #[test]
    fn a_place_is_known_under_another_endpoint_by_its_mark() {
        let first = come(of_namespace("films", "http://s3:9000", "studio/"), Some("m"));
        let mut second = come(of_namespace("shows", "http://s3.storage.svc:9000", "studio/"), Some("m"));
        second.metadata.creation_timestamp = serde_json::from_value(json!(SECOND)).unwrap();
        let both = [first.clone(), second.clone()];
        assert_eq!(older_of(&both, 1), Some("films/default".to_owned()));
        assert_eq!(older_of(&both, 0), None);
        assert_eq!(respected_peers(&guarded(&both), &first), [second.clone()]);
        assert_eq!(sharing(&guarded(&both), &second).len(), 2);
        // Another bucket there, and one of which no mark is known.
        let other = come(second.clone(), Some("n"));
        assert_eq!(older_of(&[first.clone(), other], 1), None);
        assert_eq!(older_of(&[come(first.clone(), None), come(second.clone(), None)], 1), None);
        // A mark that was found somewhere else says nothing of where the spec goes now.
        let mut moved = second;
        moved.spec.bucket.prefix = "elsewhere/".into();
        assert_eq!(older_of(&[first, moved], 1), None);
    }

    #[test]
    fn another_namespaces_policy_that_was_never_ready_there_stops_nobody() {
        let own = of_namespace("films", S3, "");
        let mut stranger = of_namespace("shows", S3, "");
        stranger.metadata.creation_timestamp = serde_json::from_value(json!("2025-01-01T00:00:00Z")).unwrap();
        stranger.spec.suspend = true;
        let there = respected_peers(&guarded(&[stranger.clone()]), &own);
        assert_eq!(there.len(), 1, "one that came there counts");
        assert!(older_of(&[stranger.clone(), own.clone()], 1).is_some());
        stranger.status = None;
        let all = guarded(&[stranger.clone(), own.clone()]);
        assert_eq!(respected_peers(&all, &own), []);
        assert_eq!(older(&all, &own), None);
        // Of the own namespace: whoever makes it may edit this one too.
        stranger.metadata.namespace.clone_from(&own.metadata.namespace);
        assert_eq!(respected_peers(&guarded(&[stranger]), &own).len(), 1);
    }
}
