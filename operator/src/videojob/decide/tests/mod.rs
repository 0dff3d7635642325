//! What is decided, as sentences.

mod accounts;
mod begin;
mod costs;
mod edits;
mod grants;
mod interleavings;
mod measured;
mod messages;
mod missing_artifacts;
mod orphans;
mod paid;
mod properties;
mod properties_accounts;
mod quota_request;
mod requests;
mod restored;
mod retire;
mod side_effects;
mod storage_gate;
mod traced;

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::requests::{ACCEPT_QUALITY, APPROVED, REJECTED, RETRY};
use videofactory_crds::videojob::Compute;
use videofactory_pipeline::contract::{ExitCode, MOST_INPUT_BYTES};

use super::super::model::{Found, PodProblem, PodState, Storage};
use super::testing::{World, storage_ready};

const IMAGES: StepName = StepName::GenerateImages;
const SCRIPT: StepName = StepName::WriteScript;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

pub(super) fn published() -> World {
    World::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}))
}

fn reviewed() -> World {
    World::new(json!({
        "topic": "x", "review": {"after": ["assemble-video"]},
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }))
}

#[test]
fn a_job_runs_its_steps_in_order_and_succeeds() {
    let mut world = published();
    world.converge();
    assert_eq!((world.at_work(), world.phase()), (vec![SCRIPT], Phase::Running));
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    assert_eq!(world.at_work(), [IMAGES, VOICES]);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert_eq!(world.begun, [(SCRIPT, 1), (IMAGES, 1), (VOICES, 1), (CLIPS, 1), (FILM, 1), (PUBLISH, 1)]);
    let status = world.observed.job.status.as_ref().unwrap();
    assert_eq!(status.progress.as_deref(), Some("12/12"));
    assert!(world.has(ConditionType::Ready) && world.has(ConditionType::Succeeded));
    assert!(!world.has(ConditionType::Reconciling) && !world.has(ConditionType::Stalled));
}

#[test]
fn without_targets_publishing_is_skipped() {
    let mut world = World::topic();
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert_eq!(world.step(PUBLISH).state, Some(StepState::Skipped));
}

#[test]
fn six_steps_take_at_most_thirteen_writes_and_one_event() {
    let mut world = published();
    let mut writes = 0;
    for _ in 0..20 {
        let before = world.observed.job.status.clone();
        let decision = world.reconcile_or_crash(false);
        writes += usize::from(before.as_ref() != Some(&decision.status)) + decision.actions.len();
        if let Some(step) = world.at_work().first().copied() {
            world.end(step, ExitCode::Done);
        }
    }
    assert_eq!(world.phase(), Phase::Succeeded);
    assert!(writes <= 14, "{writes} writes");
}

#[test]
fn a_crash_between_status_and_create_starts_the_same_attempt() {
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    assert_eq!(world.at_work(), []);
    world.converge();
    assert_eq!(world.begun, [(SCRIPT, 1)]);
    assert_eq!(world.step(SCRIPT).attempt, Some(1));
}

#[test]
fn an_interrupted_step_begins_again_at_once_and_is_no_failure() {
    let mut world = World::topic();
    world.converge();
    world.interrupt_pod(SCRIPT);
    world.converge();
    assert_eq!((world.step(SCRIPT).attempt, world.step(SCRIPT).failures), (Some(2), None));
    world.lose_pod(SCRIPT);
    world.converge();
    assert_eq!((world.step(SCRIPT).attempt, world.step(SCRIPT).interruptions), (Some(3), Some(2)));
    for (code, next) in [(137, 4), (255, 5)] {
        world.end_silently(SCRIPT, code, false);
        world.converge();
        assert_eq!((world.step(SCRIPT).attempt, world.step(SCRIPT).failures), (Some(next), None));
    }
}

#[test]
fn the_eleventh_interruption_in_a_row_counts() {
    let mut world = World::topic();
    world.converge();
    for _ in 0..11 {
        world.interrupt_pod(SCRIPT);
        world.converge();
    }
    assert_eq!(world.step(SCRIPT).failures, Some(1));
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "Interrupted"));
}

