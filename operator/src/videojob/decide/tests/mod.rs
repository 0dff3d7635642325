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
mod preview;
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
use videofactory_pipeline::contract::{ExitCode, MAX_INPUT_BYTES};

use super::super::model::{Found, PodProblem, PodState, Storage};
use super::testing::{Harness, storage_ready};

const IMAGES: StepName = StepName::GenerateImages;
const SCRIPT: StepName = StepName::WriteScript;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

pub(super) fn published() -> Harness {
    Harness::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}))
}

fn reviewed() -> Harness {
    Harness::new(json!({
        "topic": "x", "review": {"after": ["assemble-video"]},
        "publish": {"targets": [{"name": "main", "type": "Bucket"}]}
    }))
}

#[test]
fn a_job_runs_its_steps_in_order_and_succeeds() {
    let mut harness = published();
    harness.converge();
    assert_eq!((harness.at_work(), harness.phase()), (vec![SCRIPT], Phase::Running));
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!(harness.begun, [(SCRIPT, 1), (IMAGES, 1), (VOICES, 1), (CLIPS, 1), (FILM, 1), (PUBLISH, 1)]);
    let status = harness.observed.job.status.as_ref().unwrap();
    assert_eq!(status.progress.as_deref(), Some("12/12"));
    assert!(harness.has(ConditionType::Ready) && harness.has(ConditionType::Succeeded));
    assert!(!harness.has(ConditionType::Reconciling) && !harness.has(ConditionType::Stalled));
}

#[test]
fn without_targets_publishing_is_skipped() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!(harness.step(PUBLISH).state, Some(StepState::Skipped));
}

#[test]
fn six_steps_take_at_most_thirteen_writes_and_one_event() {
    let mut harness = published();
    let mut writes = 0;
    for _ in 0..20 {
        let before = harness.observed.job.status.clone();
        let decision = harness.reconcile_or_crash(false);
        writes += usize::from(before.as_ref() != Some(&decision.status)) + decision.actions.len();
        if let Some(step) = harness.at_work().first().copied() {
            harness.end(step, ExitCode::Done);
        }
    }
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert!(writes <= 14, "{writes} writes");
}

#[test]
fn a_crash_between_status_and_create_starts_the_same_attempt() {
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    assert_eq!(harness.at_work(), []);
    harness.converge();
    assert_eq!(harness.begun, [(SCRIPT, 1)]);
    assert_eq!(harness.step(SCRIPT).attempt, Some(1));
}

#[test]
fn an_interrupted_step_begins_again_at_once_and_is_no_failure() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.interrupt_pod(SCRIPT);
    harness.converge();
    assert_eq!((harness.step(SCRIPT).attempt, harness.step(SCRIPT).failures), (Some(2), None));
    harness.lose_pod(SCRIPT);
    harness.converge();
    assert_eq!((harness.step(SCRIPT).attempt, harness.step(SCRIPT).interruptions), (Some(3), Some(2)));
    for (code, next) in [(137, 4), (255, 5)] {
        harness.end_silently(SCRIPT, code, false);
        harness.converge();
        assert_eq!((harness.step(SCRIPT).attempt, harness.step(SCRIPT).failures), (Some(next), None));
    }
}

#[test]
fn the_eleventh_interruption_in_a_row_counts() {
    let mut harness = Harness::topic();
    harness.converge();
    for _ in 0..11 {
        harness.interrupt_pod(SCRIPT);
        harness.converge();
    }
    assert_eq!(harness.step(SCRIPT).failures, Some(1));
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "Interrupted"));
}

#[test]
fn a_kill_for_memory_is_a_failure_and_waits_its_turn() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_silently(SCRIPT, 137, true);
    harness.converge();
    assert_eq!(harness.step(SCRIPT).failures, Some(1));
    assert_eq!(harness.reason(), "RetryScheduled");
    let wake = harness.last.as_ref().unwrap().wake_at.unwrap();
    assert!(wake > harness.now);
    harness.now = wake;
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
}

