//! Files that are gone, as sentences: what costs nothing is made again, the rest when a person says so.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::{ExitCode, SceneReport};

use super::super::testing::{Harness, SCENES};
use super::quota_request::{at_work, close_grants, demand, film, grant, spends, until_animation};

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film that is made and published nowhere, of which these kinds were deleted.
fn finished_without(kinds: &[&str]) -> Harness {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    harness.prune(kinds);
    harness.converge();
    harness.begun.clear();
    harness
}

fn publish_it(harness: &mut Harness) {
    harness.edit(|job| {
        job.spec.settings.publish =
            serde_json::from_value(json!({"targets": [{"name": "main", "type": "Bucket"}]})).unwrap();
    });
    harness.converge();
}

fn animate_otherwise(harness: &mut Harness) {
    harness.edit(|job| {
        job.spec.scene_overrides =
            serde_json::from_value(json!([{"id": "s1", "motionPrompt": "faster"}])).unwrap();
    });
    harness.converge();
}

fn retry(harness: &mut Harness, time: u32) {
    harness.annotate(requests::RETRY, &format!("2026-01-01T00:00:{time:02}Z"));
    harness.converge();
}

fn pruned(harness: &Harness) -> Vec<String> {
    harness.observed.job.status.clone().unwrap().artifacts.unwrap_or_default().pruned
}

fn assert_waits_for_a_person(harness: &Harness, cost: &str) {
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ArtifactsPruned"));
    assert!(harness.has(ConditionType::Stalled) && !harness.has(ConditionType::Reconciling));
    for part in [cost, requests::RETRY, "restart"] {
        assert!(harness.message().contains(part), "{part} is not in: {}", harness.message());
    }
}

#[test]
fn a_settled_job_stays_as_it_is_whatever_was_pruned() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    harness.prune(&["work", "clips", "videos"]);
    let before = harness.observed.job.status.clone();
    harness.converge();
    retry(&mut harness, 1);
    assert_eq!((harness.phase(), harness.at_work()), (Phase::Succeeded, vec![]));
    let mut after = harness.observed.job.status.clone().unwrap();
    after.handled = None;
    assert_eq!(Some(after), before, "a retry of what is done makes nothing again");
}

#[test]
fn what_is_not_needed_is_not_missed() {
    let mut harness = finished_without(&["clips"]);
    publish_it(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun.as_slice()), (Phase::Succeeded, [(PUBLISH, 1)].as_slice()));
    assert_eq!(pruned(&harness), ["clips"]);
}

#[test]
fn a_film_whose_scenes_are_there_is_simply_assembled_again() {
    for kind in ["videos", "thumbnails", "captions"] {
        let mut harness = finished_without(&[kind]);
        publish_it(&mut harness);
        assert_eq!(harness.at_work(), [FILM]);
        harness.run_to_rest();
        assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
        assert_eq!(harness.begun, [(FILM, 2), (PUBLISH, 1)]);
        assert_eq!(pruned(&harness), [""; 0]);
    }
}

#[test]
fn an_edit_that_needs_what_is_gone_waits_for_a_person_and_can_be_taken_back() {
    let mut harness = finished_without(&["clips", "videos"]);
    let before = harness.observed.job.status.clone().unwrap();
    publish_it(&mut harness);
    assert_waits_for_a_person(&harness, "costs nothing, but time");
    assert!(harness.message().ends_with("an edit that is taken back needs neither"), "{}", harness.message());
    assert_eq!(harness.at_work(), []);
    harness.edit(|job| job.spec.settings.publish = None);
    harness.converge();
    let after = harness.observed.job.status.clone().unwrap();
    assert_eq!(
        (harness.phase(), after.steps, after.artifacts),
        (Phase::Succeeded, before.steps, before.artifacts)
    );
}

#[test]
fn a_retry_makes_what_is_gone_and_nothing_else() {
    let mut harness = finished_without(&["clips", "videos"]);
    publish_it(&mut harness);
    retry(&mut harness, 1);
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
    assert_eq!(harness.begun, [(IMAGES, 2), (VOICES, 2), (CLIPS, 2), (FILM, 2), (PUBLISH, 1)]);
    assert_eq!(pruned(&harness), [""; 0]);
}

