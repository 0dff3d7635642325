//! Edits, and what people ask for, as sentences.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Found;
use super::super::testing::Harness;
use super::published;

const IMAGES: StepName = StepName::GenerateImages;
const SCRIPT: StepName = StepName::WriteScript;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

#[test]
fn an_edit_stops_what_works_on_the_old_inputs() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    harness.edit(|job| {
        job.spec.settings.providers = serde_json::from_value(json!({"narration": {"voice": "rms"}})).unwrap();
    });
    harness.reconcile_or_crash(false);
    assert_eq!(harness.at_work(), [IMAGES]);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!((harness.step(IMAGES).attempt, harness.step(VOICES).attempt), (Some(1), Some(2)));
    assert_eq!(harness.step(VOICES).interruptions, None);
}

#[test]
fn an_edit_taken_back_makes_nothing_again() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    let begun = harness.begun.len();
    harness.edit(|job| job.spec.suspend = true);
    harness.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    harness.converge();
    assert_eq!(harness.phase(), Phase::Suspended);
    harness.edit(|job| job.spec.settings.captions = None);
    harness.edit(|job| job.spec.suspend = false);
    harness.converge();
    assert_eq!((harness.phase(), harness.begun.len()), (Phase::Succeeded, begun));
}

#[test]
fn an_edit_after_publication_changes_nothing_and_says_so() {
    let mut harness = published();
    harness.run_to_rest();
    let begun = harness.begun.len();
    harness.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    harness.converge();
    assert_eq!((harness.phase(), harness.begun.len()), (Phase::Succeeded, begun));
    assert!(harness.message().contains("restart"), "{}", harness.message());
}

#[test]
fn a_restart_during_publication_makes_another_film() {
    let mut harness = published();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    assert_eq!(harness.at_work(), [PUBLISH]);
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.reconcile_or_crash(false);
    assert!(!harness.at_work().contains(&PUBLISH), "the old run is still being published");
    harness.run_to_rest();
    assert_eq!(
        (harness.phase(), harness.step(SCRIPT).attempt, harness.step(PUBLISH).attempt),
        (Phase::Succeeded, Some(2), Some(2))
    );
}

#[test]
fn an_edit_during_publication_stops_it() {
    let mut harness = published();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.edit(|job| {
        job.spec.scene_overrides = serde_json::from_value(json!([{"id": "s1", "narration": "n"}])).unwrap();
    });
    harness.reconcile_or_crash(false);
    assert_eq!(harness.at_work(), [SCRIPT]);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn taking_the_targets_away_stops_a_publication() {
    let mut harness = published();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.edit(|job| job.spec.settings.publish = None);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
}

#[test]
fn restart_makes_everything_again_in_a_new_run() {
    let mut harness = published();
    harness.run_to_rest();
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    let status = harness.observed.job.status.clone().unwrap();
    assert_eq!((status.run, harness.phase()), (Some(2), Phase::Succeeded));
    assert_eq!((harness.step(SCRIPT).attempt, harness.begun.len()), (Some(2), 12));
    harness.converge();
    assert_eq!(harness.observed.job.status.unwrap().run, Some(2));
}

#[test]
fn restart_in_the_middle_stops_what_is_at_work_first() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    assert_eq!(
        (harness.phase(), harness.observed.job.status.clone().unwrap().run),
        (Phase::Succeeded, Some(2))
    );
}

#[test]
fn regenerate_raises_the_take_once_and_an_unreadable_one_is_reported_once() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    let request = r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#;
    harness.annotate(requests::REGENERATE, request);
    harness.run_to_rest();
    let takes = harness.observed.job.status.clone().unwrap().takes;
    assert_eq!((takes[0].scene.as_str(), takes[0].clip, takes[0].image), ("s2", Some(2), None));
    assert_eq!(harness.inputs[&(SCRIPT, 2)].takes["s2"].clip, 2);
    harness.annotate(requests::REGENERATE, "nonsense");
    harness.converge();
    harness.converge();
    assert_eq!(harness.events.iter().filter(|note| note.contains("regenerate-requested")).count(), 1);
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn after_publication_a_request_for_another_take_is_refused_aloud() {
    let mut harness = published();
    harness.run_to_rest();
    harness.annotate(requests::REGENERATE, r#"{"at":"2026-01-01T00:00:00Z","scenes":["s2"],"what":"clip"}"#);
    harness.converge();
    assert!(harness.events.iter().any(|note| note.contains("restart")), "{:?}", harness.events);
    assert_eq!(harness.observed.job.status.clone().unwrap().takes, []);
}

#[test]
fn a_draft_becomes_final_and_keeps_its_script() {
    let mut harness = Harness::new(json!({
        "topic": "x", "mode": "Draft", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
    harness.edit(|job| job.spec.mode = videofactory_crds::videojob::VideoMode::Final);
    harness.run_to_rest();
    assert_eq!((harness.step(SCRIPT).attempt, harness.step(IMAGES).attempt), (Some(1), Some(2)));
    assert_eq!(harness.step(PUBLISH).state, Some(StepState::Succeeded));
}

#[test]
fn a_request_for_scenes_that_no_film_has_is_refused_aloud_and_wedges_nothing() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    let id = "x".repeat(33);
    harness.annotate(
        requests::REGENERATE,
        &format!(r#"{{"at":"2026-01-01T00:00:00Z","scenes":["{id}"],"what":"clip"}}"#),
    );
    harness.converge();
    assert_eq!(harness.observed.job.status.clone().unwrap().takes, []);
    assert!(harness.events.iter().any(|note| note.contains("32 characters")));
}

#[test]
fn an_older_request_that_is_put_back_asks_for_nothing() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    for (at, run) in [("2026-01-02T00:00:00Z", 2), ("2026-01-01T00:00:00Z", 2), ("2026-01-03T00:00:00Z", 3)] {
        harness.annotate(requests::RESTART, at);
        harness.run_to_rest();
        assert_eq!(harness.observed.job.status.clone().unwrap().run, Some(run), "{at}");
    }
}

#[test]
fn hold_stops_the_work_and_its_end_continues_from_there() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    harness.annotate(requests::HOLD, "holiday");
    harness.converge();
    assert_eq!((harness.at_work(), harness.phase()), (vec![], Phase::Suspended));
    assert!(!harness.has(ConditionType::Stalled) && !harness.has(ConditionType::Reconciling));
    assert!(harness.message().contains("holiday"));
    harness.strip(requests::HOLD);
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    assert_eq!((harness.step(SCRIPT).attempt, harness.step(IMAGES).interruptions), (Some(1), None));
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn hold_stops_the_work_even_when_the_channel_has_vanished() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.edit(|job| job.spec.channel_ref = Some(videofactory_crds::LocalRef::new("gone")));
    harness.observed.channel = Found::Missing("gone".to_owned());
    harness.annotate(requests::HOLD, "stop");
    harness.converge();
    assert_eq!((harness.at_work(), harness.phase()), (vec![], Phase::Suspended));
}

#[test]
fn suspend_in_the_manifest_keeps_a_job_from_beginning() {
    let mut harness = Harness::new(json!({"topic": "x", "suspend": true}));
    harness.converge();
    assert_eq!((harness.at_work(), harness.reason().as_str()), (vec![], "Suspended"));
    harness.edit(|job| job.spec.suspend = false);
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
}
