use std::time::Duration;

use serde_json::{Value, json};
use videofactory_crds::condition::{self, ConditionType};

use super::super::demand::Settlement;
use super::super::model::{Checked, Credentials};
use super::super::testing::{at, demand, holder, observed, with};
use super::*;

fn account(more: Value) -> ProviderAccount {
    let quota =
        json!({"name": "clips", "limit": 25, "period": "2h", "window": "Rolling", "unit": "Requests"});
    let spec = with(json!({"provider": "XAI", "secretRef": {"name": "grok"}, "quotas": [quota]}), more);
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
        "metadata": {"name": "grok", "namespace": "films", "uid": "a1", "generation": 3},
        "spec": spec, "status": {"observedGeneration": -1},
    }))
    .unwrap()
}

fn asks(demand: Demand) -> Claim {
    Claim { demand, state: ClaimState::Asks }
}

fn fine(moment: i64, milliseconds: u64) -> Checked {
    Checked { finding: Finding::Fine, took: Duration::from_millis(milliseconds), at: at(moment) }
}

/// What is observed once the decision is written.
fn written(observed: &Observed, decision: &Decision) -> Observed {
    let mut next = observed.clone();
    let wire = serde_json::to_string(&decision.status).unwrap();
    next.account.status = Some(serde_json::from_str(&wire).unwrap());
    next
}

fn says(decision: &Decision, kind: ConditionType) -> (String, String, String) {
    let condition = condition::get(&decision.status.conditions, kind).unwrap();
    (condition.status.clone(), condition.reason.clone(), condition.message.clone())
}

/// Whether it says that it takes a person.
fn is_stalled(decision: &Decision) -> bool {
    condition::is_true(&decision.status.conditions, ConditionType::Stalled)
}

fn short(decision: &Decision) -> Vec<(String, String)> {
    let kinds = [ConditionType::Ready, ConditionType::Healthy, ConditionType::CredentialsValid];
    kinds.map(|kind| says(decision, kind)).into_iter().map(|(status, reason, _)| (status, reason)).collect()
}

fn pairs(expected: [(&str, &str); 3]) -> Vec<(String, String)> {
    expected.map(|(status, reason)| (status.to_owned(), reason.to_owned())).to_vec()
}

#[test]
fn an_account_with_its_keys_grants_before_its_service_was_asked() {
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let decision = decide(&first, at(100));
    assert_eq!(
        short(&decision),
        pairs([("True", "Available"), ("Unknown", "Progressing"), ("True", "Available")])
    );
    assert_eq!(decision.status.observed_generation, Some(3));
    assert_eq!((decision.status.grants.len(), decision.status.waiting), (1, Some(0)));
    assert_eq!(decision.status.quotas[0].reserved, Some(3));
    assert_eq!(decision.waited, [100]);
    assert!(decision.events.is_empty());
}

#[test]
fn another_reconcile_of_what_was_written_changes_nothing() {
    let claims = (0..80).map(|n| asks(demand(&format!("j{n}"), 1))).collect();
    let first = observed(account(json!({"spend": {"limit": "100", "period": "30d"}})), claims);
    let first = Observed { health: Health::Found(fine(50, 20)), ..first };
    let decision = decide(&first, at(100));
    assert_eq!(decision.status.grants.len(), 25);
    assert_eq!((decision.status.waiters.len(), decision.status.waiting), (50, Some(55)));
    let second = written(&first, &decision);
    for (moment, checked) in [(100, fine(50, 20)), (1_000, fine(950, 33))] {
        let second = Observed { health: Health::Found(checked), ..second.clone() };
        let again = decide(&second, at(moment));
        assert_eq!(Some(&again.status), second.account.status.as_ref());
        assert!(again.events.is_empty() && again.waited.is_empty());
    }
}

#[test]
fn a_new_operator_that_has_asked_nobody_yet_writes_nothing() {
    let down = Checked { finding: Finding::Down("no answer".into()), ..fine(50, 9) };
    for checked in [fine(50, 9), down] {
        let first = Observed { health: Health::Found(checked), ..observed(account(json!({})), Vec::new()) };
        let decision = decide(&first, at(100));
        let restarted = Observed { health: Health::Unasked, ..written(&first, &decision) };
        assert_eq!(Some(decide(&restarted, at(500)).status), restarted.account.status);
    }
}

