//! Since when a prune run or a backup is owed: when the one after the last that went well was due, or will be. Pure.
//!
//! By what is made and not by what is announced: a slot that was missed, while the bucket was away, leaves no trace.

use jiff::Timestamp;
use videofactory_crds::StoragePolicy;
use videofactory_crds::schedule::CronSchedule;
use videofactory_crds::storagepolicy::{BackupOutcome, PruneOutcome};

use super::schedule::Schedule;

/// When the next prune run was due, or will be; none while nothing is to be pruned.
#[must_use]
pub fn next_prune(policy: &StoragePolicy) -> Option<Timestamp> {
    let status = policy.status.as_ref()?;
    // Suspended, or kept from pruning by what a condition says.
    status.next_run_at.as_ref()?;
    // A run that only plans makes no room.
    match status.runs.iter().find(|run| run.dry_run != Some(true)) {
        Some(run) => match run.outcome {
            Some(PruneOutcome::Completed | PruneOutcome::Cancelled) => {
                slot_after(policy, &policy.spec.schedule, run.slot.0)
            }
            // Also while it is under way, which may take too long.
            None | Some(PruneOutcome::Braked | PruneOutcome::Interrupted | PruneOutcome::Failed) => {
                Some(run.slot.0)
            }
        },
        None => slot_after(policy, &policy.spec.schedule, begin(policy)?),
    }
}

/// When the next backup was due, or will be; none while there is to be none.
#[must_use]
pub fn next_backup(policy: &StoragePolicy) -> Option<Timestamp> {
    let status = policy.status.as_ref()?;
    status.next_backup_at.as_ref()?;
    let schedule = &policy.spec.backup.as_ref()?.schedule;
    match &status.backup {
        Some(run) if run.outcome == Some(BackupOutcome::Completed) => {
            slot_after(policy, schedule, run.slot.0)
        }
        Some(run) => Some(run.slot.0),
        None => slot_after(policy, schedule, begin(policy)?),
    }
}

fn slot_after(policy: &StoragePolicy, schedule: &CronSchedule, time: Timestamp) -> Option<Timestamp> {
    Schedule::read(schedule, &policy.spec.time_zone).ok()?.next_after(time)
}

/// When a policy was first found fit for use, in the place that it has now.
fn begin(policy: &StoragePolicy) -> Option<Timestamp> {
    let since = policy.status.as_ref().and_then(|status| status.place.as_ref()).map(|place| place.since.0);
    since.or_else(|| policy.metadata.creation_timestamp.as_ref().map(|at| at.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(status: &Value) -> StoragePolicy {
        let mut policy = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "creationTimestamp": "2026-01-01T12:00:00Z"},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"}, "schedule": "0 3 * * *", "timeZone": "Etc/UTC",
                "backup": {"schedule": "0 4 * * 0"},
            },
            "status": {"nextRunAt": "2026-01-09T03:00:00Z", "nextBackupAt": "2026-01-11T04:00:00Z"},
        });
        policy["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
        serde_json::from_value(policy).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_run_is_owed_from_the_slot_after_the_last_that_went_well() {
        let run = |slot: &str, outcome: Value| {
            next_prune(&policy(&json!({"runs": [
                {"slot": slot, "outcome": outcome}, {"slot": "2026-01-01T03:00:00Z", "outcome": "Completed"},
            ]})))
        };
        let slot = "2026-01-03T03:00:00Z";
        for outcome in ["Completed", "Cancelled"] {
            assert_eq!(run(slot, json!(outcome)), Some(at("2026-01-04T03:00:00Z")), "{outcome}");
        }
        for outcome in ["Failed", "Braked", "Interrupted"] {
            assert_eq!(run(slot, json!(outcome)), Some(at(slot)), "{outcome}");
        }
        assert_eq!(run(slot, Value::Null), Some(at(slot)), "it is under way");
    }

    #[test]
    fn a_dry_run_pays_no_debt() {
        let owed = |before: &Value| {
            let dry = json!({"slot": "2026-01-05T18:00:00Z", "dryRun": true, "outcome": "Completed"});
            next_prune(&policy(&json!({"runs": [dry, before]})))
        };
        let failed = json!({"slot": "2026-01-03T03:00:00Z", "outcome": "Failed"});
        assert_eq!(owed(&failed), Some(at("2026-01-03T03:00:00Z")));
        let good = json!({"slot": "2026-01-03T03:00:00Z", "outcome": "Completed"});
        assert_eq!(owed(&good), Some(at("2026-01-04T03:00:00Z")));
        assert_eq!(
            owed(&json!({"slot": "2026-01-04T18:00:00Z", "dryRun": true})),
            Some(at("2026-01-02T03:00:00Z"))
        );
    }

    #[test]
    fn the_first_run_is_owed_from_the_first_slot_after_the_policy_came() {
        assert_eq!(next_prune(&policy(&json!({}))), Some(at("2026-01-02T03:00:00Z")));
        let place = json!({"place": {
            "endpoint": "http://s3:9000", "bucket": "videos", "prefix": "", "cluster": "c", "since": "2026-01-05T00:00:00Z",
        }});
        assert_eq!(next_prune(&policy(&place)), Some(at("2026-01-05T03:00:00Z")));
        assert_eq!(next_backup(&policy(&place)), Some(at("2026-01-11T04:00:00Z")));
    }

    #[test]
    fn a_backup_is_owed_from_the_slot_after_the_last_that_went_well() {
        let backup = |outcome: Value| {
            next_backup(&policy(&json!({"backup": {"slot": "2026-01-04T04:00:00Z", "outcome": outcome}})))
        };
        assert_eq!(backup(json!("Completed")), Some(at("2026-01-11T04:00:00Z")));
        assert_eq!(backup(json!("Failed")), Some(at("2026-01-04T04:00:00Z")));
        assert_eq!(backup(Value::Null), Some(at("2026-01-04T04:00:00Z")), "it is under way");
    }

    #[test]
    fn nothing_is_owed_while_nothing_is_announced() {
        let suspended = policy(&json!({"nextRunAt": null, "nextBackupAt": null}));
        assert_eq!((next_prune(&suspended), next_backup(&suspended)), (None, None));
        let mut without = policy(&json!({}));
        without.spec.backup = None;
        assert_eq!(next_backup(&without), None);
        without.status = None;
        assert_eq!(next_prune(&without), None);
    }
}
