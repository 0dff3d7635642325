//! Deletes the files of a job that is being deleted, and lets it go.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::controller::Action as Requeue;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio::time::Instant;
use videofactory_crds::condition::Reason;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_crds::{StoragePolicy, VideoJob};
use videofactory_pipeline::clock;
use videofactory_storage::{Bucket, KEYS_A_REQUEST, StorageError};

use super::{FINALIZER, Next, Obstacle, left_behind, next, why_it_stays};
use crate::bucket;
use crate::client::within;
use crate::context::Context;
use crate::events::Event;
use crate::meter::{Change, Changes};
use crate::videojob::apply::{ApplyError, check_newest, count, delete_job, is_alive, path, write_status};
use crate::videojob::conditions;
use crate::videojob::decide::Verdict;
use crate::videojob::labels;
use crate::videojob::model::Storage;
use crate::videojob::observe::at_work;

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
    match next(&job, &jobs, &pods, now) {
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
                tell(context, &job, Reason::Progressing, &what, now).await?;
            }
            Ok(Requeue::requeue(AFTER_PODS))
        }
        Next::DeleteFiles(folders) => {
            check_newest(context, &job).await?;
            if is_at_work(context, &job).await? {
                return Ok(Requeue::requeue(AFTER_PODS));
            }
            delete_files(context, &job, &folders, now).await
        }
    }
}

/// Adds or takes off the finalizer, of the object as it was seen; the object as it is then.
pub async fn hold(context: &Context, job: &VideoJob, held: bool) -> Result<VideoJob, ApplyError> {
    let mut names: Vec<String> = job.finalizers().to_vec();
    names.retain(|name| name != FINALIZER);
    if held {
        names.push(FINALIZER.to_owned());
    }
    let api: Api<VideoJob> = Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"resourceVersion": job.resource_version(), "finalizers": names}});
    let (name, params) = (job.name_any(), PatchParams::default());
    let what = format!("patch the finalizers of VideoJob {}", path(job, &name));
    context.metrics.wrote("VideoJob");
    match within(what, api.patch(&name, &params, &Patch::Merge(&patch))).await {
        Ok(written) => {
            if written.metadata.deletion_timestamp.is_none() {
                context.caches.written_jobs.wrote(written.clone());
            }
            Ok(written)
        }
        Err(error) if error.is_not_found() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) if error.is_conflict() => {
            check_newest(context, job).await?;
            Err(ApplyError::Changed(path(job, &name)))
        }
        Err(error) => {
            if error.is_rejected() {
                event(context, job, true, "FinalizerRefused", format!("{error}; the job waits for that"));
            }
            Err(error.into())
        }
    }
}

async fn let_go(context: &Context, job: &VideoJob) -> Result<Requeue, ApplyError> {
    hold(context, job, false).await?;
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

/// Deletes everything, as far as one look goes, and lets the job go; or says what stands in the way.
async fn delete_files(
    context: &Context,
    job: &VideoJob,
    folders: &[(ObjectKind, String)],
    now: Timestamp,
) -> Result<Requeue, ApplyError> {
    let (gone, ended) = match open(context, job).await {
        Ok(bucket) => {
            // A server that is away says so soon: a look that waits for it keeps others from theirs.
            let (gone, ended) = match bucket.check().await {
                Ok(()) => delete_all(&bucket, folders, Instant::now() + LOOK_TAKES).await,
                Err(error) => (Changes::new(), Err(error)),
            };
            (gone, ended.map_err(|error| Obstacle::of_bucket(&error)))
        }
        Err(obstacle) => (Changes::new(), Err(obstacle)),
    };
    if !gone.is_empty() {
        count(context, job, &gone);
    }
    match ended {
        Ok(Extent::Part) => Ok(Requeue::requeue(AFTER_A_PART)),
        Ok(Extent::All) => {
            event(context, job, false, "FilesDeleted", "all its files are deleted".to_owned());
            let_go(context, job).await
        }
        Err(Obstacle::NoWay(why)) => {
            let note = left_behind(job, &why);
            tracing::warn!(videojob = path(job, &job.name_any()), "{note}");
            event(context, job, true, "FilesLeftBehind", note);
            let_go(context, job).await
        }
        Err(Obstacle::Later(reason, what)) => {
            tell(context, job, reason, &what, now).await?;
            Err(ApplyError::FilesRemain(path(job, &job.name_any()), what))
        }
    }
}

/// The bucket of the job's policy, both as they are now.
async fn open(context: &Context, job: &VideoJob) -> Result<Bucket, Obstacle> {
    let (namespace, name) = (job.namespace().unwrap_or_default(), &job.spec.storage_ref.name);
    let api: Api<StoragePolicy> = Api::namespaced(context.client.clone(), &namespace);
    let read = within(format!("get StoragePolicy {namespace}/{name}"), api.get_opt(name)).await;
    let policy = read.map_err(|error| Obstacle::Later(Reason::StorageUnavailable, error.to_string()))?;
    let Some(policy) = policy else {
        return Err(Obstacle::NoWay(format!("StoragePolicy {name:?} does not exist")));
    };
    let opened = bucket::open(&context.client, &namespace, &policy.spec.bucket).await;
    opened.map_err(|error| Obstacle::of_opening(&error))
}

/// How much was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// There may be more.
    Part,
    /// Nothing is left.
    All,
}

