use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneRun, StorageUsage};

use super::super::decide::testing::at;
use super::super::plan::RunRequest;
use super::super::run_history::{backup_begun, begun};
use super::*;
use crate::usage_deltas::Change;

const P: &str = "p";

fn location() -> BucketLocation {
    under("")
}

fn under(prefix: &str) -> BucketLocation {
    BucketLocation { endpoint: "http://s3:9000".into(), bucket: "videos".into(), prefix: prefix.into() }
}

fn bytes(bytes: i64) -> Changes {
    Changes::from([(ObjectKind::Clips, Change { objects: 1, bytes })])
}

fn snapshot(registry: &TaskRegistry) -> Snapshot {
    registry.snapshot(P, location())
}

fn pending(registry: &TaskRegistry) -> i64 {
    snapshot(registry).changes.values().map(|change| change.bytes).sum()
}

#[test]
fn what_is_reported_is_subtracted_and_what_came_meanwhile_stays() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    registry.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    let seen = snapshot(&registry);
    registry.count(P, &bytes(5), at("2026-01-01T00:00:00Z"));
    registry.acknowledge(P, &seen, false, true, now);
    assert_eq!(pending(&registry), 15, "it was not informed");
    registry.acknowledge(P, &seen, true, true, now);
    assert_eq!(pending(&registry), 5);
    assert_eq!(snapshot(&registry).usage_reported, Some(now));
}

#[test]
fn a_listing_takes_in_what_was_counted_before_it_and_not_what_came_during_it() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    registry.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    registry.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
    // Reported in the middle: the listing's own figure replaces it all the same.
    let seen = snapshot(&registry);
    registry.acknowledge(P, &seen, true, true, now);
    registry.count(P, &bytes(4), at("2026-01-01T00:00:00Z"));
    let deleted = Changes::from([(ObjectKind::Work, Change { objects: -1, bytes: -50 })]);
    registry.count(P, &deleted, at("2026-01-01T00:00:00Z"));
    registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert_eq!(pending(&registry), 7);
}

#[test]
fn a_listing_that_failed_is_tried_again_later_and_later() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    registry.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    let mut waits = Vec::new();
    for _ in 0..6 {
        registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
        registry.ended(P, Some(Report::Measured(None)), now);
        waits.push(snapshot(&registry).measure_from.unwrap().duration_since(now).as_secs());
    }
    assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
    assert_eq!(pending(&registry), 10, "and nothing counted is lost");
}

#[test]
fn a_report_stays_until_it_is_recorded_by_who_has_seen_it() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    registry.begin(P, RunningTask::Pruning(Some(3)), CancellationToken::new(), &[]);
    let before = snapshot(&registry);
    registry.ended(P, Some(Report::Measured(None)), now);
    registry.acknowledge(P, &before, true, true, now);
    assert!(registry.has_report(P));
    registry.acknowledge(P, &snapshot(&registry), true, true, now);
    assert!(!registry.has_report(P));
}

#[test]
fn a_policy_that_is_gone_stops_what_is_under_way() {
    let registry = TaskRegistry::default();
    let stop = CancellationToken::new();
    registry.begin(P, RunningTask::Pruning(Some(3)), stop.clone(), &[]);
    registry.keep_only(&[P.to_owned()].into());
    assert!(!stop.is_cancelled());
    registry.keep_only(&HashSet::new());
    assert!(stop.is_cancelled());
    registry.ended(P, Some(Report::Measured(None)), at("2026-01-01T00:00:00Z"));
    assert!(!registry.has_report(P));
}

#[test]
fn a_bucket_that_was_exchanged_is_known_until_the_new_one_was_listed() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    let is_other = |prefix: &str| registry.snapshot(P, under(prefix)).other_bucket;
    let listed = || Some(Report::Measured(Some(StorageUsage::default())));
    assert!(!is_other(""));
    // What was begun for the old one says nothing of the new one.
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    assert!(is_other("films/"));
    registry.ended(P, listed(), now);
    assert!(is_other("films/"));
    for (running, report) in [
        (RunningTask::BackingUp, Some(Report::BackedUp(backup_begun(now)))),
        (RunningTask::Measuring, Some(Report::Measured(None))),
        (RunningTask::Pruning(Some(3)), None),
    ] {
        registry.begin(P, running, CancellationToken::new(), &[]);
        registry.ended(P, report, now);
        assert!(is_other("films/"), "{running:?}");
    }
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    registry.ended(P, listed(), now);
    assert!(!is_other("films/"));
}

