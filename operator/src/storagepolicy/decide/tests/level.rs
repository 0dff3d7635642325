//! What a policy does while its bucket fills up, case by case.

use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::{PruneCause, PruneOutcome, StorageLevel};

use super::super::testing::{GB, Harness, at, unfit};
use super::super::{Action, RunningTask};

#[test]
fn crossing_warn_begins_a_run_and_what_it_cannot_free_begins_no_other() {
    let mut harness = Harness::holding(&json!({}), 8 * GB);
    assert_eq!(harness.within_limit(), ("True".into(), "Available".into()));
    harness.write_files(GB);
    harness.pass(1);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::WarnCrossed);
    assert_eq!(harness.level(), Some(StorageLevel::Warning));
    assert_eq!(harness.within_limit(), ("False".into(), "StorageFull".into()));
    assert!(harness.reported.contains(&"StorageWarning".to_owned()));
    harness.pruned(PruneOutcome::Completed, Some(9 * GB), Some("clips of live jobs hold 9 GB"));
    harness.reconcile();
    assert_eq!(harness.within_limit(), ("False".into(), "NothingPrunable".into()));
    assert!(harness.condition("WithinLimit").2.contains("clips of live jobs"));
    for _ in 0..20 {
        harness.pass(10);
        harness.write_files(1_000_000);
        harness.reconcile();
    }
    assert_eq!(harness.runs().len(), 1, "20 MB of 10 GB are not worth another run");
    harness.write_files(GB / 10);
    harness.reconcile();
    assert_eq!(harness.last_run_request().slot, harness.now, "one per cent is");
    assert_eq!(harness.runs().len(), 2);
}

#[test]
fn a_run_that_freed_enough_lets_the_next_crossing_begin_another() {
    let mut harness = Harness::holding(&json!({}), 9 * GB);
    harness.pass(30);
    harness.pruned(PruneOutcome::Completed, Some(8 * GB), None);
    harness.reconcile();
    assert_eq!(harness.level(), Some(StorageLevel::Normal));
    harness.pass(30);
    harness.write_files(GB + 1);
    harness.reconcile();
    assert_eq!(harness.runs().len(), 2);
}

#[test]
fn a_run_that_failed_is_not_tried_again_at_once() {
    for measured in [None, Some(9 * GB)] {
        let mut harness = Harness::holding(&json!({}), 9 * GB);
        harness.pruned(PruneOutcome::Failed, measured, None);
        let decision = harness.reconcile();
        assert_eq!(harness.runs().len(), 1);
        assert_eq!(decision.wake_at, Some(at("2026-01-01T00:15:00Z")));
        harness.now = at("2026-01-01T00:15:00Z");
        harness.reconcile();
        assert_eq!(harness.runs().len(), 2);
    }
}

#[test]
fn each_failure_in_a_row_doubles_the_wait() {
    let mut harness = Harness::holding(&json!({"schedule": "0 0 1 1 *"}), 9 * GB);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let begun = harness.now;
        harness.pruned(PruneOutcome::Failed, Some(9 * GB), None);
        harness.reconcile();
        while !matches!(harness.observed.snapshot.running, Some(RunningTask::Pruning(_))) {
            if harness.observed.snapshot.running.is_some() {
                harness.measured(9 * GB);
            }
            harness.pass(60);
            harness.reconcile();
        }
        waits.push(harness.now.duration_since(begun).as_mins());
    }
    assert_eq!(waits, [15, 30, 60, 120]);
}

#[test]
fn while_jobs_wait_for_room_a_run_is_tried_again_by_the_clock() {
    let runs_after = |spec: serde_json::Value, bytes: i64, seconds: i64| {
        let mut harness = Harness::holding(&spec, bytes);
        harness.pruned(PruneOutcome::Completed, Some(bytes), Some("clips of live jobs hold it"));
        harness.reconcile();
        harness.pass(seconds);
        harness.reconcile();
        harness.runs().len()
    };
    let stopped = 9 * GB + GB / 2;
    assert_eq!(runs_after(json!({}), stopped, 3_599), 1);
    assert_eq!(runs_after(json!({}), stopped, 3_600), 2);
    assert_eq!(runs_after(json!({}), stopped - 1, 3_600), 1, "nobody waits: time alone is for the schedule");
    assert_eq!(runs_after(json!({"dryRun": true}), stopped, 3_600), 1, "what only plans frees nothing");
}

#[test]
fn a_bucket_that_its_server_calls_full_is_pruned_whatever_was_counted() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.observed.finding = unfit(StoragePolicyReason::StorageFull);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::WarnCrossed);
    harness.pruned(PruneOutcome::Completed, Some(GB), None);
    harness.reconcile();
    harness.pass(3_000);
    harness.reconcile();
    assert_eq!(harness.runs().len(), 1, "and not again at once");
}

#[test]
fn what_another_policy_deleted_here_is_measured_at_once() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.observed.older = Some("other/default".into());
    harness.observed.snapshot.outdated = true;
    harness.reconcile();
    assert_eq!(harness.observed.snapshot.running, Some(RunningTask::Measuring));
}

#[test]
fn without_rules_a_full_bucket_says_so_and_nothing_runs() {
    let harness = Harness::holding(&json!({"rules": []}), 10 * GB);
    assert_eq!(harness.begun, [Action::Measure]);
    assert_eq!(harness.level(), Some(StorageLevel::Full));
    assert_eq!(harness.within_limit(), ("False".into(), "NothingPrunable".into()));
    assert!(harness.condition("WithinLimit").2.contains("no rule"), "{:?}", harness.condition("WithinLimit"));
}

#[test]
fn a_server_that_refuses_a_file_is_full_until_files_were_deleted_or_a_while_has_passed() {
    let refused = || {
        let mut harness = Harness::holding(&json!({}), GB);
        harness.observed.snapshot.refused_at = Some(harness.now);
        let decision = harness.reconcile();
        assert_eq!(harness.level(), Some(StorageLevel::Full));
        assert_eq!(harness.last_run_request().cause, PruneCause::WarnCrossed);
        assert_eq!(harness.within_limit(), ("False".into(), "StorageFull".into()));
        assert!(harness.condition("WithinLimit").2.contains("its server has no room"));
        assert_eq!(harness.reported, ["StorageFull"]);
        assert_eq!(decision.wake_at, Some(at("2026-01-01T00:15:00Z")));
        harness
    };
    let mut harness = refused();
    harness.pruned(PruneOutcome::Completed, Some(GB / 2), None);
    harness.observed.snapshot.refused_at = None;
    harness.reconcile();
    assert_eq!(harness.level(), Some(StorageLevel::Normal));

    let mut harness = refused();
    harness.pruned(PruneOutcome::Completed, Some(GB), Some("all of it is wanted"));
    harness.reconcile();
    assert_eq!((harness.level(), harness.runs().len()), (Some(StorageLevel::Full), 1));
    harness.pass(900);
    harness.reconcile();
    assert_eq!((harness.level(), harness.runs().len()), (Some(StorageLevel::Normal), 1));
}
