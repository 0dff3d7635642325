//! The end of a `VideoJob` whose files go with it (`artifacts.onDelete: Delete`): its attempts are stopped, then its
//! files are deleted, then it is let go. What is gone itself (bucket, policy, Secret) holds nothing; what only does not
//! answer is asked again, and `onDelete: Retain` lets the job go at any time. This file decides; `run` acts.

mod run;

pub use run::{hold, leave};

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Reason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::OnDelete;
use videofactory_pipeline::keys::{self, KINDS};
use videofactory_storage::StorageError;

use super::attempts::gone_at_the_latest;
use super::model::{JobFacts, PodFacts, PodState};
use crate::bucket::{self, OpenBucketError};

/// The finalizer: while it is there, the job's files are too.
pub const FINALIZER: &str = "videofactory.dev/artifacts";

/// Whether the finalizer is to be added (or taken off); none if it is as the spec says.
#[must_use]
pub fn change(job: &VideoJob) -> Option<bool> {
    let wanted = deletes(job);
    (wanted != is_held(job)).then_some(wanted)
}

fn deletes(job: &VideoJob) -> bool {
    job.spec.artifacts.on_delete == OnDelete::Delete
}

fn is_held(job: &VideoJob) -> bool {
    job.finalizers().iter().any(|name| name == FINALIZER)
}

/// What comes next for a job that is being deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing of it is ours to do.
    Nothing,
    /// The finalizer goes: there is nothing to delete, or nothing is to be deleted.
    LetGo,
    /// These Jobs are stopped first: name and UID.
    Stop(Vec<(String, String)>),
    /// Its pods end first, so that nothing is written behind our back; what to tell if that takes too long.
    Await(Option<String>),
    /// Its files are deleted: the folder of each kind.
    DeleteFiles(Vec<(ObjectKind, String)>),
}

/// What comes next for a job that is being deleted, by what is at work for it.
#[must_use]
pub fn next(job: &VideoJob, jobs: &[JobFacts], pods: &[PodFacts], now: Timestamp) -> Next {
    if !is_held(job) {
        return Next::Nothing;
    }
    let Some(folders) = folders(job).filter(|_| deletes(job)) else { return Next::LetGo };
    let at_work: Vec<_> = jobs
        .iter()
        .filter(|job| job.ended.is_none() && !job.deleting)
        .map(|job| (job.name.clone(), job.uid.clone()))
        .collect();
    if !at_work.is_empty() {
        return Next::Stop(at_work);
    }
    if pods.iter().any(|pod| !matches!(pod.state, PodState::Ended(_))) {
        return Next::Await(lingering(job, pods, now));
    }
    Next::DeleteFiles(folders)
}

/// A pod that should have been gone for a while, and what to do.
fn lingering(job: &VideoJob, pods: &[PodFacts], now: Timestamp) -> Option<String> {
    let late = pods.iter().find(|pod| gone_at_the_latest(pod).is_some_and(|at| at <= now))?;
    let (namespace, pod) = (job.namespace().unwrap_or_default(), &late.name);
    Some(format!(
        "its pod {pod} is being stopped and should have been gone minutes ago; its node may be lost: kubectl -n \
         {namespace} delete pod {pod} --force once the node is gone for good"
    ))
}

/// The folders of its files; none if it never had an id, and so never any files.
fn folders(job: &VideoJob) -> Option<Vec<(ObjectKind, String)>> {
    let id = job.status.as_ref()?.id.as_ref()?;
    let (namespace, name) = (job.namespace()?, job.name_any());
    Some(KINDS.map(|kind| (kind, keys::of_job(kind, &namespace, &name, id))).into())
}

/// What keeps the files from being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no way to them any more, and waiting makes none: the job goes, and this is told.
    NoWay(String),
    /// They are asked for again; why, and what to do.
    Later(Reason, String),
}

impl Obstacle {
    /// The bucket cannot be opened.
    #[must_use]
    pub fn of_opening(error: &OpenBucketError) -> Self {
        match error {
            OpenBucketError::SecretMissing { .. } | OpenBucketError::KeyMissing { .. } => {
                Self::NoWay(error.to_string())
            }
            OpenBucketError::Call(_) => Self::Later(Reason::StorageUnavailable, error.to_string()),
            OpenBucketError::Settings(error) => Self::of_bucket(error),
        }
    }

    /// The bucket does not do what it is asked.
    #[must_use]
    pub fn of_bucket(error: &StorageError) -> Self {
        match error {
            StorageError::NoSuchBucket { .. } => Self::NoWay(error.to_string()),
            _ => Self::Later(bucket::reason(error), error.to_string()),
        }
    }
}

/// Why the job is still there, and the ways out.
#[must_use]
pub fn why_it_stays(job: &VideoJob, what: &str) -> String {
    format!(
        "it is being deleted, and its files are to go with it: {what}; this is tried again and again. To let it go and \
         keep the files: kubectl -n {} patch vj {} --type merge -p \
         '{{\"spec\":{{\"artifacts\":{{\"onDelete\":\"Retain\"}}}}}}'",
        job.namespace().unwrap_or_default(),
        job.name_any()
    )
}

/// What is left behind, and where.
#[must_use]
pub fn left_behind(job: &VideoJob, why: &str) -> String {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let id = job.status.as_ref().and_then(|status| status.id.clone()).unwrap_or_default();
    format!(
        "its files could not be deleted and it is let go without: {why}. If the bucket still exists, they lie there under \
         <kind>/{namespace}/{name}-{id}/ (kinds: work, clips, videos, thumbnails, captions, published); delete them \
         there, or let a StoragePolicy for that bucket prune them"
    )
}

#[cfg(test)]
mod tests;
