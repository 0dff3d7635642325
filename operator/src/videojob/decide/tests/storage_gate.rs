//! A bucket that fills up, as sentences.

use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::storagepolicy::{ObjectKind, StorageLevel};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;
use videofactory_pipeline::wrote::Wrote;

use super::super::super::model::Account;
use super::super::testing::{World, storage_at, storage_ready};
use super::quota_request::{at_work, close_grants, demand, film, grant, partly, until_animation};
use crate::meter::Change;

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film to be published, whose steps up to this one are done; what comes next is at work.
fn done_up_to(last: StepName) -> World {
    let mut world =
        World::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}));
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM].into_iter().filter(|step| *step <= last) {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world
}

fn fill(world: &mut World, level: StorageLevel, percent: i32) {
    world.observed.storage = storage_at(level, percent);
    world.converge();
}

#[test]
fn at_stop_a_new_video_waits_and_begins_by_itself_when_there_is_room() {
    for level in [StorageLevel::Stopped, StorageLevel::Full] {
        let mut world = World::topic();
        fill(&mut world, level, 97);
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "StorageFull"));
        assert!(world.has(ConditionType::Reconciling) && !world.has(ConditionType::StorageAvailable));
        assert_eq!((world.begun.len(), world.step(SCRIPT).state), (0, Some(StepState::Pending)));
        for part in ["97 % of its limit", "describe storagepolicy default", "automatically"] {
            assert!(world.message().contains(part), "{}", world.message());
        }
        let emptier = if level == StorageLevel::Full { StorageLevel::Normal } else { StorageLevel::Warning };
        fill(&mut world, emptier, 80);
        assert_eq!(world.at_work(), [SCRIPT]);
        assert!(world.has(ConditionType::StorageAvailable));
    }
}

#[test]
fn at_stop_what_has_begun_goes_on_to_its_end() {
    for done in [SCRIPT, IMAGES, CLIPS, FILM] {
        let mut world = done_up_to(done);
        fill(&mut world, StorageLevel::Stopped, 96);
        world.run_to_rest();
        assert_eq!(world.phase(), Phase::Succeeded, "{done}: {}", world.message());
    }
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    fill(&mut world, StorageLevel::Stopped, 96);
    assert_eq!(world.at_work(), [SCRIPT], "its start is on record");
}

#[test]
fn at_the_limit_only_assembling_and_publishing_begin_and_nothing_is_stopped() {
    let mut world = done_up_to(SCRIPT);
    fill(&mut world, StorageLevel::Full, 101);
    assert_eq!(world.at_work(), [IMAGES, VOICES], "what is at work is left alone");
    for step in [IMAGES, VOICES] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    assert_eq!((world.at_work(), world.reason().as_str()), (vec![], "StorageFull"));
    world.observed.storage = storage_ready();
    world.converge();
    assert_eq!(world.at_work(), [CLIPS]);
    fill(&mut world, StorageLevel::Full, 101);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded, "{}", world.message());
    assert_eq!(world.begun, [(SCRIPT, 1), (IMAGES, 1), (VOICES, 1), (CLIPS, 1), (FILM, 1), (PUBLISH, 1)]);
}

#[test]
fn at_the_limit_an_interrupted_attempt_waits_for_room() {
    let mut world = done_up_to(SCRIPT);
    world.interrupt_pod(IMAGES);
    world.end(VOICES, ExitCode::Done);
    fill(&mut world, StorageLevel::Full, 100);
    assert_eq!((world.at_work(), world.reason().as_str()), (vec![], "StorageFull"));
    world.observed.storage = storage_ready();
    world.converge();
    assert_eq!(world.at_work(), [IMAGES]);
}

#[test]
fn a_restart_is_a_new_video() {
    let mut world = done_up_to(SCRIPT);
    fill(&mut world, StorageLevel::Stopped, 96);
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    world.converge();
    assert_eq!((world.at_work(), world.reason().as_str()), (vec![], "StorageFull"));
    world.observed.storage = storage_ready();
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn an_edit_that_is_taken_back_while_it_waits_for_room_loses_nothing() {
    let mut world = World::topic();
    world.run_to_rest();
    fill(&mut world, StorageLevel::Full, 100);
    let before = world.observed.job.status.clone().unwrap();
    world.edit(|job| job.spec.topic = Some("another".to_owned()));
    world.converge();
    assert_eq!(world.reason(), "StorageFull");
    world.edit(|job| job.spec.topic = Some("the deep".to_owned()));
    world.converge();
    let after = world.observed.job.status.clone().unwrap();
    for (before, after) in before.steps.iter().zip(&after.steps) {
        assert_eq!((before.state, &before.scenes), (after.state, &after.scenes), "{}", before.name);
    }
    assert_eq!((after.progress, world.phase()), (before.progress, Phase::Succeeded));
}

#[test]
fn how_full_it_is_to_the_percent_is_no_news() {
    let mut world = World::topic();
    fill(&mut world, StorageLevel::Stopped, 96);
    let told = world.events.len();
    for percent in [97, 98, 99] {
        fill(&mut world, StorageLevel::Stopped, percent);
    }
    assert_eq!(world.events.len(), told, "{:?}", world.events);
    let mut done = World::topic();
    done.run_to_rest();
    fill(&mut done, StorageLevel::Stopped, 96);
    let before = done.observed.job.status.clone();
    fill(&mut done, StorageLevel::Stopped, 99);
    assert_eq!(done.observed.job.status, before, "a settled job is written for a number");
}

#[test]
fn a_held_job_stays_held_whatever_the_bucket_holds() {
    let mut world = World::topic();
    world.annotate(requests::HOLD, "x");
    fill(&mut world, StorageLevel::Full, 100);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Suspended, "Held"));
}

