//! What is left behind, late, refused or cut short: it is told, and wedges nothing.

use jiff::Timestamp;
use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::videojob::Compute;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Action, JobFacts, PodFacts, PodProblem, PodState, Refusal, Storage};
use super::super::testing::World;

const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;
const VOICES: StepName = StepName::NarrateScenes;
const CLIPS: StepName = StepName::AnimateScenes;
const FILM: StepName = StepName::AssembleVideo;
const PUBLISH: StepName = StepName::PublishVideo;

/// A job whose film is made and whose publication is recorded, but was never begun.
fn about_to_publish() -> World {
    let mut world =
        World::new(json!({"topic": "x", "publish": {"targets": [{"name": "main", "type": "Bucket"}]}}));
    world.converge();
    for step in [SCRIPT, IMAGES, VOICES, CLIPS] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
    world.end(FILM, ExitCode::Done);
    world.reconcile_or_crash(true);
    assert_eq!((world.step(PUBLISH).state, world.at_work()), (Some(StepState::Running), vec![]));
    world
}

/// When the last decision wants to be asked again, in seconds.
fn wakes_in(world: &World) -> Option<i64> {
    let wake_at = world.last.as_ref().unwrap().wake_at?;
    Some(wake_at.duration_since(world.now).as_secs())
}

#[test]
fn taking_the_targets_away_before_the_publication_began_wedges_nothing() {
    let mut world = about_to_publish();
    world.edit(|job| job.spec.settings.publish = None);
    world.converge();
    assert_eq!((world.phase(), world.step(PUBLISH).state), (Phase::Succeeded, Some(StepState::Skipped)));
}

#[test]
fn beside_a_published_film_an_attempt_that_left_nothing_is_not_stopped_for_ever() {
    let mut world = about_to_publish();
    world.run_to_rest();
    let status = world.observed.job.status.as_mut().unwrap();
    let images = status.steps.iter_mut().find(|step| step.name == IMAGES).unwrap();
    (images.state, images.attempt) = (Some(StepState::Running), Some(9));
    world.converge();
    assert_eq!(
        (world.phase(), world.step(IMAGES).state, world.step(IMAGES).reason),
        (Phase::Succeeded, Some(StepState::Pending), None)
    );
}

#[test]
fn a_held_job_whose_attempt_never_began_has_not_succeeded() {
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    world.annotate(requests::HOLD, "x");
    world.reconcile_or_crash(false);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Suspended, "Held"));
    world.strip(requests::HOLD);
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn a_refused_job_says_so_until_it_is_taken() {
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    let words = "failed to create Job films/ocean: exceeded quota";
    let refusal = Refusal { words: words.to_owned(), unmade: true };
    world.observed.refused.insert((SCRIPT, 1), refusal);
    let decision = world.reconcile_or_crash(true);
    assert!(matches!(&decision.actions[0], Action::StartStep(start) if start.input.attempt == 1));
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(world.has(ConditionType::Stalled) && world.message().contains(words), "{}", world.message());
    let again = world.reconcile_or_crash(true);
    assert_eq!(again.status, decision.status, "the same refusal is written once");
    world.observed.refused.clear();
    world.run_to_rest();
    assert_eq!((world.phase(), world.begun[0]), (Phase::Succeeded, (SCRIPT, 1)));
}

#[test]
fn a_job_without_a_pod_says_so_after_a_minute_and_gives_way_to_an_edit() {
    let mut world = World::topic();
    world.converge();
    world.observed.pods.clear();
    world.converge();
    assert_eq!((world.phase(), wakes_in(&world)), (Phase::Running, Some(60)));
    world.pass(60);
    world.converge();
    assert_eq!((world.phase(), wakes_in(&world)), (Phase::Waiting, Some(60)));
    let job = world.step(SCRIPT).job.clone().unwrap();
    assert!(world.message().contains(&format!("kubectl -n films describe job {job}")), "{}", world.message());
    let before = world.observed.job.status.clone();
    world.pass(60);
    world.converge();
    assert_eq!(world.observed.job.status, before, "the same wait is written once");
    world.edit(|job| job.spec.compute = Some(Compute::default()));
    world.run_to_rest();
    assert_eq!((world.phase(), world.step(SCRIPT).attempt), (Phase::Succeeded, Some(2)));
}

#[test]
fn a_job_whose_pod_is_refused_says_in_which_words_and_gives_way_to_an_edit_or_a_retry() {
    for retry in [true, false] {
        let mut world = World::topic();
        world.converge();
        world.observed.pods.clear();
        let job = world.step(SCRIPT).job.clone().unwrap();
        world.observed.podless.insert(job, "the label cost-center is required".to_owned());
        world.pass(60);
        world.converge();
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
        assert!(world.has(ConditionType::Stalled) && world.message().contains("cost-center is required"));
        assert_eq!(wakes_in(&world), Some(60));
        let before = world.observed.job.status.clone();
        world.pass(60);
        world.converge();
        assert_eq!(world.observed.job.status, before, "the same refusal is written once");
        if retry {
            world.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
        } else {
            world.edit(|job| job.spec.compute = Some(Compute::default()));
        }
        world.run_to_rest();
        assert_eq!(
            (world.phase(), world.step(SCRIPT).attempt),
            (Phase::Succeeded, Some(2)),
            "retry: {retry}"
        );
    }
}