#[test]
fn policies_of_one_place_are_listed_once_for_all() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    let other = |registry: &TaskRegistry| registry.snapshot("other", location());
    let sharing = [P.to_owned(), "other".to_owned()];
    snapshot(&registry);
    other(&registry);
    registry.count("other", &bytes(10), now);
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &sharing);
    assert!(other(&registry).is_listed && !snapshot(&registry).is_listed);
    // What is written meanwhile may not be in the listing; a backup of its own changes nothing.
    registry.count("other", &bytes(3), now);
    registry.begin("other", RunningTask::BackingUp, CancellationToken::new(), &sharing);
    registry.ended("other", None, now);
    let usage = StorageUsage { bytes: Some(77), ..StorageUsage::default() };
    assert_eq!(registry.ended(P, Some(Report::Measured(Some(usage.clone()))), now), ["other"]);
    let reported = other(&registry);
    assert_eq!(reported.report, Some(Report::Measured(Some(usage))));
    assert_eq!(reported.changes, bytes(3));
    assert!(!reported.is_listed && !reported.outdated);
    // A run reports the same, and so nobody lists again after it.
    registry.acknowledge("other", &reported, true, true, now);
    registry.begin(P, RunningTask::Pruning(Some(3)), CancellationToken::new(), &sharing);
    let run_request = RunRequest { slot: now, cause: PruneCause::Schedule, dry_run: false, older_than: None };
    let run = PruneRun { deleted_objects: Some(1), ..begun(&run_request) };
    registry.ended(P, Some(Report::Pruned(Box::new(run), Some(StorageUsage::default()))), now);
    registry.space_was_freed(P, "other", now);
    assert!(!other(&registry).outdated);
    registry.space_was_freed(P, "other", now);
    assert!(other(&registry).outdated, "of which it was not informed");
}

#[test]
fn who_waits_for_a_listing_that_nobody_ends_lists_by_itself() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    let sharing = [P.to_owned(), "other".to_owned()];
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &sharing);
    registry.forget(P);
    assert!(!registry.snapshot("other", location()).is_listed);
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &sharing);
    registry.ended(P, Some(Report::Measured(None)), now);
    let snapshot = registry.snapshot("other", location());
    assert!(!snapshot.is_listed && snapshot.measure_from.is_some());
    // One that moves away meanwhile hears nothing of its old place.
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &sharing);
    registry.snapshot("other", under("films/"));
    assert_eq!(registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now), [""; 0]);
}

#[test]
fn what_was_found_in_the_location_before_is_not_reported_of_the_new_one() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    let moved = |prefix: &str| registry.snapshot(P, under(prefix));
    moved("");
    registry.count(P, &bytes(10), now);
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    assert_eq!(moved("films/").changes, Changes::new());
    registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert_eq!(moved("films/").report, None);
}

#[test]
fn what_a_listing_has_taken_in_is_not_taken_off_once_more() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    registry.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    registry.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
    let seen = snapshot(&registry);
    // The listing ends while the status is being written.
    registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    registry.acknowledge(P, &seen, true, true, now);
    assert_eq!(pending(&registry), 3);
}

#[test]
fn a_refusal_for_want_of_room_is_known_until_files_were_deleted() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    let run_request =
        RunRequest { slot: now, cause: PruneCause::WarnCrossed, dry_run: false, older_than: None };
    let prune = |deleted_objects| {
        registry.begin(P, RunningTask::Pruning(Some(3)), CancellationToken::new(), &[]);
        let run = PruneRun { deleted_objects, ..begun(&run_request) };
        registry.ended(P, Some(Report::Pruned(Box::new(run), None)), now);
        snapshot(&registry).refused_at
    };
    registry.refused(P, now);
    assert_eq!(prune(Some(0)), Some(now));
    assert_eq!(prune(None), Some(now));
    assert_eq!(prune(Some(1)), None);
    registry.refused(P, now);
    assert_eq!(snapshot(&registry).refused_at, None, "it was informed only after files were deleted");
    let later = at("2026-01-01T00:01:00Z");
    for freed in [
        |registry: &TaskRegistry| registry.outdate(P, at("2026-01-01T00:02:00Z")),
        |registry: &TaskRegistry| {
            registry.count(P, &bytes(-10), at("2026-01-01T00:02:00Z"));
        },
    ] {
        let registry = TaskRegistry::default();
        registry.refused(P, later);
        assert_eq!(snapshot(&registry).refused_at, Some(later));
        freed(&registry);
        assert_eq!(snapshot(&registry).refused_at, None);
    }
}

#[test]
fn what_others_deleted_is_measured_by_a_listing_that_begins_after_it() {
    let registry = TaskRegistry::default();
    let now = at("2026-01-01T00:00:00Z");
    snapshot(&registry);
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    registry.outdate(P, now);
    registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert!(snapshot(&registry).outdated);
    registry.begin(P, RunningTask::Measuring, CancellationToken::new(), &[]);
    registry.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert!(!snapshot(&registry).outdated);
}
