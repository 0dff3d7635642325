//! Decide: what comes next for a job that is being deleted, and what follows from what became of its files. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::videojob::OnDelete;
use videofactory_crds::{StoragePolicy, VideoJob, VideoJobStatus};
use videofactory_pipeline::keys::{self, KINDS};

use super::messages::{kept, left_behind, stuck_terminating, swept_words, why_it_stays};
use super::model::{After, Decision, DeletionOutcome, Extent, Leaving, Next, Obstacle};
use crate::config::{SUSPENDED_SIDE_EFFECTS, SideEffects};
use crate::events::{Event, EventReason};
use crate::storagepolicy::covered_namespaces;
use crate::storagepolicy::plan::Rules;
use crate::videojob::conditions;
use crate::videojob::decide::demands::write_off_all;
use crate::videojob::model::{JobFacts, PodFacts, PodState, Storage};
use crate::videojob::names::FINALIZER;
use crate::videojob::verdict::Verdict;

/// Whether the finalizer is to be added (or taken off); none if it is as the spec says.
#[must_use]
pub fn finalizer_change(job: &VideoJob) -> Option<bool> {
    let wanted = deletes(job);
    (wanted != has_finalizer(job)).then_some(wanted)
}

/// Whether the caches show nothing at work, so that files are next: the API server itself is asked before.
#[must_use]
pub fn is_to_be_asked_live(leaving: &Leaving) -> bool {
    // The time decides on words alone.
    let next = next(&leaving.job, &leaving.jobs, &leaving.pods, leaving.side_effects, Timestamp::MIN);
    matches!(next, Next::DeleteFiles(_) | Next::KeepFiles(_))
}

/// Decides what comes next for a job that is being deleted.
#[must_use]
pub fn decide(leaving: &Leaving, now: Timestamp) -> Decision {
    let job = &leaving.job;
    let next = next(job, &leaving.jobs, &leaving.pods, leaving.side_effects, now);
    let status = match &next {
        Next::DeleteFiles(_) | Next::KeepFiles(_) if leaving.at_work != Some(false) => {
            return Decision { status: None, next: Next::Await(None) };
        }
        // Its accounts learn that nothing more is spent: nothing of it is at work any more.
        Next::DeleteFiles(_) | Next::KeepFiles(_) => {
            let mut status = job.status.clone().unwrap_or_default();
            write_off_all(&mut status, now);
            Some(status)
        }
        Next::Await(Some(what)) => Some(staying(job, VideoJobReason::Progressing, what, now)),
        Next::Await(None) | Next::Nothing | Next::LetGo | Next::Stop(_) => None,
    };
    Decision { status, next }
}

/// What comes next for a job that is being deleted, by what is at work for it.
fn next(
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
        return Next::Await(stuck_terminating(job, pods, now));
    }
    if side_effects.are_suspended() {
        return Next::KeepFiles(SUSPENDED_SIDE_EFFECTS);
    }
    Next::DeleteFiles(folders)
}

fn deletes(job: &VideoJob) -> bool {
    job.spec.artifacts.on_delete == OnDelete::Delete
}

fn has_finalizer(job: &VideoJob) -> bool {
    job.finalizers().iter().any(|name| name == FINALIZER)
}

/// The folders of its files; none if it never had an id, and so never any files.
fn folders(job: &VideoJob) -> Option<Vec<(ObjectKind, String)>> {
    let id = job.status.as_ref()?.id.as_ref()?;
    let (namespace, name) = (job.namespace()?, job.name_any());
    Some(KINDS.map(|kind| (kind, keys::of_job(kind, &namespace, &name, id))).into())
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

/// What follows from what became of the files in one look.
#[must_use]
pub fn after(job: &VideoJob, outcome: &DeletionOutcome) -> After {
    match &outcome.ended {
        Ok(Extent::Part) => After::GoOn,
        Ok(Extent::All) => {
            let some = outcome.kept.count > 0;
            After::LetGo(event(
                some,
                if some { EventReason::FilesKept } else { EventReason::FilesDeleted },
                swept_words(&outcome.kept),
            ))
        }
        Err(Obstacle::NoWay(why)) => {
            After::LetGoWithout(event(true, EventReason::FilesLeftBehind, left_behind(job, why)))
        }
        Err(Obstacle::Kept(why)) => on_purpose(job, why),
        Err(Obstacle::Later(reason, what)) => After::Stay(*reason, what.clone()),
    }
}

/// What follows where the files of a job are not to be deleted; why.
#[must_use]
pub fn on_purpose(job: &VideoJob, why: &str) -> After {
    After::LetGoWithout(event(true, EventReason::FilesKept, kept(job, why)))
}

fn event(warning: bool, reason: EventReason, note: String) -> Event {
    Event { warning, reason, action: "Delete".to_owned(), note }
}

/// The status of a job that is still there, and says why.
#[must_use]
pub fn staying(job: &VideoJob, reason: VideoJobReason, what: &str, now: Timestamp) -> VideoJobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    let (message, generation) = (why_it_stays(job, what), job.metadata.generation);
    let verdict = Verdict::Waiting { reason, message: message.clone().into(), step: None, at: None };
    conditions::write(&mut status, &verdict, generation, now);
    if reason != VideoJobReason::Progressing {
        let storage = Storage::NotReady { reason, message };
        conditions::write_storage(&mut status, &storage, generation, now);
    }
    status
}

#[cfg(test)]
mod tests;
