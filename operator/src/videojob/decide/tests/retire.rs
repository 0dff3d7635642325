//! When a job goes by itself, and what becomes of one that is applied again.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::videojob::{Publication, PublicationState};
use videofactory_crds::{StepName, VideoJobReason, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Action, Made, Storage};
use super::super::testing::{Harness, storage_at, storage_ready};
use crate::config::SideEffects;

/// What is applied from git, again and again.
fn from_git() -> Harness {
    Harness::new(json!({
        "topic": "Why mountains grow", "sceneCount": 1, "ttlAfterFinished": "60s",
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
    }))
}

/// Made, published, and deleted by its time to live.
fn gone() -> Harness {
    let mut harness = from_git();
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    harness.pass(61);
    harness.reconcile_or_crash(false);
    harness
}

fn retires(harness: &mut Harness) -> bool {
    let decision = harness.reconcile_or_crash(true);
    decision.actions.iter().any(|action| matches!(action, Action::Retire { .. }))
}

fn already_made(harness: &Harness) -> bool {
    harness.begun.is_empty() && harness.reason() == "AlreadyMade"
}

#[test]
fn a_manifest_that_is_applied_again_after_its_time_to_live_makes_nothing_and_is_healthy() {
    let mut harness = gone();
    for uid in ["aaaaaaaa-2", "bbbbbbbb-3"] {
        harness.apply_again(uid);
        harness.converge();
        assert!(already_made(&harness), "{}: {:?}", harness.reason(), harness.begun);
        assert_eq!(harness.phase(), Phase::Succeeded);
        assert!(harness.has(ConditionType::Ready) && harness.has(ConditionType::Succeeded));
        assert!(!harness.has(ConditionType::Reconciling) && !harness.has(ConditionType::Stalled));
        for part in ["videos/film.mp4", "ttlAfterFinished", requests::RESTART] {
            assert!(harness.message().contains(part), "{}", harness.message());
        }
        assert_eq!(harness.events.len(), 1, "{:?}", harness.events);
        // It stays, so that nothing goes round in a circle, and asks the bucket no more.
        harness.pass(1_000_000);
        harness.converge();
        assert_eq!(harness.observed.made, Made::NotAsked);
        assert_eq!(harness.events.len(), 1, "{:?}", harness.events);
        harness.events.push("deleted".to_owned());
    }
}

#[test]
fn a_changed_spec_is_another_film_and_one_that_is_changed_back_is_not() {
    let mut harness = gone();
    harness.apply_again("aaaaaaaa-2");
    harness.converge();
    let voices = |text: &str| serde_json::from_value(json!([{"id": "s1", "narration": text}])).unwrap();
    harness.edit(|job| job.spec.priority = 5);
    harness.converge();
    assert!(already_made(&harness), "how it is made says nothing of what is made");
    harness.edit(|job| job.spec.scene_overrides = Some(voices("another word")));
    harness.converge();
    assert_eq!(harness.begun, [(StepName::WriteScript, 1)]);
    assert_eq!(harness.observed.job.status.clone().unwrap().already_made, None);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Succeeded, "Completed"));

    let mut harness = gone();
    harness.apply_again("aaaaaaaa-2");
    harness.observed.job.spec.scene_overrides = Some(voices("another word"));
    harness.run_to_rest();
    harness.pass(61);
    harness.reconcile_or_crash(false);
    assert_eq!(harness.tombstones.len(), 2);
    harness.apply_again("bbbbbbbb-3");
    harness.observed.job.spec.scene_overrides = None;
    harness.converge();
    assert!(already_made(&harness));
}

#[test]
fn a_restart_goes_through_once_and_not_again_with_the_manifest_that_holds_it() {
    let mut harness = gone();
    let deleted_at = harness.now;
    harness.apply_again("aaaaaaaa-2");
    harness.annotate(requests::RESTART, &deleted_at.to_string());
    harness.converge();
    assert!(already_made(&harness), "it was asked for before the film was made or deleted");
    harness.pass(10);
    harness.annotate(requests::RESTART, &harness.now.to_string());
    harness.converge();
    assert_eq!(harness.begun, [(StepName::WriteScript, 1)]);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Succeeded, "Completed"));
    harness.pass(61);
    harness.reconcile_or_crash(false);
    harness.apply_again("bbbbbbbb-3");
    harness.converge();
    assert!(already_made(&harness), "the annotation is in git too");
}

#[test]
fn the_time_to_live_of_a_restored_job_counts_from_its_restoration() {
    let mut harness = from_git();
    harness.run_to_rest();
    harness.pass(1_000);
    harness.observed.job.metadata.creation_timestamp = Some(Time(harness.now));
    harness.pass(59);
    assert!(!retires(&mut harness), "its minute is not over");
    assert_eq!(harness.last.as_ref().unwrap().wake_at, Some(harness.now + SignedDuration::from_secs(1)));
    harness.pass(1);
    assert!(retires(&mut harness));
}

