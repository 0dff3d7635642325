//! What a policy does next, case by case.

mod level;
mod location;
mod properties;

use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun, PruneCause, PruneOutcome, StorageLevel};

use super::super::observe::{Finding, good_for};
use super::super::run_history::backup_begun;
use super::testing::{GB, Harness, at, rules, unfit};
use super::{Action, Report, RunningTask};
use crate::config::SideEffects;

fn down() -> Finding {
    Finding::Unfit {
        reason: StoragePolicyReason::StorageUnavailable,
        answered: Some(false),
        message: "down".into(),
    }
}

#[test]
fn a_fit_bucket_is_ready_and_healthy() {
    let mut harness = Harness::new(&json!({}));
    harness.reconcile();
    assert_eq!(harness.condition("Ready").0, "True");
    assert_eq!(harness.condition("Healthy").1, "Available");
    assert_eq!(harness.observed.policy.status.unwrap().observed_generation, Some(3));
}

#[test]
fn an_unreachable_bucket_is_neither_and_a_server_that_answers_is_healthy() {
    for (finding, ready, healthy, needs_a_person) in [
        (down(), "StorageUnavailable", "False", false),
        (unfit(StoragePolicyReason::StorageFull), "StorageFull", "True", false),
        (unfit(StoragePolicyReason::PreconditionsUnsupported), "PreconditionsUnsupported", "True", true),
        (unfit(StoragePolicyReason::CredentialsInvalid), "CredentialsInvalid", "True", true),
        (Finding::Others { message: "whose is it?".into() }, "ConfigurationInvalid", "True", true),
    ] {
        let mut harness = Harness::new(&json!({}));
        harness.observed.finding = finding;
        harness.reconcile();
        let (status, reason, _) = harness.condition("Ready");
        assert_eq!((status.as_str(), reason.as_str()), ("False", ready));
        assert_eq!(harness.condition("Healthy").0, healthy);
        assert_eq!(harness.is_stalled(), needs_a_person, "{reason}");
        assert_eq!(harness.within_limit(), ("Unknown".into(), "Progressing".into()));
        harness.observed.finding = Finding::Fit;
        harness.reconcile();
        assert!(!harness.is_stalled(), "{reason}");
    }
}

#[test]
fn a_bucket_that_is_down_is_asked_soon_and_then_every_minute() {
    let waits: Vec<u64> = (1..8).map(|times| good_for(&down(), times).as_secs()).collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(good_for(&Finding::Fit, 0).as_secs(), 300);
}

#[test]
fn nothing_begins_while_the_bucket_cannot_be_reached_or_refuses_the_credentials() {
    for finding in [
        down(),
        unfit(StoragePolicyReason::CredentialsInvalid),
        unfit(StoragePolicyReason::ConfigurationInvalid),
    ] {
        let mut harness = Harness::new(&json!({"backup": {"schedule": "0 * * * *"}}));
        harness.observed.finding = finding;
        harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
        for _ in 0..20 {
            harness.reconcile();
            harness.pass(600);
        }
        assert_eq!(harness.begun, []);
        assert!(harness.runs().is_empty());
    }
}

#[test]
fn a_bucket_that_is_full_or_ignores_preconditions_is_pruned_all_the_same() {
    for reason in [StoragePolicyReason::StorageFull, StoragePolicyReason::PreconditionsUnsupported] {
        let mut harness = Harness::new(&json!({}));
        harness.observed.finding = unfit(reason);
        harness.reconcile();
        harness.measured(9 * GB);
        harness.reconcile();
        assert_eq!(harness.last_run_request().cause, PruneCause::WarnCrossed);
    }
}

#[test]
fn a_slot_runs_once_when_it_is_due() {
    let mut harness = Harness::holding(&json!({}), GB);
    assert_eq!(harness.next(), Some(at("2026-01-01T03:00:00Z")));
    harness.now = at("2026-01-01T03:00:02Z");
    harness.reconcile();
    let run_request = harness.last_run_request();
    assert_eq!(
        (run_request.slot, run_request.cause, run_request.dry_run),
        (at("2026-01-01T03:00:00Z"), PruneCause::Schedule, false)
    );
    assert_eq!(harness.next(), Some(at("2026-01-02T03:00:00Z")));
    assert_eq!(harness.runs()[0].outcome, None, "the intent is written before the run begins");
    harness.reconcile();
    harness.pruned(PruneOutcome::Completed, Some(GB), None);
    harness.reconcile();
    assert_eq!(harness.runs()[0].outcome, Some(PruneOutcome::Completed));
    assert_eq!(harness.runs()[0].cause, Some(PruneCause::Schedule));
    harness.pass(60);
    harness.reconcile();
    assert_eq!(harness.begun.len(), 2, "{:?}", harness.begun);
}

