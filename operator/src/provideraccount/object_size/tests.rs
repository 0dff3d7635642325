use serde_json::{Value, json};
use videofactory_crds::ProviderAccount;
use videofactory_crds::bounds::{MAX_STATUS_BYTES, status_schema, violations};
use videofactory_crds::provideraccount::{LastTurn, Waiter};

use super::super::decide::{Decision, decide};
use super::super::demand::{Claim, ClaimState, Demand, HolderState, Settlement};
use super::super::model::Observed;
use super::super::open_grants::MAX_GRANTS;
use super::super::testing::{at, demand, observed, with};
use super::*;

/// The longest name of a job, and of a channel.
const NAME: usize = 52;
const CHANNEL: usize = 63;

fn account(more: Value) -> ProviderAccount {
    let spec = with(json!({"provider": "XAI", "secretRef": {"name": "grok"}}), more);
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
        "metadata": {"name": "grok", "namespace": "films", "uid": "a1", "generation": 3},
        "spec": spec, "status": {"observedGeneration": 3},
    }))
    .unwrap()
}

/// As many quotas as a spec may have, with the longest names.
fn quotas(window: &str, limit: i64) -> Value {
    let quota = |number: usize| {
        let name = format!("q{number:02}-{}", "x".repeat(28));
        json!({"name": name, "limit": limit, "period": "2h", "window": window, "unit": "Requests"})
    };
    json!({
        "quotas": (0..20).map(quota).collect::<Vec<Value>>(), "spend": {"limit": "1000000", "period": "30d"},
        "prices": {"videoSecond": "0.1"},
    })
}

fn asks(number: usize, submissions: i64) -> Claim {
    let name = format!("j{number:06}{}", "x".repeat(NAME - 7));
    let mut demand = Demand {
        channel: Some(format!("c{number:06}{}", "x".repeat(CHANNEL - 7))),
        model: format!("m{number:06}{}", "x".repeat(193)),
        price_each: videofactory_crds::Money::from_micros(1_234_567),
        ..demand(&name, submissions)
    };
    demand.holder.uid = format!("{number:036}");
    Claim { demand, state: ClaimState::Asks }
}

fn size(decision: &Decision) -> usize {
    let value = serde_json::to_value(&decision.status).unwrap();
    let schema = status_schema("ProviderAccount").unwrap();
    assert_eq!(violations(&value, schema), Vec::<String>::new());
    value.to_string().len()
}

/// What is observed once the decision is written.
fn written(before: &Observed, decision: &Decision) -> Observed {
    let mut next = before.clone();
    let wire = serde_json::to_string(&decision.status).unwrap();
    next.account.status = Some(serde_json::from_str(&wire).unwrap());
    next
}

/// The attempt of a grant has made all its submissions, at so many times, and says so.
fn settled(grant: &Grant, claim: &Claim, moment: i64) -> (Grant, HolderState) {
    let spent = (0..20).map(|n| json!({"at": at(moment + n).to_string(), "submissions": 1, "cost": "1.5"}));
    let spent = serde_json::from_value(spent.collect()).unwrap();
    let state = ClaimState::Settled(Settlement { spent, ..Settlement::default() });
    (grant.clone(), HolderState::Settled(Box::new(Claim { demand: claim.demand.clone(), state })))
}

#[test]
fn seven_thousand_jobs_of_an_account_without_limits_fit_into_its_object() {
    let claims: Vec<Claim> = (0..7_000).map(|number| asks(number, 20)).collect();
    let first = observed(account(json!({})), claims);
    let decision = decide(&first, at(100));
    let granted = i64::try_from(decision.status.grants.len()).unwrap();
    println!("{granted} of 7000 are granted something; {} bytes", size(&decision));
    assert!((200..=MAX_GRANTS).contains(&granted), "{granted}");
    assert!(size(&decision) < MAX_STATUS_BYTES);
    let again = decide(&written(&first, &decision), at(101));
    // A grant's id is shorter than the room that is kept for it: there may be room for a few more.
    assert!(
        size(&again) < MAX_STATUS_BYTES && again.status.waiting > Some(6_000),
        "{:?}",
        again.status.waiting
    );
    let short: Vec<Claim> =
        (0..7_000).map(|n| Claim { demand: demand(&format!("j{n}"), 1), state: ClaimState::Asks }).collect();
    let granted = decide(&observed(account(json!({})), short), at(100)).status.grants.len();
    assert!((300..=500).contains(&granted), "{granted}");
}