#[test]
fn faults_of_ours_end_in_retries_exhausted_and_a_retry_continues_there() {
    let mut harness = Harness::new(json!({"topic": "x", "retry": {"limit": 2}}));
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    for _ in 0..3 {
        harness.converge();
        harness.pass(700);
        harness.converge();
        harness.end(IMAGES, ExitCode::Bug);
    }
    harness.end(VOICES, ExitCode::Done);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Failed, "RetriesExhausted"));
    assert!(harness.has(ConditionType::Stalled));
    harness.annotate(RETRY, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!((harness.step(SCRIPT).attempt, harness.step(IMAGES).attempt), (Some(1), Some(4)));
}

#[test]
fn a_service_that_is_down_is_asked_for_ever_and_ever_more_rarely() {
    for (exit, reason) in
        [(ExitCode::ProviderDown, "ProviderUnavailable"), (ExitCode::Storage, "StorageUnavailable")]
    {
        let mut harness = Harness::topic();
        harness.converge();
        let mut delays = Vec::new();
        for _ in 0..20 {
            harness.end(SCRIPT, exit);
            harness.converge();
            assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, reason));
            let wake = harness.last.as_ref().unwrap().wake_at.unwrap();
            delays.push(wake.as_second() - harness.now.as_second());
            harness.now = wake;
            harness.converge();
        }
        assert!(delays[0] <= 5 && delays.iter().all(|delay| (1..=600).contains(delay)), "{delays:?}");
        assert!(delays[15] >= 480, "{delays:?}");
        assert_eq!(harness.step(SCRIPT).failures, None);
    }
}

#[test]
fn what_a_person_must_fix_waits_stalled_until_the_input_changes() {
    let cases = [
        (ExitCode::ContentRefused, "ContentRefused"),
        (ExitCode::Credentials, "CredentialsInvalid"),
        (ExitCode::Configuration, "ConfigurationInvalid"),
        (ExitCode::QualityCheck, "QualityCheckFailed"),
    ];
    for (exit, reason) in cases {
        let mut harness = Harness::topic();
        harness.converge();
        harness.end(SCRIPT, exit);
        harness.converge();
        assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, reason));
        assert!(harness.has(ConditionType::Stalled) && !harness.has(ConditionType::Reconciling));
        harness.pass(100_000);
        harness.converge();
        assert_eq!(harness.at_work(), [], "{reason} continued by itself");
        harness.edit(|job| {
            job.spec.scene_overrides =
                serde_json::from_value(json!([{"id": "s1", "narration": "n"}])).unwrap();
        });
        harness.converge();
        assert_eq!(harness.at_work(), [SCRIPT], "{reason} did not see the edit");
    }
}

#[test]
fn a_film_that_failed_its_check_can_be_accepted_as_it_is() {
    let mut harness = Harness::topic();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.end(FILM, ExitCode::QualityCheck);
    harness.converge();
    assert_eq!(harness.reason(), "QualityCheckFailed");
    harness.annotate(ACCEPT_QUALITY, "0000");
    harness.converge();
    assert_eq!(harness.reason(), "QualityCheckFailed");
    let digest = harness.step(FILM).output_digest.clone().unwrap();
    harness.annotate(ACCEPT_QUALITY, &digest);
    harness.converge();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn what_vanished_from_the_bucket_is_made_again_by_the_step_that_made_it() {
    let mut harness = Harness::topic();
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.end(CLIPS, ExitCode::MissingInput);
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES]);
    harness.end(IMAGES, ExitCode::Done);
    harness.pass(60);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert_eq!(harness.step(VOICES).attempt, Some(1));
}

