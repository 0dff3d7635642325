//! Edits, and what people ask for, as sentences.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Found;
use super::super::testing::World;
use super::published;

const IMAGES: StepName = StepName::GenerateImages;
const SCRIPT: StepName = StepName::WriteScript;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

#[test]
fn an_edit_stops_what_works_on_the_old_inputs() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    world.edit(|job| {
        job.spec.settings.providers = serde_json::from_value(json!({"narration": {"voice": "rms"}})).unwrap();
    });
    world.reconcile_or_crash(false);
    assert_eq!(world.at_work(), [IMAGES]);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert_eq!((world.step(IMAGES).attempt, world.step(VOICES).attempt), (Some(1), Some(2)));
    assert_eq!(world.step(VOICES).interruptions, None);
}

#[test]
fn an_edit_taken_back_makes_nothing_again() {
    let mut world = World::topic();
    world.run_to_rest();
    let begun = world.begun.len();
    world.edit(|job| job.spec.suspend = true);
    world.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    world.converge();
    assert_eq!(world.phase(), Phase::Suspended);
    world.edit(|job| job.spec.settings.captions = None);
    world.edit(|job| job.spec.suspend = false);
    world.converge();
    assert_eq!((world.phase(), world.begun.len()), (Phase::Succeeded, begun));
}

#[test]
fn an_edit_after_publication_changes_nothing_and_says_so() {
    let mut world = published();
    world.run_to_rest();
    let begun = world.begun.len();
    world.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    world.converge();
    assert_eq!((world.phase(), world.begun.len()), (Phase::Succeeded, begun));
    assert!(world.message().contains("restart"), "{}", world.message());
}

#[test]
fn a_restart_during_publication_makes_another_film() {
    let mut world = published();
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    assert_eq!(world.at_work(), [PUBLISH]);
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    world.reconcile_or_crash(false);
    assert!(!world.at_work().contains(&PUBLISH), "the old run goes on being published");
    world.run_to_rest();
    assert_eq!(
        (world.phase(), world.step(SCRIPT).attempt, world.step(PUBLISH).attempt),
        (Phase::Succeeded, Some(2), Some(2))
    );
}

#[test]
fn an_edit_during_publication_stops_it() {
    let mut world = published();
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.edit(|job| {
        job.spec.scene_overrides = serde_json::from_value(json!([{"id": "s1", "narration": "n"}])).unwrap();
    });
    world.reconcile_or_crash(false);
    assert_eq!(world.at_work(), [SCRIPT]);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn taking_the_targets_away_stops_a_publication() {
    let mut world = published();
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.edit(|job| job.spec.settings.publish = None);
    world.run_to_rest();
    assert_eq!((world.phase(), world.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
}

#[test]
fn restart_makes_everything_again_in_a_new_run() {
    let mut world = published();
    world.run_to_rest();
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    world.run_to_rest();
    let status = world.observed.job.status.clone().unwrap();
    assert_eq!((status.run, world.phase()), (Some(2), Phase::Succeeded));
    assert_eq!((world.step(SCRIPT).attempt, world.begun.len()), (Some(2), 12));
    world.converge();
    assert_eq!(world.observed.job.status.unwrap().run, Some(2));
}

#[test]
fn restart_in_the_middle_stops_what_is_at_work_first() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    world.run_to_rest();
    assert_eq!((world.phase(), world.observed.job.status.clone().unwrap().run), (Phase::Succeeded, Some(2)));
}

#[test]
fn regenerate_raises_the_take_once_and_an_unreadable_one_is_told_once() {
    let mut world = World::topic();
    world.run_to_rest();
    let request = r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#;
    world.annotate(requests::REGENERATE, request);
    world.run_to_rest();
    let takes = world.observed.job.status.clone().unwrap().takes;
    assert_eq!((takes[0].scene.as_str(), takes[0].clip, takes[0].image), ("s2", Some(2), None));
    assert_eq!(world.inputs[&(SCRIPT, 2)].takes["s2"].clip, 2);
    world.annotate(requests::REGENERATE, "nonsense");
    world.converge();
    world.converge();
    assert_eq!(world.events.iter().filter(|note| note.contains("regenerate-requested")).count(), 1);
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn after_publication_a_request_for_another_take_is_refused_aloud() {
    let mut world = published();
    world.run_to_rest();
    world.annotate(requests::REGENERATE, r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#);
    world.converge();
    assert!(world.events.iter().any(|note| note.contains("restart")), "{:?}", world.events);
    assert_eq!(world.observed.job.status.clone().unwrap().takes, []);
}

#[test]
fn a_draft_becomes_final_and_keeps_its_script() {
    let mut world = World::new(json!({
        "topic": "x", "mode": "Draft", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }));
    world.run_to_rest();
    assert_eq!((world.phase(), world.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
    world.edit(|job| job.spec.mode = videofactory_crds::videojob::VideoMode::Final);
    world.run_to_rest();
    assert_eq!((world.step(SCRIPT).attempt, world.step(IMAGES).attempt), (Some(1), Some(2)));
    assert_eq!(world.step(PUBLISH).state, Some(StepState::Succeeded));
}

#[test]
fn a_request_for_scenes_that_no_film_has_is_refused_aloud_and_wedges_nothing() {
    let mut world = World::topic();
    world.run_to_rest();
    let id = "x".repeat(33);
    world.annotate(
        requests::REGENERATE,
        &format!(r#"{{"at":"2026-01-01T00:00:00Z","scenes":["{id}"],"what":"clip"}}"#),
    );
    world.converge();
    assert_eq!(world.observed.job.status.clone().unwrap().takes, []);
    assert!(world.events.iter().any(|note| note.contains("32 characters")));
}

#[test]
fn an_older_request_that_is_put_back_asks_for_nothing() {
    let mut world = World::topic();
    world.run_to_rest();
    for (at, run) in [("2026-01-02T00:00:00Z", 2), ("2026-01-01T00:00:00Z", 2), ("2026-01-03T00:00:00Z", 3)] {
        world.annotate(requests::RESTART, at);
        world.run_to_rest();
        assert_eq!(world.observed.job.status.clone().unwrap().run, Some(run), "{at}");
    }
}

#[test]
fn hold_stops_the_work_and_its_end_goes_on_from_there() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    world.annotate(requests::HOLD, "holiday");
    world.converge();
    assert_eq!((world.at_work(), world.phase()), (vec![], Phase::Suspended));
    assert!(!world.has(ConditionType::Stalled) && !world.has(ConditionType::Reconciling));
    assert!(world.message().contains("holiday"));
    world.strip(requests::HOLD);
    world.converge();
    assert_eq!(world.at_work(), [IMAGES, VOICES]);
    assert_eq!((world.step(SCRIPT).attempt, world.step(IMAGES).interruptions), (Some(1), None));
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn hold_stops_the_work_even_when_the_channel_has_vanished() {
    let mut world = World::topic();
    world.converge();
    world.edit(|job| job.spec.channel_ref = Some(videofactory_crds::LocalRef::new("gone")));
    world.observed.channel = Found::Missing("gone".to_owned());
    world.annotate(requests::HOLD, "stop");
    world.converge();
    assert_eq!((world.at_work(), world.phase()), (vec![], Phase::Suspended));
}

#[test]
fn suspend_in_the_manifest_keeps_a_job_from_beginning() {
    let mut world = World::new(json!({"topic": "x", "suspend": true}));
    world.converge();
    assert_eq!((world.at_work(), world.reason().as_str()), (vec![], "Suspended"));
    world.edit(|job| job.spec.suspend = false);
    world.converge();
    assert_eq!(world.at_work(), [SCRIPT]);
}