#[test]
fn a_kill_for_memory_is_a_failure_and_waits_its_turn() {
    let mut world = World::topic();
    world.converge();
    world.end_silently(SCRIPT, 137, true);
    world.converge();
    assert_eq!(world.step(SCRIPT).failures, Some(1));
    assert_eq!(world.reason(), "RetryScheduled");
    let wake = world.last.as_ref().unwrap().wake_at.unwrap();
    assert!(wake > world.now);
    world.now = wake;
    world.converge();
    assert_eq!(world.at_work(), [SCRIPT]);
}

#[test]
fn faults_of_ours_end_in_retries_exhausted_and_a_retry_goes_on_there() {
    let mut world = World::new(json!({"topic": "x", "retry": {"limit": 2}}));
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    for _ in 0..3 {
        world.converge();
        world.pass(700);
        world.converge();
        world.end(IMAGES, ExitCode::Bug);
    }
    world.end(VOICES, ExitCode::Done);
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Failed, "RetriesExhausted"));
    assert!(world.has(ConditionType::Stalled));
    world.annotate(RETRY, "2026-01-01T00:00:00Z");
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert_eq!((world.step(SCRIPT).attempt, world.step(IMAGES).attempt), (Some(1), Some(4)));
}

#[test]
fn a_service_that_is_down_is_asked_for_ever_and_ever_more_rarely() {
    for (exit, reason) in
        [(ExitCode::ProviderDown, "ProviderUnavailable"), (ExitCode::Storage, "StorageUnavailable")]
    {
        let mut world = World::topic();
        world.converge();
        let mut delays = Vec::new();
        for _ in 0..20 {
            world.end(SCRIPT, exit);
            world.converge();
            assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, reason));
            let wake = world.last.as_ref().unwrap().wake_at.unwrap();
            delays.push(wake.as_second() - world.now.as_second());
            world.now = wake;
            world.converge();
        }
        assert!(delays[0] <= 5 && delays.iter().all(|delay| (1..=600).contains(delay)), "{delays:?}");
        assert!(delays[15] >= 480, "{delays:?}");
        assert_eq!(world.step(SCRIPT).failures, None);
    }
}

#[test]
fn what_a_person_must_mend_waits_stalled_until_the_input_changes() {
    let cases = [
        (ExitCode::ContentRefused, "ContentRefused"),
        (ExitCode::Credentials, "CredentialsInvalid"),
        (ExitCode::Configuration, "ConfigurationInvalid"),
        (ExitCode::QualityCheck, "QualityCheckFailed"),
    ];
    for (exit, reason) in cases {
        let mut world = World::topic();
        world.converge();
        world.end(SCRIPT, exit);
        world.converge();
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, reason));
        assert!(world.has(ConditionType::Stalled) && !world.has(ConditionType::Reconciling));
        world.pass(100_000);
        world.converge();
        assert_eq!(world.at_work(), [], "{reason} went on by itself");
        world.edit(|job| {
            job.spec.scene_overrides =
                serde_json::from_value(json!([{"id": "s1", "narration": "n"}])).unwrap();
        });
        world.converge();
        assert_eq!(world.at_work(), [SCRIPT], "{reason} did not see the edit");
    }
}