#[test]
fn a_step_that_waits_for_a_person_still_does_when_another_misses_its_result() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    harness.end(IMAGES, ExitCode::Credentials);
    harness.converge();
    harness.end(VOICES, ExitCode::MissingInput);
    harness.converge();
    assert_eq!(harness.step(IMAGES).state, Some(StepState::Waiting));
    harness.annotate(RETRY, "2026-01-01T00:00:00Z");
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn a_review_holds_the_film_back_until_exactly_it_is_approved() {
    let mut harness = reviewed();
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Review, "AwaitingReview"));
    let old = harness.step(FILM).output_digest.clone().unwrap();
    assert!(harness.message().contains(&old));
    harness.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    harness.annotate(APPROVED, &format!("assemble-video@{old}"));
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Review, "an approval of an older film published the new one");
    let new = harness.step(FILM).output_digest.clone().unwrap();
    harness.annotate(APPROVED, &format!("assemble-video@{new}"));
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    assert!(harness.has(ConditionType::Succeeded));
}

#[test]
fn a_rejected_film_fails_until_it_is_edited() {
    let mut harness = reviewed();
    harness.run_to_rest();
    let film = harness.step(FILM).output_digest.clone().unwrap();
    harness.annotate(REJECTED, &format!("assemble-video@{film}"));
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Failed, "Rejected"));
    harness.edit(|job| job.spec.settings.captions = serde_json::from_value(json!({"mode": "None"})).unwrap());
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Review);
}

#[test]
fn what_is_missing_is_named_and_its_coming_is_enough() {
    let mut harness = Harness::new(json!({"topic": "x", "channelRef": {"name": "deep"}}));
    harness.observed.channel = Found::Missing("deep".to_owned());
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(harness.message().contains("\"deep\""));
    let channel = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "deep"},
        "spec": {"defaults": {"language": "de"}}
    }));
    harness.observed.channel = Found::Here(Box::new(channel.unwrap()));
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
    assert_eq!(harness.inputs[&(SCRIPT, 1)].settings.language, "de");

    let mut harness =
        Harness::new(json!({"topic": "x", "providers": {"images": {"accountRef": {"name": "hf"}}}}));
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.run_to_rest();
    assert_eq!(harness.reason(), "ConfigurationInvalid");
    assert!(harness.message().contains("\"hf\""));
}

#[test]
fn a_bucket_out_of_reach_delays_and_loses_nothing() {
    let mut harness = Harness::topic();
    harness.observed.storage =
        Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message: "no answer".to_owned() };
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "StorageUnavailable"));
    assert!(harness.has(ConditionType::Reconciling));
    harness.observed.storage = storage_ready();
    harness.converge();
    harness.observed.storage =
        Storage::NotReady { reason: VideoJobReason::StorageUnavailable, message: "no answer".to_owned() };
    harness.lose_pod(SCRIPT);
    harness.converge();
    assert_eq!(harness.reason(), "StorageUnavailable");
    assert!(harness.last.as_ref().unwrap().wake_at.is_some());
    harness.observed.storage = storage_ready();
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn a_pod_that_cannot_start_says_why_and_continues_when_it_can() {
    let cases = [
        (PodProblem::Image("pull denied".to_owned()), "ConfigurationInvalid", true),
        (PodProblem::Configuration("secret gone".to_owned()), "ConfigurationInvalid", true),
        (PodProblem::Unschedulable("0/1 nodes".to_owned()), "Progressing", false),
    ];
    for (problem, reason, stalled) in cases {
        let mut harness = Harness::topic();
        harness.converge();
        harness.observed.pods[0].state = PodState::Pending(Some(problem));
        harness.converge();
        assert_eq!((harness.reason().as_str(), harness.has(ConditionType::Stalled)), (reason, stalled));
        let waits_for_a_node = "write-script: no node takes its pod yet (the scheduler says: 0/1 nodes); it starts \
                                automatically as soon as one does; if none ever will, change compute or the nodes";
        assert!(stalled || harness.message() == waits_for_a_node, "{}", harness.message());
        harness.observed.pods[0].state = PodState::Running;
        harness.run_to_rest();
        assert_eq!(harness.phase(), Phase::Succeeded);
    }
}

