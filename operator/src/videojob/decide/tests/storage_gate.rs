//! A bucket that fills up, as sentences.

use proptest::prelude::*;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState, VideoJobReason};
use videofactory_crds::storagepolicy::{ObjectKind, StorageLevel};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;
use videofactory_pipeline::files_written::FilesWritten;

use super::super::super::model::Account;
use super::super::testing::{Harness, storage_at, storage_ready};
use super::quota_request::{at_work, close_grants, demand, film, grant, partly, until_animation};
use crate::usage_deltas::Change;

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A film to be published, whose steps up to this one are done; what comes next is at work.
fn done_up_to(last: StepName) -> Harness {
    let mut harness =
        Harness::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}));
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS, FILM].into_iter().filter(|step| *step <= last) {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness
}

fn fill(harness: &mut Harness, level: StorageLevel, percent: i32) {
    harness.observed.storage = storage_at(level, percent);
    harness.converge();
}

#[test]
fn at_stop_a_new_video_waits_and_begins_by_itself_when_there_is_room() {
    for level in [StorageLevel::Stopped, StorageLevel::Full] {
        let mut harness = Harness::topic();
        fill(&mut harness, level, 97);
        assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "StorageFull"));
        assert!(harness.has(ConditionType::Reconciling) && !harness.has(ConditionType::StorageAvailable));
        assert_eq!((harness.begun.len(), harness.step(SCRIPT).state), (0, Some(StepState::Pending)));
        for part in ["97 % of its limit", "describe storagepolicy default", "automatically"] {
            assert!(harness.message().contains(part), "{}", harness.message());
        }
        let emptier = if level == StorageLevel::Full { StorageLevel::Normal } else { StorageLevel::Warning };
        fill(&mut harness, emptier, 80);
        assert_eq!(harness.at_work(), [SCRIPT]);
        assert!(harness.has(ConditionType::StorageAvailable));
    }
}

#[test]
fn at_stop_what_has_begun_continues_to_its_end() {
    for done in [SCRIPT, IMAGES, CLIPS, FILM] {
        let mut harness = done_up_to(done);
        fill(&mut harness, StorageLevel::Stopped, 96);
        harness.run_to_rest();
        assert_eq!(harness.phase(), Phase::Succeeded, "{done}: {}", harness.message());
    }
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    fill(&mut harness, StorageLevel::Stopped, 96);
    assert_eq!(harness.at_work(), [SCRIPT], "its start is on record");
}

#[test]
fn at_the_limit_only_assembling_and_publishing_begin_and_nothing_is_stopped() {
    let mut harness = done_up_to(SCRIPT);
    fill(&mut harness, StorageLevel::Full, 101);
    assert_eq!(harness.at_work(), [IMAGES, VOICES], "what is at work is left alone");
    for step in [IMAGES, VOICES] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    assert_eq!((harness.at_work(), harness.reason().as_str()), (vec![], "StorageFull"));
    harness.observed.storage = storage_ready();
    harness.converge();
    assert_eq!(harness.at_work(), [CLIPS]);
    fill(&mut harness, StorageLevel::Full, 101);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
    assert_eq!(harness.begun, [(SCRIPT, 1), (IMAGES, 1), (VOICES, 1), (CLIPS, 1), (FILM, 1), (PUBLISH, 1)]);
}

#[test]
fn at_the_limit_an_interrupted_attempt_waits_for_room() {
    let mut harness = done_up_to(SCRIPT);
    harness.interrupt_pod(IMAGES);
    harness.end(VOICES, ExitCode::Done);
    fill(&mut harness, StorageLevel::Full, 100);
    assert_eq!((harness.at_work(), harness.reason().as_str()), (vec![], "StorageFull"));
    harness.observed.storage = storage_ready();
    harness.converge();
    assert_eq!(harness.at_work(), [IMAGES]);
}

#[test]
fn a_restart_is_a_new_video() {
    let mut harness = done_up_to(SCRIPT);
    fill(&mut harness, StorageLevel::Stopped, 96);
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.converge();
    assert_eq!((harness.at_work(), harness.reason().as_str()), (vec![], "StorageFull"));
    harness.observed.storage = storage_ready();
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn an_edit_that_is_taken_back_while_it_waits_for_room_loses_nothing() {
    let mut harness = Harness::topic();
    harness.run_to_rest();
    fill(&mut harness, StorageLevel::Full, 100);
    let before = harness.observed.job.status.clone().unwrap();
    harness.edit(|job| job.spec.topic = Some("another".to_owned()));
    harness.converge();
    assert_eq!(harness.reason(), "StorageFull");
    harness.edit(|job| job.spec.topic = Some("the deep".to_owned()));
    harness.converge();
    let after = harness.observed.job.status.clone().unwrap();
    for (before, after) in before.steps.iter().zip(&after.steps) {
        assert_eq!((before.state, &before.scenes), (after.state, &after.scenes), "{}", before.name);
    }
    assert_eq!((after.progress, harness.phase()), (before.progress, Phase::Succeeded));
}

#[test]
fn how_full_it_is_to_the_percent_is_no_news() {
    let mut harness = Harness::topic();
    fill(&mut harness, StorageLevel::Stopped, 96);
    let reported = harness.events.len();
    for percent in [97, 98, 99] {
        fill(&mut harness, StorageLevel::Stopped, percent);
    }
    assert_eq!(harness.events.len(), reported, "{:?}", harness.events);
    let mut done = Harness::topic();
    done.run_to_rest();
    fill(&mut done, StorageLevel::Stopped, 96);
    let before = done.observed.job.status.clone();
    fill(&mut done, StorageLevel::Stopped, 99);
    assert_eq!(done.observed.job.status, before, "a settled job is written for a number");
}

#[test]
fn a_held_job_stays_held_whatever_the_bucket_holds() {
    let mut harness = Harness::topic();
    harness.annotate(requests::HOLD, "x");
    fill(&mut harness, StorageLevel::Full, 100);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Suspended, "Held"));
}

