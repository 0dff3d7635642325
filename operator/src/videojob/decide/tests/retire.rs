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
use super::super::testing::{World, storage_at, storage_ready};
use crate::config::SideEffects;

/// What is applied from git, again and again.
fn from_git() -> World {
    World::new(json!({
        "topic": "Why mountains grow", "sceneCount": 1, "ttlAfterFinished": "60s",
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
    }))
}

/// Made, published, and deleted by its time to live.
fn gone() -> World {
    let mut world = from_git();
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    world.pass(61);
    world.reconcile_or_crash(false);
    world
}

fn retires(world: &mut World) -> bool {
    let decision = world.reconcile_or_crash(true);
    decision.actions.iter().any(|action| matches!(action, Action::Retire { .. }))
}

fn already_made(world: &World) -> bool {
    world.begun.is_empty() && world.reason() == "AlreadyMade"
}

#[test]
fn a_manifest_that_is_applied_again_after_its_time_to_live_makes_nothing_and_is_healthy() {
    let mut world = gone();
    for uid in ["aaaaaaaa-2", "bbbbbbbb-3"] {
        world.apply_again(uid);
        world.converge();
        assert!(already_made(&world), "{}: {:?}", world.reason(), world.begun);
        assert_eq!(world.phase(), Phase::Succeeded);
        assert!(world.has(ConditionType::Ready) && world.has(ConditionType::Succeeded));
        assert!(!world.has(ConditionType::Reconciling) && !world.has(ConditionType::Stalled));
        for part in ["videos/film.mp4", "ttlAfterFinished", requests::RESTART] {
            assert!(world.message().contains(part), "{}", world.message());
        }
        assert_eq!(world.events.len(), 1, "{:?}", world.events);
        // It stays, so that nothing goes round in a circle, and asks the bucket no more.
        world.pass(1_000_000);
        world.converge();
        assert_eq!(world.observed.made, Made::NotAsked);
        assert_eq!(world.events.len(), 1, "{:?}", world.events);
        world.events.push("deleted".to_owned());
    }
}

#[test]
fn a_changed_spec_is_another_film_and_one_that_is_changed_back_is_not() {
    let mut world = gone();
    world.apply_again("aaaaaaaa-2");
    world.converge();
    let voices = |text: &str| serde_json::from_value(json!([{"id": "s1", "narration": text}])).unwrap();
    world.edit(|job| job.spec.priority = 5);
    world.converge();
    assert!(already_made(&world), "how it is made says nothing of what is made");
    world.edit(|job| job.spec.scene_overrides = Some(voices("another word")));
    world.converge();
    assert_eq!(world.begun, [(StepName::WriteScript, 1)]);
    assert_eq!(world.observed.job.status.clone().unwrap().already_made, None);
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Succeeded, "Completed"));

    let mut world = gone();
    world.apply_again("aaaaaaaa-2");
    world.observed.job.spec.scene_overrides = Some(voices("another word"));
    world.run_to_rest();
    world.pass(61);
    world.reconcile_or_crash(false);
    assert_eq!(world.tombstones.len(), 2);
    world.apply_again("bbbbbbbb-3");
    world.observed.job.spec.scene_overrides = None;
    world.converge();
    assert!(already_made(&world));
}

#[test]
fn a_restart_goes_through_once_and_not_again_with_the_manifest_that_holds_it() {
    let mut world = gone();
    let deleted_at = world.now;
    world.apply_again("aaaaaaaa-2");
    world.annotate(requests::RESTART, &deleted_at.to_string());
    world.converge();
    assert!(already_made(&world), "it was asked for before the film was made or deleted");
    world.pass(10);
    world.annotate(requests::RESTART, &world.now.to_string());
    world.converge();
    assert_eq!(world.begun, [(StepName::WriteScript, 1)]);
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Succeeded, "Completed"));
    world.pass(61);
    world.reconcile_or_crash(false);
    world.apply_again("bbbbbbbb-3");
    world.converge();
    assert!(already_made(&world), "the annotation is in git too");
}

#[test]
fn the_time_to_live_of_a_restored_job_counts_from_its_restoration() {
    let mut world = from_git();
    world.run_to_rest();
    world.pass(1_000);
    world.observed.job.metadata.creation_timestamp = Some(Time(world.now));
    world.pass(59);
    assert!(!retires(&mut world), "its minute is not over");
    assert_eq!(world.last.as_ref().unwrap().wake_at, Some(world.now + SignedDuration::from_secs(1)));
    world.pass(1);
    assert!(retires(&mut world));
}

