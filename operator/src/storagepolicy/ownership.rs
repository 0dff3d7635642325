//! Which cluster owns a bucket's location. An operator sees the jobs of its own cluster alone and takes the files of
//! any other for those of jobs that are gone, so that two clusters with one place would delete each other's films. The
//! first leaves its mark there, and all others keep off until a person says otherwise.

mod judge;

use std::hash::{BuildHasher, RandomState};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, PutOptions, StorageError};

use super::location::{arrived, location};
use crate::files_of_jobs;
use judge::nobody;
pub use judge::{Claimant, FoundMarker, Judgement, OwnershipMarker, judge};
use videofactory_client::call::{CallError, within};

/// Key of the ownership marker.
pub const MARKER_KEY: &str = "videofactory-cluster.json";

/// Which cluster owns a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This cluster's.
    Ours(OwnedLocation),
    /// Another cluster's, or nobody knows whose: what to do.
    Others(String),
}

/// A location that this cluster owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedLocation {
    /// The cluster's UID.
    pub cluster: String,
    /// What distinguishes the place from every other one; none where there was no room for a mark.
    pub marker: Option<String>,
}

/// What the cluster is known by: the UID of this namespace.
pub async fn cluster_uid(client: &Client, namespace: &str) -> Result<String, CallError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let read = within(format!("get Namespace {namespace}"), api.get(namespace)).await?;
    Ok(read.uid().unwrap_or_default())
}

/// Takes the policy's place for this cluster if it may be taken. A place without a mark may, unless it holds files of
/// jobs and this policy has not come to it before: then they may be those of another cluster whose mark was lost. Costs
/// a few class A operations where there is no mark, and one class B otherwise.
pub async fn acquire(
    bucket: &Bucket,
    cluster: &str,
    policy: &StoragePolicy,
) -> Result<Ownership, StorageError> {
    let location = LocationView { bucket, cluster, policy, nobody: word_for_nobodys(policy) };
    let found = read(bucket).await?;
    match judge(&found, location.claimant()) {
        Judgement::TakeOver => {
            let ours = serde_json::to_vec(&location.marker()).unwrap_or_default();
            bucket.put(MARKER_KEY, ours, &PutOptions::of_type("application/json")).await?;
        }
        Judgement::MarkItIfEmpty if files_of_jobs::may_exist(bucket, "", |_| true).await? => {
            return Ok(Ownership::Others(location.unmarked()));
        }
        Judgement::MarkIt | Judgement::MarkItIfEmpty => {
            match bucket.put_json_once(MARKER_KEY, &location.marker()).await {
                // The mark would need the room that pruning makes.
                Err(error) if error.is_full() => return Ok(location.ours(None)),
                written => written?,
            };
        }
        Judgement::Ours | Judgement::Theirs(_) | Judgement::Unreadable => return location.settled(&found),
    }
    // Somebody may have been faster, also where the server ignores preconditions.
    location.settled(&read(bucket).await?)
}

/// What gives the policy's place away if it has no mark.
#[must_use]
pub fn word_for_nobodys(policy: &StoragePolicy) -> String {
    let handled = policy.status.as_ref().and_then(|status| status.handled.as_ref()?.take_over.as_deref());
    nobody(&location(policy), handled)
}

async fn read(bucket: &Bucket) -> Result<FoundMarker, StorageError> {
    match bucket.get_json(MARKER_KEY).await {
        Ok(None) => Ok(FoundMarker::Nothing),
        Ok(Some(marker)) => Ok(FoundMarker::Marker(marker)),
        Err(StorageError::Corrupt { .. } | StorageError::TooLarge { .. }) => Ok(FoundMarker::SomethingElse),
        Err(error) => Err(error),
    }
}

/// A location as a cluster sees it.
struct LocationView<'a> {
    bucket: &'a Bucket,
    cluster: &'a str,
    policy: &'a StoragePolicy,
    /// What a person says to give it away if it has no mark.
    nobody: String,
}

impl LocationView<'_> {
    fn claimant(&self) -> Claimant<'_> {
        let came_before = arrived(self.policy).is_some_and(|there| there.cluster == self.cluster);
        let given = self.policy.annotations().get(TAKE_OVER).map(String::as_str);
        Claimant { cluster: self.cluster, given, nobody: &self.nobody, came_before }
    }

    fn marker(&self) -> OwnershipMarker {
        let policy = format!("{}/{}", self.policy.namespace().unwrap_or_default(), self.policy.name_any());
        // Each hasher has keys of its own, by chance.
        let nonce = format!("{:016x}", RandomState::new().hash_one(clock::now()));
        OwnershipMarker { cluster: self.cluster.to_owned(), policy, since: clock::now(), nonce }
    }

    fn ours(&self, marker: Option<&OwnershipMarker>) -> Ownership {
        Ownership::Ours(OwnedLocation {
            cluster: self.cluster.to_owned(),
            marker: marker.map(OwnershipMarker::identity),
        })
    }

    /// Whose the place is by what is there now.
    fn settled(&self, found: &FoundMarker) -> Result<Ownership, StorageError> {
        match found {
            FoundMarker::Marker(marker) if marker.cluster == self.cluster => Ok(self.ours(Some(marker))),
            FoundMarker::Marker(marker) => Ok(Ownership::Others(self.theirs(marker))),
            FoundMarker::SomethingElse => Ok(Ownership::Others(format!(
                "{}: the file {MARKER_KEY} does not read as a cluster's mark, perhaps because a newer operator wrote it: give \
                 this policy a bucket or prefix of its own; or, if no other cluster uses this one, delete that file",
                self.words()
            ))),
            FoundMarker::Nothing => {
                let (tried, code) = (format!("get {MARKER_KEY}"), "written and not there".to_owned());
                Err(StorageError::Unavailable { tried, code })
            }
        }
    }

    fn theirs(&self, marker: &OwnershipMarker) -> String {
        format!(
            "{} is another cluster's since {:.0} (its StoragePolicy {}), which would take this one's files for those of \
             deleted jobs: give this policy a bucket or prefix of its own; or, if that cluster is gone for good or has \
             left this place: {}",
            self.words(),
            marker.since,
            marker.policy,
            self.command(&marker.identity())
        )
    }

    fn unmarked(&self) -> String {
        format!(
            "{} holds files that are, or may be, those of VideoJobs, and nothing says of which cluster: give this policy a bucket or prefix of its \
             own; or, if no other cluster uses this one: {}",
            self.words(),
            self.command(&self.nobody)
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