#[test]
fn who_was_just_seen_to_ask_no_more_is_granted_nothing_on_what_the_cache_still_shows() {
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let decision = decide(&first, at(100));
    let mut second = written(&first, &decision);
    second.holders.holder_states = vec![(decision.status.grants[0].clone(), HolderState::Withdrawn)];
    let freed = decide(&second, at(101));
    assert_eq!((freed.status.grants.len(), freed.status.quotas[0].reserved), (0, Some(0)));
}

#[test]
fn one_more_or_less_behind_a_full_list_is_no_reason_to_write() {
    let claims = |count: usize| (0..count).map(|n| asks(demand(&format!("j{n:03}"), 1))).collect();
    let first = observed(account(json!({})), claims(100));
    let decision = decide(&first, at(100));
    let waiting = |count: usize| {
        let mut next = written(&first, &decision);
        next.holders.claims = claims(count);
        decide(&next, at(101)).status.waiting
    };
    assert_eq!(waiting(100), Some(75));
    assert_eq!(waiting(101), Some(75));
    assert_eq!(waiting(90), Some(65));
    assert_eq!(waiting(60), Some(35));
}

#[test]
fn what_is_settled_is_recorded_and_what_is_free_is_granted_in_one_write() {
    let first = observed(account(json!({"maxConcurrent": 1})), vec![asks(demand("a", 3))]);
    let decision = decide(&first, at(100));
    let grant = decision.status.grants[0].clone();
    let mut second = written(&first, &decision);
    let settlement = Settlement { blocked_until: Some(at(900)), ..Settlement::default() };
    let claim = Claim { demand: demand("a", 3), state: ClaimState::Settled(settlement) };
    second.holders.claims = vec![claim.clone(), asks(demand("b", 1))];
    let waiting = decide(&second, at(200));
    assert_eq!((waiting.status.grants.len(), waiting.status.waiting, waiting.wake_at), (1, Some(1), None));
    second.holders.holder_states = vec![(grant, HolderState::Settled(Box::new(claim)))];
    let closed_grants = decide(&second, at(200));
    assert_eq!(
        (closed_grants.status.grants.len(), closed_grants.closed_grants.refused(), closed_grants.wake_at),
        (0, 1, Some(at(890)))
    );
    let third = decide(&written(&second, &closed_grants), at(890));
    assert_eq!(third.status.grants[0].holder, holder("b", 1));
    assert_eq!(third.waited, [900]);
}

#[test]
fn without_a_secret_nothing_is_granted_and_the_condition_says_what_to_do() {
    let message = "Secret \"grok\" does not exist: create it with apiKey".to_owned();
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let missing = Observed { credentials: Credentials::Missing(message.clone()), ..first };
    let decision = decide(&missing, at(100));
    assert_eq!((decision.status.grants.len(), decision.status.waiting, decision.wake_at), (0, Some(1), None));
    let invalid = ("False", "CredentialsInvalid");
    assert_eq!(short(&decision), pairs([invalid, ("Unknown", "Progressing"), invalid]));
    assert_eq!(says(&decision, ConditionType::Ready).2, message);
    assert_eq!(says(&decision, ConditionType::Stalled).2, message);
    let [event] = decision.events.as_slice() else { panic!("{:?}", decision.events) };
    assert!(event.warning && event.note == message);
    let there = Observed { credentials: Credentials::Here, ..written(&missing, &decision) };
    let there = Observed { health: Health::Changed, ..there };
    let fixed = decide(&there, at(200));
    assert_eq!((fixed.status.grants.len(), is_stalled(&fixed)), (1, false));
}

#[test]
fn credentials_that_are_refused_are_named_and_forgiven_when_they_change() {
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let refused = Checked { finding: Finding::Refused("xAI does not accept the key".into()), ..fine(50, 9) };
    let refused = Observed { health: Health::Found(refused), ..first };
    let decision = decide(&refused, at(100));
    let invalid = ("False", "CredentialsInvalid");
    assert_eq!(short(&decision), pairs([invalid, ("True", "Available"), invalid]));
    assert!(is_stalled(&decision));
    assert_eq!(decision.status.grants.len(), 1, "the attempt says in its job what is wrong");
    let restarted = Observed { health: Health::Unasked, ..written(&refused, &decision) };
    let again = decide(&restarted, at(150));
    assert_eq!(Some(&again.status), restarted.account.status.as_ref(), "a new operator does not know better");
    let fixed = Observed { health: Health::Changed, ..written(&refused, &decision) };
    let fixed = decide(&fixed, at(200));
    assert_eq!(short(&fixed)[0], ("True".to_owned(), "Available".to_owned()));
    assert!(!is_stalled(&fixed));
    assert!(fixed.events.iter().any(|event| !event.warning && event.action == "CredentialsValid"));
}

