//! The place of a job's files, asked live before anything is written or deleted there: the bucket of its policy, and
//! only if the place is this cluster's.

use kube::{Api, ResourceExt};
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::{StoragePolicy, VideoJob};
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, StorageError};

use crate::authority::ReadAuthorityError;
use crate::bucket::{self, OpenBucketError};
use crate::context::Context;
use crate::restoring::held;
use crate::storagepolicy::ownership::{Ownership, acquire};
use videofactory_client::call::{CallError, within};

/// A bucket, and the policy that names it.
pub struct Place {
    /// Open.
    pub bucket: Bucket,
    /// As the API server has it.
    pub policy: StoragePolicy,
}

/// Why there is no way to a job's files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Policy, Secret or bucket is gone, and waiting brings none back.
    #[error("{0}")]
    Gone(String),
    /// The place is another cluster's, or nobody knows whose.
    #[error("{0}")]
    Others(String),
    /// Another try may do.
    #[error("{1}")]
    Away(VideoJobReason, String),
}

impl NoPlace {
    /// The bucket cannot be opened.
    #[must_use]
    pub fn of_opening(error: &OpenBucketError) -> Self {
        match error {
            OpenBucketError::FindSecret { .. } | OpenBucketError::FindKey { .. } => {
                Self::Gone(error.to_string())
            }
            OpenBucketError::AllowHost { .. }
            | OpenBucketError::ReadAuthority(ReadAuthorityError::FindCertificates { .. }) => {
                Self::Away(VideoJobReason::ConfigurationInvalid, error.to_string())
            }
            OpenBucketError::CallApiServer(_)
            | OpenBucketError::ReadAuthority(ReadAuthorityError::CallApiServer(_)) => {
                Self::Away(VideoJobReason::StorageUnavailable, error.to_string())
            }
            OpenBucketError::UseSettings(error) => Self::of_bucket(error),
        }
    }

    /// The bucket does not do what it is asked.
    #[must_use]
    pub fn of_bucket(error: &StorageError) -> Self {
        match error {
            StorageError::NoSuchBucket { .. } => Self::Gone(error.to_string()),
            _ => Self::Away(bucket::job_reason(bucket::reason(error)), error.to_string()),
        }
    }

    fn of_call(error: &CallError) -> Self {
        Self::Away(VideoJobReason::StorageUnavailable, error.to_string())
    }
}

/// The place of the job's files, all of it as it is now.
pub async fn open(context: &Context, job: &VideoJob) -> Result<Place, NoPlace> {
    let (namespace, name) = (job.namespace().unwrap_or_default(), &job.spec.storage_ref.name);
    let api: Api<StoragePolicy> = Api::namespaced(context.client.clone(), &namespace);
    let read = within(format!("get StoragePolicy {namespace}/{name}"), api.get_opt(name)).await;
    let Some(policy) = read.map_err(|error| NoPlace::of_call(&error))? else {
        return Err(NoPlace::Gone(format!("StoragePolicy {name:?} does not exist")));
    };
    if let Some(held) = held(&policy, clock::now()) {
        let why = format!("StoragePolicy {name:?}: {}", held.why);
        return Err(NoPlace::Away(VideoJobReason::StorageUnavailable, why));
    }
    let opened = bucket::open(&context.client, &context.network, &policy).await;
    let bucket = opened.map_err(|error| NoPlace::of_opening(&error))?;
    let cluster = context.cluster.uid(&context.client).await.map_err(|error| NoPlace::of_call(&error))?;
    check(&bucket, cluster, &policy).await?;
    Ok(Place { bucket, policy })
}

/// Whether the place answers and is the cluster's of this UID. A server that is away says so soon: whoever waits for it
/// keeps others from theirs.
pub async fn check(bucket: &Bucket, cluster: &str, policy: &StoragePolicy) -> Result<(), NoPlace> {
    let taken = async {
        bucket.check().await?;
        acquire(&bucket.with_short_timeouts(), cluster, policy).await
    };
    match taken.await {
        Ok(Ownership::Ours(_)) => Ok(()),
        Ok(Ownership::Others(why)) => Err(NoPlace::Others(why)),
        Err(error) => Err(NoPlace::of_bucket(&error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    fn policy() -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": "films"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "films", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_gone_is_not_waited_for() {
        let tried = || "list work/".to_owned();
        let gone = |no_place| matches!(no_place, NoPlace::Gone(_));
        let name = || "s3".to_owned();
        assert!(gone(NoPlace::of_opening(&OpenBucketError::FindSecret { name: name() })));
        assert!(gone(NoPlace::of_opening(&OpenBucketError::FindKey { name: name(), key: "accessKeyId" })));
        assert!(gone(NoPlace::of_bucket(&StorageError::NoSuchBucket { tried: tried() })));
        let later = |error: StorageError| match NoPlace::of_bucket(&error) {
            NoPlace::Away(reason, _) => reason,
            other => panic!("not waited for: {other}"),
        };
        let (code, reason) = ("c".to_owned(), "r".to_owned());
        let unreachable = StorageError::Unreachable { tried: tried(), reason };
        assert_eq!(later(unreachable), VideoJobReason::StorageUnavailable);
        let refused = StorageError::Credentials { tried: tried(), code: code.clone() };
        assert_eq!(later(refused), VideoJobReason::CredentialsInvalid);
        assert_eq!(
            later(StorageError::Unavailable { tried: tried(), code }),
            VideoJobReason::StorageUnavailable
        );
        assert_eq!(
            later(StorageError::TooManyRequests { tried: tried() }),
            VideoJobReason::StorageUnavailable
        );
        let (code, message) = ("AuthorizationHeaderMalformed".to_owned(), "m".to_owned());
        let elsewhere = StorageError::Other { tried: tried(), code, message };
        assert_eq!(later(elsewhere), VideoJobReason::ConfigurationInvalid, "a wrong region");
    }

    #[tokio::test]
    async fn the_location_of_another_cluster_is_distinguished_from_ones_own_and_from_one_that_is_gone() {
        let server = S3Server::start().await.unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "studio/")).unwrap();
        assert!(matches!(check(&bucket, "a", &policy()).await, Err(NoPlace::Gone(_))));
        server.create_bucket("films").unwrap();
        assert_eq!(check(&bucket, "a", &policy()).await, Ok(()));
        let Err(NoPlace::Others(why)) = check(&bucket, "b", &policy()).await else {
            panic!("two clusters have one place")
        };
        assert!(why.contains("another cluster's"), "{why}");
        assert_eq!(check(&bucket, "a", &policy()).await, Ok(()));
    }
}
