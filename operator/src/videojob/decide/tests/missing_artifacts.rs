//! Files that are gone, as sentences: what costs nothing is made again, the rest when a person says so.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::{ExitCode, SceneReport};

use super::super::testing::{SCENES, World};
use super::quota_request::{at_work, close_grants, demand, film, grant, spends, until_animation};

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film that is made and published nowhere, of which these kinds were deleted.
fn finished_without(kinds: &[&str]) -> World {
    let mut world = World::topic();
    world.run_to_rest();
    world.prune(kinds);
    world.converge();
    world.begun.clear();
    world
}

fn publish_it(world: &mut World) {
    world.edit(|job| {
        job.spec.settings.publish =
            serde_json::from_value(json!({"targets": [{"name": "main", "type": "Bucket"}]})).unwrap();
    });
    world.converge();
}

fn animate_otherwise(world: &mut World) {
    world.edit(|job| {
        job.spec.scene_overrides =
            serde_json::from_value(json!([{"id": "s1", "motionPrompt": "faster"}])).unwrap();
    });
    world.converge();
}

fn retry(world: &mut World, time: u32) {
    world.annotate(requests::RETRY, &format!("2026-01-01T00:00:{time:02}Z"));
    world.converge();
}

fn pruned(world: &World) -> Vec<String> {
    world.observed.job.status.clone().unwrap().artifacts.unwrap_or_default().pruned
}

fn assert_waits_for_a_person(world: &World, cost: &str) {
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ArtifactsPruned"));
    assert!(world.has(ConditionType::Stalled) && !world.has(ConditionType::Reconciling));
    for part in [cost, requests::RETRY, "restart"] {
        assert!(world.message().contains(part), "{part} is not in: {}", world.message());
    }
}

#[test]
fn a_settled_job_stays_as_it_is_whatever_was_pruned() {
    let mut world = World::topic();
    world.run_to_rest();
    world.prune(&["work", "clips", "videos"]);
    let before = world.observed.job.status.clone();
    world.converge();
    retry(&mut world, 1);
    assert_eq!((world.phase(), world.at_work()), (Phase::Succeeded, vec![]));
    let mut after = world.observed.job.status.clone().unwrap();
    after.handled = None;
    assert_eq!(Some(after), before, "a retry of what is done makes nothing again");
}

#[test]
fn what_is_not_needed_is_not_missed() {
    let mut world = finished_without(&["clips"]);
    publish_it(&mut world);
    world.run_to_rest();
    assert_eq!((world.phase(), world.begun.as_slice()), (Phase::Succeeded, [(PUBLISH, 1)].as_slice()));
    assert_eq!(pruned(&world), ["clips"]);
}

#[test]
fn a_film_whose_scenes_are_there_is_simply_assembled_again() {
    for kind in ["videos", "thumbnails", "captions"] {
        let mut world = finished_without(&[kind]);
        publish_it(&mut world);
        assert_eq!(world.at_work(), [FILM]);
        world.run_to_rest();
        assert_eq!(world.phase(), Phase::Succeeded, "{}", world.message());
        assert_eq!(world.begun, [(FILM, 2), (PUBLISH, 1)]);
        assert_eq!(pruned(&world), [""; 0]);
    }
}

#[test]
fn an_edit_that_needs_what_is_gone_waits_for_a_person_and_can_be_taken_back() {
    let mut world = finished_without(&["clips", "videos"]);
    let before = world.observed.job.status.clone().unwrap();
    publish_it(&mut world);
    assert_waits_for_a_person(&world, "costs nothing, but time");
    assert!(world.message().ends_with("an edit that is taken back needs neither"), "{}", world.message());
    assert_eq!(world.at_work(), []);
    world.edit(|job| job.spec.settings.publish = None);
    world.converge();
    let after = world.observed.job.status.clone().unwrap();
    assert_eq!(
        (world.phase(), after.steps, after.artifacts),
        (Phase::Succeeded, before.steps, before.artifacts)
    );
}

#[test]
fn a_retry_makes_what_is_gone_and_nothing_else() {
    let mut world = finished_without(&["clips", "videos"]);
    publish_it(&mut world);
    retry(&mut world, 1);
    assert_eq!(world.at_work(), [IMAGES, VOICES]);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded, "{}", world.message());
    assert_eq!(world.begun, [(IMAGES, 2), (VOICES, 2), (CLIPS, 2), (FILM, 2), (PUBLISH, 1)]);
    assert_eq!(pruned(&world), [""; 0]);
}

