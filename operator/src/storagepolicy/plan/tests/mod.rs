//! Tables of what is kept and deleted, and why.

mod properties;
mod simulation;

use serde_json::json;
use videofactory_crds::storagepolicy::PruneCause;
use videofactory_crds::units::Duration;

use super::testing::{DAY, HOUR, Harness, ID, finished, full, job};
use super::*;

const OLD: i64 = 100 * DAY;

fn clip(owner: &str) -> String {
    full(&format!("clips/films/{owner}-1/r1/clips/a.mp4"))
}

fn film(owner: &str) -> String {
    full(&format!("videos/films/{owner}-1/r1/a.mp4"))
}

/// All kinds from an hour on, if `finished_only` of finished jobs.
fn anything(finished_only: bool) -> Harness {
    let kinds = ["work", "clips", "videos", "thumbnails", "captions", "published"];
    Harness::with_rules(json!([{"kinds": kinds, "olderThan": "1h", "onlyFinished": finished_only}]))
}

#[test]
fn what_is_not_a_finished_jobs_is_kept_for_its_own_reason() {
    let of_its_kind = "videos/films/newest-1/r1/a.mp4";
    let mut harness = anything(true)
        .job("done", finished(OLD))
        .job("busy", JobLifecycle::Live)
        .job("lost", JobLifecycle::Failed { awaits_publication: false })
        .job("going", JobLifecycle::Deleting)
        .job("unborn", JobLifecycle::Live)
        .but(|job| job.facts.id = None);
    let kept = |why| FileVerdict::Kept(why);
    let cases = [
        ("assets/logo.png", kept(Why::Assets)),
        ("backups/default/20261126T030000Z.json", kept(Why::Backup)),
        ("plans/films/default/20261126T030000Z.jsonl.gz", kept(Why::Plan)),
        ("tombstones/films/done/0123456789abcdef0123456789abcdef.json", kept(Why::Tombstone)),
        ("clips/readme.txt", kept(Why::Unknown)),
        ("clips/films/done-1/1/clips/a.mp4", kept(Why::Unknown)),
        ("clips/elsewhere/done-1/r1/clips/a.mp4", kept(Why::OtherNamespace)),
        ("clips/films/done-1/r1/clips/a.mp4", FileVerdict::Deleted(0)),
        ("clips/films/busy-1/r1/clips/a.mp4", kept(Why::Live)),
        ("clips/films/lost-1/r1/clips/a.mp4", kept(Why::NotFinished(0))),
        ("clips/films/going-1/r1/clips/a.mp4", kept(Why::Deleting)),
        ("clips/films/unborn-7/r1/clips/a.mp4", kept(Why::Live)),
        ("clips/films/gone-1/r1/clips/a.mp4", FileVerdict::Deleted(0)),
        ("clips/films/done-2/r1/clips/a.mp4", FileVerdict::Deleted(0)),
        ("published/films/done-1/r1/main/record.json", kept(Why::PublicationRecord)),
        ("published/films/done-1/r1/main/film.mp4", FileVerdict::Deleted(0)),
        ("published/films/gone-1/r1/main/record.json", FileVerdict::Deleted(0)),
        (of_its_kind, kept(Why::NewestFilm)),
        ("videos/films/done-1/r1/a.mp4", FileVerdict::Deleted(0)),
        ("videos/films/busy-1/r1/a.mp4", kept(Why::Live)),
    ];
    for (key, _) in cases {
        harness = harness.object(key, 1, if key == of_its_kind { 2 * HOUR } else { OLD });
    }
    let planned = harness.plan();
    for (key, verdict) in cases {
        assert_eq!(planned.verdict(key), verdict, "{key}");
    }
}

