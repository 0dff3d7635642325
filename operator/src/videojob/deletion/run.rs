//! Deletes the files of a job that is being deleted, and lets it go.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::controller::Action as Requeue;
use kube::{Api, Resource, ResourceExt};
use tokio::time::Instant;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Reason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::clock;
use videofactory_storage::Bucket;

use super::sweep::{Extent, Swept, delete_all};
use super::{Next, Obstacle, kept, kept_by_word, left_behind, next, why_it_stays};
use crate::context::Context;
use crate::events::Event;
use crate::storagepolicy::plan::Rules;
use crate::storagepolicy::{heeded, protection};
use crate::videojob::cached::at_work;
use crate::videojob::conditions;
use crate::videojob::decide::demands::write_off_all;
use crate::videojob::facts::is_alive;
use crate::videojob::labels;
use crate::videojob::model::Storage;
use crate::videojob::place::{self, Place};
use crate::videojob::verdict::Verdict;
use crate::videojob::writes::{
    ApplyError, check_newest, count, delete_job, path, set_finalizer, write_status,
};
use videofactory_client::call::within;

/// When to look again at pods that have not ended; their end wakes us earlier.
const AFTER_PODS: Duration = Duration::from_secs(15);
/// How long one look goes on deleting. Then other jobs have their turn, and a person's `onDelete: Retain` is seen.
const LOOK_TAKES: Duration = Duration::from_secs(15);
/// When the next look goes on.
const AFTER_A_PART: Duration = Duration::from_millis(100);

/// One look at a job that is being deleted.
pub async fn leave(context: &Context, job: VideoJob) -> Result<Requeue, ApplyError> {
    let (jobs, pods) = at_work(&context.caches, &job);
    let now = clock::now();
    match next(&job, &jobs, &pods, context.config.side_effects, now) {
        // Its Jobs go with it: the garbage collector sees to that.
        Next::Nothing => Ok(Requeue::await_change()),
        Next::LetGo => let_go(context, &job).await,
        Next::Stop(doomed) => {
            check_newest(context, &job).await?;
            for (name, uid) in doomed {
                delete_job(context, &job, &name, &uid).await?;
            }
            Ok(Requeue::requeue(AFTER_PODS))
        }
        Next::Await(late) => {
            if let Some(what) = late {
                Box::pin(tell(context, &job, Reason::Progressing, &what, now)).await?;
            }
            Ok(Requeue::requeue(AFTER_PODS))
        }
        Next::DeleteFiles(folders) => match Box::pin(close_books(context, &job, now)).await? {
            Some(job) => Box::pin(delete_files(context, &job, &folders, now)).await,
            None => Ok(Requeue::requeue(AFTER_PODS)),
        },
        Next::KeepFiles(why) => match Box::pin(close_books(context, &job, now)).await? {
            Some(job) => Box::pin(let_go_without(context, &job, "FilesKept", kept(&job, why))).await,
            None => Ok(Requeue::requeue(AFTER_PODS)),
        },
    }
}

/// Tells the accounts that nothing more is spent: nothing of the job is at work any more. None: something still is.
async fn close_books(
    context: &Context,
    job: &VideoJob,
    now: Timestamp,
) -> Result<Option<VideoJob>, ApplyError> {
    check_newest(context, job).await?;
    if is_at_work(context, job).await? {
        return Ok(None);
    }
    let mut status = job.status.clone().unwrap_or_default();
    write_off_all(&mut status, now);
    write_status(context, job, status).await.map(Some)
}

async fn let_go(context: &Context, job: &VideoJob) -> Result<Requeue, ApplyError> {
    set_finalizer(context, job, false).await?;
    Ok(Requeue::await_change())
}

/// A watch may be behind: before anything is deleted, the API server itself is asked for pods.
async fn is_at_work(context: &Context, job: &VideoJob) -> Result<bool, ApplyError> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default());
    let selector = format!("{}={}", labels::UID, job.uid().unwrap_or_default());
    let what = format!("list pods of VideoJob {}", path(job, &job.name_any()));
    let pods = within(what, api.list(&ListParams::default().labels(&selector))).await?;
    Ok(pods.items.iter().any(is_alive))
}

/// Deletes everything that may be, as far as one look goes, and lets the job go; or says what stands in the way.
async fn delete_files(
    context: &Context,
    job: &VideoJob,
    folders: &[(ObjectKind, String)],
    now: Timestamp,
) -> Result<Requeue, ApplyError> {
    let swept = match open(context, job).await {
        Ok((bucket, rules)) => {
            let keeps = |key: &str| rules.protects_key(key);
            delete_all(&bucket, folders, keeps, Instant::now() + LOOK_TAKES).await
        }
        Err(obstacle) => Swept::nothing(Err(obstacle)),
    };
    if !swept.gone.is_empty() {
        count(context, job, &swept.gone);
    }
    match swept.ended {
        Ok(Extent::Part) => Ok(Requeue::requeue(AFTER_A_PART)),
        Ok(Extent::All) => {
            let some = swept.kept.count > 0;
            event(context, job, some, if some { "FilesKept" } else { "FilesDeleted" }, swept.kept.words());
            let_go(context, job).await
        }
        Err(Obstacle::NoWay(why)) => {
            let_go_without(context, job, "FilesLeftBehind", left_behind(job, &why)).await
        }
        Err(Obstacle::Kept(why)) => let_go_without(context, job, "FilesKept", kept(job, &why)).await,
        Err(Obstacle::Later(reason, what)) => {
            Box::pin(tell(context, job, reason, &what, now)).await?;
            Err(ApplyError::FilesRemain(path(job, &job.name_any()), what))
        }
    }
}

async fn let_go_without(
    context: &Context,
    job: &VideoJob,
    reason: &str,
    note: String,
) -> Result<Requeue, ApplyError> {
    tracing::warn!(videojob = path(job, &job.name_any()), "{note}");
    event(context, job, true, reason, note);
    let_go(context, job).await
}

/// The bucket of the job's policy if its files may be deleted there, and what is protected; all as it is now, but for
/// the other policies for the same place.
async fn open(context: &Context, job: &VideoJob) -> Result<(Bucket, Rules), Obstacle> {
    let Place { bucket, policy } = place::open(context, job).await?;
    let all = context.caches.policies.state();
    let rules = protection(&all, &policy)
        .map_err(|error| Obstacle::Later(Reason::ConfigurationInvalid, error.to_string()))?;
    kept_by_word(job, &policy, &heeded(&all, &policy), &rules)?;
    Ok((bucket, rules))
}

/// Says in the status why the job is still there.
async fn tell(
    context: &Context,
    job: &VideoJob,
    reason: Reason,
    what: &str,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let mut status = job.status.clone().unwrap_or_default();
    let (message, generation) = (why_it_stays(job, what), job.metadata.generation);
    let verdict = Verdict::Waiting { reason, message: message.clone(), step: None, at: None };
    conditions::write(&mut status, &verdict, generation, now);
    if reason != Reason::Progressing {
        let storage = Storage::NotReady { reason, message };
        conditions::write_storage(&mut status, &storage, generation, now);
    }
    write_status(context, job, status).await.map(drop)
}

fn event(context: &Context, job: &VideoJob, warning: bool, reason: &str, note: String) {
    let event = Event { warning, reason: reason.to_owned(), action: "Delete".to_owned(), note };
    context.events.tell(job.object_ref(&()), event);
}
