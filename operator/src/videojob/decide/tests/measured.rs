//! What the metrics are given, as sentences.

use std::time::Duration;

use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Measured;
use super::super::testing::Harness;
use super::published;
use crate::metrics::{JobOutcome, PublishOutcome};

const SCRIPT: StepName = StepName::WriteScript;
const FILM: StepName = StepName::AssembleVideo;

/// The ends of attempts, in order.
fn attempts(harness: &Harness) -> Vec<(StepName, &'static str, u64)> {
    let attempts = harness.measured.iter().filter_map(|measured| match measured {
        Measured::Attempt { step, outcome, took, .. } => Some((*step, outcome.as_str(), took.as_secs())),
        _ => None,
    });
    attempts.collect()
}

/// The ends of the whole job, in order.
fn jobs(harness: &Harness) -> Vec<(JobOutcome, u64)> {
    let jobs = harness.measured.iter().filter_map(|measured| match measured {
        Measured::Job { outcome, took } => Some((*outcome, took.as_secs())),
        _ => None,
    });
    jobs.collect()
}

#[test]
fn each_attempt_and_the_whole_job_are_measured_once() {
    let mut harness = published();
    harness.converge();
    harness.pass(7);
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    assert_eq!(attempts(&harness), [(SCRIPT, "succeeded", 7)]);
    harness.run_to_rest();
    assert_eq!(attempts(&harness).len(), 6);
    assert!(harness.measured.contains(&Measured::Published(PublishOutcome::Published, 1)));
    assert_eq!(jobs(&harness), [(JobOutcome::Succeeded, 7)]);
    let reported = harness.measured.len();
    harness.converge();
    assert_eq!(harness.measured.len(), reported);
}

#[test]
fn how_long_a_pod_took_to_start_is_measured_with_the_end_of_its_attempt() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.pass(3);
    harness.end(SCRIPT, ExitCode::Done);
    harness.converge();
    let queued = harness.measured.iter().find_map(|measured| match measured {
        Measured::Attempt { queued, .. } => *queued,
        _ => None,
    });
    assert_eq!(queued, Some(Duration::from_secs(3)), "its container started in the moment of its end");
}

#[test]
fn who_crashes_after_the_write_measures_nothing_later() {
    let mut harness = published();
    harness.run_to_rest();
    let reported = harness.measured.len();
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    harness.converge();
    harness.end(SCRIPT, ExitCode::Done);
    harness.reconcile_or_crash(true);
    harness.converge();
    assert_eq!(harness.measured.len(), reported, "it is recorded: nobody knows whether it was reported");
    harness.run_to_rest();
    assert_eq!(jobs(&harness).len(), 2, "another run is another end");
}

#[test]
fn a_failure_and_what_comes_of_the_retry_are_two_ends() {
    let mut harness = published();
    harness.edit(|job| job.spec.retry.limit = 0);
    harness.converge();
    harness.pass(60);
    harness.end(SCRIPT, ExitCode::Bug);
    harness.converge();
    assert_eq!(jobs(&harness), [(JobOutcome::Failed, 60)]);
    harness.pass(3_600);
    harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    harness.converge();
    harness.pass(5);
    harness.run_to_rest();
    assert_eq!(jobs(&harness), [(JobOutcome::Failed, 60), (JobOutcome::Succeeded, 5)]);
    assert_eq!(attempts(&harness)[..2], [(SCRIPT, "failed", 60), (SCRIPT, "succeeded", 5)]);
}

#[test]
fn a_rejected_film_is_no_failure() {
    let mut harness =
        Harness::new(serde_json::json!({"topic": "x", "review": {"after": ["assemble-video"]}}));
    harness.run_to_rest();
    let film = harness.step(FILM).output_digest.clone().unwrap();
    harness.annotate(requests::REJECTED, &format!("assemble-video@{film}"));
    harness.converge();
    assert_eq!(jobs(&harness), [(JobOutcome::Rejected, 0)]);
}

#[test]
fn an_attempt_that_we_stop_is_not_interrupted() {
    let mut harness = Harness::topic();
    harness.converge();
    harness.lose_pod(SCRIPT);
    harness.converge();
    harness.annotate(requests::HOLD, "lunch");
    harness.converge();
    let outcomes: Vec<_> = attempts(&harness).into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["interrupted", "stopped"]);
    assert_eq!(jobs(&harness), []);
}
