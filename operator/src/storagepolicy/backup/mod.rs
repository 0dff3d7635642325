//! Backups: all `Channel`s, `ProviderAccount`s, `StoragePolicy`s and `VideoJob`s of a policy's namespace in one file in its
//! bucket, with their status; never a Secret.

mod document;

use futures::TryStreamExt;
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun};
use videofactory_crds::{Channel, ProviderAccount, StoragePolicy, VideoJob};
use videofactory_storage::{Bucket, PutOptions, StorageError};

use self::document::{Document, key, prefix, superfluous};
use super::runs::backup_begun;
use crate::client::{CallError, list_all};

/// Backups that are kept where a person asks for one and the spec does not say.
const KEPT: usize = 8;

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

/// Writes a backup and deletes those that are too many. Written again for the same slot, it takes its own place.
pub async fn back_up(
    client: &Client,
    bucket: &Bucket,
    policy: &StoragePolicy,
    slot: Timestamp,
    now: Timestamp,
) -> BackupRun {
    match write(client, bucket, policy, slot, now).await {
        Ok(mut run) => {
            match thin_out(bucket, policy, run.key.as_deref().unwrap_or_default()).await {
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
    client: &Client,
    bucket: &Bucket,
    policy: &StoragePolicy,
    slot: Timestamp,
    now: Timestamp,
) -> Result<BackupRun, BackUpError> {
    let namespace = policy.namespace().unwrap_or_default();
    let mut document = Document::begin(now, &namespace);
    for kind in [
        ApiResource::erase::<Channel>(&()),
        ApiResource::erase::<ProviderAccount>(&()),
        ApiResource::erase::<StoragePolicy>(&()),
        ApiResource::erase::<VideoJob>(&()),
    ] {
        read_all(client, &namespace, &kind, &mut document).await?;
    }
    let (items, body) = document.end();
    let key = key(&namespace, &policy.name_any(), slot);
    let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
    bucket.put(&key, body, &PutOptions::of_type("application/json")).await?;
    Ok(BackupRun {
        outcome: Some(BackupOutcome::Completed),
        key: Some(key),
        items: Some(items),
        bytes: Some(bytes),
        ..backup_begun(slot)
    })
}

/// Adds all objects of a kind, as the API server has them: what this version does not know of them is kept too.
async fn read_all(
    client: &Client,
    namespace: &str,
    kind: &ApiResource,
    document: &mut Document,
) -> Result<(), CallError> {
    let api: &Api<DynamicObject> = &Api::namespaced_with(client.clone(), namespace, kind);
    let ask = |params| async move { api.list(&params).await };
    let take = |object| document.add(&kind.api_version, &kind.kind, object);
    list_all(&format!("list the {} of {namespace}", kind.plural), ask, take).await
}

/// Deletes the oldest backups beyond `keepLast`; how many are left.
async fn thin_out(bucket: &Bucket, policy: &StoragePolicy, new: &str) -> Result<i64, StorageError> {
    let folder = prefix(&policy.namespace().unwrap_or_default(), &policy.name_any());
    let keys: Vec<String> = bucket.list(&folder).map_ok(|object| object.key).try_collect().await?;
    let keep = policy.spec.backup.as_ref().and_then(|backup| usize::try_from(backup.keep_last).ok());
    let (kept, gone) = superfluous(&folder, keys, new, keep.unwrap_or(KEPT));
    match bucket.delete(&gone).await.failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(i64::try_from(kept).unwrap_or(i64::MAX)),
    }
}
