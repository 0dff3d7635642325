//! What a policy does next, case by case.

mod level;
mod place;
mod properties;

use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun, PruneCause, PruneOutcome, StorageLevel};

use super::super::observe::{Finding, good_for};
use super::super::runs::backup_begun;
use super::testing::{GB, World, at, rules, unfit};
use super::{Action, Doing, Report};
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
    let mut world = World::new(&json!({}));
    world.look();
    assert_eq!(world.condition("Ready").0, "True");
    assert_eq!(world.condition("Healthy").1, "Available");
    assert_eq!(world.observed.policy.status.unwrap().observed_generation, Some(3));
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
        let mut world = World::new(&json!({}));
        world.observed.finding = finding;
        world.look();
        let (status, reason, _) = world.condition("Ready");
        assert_eq!((status.as_str(), reason.as_str()), ("False", ready));
        assert_eq!(world.condition("Healthy").0, healthy);
        assert_eq!(world.is_stalled(), needs_a_person, "{reason}");
        assert_eq!(world.within_limit(), ("Unknown".into(), "Progressing".into()));
        world.observed.finding = Finding::Fit;
        world.look();
        assert!(!world.is_stalled(), "{reason}");
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
        let mut world = World::new(&json!({"backup": {"schedule": "0 * * * *"}}));
        world.observed.finding = finding;
        world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
        for _ in 0..20 {
            world.look();
            world.pass(600);
        }
        assert_eq!(world.begun, []);
        assert!(world.runs().is_empty());
    }
}

#[test]
fn a_bucket_that_is_full_or_ignores_preconditions_is_pruned_all_the_same() {
    for reason in [StoragePolicyReason::StorageFull, StoragePolicyReason::PreconditionsUnsupported] {
        let mut world = World::new(&json!({}));
        world.observed.finding = unfit(reason);
        world.look();
        world.measured(9 * GB);
        world.look();
        assert_eq!(world.last_order().cause, PruneCause::WarnCrossed);
    }
}

#[test]
fn a_slot_runs_once_when_it_is_due() {
    let mut world = World::holding(&json!({}), GB);
    assert_eq!(world.next(), Some(at("2026-01-01T03:00:00Z")));
    world.now = at("2026-01-01T03:00:02Z");
    world.look();
    let order = world.last_order();
    assert_eq!(
        (order.slot, order.cause, order.dry_run),
        (at("2026-01-01T03:00:00Z"), PruneCause::Schedule, false)
    );
    assert_eq!(world.next(), Some(at("2026-01-02T03:00:00Z")));
    assert_eq!(world.runs()[0].outcome, None, "the intent is written before the run begins");
    world.look();
    world.pruned(PruneOutcome::Completed, Some(GB), None);
    world.look();
    assert_eq!(world.runs()[0].outcome, Some(PruneOutcome::Completed));
    assert_eq!(world.runs()[0].cause, Some(PruneCause::Schedule));
    world.pass(60);
    world.look();
    assert_eq!(world.begun.len(), 2, "{:?}", world.begun);
}

#[test]
fn a_slot_that_was_missed_is_not_made_up() {
    let mut world = World::holding(&json!({}), GB);
    world.now = at("2026-01-01T03:20:00Z");
    world.restart();
    world.look();
    assert!(world.runs().is_empty());
    assert_eq!(world.next(), Some(at("2026-01-02T03:00:00Z")));
}

#[test]
fn a_slot_waits_a_little_for_a_bucket_that_is_away() {
    let mut world = World::holding(&json!({}), GB);
    world.observed.finding = down();
    world.now = at("2026-01-01T03:00:00Z");
    let looked = world.look();
    assert_eq!(world.next(), Some(at("2026-01-01T03:00:00Z")));
    assert_eq!(looked.wake_at, Some(at("2026-01-01T03:10:01Z")), "then it is too late");
    world.observed.finding = Finding::Fit;
    world.now = at("2026-01-01T03:04:00Z");
    world.look();
    assert_eq!(world.last_order().slot, at("2026-01-01T03:00:00Z"));
}

