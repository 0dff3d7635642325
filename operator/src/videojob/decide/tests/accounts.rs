//! Accounts that a film needs, before and when their turn has come.

use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Account;
use super::super::testing::World;
use super::quota_request::{
    account, at_work, close_grants, demand, film, grant, grok, partly, spends, until_animation,
};

const STEP: StepName = StepName::AnimateScenes;

const MISSING: &str =
    "ProviderAccount \"tube\" does not exist in this namespace: create it, or correct accountRef";

/// A film that grok animates, and that goes to `YouTube` with an account that is not there.
fn published() -> World {
    published_and(&json!({}))
}

/// The same, with more in its spec.
fn published_and(more: &Value) -> World {
    let mut spec = json!({"publish": {"targets": [
        {"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}},
        {"name": "home", "type": "Bucket"},
    ]}});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        spec[name] = value;
    }
    let mut world = film(&spec);
    take_away(&mut world);
    world
}

fn take_away(world: &mut World) {
    world.observed.accounts.insert("tube".to_owned(), Account::missing("tube"));
}

fn use_account(world: &mut World, provider: &str) {
    let tube = account(&json!({"provider": provider, "secretRef": {"name": "t"}}));
    world.observed.accounts.insert("tube".to_owned(), tube);
}

#[test]
fn nothing_is_paid_for_before_every_account_that_the_film_needs_is_there_and_fits() {
    let mut world = published();
    world.converge();
    assert_eq!(world.message(), "write-script: attempt 1", "what costs nothing is done meanwhile");
    until_animation(&mut world);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(world.has(ConditionType::Stalled));
    let waits = "animate-scenes: nothing is paid for before publish-video can use its accounts: ";
    assert_eq!(world.message(), format!("{waits}{MISSING}"));
    assert!(world.step(STEP).demands.is_empty(), "no account is asked");
    use_account(&mut world, "XAI");
    world.converge();
    let other = "target \"main\" needs an account of provider YouTube, and ProviderAccount \"tube\" is of provider XAI: name \
                 another one";
    assert_eq!(world.message(), format!("{waits}{other}"));
    use_account(&mut world, "YouTube");
    world.converge();
    assert_eq!((world.reason().as_str(), demand(&world).account.as_str()), ("AwaitingQuota", "grok"));
}

/// Two targets with one account: what the one needs cannot be what the other does.
#[test]
fn each_target_is_judged_alone_and_named() {
    let mut world = film(&json!({"publish": {"targets": [
        {"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}},
        {"name": "social", "type": "Webhook", "accountRef": {"name": "tube"}},
    ]}}));
    use_account(&mut world, "YouTube");
    until_animation(&mut world);
    let expected = "target \"social\" needs an account of provider Webhook, and ProviderAccount \"tube\" is of provider \
                    YouTube: name another one";
    assert!(world.message().ends_with(expected), "{}", world.message());
}

#[test]
fn a_run_that_has_begun_to_buy_goes_on_and_only_the_step_without_its_account_waits() {
    let mut world = published();
    use_account(&mut world, "YouTube");
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    take_away(&mut world);
    world.converge();
    assert!(at_work(&world), "{}", world.message());
    partly(&mut world, 1, 2);
    world.converge();
    close_grants(&mut world);
    world.converge();
    assert_eq!(demand(&world).submissions, Some(2), "the rest is asked for: {}", world.message());
    grant(&mut world, 2);
    world.converge();
    let spent = spends(&world, 2);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.run_to_rest();
    assert_eq!((world.reason().as_str(), world.message().as_str()), ("ConfigurationInvalid", MISSING));
    use_account(&mut world, "YouTube");
    world.converge();
    assert_eq!(world.step(StepName::PublishVideo).demands.len(), 1, "{}", world.message());
}

/// What was accepted before the attempt was stopped is at the service, and its links expire.
#[test]
fn what_a_stopped_attempt_has_under_way_is_fetched_although_a_later_account_is_gone() {
    let mut world = published();
    use_account(&mut world, "YouTube");
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let spent = spends(&world, 3);
    world.spent.insert((STEP, 1), spent);
    world.annotate(requests::HOLD, "lunch");
    world.converge();
    close_grants(&mut world);
    take_away(&mut world);
    world.strip(requests::HOLD);
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    grant(&mut world, 3);
    world.converge();
    assert_eq!(world.begun.last(), Some(&(STEP, 2)), "{}", world.message());
}

#[test]
fn a_restart_is_a_run_that_has_bought_nothing() {
    let mut world = published();
    use_account(&mut world, "YouTube");
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let spent = spends(&world, 3);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.converge();
    close_grants(&mut world);
    take_away(&mut world);
    world.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    until_animation(&mut world);
    assert!(world.message().contains("nothing is paid for before"), "{}", world.message());
}

#[test]
fn a_writer_who_is_given_all_scenes_buys_nothing() {
    let scene = |id: &str| json!({"id": id, "narration": "x"});
    let mut world = published_and(&json!({
        "scenes": [scene("s1"), scene("s2"), scene("s3")],
        "providers": {"script": {"accountRef": {"name": "pen"}}, "animation": {"accountRef": {"name": "grok"}}},
    }));
    let pen = account(&json!({"provider": "Gemini", "secretRef": {"name": "p"}}));
    world.observed.accounts.insert("pen".to_owned(), pen);
    until_animation(&mut world);
    assert!(world.message().contains("nothing is paid for before"), "{}", world.message());
}

#[test]
fn a_service_that_does_something_else_is_given_no_pod() {
    let mut world = film(&json!({"providers": {"narration": {"accountRef": {"name": "grok"}}}}));
    world.run_to_rest();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    let expected = "narrate-scenes needs an account of provider Gemini or HuggingFace or Embedded, and ProviderAccount \
                    \"grok\" is of provider XAI: name another one";
    assert_eq!(world.message(), expected);
    assert!(!world.begun.iter().any(|(step, _)| *step == StepName::NarrateScenes), "{:?}", world.begun);
}

/// Its own condition and alert tell of its health, and of what its own step waits for.
#[test]
fn an_account_that_may_be_well_by_then_keeps_nobody_and_is_not_told_of() {
    let condition = json!({
        "type": "Healthy", "status": "False", "reason": "ProviderUnavailable", "message": "no answer",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let mut world = published();
    use_account(&mut world, "YouTube");
    let Some(Account::External(tube)) = world.observed.accounts.get_mut("tube") else { panic!("not hired") };
    tube.obstacle = Some("its Secret is missing".to_owned());
    grok(&mut world).status.conditions = vec![serde_json::from_value(condition).unwrap()];
    world.converge();
    assert_eq!(world.message(), "write-script: attempt 1");
    until_animation(&mut world);
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    let told = |words: &str| world.events.iter().any(|note| note.contains(words));
    assert!(!told("no answer") && !told("its Secret is missing"), "{:?}", world.events);
}
