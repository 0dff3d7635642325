//! What a policy does while its bucket fills up, case by case.

use serde_json::json;
use videofactory_crds::StoragePolicyReason;
use videofactory_crds::storagepolicy::{PruneCause, PruneOutcome, StorageLevel};

use super::super::testing::{GB, World, at, unfit};
use super::super::{Action, Doing};

#[test]
fn crossing_warn_begins_a_run_and_what_it_cannot_free_begins_no_other() {
    let mut world = World::holding(&json!({}), 8 * GB);
    assert_eq!(world.within_limit(), ("True".into(), "Available".into()));
    world.write_files(GB);
    world.pass(1);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::WarnCrossed);
    assert_eq!(world.level(), Some(StorageLevel::Warning));
    assert_eq!(world.within_limit(), ("False".into(), "StorageFull".into()));
    assert!(world.told.contains(&"StorageWarning".to_owned()));
    world.pruned(PruneOutcome::Completed, Some(9 * GB), Some("clips of live jobs hold 9 GB"));
    world.look();
    assert_eq!(world.within_limit(), ("False".into(), "NothingPrunable".into()));
    assert!(world.condition("WithinLimit").2.contains("clips of live jobs"));
    for _ in 0..20 {
        world.pass(10);
        world.write_files(1_000_000);
        world.look();
    }
    assert_eq!(world.runs().len(), 1, "20 MB of 10 GB are not worth another run");
    world.write_files(GB / 10);
    world.look();
    assert_eq!(world.last_order().slot, world.now, "one per cent is");
    assert_eq!(world.runs().len(), 2);
}

#[test]
fn a_run_that_freed_enough_lets_the_next_crossing_begin_another() {
    let mut world = World::holding(&json!({}), 9 * GB);
    world.pass(30);
    world.pruned(PruneOutcome::Completed, Some(8 * GB), None);
    world.look();
    assert_eq!(world.level(), Some(StorageLevel::Normal));
    world.pass(30);
    world.write_files(GB + 1);
    world.look();
    assert_eq!(world.runs().len(), 2);
}

#[test]
fn a_run_that_failed_is_not_tried_again_at_once() {
    for measured in [None, Some(9 * GB)] {
        let mut world = World::holding(&json!({}), 9 * GB);
        world.pruned(PruneOutcome::Failed, measured, None);
        let looked = world.look();
        assert_eq!(world.runs().len(), 1);
        assert_eq!(looked.wake_at, Some(at("2026-01-01T00:15:00Z")));
        world.now = at("2026-01-01T00:15:00Z");
        world.look();
        assert_eq!(world.runs().len(), 2);
    }
}

#[test]
fn each_failure_in_a_row_doubles_the_wait() {
    let mut world = World::holding(&json!({"schedule": "0 0 1 1 *"}), 9 * GB);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let begun = world.now;
        world.pruned(PruneOutcome::Failed, Some(9 * GB), None);
        world.look();
        while !matches!(world.observed.known.doing, Some(Doing::Pruning(_))) {
            if world.observed.known.doing.is_some() {
                world.measured(9 * GB);
            }
            world.pass(60);
            world.look();
        }
        waits.push(world.now.duration_since(begun).as_mins());
    }
    assert_eq!(waits, [15, 30, 60, 120]);
}

#[test]
fn while_jobs_wait_for_room_a_run_is_tried_again_by_the_clock() {
    let runs_after = |spec: serde_json::Value, bytes: i64, seconds: i64| {
        let mut world = World::holding(&spec, bytes);
        world.pruned(PruneOutcome::Completed, Some(bytes), Some("clips of live jobs hold it"));
        world.look();
        world.pass(seconds);
        world.look();
        world.runs().len()
    };
    let stopped = 9 * GB + GB / 2;
    assert_eq!(runs_after(json!({}), stopped, 3_599), 1);
    assert_eq!(runs_after(json!({}), stopped, 3_600), 2);
    assert_eq!(runs_after(json!({}), stopped - 1, 3_600), 1, "nobody waits: time alone is for the schedule");
    assert_eq!(runs_after(json!({"dryRun": true}), stopped, 3_600), 1, "what only plans frees nothing");
}

#[test]
fn a_bucket_that_its_server_calls_full_is_pruned_whatever_was_counted() {
    let mut world = World::holding(&json!({}), GB);
    world.observed.finding = unfit(StoragePolicyReason::StorageFull);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::WarnCrossed);
    world.pruned(PruneOutcome::Completed, Some(GB), None);
    world.look();
    world.pass(3_000);
    world.look();
    assert_eq!(world.runs().len(), 1, "and not again at once");
}

#[test]
fn what_another_policy_deleted_here_is_measured_at_once() {
    let mut world = World::holding(&json!({}), GB);
    world.observed.older = Some("other/default".into());
    world.observed.known.outdated = true;
    world.look();
    assert_eq!(world.observed.known.doing, Some(Doing::Measuring));
}

#[test]
fn without_rules_a_full_bucket_says_so_and_nothing_runs() {
    let world = World::holding(&json!({"rules": []}), 10 * GB);
    assert_eq!(world.begun, [Action::Measure]);
    assert_eq!(world.level(), Some(StorageLevel::Full));
    assert_eq!(world.within_limit(), ("False".into(), "NothingPrunable".into()));
    assert!(world.condition("WithinLimit").2.contains("no rule"), "{:?}", world.condition("WithinLimit"));
}

#[test]
fn a_server_that_refuses_a_file_is_full_until_files_were_deleted_or_a_while_has_passed() {
    let refused = || {
        let mut world = World::holding(&json!({}), GB);
        world.observed.known.refused_at = Some(world.now);
        let looked = world.look();
        assert_eq!(world.level(), Some(StorageLevel::Full));
        assert_eq!(world.last_order().cause, PruneCause::WarnCrossed);
        assert_eq!(world.within_limit(), ("False".into(), "StorageFull".into()));
        assert!(world.condition("WithinLimit").2.contains("its server has no room"));
        assert_eq!(world.told, ["StorageFull"]);
        assert_eq!(looked.wake_at, Some(at("2026-01-01T00:15:00Z")));
        world
    };
    let mut world = refused();
    world.pruned(PruneOutcome::Completed, Some(GB / 2), None);
    world.observed.known.refused_at = None;
    world.look();
    assert_eq!(world.level(), Some(StorageLevel::Normal));

    let mut world = refused();
    world.pruned(PruneOutcome::Completed, Some(GB), Some("all of it is wanted"));
    world.look();
    assert_eq!((world.level(), world.runs().len()), (Some(StorageLevel::Full), 1));
    world.pass(900);
    world.look();
    assert_eq!((world.level(), world.runs().len()), (Some(StorageLevel::Normal), 1));
}
