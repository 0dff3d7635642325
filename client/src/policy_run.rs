//! Runs of a `StoragePolicy` as the HTTP API and the plugin show them: with the names and units of their other fields. Pure.

use jiff::Timestamp;
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use videofactory_crds::Duration;
use videofactory_crds::storagepolicy::{
    BackupOutcome, BackupRun, KeptBecause, PruneCause, PruneOutcome, PruneRun,
};

/// A prune run.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStats {
    /// When it was due, or asked for.
    pub due_at: Timestamp,
    /// Why it took place.
    pub cause: Option<PruneCause>,
    /// Whether it only planned.
    pub dry_run: bool,
    /// Age that the request named instead of the rules' own.
    pub older_than: Option<Duration>,
    /// Files deleted, or to be deleted where it only planned.
    pub deleted_objects: i64,
    /// Their bytes.
    pub deleted_bytes: i64,
    /// Files that the bucket would not delete.
    pub failed_objects: i64,
    /// Files that were kept, by reason.
    pub kept_because: Vec<KeptStats>,
    /// How it ended. None: it is under way.
    pub outcome: Option<PruneOutcome>,
    /// How long it took.
    pub duration_seconds: Option<u64>,
    /// Bytes in the bucket when it ended.
    pub remaining_bytes: Option<i64>,
    /// The error, or a remark.
    pub message: Option<String>,
    /// If the bucket stayed above its target: what holds the space, and which rule would free it.
    pub shortfall: Option<String>,
}

/// Files that were kept for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptStats {
    /// The reason.
    pub reason: String,
    /// How many files.
    pub objects: i64,
    /// Their bytes.
    pub size_bytes: i64,
}

/// A backup.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupStats {
    /// When it was due, or asked for.
    pub due_at: Timestamp,
    /// How it ended. None: it is under way.
    pub outcome: Option<BackupOutcome>,
    /// Its key in the bucket.
    pub key: Option<String>,
    /// How many objects are in it.
    pub item_count: Option<i64>,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// The error.
    pub message: Option<String>,
}

impl From<PruneRun> for RunStats {
    fn from(run: PruneRun) -> Self {
        Self {
            due_at: run.slot.0,
            cause: run.cause,
            dry_run: run.dry_run.unwrap_or_default(),
            older_than: run.older_than,
            deleted_objects: run.deleted_objects.unwrap_or_default(),
            deleted_bytes: run.deleted_bytes.unwrap_or_default(),
            failed_objects: run.failed_objects.unwrap_or_default(),
            kept_because: run.kept_because.into_iter().map(KeptStats::from).collect(),
            outcome: run.outcome,
            duration_seconds: run.duration.map(Duration::as_secs),
            remaining_bytes: run.bytes_after,
            message: run.message,
            shortfall: run.shortfall,
        }
    }
}

impl From<KeptBecause> for KeptStats {
    fn from(KeptBecause { reason, objects, bytes }: KeptBecause) -> Self {
        Self { reason, objects, size_bytes: bytes }
    }
}

impl From<BackupRun> for BackupStats {
    fn from(run: BackupRun) -> Self {
        Self {
            due_at: run.slot.0,
            outcome: run.outcome,
            key: run.key,
            item_count: run.items,
            size_bytes: run.bytes,
            message: run.message,
        }
    }
}
