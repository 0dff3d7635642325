//! GET `/storage/stats`: how full the buckets are, and what pruning does.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::policy_run::{BackupStats, RunStats};
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::storagepolicy::{ObjectKind, StorageLevel};

use super::allowed_namespaces;
use crate::access::Caller;
use crate::problem::Problem;
use crate::query::{NamespaceQuery, Parameters, check_name};
use crate::schemas;
use crate::state::{Guarded, State};

/// How full the buckets are.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageStats {
    /// Bytes in all of them.
    pub size_bytes: i64,
    /// Sum of their limits, in bytes.
    pub limit_bytes: i64,
    /// Bytes in per cent of the limits together.
    pub percent: Option<i64>,
    /// Each policy's bucket.
    pub items: Vec<PolicyStats>,
}

/// How full a policy's bucket is.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyStats {
    /// The policy, as `<namespace>/<name>`.
    pub id: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it can be used.
    pub ready: bool,
    /// Its state in a sentence, or the reason why it cannot be used.
    pub message: Option<String>,
    /// How full it is, in a word.
    #[schema(value_type = Option<schemas::StorageLevel>)]
    pub level: Option<StorageLevel>,
    /// Bytes, as last measured, with what jobs wrote and runs deleted since.
    pub size_bytes: Option<i64>,
    /// Number of files.
    pub objects: Option<i64>,
    /// Bytes in per cent of the limit.
    pub percent: Option<i64>,
    /// Size that pruning brings it down to, in bytes.
    pub target_bytes: i64,
    /// Size at which a prune run starts.
    pub warn_bytes: i64,
    /// Size at which new jobs wait.
    pub stop_bytes: i64,
    /// Size at which only films whose scenes are made are finished.
    pub limit_bytes: i64,
    /// Bytes and files by kind.
    pub by_kind: Vec<KindStats>,
    /// Bytes of backups, plans, tombstones and your own assets, which no rule deletes.
    pub other_bytes: Option<i64>,
    /// When it was measured.
    pub measured_at: Option<Timestamp>,
    /// The last prune run.
    #[schema(value_type = Option<schemas::RunStats>)]
    pub last_run: Option<RunStats>,
    /// When the next one is due.
    pub next_run_at: Option<Timestamp>,
    /// Operations a month against the bucket, estimated.
    pub operations: Option<OperationStats>,
    /// The last backup of the objects.
    #[schema(value_type = Option<schemas::BackupStats>)]
    pub last_backup: Option<BackupStats>,
    /// When the next one is due.
    pub next_backup_at: Option<Timestamp>,
}

/// Files of one kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindStats {
    /// The kind.
    #[schema(value_type = schemas::ObjectKind)]
    pub kind: ObjectKind,
    /// Bytes.
    pub size_bytes: i64,
    /// Number of files.
    pub objects: i64,
}

/// Operations a month, estimated.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperationStats {
    /// Writes and listings; R2 gives 1 million free.
    pub class_a_per_month: Option<i64>,
    /// Reads; R2 gives 10 million free.
    pub class_b_per_month: Option<i64>,
}

/// How full the buckets are, what pruning did last, and what it kept and why.
#[utoipa::path(get, path = "/storage/stats", operation_id = "get_storage_stats", tag = "storage", params(NamespaceQuery), responses(
    (status = 200, description = "Each bucket that you may see, and all together", body = StorageStats),
))]
pub async fn stats(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<NamespaceQuery>,
) -> Result<Json<StorageStats>, Problem> {
    let listed = listed(&state, &caller, &query).await?;
    Ok(Json(StorageStats::of(listed.iter().filter_map(|policy| policy.0.as_ref().ok()))))
}

/// The policies that the caller may list, of those that are asked for.
pub async fn listed(
    state: &State,
    caller: &Caller,
    query: &NamespaceQuery,
) -> Result<Vec<Arc<Guarded<StoragePolicy>>>, Problem> {
    let named = query.namespace.as_deref();
    check_name("namespace", named)?;
    let mut policies = state.stores.policies.state();
    let there: BTreeSet<String> = policies.iter().filter_map(|policy| policy.namespace()).collect();
    let scope = allowed_namespaces::of(state, caller, "storagepolicies", named, there).await?;
    policies.retain(|policy| scope.holds(policy.meta().namespace.as_deref().unwrap_or_default()));
    Ok(policies)
}

impl StorageStats {
    /// Of these policies, in the order of their names.
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a StoragePolicy>) -> Self {
        let mut items: Vec<PolicyStats> = policies.into_iter().map(PolicyStats::of).collect();
        items
            .sort_unstable_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        let size_bytes = sum(items.iter().map(|policy| policy.size_bytes.unwrap_or_default()));
        let limit_bytes = sum(items.iter().map(|policy| policy.limit_bytes));
        Self { size_bytes, limit_bytes, percent: percent(size_bytes, limit_bytes), items }
    }
}

