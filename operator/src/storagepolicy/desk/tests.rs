use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneRun, StorageUsage};

use super::super::decide::testing::at;
use super::super::plan::Order;
use super::super::runs::{backup_begun, begun};
use super::*;
use crate::meter::Change;

const P: &str = "p";

fn place() -> BucketLocation {
    under("")
}

fn under(prefix: &str) -> BucketLocation {
    BucketLocation { endpoint: "http://s3:9000".into(), bucket: "videos".into(), prefix: prefix.into() }
}

fn bytes(bytes: i64) -> Changes {
    Changes::from([(ObjectKind::Clips, Change { objects: 1, bytes })])
}

fn known(desk: &Desk) -> Known {
    desk.known(P, place())
}

fn pending(desk: &Desk) -> i64 {
    known(desk).changes.values().map(|change| change.bytes).sum()
}

#[test]
fn what_is_told_is_taken_off_and_what_came_meanwhile_stays() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    let seen = known(&desk);
    desk.count(P, &bytes(5), at("2026-01-01T00:00:00Z"));
    desk.booked(P, &seen, false, true, now);
    assert_eq!(pending(&desk), 15, "it was not told");
    desk.booked(P, &seen, true, true, now);
    assert_eq!(pending(&desk), 5);
    assert_eq!(known(&desk).usage_told, Some(now));
}

#[test]
fn a_listing_takes_in_what_was_counted_before_it_and_not_what_came_during_it() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    desk.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
    // Told in the middle: the listing's own figure replaces it all the same.
    let seen = known(&desk);
    desk.booked(P, &seen, true, true, now);
    desk.count(P, &bytes(4), at("2026-01-01T00:00:00Z"));
    let deleted = Changes::from([(ObjectKind::Work, Change { objects: -1, bytes: -50 })]);
    desk.count(P, &deleted, at("2026-01-01T00:00:00Z"));
    desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert_eq!(pending(&desk), 7);
}

#[test]
fn a_listing_that_failed_is_tried_again_later_and_later() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    let mut waits = Vec::new();
    for _ in 0..6 {
        desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
        desk.ended(P, Some(Report::Measured(None)), now);
        waits.push(known(&desk).measure_from.unwrap().duration_since(now).as_secs());
    }
    assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
    assert_eq!(pending(&desk), 10, "and nothing counted is lost");
}

#[test]
fn a_report_stays_until_it_is_booked_by_who_has_seen_it() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    desk.begin(P, Doing::Pruning(Some(3)), CancellationToken::new(), &[]);
    let before = known(&desk);
    desk.ended(P, Some(Report::Measured(None)), now);
    desk.booked(P, &before, true, true, now);
    assert!(desk.has_report(P));
    desk.booked(P, &known(&desk), true, true, now);
    assert!(!desk.has_report(P));
}

#[test]
fn a_policy_that_is_gone_stops_what_is_under_way() {
    let desk = Desk::default();
    let stop = CancellationToken::new();
    desk.begin(P, Doing::Pruning(Some(3)), stop.clone(), &[]);
    desk.keep_only(&[P.to_owned()].into());
    assert!(!stop.is_cancelled());
    desk.keep_only(&HashSet::new());
    assert!(stop.is_cancelled());
    desk.ended(P, Some(Report::Measured(None)), at("2026-01-01T00:00:00Z"));
    assert!(!desk.has_report(P));
}

#[test]
fn a_bucket_that_was_exchanged_is_known_until_the_new_one_was_listed() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    let is_other = |prefix: &str| desk.known(P, under(prefix)).other_bucket;
    let listed = || Some(Report::Measured(Some(StorageUsage::default())));
    assert!(!is_other(""));
    // What was begun for the old one tells nothing of the new one.
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    assert!(is_other("films/"));
    desk.ended(P, listed(), now);
    assert!(is_other("films/"));
    for (doing, report) in [
        (Doing::BackingUp, Some(Report::BackedUp(backup_begun(now)))),
        (Doing::Measuring, Some(Report::Measured(None))),
        (Doing::Pruning(Some(3)), None),
    ] {
        desk.begin(P, doing, CancellationToken::new(), &[]);
        desk.ended(P, report, now);
        assert!(is_other("films/"), "{doing:?}");
    }
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    desk.ended(P, listed(), now);
    assert!(!is_other("films/"));
}

