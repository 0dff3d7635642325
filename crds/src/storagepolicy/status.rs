//! How full the bucket is, and what pruning has done.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::{Addressing, ObjectKind};
use crate::condition::display_wire_name;
use crate::units::Duration;

/// How full the bucket is, and what pruning has done.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoragePolicyStatus {
    /// Generation of the spec that this status speaks of; -1 until it was first looked at.
    pub observed_generation: Option<i64>,

    /// Where the policy's files are, and since when: it has found that place fit for use, and this cluster's. What stands
    /// in usage is of that place.
    pub place: Option<PolicyPlace>,

    /// Where the bucket's name stands in requests, as the server takes it: Path or VirtualHost.
    pub addressing: Option<Addressing>,

    /// What the bucket holds, as last measured.
    pub usage: Option<StorageUsage>,

    /// Normal, Warning (at warn or above), Stopped (at stop or above) or Full (at the limit or above, or its server has
    /// no room, whatever the limit is).
    pub level: Option<StorageLevel>,

    /// When the last prune run was due.
    pub last_run: Option<Time>,

    /// When the next prune run is due.
    pub next_run_at: Option<Time>,

    /// The last runs, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub runs: Vec<PruneRun>,

    /// The last backup.
    pub backup: Option<BackupRun>,

    /// When the next backup is due.
    pub next_backup_at: Option<Time>,

    /// Estimated operations a month, against the free tier of R2.
    pub operations: Option<OperationsEstimate>,

    /// The last requests by annotation that were acted upon.
    pub handled: Option<PolicyHandled>,

    /// Ready, Stalled, Healthy and WithinLimit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A place in which a policy has its files.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyPlace {
    /// URL of the S3 service.
    #[schemars(length(max = 500))]
    pub endpoint: String,

    /// Name of the bucket.
    #[schemars(length(max = 63))]
    pub bucket: String,

    /// What all keys are under.
    #[schemars(length(max = 200))]
    pub prefix: String,

    /// UID of the namespace kube-system of the cluster whose place it is, or of the operator's own namespace where it
    /// watches some alone.
    #[schemars(length(max = 64))]
    pub cluster: String,

    /// A digest of the mark in the place, by which it is known under every name. Absent: there was no room for a mark.
    #[schemars(length(max = 32))]
    pub mark: Option<String>,

    /// Since when the policy has been there. Files of deleted jobs count as no older than this.
    pub since: Time,
}

/// What the bucket holds.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageUsage {
    /// Bytes under the policy's prefix.
    pub bytes: Option<i64>,

    /// Number of files.
    pub objects: Option<i64>,

    /// The same by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into()]))]
    #[schemars(length(max = 20))]
    pub by_kind: Vec<KindUsage>,

    /// Bytes of backups/, plans/, tombstones/ and assets/, which no rule deletes.
    pub other_bytes: Option<i64>,

    /// Files in this project's folders whose names are not this project's, as of the last prune run. They are counted,
    /// and left alone.
    pub unknown_objects: Option<i64>,

    /// Folders and files beside this project's folders, at most 10, as of the last prune run. They are neither listed
    /// nor counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 10), inner(length(max = 256)))]
    pub foreign_folders: Vec<String>,

    /// When it was measured. What jobs write and runs delete is added until the next time.
    pub measured_at: Option<Time>,

    /// Bytes in per cent of the limit.
    pub percent: Option<i32>,
}

/// What the bucket holds of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindUsage {
    /// The kind.
    pub kind: ObjectKind,

    /// Bytes.
    pub bytes: i64,

    /// Number of files.
    pub objects: i64,
}

/// How full the bucket is, in a word.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum StorageLevel {
    /// Below `warn`.
    #[default]
    Normal,
    /// At `warn` or above.
    Warning,
    /// At `stop` or above.
    Stopped,
    /// At the limit or above, or its server has no room.
    Full,
}
display_wire_name!(StorageLevel);