#[test]
fn a_film_that_failed_its_check_can_be_accepted_as_it_is() {
    let mut world = World::topic();
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.end(FILM, ExitCode::QualityCheck);
    world.converge();
    assert_eq!(world.reason(), "QualityCheckFailed");
    world.annotate(ACCEPT_QUALITY, "0000");
    world.converge();
    assert_eq!(world.reason(), "QualityCheckFailed");
    let digest = world.step(FILM).output_digest.clone().unwrap();
    world.annotate(ACCEPT_QUALITY, &digest);
    world.converge();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn what_vanished_from_the_bucket_is_made_again_by_the_step_that_made_it() {
    let mut world = World::topic();
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.end(CLIPS, ExitCode::MissingInput);
    world.converge();
    assert_eq!(world.at_work(), [IMAGES]);
    world.end(IMAGES, ExitCode::Done);
    world.pass(60);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert_eq!(world.step(VOICES).attempt, Some(1));
}

#[test]
fn a_step_that_waits_for_a_person_still_does_when_another_misses_its_result() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    world.end(IMAGES, ExitCode::Credentials);
    world.converge();
    world.end(VOICES, ExitCode::MissingInput);
    world.converge();
    assert_eq!(world.step(IMAGES).state, Some(StepState::Waiting));
    world.annotate(RETRY, "2026-01-01T00:00:00Z");
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn a_review_holds_the_film_back_until_exactly_it_is_approved() {
    let mut world = reviewed();
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Review, "AwaitingReview"));
    let old = world.step(FILM).output_digest.clone().unwrap();
    assert!(world.message().contains(&old));
    world.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    world.annotate(APPROVED, &format!("assemble-video@{old}"));
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Review, "an approval of an older film published the new one");
    let new = world.step(FILM).output_digest.clone().unwrap();
    world.annotate(APPROVED, &format!("assemble-video@{new}"));
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    assert!(world.has(ConditionType::Succeeded));
}

#[test]
fn a_rejected_film_fails_until_it_is_edited() {
    let mut world = reviewed();
    world.run_to_rest();
    let film = world.step(FILM).output_digest.clone().unwrap();
    world.annotate(REJECTED, &format!("assemble-video@{film}"));
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Failed, "Rejected"));
    world.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Review);
}

#[test]
fn what_is_missing_is_named_and_its_coming_is_enough() {
    let mut world = World::new(json!({"topic": "x", "channelRef": {"name": "deep"}}));
    world.observed.channel = Found::Missing("deep".to_owned());
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(world.message().contains("\"deep\""));
    let channel = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "deep"},
        "spec": {"defaults": {"language": "de"}}
    }));
    world.observed.channel = Found::Here(Box::new(channel.unwrap()));
    world.converge();
    assert_eq!(world.at_work(), [SCRIPT]);
    assert_eq!(world.inputs[&(SCRIPT, 1)].settings.language, "de");

    let mut world =
        World::new(json!({"topic": "x", "providers": {"images": {"accountRef": {"name": "hf"}}}}));
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.run_to_rest();
    assert_eq!(world.reason(), "ConfigurationInvalid");
    assert!(world.message().contains("\"hf\""));
}

#[test]
fn a_bucket_out_of_reach_delays_and_loses_nothing() {
    let mut world = World::topic();
    world.observed.storage =
        Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message: "no answer".to_owned() };
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "StorageUnavailable"));
    assert!(world.has(ConditionType::Reconciling));
    world.observed.storage = storage_ready();
    world.converge();
    world.observed.storage =
        Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message: "no answer".to_owned() };
    world.lose_pod(SCRIPT);
    world.converge();
    assert_eq!(world.reason(), "StorageUnavailable");
    assert!(world.last.as_ref().unwrap().wake_at.is_some());
    world.observed.storage = storage_ready();
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn a_pod_that_cannot_start_says_why_and_goes_on_when_it_can() {
    let cases = [
        (PodProblem::Image("pull denied".to_owned()), "ConfigurationInvalid", true),
        (PodProblem::Configuration("secret gone".to_owned()), "ConfigurationInvalid", true),
        (PodProblem::Unschedulable("0/1 nodes".to_owned()), "Progressing", false),
    ];
    for (problem, reason, stalled) in cases {
        let mut world = World::topic();
        world.converge();
        world.observed.pods[0].state = PodState::Pending(Some(problem));
        world.converge();
        assert_eq!((world.reason().as_str(), world.has(ConditionType::Stalled)), (reason, stalled));
        let waits_for_a_node = "write-script: no node takes its pod yet (the scheduler says: 0/1 nodes); it starts \
                                automatically as soon as one does; if none ever will, change compute or the nodes";
        assert!(stalled || world.message() == waits_for_a_node, "{}", world.message());
        world.observed.pods[0].state = PodState::Running;
        world.run_to_rest();
        assert_eq!(world.phase(), Phase::Succeeded);
    }
}