#[test]
fn without_the_script_every_edit_waits_and_a_retry_begins_with_it() {
    let mut harness = finished_without(&["work"]);
    publish_it(&mut harness);
    assert_waits_for_a_person(&harness, "costs nothing, but time");
    retry(&mut harness, 1);
    assert_eq!(harness.at_work(), [SCRIPT]);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun.len()), (Phase::Succeeded, 6));
}

#[test]
fn a_scene_that_is_to_be_made_again_waits_when_the_others_are_gone() {
    let mut harness = finished_without(&["clips"]);
    animate_otherwise(&mut harness);
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    assert_waits_for_a_person(&harness, "costs nothing, but time");
}

#[test]
fn a_restart_makes_everything_again_and_forgets_what_was_pruned() {
    let mut harness = finished_without(&["work", "clips", "videos"]);
    publish_it(&mut harness);
    assert_waits_for_a_person(&harness, "pruned (clips, videos, work)");
    harness.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun.len()), (Phase::Succeeded, 6));
    assert_eq!(pruned(&harness), [""; 0]);
}

/// A film of which grok made the three clips, for 50 cents.
fn bought() -> Harness {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let spent = spends(&harness, 3);
    harness.end_reported(CLIPS, ExitCode::Done, |outcome| {
        outcome.spent = spent;
        outcome.accounted = true;
    });
    close_grants(&mut harness);
    harness.converge();
    assert_eq!(harness.at_work(), [FILM]);
    harness
}

/// The survey has found one clip of three.
fn finds_one(harness: &mut Harness) {
    assert_eq!(harness.step(CLIPS).survey, Some(true), "{:?}", harness.step(CLIPS));
    harness.end_reported(CLIPS, ExitCode::TryLater, |outcome| {
        outcome.scenes = Some(SceneReport {
            total: SCENES,
            completed: SceneSet::first(1),
            left: Some(2),
            ..SceneReport::default()
        });
    });
    harness.converge();
}

#[test]
fn clips_that_were_paid_for_and_pruned_are_bought_again_when_a_person_says_so() {
    let mut harness = bought();
    harness.run_to_rest();
    harness.prune(&["clips", "videos"]);
    publish_it(&mut harness);
    assert_waits_for_a_person(&harness, "costs up to about $");
    assert!(harness.step(CLIPS).demands.iter().all(|demand| demand.settled == Some(true)));
    retry(&mut harness, 1);
    for step in [IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    let before =
        harness.step(CLIPS).permitted_before.clone().expect("what was delivered may be bought once more");
    assert_eq!(before.0, harness.now, "what is delivered from now on may not");
    finds_one(&mut harness);
    assert_eq!(demand(&harness).submissions, Some(2), "what is still there is not asked for");
}

#[test]
fn clips_that_were_paid_for_and_vanished_are_bought_again_when_a_person_says_so() {
    let mut harness = bought();
    harness.end_reported(FILM, ExitCode::MissingInput, |outcome| {
        outcome.missing_from = Some(CLIPS);
        outcome.message = "failed to find clips/a.mp4: it is gone from the bucket".to_owned();
    });
    harness.converge();
    assert_waits_for_a_person(&harness, "costs up to about $");
    assert!(harness.message().contains("clips/a.mp4"), "{}", harness.message());
    assert!(harness.message().contains("put back into the bucket"), "{}", harness.message());
    assert!(!harness.message().contains("taken back"), "no edit has led here: {}", harness.message());
    assert_eq!((harness.step(FILM).failures, harness.step(FILM).state), (None, Some(StepState::Pending)));
    let before = harness.observed.job.status.clone();
    harness.pass(7000);
    harness.converge();
    assert_eq!(harness.observed.job.status, before);
    animate_otherwise(&mut harness);
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    for step in harness.at_work() {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    assert_waits_for_a_person(&harness, "costs up to about $");
    assert!(!at_work(&harness), "an edit is no word about money");
    retry(&mut harness, 1);
    assert_eq!((harness.step(CLIPS).permitted_before.is_some(), harness.step(CLIPS).gone), (true, None));
    finds_one(&mut harness);
    grant(&mut harness, 2);
    harness.converge();
    assert!(at_work(&harness));
}