#[test]
fn a_pod_that_does_not_go_says_so_two_minutes_after_its_time() {
    for held in [true, false] {
        let mut world = World::topic();
        world.converge();
        world.observed.pods[0].gone_by = Some(world.now);
        if held {
            world.annotate(requests::HOLD, "x");
        }
        // The pod does not answer: what is ordered changes nothing.
        world.reconcile_or_crash(true);
        assert_eq!((world.phase(), wakes_in(&world)), (Phase::Running, Some(120)), "held: {held}");
        world.pass(120);
        world.reconcile_or_crash(true);
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "Progressing"), "held: {held}");
        let pod = world.observed.pods[0].name.clone();
        let command = format!("kubectl -n films delete pod {pod} --force");
        assert!(world.message().contains(&command), "{}", world.message());
        assert_eq!(wakes_in(&world), Some(60));
    }
}

/// Another attempt's Job and pod, which no record names.
fn stray(world: &mut World, attempt: i32) {
    let name = format!("ocean-write-script-{attempt}-stray");
    world.observed.jobs.push(JobFacts {
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
    world.observed.pods.push(pod);
}

fn deletes(world: &World) -> Vec<String> {
    let actions = &world.last.as_ref().unwrap().actions;
    let deleted = |action: &Action| match action {
        Action::DeleteJob { name, .. } => Some(name.clone()),
        _ => None,
    };
    actions.iter().filter_map(deleted).collect()
}

#[test]
fn what_runs_on_beside_an_ended_worker_is_stopped_once_the_end_is_booked() {
    for (exit, attempts) in [(ExitCode::Done, 1), (ExitCode::ProviderDown, 2), (ExitCode::TryLater, 2)] {
        let mut world = World::topic();
        world.converge();
        let job = world.step(SCRIPT).job.clone().unwrap();
        world.end(SCRIPT, exit);
        world.observed.pods[0].outlived = true;
        world.observed.jobs[0].ended = None;
        world.reconcile_or_crash(true);
        assert_ne!(world.step(SCRIPT).state, Some(StepState::Running), "{exit:?} is booked");
        assert_eq!(deletes(&world), std::slice::from_ref(&job), "{exit:?}");
        world.reconcile_or_crash(false);
        assert_eq!(deletes(&world), [job], "{exit:?}: a crash before the deletion loses it not");
        world.pass(600);
        world.run_to_rest();
        assert_eq!(
            (world.phase(), world.step(SCRIPT).attempt),
            (Phase::Succeeded, Some(attempts)),
            "{exit:?}"
        );
    }
}

#[test]
fn a_pod_whose_end_cannot_be_told_yet_keeps_what_it_says() {
    let mut world = World::topic();
    world.converge();
    world.end_silently(SCRIPT, 70, false);
    world.observed.pods[0].outlived = true;
    world.observed.jobs[0].ended = None;
    world.observed.storage = Storage::NotReady {
        reason: videofactory_crds::VideoJobReason::StorageUnavailable,
        message: "the bucket is away".to_owned(),
    };
    world.reconcile_or_crash(false);
    assert_eq!((deletes(&world), world.reason().as_str()), (vec![], "StorageUnavailable"));
}

#[test]
fn a_job_that_no_record_names_is_stopped_and_the_recorded_one_goes_on() {
    let mut world = World::topic();
    world.converge();
    stray(&mut world, 7);
    world.reconcile_or_crash(true);
    assert_eq!(deletes(&world), ["ocean-write-script-7-stray"]);
    assert_eq!((world.step(SCRIPT).state, world.step(SCRIPT).reason), (Some(StepState::Running), None));
    world.end(SCRIPT, ExitCode::Done);
    world.reconcile_or_crash(true);
    assert_eq!(deletes(&world), ["ocean-write-script-7-stray"], "it goes on after the step is done");
}

#[test]
fn nothing_begins_beside_a_job_that_no_record_names() {
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    stray(&mut world, 7);
    world.reconcile_or_crash(true);
    assert_eq!(deletes(&world), ["ocean-write-script-7-stray"]);
    assert!(world.message().contains("previous pod"), "{}", world.message());
    world.observed.jobs.clear();
    world.observed.pods.clear();
    world.run_to_rest();
    assert_eq!((world.phase(), world.begun[0]), (Phase::Succeeded, (SCRIPT, 1)));
}

#[test]
fn a_job_that_came_late_is_stopped_while_the_film_is_held() {
    let mut world = World::topic();
    world.reconcile_or_crash(true);
    world.annotate(requests::HOLD, "x");
    world.converge();
    stray(&mut world, 1);
    let job = world.step(SCRIPT).job.clone().unwrap();
    world.observed.jobs[0].name.clone_from(&job);
    world.reconcile_or_crash(true);
    assert_eq!((deletes(&world), world.phase()), (vec![job], Phase::Suspended));
}

#[test]
fn a_bucket_that_comes_back_ends_the_wait_for_its_credentials() {
    for exit in [ExitCode::Credentials, ExitCode::Configuration] {
        let mut world = World::topic();
        let ready_since = |world: &mut World| {
            let since = Some(world.now);
            if let Storage::Ready { since: at, .. } = &mut world.observed.storage {
                *at = since;
            }
        };
        ready_since(&mut world);
        world.pass(60);
        world.converge();
        world.end(SCRIPT, exit);
        world.converge();
        assert!(world.has(ConditionType::Stalled));
        world.pass(60);
        ready_since(&mut world);
        world.converge();
        assert_eq!(world.begun, [(SCRIPT, 1), (SCRIPT, 2)], "{exit:?}");
        world.pass(60);
        world.end(SCRIPT, exit);
        world.converge();
        assert!(world.has(ConditionType::Stalled), "{exit:?} goes round in circles");
    }
}