#[test]
fn a_slot_that_was_missed_is_not_made_up() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.now = at("2026-01-01T03:20:00Z");
    harness.restart();
    harness.reconcile();
    assert!(harness.runs().is_empty());
    assert_eq!(harness.next(), Some(at("2026-01-02T03:00:00Z")));
}

#[test]
fn a_slot_waits_a_little_for_a_bucket_that_is_away() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.observed.finding = down();
    harness.now = at("2026-01-01T03:00:00Z");
    let decision = harness.reconcile();
    assert_eq!(harness.next(), Some(at("2026-01-01T03:00:00Z")));
    assert_eq!(decision.wake_at, Some(at("2026-01-01T03:10:01Z")), "then it is too late");
    harness.observed.finding = Finding::Fit;
    harness.now = at("2026-01-01T03:04:00Z");
    harness.reconcile();
    assert_eq!(harness.last_run_request().slot, at("2026-01-01T03:00:00Z"));
}

#[test]
fn a_run_that_was_broken_off_continues_at_once_and_only_once_more() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.now = at("2026-01-01T03:00:00Z");
    harness.reconcile();
    harness.pass(40);
    harness.restart();
    harness.reconcile();
    let run_request = harness.last_run_request();
    assert_eq!((run_request.slot, run_request.cause), (at("2026-01-01T03:00:00Z"), PruneCause::Resumed));
    harness.pass(40);
    harness.restart();
    harness.reconcile();
    let outcomes: Vec<_> = harness.runs().iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(PruneOutcome::Interrupted), Some(PruneOutcome::Interrupted)]);
    assert_eq!(
        harness.observed.snapshot.running,
        Some(RunningTask::Measuring),
        "it does not run a third time"
    );
    harness.measured(GB);
    harness.now = at("2026-01-02T03:00:00Z");
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Schedule);
}

#[test]
fn a_request_is_followed_once_with_its_own_age() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.annotate("cleanup-requested", r#"{"at":"2025-12-31T18:00:00Z","olderThan":"2d","dryRun":true}"#);
    harness.pass(5);
    harness.reconcile();
    let run_request = harness.last_run_request();
    assert_eq!(
        (run_request.slot, run_request.cause, run_request.dry_run),
        (harness.now, PruneCause::Request, true)
    );
    assert_eq!(run_request.older_than, Some("2d".parse().unwrap()));
    assert_eq!(
        harness.observed.policy.status.as_ref().unwrap().handled.as_ref().unwrap().cleanup.as_deref(),
        Some(r#"{"at":"2025-12-31T18:00:00Z","olderThan":"2d","dryRun":true}"#)
    );
    harness.pruned(PruneOutcome::Completed, Some(GB), None);
    harness.reconcile();
    harness.pass(60);
    harness.reconcile();
    assert_eq!(harness.runs().len(), 1);
    // The words of a request that was broken off outlive it.
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:02:00Z","olderThan":"3d"}"#);
    harness.reconcile();
    harness.observed.policy.metadata.annotations = None;
    harness.restart();
    harness.reconcile();
    assert_eq!(harness.last_run_request().older_than, Some("3d".parse().unwrap()));
    assert_eq!(harness.last_run_request().cause, PruneCause::Resumed);
}

#[test]
fn a_request_beside_a_slot_goes_first_and_the_slot_follows() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.now = at("2026-01-01T03:00:01Z");
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T03:00:00Z","dryRun":true}"#);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Request);
    harness.pass(90);
    harness.pruned(PruneOutcome::Completed, Some(GB), None);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Schedule);
    assert_eq!(harness.last_run_request().slot, at("2026-01-01T03:00:00Z"));
}

#[test]
fn an_older_policy_of_the_same_bucket_prunes_and_this_one_says_so() {
    let mut harness = Harness::new(&json!({}));
    harness.observed.older = Some("other/default".into());
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    harness.reconcile();
    harness.measured(10 * GB);
    harness.reconcile();
    harness.now = at("2026-01-01T03:00:00Z");
    harness.reconcile();
    assert!(harness.runs().is_empty());
    assert_eq!(harness.within_limit(), ("Unknown".into(), "DuplicatePolicy".into()));
    assert!(harness.condition("WithinLimit").2.contains("other/default"));
    assert_eq!(harness.condition("Ready").0, "True", "its jobs continue");
    assert_eq!(harness.level(), Some(StorageLevel::Full), "and know how full it is");
    assert_eq!(harness.next(), None);
    assert_eq!(harness.reported.iter().filter(|reason| *reason == "RequestRefused").count(), 1);
}