/// Deletes all files of these folders, and after `until` none but those of the page that was begun; what is gone, below
/// zero, and whether that is all.
async fn delete_all(
    bucket: &Bucket,
    folders: &[(ObjectKind, String)],
    until: Instant,
) -> (Changes, Result<Extent, StorageError>) {
    let mut gone = Changes::new();
    let mut ended = Ok(Extent::All);
    for (kind, folder) in folders {
        let mut change = Change::default();
        let result = delete_folder(bucket, folder, until, &mut change).await;
        if change != Change::default() {
            gone.insert(*kind, change);
        }
        // What holds one file says nothing of the others; a server that goes away does.
        let is_over = match &result {
            Ok(extent) => *extent == Extent::Part,
            Err(error) => error.is_transient(),
        };
        ended = ended.and(result);
        if is_over {
            break;
        }
    }
    (gone, ended)
}

async fn delete_folder(
    bucket: &Bucket,
    folder: &str,
    until: Instant,
    change: &mut Change,
) -> Result<Extent, StorageError> {
    let mut pages = bucket.list(folder).chunks(KEYS_A_REQUEST);
    let mut ended = Ok(Extent::All);
    while let Some(page) = pages.next().await {
        let mut sizes = HashMap::with_capacity(page.len());
        for object in page {
            match object {
                Ok(object) => {
                    sizes.insert(object.key, object.size);
                }
                Err(error) => ended = ended.and(Err(error)),
            }
        }
        let report = bucket.delete(&sizes.keys().cloned().collect::<Vec<_>>()).await;
        for key in &report.deleted {
            let bytes = sizes.get(key).copied().unwrap_or_default();
            change.objects -= 1;
            change.bytes = change.bytes.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        let failure = report.failed.into_iter().next().map(|(_, error)| error);
        ended = failure.map_or(ended, Err);
        // After a page, so that each look brings us further.
        if Instant::now() >= until {
            return ended.and(Ok(Extent::Part));
        }
    }
    ended
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

#[cfg(test)]
mod tests {
    use videofactory_storage::PutOptions;
    use videofactory_tests::r2_proxy::{Effect, Fault, ProxyOptions, R2Proxy};
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    async fn fill(bucket: &Bucket, keys: &[&str]) {
        for key in keys {
            bucket.put(key, "12345", &PutOptions::default()).await.unwrap();
        }
    }

    async fn keys(bucket: &Bucket) -> Vec<String> {
        let mut keys: Vec<String> = bucket.list("").map(|object| object.unwrap().key).collect().await;
        keys.sort();
        keys
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(10)
    }

    fn folders() -> [(ObjectKind, String); 2] {
        [(ObjectKind::Work, "work/films/a-1/".to_owned()), (ObjectKind::Clips, "clips/films/a-1/".to_owned())]
    }

    #[tokio::test]
    async fn every_file_of_the_job_goes_and_none_of_another() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "p/")).unwrap();
        let others =
            ["assets/logo.png", "clips/films/a-12/r1/x", "clips/other/a-1/r1/x", "work/films/a/r1/x"];
        fill(&bucket, &others).await;
        fill(&bucket, &["work/films/a-1/r1/x", "work/films/a-1/r2/y", "clips/films/a-1/r1/z"]).await;
        let (gone, ended) = delete_all(&bucket, &folders(), later()).await;
        assert_eq!(ended, Ok(Extent::All));
        assert_eq!(gone[&ObjectKind::Work], Change { objects: -2, bytes: -10 });
        assert_eq!(gone[&ObjectKind::Clips], Change { objects: -1, bytes: -5 });
        assert_eq!(keys(&bucket).await, others);
        assert_eq!(
            delete_all(&bucket, &folders(), later()).await,
            (Changes::new(), Ok(Extent::All)),
            "a second time is no error"
        );
    }

    #[tokio::test]
    async fn one_look_ends_in_time_and_the_next_goes_on() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "")).unwrap();
        fill(&bucket, &["work/films/a-1/r1/x", "clips/films/a-1/r1/z"]).await;
        let mut looks = Vec::new();
        for _ in 0..3 {
            let (gone, ended) = delete_all(&bucket, &folders(), Instant::now()).await;
            looks.push((gone.into_keys().collect::<Vec<_>>(), ended));
        }
        let part = |kind| (vec![kind], Ok(Extent::Part));
        assert_eq!(looks, [part(ObjectKind::Work), part(ObjectKind::Clips), (Vec::new(), Ok(Extent::All))]);
    }

    #[tokio::test]
    async fn what_could_not_be_deleted_is_deleted_later_and_not_counted_before() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
        let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "")).unwrap();
        fill(&bucket, &["work/films/a-1/r1/x", "clips/films/a-1/r1/z"]).await;
        proxy.set_faults(vec![Fault::always(Effect::Unavailable).on("DeleteObjects")]).unwrap();
        let (gone, ended) = delete_all(&bucket, &folders(), later()).await;
        assert_eq!(gone, Changes::new());
        let obstacle = Obstacle::of_bucket(&ended.unwrap_err());
        assert!(matches!(obstacle, Obstacle::Later(Reason::StorageUnavailable, _)), "{obstacle:?}");
        proxy.set_faults(Vec::new()).unwrap();
        assert_eq!(delete_all(&bucket, &folders(), later()).await.1, Ok(Extent::All));
        assert_eq!(keys(&bucket).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_bucket_that_is_gone_holds_no_job() {
        let server = S3Server::start().await.unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "")).unwrap();
        let (gone, ended) = delete_all(&bucket, &folders(), later()).await;
        assert!(gone.is_empty());
        assert!(matches!(Obstacle::of_bucket(&ended.unwrap_err()), Obstacle::NoWay(_)));
    }
}