#[test]
fn an_upload_that_finds_no_space_waits_ever_longer_and_is_no_failure() {
    let mut harness = Harness::topic();
    harness.converge();
    let mut waits = Vec::new();
    for _ in 0..12 {
        harness.end_reported(SCRIPT, ExitCode::Storage, |outcome| outcome.full = true);
        harness.converge();
        assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "StorageFull"));
        let step = harness.step(SCRIPT);
        assert_eq!((step.failures, step.reason), (None, Some(VideoJobReason::StorageFull)));
        assert_eq!(harness.reported_full, waits.len() + 1, "the policy knows of each");
        let wake = harness.last.as_ref().unwrap().wake_at.unwrap();
        waits.push(wake.duration_since(harness.now).as_secs());
        harness.now = wake;
        harness.converge();
    }
    assert!(waits[0] <= 6 && waits[11] >= 480 && waits.iter().all(|wait| *wait <= 600), "{waits:?}");
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn what_an_attempt_wrote_is_counted_once() {
    let mut harness = Harness::topic();
    harness.converge();
    let files_written = FilesWritten { objects: 2, bytes: 900 };
    harness.end_reported(SCRIPT, ExitCode::Done, |outcome| {
        outcome.files_written.insert(ObjectKind::Work, files_written);
    });
    harness.converge();
    harness.run_to_rest();
    let change = Change { objects: 2, bytes: 900 };
    assert_eq!(harness.counted, [[(ObjectKind::Work, change)].into()]);
}

proptest! {
    #[test]
    fn a_bucket_that_fills_and_empties_in_any_order_wedges_no_video(
        levels in prop::collection::vec(0usize..4, 1..12),
    ) {
        let all =
            [StorageLevel::Normal, StorageLevel::Warning, StorageLevel::Stopped, StorageLevel::Full];
        let mut harness = Harness::topic();
        for level in levels {
            let before = harness.at_work();
            fill(&mut harness, all[level], 50);
            prop_assert!(before.iter().all(|step| harness.alive(*step) > 0), "something was stopped");
            if let Some(step) = harness.at_work().first().copied() {
                harness.end(step, ExitCode::Done);
            }
        }
        harness.observed.storage = storage_ready();
        harness.run_to_rest();
        prop_assert_eq!(harness.phase(), Phase::Succeeded);
    }
}

#[test]
fn at_the_limit_nothing_is_asked_for_and_no_grant_is_held() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    harness.observed.storage = storage_at(StorageLevel::Full, 100);
    grant(&mut harness, 3);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "StorageFull"));
    assert!(!at_work(&harness) && harness.step(CLIPS).demands.is_empty());
    close_grants(&mut harness);
    harness.observed.storage = storage_ready();
    harness.converge();
    assert_eq!(demand(&harness).attempt, Some(2), "a grant for attempt 1 is dead");
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
}

#[test]
fn at_the_limit_what_was_paid_for_is_fetched_all_the_same() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness.observed.storage = storage_at(StorageLevel::Full, 100);
    harness.end_silently(CLIPS, 137, false);
    harness.converge();
    assert!(harness.inputs[&(CLIPS, 2)].survey && at_work(&harness));
    partly(&mut harness, 2, 1);
    harness.converge();
    assert_eq!((harness.reason().as_str(), at_work(&harness)), ("StorageFull", false));
    assert_eq!(demand(&harness).settled, Some(true), "what was spent is still reported");
    close_grants(&mut harness);
    harness.observed.storage = storage_ready();
    harness.converge();
    assert_eq!(demand(&harness).submissions, Some(1));
}

#[test]
fn at_the_limit_a_grant_of_an_account_that_is_not_used_any_more_is_given_up() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness.observed.storage = storage_at(StorageLevel::Full, 100);
    harness.observed.accounts.insert("veo".to_owned(), Account::Embedded);
    harness.end_silently(CLIPS, 137, false);
    harness.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "veo"}}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    harness.converge();
    assert_eq!((harness.reason().as_str(), at_work(&harness)), ("StorageFull", false));
    assert_eq!((demand(&harness).settled, demand(&harness).spent[0].submissions), (Some(true), 3));
}