#[test]
fn a_service_that_is_down_is_named_and_holds_nobody_back() {
    let down = Checked { finding: Finding::Down("no answer".into()), ..fine(50, 30_000) };
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let decision = decide(&Observed { health: Health::Found(down), ..first }, at(100));
    assert_eq!(
        short(&decision),
        pairs([("True", "Available"), ("False", "ProviderUnavailable"), ("True", "Available")])
    );
    assert_eq!((decision.status.grants.len(), is_stalled(&decision)), (1, false));
    let health = decision.status.health.unwrap();
    assert_eq!((health.healthy, health.message.as_deref()), (Some(false), Some("no answer")));
}

#[test]
fn of_two_accounts_with_one_key_the_younger_grants_nothing_and_names_the_older() {
    let first = observed(account(json!({})), vec![asks(demand("a", 3))]);
    let duplicate = Observed { duplicate: Some("grok-old".into()), ..first };
    let decision = decide(&duplicate, at(100));
    assert!(decision.status.grants.is_empty());
    let (status, reason, message) = says(&decision, ConditionType::Ready);
    assert_eq!((status.as_str(), reason.as_str()), ("False", "DuplicateAccount"));
    assert!(is_stalled(&decision));
    assert!(message.contains("\"grok-old\" is older and has the same key"), "{message}");
    assert_eq!(decision.events.len(), 1);
    assert!(decide(&written(&duplicate, &decision), at(200)).events.is_empty(), "reported once");
}

#[test]
fn the_end_of_the_credentials_is_warned_of_from_fourteen_days_before() {
    let first = observed(account(json!({"credentialsExpireAt": "2026-02-01T00:00:00Z"})), Vec::new());
    let day = 86_400;
    let early = decide(&first, at(16 * day));
    assert_eq!(early.wake_at, Some(at(17 * day)), "14 days before");
    assert!(early.events.is_empty());
    let due = decide(&first, at(17 * day));
    let message = "the credentials end at 2026-02-01T00:00:00Z: put new ones into Secret \"grok\" and \
                   update credentialsExpireAt";
    assert_eq!(
        says(&due, ConditionType::CredentialsValid),
        ("True".into(), "CredentialsExpiring".into(), message.into())
    );
    assert!(says(&due, ConditionType::Ready).2.contains(message));
    assert_eq!(
        due.events.iter().map(|event| event.reason.to_string()).collect::<Vec<_>>(),
        ["CredentialsExpiring"]
    );
    let later = decide(&written(&first, &due), at(20 * day));
    assert!(later.events.is_empty() && later.wake_at.is_none());
    let over = decide(&written(&first, &due), at(40 * day));
    assert!(says(&over, ConditionType::CredentialsValid).2.contains("ended at"));
}

#[test]
fn a_finding_is_written_when_it_says_something_new_and_else_once_an_hour() {
    let first = Observed { health: Health::Found(fine(0, 20)), ..observed(account(json!({})), Vec::new()) };
    let decision = decide(&first, at(0));
    let second = written(&first, &decision);
    let latency = |checked: Checked| {
        let next = Observed { health: Health::Found(checked), ..second.clone() };
        decide(&next, at(0)).status.health.unwrap().latency_milliseconds
    };
    assert_eq!(latency(fine(3_599, 99)), Some(20));
    assert_eq!(latency(fine(3_600, 99)), Some(99));
    assert_eq!(latency(Checked { finding: Finding::Down("x".into()), ..fine(300, 77) }), Some(77));
}

#[test]
fn who_waits_for_what_it_can_never_get_is_informed_once() {
    let dear = Demand { price_each: videofactory_crds::Money::from_micros(2_000_000), ..demand("dear", 1) };
    let first = observed(account(json!({"spend": {"limit": "1", "period": "30d"}})), vec![asks(dear)]);
    let decision = decide(&first, at(0));
    assert_eq!((decision.status.waiting, decision.wake_at), (Some(1), None));
    let [event] = decision.events.as_slice() else { panic!("{:?}", decision.events) };
    assert!(
        event
            .note
            .starts_with("animate-scenes of VideoJob dear waits for ever: one submission costs about $2.00")
    );
    assert!(decide(&written(&first, &decision), at(1)).events.is_empty());
}
