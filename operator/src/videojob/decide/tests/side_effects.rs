//! A cluster that may do nothing outside itself: what is free and local goes on, the rest waits and says so.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::testing::World;
use super::published;
use super::quota_request::{at_work, film, grant, until_animation};
use crate::config::SideEffects;

fn suspend(world: &mut World) {
    world.observed.side_effects = SideEffects::Suspend;
}

#[test]
fn free_steps_go_on_and_a_publication_waits() {
    let mut world = published();
    suspend(&mut world);
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Suspended, "SideEffectsSuspended"));
    assert!(!world.has(ConditionType::Reconciling) && !world.has(ConditionType::Stalled));
    assert!(world.message().contains("--side-effects=Allow"), "{}", world.message());
    assert_eq!(world.step(StepName::AssembleVideo).state, Some(StepState::Succeeded));
    assert_eq!(world.alive(StepName::PublishVideo), 0);
    world.observed.side_effects = SideEffects::Allow;
    world.run_to_rest();
    assert_eq!(world.phase(), Phase::Succeeded);
}

#[test]
fn no_account_is_asked_and_what_runs_beside_is_told_first() {
    let mut world = film(&json!({"providers": {
        "animation": {"accountRef": {"name": "grok"}}, "images": {"accountRef": {"name": "grok"}},
    }}));
    suspend(&mut world);
    world.converge();
    world.end(StepName::WriteScript, ExitCode::Done);
    world.converge();
    assert_eq!(world.at_work(), [StepName::NarrateScenes]);
    assert_eq!(world.phase(), Phase::Running, "{}", world.message());
    assert!(world.step(StepName::GenerateImages).demands.is_empty());
    world.run_to_rest();
    assert_eq!(world.reason(), "SideEffectsSuspended");
}

#[test]
fn a_paid_attempt_at_work_is_stopped_and_goes_on_afterwards() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world));
    suspend(&mut world);
    world.converge();
    assert!(!at_work(&world));
    assert_eq!(world.reason(), "SideEffectsSuspended");
    let begun = world.begun.len();
    world.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    world.pass(10_000);
    world.converge();
    assert_eq!(world.begun.len(), begun, "a retry lifts nothing");
    world.observed.side_effects = SideEffects::Allow;
    world.converge();
    assert_ne!(world.reason(), "SideEffectsSuspended", "{}", world.message());
    assert!(world.begun.len() > begun || world.reason() == "AwaitingQuota", "{}", world.message());
}
