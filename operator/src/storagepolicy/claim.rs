//! Whose a place is: one cluster's. An operator sees the jobs of its own cluster alone and takes the files of any other
//! for those of jobs that are gone, so that two clusters with one place would delete each other's films. The first
//! leaves its mark there, and all others keep off until a person says otherwise.

mod judge;

use std::hash::{BuildHasher, RandomState};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::TAKE_OVER;
use videofactory_pipeline::clock;
use videofactory_pipeline::keys::{KINDS, KeyParts, folder};
use videofactory_storage::{Bucket, PutOptions, StorageError};

use super::place::{arrived, place};
use judge::nobody;
pub use judge::{Found, Judgement, Mark, Seeker, judge};
use videofactory_client::call::{CallError, within};

/// Key of the mark.
pub const MARK: &str = "videofactory-cluster.json";
/// How many files of a folder are looked at to find one of a job; where there are more, nobody can tell.
const LOOKED_AT: usize = 5_000;

/// Whose a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This cluster's.
    Ours(Claimed),
    /// Another cluster's, or nobody knows whose: what to do.
    Others(String),
}

/// A place that is this cluster's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The cluster's UID.
    pub cluster: String,
    /// What tells the place from every other one; none where there was no room for a mark.
    pub mark: Option<String>,
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
pub async fn take(bucket: &Bucket, cluster: &str, policy: &StoragePolicy) -> Result<Claim, StorageError> {
    let place = Place { bucket, cluster, policy, nobody: word_for_nobodys(policy) };
    let found = read(bucket).await?;
    match judge(&found, place.seeker()) {
        Judgement::TakeOver => {
            let ours = serde_json::to_vec(&place.mark()).unwrap_or_default();
            bucket.put(MARK, ours, &PutOptions::of_type("application/json")).await?;
        }
        Judgement::MarkItIfEmpty if place.may_hold_files_of_jobs().await? => {
            return Ok(Claim::Others(place.unmarked()));
        }
        Judgement::MarkIt | Judgement::MarkItIfEmpty => {
            match bucket.put_json_once(MARK, &place.mark()).await {
                // The mark would need the room that pruning makes.
                Err(error) if error.is_full() => return Ok(place.ours(None)),
                written => written?,
            };
        }
        Judgement::Ours | Judgement::Theirs(_) | Judgement::Unreadable => return place.settled(&found),
    }
    // Somebody may have been faster, also where the server ignores preconditions.
    place.settled(&read(bucket).await?)
}

/// What gives the policy's place away if it has no mark.
#[must_use]
pub fn word_for_nobodys(policy: &StoragePolicy) -> String {
    let handled = policy.status.as_ref().and_then(|status| status.handled.as_ref()?.take_over.as_deref());
    nobody(&place(policy), handled)
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
    /// What a person says to give it away if it has no mark.
    nobody: String,
}

impl Place<'_> {
    fn seeker(&self) -> Seeker<'_> {
        let came_before = arrived(self.policy).is_some_and(|there| there.cluster == self.cluster);
        let given = self.policy.annotations().get(TAKE_OVER).map(String::as_str);
        Seeker { cluster: self.cluster, given, nobody: &self.nobody, came_before }
    }

    fn mark(&self) -> Mark {
        let policy = format!("{}/{}", self.policy.namespace().unwrap_or_default(), self.policy.name_any());
        // Each hasher has keys of its own, by chance.
        let nonce = format!("{:016x}", RandomState::new().hash_one(clock::now()));
        Mark { cluster: self.cluster.to_owned(), policy, since: clock::now(), nonce }
    }

    fn ours(&self, mark: Option<&Mark>) -> Claim {
        Claim::Ours(Claimed { cluster: self.cluster.to_owned(), mark: mark.map(Mark::identity) })
    }

    /// Whose the place is by what is there now.
    fn settled(&self, found: &Found) -> Result<Claim, StorageError> {
        match found {
            Found::Mark(mark) if mark.cluster == self.cluster => Ok(self.ours(Some(mark))),
            Found::Mark(mark) => Ok(Claim::Others(self.theirs(mark))),
            Found::SomethingElse => Ok(Claim::Others(format!(
                "{}: the file {MARK} does not read as a cluster's mark, perhaps because a newer operator wrote it: give \
                 this policy a bucket or prefix of its own; or, if no other cluster uses this one, delete that file",
                self.words()
            ))),
            Found::Nothing => {
                let (tried, code) = (format!("get {MARK}"), "written and not there".to_owned());
                Err(StorageError::Unavailable { tried, code })
            }
        }
    }

    async fn may_hold_files_of_jobs(&self) -> Result<bool, StorageError> {
        for kind in KINDS {
            let mut files = self.bucket.list(&format!("{}/", folder(kind))).enumerate();
            while let Some((number, file)) = files.next().await {
                if KeyParts::of(&file?.key).is_some() || number >= LOOKED_AT {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn theirs(&self, mark: &Mark) -> String {
        format!(
            "{} is another cluster's since {:.0} (its StoragePolicy {}), which would take this one's files for those of \
             deleted jobs: give this policy a bucket or prefix of its own; or, if that cluster is gone for good or has \
             left this place: {}",
            self.words(),
            mark.since,
            mark.policy,
            self.command(&mark.identity())
        )
    }

    fn unmarked(&self) -> String {
        format!(
            "{} holds files that are, or may be, those of VideoJobs, and nothing tells of which cluster: give this policy a bucket or prefix of its \
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
