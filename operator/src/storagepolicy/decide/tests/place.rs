//! What a policy keeps and loses when it moves, is suspended in the middle of a run, or finds its place to be another's.

use serde_json::json;
use videofactory_crds::storagepolicy::{PolicyPlace, PruneCause, PruneOutcome};

use super::super::super::observe::Finding;
use super::super::Action;
use super::super::testing::{GB, World, unfit};

const CLEAN_UP: &str = r#"{"at":"2026-01-01T00:00:00Z","olderThan":"1s"}"#;
const MONTH: i64 = 30 * 86_400;

fn moves(world: &mut World) {
    let bucket = json!({
        "endpoint": "http://s3:9000", "name": "videos", "prefix": "elsewhere/", "secretRef": {"name": "s3"},
    });
    world.edit("bucket", bucket);
}

/// A clean-up is under way, with an age that a person has chosen.
fn cleaning(spec: &serde_json::Value) -> World {
    let mut world = World::holding(spec, GB);
    world.annotate("cleanup-requested", CLEAN_UP);
    world.pass(5);
    world.look();
    assert_eq!(world.last_order().cause, PruneCause::Request);
    world
}

fn place(world: &World) -> Option<PolicyPlace> {
    world.observed.policy.status.as_ref().unwrap().place.clone()
}

fn runs_begun(world: &World) -> usize {
    world.begun.iter().filter(|action| matches!(action, Action::Prune(_))).count()
}

/// Whether anything is pruned with a person's age while a month passes.
fn goes_on(world: &mut World) -> bool {
    let begun = world.begun.len();
    for _ in 0..30 {
        world.pass(MONTH / 30);
        world.look();
        world.observed.known.doing = None;
    }
    let later = &world.begun[begun..];
    later.iter().any(|action| matches!(action, Action::Prune(order) if order.older_than.is_some()))
}

#[test]
fn a_clean_up_that_suspend_interrupted_does_not_go_on() {
    for dies in [false, true] {
        let mut world = cleaning(&json!({}));
        world.edit("suspend", json!(true));
        if dies {
            world.restart();
        } else {
            assert!(world.look().cancel);
            world.pruned(PruneOutcome::Interrupted, Some(GB), None);
        }
        world.look();
        assert_eq!(world.runs()[0].outcome, Some(PruneOutcome::Cancelled), "dies: {dies}");
        assert!(world.told.contains(&"PruneCancelled".to_owned()), "{:?}", world.told);
        world.pass(21 * 86_400);
        world.look();
        world.edit("suspend", json!(false));
        assert!(!goes_on(&mut world), "dies: {dies}");
    }
}

#[test]
fn what_was_interrupted_long_ago_does_not_go_on_however_rare_its_schedule() {
    let mut world = cleaning(&json!({"schedule": "0 0 1 1 *"}));
    world.pass(2 * 86_400);
    world.restart();
    world.look();
    assert_eq!(world.runs()[0].outcome, Some(PruneOutcome::Interrupted));
    assert!(!goes_on(&mut world));
}

#[test]
fn a_clean_up_of_one_place_does_not_go_on_in_another() {
    let mut world = cleaning(&json!({}));
    moves(&mut world);
    assert!(world.look().cancel);
    world.pruned(PruneOutcome::Interrupted, Some(GB), None);
    world.look();
    assert!(!goes_on(&mut world));
}

#[test]
fn who_moves_brings_nothing_along() {
    let mut world = World::holding(&json!({"rules": []}), 9 * GB);
    let before = world.observed.policy.status.clone().unwrap();
    assert!(before.usage.is_some() && before.place.is_some());
    moves(&mut world);
    world.annotate("cleanup-requested", CLEAN_UP);
    world.pass(60);
    let looked = world.look();
    let status = world.observed.policy.status.clone().unwrap();
    let place = status.place.unwrap();
    assert_eq!((place.prefix.as_str(), place.since.0), ("elsewhere", world.now));
    assert_eq!((status.usage, status.level), (None, None));
    assert_eq!(looked.action, Some(Action::Measure));
    assert!(world.told.contains(&"RequestRefused".to_owned()), "{:?}", world.told);
    world.measured(9 * GB);
    world.look();
    assert_eq!(runs_begun(&world), 0, "it was asked for the other place");
}

