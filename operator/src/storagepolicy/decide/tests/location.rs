//! What a policy keeps and loses when it moves, is suspended in the middle of a run, or finds its place to be another's.

use serde_json::json;
use videofactory_crds::storagepolicy::{PolicyPlace, PruneCause, PruneOutcome};

use super::super::super::observe::Finding;
use super::super::Action;
use super::super::testing::{GB, Harness, unfit};

const CLEAN_UP: &str = r#"{"at":"2026-01-01T00:00:00Z","olderThan":"1s"}"#;
const MONTH: i64 = 30 * 86_400;

fn moves(harness: &mut Harness) {
    let bucket = json!({
        "endpoint": "http://s3:9000", "name": "videos", "prefix": "elsewhere/", "secretRef": {"name": "s3"},
    });
    harness.edit("bucket", bucket);
}

/// A clean-up is under way, with an age that a person has chosen.
fn cleaning(spec: &serde_json::Value) -> Harness {
    let mut harness = Harness::holding(spec, GB);
    harness.annotate("cleanup-requested", CLEAN_UP);
    harness.pass(5);
    harness.reconcile();
    assert_eq!(harness.last_run_request().cause, PruneCause::Request);
    harness
}

fn location(harness: &Harness) -> Option<PolicyPlace> {
    harness.observed.policy.status.as_ref().unwrap().place.clone()
}

fn runs_begun(harness: &Harness) -> usize {
    harness.begun.iter().filter(|action| matches!(action, Action::Prune(_))).count()
}

/// Whether anything is pruned with a person's age while a month passes.
fn continues(harness: &mut Harness) -> bool {
    let begun = harness.begun.len();
    for _ in 0..30 {
        harness.pass(MONTH / 30);
        harness.reconcile();
        harness.observed.snapshot.running = None;
    }
    let later = &harness.begun[begun..];
    later
        .iter()
        .any(|action| matches!(action, Action::Prune(run_request) if run_request.older_than.is_some()))
}

#[test]
fn a_clean_up_that_suspend_interrupted_does_not_continue() {
    for dies in [false, true] {
        let mut harness = cleaning(&json!({}));
        harness.edit("suspend", json!(true));
        if dies {
            harness.restart();
        } else {
            assert!(harness.reconcile().cancel);
            harness.pruned(PruneOutcome::Interrupted, Some(GB), None);
        }
        harness.reconcile();
        assert_eq!(harness.runs()[0].outcome, Some(PruneOutcome::Cancelled), "dies: {dies}");
        assert!(harness.reported.contains(&"PruneCancelled".to_owned()), "{:?}", harness.reported);
        harness.pass(21 * 86_400);
        harness.reconcile();
        harness.edit("suspend", json!(false));
        assert!(!continues(&mut harness), "dies: {dies}");
    }
}

#[test]
fn what_was_interrupted_long_ago_does_not_continue_however_rare_its_schedule() {
    let mut harness = cleaning(&json!({"schedule": "0 0 1 1 *"}));
    harness.pass(2 * 86_400);
    harness.restart();
    harness.reconcile();
    assert_eq!(harness.runs()[0].outcome, Some(PruneOutcome::Interrupted));
    assert!(!continues(&mut harness));
}

#[test]
fn a_clean_up_of_one_location_does_not_continue_in_another() {
    let mut harness = cleaning(&json!({}));
    moves(&mut harness);
    assert!(harness.reconcile().cancel);
    harness.pruned(PruneOutcome::Interrupted, Some(GB), None);
    harness.reconcile();
    assert!(!continues(&mut harness));
}

#[test]
fn who_moves_brings_nothing_along() {
    let mut harness = Harness::holding(&json!({"rules": []}), 9 * GB);
    let before = harness.observed.policy.status.clone().unwrap();
    assert!(before.usage.is_some() && before.place.is_some());
    moves(&mut harness);
    harness.annotate("cleanup-requested", CLEAN_UP);
    harness.pass(60);
    let decision = harness.reconcile();
    let status = harness.observed.policy.status.clone().unwrap();
    let place = status.place.unwrap();
    assert_eq!((place.prefix.as_str(), place.since.0), ("elsewhere", harness.now));
    assert_eq!((status.usage, status.level), (None, None));
    assert_eq!(decision.action, Some(Action::Measure));
    assert!(harness.reported.contains(&"RequestRefused".to_owned()), "{:?}", harness.reported);
    harness.measured(9 * GB);
    harness.reconcile();
    assert_eq!(runs_begun(&harness), 0, "it was asked for the other place");
}