#[test]
fn a_run_that_was_broken_off_goes_on_at_once_and_only_once_more() {
    let mut world = World::holding(&json!({}), GB);
    world.now = at("2026-01-01T03:00:00Z");
    world.look();
    world.pass(40);
    world.restart();
    world.look();
    let order = world.last_order();
    assert_eq!((order.slot, order.cause), (at("2026-01-01T03:00:00Z"), PruneCause::Resumed));
    world.pass(40);
    world.restart();
    world.look();
    let outcomes: Vec<_> = world.runs().iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(PruneOutcome::Interrupted), Some(PruneOutcome::Interrupted)]);
    assert_eq!(world.observed.known.doing, Some(Doing::Measuring), "it does not run a third time");
    world.measured(GB);
    world.now = at("2026-01-02T03:00:00Z");
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Schedule);
}

#[test]
fn a_request_is_followed_once_with_its_own_age() {
    let mut world = World::holding(&json!({}), GB);
    world.annotate("cleanup-requested", r#"{"at":"2025-12-31T18:00:00Z","olderThan":"2d","dryRun":true}"#);
    world.pass(5);
    world.look();
    let order = world.last_order();
    assert_eq!((order.slot, order.cause, order.dry_run), (world.now, PruneCause::Request, true));
    assert_eq!(order.older_than, Some("2d".parse().unwrap()));
    assert_eq!(
        world.observed.policy.status.as_ref().unwrap().handled.as_ref().unwrap().cleanup.as_deref(),
        Some(r#"{"at":"2025-12-31T18:00:00Z","olderThan":"2d","dryRun":true}"#)
    );
    world.pruned(PruneOutcome::Completed, Some(GB), None);
    world.look();
    world.pass(60);
    world.look();
    assert_eq!(world.runs().len(), 1);
    // The words of a request that was broken off outlive it.
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:02:00Z","olderThan":"3d"}"#);
    world.look();
    world.observed.policy.metadata.annotations = None;
    world.restart();
    world.look();
    assert_eq!(world.last_order().older_than, Some("3d".parse().unwrap()));
    assert_eq!(world.last_order().cause, PruneCause::Resumed);
}

#[test]
fn a_request_beside_a_slot_goes_first_and_the_slot_follows() {
    let mut world = World::holding(&json!({}), GB);
    world.now = at("2026-01-01T03:00:01Z");
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T03:00:00Z","dryRun":true}"#);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Request);
    world.pass(90);
    world.pruned(PruneOutcome::Completed, Some(GB), None);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Schedule);
    assert_eq!(world.last_order().slot, at("2026-01-01T03:00:00Z"));
}

#[test]
fn an_older_policy_of_the_same_bucket_prunes_and_this_one_says_so() {
    let mut world = World::new(&json!({}));
    world.observed.older = Some("other/default".into());
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    world.look();
    world.measured(10 * GB);
    world.look();
    world.now = at("2026-01-01T03:00:00Z");
    world.look();
    assert!(world.runs().is_empty());
    assert_eq!(world.within_limit(), ("Unknown".into(), "DuplicatePolicy".into()));
    assert!(world.condition("WithinLimit").2.contains("other/default"));
    assert_eq!(world.condition("Ready").0, "True", "its jobs go on");
    assert_eq!(world.level(), Some(StorageLevel::Full), "and know how full it is");
    assert_eq!(world.next(), None);
    assert_eq!(world.told.iter().filter(|reason| *reason == "RequestRefused").count(), 1);
}

#[test]
fn a_zone_that_does_not_exist_is_named_and_nothing_is_deleted() {
    for spec in [json!({"timeZone": "Mars/Olympus"}), json!({"schedule": "0 3 * * 5-2"})] {
        let mut world = World::new(&spec);
        world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
        world.look();
        world.measured(10 * GB);
        world.look();
        assert_eq!(world.begun, [Action::Measure]);
        assert_eq!(world.within_limit(), ("Unknown".into(), "ConfigurationInvalid".into()));
    }
}

#[test]
fn suspended_means_no_run_and_no_backup_and_requests_are_refused() {
    let mut world = World::new(&json!({"suspend": true, "backup": {"schedule": "0 * * * *"}}));
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    world.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    world.look();
    world.measured(10 * GB);
    for _ in 0..10 {
        world.pass(1_800);
        world.look();
        if world.observed.known.doing.is_some() {
            world.measured(10 * GB);
        }
    }
    assert!(world.begun.iter().all(|action| *action == Action::Measure));
    world.edit("suspend", json!(false));
    world.look();
    assert!(!matches!(world.begun.last(), Some(Action::Prune(order)) if order.cause == PruneCause::Request));
}

#[test]
fn where_side_effects_are_suspended_nothing_is_deleted_or_backed_up_and_all_say_so() {
    let mut world = World::new(&json!({"backup": {"schedule": "0 * * * *"}, "schedule": "0 * * * *"}));
    world.observed.side_effects = SideEffects::Suspend;
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    world.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    world.look();
    world.measured(GB);
    for bytes in [GB, 11 * GB] {
        for _ in 0..10 {
            world.pass(1_800);
            world.look();
            if world.observed.known.doing.is_some() {
                world.measured(bytes);
            }
        }
        let (_, _, message) = world.condition("WithinLimit");
        assert!(message.contains("--side-effects=Suspend"), "{message}");
    }
    assert!(world.begun.iter().all(|action| *action == Action::Measure), "{:?}", world.begun);
    assert_eq!(world.told.iter().filter(|told| *told == "RequestRefused").count(), 2, "{:?}", world.told);
    assert_eq!(world.condition("Ready").0, "True", "jobs may still write");
    world.observed.side_effects = SideEffects::Allow;
    world.look();
    assert!(!matches!(world.begun.last(), Some(Action::Prune(order)) if order.cause == PruneCause::Request));
}

#[test]
fn dry_run_makes_every_run_dry() {
    let mut world = World::holding(&json!({"dryRun": true}), 9 * GB);
    assert!(world.last_order().dry_run);
    world.pruned(PruneOutcome::Completed, Some(9 * GB), None);
    world.look();
    assert_eq!(world.runs().len(), 1, "what only plans frees nothing, and is not repeated");
    assert!(world.condition("WithinLimit").2.contains("spec.dryRun"));
    world.annotate("cleanup-requested", r#"{"at":"2026-01-01T00:00:00Z"}"#);
    world.look();
    assert!(world.last_order().dry_run);
}

#[test]
fn an_edit_stops_the_run_under_way_which_goes_on_by_the_new_spec() {
    let mut world = World::holding(&json!({}), 9 * GB);
    assert!(!world.look().cancel);
    world.edit("grace", json!("2h"));
    assert!(world.look().cancel);
    world.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Resumed);
    world.edit("suspend", json!(true));
    assert!(world.look().cancel);
    world.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    world.look();
    assert_eq!(world.observed.known.doing, None);
}

#[test]
fn a_few_files_more_are_told_every_half_minute_and_a_new_level_at_once() {
    let mut world = World::holding(&json!({}), GB);
    world.pass(31);
    world.look();
    let before = world.writes;
    for _ in 0..60 {
        world.pass(1);
        world.write_files(1_000);
        world.look();
    }
    assert!((1..=3).contains(&(world.writes - before)), "{} writes", world.writes - before);
    world.pass(1);
    world.write_files(8 * GB + GB / 2);
    let before = world.writes;
    world.look();
    assert_eq!((world.writes - before, world.level()), (1, Some(StorageLevel::Stopped)));
    let usage = world.observed.policy.status.as_ref().unwrap().usage.clone().unwrap();
    assert_eq!((usage.percent, usage.bytes), (Some(95), Some(9 * GB + GB / 2 + 60_000)));
}

#[test]
fn what_is_not_told_yet_is_told_when_its_time_comes() {
    let mut world = World::holding(&json!({}), GB);
    world.write_files(1_000);
    world.pass(10);
    let looked = world.look();
    assert!(!looked.told);
    assert_eq!(looked.wake_at, Some(at("2026-01-01T00:00:30Z")));
    world.now = at("2026-01-01T00:00:30Z");
    assert!(world.look().told);
}

#[test]
fn usage_is_measured_at_intervals_and_soon_after_a_new_start() {
    let mut world = World::holding(&json!({}), GB);
    assert_eq!(world.begun, [Action::Measure]);
    let wake = world.look().wake_at;
    assert_eq!(wake, Some(at("2026-01-01T00:15:00Z")));
    world.pass(60);
    world.restart();
    assert_eq!(world.look().wake_at, Some(at("2026-01-01T00:06:00Z")));
    world.now = at("2026-01-01T00:06:00Z");
    world.look();
    assert_eq!(world.begun.len(), 2);
    assert_eq!(world.observed.known.doing, Some(Doing::Measuring));
}

#[test]
fn a_measurement_that_failed_is_tried_again_later_and_the_usage_stays() {
    let mut world = World::holding(&json!({}), GB);
    world.now = at("2026-01-01T00:15:00Z");
    world.look();
    world.observed.known.doing = None;
    world.observed.known.report = Some(Report::Measured(None));
    world.observed.known.measure_from = Some(at("2026-01-01T00:16:00Z"));
    assert_eq!(world.look().wake_at, Some(at("2026-01-01T00:16:00Z")));
    assert_eq!(world.level(), Some(StorageLevel::Normal));
    world.now = at("2026-01-01T00:16:00Z");
    world.look();
    assert_eq!(world.observed.known.doing, Some(Doing::Measuring));
}

#[test]
fn another_bucket_is_measured_at_once_and_not_pruned_for_what_the_old_one_held() {
    let mut world = World::holding(&json!({"rules": []}), 9 * GB);
    world.edit("rules", rules());
    world.observed.known.other_bucket = true;
    world.look();
    assert_eq!(world.observed.known.doing, Some(Doing::Measuring));
}

fn backed_up(slot: &str, outcome: BackupOutcome) -> Report {
    Report::BackedUp(BackupRun { outcome: Some(outcome), items: Some(4), ..backup_begun(at(slot)) })
}

#[test]
fn a_backup_is_written_when_due_and_when_asked_for() {
    let mut world = World::holding(&json!({"backup": {"schedule": "0 4 * * 0"}}), GB);
    let sunday = "2026-01-04T04:00:00Z";
    assert_eq!(world.observed.policy.status.as_ref().unwrap().next_backup_at.as_ref().unwrap().0, at(sunday));
    world.observed.policy.status.as_mut().unwrap().next_run_at = None;
    world.now = at(sunday);
    world.look();
    assert_eq!(world.begun.last(), Some(&Action::BackUp { slot: at(sunday) }));
    world.observed.known.doing = None;
    world.observed.known.report = Some(backed_up(sunday, BackupOutcome::Completed));
    world.annotate("backup-requested-at", "2026-01-04T04:00:01Z");
    world.pass(2);
    world.look();
    assert!(world.told.contains(&"BackedUp".to_owned()));
    assert_eq!(world.begun.last(), Some(&Action::BackUp { slot: world.now }));
    world.observed.known.doing = None;
    world.observed.known.report = Some(backed_up("2026-01-04T04:00:02Z", BackupOutcome::Failed));
    world.look();
    assert!(world.told.contains(&"BackupFailed".to_owned()));
    assert!(
        !matches!(world.observed.known.doing, Some(Doing::BackingUp)),
        "what failed waits for its next slot"
    );
}

#[test]
fn a_backup_that_was_broken_off_is_written_again_once_under_the_same_name() {
    let mut world = World::holding(&json!({}), GB);
    world.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    world.look();
    let slot = world.now;
    for _ in 0..3 {
        world.pass(20);
        world.restart();
        world.look();
    }
    let backups = world.begun.iter().filter(|action| **action == Action::BackUp { slot });
    assert_eq!(backups.count(), 2);
    let backup = world.observed.policy.status.as_ref().unwrap().backup.clone().unwrap();
    assert_eq!(backup.outcome, Some(BackupOutcome::Interrupted));
}

#[test]
fn who_is_about_to_end_books_what_has_ended_and_begins_nothing() {
    let mut world = World::holding(&json!({}), 9 * GB);
    world.observed.stopping = true;
    world.pruned(PruneOutcome::Interrupted, Some(9 * GB), None);
    world.look();
    assert_eq!(world.runs()[0].outcome, Some(PruneOutcome::Interrupted));
    assert_eq!(world.observed.known.doing, None);
    world.observed.stopping = false;
    world.restart();
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Resumed, "the next one goes on");
}
