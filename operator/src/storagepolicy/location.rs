//! Where a policy's files are, as its spec names it and as it has found it.

use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::PolicyPlace;

/// Where a policy's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketLocation {
    /// Address of the server, in lower case and without a slash at its end.
    pub endpoint: String,
    pub bucket: String,
    /// Without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
}

/// Where a policy's files are, as its spec names it.
#[must_use]
pub fn location(policy: &StoragePolicy) -> BucketLocation {
    let bucket = &policy.spec.bucket;
    BucketLocation {
        endpoint: bucket.endpoint.trim_end_matches('/').to_ascii_lowercase(),
        bucket: bucket.name.clone(),
        prefix: bucket.prefix.trim_matches('/').to_owned(),
    }
}

/// The place that a policy has come to, if that is still the one that its spec names: it has found it fit for use, and
/// this cluster's. A policy that has never opened the bucket says nothing about what is in it.
#[must_use]
pub fn arrived(policy: &StoragePolicy) -> Option<&PolicyPlace> {
    let there = policy.status.as_ref()?.place.as_ref()?;
    let BucketLocation { endpoint, bucket, prefix } = location(policy);
    let same = there.endpoint == endpoint && there.bucket == bucket && there.prefix == prefix;
    Some(there).filter(|_| same)
}
