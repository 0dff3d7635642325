//! How full buckets are, and what was pruned. Policies are few and named by people: they are labels.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::{BackupRun, PruneRun, StorageLevel};
use videofactory_pipeline::keys::{self, KINDS};

use super::{Histograms, Label, Labels, labels, outcome_labels};

/// Seconds, from one tenth to half an hour: what a prune run takes.
const RUNS: [f64; 11] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0];
/// The kind of what no rule speaks of: backups, plans and assets.
const OTHER: &str = "other";

/// What is measured of buckets.
#[derive(Debug)]
pub struct StorageMetrics {
    bytes: Family<Labels, Gauge>,
    limit: Family<Label, Gauge>,
    level: Family<Label, Gauge>,
    deleted_objects: Family<Label, Counter<u64, AtomicU64>>,
    deleted_bytes: Family<Label, Counter<u64, AtomicU64>>,
    duration: Histograms<Label>,
    prunes: Family<Labels, Counter>,
    backups: Family<Labels, Counter>,
}

impl StorageMetrics {
    /// Puts them into a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            bytes: Family::default(),
            limit: Family::default(),
            level: Family::default(),
            deleted_objects: Family::default(),
            deleted_bytes: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(RUNS)),
            prunes: Family::default(),
            backups: Family::default(),
        };
        registry.register("storage_bytes", "Bytes in a policy's bucket", metrics.bytes.clone());
        registry.register("storage_limit_bytes", "The policy's capacity.limit", metrics.limit.clone());
        registry.register(
            "storage_level",
            "0 below warn, 1 at warn, 2 at stop, 3 at the limit or without room on the server",
            metrics.level.clone(),
        );
        let deleted = &metrics.deleted_objects;
        registry.register("prune_deleted_objects", "Files that prune runs deleted", deleted.clone());
        registry.register("prune_deleted_bytes", "Their bytes", metrics.deleted_bytes.clone());
        let duration = metrics.duration.clone();
        registry.register_with_unit("prune_duration", "Time that a prune run took", Unit::Seconds, duration);
        registry.register("prune_runs", "Prune runs that have ended, by how", metrics.prunes.clone());
        registry.register("backup_runs", "Backups that have ended, by how", metrics.backups.clone());
        metrics
    }

    /// Says what a policy's status says.
    pub fn holds(&self, policy: &str, object: &StoragePolicy) {
        let label = [("policy", policy.to_owned())];
        self.limit.get_or_create(&label).set(object.spec.capacity.limit.bytes());
        let Some(status) = &object.status else { return };
        if let Some(level) = status.level {
            self.level.get_or_create(&label).set(match level {
                StorageLevel::Normal => 0,
                StorageLevel::Warning => 1,
                StorageLevel::Stopped => 2,
                StorageLevel::Full => 3,
            });
        }
        let Some(usage) = &status.usage else { return };
        for kind in KINDS {
            let of = usage.by_kind.iter().find(|of| of.kind == kind);
            let bytes = of.map_or(0, |of| of.bytes);
            self.bytes.get_or_create(&kind_label(policy, keys::folder(kind))).set(bytes);
        }
        self.bytes.get_or_create(&kind_label(policy, OTHER)).set(usage.other_bytes.unwrap_or_default());
    }

    /// Counts a run that has ended. One that only planned deleted nothing.
    pub fn pruned(&self, policy: &str, run: &PruneRun) {
        let label = [("policy", policy.to_owned())];
        if run.dry_run != Some(true) {
            let count = |number: Option<i64>| number.unwrap_or_default().max(0).unsigned_abs();
            self.deleted_objects.get_or_create(&label).inc_by(count(run.deleted_objects));
            self.deleted_bytes.get_or_create(&label).inc_by(count(run.deleted_bytes));
        }
        if let Some(duration) = run.duration {
            self.duration.get_or_create(&label).observe(std::time::Duration::from(duration).as_secs_f64());
        }
        if let Some(outcome) = run.outcome {
            let outcome = outcome_labels::of_prune(outcome);
            self.prunes.get_or_create(&labels([("policy", policy), ("outcome", outcome)])).inc();
        }
    }

    /// Counts a backup that has ended.
    pub fn backed_up(&self, policy: &str, run: &BackupRun) {
        let Some(outcome) = run.outcome.map(outcome_labels::of_backup) else { return };
        self.backups.get_or_create(&labels([("policy", policy), ("outcome", outcome)])).inc();
    }

    /// The policy is gone.
    pub fn gone(&self, policy: &str) {
        let label = [("policy", policy.to_owned())];
        self.limit.remove(&label);
        self.level.remove(&label);
        for kind in KINDS.map(keys::folder).into_iter().chain([OTHER]) {
            self.bytes.remove(&kind_label(policy, kind));
        }
    }
}

fn kind_label(policy: &str, kind: &str) -> Labels {
    [("policy", policy.to_owned()), ("kind", kind.to_owned())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Census, Metrics, MetricsFormat};
    use super::*;

    #[test]
    fn a_bucket_is_reported_by_policy_and_kind_until_the_policy_is_gone() {
        let policy: StoragePolicy = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy", "metadata": {"name": "default"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": {
                "level": "Stopped",
                "usage": {
                    "bytes": 9_500, "otherBytes": 500,
                    "byKind": [{"kind": "clips", "bytes": 9_000, "objects": 3}],
                },
                "runs": [
                    {
                        "slot": "2026-01-01T03:00:00Z", "deletedObjects": 4, "deletedBytes": 400, "duration": "2s",
                        "outcome": "Completed",
                    },
                    {
                        "slot": "2026-01-01T02:00:00Z", "deletedObjects": 9, "deletedBytes": 900, "dryRun": true,
                        "outcome": "Braked",
                    },
                ],
                "backup": {"slot": "2026-01-01T04:00:00Z", "outcome": "Failed"},
            },
        }))
        .unwrap();
        let metrics = Metrics::default();
        metrics.storage.holds("films/default", &policy);
        let status = policy.status.as_ref().unwrap();
        status.runs.iter().for_each(|run| metrics.storage.pruned("films/default", run));
        metrics.storage.backed_up("films/default", status.backup.as_ref().unwrap());
        let text = || metrics.text(&Census::default(), MetricsFormat::OpenMetrics).unwrap();
        for line in [
            "videofactory_storage_bytes{policy=\"films/default\",kind=\"clips\"} 9000",
            "videofactory_storage_bytes{policy=\"films/default\",kind=\"videos\"} 0",
            "videofactory_storage_bytes{policy=\"films/default\",kind=\"other\"} 500",
            "videofactory_storage_limit_bytes{policy=\"films/default\"} 10000000000",
            "videofactory_storage_level{policy=\"films/default\"} 2",
            "videofactory_prune_deleted_objects_total{policy=\"films/default\"} 4",
            "videofactory_prune_deleted_bytes_total{policy=\"films/default\"} 400",
            "videofactory_prune_duration_seconds_count{policy=\"films/default\"} 1",
            "videofactory_prune_runs_total{policy=\"films/default\",outcome=\"completed\"} 1",
            "videofactory_prune_runs_total{policy=\"films/default\",outcome=\"braked\"} 1",
            "videofactory_backup_runs_total{policy=\"films/default\",outcome=\"failed\"} 1",
        ] {
            let text = text();
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        metrics.storage.gone("films/default");
        assert!(!text().contains("storage_level{policy"));
    }
}
