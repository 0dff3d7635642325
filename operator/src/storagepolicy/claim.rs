//! Whose a place is: one cluster's. An operator sees the jobs of its own cluster alone and takes the files of any other
//! for those of jobs that are gone, so that two clusters with one place would delete each other's films. The first
//! leaves its mark there, and all others keep off until a person says otherwise.

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_pipeline::clock;
use videofactory_pipeline::keys::{KINDS, KeyParts, folder};
use videofactory_storage::{Bucket, PutOptions, StorageError};

use crate::client::{CallError, within};

/// Key of the mark.
pub const MARK: &str = "videofactory-cluster.json";
/// What [`TAKE_OVER`] says of a place that has no mark.
const NOBODY: &str = "nobody";
/// How many files of a folder are looked at to find one of ours.
const LOOKED_AT: usize = 1_000;

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

/// Who has a place.
enum Holder {
    /// This cluster.
    Ours,
    /// Nobody, or a cluster whose place a person gives to this one.
    Free,
    /// Another cluster, or nobody knows who: what to do.
    Other(String),
}

/// What the cluster is known by: the UID of its namespace `kube-system`.
pub async fn cluster_uid(client: &Client) -> Result<String, CallError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let read = within("get Namespace kube-system".to_owned(), api.get("kube-system")).await?;
    Ok(read.uid().unwrap_or_default())
}

/// Takes the policy's place for this cluster if it may be taken. A place without a mark may, unless it holds files of
/// jobs and this policy has never measured it: then they may be those of another cluster whose mark was lost. Costs a
/// few class A operations where there is no mark, and one class B otherwise. Says why the place is not this cluster's,
/// and what to do; nothing if it is.
pub async fn take(
    bucket: &Bucket,
    cluster: &str,
    policy: &StoragePolicy,
) -> Result<Option<String>, StorageError> {
    let place = Place { bucket, cluster, policy };
    let found = read(bucket).await?;
    match place.holder(&found) {
        Holder::Ours => return Ok(None),
        Holder::Other(why) => return Ok(Some(why)),
        Holder::Free => {}
    }
    if matches!(found, Found::Mark(_)) {
        let ours = serde_json::to_vec(&place.mark()).unwrap_or_default();
        bucket.put(MARK, ours, &PutOptions::of_type("application/json")).await?;
    } else if !place.may_be_marked().await? {
        return Ok(Some(place.unmarked()));
    } else {
        match bucket.put_json_once(MARK, &place.mark()).await {
            // The mark would need the room that pruning makes.
            Err(error) if error.is_full() => return Ok(None),
            written => written?,
        };
    }
    // Somebody may have been faster, also where the server ignores preconditions.
    match place.holder(&read(bucket).await?) {
        Holder::Ours => Ok(None),
        Holder::Other(why) => Ok(Some(why)),
        Holder::Free => {
            let (tried, code) = (format!("get {MARK}"), "written and not there".to_owned());
            Err(StorageError::Unavailable { tried, code })
        }
    }
}

/// What was found under the mark's key.
enum Found {
    Nothing,
    Mark(Mark),
    /// Something that does not read as a mark.
    SomethingElse,
}

async fn read(bucket: &Bucket) -> Result<Found, StorageError> {
    match bucket.get_json(MARK).await {
        Ok(None) => Ok(Found::Nothing),
        Ok(Some(mark)) => Ok(Found::Mark(mark)),
        Err(StorageError::Corrupt { .. } | StorageError::TooLarge { .. }) => Ok(Found::SomethingElse),
        Err(error) => Err(error),
    }
}

/// A place as a cluster sees it.
struct Place<'a> {
    bucket: &'a Bucket,
    cluster: &'a str,
    policy: &'a StoragePolicy,
}

impl Place<'_> {
    fn holder(&self, found: &Found) -> Holder {
        match found {
            Found::Nothing => Holder::Free,
            Found::Mark(mark) if mark.cluster == self.cluster => Holder::Ours,
            Found::Mark(mark) if self.given() == Some(&mark.cluster) => Holder::Free,
            Found::Mark(mark) => Holder::Other(self.theirs(mark)),
            Found::SomethingElse => Holder::Other(format!(
                "{}: the file {MARK} does not read as a cluster's mark, perhaps because a newer operator wrote it: give \
                 this policy a bucket or prefix of its own; or, if no other cluster uses this one, delete that file",
                self.words()
            )),
        }
    }

    /// Whose place a person gives to this cluster.
    fn given(&self) -> Option<&str> {
        self.policy.annotations().get(TAKE_OVER).map(String::as_str)
    }

    fn mark(&self) -> Mark {
        let policy = format!("{}/{}", self.policy.namespace().unwrap_or_default(), self.policy.name_any());
        Mark { cluster: self.cluster.to_owned(), policy, since: clock::now() }
    }

    /// Whether nothing speaks against marking a place that has no mark.
    async fn may_be_marked(&self) -> Result<bool, StorageError> {
        let status = self.policy.status.as_ref();
        let measured = status.and_then(|status| status.usage.as_ref()?.measured_at.as_ref()).is_some();
        if measured || self.given() == Some(NOBODY) {
            return Ok(true);
        }
        for kind in KINDS {
            let mut files = self.bucket.list(&format!("{}/", folder(kind))).take(LOOKED_AT);
            while let Some(file) = files.next().await {
                if KeyParts::of(&file?.key).is_some() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn theirs(&self, mark: &Mark) -> String {
        format!(
            "{} is another cluster's since {:.0} (its StoragePolicy {}), which would take this one's files for those of \
             deleted jobs: give this policy a bucket or prefix of its own; or, if that cluster is gone for good or has \
             left this place: {}",
            self.words(),
            mark.since,
            mark.policy,
            self.command(&mark.cluster)
        )
    }

    fn unmarked(&self) -> String {
        format!(
            "{} holds files of VideoJobs, and nothing tells of which cluster: give this policy a bucket or prefix of its \
             own; or, if no other cluster uses this one: {}",
            self.words(),
            self.command(NOBODY)
        )
    }

    fn words(&self) -> String {
        format!("bucket {:?}, prefix {:?},", self.bucket.name(), self.bucket.prefix())
    }

    fn command(&self, from: &str) -> String {
        let (namespace, name) = (self.policy.namespace().unwrap_or_default(), self.policy.name_any());
        format!("kubectl -n {namespace} annotate storagepolicy {name} --overwrite {TAKE_OVER}={from}")
    }
}