#[test]
fn a_restored_job_goes_through_and_so_does_another_name() {
    let mut harness = gone();
    let made = harness.observed.job.status.clone();
    harness.apply_again("aaaaaaaa-2");
    harness.observed.job.status = made;
    harness.observed.job.spec.ttl_after_finished = None;
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Succeeded, "Completed"));

    let mut harness = gone();
    harness.apply_again("aaaaaaaa-2");
    harness.observed.job.metadata.name = Some("tide".to_owned());
    harness.converge();
    assert_eq!(harness.begun, [(StepName::WriteScript, 1)]);
}

#[test]
fn nothing_begins_before_the_bucket_has_said_whether_it_was_made() {
    let mut harness = gone();
    harness.apply_again("aaaaaaaa-2");
    let message = "no answer".to_owned();
    harness.observed.storage = Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
    harness.converge();
    assert_eq!((harness.begun.len(), harness.reason().as_str()), (0, "StorageUnavailable"));
    harness.observed.storage = storage_ready();
    harness.observed.made = Made::Unknown("no answer".to_owned());
    let decision = super::super::decide(&harness.observed, harness.now);
    assert!(decision.wake_at.is_some() && decision.status.run.is_none(), "{decision:?}");
    harness.converge();
    assert!(already_made(&harness));
}

#[test]
fn a_job_that_failed_stays_whatever_its_time_to_live_says() {
    let mut harness = from_git();
    harness.edit(|job| job.spec.retry.limit = 0);
    harness.converge();
    harness.end(StepName::WriteScript, ExitCode::Bug);
    harness.converge();
    assert_eq!(harness.phase(), Phase::Failed);
    harness.pass(1_000_000);
    assert!(!retires(&mut harness));
}

#[test]
fn the_bucket_is_back_before_a_job_goes() {
    let mut harness = from_git();
    harness.run_to_rest();
    harness.pass(61);
    let message = "no answer".to_owned();
    harness.observed.storage = Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
    assert!(!retires(&mut harness));
    harness.observed.storage = storage_at(StorageLevel::Full, 100);
    assert!(retires(&mut harness));
}

#[test]
fn a_time_to_live_that_is_edited_later_counts_from_the_end() {
    let mut harness = from_git();
    harness.run_to_rest();
    harness.edit(|job| job.spec.ttl_after_finished = Some("1h".parse().unwrap()));
    harness.pass(1_000);
    assert!(!retires(&mut harness));
    harness.edit(|job| job.spec.ttl_after_finished = Some("10m".parse().unwrap()));
    assert!(retires(&mut harness));
    harness.edit(|job| job.spec.ttl_after_finished = None);
    assert!(!retires(&mut harness));
}

fn publication_state() -> impl Strategy<Value = PublicationState> {
    use PublicationState::{Pending, Published, Refused, Scheduled, Unknown, Uploading};
    prop::sample::select(vec![
        Published, Published, Published, Scheduled, Pending, Uploading, Refused, Unknown,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn only_what_is_published_everywhere_and_held_by_nothing_goes_by_itself(
        states in prop::collection::vec(publication_state(), 0..4),
        protected in prop::bool::weighted(0.2),
        suspended in prop::bool::weighted(0.2),
        held in prop::bool::weighted(0.2),
        over in prop::bool::weighted(0.8),
    ) {
        let mut harness = from_git();
        harness.run_to_rest();
        let publications = states.iter().enumerate().map(|(number, state)| Publication {
            target: number.to_string(), state: Some(*state), ..Publication::default()
        });
        harness.observed.job.status.as_mut().unwrap().publications = publications.collect();
        harness.observed.protected = protected;
        harness.observed.side_effects = if suspended { SideEffects::Suspend } else { SideEffects::Allow };
        if held {
            harness.annotate(requests::HOLD, "mine");
        }
        harness.pass(if over { 61 } else { 59 });
        let wanted = over && !protected && !suspended && !held && states.iter().all(|state| state.is_done());
        prop_assert_eq!(retires(&mut harness), wanted, "{:?}", states);
        prop_assert_eq!(harness.phase(), Phase::Succeeded);
    }
}

#[test]
fn what_a_tombstone_says_is_what_was_made() {
    let harness = gone();
    let (key, tombstone) = harness.tombstones.first_key_value().unwrap();
    assert!(key.starts_with("tombstones/films/ocean/"), "{key}");
    let reported = serde_json::to_value(tombstone).unwrap();
    assert_eq!(
        reported,
        json!({
            "version": 1, "uid": "3f9c2a1e-1111-2222", "id": "3f9c2a1e", "run": 1,
            "at": harness.now.to_string(), "film": "videos/film.mp4",
        })
    );
    assert_eq!(harness.step(StepName::PublishVideo).state, Some(StepState::Succeeded));
    assert_ne!(reported["film"], Value::Null);
}
