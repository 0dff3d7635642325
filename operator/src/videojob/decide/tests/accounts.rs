//! Accounts that a film needs, before and when their turn has come.

use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::Account;
use super::super::testing::Harness;
use super::quota_request::{
    account, at_work, close_grants, demand, film, grant, grok, partly, spends, until_animation,
};

const STEP: StepName = StepName::AnimateScenes;

const MISSING: &str =
    "ProviderAccount \"tube\" does not exist in this namespace: create it, or correct accountRef";

/// A film that grok animates, and that goes to `YouTube` with an account that is not there.
fn published() -> Harness {
    published_and(&json!({}))
}

/// The same, with more in its spec.
fn published_and(more: &Value) -> Harness {
    let mut spec = json!({"publish": {"targets": [
        {"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}},
        {"name": "home", "type": "Bucket"},
    ]}});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        spec[name] = value;
    }
    let mut harness = film(&spec);
    take_away(&mut harness);
    harness
}

fn take_away(harness: &mut Harness) {
    harness.observed.accounts.insert("tube".to_owned(), Account::missing("tube"));
}

fn use_account(harness: &mut Harness, provider: &str) {
    let tube = account(&json!({"provider": provider, "secretRef": {"name": "t"}}));
    harness.observed.accounts.insert("tube".to_owned(), tube);
}

#[test]
fn nothing_is_paid_for_before_every_account_that_the_film_needs_is_there_and_fits() {
    let mut harness = published();
    harness.converge();
    assert_eq!(harness.message(), "write-script: attempt 1", "what costs nothing is done meanwhile");
    until_animation(&mut harness);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    assert!(harness.has(ConditionType::Stalled));
    let waits = "animate-scenes: nothing is paid for before publish-video can use its accounts: ";
    assert_eq!(harness.message(), format!("{waits}{MISSING}"));
    assert!(harness.step(STEP).demands.is_empty(), "no account is asked");
    use_account(&mut harness, "XAI");
    harness.converge();
    let other = "target \"main\" needs an account of provider YouTube, and ProviderAccount \"tube\" is of provider XAI: name \
                 another one";
    assert_eq!(harness.message(), format!("{waits}{other}"));
    use_account(&mut harness, "YouTube");
    harness.converge();
    assert_eq!((harness.reason().as_str(), demand(&harness).account.as_str()), ("AwaitingQuota", "grok"));
}

/// Two targets with one account: what the one needs cannot be what the other does.
#[test]
fn each_target_is_judged_alone_and_named() {
    let mut harness = film(&json!({"publish": {"targets": [
        {"name": "main", "type": "YouTube", "accountRef": {"name": "tube"}},
        {"name": "social", "type": "Webhook", "accountRef": {"name": "tube"}},
    ]}}));
    use_account(&mut harness, "YouTube");
    until_animation(&mut harness);
    let expected = "target \"social\" needs an account of provider Webhook, and ProviderAccount \"tube\" is of provider \
                    YouTube: name another one";
    assert!(harness.message().ends_with(expected), "{}", harness.message());
}

#[test]
fn a_run_that_has_begun_to_buy_continues_and_only_the_step_without_its_account_waits() {
    let mut harness = published();
    use_account(&mut harness, "YouTube");
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    take_away(&mut harness);
    harness.converge();
    assert!(at_work(&harness), "{}", harness.message());
    partly(&mut harness, 1, 2);
    harness.converge();
    close_grants(&mut harness);
    harness.converge();
    assert_eq!(demand(&harness).submissions, Some(2), "the rest is asked for: {}", harness.message());
    grant(&mut harness, 2);
    harness.converge();
    let spent = spends(&harness, 2);
    harness.end_reported(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    harness.run_to_rest();
    assert_eq!((harness.reason().as_str(), harness.message().as_str()), ("ConfigurationInvalid", MISSING));
    use_account(&mut harness, "YouTube");
    harness.converge();
    assert_eq!(harness.step(StepName::PublishVideo).demands.len(), 1, "{}", harness.message());
}

/// What was accepted before the attempt was stopped is at the service, and its links expire.
#[test]
fn what_a_stopped_attempt_has_under_way_is_fetched_although_a_later_account_is_gone() {
    let mut harness = published();
    use_account(&mut harness, "YouTube");
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let spent = spends(&harness, 3);
    harness.spent.insert((STEP, 1), spent);
    harness.annotate(requests::HOLD, "lunch");
    harness.converge();
    close_grants(&mut harness);
    take_away(&mut harness);
    harness.strip(requests::HOLD);
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    grant(&mut harness, 3);
    harness.converge();
    assert_eq!(harness.begun.last(), Some(&(STEP, 2)), "{}", harness.message());
}

#[test]
fn a_restart_is_a_run_that_has_bought_nothing() {
    let mut harness = published();
    use_account(&mut harness, "YouTube");
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let spent = spends(&harness, 3);
    harness.end_reported(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    harness.converge();
    close_grants(&mut harness);
    take_away(&mut harness);
    harness.annotate(requests::RESTART, "2026-01-01T00:00:00Z");
    until_animation(&mut harness);
    assert!(harness.message().contains("nothing is paid for before"), "{}", harness.message());
}

#[test]
fn a_writer_who_is_given_all_scenes_buys_nothing() {
    let scene = |id: &str| json!({"id": id, "narration": "x"});
    let mut harness = published_and(&json!({
        "scenes": [scene("s1"), scene("s2"), scene("s3")],
        "providers": {"script": {"accountRef": {"name": "pen"}}, "animation": {"accountRef": {"name": "grok"}}},
    }));
    let pen = account(&json!({"provider": "Gemini", "secretRef": {"name": "p"}}));
    harness.observed.accounts.insert("pen".to_owned(), pen);
    until_animation(&mut harness);
    assert!(harness.message().contains("nothing is paid for before"), "{}", harness.message());
}

#[test]
fn a_service_that_does_something_else_is_given_no_pod() {
    let mut harness = film(&json!({"providers": {"narration": {"accountRef": {"name": "grok"}}}}));
    harness.run_to_rest();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "ConfigurationInvalid"));
    let expected = "narrate-scenes needs an account of provider Gemini or HuggingFace or OpenAICompatible or Embedded, and \
                    ProviderAccount \"grok\" is of provider XAI: name another one";
    assert_eq!(harness.message(), expected);
    assert!(!harness.begun.iter().any(|(step, _)| *step == StepName::NarrateScenes), "{:?}", harness.begun);
}

/// Its own condition and alert report its health, and of what its own step waits for.
#[test]
fn an_account_that_may_be_healthy_by_then_keeps_nobody_and_is_not_reported() {
    let condition = json!({
        "type": "Healthy", "status": "False", "reason": "ProviderUnavailable", "message": "no answer",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let mut harness = published();
    use_account(&mut harness, "YouTube");
    let Some(Account::External(tube)) = harness.observed.accounts.get_mut("tube") else {
        panic!("not external")
    };
    tube.obstacle = Some("its Secret is missing".to_owned());
    grok(&mut harness).status.conditions = vec![serde_json::from_value(condition).unwrap()];
    harness.converge();
    assert_eq!(harness.message(), "write-script: attempt 1");
    until_animation(&mut harness);
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    let reported = |words: &str| harness.events.iter().any(|note| note.contains(words));
    assert!(!reported("no answer") && !reported("its Secret is missing"), "{:?}", harness.events);
}
