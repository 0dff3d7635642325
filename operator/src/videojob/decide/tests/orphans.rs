//! What is left behind, late, refused or cut short: it is reported, and blocks nothing.

use jiff::Timestamp;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::videojob::Compute;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Action, JobFacts, PodFacts, PodProblem, PodState, Refusal, Storage};
use super::super::testing::Harness;

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A job whose film is made and whose publication is recorded, but was never begun.
fn about_to_publish() -> Harness {
    let mut harness =
        Harness::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}));
    harness.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
    harness.end(FILM, ExitCode::Done);
    harness.reconcile_or_crash(true);
    assert_eq!((harness.step(PUBLISH).state, harness.at_work()), (Some(StepState::Running), vec![]));
    harness
}

/// When the last decision wants to be asked again, in seconds.
fn wakes_in(harness: &Harness) -> Option<i64> {
    let wake_at = harness.last.as_ref().unwrap().wake_at?;
    Some(wake_at.duration_since(harness.now).as_secs())
}

#[test]
fn taking_the_targets_away_before_the_publication_began_wedges_nothing() {
    let mut harness = about_to_publish();
    harness.edit(|job| job.spec.settings.publish = None);
    harness.converge();
    assert_eq!((harness.phase(), harness.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
}

#[test]
fn beside_a_published_film_an_attempt_that_left_nothing_is_not_stopped_for_ever() {
    let mut harness = about_to_publish();
    harness.run_to_rest();
    let status = harness.observed.job.status.as_mut().unwrap();
    let images = status.steps.iter_mut().find(|step| step.name == IMAGES).unwrap();
    (images.state, images.attempt) = (Some(StepState::Running), Some(9));
    harness.converge();
    assert_eq!(
        (harness.phase(), harness.step(IMAGES).state, harness.step(IMAGES).reason),
        (Phase::Succeeded, Some(StepState::Pending), None)
    );
}

#[test]
fn a_held_job_whose_attempt_never_began_has_not_succeeded() {
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    harness.annotate(requests::HOLD, "x");
    harness.reconcile_or_crash(false);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Suspended, "Held"));
    harness.strip(requests::HOLD);
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn a_refused_job_says_so_until_it_is_taken() {
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    let words = "failed to create Job films/ocean: exceeded quota";
    let refusal = Refusal { words: words.to_owned(), unmade: true };
    harness.observed.refused.insert((SCRIPT, 1), refusal);
    let decision = harness.reconcile_or_crash(true);
    assert!(matches!(&decision.actions[0], Action::StartStep(start) if start.input.attempt == 1));
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(
        harness.has(ConditionType::Stalled) && harness.message().contains(words),
        "{}",
        harness.message()
    );
    let again = harness.reconcile_or_crash(true);
    assert_eq!(again.status, decision.status, "the same refusal is written once");
    harness.observed.refused.clear();
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun[0]), (Phase::Succeeded, (SCRIPT, 1)));
}

#[test]
fn a_job_without_a_pod_says_so_after_a_minute_and_gives_way_to_an_edit() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.observed.pods.clear();
    harness.converge();
    assert_eq!((harness.phase(), wakes_in(&harness)), (Phase::Running, Some(60)));
    harness.pass(60);
    harness.converge();
    assert_eq!((harness.phase(), wakes_in(&harness)), (Phase::Waiting, Some(60)));
    let job = harness.step(SCRIPT).job.clone().unwrap();
    assert!(
        harness.message().contains(&format!("kubectl -n films describe job {job}")),
        "{}",
        harness.message()
    );
    let before = harness.observed.job.status.clone();
    harness.pass(60);
    harness.converge();
    assert_eq!(harness.observed.job.status, before, "the same wait is written once");
    harness.edit(|job| job.spec.compute = Some(Compute::default()));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.step(SCRIPT).attempt), (Phase::Succeeded, Some(2)));
}

#[test]
fn a_job_whose_pod_is_refused_says_in_which_words_and_gives_way_to_an_edit_or_a_retry() {
    for retry in [true, false] {
        let mut harness = Harness::topic();
        harness.converge();
        harness.observed.pods.clear();
        let job = harness.step(SCRIPT).job.clone().unwrap();
        harness.observed.podless.insert(job, "the label cost-center is required".to_owned());
        harness.pass(60);
        harness.converge();
        assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
        assert!(harness.has(ConditionType::Stalled) && harness.message().contains("cost-center is required"));
        assert_eq!(wakes_in(&harness), Some(60));
        let before = harness.observed.job.status.clone();
        harness.pass(60);
        harness.converge();
        assert_eq!(harness.observed.job.status, before, "the same refusal is written once");
        if retry {
            harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
        } else {
            harness.edit(|job| job.spec.compute = Some(Compute::default()));
        }
        harness.run_to_rest();
        assert_eq!(
            (harness.phase(), harness.step(SCRIPT).attempt),
            (Phase::Succeeded, Some(2)),
            "retry: {retry}"
        );
    }
}

#[test]
fn a_pod_that_does_not_go_says_so_two_minutes_after_its_time() {
    for held in [true, false] {
        let mut harness = Harness::topic();
        harness.converge();
        harness.observed.pods[0].gone_by = Some(harness.now);
        if held {
            harness.annotate(requests::HOLD, "x");
        }
        // The pod does not answer: what is ordered changes nothing.
        harness.reconcile_or_crash(true);
        assert_eq!((harness.phase(), wakes_in(&harness)), (Phase::Running, Some(120)), "held: {held}");
        harness.pass(120);
        harness.reconcile_or_crash(true);
        assert_eq!(
            (harness.phase(), harness.reason().as_str()),
            (Phase::Waiting, "Progressing"),
            "held: {held}"
        );
        let pod = harness.observed.pods[0].name.clone();
        let command = format!("kubectl -n films delete pod {pod} --force");
        assert!(harness.message().contains(&command), "{}", harness.message());
        assert_eq!(wakes_in(&harness), Some(60));
    }
}