#[test]
fn an_account_that_is_full_in_every_part_fits_into_its_object_and_continues() {
    for (window, limit) in
        [("Anchored", 60), ("Rolling", 60), ("Rolling", 1_000_000_000), ("Anchored", 1_000_000_000)]
    {
        let claims: Vec<Claim> = (0..900).map(|number| asks(number, 20)).collect();
        let mut harness = observed(account(quotas(window, limit)), claims.clone());
        let turns = |number: usize| LastTurn {
            channel: Some(format!("d{number:06}{}", "x".repeat(CHANNEL - 7))),
            step: claims[0].demand.holder.step,
            model: Some("y".repeat(200)),
            priority: Some(-1_000),
            at: videofactory_crds::condition::whole_seconds(at(0)),
        };
        let waiter = Waiter { name: "z".repeat(NAME), ..Waiter::default() };
        let status = harness.account.status.get_or_insert_default();
        status.turns = (0..500).map(turns).collect();
        status.waiters = vec![waiter; 500];
        let (mut largest, mut closed) = (0, 0);
        for round in 0..12 {
            let moment = 100 + round * 150;
            let decision = decide(&harness, at(moment));
            largest = largest.max(size(&decision));
            assert!(size(&decision) < MAX_STATUS_BYTES, "{window} {limit}: {} bytes", size(&decision));
            harness = written(&harness, &decision);
            closed += decision.closed_grants.closed;
            let grants = harness.account.status.clone().unwrap_or_default().grants;
            let claim = |grant: &Grant| {
                claims.iter().find(|claim| claim.demand.holder.uid == grant.holder.uid).unwrap()
            };
            harness.holders.holder_states =
                grants.iter().map(|grant| settled(grant, claim(grant), moment + 5)).collect();
            let done = |claim: &Claim| grants.iter().any(|grant| grant.holder.uid == claim.demand.holder.uid);
            harness.holders.claims.retain(|claim| !done(claim));
        }
        println!("{window}, {limit} units: {largest} bytes at most, {closed} grants closed");
        assert!(closed > 0, "{window} {limit}");
    }
}

#[test]
fn what_was_spent_is_all_kept_however_coarsely() {
    let mut harness = observed(account(quotas("Rolling", 60)), Vec::new());
    let entry = |n: usize| json!({"at": at(i64::try_from(n).unwrap() * 3).to_string(), "units": 1, "channel": format!("c{n}")});
    let status = harness.account.status.get_or_insert_default();
    status.quotas = serde_json::from_value(json!([
        {"name": harness.account.spec.quotas.as_ref().unwrap()[0].name, "spent": (0..2_000).map(entry).collect::<Vec<_>>()},
    ]))
    .unwrap();
    let decision = decide(&harness, at(6_000));
    let quota = &decision.status.quotas[0];
    assert_eq!(quota.used, Some(2_000));
    assert!(quota.spent.len() <= 40, "{}", quota.spent.len());
    assert!(quota.next_unit_at.as_ref().unwrap().0 >= at(7_200), "never earlier than its own time");
}

/// Hundreds of grants are open when twenty quotas are added: there is no room to say in each that it counts in all.
#[test]
fn quotas_that_are_added_while_many_grants_are_open_count_them_all() {
    let claims: Vec<Claim> = (0..3_000).map(|number| asks(number, 20)).collect();
    let first = observed(account(json!({})), claims.clone());
    let decision = decide(&first, at(100));
    let open = decision.status.grants.len();
    let mut harness = written(&first, &decision);
    harness.account.spec = account(quotas("Rolling", 1_000_000)).spec;
    let edited = decide(&harness, at(101));
    let submissions: i64 = edited.status.grants.iter().filter_map(|grant| grant.submissions).sum();
    assert_eq!(edited.status.grants.len(), open, "nothing is granted while there is no room");
    assert!(
        edited.status.quotas.iter().all(|quota| quota.reserved == Some(submissions)),
        "{:?}",
        edited.status.quotas[19]
    );
    assert!(edited.status.quotas.iter().any(|quota| quota.counts_all_grants == Some(true)));
    assert!(size(&edited) < MAX_STATUS_BYTES, "{}", size(&edited));
    let mut next = written(&harness, &edited);
    assert_eq!(decide(&next, at(102)).status, edited.status, "another look changes nothing");

    // All of them end; then the next are granted, and each says what it takes.
    let grants = edited.status.grants.clone();
    let claim =
        |grant: &Grant| claims.iter().find(|claim| claim.demand.holder.uid == grant.holder.uid).unwrap();
    next.holders.holder_states = grants.iter().map(|grant| settled(grant, claim(grant), 110)).collect();
    next.holders
        .claims
        .retain(|claim| !grants.iter().any(|grant| grant.holder.uid == claim.demand.holder.uid));
    let ended = decide(&next, at(140));
    assert_eq!(ended.closed_grants.closed, open);
    assert!(
        !ended.status.grants.is_empty() && ended.status.grants.iter().all(|grant| grant.units.len() == 20)
    );
    assert!(ended.status.quotas.iter().all(|quota| quota.counts_all_grants.is_none()));
    let spent = i64::try_from(open * 20).unwrap();
    assert!(
        ended.status.quotas.iter().all(|quota| quota.used == Some(spent)),
        "{:?}",
        ended.status.quotas[0].used
    );
}