impl PolicyStats {
    /// Of this one.
    pub fn of(policy: &StoragePolicy) -> Self {
        let marks = policy.spec.capacity.water_marks();
        let status = policy.status.clone().unwrap_or_default();
        let usage = status.usage.unwrap_or_default();
        let ready = condition::get(&status.conditions, ConditionType::Ready);
        let kinds = usage.by_kind.into_iter();
        let namespace = policy.namespace().unwrap_or_default();
        Self {
            id: format!("{namespace}/{}", policy.name_any()),
            namespace,
            name: policy.name_any(),
            ready: ready.is_some_and(|ready| ready.status == "True"),
            message: ready.map(|ready| ready.message.clone()),
            level: status.level,
            size_bytes: usage.bytes,
            objects: usage.objects,
            percent: usage.bytes.and_then(|bytes| percent(bytes, marks.limit)),
            target_bytes: marks.target,
            warn_bytes: marks.warn,
            stop_bytes: marks.stop,
            limit_bytes: marks.limit,
            by_kind: kinds
                .map(|of| KindStats { kind: of.kind, size_bytes: of.bytes, objects: of.objects })
                .collect(),
            other_bytes: usage.other_bytes,
            measured_at: at(usage.measured_at),
            last_run: status.runs.into_iter().next().map(RunStats::from),
            next_run_at: at(status.next_run_at),
            operations: status.operations.map(|estimate| OperationStats {
                class_a_per_month: estimate.class_a_per_month,
                class_b_per_month: estimate.class_b_per_month,
            }),
            last_backup: status.backup.map(BackupStats::from),
            next_backup_at: at(status.next_backup_at),
        }
    }
}

/// A time as we write it.
pub fn at(time: Option<Time>) -> Option<Timestamp> {
    time.map(|time| time.0)
}

fn sum(bytes: impl Iterator<Item = i64>) -> i64 {
    bytes.fold(0, i64::saturating_add)
}

fn percent(bytes: i64, limit: i64) -> Option<i64> {
    (limit > 0).then(|| i64::try_from(i128::from(bytes) * 100 / i128::from(limit)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(name: &str, status: &Value) -> StoragePolicy {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": name, "namespace": "films"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn buckets_are_reported_one_by_one_and_together() {
        let full = policy(
            "b",
            &json!({
                "usage": {"bytes": 9_500_000_000_i64, "byKind": [{"kind": "videos", "bytes": 1, "objects": 1}]},
                "level": "Stopped",
                "runs": [{"slot": "2026-12-24T03:00:00Z", "outcome": "Completed", "duration": "12s", "deletedObjects": 3,
                          "olderThan": "7d", "bytesAfter": 9_400_000_000_i64,
                          "keptBecause": [{"reason": "younger than 7d", "objects": 2, "bytes": 9}]}],
                "backup": {"slot": "2026-12-24T04:00:00Z", "outcome": "Completed", "items": 9, "bytes": 4_096},
            }),
        );
        let stats = StorageStats::of([&full, &policy("a", &json!({"usage": {"bytes": 500_000_000}}))]);
        assert_eq!((stats.size_bytes, stats.percent), (10_000_000_000, Some(50)));
        let names: Vec<&str> = stats.items.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let reported = serde_json::to_value(&stats.items[1]).unwrap();
        assert_eq!((&reported["percent"], &reported["level"]), (&json!(95), &json!("Stopped")));
        assert_eq!(reported["warnBytes"], 9_000_000_000_i64);
        assert_eq!((&reported["id"], &reported["sizeBytes"]), (&json!("films/b"), &json!(9_500_000_000_i64)));
        let run = &reported["lastRun"];
        assert_eq!(
            (&run["dueAt"], &run["durationSeconds"], &run["olderThan"], &run["remainingBytes"]),
            (&json!("2026-12-24T03:00:00Z"), &json!(12), &json!("7d"), &json!(9_400_000_000_i64))
        );
        assert_eq!(run["keptBecause"][0], json!({"reason": "younger than 7d", "objects": 2, "sizeBytes": 9}));
        assert_eq!(
            reported["lastBackup"],
            json!({"dueAt": "2026-12-24T04:00:00Z", "outcome": "Completed", "itemCount": 9, "sizeBytes": 4_096})
        );
        assert_eq!(reported["byKind"][0], json!({"kind": "videos", "sizeBytes": 1, "objects": 1}));
        assert_eq!(reported["ready"], false);
    }

    #[test]
    fn a_policy_that_was_never_measured_has_no_numbers() {
        let stats = StorageStats::of([&policy("a", &Value::Null)]);
        assert_eq!((stats.size_bytes, stats.percent, stats.items[0].size_bytes), (0, Some(0), None));
        assert_eq!(StorageStats::of([]).percent, None);
    }
}
