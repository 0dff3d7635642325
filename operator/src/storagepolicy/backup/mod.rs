//! Scheduled backups: the backup of a policy's namespace, in its bucket.

mod names;

use futures::TryStreamExt;
use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_api::backup::export_queued;
use videofactory_client::CallError;
use videofactory_client::backup::Written;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun};
use videofactory_storage::{Bucket, PutOptions, StorageError};

use self::names::{key, prefix, superfluous};
use super::run_history::backup_begun;
use crate::context::Context;

/// Metadata of a backup: how many `VideoJob`s are in it.
const JOBS: &str = "videojobs";
/// What stands in a backup for each job.
const A_JOB: &[u8] = br#""kind":"VideoJob""#;

/// A backup that was not written.
#[derive(Debug, thiserror::Error)]
enum BackUpError {
    /// The objects could not be read.
    #[error(transparent)]
    Read(#[from] CallError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] StorageError),
}

/// Writes a backup, and where the spec keeps a number of them deletes those that are too many. Written again for the same
/// slot, it takes its own place.
pub async fn back_up(
    context: &Context,
    bucket: &Bucket,
    policy: &StoragePolicy,
    slot: Timestamp,
    now: Timestamp,
) -> BackupRun {
    match write(context, bucket, policy, slot, now).await {
        Ok((mut run, jobs)) => {
            match thin_out(bucket, policy, run.key.as_deref().unwrap_or_default(), jobs > 0).await {
                Ok(kept) => run.kept = Some(kept),
                Err(error) => run.message = Some(format!("older backups could not be deleted: {error}")),
            }
            run
        }
        Err(error) => failed(slot, error.to_string()),
    }
}

/// A backup that failed, and why.
#[must_use]
pub fn failed(slot: Timestamp, why: String) -> BackupRun {
    BackupRun { outcome: Some(BackupOutcome::Failed), message: Some(why), ..backup_begun(slot) }
}

async fn write(
    context: &Context,
    bucket: &Bucket,
    policy: &StoragePolicy,
    slot: Timestamp,
    now: Timestamp,
) -> Result<(BackupRun, i64), BackUpError> {
    let namespace = policy.namespace().unwrap_or_default();
    let (limit, client) = (&context.tasks.limits.backups, &context.client);
    let (Written { text, items, jobs }, _memory) = export_queued(limit, client, &namespace, now).await?;
    let key = key(&namespace, &policy.name_any(), slot);
    let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let options = PutOptions::of_type("application/json").with(JOBS, jobs.to_string());
    bucket.put(&key, text, &options).await?;
    let run = BackupRun {
        outcome: Some(BackupOutcome::Completed),
        key: Some(key),
        items: Some(items),
        bytes: Some(bytes),
        ..backup_begun(slot)
    };
    Ok((run, jobs))
}

/// Deletes the oldest backups beyond `keepLast`; how many are left. Where the spec says nothing of backups, nothing is
/// deleted: somebody who asks for one does not ask for fewer. And the newest that holds jobs stays, however many came
/// after the namespace was emptied. `holds_jobs`: whether the new one does.
pub async fn thin_out(
    bucket: &Bucket,
    policy: &StoragePolicy,
    new: &str,
    holds_jobs: bool,
) -> Result<i64, StorageError> {
    let folder = prefix(&policy.namespace().unwrap_or_default(), &policy.name_any());
    let keys: Vec<String> = bucket.list(&folder).map_ok(|object| object.key).try_collect().await?;
    let keep = policy.spec.backup.as_ref().map(|backup| usize::try_from(backup.keep_last).unwrap_or(1));
    let (mut kept, mut gone) = superfluous(&folder, keys, new, keep.unwrap_or(usize::MAX));
    if !holds_jobs && !gone.is_empty() {
        let older = kept.iter().rev().filter(|key| *key != new).chain(gone.iter().rev());
        if let Some(newest) = newest_with_jobs(bucket, older).await? {
            gone.retain(|key| *key != newest);
            if !kept.contains(&newest) {
                kept.push(newest);
            }
        }
    }
    match bucket.delete(&gone).await.failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(i64::try_from(kept.len()).unwrap_or(i64::MAX)),
    }
}

/// The first of these backups that holds a job.
async fn newest_with_jobs(
    bucket: &Bucket,
    keys: impl Iterator<Item = &String>,
) -> Result<Option<String>, StorageError> {
    for key in keys {
        let Some(backup) = bucket.head(key).await? else { continue };
        let reported = backup.metadata.get(JOBS).and_then(|jobs| jobs.parse::<u64>().ok());
        let holds = match reported {
            Some(jobs) => jobs > 0,
            None => names_a_job(bucket, key).await?,
        };
        if holds {
            return Ok(Some(key.clone()));
        }
    }
    Ok(None)
}

/// Whether a job's kind stands in a file, which is read piece by piece.
async fn names_a_job(bucket: &Bucket, key: &str) -> Result<bool, StorageError> {
    let mut pieces = bucket.open(key, None).await?.into_stream();
    let mut tail: Vec<u8> = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        tail.extend_from_slice(&piece);
        if memmem(&tail, A_JOB) {
            return Ok(true);
        }
        // The end of one piece and the beginning of the next may be one word.
        tail.drain(..tail.len().saturating_sub(A_JOB.len()));
    }
    Ok(false)
}

fn memmem(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}