#[test]
fn policies_of_one_place_are_listed_once_for_all() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    let other = |desk: &Desk| desk.known("other", place());
    let sharing = [P.to_owned(), "other".to_owned()];
    known(&desk);
    other(&desk);
    desk.count("other", &bytes(10), now);
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &sharing);
    assert!(other(&desk).is_listed && !known(&desk).is_listed);
    // What is written meanwhile may not be in the listing; a backup of its own changes nothing.
    desk.count("other", &bytes(3), now);
    desk.begin("other", Doing::BackingUp, CancellationToken::new(), &sharing);
    desk.ended("other", None, now);
    let usage = StorageUsage { bytes: Some(77), ..StorageUsage::default() };
    assert_eq!(desk.ended(P, Some(Report::Measured(Some(usage.clone()))), now), ["other"]);
    let told = other(&desk);
    assert_eq!(told.report, Some(Report::Measured(Some(usage))));
    assert_eq!(told.changes, bytes(3));
    assert!(!told.is_listed && !told.outdated);
    // A run tells the same, and so nobody lists again after it.
    desk.booked("other", &told, true, true, now);
    desk.begin(P, Doing::Pruning(Some(3)), CancellationToken::new(), &sharing);
    let order = Order { slot: now, cause: PruneCause::Schedule, dry_run: false, older_than: None };
    let run = PruneRun { deleted_objects: Some(1), ..begun(&order) };
    desk.ended(P, Some(Report::Pruned(Box::new(run), Some(StorageUsage::default()))), now);
    desk.room_was_made(P, "other", now);
    assert!(!other(&desk).outdated);
    desk.room_was_made(P, "other", now);
    assert!(other(&desk).outdated, "of which it was not told");
}

#[test]
fn who_waits_for_a_listing_that_nobody_ends_lists_by_itself() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    let sharing = [P.to_owned(), "other".to_owned()];
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &sharing);
    desk.forget(P);
    assert!(!desk.known("other", place()).is_listed);
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &sharing);
    desk.ended(P, Some(Report::Measured(None)), now);
    let known = desk.known("other", place());
    assert!(!known.is_listed && known.measure_from.is_some());
    // One that moves away meanwhile hears nothing of its old place.
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &sharing);
    desk.known("other", under("films/"));
    assert_eq!(desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now), [""; 0]);
}

#[test]
fn what_was_found_in_the_place_before_is_not_told_of_the_new_one() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    let moved = |prefix: &str| desk.known(P, under(prefix));
    moved("");
    desk.count(P, &bytes(10), now);
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    assert_eq!(moved("films/").changes, Changes::new());
    desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert_eq!(moved("films/").report, None);
}

#[test]
fn what_a_listing_has_taken_in_is_not_taken_off_once_more() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    desk.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
    let seen = known(&desk);
    // The listing ends while the status is being written.
    desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    desk.booked(P, &seen, true, true, now);
    assert_eq!(pending(&desk), 3);
}

#[test]
fn a_refusal_for_want_of_room_is_known_until_files_were_deleted() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    let order = Order { slot: now, cause: PruneCause::WarnCrossed, dry_run: false, older_than: None };
    let prune = |deleted_objects| {
        desk.begin(P, Doing::Pruning(Some(3)), CancellationToken::new(), &[]);
        let run = PruneRun { deleted_objects, ..begun(&order) };
        desk.ended(P, Some(Report::Pruned(Box::new(run), None)), now);
        known(&desk).refused_at
    };
    desk.refused(P, now);
    assert_eq!(prune(Some(0)), Some(now));
    assert_eq!(prune(None), Some(now));
    assert_eq!(prune(Some(1)), None);
    desk.refused(P, now);
    assert_eq!(known(&desk).refused_at, None, "it was told of only after files were deleted");
    let later = at("2026-01-01T00:01:00Z");
    for freed in [
        |desk: &Desk| desk.outdate(P, at("2026-01-01T00:02:00Z")),
        |desk: &Desk| {
            desk.count(P, &bytes(-10), at("2026-01-01T00:02:00Z"));
        },
    ] {
        let desk = Desk::default();
        desk.refused(P, later);
        assert_eq!(known(&desk).refused_at, Some(later));
        freed(&desk);
        assert_eq!(known(&desk).refused_at, None);
    }
}

#[test]
fn what_others_deleted_is_measured_by_a_listing_that_begins_after_it() {
    let desk = Desk::default();
    let now = at("2026-01-01T00:00:00Z");
    known(&desk);
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    desk.outdate(P, now);
    desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert!(known(&desk).outdated);
    desk.begin(P, Doing::Measuring, CancellationToken::new(), &[]);
    desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
    assert!(!known(&desk).outdated);
}
