use serde_json::{Value, json};

use super::super::{Metrics, MetricsFormat};
use super::*;

fn job(name: &str, status: &Value) -> VideoJob {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": name, "namespace": "films", "creationTimestamp": "1970-01-01T00:01:00Z"},
        "spec": {"topic": "x"}, "status": status,
    }))
    .unwrap()
}

fn ready(status: &str, reason: &str, at: &str) -> Value {
    json!({"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": at})
}

fn stalled() -> Value {
    json!({
        "type": "Stalled", "status": "True", "reason": "CredentialsInvalid", "message": "",
        "lastTransitionTime": "1970-01-01T00:02:00Z",
    })
}

fn text(census: &Census) -> String {
    Metrics::default().text(census, MetricsFormat::Prometheus).unwrap()
}

#[track_caller]
fn assert_has(census: &Census, lines: &[&str]) {
    let text = text(census);
    for line in lines {
        assert!(text.lines().any(|has| has == *line), "{line} is not in\n{text}");
    }
}

#[test]
fn jobs_are_counted_by_phase_and_by_what_they_wait_for() {
    let census = Census::default();
    let waits = |name: &str, reason: &str| {
        job(
            name,
            &json!({"phase": "Waiting", "conditions": [ready("Unknown", reason, "1970-01-01T00:03:00Z")]}),
        )
    };
    let needs_a_person = job(
        "d",
        &json!({
            "phase": "Waiting",
            "conditions": [ready("False", "CredentialsInvalid", "1970-01-01T00:02:00Z"), stalled()],
        }),
    );
    let jobs =
        [waits("a", "AwaitingQuota"), waits("b", "AwaitingQuota"), waits("c", "StorageFull"), needs_a_person];
    census.jobs(jobs.iter());
    assert_has(
        &census,
        &[
            "videofactory_jobs{phase=\"Waiting\"} 4",
            "videofactory_jobs{phase=\"Running\"} 0",
            "videofactory_jobs_waiting{reason=\"AwaitingQuota\"} 2",
            "videofactory_jobs_waiting{reason=\"StorageFull\"} 1",
            "videofactory_jobs_stalled{reason=\"CredentialsInvalid\"} 1",
        ],
    );
    assert!(!text(&census).contains("jobs_waiting{reason=\"CredentialsInvalid\"}"));
}

#[test]
fn a_failed_job_waits_for_nothing() {
    let census = Census::default();
    let conditions = json!([ready("False", "RetriesExhausted", "1970-01-01T00:02:00Z"), stalled()]);
    census.jobs([job("a", &json!({"phase": "Failed", "conditions": conditions}))].iter());
    assert_has(&census, &["videofactory_jobs{phase=\"Failed\"} 1"]);
    assert!(!text(&census).contains("jobs_stalled{") && !text(&census).contains("oldest_progress"));
}

#[test]
fn the_job_without_progress_for_longest_is_the_one_whose_time_is_reported() {
    let census = Census::default();
    let runs = |name: &str, steps: &Value| {
        let conditions = json!([ready("Unknown", "Progressing", "1970-01-01T00:02:00Z")]);
        job(name, &json!({"phase": "Running", "steps": steps, "conditions": conditions}))
    };
    let moved = runs(
        "a",
        &json!([
            {"name": "write-script", "startedAt": "1970-01-01T00:05:00Z", "finishedAt": "1970-01-01T00:06:00Z"},
            {"name": "generate-images", "startedAt": "1970-01-01T00:07:00Z"},
        ]),
    );
    let still = runs("b", &json!([{"name": "write-script", "startedAt": "1970-01-01T00:04:00Z"}]));
    let mut leaves = runs("c", &json!([]));
    leaves.metadata.deletion_timestamp = leaves.metadata.creation_timestamp.clone();
    let untouched = job("d", &Value::Null);
    census.jobs([moved, still, leaves, untouched].iter());
    assert_has(
        &census,
        &[
            "videofactory_jobs_oldest_progress_timestamp_seconds{phase=\"Running\"} 240",
            "videofactory_jobs_oldest_progress_timestamp_seconds{phase=\"Pending\"} 60",
        ],
    );
}

#[test]
fn an_account_reports_its_health_and_what_its_quotas_count() {
    let account = |status: &str| -> ProviderAccount {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
            "metadata": {"name": "hf", "namespace": "films"},
            "spec": {
                "provider": "HuggingFace", "secretRef": {"name": "hf"},
                "credentialsExpireAt": "1970-01-01T00:10:00Z",
                "quotas": [{"name": "gpu", "limit": 1500, "period": "1d", "unit": "Seconds"}],
            },
            "status": {"waiting": 3, "conditions": [
                {"type": "Healthy", "status": status, "reason": "R", "message": "", "lastTransitionTime": "1970-01-01T00:00:00Z"},
            ]},
        }))
        .unwrap()
    };
    let census = Census::default();
    census.account(&account("False"));
    assert_has(
        &census,
        &[
            "videofactory_account_healthy{account=\"films/hf\"} 0",
            "videofactory_credentials_expiry_timestamp_seconds{account=\"films/hf\"} 600",
            "videofactory_quota_waiters{account=\"films/hf\"} 3",
            "videofactory_quota_info{account=\"films/hf\",quota=\"gpu\",provider=\"HuggingFace\",unit=\"Seconds\"} 1",
        ],
    );
    let unasked = Census::default();
    unasked.account(&account("Unknown"));
    assert!(!text(&unasked).contains("account_healthy{"), "nobody has asked it yet");
}

#[test]
fn a_policy_reports_whether_it_can_be_used_and_what_it_owes() {
    let policy: StoragePolicy = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": "films", "creationTimestamp": "1970-01-01T00:00:00Z"},
        "spec": {
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"}, "schedule": "10 * * * *", "timeZone": "Etc/UTC",
            "backup": {"schedule": "20 * * * *"},
        },
        "status": {
            "nextRunAt": "1970-01-01T01:10:00Z", "nextBackupAt": "1970-01-01T01:20:00Z",
            "conditions": [ready("True", "Available", "1970-01-01T00:00:00Z")],
        },
    }))
    .unwrap();
    let census = Census::default();
    census.policy(&policy);
    assert_has(
        &census,
        &[
            "videofactory_storage_ready{policy=\"films/default\"} 1",
            "videofactory_prune_due_timestamp_seconds{policy=\"films/default\"} 600",
            "videofactory_backup_due_timestamp_seconds{policy=\"films/default\"} 1200",
        ],
    );
}