#[test]
fn a_zone_that_does_not_exist_is_named_and_nothing_is_deleted() {
    for spec in [json!({"timeZone": "Mars/Olympus"}), json!({"schedule": "0 3 * * 5-2"})] {
        let mut harness = Harness::new(&spec);
        harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
        harness.reconcile();
        harness.measured(10 * GB);
        harness.reconcile();
        assert_eq!(harness.begun, [Action::Measure]);
        assert_eq!(harness.within_limit(), ("Unknown".into(), "ConfigurationInvalid".into()));
    }
}

#[test]
fn suspended_means_no_run_and_no_backup_and_requests_are_refused() {
    let mut harness = Harness::new(&json!({"suspend": true, "backup": {"schedule": "0 * * * *"}}));
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    harness.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    harness.reconcile();
    harness.measured(10 * GB);
    for _ in 0..10 {
        harness.pass(1_800);
        harness.reconcile();
        if harness.observed.snapshot.running.is_some() {
            harness.measured(10 * GB);
        }
    }
    assert!(harness.begun.iter().all(|action| *action == Action::Measure));
    harness.edit("suspend", json!(false));
    harness.reconcile();
    assert!(
        !matches!(harness.begun.last(), Some(Action::Prune(run_request)) if run_request.cause == PruneCause::Request)
    );
}

#[test]
fn where_side_effects_are_suspended_nothing_is_deleted_or_backed_up_and_all_say_so() {
    let mut harness = Harness::new(&json!({"backup": {"schedule": "0 * * * *"}, "schedule": "0 * * * *"}));
    harness.observed.side_effects = SideEffects::Suspend;
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    harness.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    harness.reconcile();
    harness.measured(GB);
    for bytes in [GB, 11 * GB] {
        for _ in 0..10 {
            harness.pass(1_800);
            harness.reconcile();
            if harness.observed.snapshot.running.is_some() {
                harness.measured(bytes);
            }
        }
        let (_, _, message) = harness.condition("WithinLimit");
        assert!(message.contains("--side-effects=Suspend"), "{message}");
    }
    assert!(harness.begun.iter().all(|action| *action == Action::Measure), "{:?}", harness.begun);
    assert_eq!(
        harness.reported.iter().filter(|reported| *reported == "RequestRefused").count(),
        2,
        "{:?}",
        harness.reported
    );
    assert_eq!(harness.condition("Ready").0, "True", "jobs may still write");
    harness.observed.side_effects = SideEffects::Allow;
    harness.reconcile();
    assert!(
        !matches!(harness.begun.last(), Some(Action::Prune(run_request)) if run_request.cause == PruneCause::Request)
    );
}

#[test]
fn dry_run_makes_every_run_dry() {
    let mut harness = Harness::holding(&json!({"dryRun": true}), 9 * GB);
    assert!(harness.last_run_request().dry_run);
    harness.pruned(PruneOutcome::Completed, Some(9 * GB), None);
    harness.reconcile();
    assert_eq!(harness.runs().len(), 1, "what only plans frees nothing, and is not repeated");
    assert!(harness.condition("WithinLimit").2.contains("spec.dryRun"));
    harness.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    harness.reconcile();
    assert!(harness.last_run_request().dry_run);
}

#[test]
fn an_edit_stops_the_run_under_way_which_continues_by_the_new_spec() {
    let mut harness = Harness::holding(&json!({}), 9 * GB);
    assert!(!harness.reconcile().cancel);
    harness.edit("grace", json!("2h"));
    assert!(harness.reconcile().cancel);
    harness.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Resumed);
    harness.edit("suspend", json!(true));
    assert!(harness.reconcile().cancel);
    harness.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    harness.reconcile();
    assert_eq!(harness.observed.snapshot.running, None);
}

#[test]
fn a_few_files_more_are_reported_every_half_minute_and_a_new_level_at_once() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.pass(31);
    harness.reconcile();
    let before = harness.writes;
    for _ in 0..60 {
        harness.pass(1);
        harness.write_files(1_000);
        harness.reconcile();
    }
    assert!((1..=3).contains(&(harness.writes - before)), "{} writes", harness.writes - before);
    harness.pass(1);
    harness.write_files(8 * GB + GB / 2);
    let before = harness.writes;
    harness.reconcile();
    assert_eq!((harness.writes - before, harness.level()), (1, Some(StorageLevel::Stopped)));
    let usage = harness.observed.policy.status.as_ref().unwrap().usage.clone().unwrap();
    assert_eq!((usage.percent, usage.bytes), (Some(95), Some(9 * GB + GB / 2 + 60_000)));
}

#[test]
fn what_is_not_reported_yet_is_reported_when_its_time_comes() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.write_files(1_000);
    harness.pass(10);
    let decision = harness.reconcile();
    assert!(!decision.reported);
    assert_eq!(decision.wake_at, Some(at("2026-01-01T00:00:30Z")));
    harness.now = at("2026-01-01T00:00:30Z");
    assert!(harness.reconcile().reported);
}

