//! The end of a `VideoJob` whose files go with it (`artifacts.onDelete: Delete`): its attempts are stopped, then its
//! files are deleted, then it is let go. What is gone itself (bucket, policy, Secret) holds nothing; what only does not
//! answer is asked again, and `onDelete: Retain` lets the job go at any time. What is not this cluster's, or a person has
//! suspended or protected, is left alone, and the job goes too: an Event says so. This file decides, `run` acts, and
//! `sweep` deletes.

mod run;
mod sweep;

pub use run::leave;

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::condition::Reason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::OnDelete;
use videofactory_crds::{StoragePolicy, VideoJob};
use videofactory_pipeline::keys::{self, KINDS};

use super::attempts::gone_at_the_latest;
use super::model::{JobFacts, PodFacts, PodState};
use super::names::FINALIZER;
use super::place::NoPlace;
use crate::config::{SUSPENDED_SIDE_EFFECTS, SideEffects};
use crate::storagepolicy::covered_namespaces;
use crate::storagepolicy::plan::Rules;

/// Whether the finalizer is to be added (or taken off); none if it is as the spec says.
#[must_use]
pub fn finalizer_change(job: &VideoJob) -> Option<bool> {
    let wanted = deletes(job);
    (wanted != has_finalizer(job)).then_some(wanted)
}

fn deletes(job: &VideoJob) -> bool {
    job.spec.artifacts.on_delete == OnDelete::Delete
}

fn has_finalizer(job: &VideoJob) -> bool {
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
    /// Its files stay, and it goes; why.
    KeepFiles(&'static str),
}

/// What comes next for a job that is being deleted, by what is at work for it.
#[must_use]
pub fn next(
    job: &VideoJob,
    jobs: &[JobFacts],
    pods: &[PodFacts],
    side_effects: SideEffects,
    now: Timestamp,
) -> Next {
    if !has_finalizer(job) {
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
    if side_effects.are_suspended() {
        return Next::KeepFiles(SUSPENDED_SIDE_EFFECTS);
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

/// Why the files of a job stay although it goes, or why it waits for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no way to them any more, and waiting makes none: the job goes, and this is told.
    NoWay(String),
    /// They are not to be deleted, by the word of a person or because they are another cluster's: the job goes, and this
    /// is told.
    Kept(String),
    /// They are asked for again; why, and what to do.
    Later(Reason, String),
}

impl From<NoPlace> for Obstacle {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Gone(why) => Self::NoWay(why),
            NoPlace::Others(why) => Self::Kept(why),
            NoPlace::Away(reason, why) => Self::Later(reason, why),
        }
    }
}

/// What people have said that keeps all files of this job: a policy that is suspended, or protects its label. `sharing`
/// are the other policies for the same place.
pub fn kept_by_word(
    job: &VideoJob,
    policy: &StoragePolicy,
    sharing: &[StoragePolicy],
    rules: &Rules,
) -> Result<(), Obstacle> {
    let namespace = job.namespace().unwrap_or_default();
    if policy.spec.suspend || !covered_namespaces(policy, sharing).contains(&namespace) {
        let what =
            "a StoragePolicy of this namespace for this bucket is suspended, so that nothing is deleted";
        return Err(Obstacle::Kept(what.to_owned()));
    }
    if rules.protects_job(job.labels()) {
        let what = "protect.jobs of a StoragePolicy keeps jobs with its labels, which protect nothing any more once it \
                    is gone: name its files in protect.keys if rules must not delete them";
        return Err(Obstacle::Kept(what.to_owned()));
    }
    Ok(())
}

/// Files that stayed in the folders of a job that goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Kept {
    /// Most keys that are named.
    const EXAMPLES: usize = 5;

    fn add(&mut self, key: &str) {
        self.count += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(key.to_owned());
        }
    }

    /// What was deleted, and what was not.
    #[must_use]
    pub fn words(&self) -> String {
        if self.count == 0 {
            return "all its files are deleted".to_owned();
        }
        let more = if self.count > self.examples.len() { " and others" } else { "" };
        format!(
            "its files are deleted, but for {}, which protect.keys keeps or which are not Video Factory's: {}{more}",
            self.count,
            self.examples.join(", ")
        )
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

/// What is left behind because there is no way to it, and where.
#[must_use]
pub fn left_behind(job: &VideoJob, why: &str) -> String {
    format!(
        "its files could not be deleted and it is let go without: {why}. If the bucket still exists, they lie there \
         under {}; delete them there, or let a StoragePolicy for that bucket prune them",
        where_they_lie(job)
    )
}

/// What is left behind on purpose, and where.
#[must_use]
pub fn kept(job: &VideoJob, why: &str) -> String {
    format!("its files are kept and it is let go without: {why}. They lie under {}", where_they_lie(job))
}

fn where_they_lie(job: &VideoJob) -> String {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let id = job.status.as_ref().and_then(|status| status.id.clone()).unwrap_or_default();
    format!("<kind>/{namespace}/{name}-{id}/ (kinds: work, clips, videos, thumbnails, captions, published)")
}

#[cfg(test)]
mod tests;