#[test]
fn a_rule_for_unfinished_jobs_reaches_failed_ones_and_earlier_runs_alone() {
    let mut harness = anything(false)
        .job("busy", JobLifecycle::Live)
        .but(|job| job.facts.run = 2)
        .job("lost", JobLifecycle::Failed { awaits_publication: true })
        .job("dull", JobLifecycle::Failed { awaits_publication: false });
    let cases = [
        ("clips/films/busy-1/r1/clips/a.mp4", FileVerdict::Deleted(0)),
        ("clips/films/busy-1/r2/clips/a.mp4", FileVerdict::Kept(Why::Live)),
        ("clips/films/busy-1/r3/clips/a.mp4", FileVerdict::Kept(Why::Live)),
        ("published/films/busy-1/r1/main/record.json", FileVerdict::Kept(Why::PublicationRecord)),
        ("clips/films/lost-1/r1/clips/a.mp4", FileVerdict::Deleted(0)),
        ("videos/films/lost-1/r1/a.mp4", FileVerdict::Kept(Why::AwaitsPublication)),
        ("videos/films/dull-1/r1/a.mp4", FileVerdict::Deleted(0)),
    ];
    for (key, _) in cases {
        harness = harness.object(key, 1, OLD);
    }
    let planned = harness.plan();
    for (key, verdict) in cases {
        assert_eq!(planned.verdict(key), verdict, "{key}");
    }
}

#[test]
fn protection_by_pattern_and_by_label_goes_before_every_rule() {
    let label = |job: &mut JobReference| {
        job.facts.labels.insert("keep".into(), "true".into());
    };
    let patterns = json!(["videos/*/brand-*/**", "work/**/73746f7279*.json"]);
    let protect = json!({"keys": patterns, "jobs": {"matchExpressions": [
        {"key": "keep", "operator": "In", "values": ["true", "yes"]},
    ]}});
    let planned = anything(true)
        .set("protect", protect)
        .job("brand-a", finished(OLD))
        .job("dear", finished(OLD))
        .but(label)
        .job("plain", finished(OLD))
        .object("videos/films/brand-a-1/r1/a.mp4", 1, OLD)
        .object("clips/films/brand-a-1/r1/clips/a.mp4", 1, OLD)
        .object("clips/films/dear-1/r1/clips/a.mp4", 1, OLD)
        .object("work/films/plain-1/r1/documents/storyboard.json", 1, OLD)
        .object("work/films/plain-1/r1/documents/other.json", 1, OLD)
        .plan();
    assert_eq!(planned.verdict("videos/films/brand-a-1/r1/a.mp4"), FileVerdict::Kept(Why::ProtectedKey));
    assert_eq!(planned.verdict("clips/films/dear-1/r1/clips/a.mp4"), FileVerdict::Kept(Why::ProtectedJob));
    let storyboard = "work/films/plain-1/r1/documents/storyboard.json";
    assert_eq!(planned.verdict(storyboard), FileVerdict::Kept(Why::ProtectedKey));
    let expected = ["clips/films/brand-a-1/r1/clips/a.mp4", "work/films/plain-1/r1/documents/other.json"];
    let mut deleted = planned.deleted();
    deleted.sort();
    assert_eq!(deleted, expected.map(full));
}

#[test]
fn a_single_star_ends_at_a_slash() {
    let harness = |pattern: &str| {
        anything(true)
            .set("protect", json!({"keys": [pattern]}))
            .object("clips/films/gone-1/r1/clips/a.mp4", 1, OLD)
            .plan()
            .deleted()
            .len()
    };
    assert_eq!(harness("clips/*"), 1);
    assert_eq!(harness("clips/*/*/*/*/*.mp4"), 0);
    assert_eq!(harness("clips/**"), 0);
}

#[test]
fn a_pattern_or_selector_that_cannot_be_read_stops_everything() {
    let refused = |protect: serde_json::Value| {
        let harness = anything(true).set("protect", protect);
        Rules::of(&harness.policy(), &[]).unwrap_err().to_string()
    };
    let pattern = refused(json!({"keys": ["videos/[a"]}));
    assert!(pattern.contains("\"videos/[a\" is not a pattern of keys"), "{pattern}");
    let selector = refused(json!({"jobs": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}));
    assert!(selector.contains("protect.jobs cannot be read"), "{selector}");
}