#[test]
fn without_the_script_every_edit_waits_and_a_retry_begins_with_it() {
    let mut world = finished_without(&["work"]);
    publish_it(&mut world);
    assert_waits_for_a_person(&world, "costs nothing, but time");
    retry(&mut world, 1);
    assert_eq!(world.at_work(), [SCRIPT]);
    world.run_to_rest();
    assert_eq!((world.phase(), world.begun.len()), (Phase::Succeeded, 6));
}

#[test]
fn a_scene_that_is_to_be_made_anew_waits_when_the_others_are_gone() {
    let mut world = finished_without(&["clips"]);
    animate_otherwise(&mut world);
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    assert_waits_for_a_person(&world, "costs nothing, but time");
}

#[test]
fn a_restart_makes_everything_again_and_forgets_what_was_pruned() {
    let mut world = finished_without(&["work", "clips", "videos"]);
    publish_it(&mut world);
    assert_waits_for_a_person(&world, "pruned (clips, videos, work)");
    world.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    world.run_to_rest();
    assert_eq!((world.phase(), world.begun.len()), (Phase::Succeeded, 6));
    assert_eq!(pruned(&world), [""; 0]);
}

/// A film of which grok made the three clips, for 50 cents.
fn bought() -> World {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let spent = spends(&world, 3);
    world.end_told(CLIPS, ExitCode::Done, |outcome| {
        outcome.spent = spent;
        outcome.accounted = true;
    });
    close_grants(&mut world);
    world.converge();
    assert_eq!(world.at_work(), [FILM]);
    world
}

/// The survey has found one clip of three.
fn finds_one(world: &mut World) {
    assert_eq!(world.step(CLIPS).survey, Some(true), "{:?}", world.step(CLIPS));
    world.end_told(CLIPS, ExitCode::TryLater, |outcome| {
        outcome.scenes = Some(SceneReport {
            total: SCENES,
            completed: SceneSet::first(1),
            left: Some(2),
            ..SceneReport::default()
        });
    });
    world.converge();
}

#[test]
fn clips_that_were_paid_for_and_pruned_are_bought_again_when_a_person_says_so() {
    let mut world = bought();
    world.run_to_rest();
    world.prune(&["clips", "videos"]);
    publish_it(&mut world);
    assert_waits_for_a_person(&world, "costs up to about $");
    assert!(world.step(CLIPS).demands.iter().all(|demand| demand.settled == Some(true)));
    retry(&mut world, 1);
    for step in [IMAGES, VOICES] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    let before =
        world.step(CLIPS).permitted_before.clone().expect("what was delivered may be bought once more");
    assert_eq!(before.0, world.now, "what is delivered from now on may not");
    finds_one(&mut world);
    assert_eq!(demand(&world).submissions, Some(2), "what is still there is not asked for");
}

#[test]
fn clips_that_were_paid_for_and_vanished_are_bought_again_when_a_person_says_so() {
    let mut world = bought();
    world.end_told(FILM, ExitCode::MissingInput, |outcome| {
        outcome.missing_from = Some(CLIPS);
        outcome.message = "failed to find clips/a.mp4: it is gone from the bucket".to_owned();
    });
    world.converge();
    assert_waits_for_a_person(&world, "costs up to about $");
    assert!(world.message().contains("clips/a.mp4"), "{}", world.message());
    assert!(world.message().contains("put back into the bucket"), "{}", world.message());
    assert!(!world.message().contains("taken back"), "no edit has led here: {}", world.message());
    assert_eq!((world.step(FILM).failures, world.step(FILM).state), (None, Some(StepState::Pending)));
    let before = world.observed.job.status.clone();
    world.pass(7000);
    world.converge();
    assert_eq!(world.observed.job.status, before);
    animate_otherwise(&mut world);
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    for step in world.at_work() {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    assert_waits_for_a_person(&world, "costs up to about $");
    assert!(!at_work(&world), "an edit is no word about money");
    retry(&mut world, 1);
    assert_eq!((world.step(CLIPS).permitted_before.is_some(), world.step(CLIPS).gone), (true, None));
    finds_one(&mut world);
    grant(&mut world, 2);
    world.converge();
    assert!(at_work(&world));
}