/// Another attempt's Job and pod, which no record names.
fn stray(harness: &mut Harness, attempt: i32) {
    let name = format!("ocean-write-script-{attempt}-stray");
    harness.observed.jobs.push(JobFacts {
        name: name.clone(),
        uid: name.clone(),
        run: 1,
        step: SCRIPT,
        attempt,
        created: Some(Timestamp::UNIX_EPOCH),
        deleting: false,
        ended: None,
    });
    let state = PodState::Pending(Some(PodProblem::Unschedulable("0/1 nodes".to_owned())));
    let pod = PodFacts {
        name: name.clone(),
        uid: name,
        run: 1,
        step: SCRIPT,
        attempt,
        gone_by: None,
        outlived: false,
        state,
    };
    harness.observed.pods.push(pod);
}

fn deletes(harness: &Harness) -> Vec<String> {
    let actions = &harness.last.as_ref().unwrap().actions;
    let deleted = |action: &Action| match action {
        Action::DeleteJob { name, .. } => Some(name.clone()),
        _ => None,
    };
    actions.iter().filter_map(deleted).collect()
}

#[test]
fn what_runs_on_beside_an_ended_worker_is_stopped_once_the_end_is_recorded() {
    for (exit, attempts) in [(ExitCode::Done, 1), (ExitCode::ProviderDown, 2), (ExitCode::TryLater, 2)] {
        let mut harness = Harness::topic();
        harness.converge();
        let job = harness.step(SCRIPT).job.clone().unwrap();
        harness.end(SCRIPT, exit);
        harness.observed.pods[0].outlived = true;
        harness.observed.jobs[0].ended = None;
        harness.reconcile_or_crash(true);
        assert_ne!(harness.step(SCRIPT).state, Some(StepState::Running), "{exit:?} is recorded");
        assert_eq!(deletes(&harness), std::slice::from_ref(&job), "{exit:?}");
        harness.reconcile_or_crash(false);
        assert_eq!(deletes(&harness), [job], "{exit:?}: a crash before the deletion loses it not");
        harness.pass(600);
        harness.run_to_rest();
        assert_eq!(
            (harness.phase(), harness.step(SCRIPT).attempt),
            (Phase::Succeeded, Some(attempts)),
            "{exit:?}"
        );
    }
}

#[test]
fn a_pod_whose_end_cannot_be_reported_yet_keeps_what_it_says() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.end_silently(SCRIPT, 70, false);
    harness.observed.pods[0].outlived = true;
    harness.observed.jobs[0].ended = None;
    harness.observed.storage = Storage::NotReady {
        reason: videofactory_crds::VideoJobReason::StorageUnavailable,
        message: "the bucket is away".to_owned(),
    };
    harness.reconcile_or_crash(false);
    assert_eq!((deletes(&harness), harness.reason().as_str()), (vec![], "StorageUnavailable"));
}

#[test]
fn a_job_that_no_record_names_is_stopped_and_the_recorded_one_continues() {
    let mut harness = Harness::topic();
    harness.converge();
    stray(&mut harness, 7);
    harness.reconcile_or_crash(true);
    assert_eq!(deletes(&harness), ["ocean-write-script-7-stray"]);
    assert_eq!((harness.step(SCRIPT).state, harness.step(SCRIPT).reason), (Some(StepState::Running), None));
    harness.end(SCRIPT, ExitCode::Done);
    harness.reconcile_or_crash(true);
    assert_eq!(deletes(&harness), ["ocean-write-script-7-stray"], "it continues after the step is done");
}

#[test]
fn nothing_begins_beside_a_job_that_no_record_names() {
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    stray(&mut harness, 7);
    harness.reconcile_or_crash(true);
    assert_eq!(deletes(&harness), ["ocean-write-script-7-stray"]);
    assert!(harness.message().contains("previous pod"), "{}", harness.message());
    harness.observed.jobs.clear();
    harness.observed.pods.clear();
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.begun[0]), (Phase::Succeeded, (SCRIPT, 1)));
}

#[test]
fn a_job_that_came_late_is_stopped_while_the_film_is_held() {
    let mut harness = Harness::topic();
    harness.reconcile_or_crash(true);
    harness.annotate(requests::HOLD, "x");
    harness.converge();
    stray(&mut harness, 1);
    let job = harness.step(SCRIPT).job.clone().unwrap();
    harness.observed.jobs[0].name.clone_from(&job);
    harness.reconcile_or_crash(true);
    assert_eq!((deletes(&harness), harness.phase()), (vec![job], Phase::Suspended));
}

#[test]
fn a_bucket_that_comes_back_ends_the_wait_for_its_credentials() {
    for exit in [ExitCode::Credentials, ExitCode::Configuration] {
        let mut harness = Harness::topic();
        let ready_since = |harness: &mut Harness| {
            let since = Some(harness.now);
            if let Storage::Ready { since: at, .. } = &mut harness.observed.storage {
                *at = since;
            }
        };
        ready_since(&mut harness);
        harness.pass(60);
        harness.converge();
        harness.end(SCRIPT, exit);
        harness.converge();
        assert!(harness.has(ConditionType::Stalled));
        harness.pass(60);
        ready_since(&mut harness);
        harness.converge();
        assert_eq!(harness.begun, [(SCRIPT, 1), (SCRIPT, 2)], "{exit:?}");
        harness.pass(60);
        harness.end(SCRIPT, exit);
        harness.converge();
        assert!(harness.has(ConditionType::Stalled), "{exit:?} goes round in circles");
    }
}