/// One prune run.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneRun {
    /// When it was due; the time at which it was asked for, where no schedule did.
    pub slot: Time,

    /// Schedule, WarnCrossed, Request or Resumed.
    pub cause: Option<PruneCause>,

    /// Whether it only planned.
    pub dry_run: Option<bool>,

    /// Age that the request named instead of the rules' own.
    pub older_than: Option<Duration>,

    /// Files deleted, or to be deleted where it only planned.
    pub deleted_objects: Option<i64>,

    /// Their bytes.
    pub deleted_bytes: Option<i64>,

    /// Files that the bucket would not delete.
    pub failed_objects: Option<i64>,

    /// What was kept, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 40))]
    pub kept_because: Vec<KeptBecause>,

    /// How long it took.
    pub duration: Option<Duration>,

    /// Completed, Braked, Interrupted, Cancelled or Failed. Absent: it is under way.
    pub outcome: Option<PruneOutcome>,

    /// Bytes in the bucket when it ended.
    pub bytes_after: Option<i64>,

    /// What stood in its way, or what is to be known of it.
    pub message: Option<String>,

    /// If the bucket stayed above target: what holds the space, and which rule would free it.
    pub shortfall: Option<String>,

    /// Key of the whole plan in the bucket, which names every file and why.
    pub plan_key: Option<String>,
}

/// Why a prune run took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum PruneCause {
    /// Its time had come.
    Schedule,
    /// The bucket had grown to `capacity.warn`, or its server had no room.
    WarnCrossed,
    /// A person asked for it by annotation.
    Request,
    /// It continues with a slot whose run was interrupted.
    Resumed,
}
display_wire_name!(PruneCause);

/// One backup.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRun {
    /// When it was due; the time at which it was asked for, where no schedule did.
    pub slot: Time,

    /// Whether it continues with a slot that was interrupted.
    pub resumed: Option<bool>,

    /// Completed, Interrupted or Failed. Absent: it is under way.
    pub outcome: Option<BackupOutcome>,

    /// Key of the backup in the bucket.
    pub key: Option<String>,

    /// Objects in it.
    pub items: Option<i64>,

    /// Its size in bytes.
    pub bytes: Option<i64>,

    /// Backups that are kept, this one included.
    pub kept: Option<i64>,

    /// What stood in its way.
    pub message: Option<String>,
}

/// How a backup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum BackupOutcome {
    /// It is in the bucket.
    Completed,
    /// It was stopped in the middle twice; the next slot makes another.
    Interrupted,
    /// The bucket or the API server refused or did not answer.
    Failed,
}
display_wire_name!(BackupOutcome);

/// Files that were kept for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptBecause {
    /// The reason, in a few words.
    #[schemars(length(max = 200))]
    pub reason: String,

    /// How many files.
    pub objects: i64,

    /// Their bytes.
    pub bytes: i64,
}

/// How a prune run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum PruneOutcome {
    /// As planned.
    Completed,
    /// It would have deleted more than `brakes` allow, and stopped.
    Braked,
    /// It was stopped in the middle; the next one continues.
    Interrupted,
    /// It was stopped in the middle, and its policy was suspended or moved to another place meanwhile: nothing continues.
    Cancelled,
    /// The bucket refused or did not answer.
    Failed,
}
display_wire_name!(PruneOutcome);

/// Estimated operations a month.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationsEstimate {
    /// Writes and listings; R2 gives 1 million free.
    pub class_a_per_month: Option<i64>,

    /// Reads; R2 gives 10 million free.
    pub class_b_per_month: Option<i64>,

    /// Files that jobs wrote since countedSince, from which their part is estimated.
    pub counted_writes: Option<i64>,

    /// Since when these were counted, at most about a month.
    pub counted_since: Option<Time>,
}

/// The last requests by annotation that were acted upon.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyHandled {
    /// The last cleanup request, as JSON.
    pub cleanup: Option<String>,

    /// Time of the last backup request.
    pub backup: Option<String>,

    /// The last word that gave a place to the policy, which does so once.
    #[schemars(length(max = 200))]
    pub take_over: Option<String>,
}
