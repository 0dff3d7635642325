//! Apply: writes the status first, and then stops, deletes, or lets go what was decided. Where its files are, and what
//! protects them, is looked up right before they are deleted.

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action as Requeue;
use kube::{Resource, ResourceExt};
use tokio::time::Instant;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_storage::Bucket;

use super::decide::{after, kept_by_word, on_purpose, staying};
use super::file_deletion::delete_all;
use super::model::{After, Decision, DeletionOutcome, Next, Obstacle};
use crate::context::Context;
use crate::storagepolicy::plan::Rules;
use crate::storagepolicy::{protection, respected_peers};
use crate::videojob::job_bucket::{self, Place};
use crate::videojob::writes::{
    ApplyError, check_newest, count, delete_job, path, set_finalizer, write_status,
};

/// When to look again at pods that have not ended; their end wakes us earlier.
const AFTER_PODS: Duration = Duration::from_secs(15);
/// How long one look deletes. Then other jobs have their turn, and a person's `onDelete: Retain` is seen.
const MAX_RECONCILE_TIME: Duration = Duration::from_secs(15);
/// When the next look continues.
const AFTER_A_PART: Duration = Duration::from_millis(100);

/// Does what was decided about a job that is being deleted, and says when to look again.
pub async fn apply(
    context: &Context,
    job: VideoJob,
    decision: Decision,
    now: Timestamp,
) -> Result<Requeue, ApplyError> {
    let job = match decision.status {
        Some(status) => write_status(context, &job, status).await?,
        None => job,
    };
    match decision.next {
        // Its Jobs go with it: the garbage collector sees to that.
        Next::Nothing => Ok(Requeue::await_change()),
        Next::LetGo => let_go(context, &job).await,
        Next::Stop(stop) => {
            check_newest(context, &job).await?;
            for (name, uid) in stop {
                delete_job(context, &job, &name, &uid).await?;
            }
            Ok(Requeue::requeue(AFTER_PODS))
        }
        Next::Await(_) => Ok(Requeue::requeue(AFTER_PODS)),
        Next::DeleteFiles(folders) => {
            let outcome = Box::pin(delete_files(context, &job, &folders)).await;
            Box::pin(follow(context, &job, after(&job, &outcome), now)).await
        }
        Next::KeepFiles(why) => Box::pin(follow(context, &job, on_purpose(&job, why), now)).await,
    }
}

/// Deletes everything that may be, as far as one look goes; what stood in the way, if anything did.
async fn delete_files(
    context: &Context,
    job: &VideoJob,
    folders: &[(ObjectKind, String)],
) -> DeletionOutcome {
    let outcome = match open(context, job).await {
        Ok((bucket, rules)) => {
            let keeps = |key: &str| rules.protects_key(key);
            delete_all(&bucket, folders, keeps, Instant::now() + MAX_RECONCILE_TIME).await
        }
        Err(obstacle) => DeletionOutcome::nothing(Err(obstacle)),
    };
    if !outcome.gone.is_empty() {
        count(context, job, &outcome.gone);
    }
    outcome
}

/// The bucket of the job's policy if its files may be deleted there, and what is protected; all as it is now, but for
/// the other policies for the same place.
async fn open(context: &Context, job: &VideoJob) -> Result<(Bucket, Rules), Obstacle> {
    let Place { bucket, policy } = job_bucket::open(context, job).await?;
    let all = context.caches.policies.state();
    let rules = protection(&all, &policy)
        .map_err(|error| Obstacle::Later(VideoJobReason::ConfigurationInvalid, error.to_string()))?;
    kept_by_word(job, &policy, &respected_peers(&all, &policy), &rules)?;
    Ok((bucket, rules))
}

/// Lets the job go, continues with it, or says in its status why it stays.
async fn follow(
    context: &Context,
    job: &VideoJob,
    after: After,
    now: Timestamp,
) -> Result<Requeue, ApplyError> {
    match after {
        After::GoOn => Ok(Requeue::requeue(AFTER_A_PART)),
        After::LetGo(event) => {
            context.events.publish(job.object_ref(&()), event);
            let_go(context, job).await
        }
        After::LetGoWithout(event) => {
            tracing::warn!(note = event.note, "the job goes without its files");
            context.events.publish(job.object_ref(&()), event);
            let_go(context, job).await
        }
        After::Stay(reason, what) => {
            write_status(context, job, staying(job, reason, &what, now)).await?;
            Err(ApplyError::DeleteFiles(path(job, &job.name_any()), what))
        }
    }
}

async fn let_go(context: &Context, job: &VideoJob) -> Result<Requeue, ApplyError> {
    set_finalizer(context, job, false).await?;
    Ok(Requeue::await_change())
}