#[test]
fn grace_and_age_count_from_the_last_write_to_the_second() {
    let harness = Harness::with_rules(json!([{"kinds": ["clips"], "olderThan": "7d"}]))
        .set("grace", json!("10d"))
        .object(&clip("a"), 1, 10 * DAY)
        .object(&clip("b"), 1, 10 * DAY - 1);
    let planned = harness.plan();
    assert_eq!(planned.deleted(), [clip("a")]);
    assert_eq!(planned.verdict(&clip("b")), FileVerdict::Kept(Why::InGrace));
    let planned = harness.set("grace", json!("1h")).object(&clip("c"), 1, 7 * DAY - 1).plan();
    assert_eq!(planned.deleted(), [clip("a"), clip("b")], "the oldest first");
    assert_eq!(planned.verdict(&clip("c")), FileVerdict::Kept(Why::TooYoung(0)));
}

#[test]
fn the_files_of_a_job_that_is_gone_are_as_young_as_the_newest_of_them_and_as_its_policy() {
    let mut harness = Harness::with_rules(json!([{"kinds": ["clips"], "olderThan": "7d"}]))
        .object(&clip("gone"), 1, 10 * DAY)
        .object("work/films/gone-1/r1/logs/a.jsonl", 1, 2 * HOUR)
        .object(&clip("done"), 1, 10 * DAY)
        .object("work/films/done-1/r1/logs/a.jsonl", 1, 2 * HOUR)
        .job("done", finished(9 * DAY));
    assert_eq!(harness.plan().deleted(), [clip("done")], "perhaps its job is restored in a moment");
    assert_eq!(harness.plan().verdict(&clip("gone")), FileVerdict::Kept(Why::TooYoung(0)));
    harness.now += 7 * DAY;
    assert_eq!(harness.plan().deleted().len(), 2);
    harness.came = harness.now - 7 * DAY + 1;
    assert_eq!(
        harness.plan().deleted(),
        [clip("done")],
        "perhaps the jobs are restored after the policy came"
    );
    harness.came -= 1;
    assert_eq!(harness.plan().deleted().len(), 2);
}

#[test]
fn what_other_policies_of_the_place_protect_stays_and_their_longer_grace_counts() {
    let mut harness = anything(true)
        .job("dear", finished(OLD))
        .but(|job| {
            job.facts.labels.insert("keep".into(), "true".into());
        })
        .set("protect", json!({"keys": ["clips/*/own-*/**"]}))
        .object(&clip("own"), 1, OLD)
        .object(&clip("brand"), 1, OLD)
        .object(&clip("dear"), 1, OLD)
        .object(&clip("fresh"), 1, 2 * DAY)
        .object(&clip("plain"), 1, OLD);
    assert_eq!(harness.plan().deleted().len(), 4);
    let protect = json!({"keys": ["clips/*/brand-*/**"], "jobs": {"matchLabels": {"keep": "true"}}});
    let other = harness.clone().set("protect", protect).set("grace", json!("3d")).policy();
    harness.sharing = vec![other];
    assert_eq!(harness.plan().deleted(), [clip("plain")]);
    let broken = harness.clone().set("protect", json!({"keys": ["clips/[a"]})).policy();
    let refused = Rules::of(&harness.policy(), &[broken]).unwrap_err().to_string();
    assert!(refused.starts_with("StoragePolicy films/default") && refused.contains("clips/[a"), "{refused}");
}

