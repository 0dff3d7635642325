//! Accounts that a film needs, before and when their turn has come.

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_pipeline::contract::ExitCode;

use super::hire_tests::{account, at_work, demand, film, grant, grok, spends, until_animation};
use super::world::World;

const STEP: StepName = StepName::AnimateScenes;

/// A film that grok animates, and that goes to YouTube with an account that is not there.
fn published() -> World {
    film(&json!({"publish": {"targets": [
        {"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}},
        {"name": "home", "type": "Bucket"},
    ]}}))
}

fn hire(world: &mut World, provider: &str) {
    let tube = account(&json!({"provider": provider, "secretRef": {"name": "t"}}));
    world.observed.accounts.insert("tube".to_owned(), tube);
}

fn warnings(world: &World) -> usize {
    world.events.iter().filter(|note| note.contains("which comes later")).count()
}

#[test]
fn nothing_is_paid_for_before_every_account_that_the_film_needs_is_there_and_fits() {
    let mut world = published();
    world.settle();
    let missing =
        "ProviderAccount \"tube\" does not exist in this namespace; create it, or correct providers";
    assert_eq!(
        world.message(),
        format!("write-script: attempt 1; publish-video, which comes later: {missing}")
    );
    // What costs nothing is done meanwhile.
    until_animation(&mut world);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(world.has(ConditionType::Stalled));
    let waits = "animate-scenes: nothing is paid for, because publish-video could not finish the film: ";
    assert_eq!(world.message(), format!("{waits}{missing}"));
    assert!(world.step(STEP).demands.is_empty(), "no account is asked");
    hire(&mut world, "XAI");
    world.settle();
    let other = "ProviderAccount \"tube\" is of provider XAI, which is of no use for publish-video: name an account of one \
                 that is (YouTube)";
    assert_eq!(world.message(), format!("{waits}{other}"));
    hire(&mut world, "YouTube");
    world.settle();
    assert_eq!((world.reason().as_str(), demand(&world).account.as_str()), ("AwaitingQuota", "grok"));
}

#[test]
fn what_was_begun_is_not_given_up_where_the_account_of_a_later_step_goes() {
    let mut world = published();
    hire(&mut world, "YouTube");
    until_animation(&mut world);
    grant(&mut world, 3);
    world.settle();
    world.observed.accounts.remove("tube");
    world.settle();
    assert!(at_work(&world), "{}", world.message());
    let spent = spends(&world, 3);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.run_to_rest();
    assert_eq!(world.reason(), "ConfigurationInvalid", "{}", world.message());
    hire(&mut world, "YouTube");
    world.settle();
    assert_eq!(world.step(StepName::PublishVideo).demands.len(), 1, "{}", world.message());
}

#[test]
fn a_service_that_does_something_else_is_given_no_pod() {
    let mut world = film(&json!({"providers": {"narration": {"accountRef": {"name": "grok"}}}}));
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    let expected = "ProviderAccount \"grok\" is of provider XAI, which is of no use for narrate-scenes: name an account of \
                    one that is (Gemini, HuggingFace, Embedded)";
    assert_eq!(world.message(), expected);
    assert!(!world.begun.iter().any(|(step, _)| *step == StepName::NarrateScenes), "{:?}", world.begun);
}

#[test]
fn an_account_that_may_be_well_by_then_keeps_nobody_and_is_told_of_once() {
    let mut world = film(&json!({}));
    grok(&mut world).obstacle = Some("its Secret is missing".to_owned());
    world.settle();
    assert_eq!(world.at_work(), [StepName::WriteScript]);
    let warned = "; animate-scenes, which comes later: its Secret is missing";
    assert_eq!(world.message(), format!("write-script: attempt 1{warned}"));
    world.end(StepName::WriteScript, ExitCode::Done);
    world.settle();
    assert!(world.message().ends_with(warned), "{}", world.message());
    assert_eq!(warnings(&world), 1, "{:?}", world.events);
    grok(&mut world).obstacle = None;
    world.settle();
    assert!(!world.message().contains("comes later"), "{}", world.message());
}

#[test]
fn an_account_that_is_not_healthy_keeps_nobody_before_its_turn() {
    let mut world = published();
    hire(&mut world, "YouTube");
    let condition = json!({
        "type": "Healthy", "status": "False", "reason": "ProviderUnavailable", "message": "no answer",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    grok(&mut world).status.conditions = vec![serde_json::from_value(condition).unwrap()];
    until_animation(&mut world);
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    let told = "animate-scenes, which comes later: ProviderAccount \"grok\": no answer";
    assert!(world.events.iter().any(|note| note == told), "{:?}", world.events);
}
