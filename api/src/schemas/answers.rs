//! Schemas of what `videofactory_client` makes and the plugin prints, too: each type here stands for one of that crate.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;

/// The results of an action on several jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkAnswer {
    /// The action.
    #[schema(value_type = super::Action)]
    action: String,
    /// Whether nothing was changed, because the request said so.
    dry_run: bool,
    /// How many jobs, by outcome.
    counts: BTreeMap<String, i64>,
    /// Each job.
    items: Vec<ItemResult>,
}

/// The result of an action on one job.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemResult {
    /// The job.
    #[schema(value_type = super::JobId)]
    id: String,
    /// The result.
    #[schema(value_type = super::RequestOutcome)]
    outcome: String,
    /// Why it was not requested, if it was not; or why the job stays suspended although a resume was requested.
    detail: Option<String>,
}

/// The results of a cleanup request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupAnswer {
    /// `cleanup`.
    action: String,
    /// Whether the runs only plan, and delete nothing.
    dry_run: bool,
    /// How many policies, by outcome.
    counts: BTreeMap<String, i64>,
    /// Each policy.
    items: Vec<CleanupItem>,
}

/// The result for one policy.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupItem {
    /// The policy, as `<namespace>/<name>`.
    id: String,
    /// Requested, refused because another request waits to begin, or failed.
    #[schema(value_type = super::RequestOutcome)]
    outcome: String,
    /// Time of the request, or of an earlier one that wants the same and has not begun. The run is due at this time or
    /// later; its outcome is in `status.runs` of the policy, and in GET `/storage/stats`.
    #[schema(format = DateTime)]
    requested_at: Option<String>,
    /// Why it was not requested, or which run it follows.
    detail: Option<String>,
}

/// The results of a restore.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreAnswer {
    /// `restore`.
    action: String,
    /// Whether nothing was changed, because the request said so.
    dry_run: bool,
    /// How many objects, by outcome.
    counts: BTreeMap<String, i64>,
    /// Each object, in the order of the backup.
    items: Vec<RestoredItem>,
    /// What else to know: Secrets that must exist, and to which cluster the bucket belongs.
    notes: Vec<String>,
}

/// The result for one object.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoredItem {
    /// Its kind.
    #[schema(value_type = super::BackupKind)]
    kind: String,
    /// Its namespace.
    namespace: String,
    /// Its name.
    name: String,
    /// The result.
    #[schema(value_type = super::RestoreOutcome)]
    outcome: String,
    /// Why, or what else to know.
    detail: Option<String>,
}

/// A prune run.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunStats {
    /// When it was due, or asked for.
    #[schema(format = DateTime)]
    due_at: String,
    /// Why it took place.
    #[schema(value_type = Option<super::PruneCause>)]
    cause: Option<String>,
    /// Whether it only planned.
    dry_run: bool,
    /// Age from which files of finished jobs were deleted. Absent: the ages of the rules.
    #[schema(example = "7d")]
    older_than: Option<String>,
    /// Files deleted, or to be deleted where it only planned.
    deleted_objects: i64,
    /// Their bytes.
    deleted_bytes: i64,
    /// Files that the bucket would not delete.
    failed_objects: i64,
    /// Files that were kept, by reason.
    kept_because: Vec<KeptStats>,
    /// How it ended. Absent: it is under way.
    #[schema(value_type = Option<super::PruneOutcome>)]
    outcome: Option<String>,
    /// How long it took.
    duration_seconds: Option<u64>,
    /// Bytes in the bucket when it ended.
    remaining_bytes: Option<i64>,
    /// The error, or a remark.
    message: Option<String>,
    /// If the bucket stayed above its target: what holds the space, and which rule would free it.
    shortfall: Option<String>,
}

/// Files that were kept for one reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptStats {
    /// The reason.
    reason: String,
    /// How many files.
    objects: i64,
    /// Their bytes.
    size_bytes: i64,
}

/// A backup.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupStats {
    /// When it was due, or asked for.
    #[schema(format = DateTime)]
    due_at: String,
    /// How it ended. Absent: it is under way.
    #[schema(value_type = Option<super::BackupOutcome>)]
    outcome: Option<String>,
    /// Its key in the bucket.
    key: Option<String>,
    /// How many objects are in it.
    item_count: Option<i64>,
    /// Its size.
    size_bytes: Option<i64>,
    /// The error.
    message: Option<String>,
}

/// How a scene is to differ from the storyboard, as in an entry of `spec.sceneOverrides`. What is left out is as the
/// storyboard has it.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneEdit {
    /// What is spoken.
    #[schema(max_length = 1000)]
    narration: Option<String>,
    /// What the picture shows.
    #[schema(max_length = 1000)]
    image_prompt: Option<String>,
    /// How the picture moves.
    #[schema(max_length = 400)]
    motion_prompt: Option<String>,
    /// Which take of the scene to use. A higher one is made; of a lower one the files are still there.
    #[schema(minimum = 1, maximum = 1000)]
    take: Option<i32>,
    /// Whether to leave the scene out of the film.
    skip: Option<bool>,
    /// Files of your own to use instead of what would be made.
    assets: Option<SceneAssets>,
}

/// Files of your own for one scene, as keys under assets/ in the bucket.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneAssets {
    /// An image.
    #[schema(max_length = 256)]
    image: Option<String>,
    /// A video clip.
    #[schema(max_length = 256)]
    clip: Option<String>,
    /// A voice recording.
    #[schema(max_length = 256)]
    voice: Option<String>,
}