#[test]
fn nothing_is_deleted_in_the_reconcile_in_which_a_policy_comes_to_a_location() {
    let mut harness = Harness::new(&json!({}));
    harness.annotate("cleanup-requested", CLEAN_UP);
    assert_eq!(harness.reconcile().action, Some(Action::Measure));
    harness.measured(GB);
    harness.reconcile();
    assert_eq!(runs_begun(&harness), 1);
}

#[test]
fn a_place_that_is_anothers_is_given_up_with_what_was_measured_there() {
    let mut harness = Harness::holding(&json!({}), GB);
    let first = location(&harness).unwrap();
    // A server that is down, or wrong keys, say nothing of whose it is.
    for reason in [
        videofactory_crds::StoragePolicyReason::StorageUnavailable,
        videofactory_crds::StoragePolicyReason::CredentialsInvalid,
    ] {
        harness.observed.finding = unfit(reason);
        harness.observed.owned = None;
        harness.reconcile();
        assert_eq!(location(&harness), Some(first.clone()));
    }
    harness.observed.finding = Finding::Others { message: "another's".into() };
    harness.reconcile();
    assert_eq!(location(&harness), None);
    assert_eq!(harness.observed.policy.status.as_ref().unwrap().usage, None);
    assert_eq!(harness.condition("Ready").1, "ConfigurationInvalid");
    // Given back, it has come there again.
    harness.pass(3_600);
    harness.observed.finding = Finding::Fit;
    harness.observed.owned = Harness::new(&json!({})).observed.owned;
    harness.reconcile();
    assert_eq!(location(&harness).unwrap().since.0, harness.now);
}

#[test]
fn a_run_stops_where_the_place_turns_out_to_be_anothers() {
    let mut harness = cleaning(&json!({}));
    assert!(!harness.reconcile().cancel);
    harness.observed.finding = Finding::Others { message: "another's".into() };
    harness.observed.owned = None;
    assert!(harness.reconcile().cancel);
}

#[test]
fn a_status_that_was_restored_from_another_clusters_backup_gives_no_right() {
    let mut harness = Harness::holding(&json!({}), GB);
    harness.pass(60);
    harness.observed.owned.as_mut().unwrap().cluster = "other".into();
    harness.reconcile();
    let status = harness.observed.policy.status.clone().unwrap();
    let place = status.place.unwrap();
    assert_eq!((place.cluster.as_str(), place.since.0), ("other", harness.now));
    assert_eq!(status.usage, None);
}

/// It was backed up as it is, and is restored now, by a tool that changes nothing in its status.
fn restored(harness: &mut Harness) {
    harness.restart();
    harness.pass(3_600);
    let now = videofactory_crds::condition::whole_seconds(harness.now);
    harness.observed.policy.metadata.creation_timestamp = Some(now);
}

#[test]
fn files_of_jobs_that_are_not_restored_yet_are_as_young_as_their_policys_restoration() {
    let mut harness = Harness::holding(&json!({}), GB);
    let came = location(&harness).unwrap().since.0;
    restored(&mut harness);
    harness.reconcile();
    let since = location(&harness).unwrap().since.0;
    assert_eq!((since, since > came), (harness.now, true));
    harness.pass(60);
    harness.reconcile();
    assert_eq!(location(&harness).unwrap().since.0, since);
}

#[test]
fn what_was_under_way_when_a_policy_was_backed_up_does_not_continue_where_it_is_restored() {
    let mut harness = cleaning(&json!({}));
    restored(&mut harness);
    assert!(!continues(&mut harness));
    let mut harness = Harness::holding(&json!({}), GB);
    harness.annotate("backup-requested-at", "2026-01-01T00:00:00Z");
    harness.reconcile();
    let backups = |harness: &Harness| {
        harness.begun.iter().filter(|action| matches!(action, Action::BackUp { .. })).count()
    };
    assert_eq!(backups(&harness), 1);
    restored(&mut harness);
    harness.reconcile();
    assert_eq!(backups(&harness), 1, "it would write over the backup from which it was restored");
}

#[test]
fn a_bucket_of_too_many_files_is_not_pruned_and_says_what_to_do() {
    let mut harness = Harness::holding(&json!({}), 9 * GB);
    harness.observed.most_files = 9;
    harness.annotate("cleanup-requested", CLEAN_UP);
    let begun = runs_begun(&harness);
    harness.reconcile();
    let (status, reason, message) = harness.condition("WithinLimit");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "TooManyFiles"));
    for part in ["10 files, more than the 9", "raise the memory limit", "a prefix of its own"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(runs_begun(&harness), begun);
    assert!(harness.reported.contains(&"RequestRefused".to_owned()), "{:?}", harness.reported);
    harness.observed.most_files = 10;
    harness.observed.snapshot.running = None;
    harness.reconcile();
    assert_eq!(harness.within_limit().1, "StorageFull");
}