#[test]
fn a_pod_that_cannot_start_gives_way_to_an_edit_and_to_a_retry() {
    let mend: [fn(&mut World); 2] = [
        |world| world.edit(|job| job.spec.compute = Some(Compute::default())),
        |world| world.annotate(RETRY, "2026-11-23T12:00:00Z"),
    ];
    for mend in mend {
        let mut world = World::topic();
        world.converge();
        world.observed.pods[0].state =
            PodState::Pending(Some(PodProblem::Unschedulable("0/1 nodes".to_owned())));
        world.converge();
        assert_eq!(world.begun, [(SCRIPT, 1)]);
        mend(&mut world);
        world.reconcile_or_crash(true);
        world.converge();
        assert_eq!(world.begun, [(SCRIPT, 1), (SCRIPT, 2)]);
        world.run_to_rest();
        assert_eq!((world.phase(), world.step(SCRIPT).interruptions), (Phase::Succeeded, None));
    }
}

#[test]
fn settings_of_any_size_begin_and_each_step_is_told_its_own() {
    let character = |n: usize| json!({"name": format!("c{n}"), "description": "海".repeat(1000)});
    let characters: Vec<_> = (0..20).map(character).collect();
    let target =
        |n: usize| json!({"name": format!("t{n}"), "type": "Bucket", "description": "海".repeat(5000)});
    let targets: Vec<_> = (0..10).map(target).collect();
    let mut world =
        World::new(json!({"topic": "x", "characters": characters, "publish": {"targets": targets}}));
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
    for ((step, _), input) in &world.inputs {
        let carried = input.carry();
        assert!(carried.variable.len() <= MOST_INPUT_BYTES, "{step}: {} bytes", carried.variable.len());
        let whole = carried.variable + &carried.document.unwrap_or_default();
        assert_eq!(whole.contains("\"targets\""), *step == PUBLISH, "{step}");
        assert_eq!(whole.contains("\"characters\""), [SCRIPT, IMAGES, VOICES].contains(step), "{step}");
    }
}

#[test]
fn a_finished_job_goes_when_its_time_to_live_has_passed() {
    let mut world = World::new(json!({"topic": "x", "ttlAfterFinished": "1h"}));
    world.run_to_rest();
    let wake = world.last.as_ref().unwrap().wake_at.unwrap();
    assert_eq!(wake.as_second() - world.now.as_second(), 3600);
    world.now = wake;
    world.reconcile_or_crash(false);
    assert!(world.events.contains(&"deleted".to_owned()));
}

#[test]
fn jobs_swept_away_before_they_were_seen_are_read_from_the_bucket() {
    let mut world = World::topic();
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.sweep();
    world.converge();
    assert_eq!(world.at_work(), [IMAGES, VOICES]);
    assert_eq!(world.step(SCRIPT).attempt, Some(1));
}

#[test]
fn what_vanishes_again_and_again_ends_in_retries_exhausted() {
    let mut world = World::new(json!({"topic": "x", "retry": {"limit": 3}}));
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    for _ in 0..8 {
        if world.at_work().contains(&CLIPS) {
            world.end(CLIPS, ExitCode::MissingInput);
            world.converge();
            world.end(IMAGES, ExitCode::Done);
            world.converge();
            assert_eq!(world.at_work(), [], "no pause between two rounds");
        }
        world.pass(700);
        world.converge();
    }
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Failed, "RetriesExhausted"));
}

#[test]
fn scenes_too_large_for_one_config_map_begin() {
    let scene = |n: usize| json!({"id": format!("s{n}"), "narration": "海".repeat(1000), "imagePrompt": "海".repeat(1000)});
    let scenes: Vec<_> = (0..200).map(scene).collect();
    let mut world = World::new(json!({"scenes": scenes}));
    world.converge();
    assert_eq!(world.begun, [(SCRIPT, 1)]);
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_waiting() {
    let mut world = World::topic();
    world.pass(86_400);
    world.converge();
    world.end(SCRIPT, ExitCode::ProviderDown);
    world.converge();
    world.pass(-86_400);
    world.converge();
    assert_eq!(world.at_work(), [SCRIPT]);
}