#[test]
fn jobs_of_a_namespace_may_be_restored_after_its_own_policy_however_old_the_one_that_prunes() {
    let mut harness = anything(true).object("clips/shows/a-1/r1/clips/a.mp4", 1, OLD);
    harness.namespaces.insert("shows".into());
    assert_eq!(harness.plan().deleted().len(), 1);
    harness.sharing = vec![harness.policy_of("shows", harness.now - 60)];
    assert_eq!(harness.plan().deleted(), [""; 0]);
    // One of the namespace that never came there makes nobody's files older.
    let mut stranger = harness.policy_of("shows", 0);
    stranger.status = None;
    harness.sharing.push(stranger);
    assert_eq!(harness.plan().deleted(), [""; 0]);
}

#[test]
fn a_persons_age_leaves_as_many_jobs_as_any_rule_keeps_of_the_kind() {
    let rules = json!([
        {"kinds": ["clips"], "olderThan": "30d", "keepLast": 2},
        {"kinds": ["clips", "work"], "olderThan": "2d", "whenAbove": "stop"},
    ]);
    let mut harness = Harness::with_rules(rules);
    for (age, owner) in ["c", "b", "a"].into_iter().enumerate() {
        let ago = (2 + i64::try_from(age).unwrap()) * DAY;
        harness = harness.job(owner, finished(ago)).object(&clip(owner), 1, ago);
    }
    harness.run_request.older_than = Some(Duration::from_days(1));
    assert_eq!(harness.plan().deleted(), [clip("a")]);
    assert_eq!(harness.plan().verdict(&clip("b")), FileVerdict::Kept(Why::KeepLast(0)));
}

#[test]
fn a_file_larger_than_the_brakes_share_goes_alone() {
    let harness = Harness::with_rules(json!([{"kinds": ["clips"], "olderThan": "1d"}]))
        .set("brakes", json!({"maxObjects": 10, "maxPercent": 10}))
        .object(&clip("huge"), 900, 9 * DAY)
        .object(&clip("small"), 1, 8 * DAY);
    let planned = harness.plan();
    assert_eq!(planned.deleted(), [clip("huge")]);
    assert_eq!(planned.verdict(&clip("small")), FileVerdict::Kept(Why::Brakes(0)));
}

#[test]
fn what_the_server_gives_no_time_for_is_in_grace() {
    let harness = anything(true);
    let mut listing = Listing::default();
    listing.add(Folder::Kind(videofactory_crds::storagepolicy::ObjectKind::Clips), &clip("a"), 1, u32::MAX);
    let now = testing::at(harness.now);
    let plan = plan(&listing, &harness.rules(), &harness.references(), &harness.run_request, now);
    assert_eq!(plan.verdicts, [FileVerdict::Kept(Why::InGrace)]);
}

#[test]
fn keep_last_counts_finished_and_gone_jobs_of_each_namespace_that_have_such_files() {
    let rules = json!([{"kinds": ["videos"], "olderThan": "1d", "keepLast": 2}]);
    let mut harness = Harness::with_rules(rules)
        .job("one", finished(9 * DAY))
        .job("two", finished(8 * DAY))
        .job("bare", finished(2 * DAY))
        .job("busy", JobLifecycle::Live)
        .object(&film("one"), 1, 9 * DAY)
        .object(&film("two"), 1, 8 * DAY)
        .object(&film("busy"), 1, 3 * DAY)
        .object(&film("gone"), 1, 10 * DAY)
        .object(&clip("bare"), 1, 2 * DAY)
        .object("videos/shows/one-1/r1/a.mp4", 1, 30 * DAY)
        .object("videos/shows/two-1/r1/a.mp4", 1, 31 * DAY);
    harness.namespaces.insert("shows".into());
    assert_eq!(harness.plan().deleted(), [film("gone")]);
    assert_eq!(harness.plan().verdict(&film("one")), FileVerdict::Kept(Why::KeepLast(0)));
    // The files of a job that is gone are as young as the youngest of them.
    let harness = harness.object(&clip("gone"), 1, 2 * DAY);
    assert_eq!(harness.plan().deleted(), [film("one")]);
}