#[test]
fn a_pod_that_cannot_start_gives_way_to_an_edit_and_to_a_retry() {
    let fix: [fn(&mut Harness); 2] = [
        |harness| harness.edit(|job| job.spec.compute = Some(Compute::default())),
        |harness| harness.annotate(RETRY, "2026-11-23T12:00:00Z"),
    ];
    for fix in fix {
        let mut harness = Harness::topic();
        harness.converge();
        harness.observed.pods[0].state =
            PodState::Pending(Some(PodProblem::Unschedulable("0/1 nodes".to_owned())));
        harness.converge();
        assert_eq!(harness.begun, [(SCRIPT, 1)]);
        fix(&mut harness);
        harness.reconcile_or_crash(true);
        harness.converge();
        assert_eq!(harness.begun, [(SCRIPT, 1), (SCRIPT, 2)]);
        harness.run_to_rest();
        assert_eq!((harness.phase(), harness.step(SCRIPT).interruptions), (Phase::Succeeded, None));
    }
}

#[test]
fn settings_of_any_size_begin_and_each_step_is_given_its_own() {
    let character = |n: usize| json!({"name": format!("c{n}"), "description": "海".repeat(1000)});
    let characters: Vec<_> = (0..20).map(character).collect();
    let target =
        |n: usize| json!({"name": format!("t{n}"), "type": "Bucket", "description": "海".repeat(5000)});
    let targets: Vec<_> = (0..10).map(target).collect();
    let mut harness =
        Harness::new(json!({"topic": "x", "characters": characters, "publish": {"targets": targets}}));
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
    for ((step, _), input) in &harness.inputs {
        let carried = input.carry();
        assert!(carried.variable.len() <= MAX_INPUT_BYTES, "{step}: {} bytes", carried.variable.len());
        let whole = carried.variable + &carried.document.unwrap_or_default();
        assert_eq!(whole.contains("\"targets\""), *step == PUBLISH, "{step}");
        assert_eq!(whole.contains("\"characters\""), [SCRIPT, IMAGES, VOICES].contains(step), "{step}");
    }
}

#[test]
fn a_finished_job_goes_when_its_time_to_live_has_passed() {
    let mut harness = Harness::new(json!({"topic": "x", "ttlAfterFinished": "1h"}));
    harness.run_to_rest();
    let wake = harness.last.as_ref().unwrap().wake_at.unwrap();
    assert_eq!(wake.as_second() - harness.now.as_second(), 3600);
    harness.now = wake;
    harness.reconcile_or_crash(false);
    assert!(harness.events.contains(&"deleted".to_owned()));
}

#[test]
fn jobs_swept_away_before_they_were_seen_are_read_from_the_bucket() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.sweep();
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES, VOICES]);
    assert_eq!(harness.step(SCRIPT).attempt, Some(1));
}

#[test]
fn what_vanishes_again_and_again_ends_in_retries_exhausted() {
    let mut harness = Harness::new(json!({"topic": "x", "retry": {"limit": 3}}));
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    for _ in 0..8 {
        if harness.at_work().contains(&CLIPS) {
            harness.end(CLIPS, ExitCode::MissingInput);
            harness.converge();
            harness.end(IMAGES, ExitCode::Done);
            harness.converge();
            assert_eq!(harness.at_work(), [], "no pause between two rounds");
        }
        harness.pass(700);
        harness.converge();
    }
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Failed, "RetriesExhausted"));
}

#[test]
fn scenes_too_large_for_one_config_map_begin() {
    let scene = |n: usize| json!({"id": format!("s{n}"), "narration": "海".repeat(1000), "imagePrompt": "海".repeat(1000)});
    let scenes: Vec<_> = (0..200).map(scene).collect();
    let mut harness = Harness::new(json!({"scenes": scenes}));
    harness.converge();
    assert_eq!(harness.begun, [(SCRIPT, 1)]);
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_waiting() {
    let mut harness = Harness::topic();
    harness.pass(86_400);
    harness.converge();
    harness.end(SCRIPT, ExitCode::ProviderDown);
    harness.converge();
    harness.pass(-86_400);
    harness.converge();
    assert_eq!(harness.at_work(), [SCRIPT]);
}