#[test]
fn usage_is_measured_at_intervals_and_soon_after_a_new_start() {
    let mut harness = Harness::holding(&json!({}), GB);
    assert_eq!(harness.begun, [Action::Measure]);
    let wake = harness.reconcile().wake_at;
    assert_eq!(wake, Some(at("2026-01-01T00:15:00Z")));
    harness.pass(60);
    harness.restart();
    assert_eq!(harness.reconcile().wake_at, Some(at("2026-01-01T00:06:00Z")));
    harness.now = at("2026-01-01T00:06:00Z");
    harness.reconcile();
    assert_eq!(harness.begun.len(), 2);
    assert_eq!(harness.observed.snapshot.running, Some(RunningTask::Measuring));
}

#[test]
fn a_measurement_that_failed_is_tried_again_later_and_the_usage_stays() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.now = at("2026-01-01T00:15:00Z");
    harness.reconcile();
    harness.observed.snapshot.running = None;
    harness.observed.snapshot.report = Some(Report::Measured(None));
    harness.observed.snapshot.measure_from = Some(at("2026-01-01T00:16:00Z"));
    assert_eq!(harness.reconcile().wake_at, Some(at("2026-01-01T00:16:00Z")));
    assert_eq!(harness.level(), Some(StorageLevel::Normal));
    harness.now = at("2026-01-01T00:16:00Z");
    harness.reconcile();
    assert_eq!(harness.observed.snapshot.running, Some(RunningTask::Measuring));
}

#[test]
fn another_bucket_is_measured_at_once_and_not_pruned_for_what_the_old_one_held() {
    let mut harness = Harness::holding(&json!({"rules": []}), 9 * GB);
    harness.edit("rules", rules());
    harness.observed.snapshot.other_bucket = true;
    harness.reconcile();
    assert_eq!(harness.observed.snapshot.running, Some(RunningTask::Measuring));
}

fn backed_up(slot: &str, outcome: BackupOutcome) -> Report {
    Report::BackedUp(BackupRun { outcome: Some(outcome), items: Some(4), ..backup_begun(at(slot)) })
}

#[test]
fn a_backup_is_written_when_due_and_when_asked_for() {
    let mut harness = Harness::holding(&json!({"backup": {"schedule": "0 4 * * 0"}}), GB);
    let sunday = "2026-01-04T04:00:00Z";
    assert_eq!(
        harness.observed.policy.status.as_ref().unwrap().next_backup_at.as_ref().unwrap().0,
        at(sunday)
    );
    harness.observed.policy.status.as_mut().unwrap().next_run_at = None;
    harness.now = at(sunday);
    harness.reconcile();
    assert_eq!(harness.begun.last(), Some(&Action::BackUp { slot: at(sunday) }));
    harness.observed.snapshot.running = None;
    harness.observed.snapshot.report = Some(backed_up(sunday, BackupOutcome::Completed));
    harness.annotate("backup-requested-at", "2026-01-04T04:00:01Z");
    harness.pass(2);
    harness.reconcile();
    assert!(harness.reported.contains(&"BackedUp".to_owned()));
    assert_eq!(harness.begun.last(), Some(&Action::BackUp { slot: harness.now }));
    harness.observed.snapshot.running = None;
    harness.observed.snapshot.report = Some(backed_up("2026-01-04T04:00:02Z", BackupOutcome::Failed));
    harness.reconcile();
    assert!(harness.reported.contains(&"BackupFailed".to_owned()));
    assert!(
        !matches!(harness.observed.snapshot.running, Some(RunningTask::BackingUp)),
        "what failed waits for its next slot"
    );
}

#[test]
fn a_backup_that_was_broken_off_is_written_again_once_under_the_same_name() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    harness.reconcile();
    let slot = harness.now;
    for _ in 0..3 {
        harness.pass(20);
        harness.restart();
        harness.reconcile();
    }
    let backups = harness.begun.iter().filter(|action| **action == Action::BackUp { slot });
    assert_eq!(backups.count(), 2);
    let backup = harness.observed.policy.status.as_ref().unwrap().backup.clone().unwrap();
    assert_eq!(backup.outcome, Some(BackupOutcome::Interrupted));
}

#[test]
fn who_is_about_to_end_records_what_has_ended_and_begins_nothing() {
    let mut harness = Harness::holding(&json!({}), 9 * GB);
    harness.observed.stopping = true;
    harness.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    harness.reconcile();
    assert_eq!(harness.runs()[0].outcome, Some(PruneOutcome::Interrupted));
    assert_eq!(harness.observed.snapshot.running, None);
    harness.observed.stopping = false;
    harness.restart();
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Resumed, "the next one continues");
}