#[test]
fn nothing_is_deleted_in_the_look_in_which_a_policy_comes_to_a_place() {
    let mut world = World::new(&json!({}));
    world.annotate("cleanup-requested", CLEAN_UP);
    assert_eq!(world.look().action, Some(Action::Measure));
    world.measured(GB);
    world.look();
    assert_eq!(runs_begun(&world), 1);
}

#[test]
fn a_place_that_is_anothers_is_given_up_with_what_was_measured_there() {
    let mut world = World::holding(&json!({}), GB);
    let first = place(&world).unwrap();
    // A server that is down, or wrong keys, say nothing of whose it is.
    for reason in [
        videofactory_crds::StoragePolicyReason::StorageUnavailable,
        videofactory_crds::StoragePolicyReason::CredentialsInvalid,
    ] {
        world.observed.finding = unfit(reason);
        world.observed.claimed = None;
        world.look();
        assert_eq!(place(&world), Some(first.clone()));
    }
    world.observed.finding = Finding::Others { message: "another's".into() };
    world.look();
    assert_eq!(place(&world), None);
    assert_eq!(world.observed.policy.status.as_ref().unwrap().usage, None);
    assert_eq!(world.condition("Ready").1, "ConfigurationInvalid");
    // Given back, it has come there anew.
    world.pass(3_600);
    world.observed.finding = Finding::Fit;
    world.observed.claimed = World::new(&json!({})).observed.claimed;
    world.look();
    assert_eq!(place(&world).unwrap().since.0, world.now);
}

#[test]
fn a_run_stops_where_the_place_turns_out_to_be_anothers() {
    let mut world = cleaning(&json!({}));
    assert!(!world.look().cancel);
    world.observed.finding = Finding::Others { message: "another's".into() };
    world.observed.claimed = None;
    assert!(world.look().cancel);
}

#[test]
fn a_status_that_was_restored_from_another_clusters_backup_gives_no_right() {
    let mut world = World::holding(&json!({}), GB);
    world.pass(60);
    world.observed.claimed.as_mut().unwrap().cluster = "other".into();
    world.look();
    let status = world.observed.policy.status.clone().unwrap();
    let place = status.place.unwrap();
    assert_eq!((place.cluster.as_str(), place.since.0), ("other", world.now));
    assert_eq!(status.usage, None);
}

/// It was backed up as it is, and is restored now, by a tool that changes nothing in its status.
fn restored(world: &mut World) {
    world.restart();
    world.pass(3_600);
    let now = videofactory_crds::condition::whole_seconds(world.now);
    world.observed.policy.metadata.creation_timestamp = Some(now);
}

#[test]
fn files_of_jobs_that_are_not_restored_yet_are_as_young_as_their_policys_restoration() {
    let mut world = World::holding(&json!({}), GB);
    let came = place(&world).unwrap().since.0;
    restored(&mut world);
    world.look();
    let since = place(&world).unwrap().since.0;
    assert_eq!((since, since > came), (world.now, true));
    world.pass(60);
    world.look();
    assert_eq!(place(&world).unwrap().since.0, since);
}

#[test]
fn what_was_under_way_when_a_policy_was_backed_up_does_not_go_on_where_it_is_restored() {
    let mut world = cleaning(&json!({}));
    restored(&mut world);
    assert!(!goes_on(&mut world));
    let mut world = World::holding(&json!({}), GB);
    world.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    world.look();
    let backups =
        |world: &World| world.begun.iter().filter(|action| matches!(action, Action::BackUp { .. })).count();
    assert_eq!(backups(&world), 1);
    restored(&mut world);
    world.look();
    assert_eq!(backups(&world), 1, "it would write over the backup from which it was restored");
}

#[test]
fn a_bucket_of_too_many_files_is_not_pruned_and_says_what_to_do() {
    let mut world = World::holding(&json!({}), 9 * GB);
    world.observed.most_files = 9;
    world.annotate("cleanup-requested", CLEAN_UP);
    let begun = runs_begun(&world);
    world.look();
    let (status, reason, message) = world.condition("WithinLimit");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "TooManyFiles"));
    for part in ["10 files, more than the 9", "raise the memory limit", "a prefix of its own"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(runs_begun(&world), begun);
    assert!(world.told.contains(&"RequestRefused".to_owned()), "{:?}", world.told);
    world.observed.most_files = 10;
    world.observed.known.doing = None;
    world.look();
    assert_eq!(world.within_limit().1, "StorageFull");
}