#[test]
fn above_its_mark_a_rule_brings_the_bucket_down_to_target_oldest_first() {
    let rules = json!([{"kinds": ["clips"], "olderThan": "1d", "whenAbove": "warn"}]);
    let mut harness = Harness::with_rules(rules);
    for (age, owner) in ["e", "d", "c", "b", "a"].into_iter().enumerate() {
        harness = harness.object(&clip(owner), 160, (2 + i64::try_from(age).unwrap()) * DAY);
    }
    assert_eq!(harness.plan().deleted(), [""; 0], "800 bytes are not above warn");
    assert_eq!(harness.plan().verdict(&clip("a")), FileVerdict::Kept(Why::BelowMark(0)));
    let harness = harness.object("assets/logo.png", 1, 0);
    assert_eq!(harness.plan().deleted(), [clip("a"), clip("b")], "down to 481 of 801 bytes, target 500");
    assert_eq!(harness.plan().verdict(&clip("c")), FileVerdict::Kept(Why::BelowMark(0)));
}

#[test]
fn a_rules_mark_is_compared_with_what_earlier_rules_leave() {
    let rules = json!([
        {"kinds": ["clips"], "olderThan": "7d"},
        {"kinds": ["clips"], "olderThan": "1d", "whenAbove": "target"},
    ]);
    let harness =
        Harness::with_rules(rules).object(&clip("old"), 600, 8 * DAY).object(&clip("new"), 400, 2 * DAY);
    assert_eq!(harness.plan().deleted(), [clip("old")]);
    assert_eq!(harness.plan().verdict(&clip("new")), FileVerdict::Kept(Why::BelowMark(1)));
}

#[test]
fn a_persons_age_takes_the_place_of_the_rules_and_asks_no_mark() {
    let rules = json!([
        {"kinds": ["clips"], "olderThan": "7d"},
        {"kinds": ["videos"], "olderThan": "30d", "whenAbove": "stop"},
    ]);
    let mut harness = Harness::with_rules(rules)
        .job("lost", JobLifecycle::Failed { awaits_publication: false })
        .object(&clip("young"), 1, 2 * HOUR)
        .object(&clip("infant"), 1, HOUR / 2)
        .object(&clip("lost"), 1, OLD)
        .object("work/films/young-1/r1/documents/a.json", 1, OLD)
        .object(&film("young"), 1, 3 * HOUR)
        .object(&film("younger"), 1, 2 * HOUR);
    harness.run_request.older_than = Some(Duration::from_secs(1));
    harness.run_request.cause = PruneCause::Request;
    let planned = harness.plan();
    assert_eq!(planned.deleted(), [clip("young"), film("young")]);
    assert_eq!(planned.verdict(&clip("infant")), FileVerdict::Kept(Why::InGrace));
    assert_eq!(planned.verdict(&clip("lost")), FileVerdict::Kept(Why::NotFinished(0)));
    assert_eq!(planned.verdict(&film("younger")), FileVerdict::Kept(Why::NewestFilm));
}

#[test]
fn the_brakes_let_exactly_the_first_ones_pass() {
    let rules = json!([
        {"kinds": ["captions"], "olderThan": "1d"},
        {"kinds": ["clips"], "olderThan": "1d"},
    ]);
    let harness = Harness::with_rules(rules)
        .object(&clip("a"), 10, 9 * DAY)
        .object(&clip("b"), 10, 8 * DAY)
        .object("captions/films/a-1/r1/a.srt", 10, 2 * DAY)
        .object("captions/films/b-1/r1/a.srt", 10, 3 * DAY);
    let run_request =
        ["captions/films/b-1/r1/a.srt", "captions/films/a-1/r1/a.srt", &clip("a"), &clip("b")].map(full);
    assert_eq!(harness.plan().deleted(), run_request);
    let by_number = harness.clone().set("brakes", json!({"maxObjects": 3, "maxPercent": 100})).plan();
    assert_eq!(by_number.deleted(), run_request[..3]);
    assert_eq!(by_number.verdict(&clip("b")), FileVerdict::Kept(Why::Brakes(1)));
    assert_eq!(by_number.plan.braked, Tally { objects: 1, bytes: 10 });
    let by_share = harness.set("brakes", json!({"maxObjects": 100, "maxPercent": 50})).plan();
    assert_eq!(by_share.deleted(), run_request[..2]);
}