#[test]
fn a_restored_job_goes_through_and_so_does_another_name() {
    let mut world = gone();
    let made = world.observed.job.status.clone();
    world.apply_again("aaaaaaaa-2");
    world.observed.job.status = made;
    world.observed.job.spec.ttl_after_finished = None;
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Succeeded, "Completed"));

    let mut world = gone();
    world.apply_again("aaaaaaaa-2");
    world.observed.job.metadata.name = Some("tide".to_owned());
    world.converge();
    assert_eq!(world.begun, [(StepName::WriteScript, 1)]);
}

#[test]
fn nothing_begins_before_the_bucket_has_said_whether_it_was_made() {
    let mut world = gone();
    world.apply_again("aaaaaaaa-2");
    let message = "no answer".to_owned();
    world.observed.storage = Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
    world.converge();
    assert_eq!((world.begun.len(), world.reason().as_str()), (0, "StorageUnavailable"));
    world.observed.storage = storage_ready();
    world.observed.made = Made::Unknown("no answer".to_owned());
    let decision = super::super::decide(&world.observed, world.now);
    assert!(decision.wake_at.is_some() && decision.status.run.is_none(), "{decision:?}");
    world.converge();
    assert!(already_made(&world));
}

#[test]
fn a_job_that_failed_stays_whatever_its_time_to_live_says() {
    let mut world = from_git();
    world.edit(|job| job.spec.retry.limit = 0);
    world.converge();
    world.end(StepName::WriteScript, ExitCode::Bug);
    world.converge();
    assert_eq!(world.phase(), Phase::Failed);
    world.pass(1_000_000);
    assert!(!retires(&mut world));
}

#[test]
fn the_bucket_is_back_before_a_job_goes() {
    let mut world = from_git();
    world.run_to_rest();
    world.pass(61);
    let message = "no answer".to_owned();
    world.observed.storage = Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message };
    assert!(!retires(&mut world));
    world.observed.storage = storage_at(StorageLevel::Full, 100);
    assert!(retires(&mut world));
}

#[test]
fn a_time_to_live_that_is_edited_later_counts_from_the_end() {
    let mut world = from_git();
    world.run_to_rest();
    world.edit(|job| job.spec.ttl_after_finished = Some("1h".parse().unwrap()));
    world.pass(1_000);
    assert!(!retires(&mut world));
    world.edit(|job| job.spec.ttl_after_finished = Some("10m".parse().unwrap()));
    assert!(retires(&mut world));
    world.edit(|job| job.spec.ttl_after_finished = None);
    assert!(!retires(&mut world));
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
        let mut world = from_git();
        world.run_to_rest();
        let publications = states.iter().enumerate().map(|(number, state)| Publication {
            target: number.to_string(), state: Some(*state), ..Publication::default()
        });
        world.observed.job.status.as_mut().unwrap().publications = publications.collect();
        world.observed.protected = protected;
        world.observed.side_effects = if suspended { SideEffects::Suspend } else { SideEffects::Allow };
        if held {
            world.annotate(requests::HOLD, "mine");
        }
        world.pass(if over { 61 } else { 59 });
        let wanted = over && !protected && !suspended && !held && states.iter().all(|state| state.is_done());
        prop_assert_eq!(retires(&mut world), wanted, "{:?}", states);
        prop_assert_eq!(world.phase(), Phase::Succeeded);
    }
}

#[test]
fn what_a_tombstone_says_is_what_was_made() {
    let world = gone();
    let (key, tombstone) = world.tombstones.first_key_value().unwrap();
    assert!(key.starts_with("tombstones/films/ocean/"), "{key}");
    let told = serde_json::to_value(tombstone).unwrap();
    assert_eq!(
        told,
        json!({
            "version": 1, "uid": "3f9c2a1e-1111-2222", "id": "3f9c2a1e", "run": 1,
            "at": world.now.to_string(), "film": "videos/film.mp4",
        })
    );
    assert_eq!(world.step(StepName::PublishVideo).state, Some(StepState::Succeeded));
    assert_ne!(told["film"], Value::Null);
}
