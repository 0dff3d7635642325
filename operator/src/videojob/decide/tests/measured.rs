//! What the metrics are told, as sentences.

use std::time::Duration;

use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Measured;
use super::super::testing::World;
use super::published;
use crate::metrics::{JobOutcome, PublishOutcome};

const SCRIPT: StepName = StepName::WriteScript;
const FILM: StepName = StepName::AssembleVideo;

/// The ends of attempts, in order.
fn attempts(world: &World) -> Vec<(StepName, &'static str, u64)> {
    let attempts = world.measured.iter().filter_map(|measured| match measured {
        Measured::Attempt { step, outcome, took, .. } => Some((*step, outcome.as_str(), took.as_secs())),
        _ => None,
    });
    attempts.collect()
}

/// The ends of the whole job, in order.
fn jobs(world: &World) -> Vec<(JobOutcome, u64)> {
    let jobs = world.measured.iter().filter_map(|measured| match measured {
        Measured::Job { outcome, took } => Some((*outcome, took.as_secs())),
        _ => None,
    });
    jobs.collect()
}

#[test]
fn each_attempt_and_the_whole_job_are_told_once() {
    let mut world = published();
    world.converge();
    world.pass(7);
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    assert_eq!(attempts(&world), [(SCRIPT, "succeeded", 7)]);
    world.run_to_rest();
    assert_eq!(attempts(&world).len(), 6);
    assert!(world.measured.contains(&Measured::Published(PublishOutcome::Published, 1)));
    assert_eq!(jobs(&world), [(JobOutcome::Succeeded, 7)]);
    let told = world.measured.len();
    world.converge();
    assert_eq!(world.measured.len(), told);
}

#[test]
fn how_long_a_pod_took_to_start_is_told_with_the_end_of_its_attempt() {
    let mut world = World::topic();
    world.converge();
    world.pass(3);
    world.end(SCRIPT, ExitCode::Done);
    world.converge();
    let queued = world.measured.iter().find_map(|measured| match measured {
        Measured::Attempt { queued, .. } => *queued,
        _ => None,
    });
    assert_eq!(queued, Some(Duration::from_secs(3)), "its container started in the moment of its end");
}

#[test]
fn who_crashes_after_the_write_tells_nothing_later() {
    let mut world = published();
    world.run_to_rest();
    let told = world.measured.len();
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    world.converge();
    world.end(SCRIPT, ExitCode::Done);
    world.reconcile_or_crash(true);
    world.converge();
    assert_eq!(world.measured.len(), told, "it is booked: nobody knows whether it was told");
    world.run_to_rest();
    assert_eq!(jobs(&world).len(), 2, "another run is another end");
}

#[test]
fn a_failure_and_what_comes_of_the_retry_are_two_ends() {
    let mut world = published();
    world.edit(|job| job.spec.retry.limit = 0);
    world.converge();
    world.pass(60);
    world.end(SCRIPT, ExitCode::Bug);
    world.converge();
    assert_eq!(jobs(&world), [(JobOutcome::Failed, 60)]);
    world.pass(3_600);
    world.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    world.converge();
    world.pass(5);
    world.run_to_rest();
    assert_eq!(jobs(&world), [(JobOutcome::Failed, 60), (JobOutcome::Succeeded, 5)]);
    assert_eq!(attempts(&world)[..2], [(SCRIPT, "failed", 60), (SCRIPT, "succeeded", 5)]);
}

#[test]
fn a_rejected_film_is_no_failure() {
    let mut world = World::new(serde_json::json!({"topic": "x", "review": {"after": ["assemble-video"]}}));
    world.run_to_rest();
    let film = world.step(FILM).output_digest.clone().unwrap();
    world.annotate(requests::REJECTED, &format!("assemble-video@{film}"));
    world.converge();
    assert_eq!(jobs(&world), [(JobOutcome::Rejected, 0)]);
}

#[test]
fn an_attempt_that_we_stop_is_not_interrupted() {
    let mut world = World::topic();
    world.converge();
    world.lose_pod(SCRIPT);
    world.converge();
    world.annotate(requests::HOLD, "lunch");
    world.converge();
    let outcomes: Vec<_> = attempts(&world).into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["interrupted", "stopped"]);
    assert_eq!(jobs(&world), []);
}