#[test]
fn the_plans_of_earlier_runs_weigh_nothing_in_the_rules() {
    let rules = json!([{"kinds": ["clips"], "olderThan": "1d", "whenAbove": "target"}]);
    let harness = Harness::with_rules(rules).object(&clip("a"), 500, 2 * DAY);
    assert_eq!(harness.plan().deleted(), [""; 0]);
    let harness = harness.object("plans/films/default/20261126T030000Z.jsonl.gz", 100, 0);
    assert_eq!(harness.plan().deleted(), [""; 0], "a dry run's plan changed what a run deletes");
}

#[test]
fn a_policy_without_rules_deletes_nothing() {
    let harness = Harness::with_rules(json!([])).object(&clip("a"), 1000, OLD);
    assert_eq!(harness.plan().deleted(), [""; 0]);
    assert_eq!(harness.plan().verdict(&clip("a")), FileVerdict::Kept(Why::NoRule));
}

#[test]
fn the_reason_of_the_rule_by_which_a_file_came_furthest_is_reported() {
    let rules = json!([
        {"kinds": ["clips"], "olderThan": "30d", "whenAbove": "target"},
        {"kinds": ["clips"], "olderThan": "3d", "keepLast": 1},
        {"kinds": ["clips"], "olderThan": "90d"},
    ]);
    let planned = Harness::with_rules(rules).object(&clip("a"), 1, 10 * DAY).plan();
    assert_eq!(planned.verdict(&clip("a")), FileVerdict::Kept(Why::KeepLast(1)));
}

#[test]
fn a_bucket_that_stays_too_full_says_what_holds_it_and_what_would_help() {
    let rules = json!([{"kinds": ["clips"], "olderThan": "7d"}]);
    let harness = Harness::with_rules(rules)
        .job("busy", JobLifecycle::Live)
        .object(&film("gone"), 300, OLD)
        .object(&film("newest"), 10, 50 * DAY)
        .object(&clip("young"), 200, 2 * DAY)
        .object(&clip("busy"), 290, OLD);
    let sentence = harness.plan().shortfall();
    let expected = "800 bytes stay, above the target of 500 bytes: 300 bytes (no rule for this kind), 290 bytes \
                    (job is unfinished), 200 bytes (younger than olderThan); a rule for videos would free up to 300 \
                    bytes";
    assert_eq!(sentence, expected);
    let young = harness.object(&clip("young"), 900, 2 * DAY).plan().shortfall();
    assert!(young.ends_with("; a shorter olderThan of rule 1 would free up to 900 bytes"), "{young}");
    let fits = Harness::with_rules(json!([])).object(&clip("a"), 500, OLD).plan().shortfall();
    assert_eq!(fits, "");
}

#[test]
fn sizes_read_as_people_write_them() {
    let sizes = [999, 1_000, 1_550, 9_960_000_000, 10_000_000_000].map(size);
    assert_eq!(sizes, ["999 bytes", "1 kB", "1.5 kB", "9.9 GB", "10 GB"]);
}

#[test]
fn a_job_of_the_same_name_that_came_later_does_not_own_the_files_of_the_first() {
    let references =
        References::new(["films".to_owned()].into(), [job("films", "ocean", JobLifecycle::Live)]);
    assert!(matches!(references.owner("films", "ocean", ID), Owned::By(_)));
    assert_eq!(references.owner("films", "ocean", "00000002"), Owned::ByNone);
    assert_eq!(references.owner("shows", "ocean", ID), Owned::Elsewhere);
}
