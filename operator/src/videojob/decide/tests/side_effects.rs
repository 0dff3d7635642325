//! A cluster that may do nothing outside itself: what is free and local continues, the rest waits and says so.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::testing::Harness;
use super::published;
use super::quota_request::{at_work, film, grant, until_animation};
use crate::config::SideEffects;

fn suspend(harness: &mut Harness) {
    harness.observed.side_effects = SideEffects::Suspend;
}

#[test]
fn free_steps_continue_and_a_publication_waits() {
    let mut harness = published();
    suspend(&mut harness);
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Suspended, "SideEffectsSuspended"));
    assert!(!harness.has(ConditionType::Reconciling) && !harness.has(ConditionType::Stalled));
    assert!(harness.message().contains("--side-effects=Allow"), "{}", harness.message());
    assert_eq!(harness.step(StepName::AssembleVideo).state, Some(StepState::Succeeded));
    assert_eq!(harness.alive(StepName::PublishVideo), 0);
    harness.observed.side_effects = SideEffects::Allow;
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded);
}

#[test]
fn no_account_is_asked_and_what_runs_beside_is_reported_first() {
    let mut harness = film(&json!({"providers": {
        "animation": {"accountRef": {"name": "grok"}}, "images": {"accountRef": {"name": "grok"}},
    }}));
    suspend(&mut harness);
    harness.converge();
    harness.end(StepName::WriteScript, ExitCode::Done);
    harness.converge();
    assert_eq!(harness.at_work(), [StepName::NarrateScenes]);
    assert_eq!(harness.phase(), Phase::Running, "{}", harness.message());
    assert!(harness.step(StepName::GenerateImages).demands.is_empty());
    harness.run_to_rest();
    assert_eq!(harness.reason(), "SideEffectsSuspended");
}

#[test]
fn a_paid_attempt_at_work_is_stopped_and_continues_afterwards() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
    suspend(&mut harness);
    harness.converge();
    assert!(!at_work(&harness));
    assert_eq!(harness.reason(), "SideEffectsSuspended");
    let begun = harness.begun.len();
    harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    harness.pass(10_000);
    harness.converge();
    assert_eq!(harness.begun.len(), begun, "a retry lifts nothing");
    harness.observed.side_effects = SideEffects::Allow;
    harness.converge();
    assert_ne!(harness.reason(), "SideEffectsSuspended", "{}", harness.message());
    assert!(harness.begun.len() > begun || harness.reason() == "AwaitingQuota", "{}", harness.message());
}