#[test]
fn an_upload_that_finds_no_space_waits_ever_longer_and_is_no_failure() {
    let mut world = World::topic();
    world.converge();
    let mut waits = Vec::new();
    for _ in 0..12 {
        world.end_told(SCRIPT, ExitCode::Storage, |outcome| outcome.full = true);
        world.converge();
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "StorageFull"));
        let step = world.step(SCRIPT);
        assert_eq!((step.failures, step.reason), (None, Some(VideoJobReason::StorageFull)));
        assert_eq!(world.told_full, waits.len() + 1, "the policy knows of each");
        let wake = world.last.as_ref().unwrap().wake_at.unwrap();
        waits.push(wake.duration_since(world.now).as_secs());
        world.now = wake;
        world.converge();
    }
    assert!(waits[0] <= 6 && waits[11] >= 480 && waits.iter().all(|wait| *wait <= 600), "{waits:?}");
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn what_an_attempt_wrote_is_counted_once() {
    let mut world = World::topic();
    world.converge();
    let wrote = Wrote { objects: 2, bytes: 900 };
    world.end_told(SCRIPT, ExitCode::Done, |outcome| {
        outcome.wrote.insert(ObjectKind::Work, wrote);
    });
    world.converge();
    world.run_to_rest();
    let change = Change { objects: 2, bytes: 900 };
    assert_eq!(world.counted, [[(ObjectKind::Work, change)].into()]);
}

proptest! {
    #[test]
    fn a_bucket_that_fills_and_empties_in_any_order_wedges_no_video(
        levels in prop::collection::vec(0usize..4, 1..12),
    ) {
        let all =
            [StorageLevel::Normal, StorageLevel::Warning, StorageLevel::Stopped, StorageLevel::Full];
        let mut world = World::topic();
        for level in levels {
            let before = world.at_work();
            fill(&mut world, all[level], 50);
            prop_assert!(before.iter().all(|step| world.alive(*step) > 0), "something was stopped");
            if let Some(step) = world.at_work().first().copied() {
                world.end(step, ExitCode::Done);
            }
        }
        world.observed.storage = storage_ready();
        world.run_to_rest();
        prop_assert_eq!(world.phase(), Phase::Succeeded);
    }
}

#[test]
fn at_the_limit_nothing_is_asked_for_and_no_grant_is_held() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    world.observed.storage = storage_at(StorageLevel::Full, 100);
    grant(&mut world, 3);
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "StorageFull"));
    assert!(!at_work(&world) && world.step(CLIPS).demands.is_empty());
    close_grants(&mut world);
    world.observed.storage = storage_ready();
    world.converge();
    assert_eq!(demand(&world).attempt, Some(2), "a grant for attempt 1 is dead");
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world));
}

#[test]
fn at_the_limit_what_was_paid_for_is_fetched_all_the_same() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    world.observed.storage = storage_at(StorageLevel::Full, 100);
    world.end_silently(CLIPS, 137, false);
    world.converge();
    assert!(world.inputs[&(CLIPS, 2)].survey && at_work(&world));
    partly(&mut world, 2, 1);
    world.converge();
    assert_eq!((world.reason().as_str(), at_work(&world)), ("StorageFull", false));
    assert_eq!(demand(&world).settled, Some(true), "what was spent is still told");
    close_grants(&mut world);
    world.observed.storage = storage_ready();
    world.converge();
    assert_eq!(demand(&world).submissions, Some(1));
}

#[test]
fn at_the_limit_a_grant_of_an_account_that_is_not_used_any_more_is_given_up() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    world.observed.storage = storage_at(StorageLevel::Full, 100);
    world.observed.accounts.insert("veo".to_owned(), Account::Embedded);
    world.end_silently(CLIPS, 137, false);
    world.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "veo"}}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    world.converge();
    assert_eq!((world.reason().as_str(), at_work(&world)), ("StorageFull", false));
    assert_eq!((demand(&world).settled, demand(&world).spent[0].submissions), (Some(true), 3));
}
