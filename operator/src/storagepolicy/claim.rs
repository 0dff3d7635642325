//! Whose a place is: one cluster's. An operator sees the jobs of its own cluster alone and takes the files of any other
//! for those of jobs that are gone, so that two clusters with one place would delete each other's films. The first
//! leaves its mark there, and all others keep off.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use videofactory_crds::StoragePolicy;
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, StorageError};

use crate::client::{CallError, within};

/// Key of the mark.
pub const MARK: &str = "cluster.json";

/// What the mark says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// UID of the cluster's namespace `kube-system`, which lives as long as the cluster.
    cluster: String,
    /// Namespace and name of the policy that left it.
    policy: String,
    /// When.
    since: Timestamp,
}

/// What the cluster is known by: the UID of its namespace `kube-system`.
pub async fn cluster_uid(client: &Client) -> Result<String, CallError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let read = within("get Namespace kube-system".to_owned(), api.get("kube-system")).await?;
    Ok(read.uid().unwrap_or_default())
}

/// Claims the policy's place for this cluster; if another one has it, says so and what to do. One class B operation, and
/// a class A one the first time.
pub async fn claim(
    bucket: &Bucket,
    cluster: &str,
    policy: &StoragePolicy,
) -> Result<Option<String>, StorageError> {
    let mark = match bucket.get_json::<Mark>(MARK).await? {
        Some(mark) => mark,
        None => match leave_mark(bucket, cluster, policy).await {
            Ok(mark) => mark,
            // Nobody has said that it is theirs, and a full bucket must be pruned all the same.
            Err(error) if error.is_full() => return Ok(None),
            Err(error) => return Err(error),
        },
    };
    Ok((mark.cluster != cluster).then(|| theirs(bucket, &mark)))
}

/// The mark that is there in the end: ours, or that of one who was faster.
async fn leave_mark(bucket: &Bucket, cluster: &str, policy: &StoragePolicy) -> Result<Mark, StorageError> {
    let policy = format!("{}/{}", policy.namespace().unwrap_or_default(), policy.name_any());
    let ours = Mark { cluster: cluster.to_owned(), policy, since: clock::now() };
    bucket.put_json_once(MARK, &ours).await?;
    Ok(bucket.get_json(MARK).await?.unwrap_or(ours))
}

fn theirs(bucket: &Bucket, mark: &Mark) -> String {
    let place = format!("bucket {:?}, prefix {:?}", bucket.name(), bucket.prefix());
    format!(
        "{place}, is another cluster's since {:.0} (its StoragePolicy {}; UID of its namespace kube-system: {}), which \
         would take this one's files for those of deleted jobs: give this policy a bucket or prefix of its own; or, if \
         that cluster is gone for good or has left this place, delete the file {MARK} there, and this one takes over \
         within a minute",
        mark.since, mark.policy, mark.cluster
    )
}
