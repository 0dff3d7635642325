use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use videofactory_crds::ProviderAccountSpec;
use videofactory_crds::provideraccount::{ProviderAccountStatus, QuotaStatus};

use super::super::testing::{at, demand, reconcile_once, second, spec, with};
use super::*;

fn account(more: Value) -> ProviderAccountSpec {
    let quotas = json!([
        {"name": "clips", "limit": 10, "period": "2h", "window": "Rolling", "unit": "Requests",
         "operations": ["animate"]},
        {"name": "gpu", "limit": 100, "period": "1d", "window": "Rolling", "unit": "Seconds", "models": ["m"]},
        {"name": "pictures", "limit": 10, "period": "2h", "window": "Rolling", "unit": "Requests",
         "operations": ["draw"]},
    ]);
    spec(with(json!({"quotas": quotas, "spend": {"limit": "100", "period": "30d"}}), more))
}

fn asked() -> Demand {
    Demand { price_each: Money::from_micros(500_000), channel: Some("sea".into()), ..demand("a", 4) }
}

fn spent(moment: i64, submissions: i64, seconds: Option<i64>, cost: Option<i64>) -> SpentUnits {
    SpentUnits { at: Time(at(moment)), submissions, seconds, cost: cost.map(Money::from_micros) }
}

fn settled(settlement: Settlement) -> HolderState {
    HolderState::Settled(Box::new(Claim { demand: asked(), state: ClaimState::Settled(settlement) }))
}

/// The status after a grant at second 0 and its end at second 100.
fn after(spec: &ProviderAccountSpec, holder_state: HolderState) -> ProviderAccountStatus {
    let mut status = ProviderAccountStatus::default();
    let batch = reconcile_once(spec, &mut status, &[], &[asked()], at(0));
    assert_eq!(batch.grants.len(), 1);
    let grant = batch.grants[0].clone();
    reconcile_once(spec, &mut status, &[(grant, holder_state)], &[], at(100));
    status
}

fn quota<'a>(status: &'a ProviderAccountStatus, name: &str) -> &'a QuotaStatus {
    status.quotas.iter().find(|quota| quota.name == name).unwrap()
}

/// Seconds, units and channels of a quota's entries in the ledger.
fn entries(status: &ProviderAccountStatus, name: &str) -> Vec<(i64, i64, Option<String>)> {
    quota(status, name)
        .spent
        .iter()
        .map(|spent| (second(spent.at.0), spent.units, spent.channel.clone()))
        .collect()
}

fn blocked(status: &ProviderAccountStatus, name: &str) -> Option<i64> {
    quota(status, name).blocked_until.as_ref().map(|until| second(until.0))
}

#[test]
fn what_was_spent_goes_into_each_quota_that_counts_it_and_the_rest_is_free() {
    let reported = vec![spent(40, 2, Some(17), None), spent(50, 1, None, Some(30_000))];
    let status = after(&account(json!({})), settled(Settlement { spent: reported, ..Settlement::default() }));
    let sea = Some("sea".to_owned());
    assert!(status.grants.is_empty());
    assert_eq!(entries(&status, "clips"), [(40, 2, sea.clone()), (50, 1, sea.clone())]);
    // 17 seconds were reported, and ten expected of the other; all in one bucket, at the later time.
    assert_eq!(entries(&status, "gpu"), [(50, 27, sea)]);
    assert_eq!(entries(&status, "pictures"), []);
    let clips = quota(&status, "clips");
    assert_eq!((clips.used, clips.reserved, &clips.next_unit_at), (Some(3), Some(0), &None));
    let spend = status.spend.unwrap();
    assert_eq!(spend.used.unwrap().to_string(), "1.03", "two as expected, one as it cost");
    assert_eq!(spend.reserved, Some(Money::ZERO));
}

#[test]
fn of_a_holder_that_is_gone_all_counts_as_spent_now() {
    let status = after(&account(json!({})), HolderState::Gone);
    assert!(status.grants.is_empty());
    assert_eq!(entries(&status, "clips"), [(101, 4, Some("sea".to_owned()))]);
    assert_eq!(entries(&status, "gpu"), [(101, 40, Some("sea".to_owned()))]);
    assert_eq!(status.spend.unwrap().used.unwrap().to_string(), "2.00");
}

#[test]
fn what_was_withdrawn_is_free_and_what_is_held_stays() {
    let status = after(&account(json!({})), HolderState::Withdrawn);
    assert!(status.grants.is_empty() && quota(&status, "clips").spent.is_empty());
    let status = after(&account(json!({})), HolderState::Holds);
    assert_eq!(status.grants.len(), 1);
    assert_eq!(quota(&status, "clips").reserved, Some(4));
    assert_eq!(quota(&status, "clips").next_unit_at, None, "there are free ones");
}

#[test]
fn a_refusal_blocks_each_quota_that_counts_until_the_time_that_the_service_names() {
    let refusal = |until| Settlement { blocked_until: Some(at(until)), refusals: 3, ..Settlement::default() };
    let status = after(&account(json!({})), settled(refusal(5_000)));
    assert_eq!((blocked(&status, "clips"), blocked(&status, "gpu")), (Some(5_000), Some(5_000)));
    assert_eq!(blocked(&status, "pictures"), None);
    assert!(quota(&status, "clips").next_unit_at.is_none(), "by our own ledger there are some");
}

#[test]
fn a_recorded_refusal_is_never_shortened() {
    let spec = account(json!({}));
    for (then, guessed) in [(Some(at(3_000)), 0), (None, 2)] {
        let mut status =
            after(&spec, settled(Settlement { blocked_until: Some(at(5_000)), ..Settlement::default() }));
        let mut ledger = Ledger::read(&spec, &status, at(100));
        ledger.grants = vec![Grant { holder: asked().holder, ..Grant::default() }];
        let settlement = Settlement { blocked_until: then, refusals: guessed, ..Settlement::default() };
        let holder_states = [(ledger.grants[0].clone(), settled(settlement))];
        ledger.close_grants(&holder_states, at(100));
        status.quotas = ledger.quota_status(at(100));
        assert_eq!(blocked(&status, "clips"), Some(5_000));
    }
}

#[test]
fn without_a_time_the_service_is_left_alone_longer_and_longer_but_no_longer_than_a_period() {
    let guess = |refusals| {
        let status = after(&account(json!({})), settled(Settlement { refusals, ..Settlement::default() }));
        blocked(&status, "clips").unwrap() - 100
    };
    assert_eq!([1, 2, 3, 8, 9, 40, u32::MAX].map(guess), [30, 60, 120, 3_840, 7_200, 7_200, 7_200]);
}

#[test]
fn a_refusal_of_what_no_quota_counts_is_kept_apart() {
    let spec = account(json!({"quotas": [
        {"name": "service", "limit": 10, "period": "2h", "window": "Rolling", "unit": "Requests",
         "operations": ["draw"]},
    ]}));
    let status =
        after(&spec, settled(Settlement { blocked_until: Some(at(9_000)), ..Settlement::default() }));
    let names: Vec<&str> = status.quotas.iter().map(|quota| quota.name.as_str()).collect();
    assert_eq!(names, ["service", "service-itself"]);
    let unnamed = quota(&status, "service-itself");
    assert_eq!((unnamed.limit, blocked(&status, "service-itself")), (None, Some(9_000)));
    // It is read back, and gone once it is over.
    let ledger = Ledger::read(&spec, &status, at(8_999));
    assert_eq!(ledger.refused_until, Some(at(9_000)));
    assert_eq!(Ledger::read(&spec, &status, at(9_000)).quota_status(at(9_000)).len(), 1);
}

#[test]
fn a_quota_that_is_added_counts_what_is_already_granted() {
    let before = account(json!({"quotas": []}));
    let mut status = ProviderAccountStatus::default();
    reconcile_once(&before, &mut status, &[], &[asked()], at(0));
    let ledger = Ledger::read(&account(json!({})), &status, at(1));
    let held =
        |name: &str| ledger.quotas.iter().find(|tally| tally.quota.name == name).unwrap().window.held();
    assert_eq!((held("clips"), held("pictures")), (4, 0));
    status.grants = ledger.grants;
    let again = Ledger::read(&account(json!({})), &status, at(1));
    assert_eq!(again.quotas[0].window.held(), 4);
}

#[test]
fn a_young_ledger_takes_up_what_was_begun_with_an_older_one() {
    let spec = account(json!({}));
    let begun = Claim { demand: asked(), state: ClaimState::Begun { grant: None, submissions: 3 } };
    let mut ledger = Ledger::read(&spec, &ProviderAccountStatus::default(), at(0));
    ledger.adopt(&begun, at(0));
    ledger.adopt(&begun, at(0));
    assert_eq!(ledger.grants.len(), 1);
    assert_eq!(ledger.quotas[0].window.held(), 3);
    assert_eq!(ledger.grants[0].units, [("clips".to_owned(), 3), ("gpu".to_owned(), 30)].into());
    let reported = Settlement { spent: vec![spent(40, 1, Some(5), None)], ..Settlement::default() };
    let closed_grants = ledger.close_grants(&[(ledger.grants[0].clone(), settled(reported))], at(50));
    assert_eq!((closed_grants.closed, closed_grants.refused()), (1, 0));
    assert_eq!((ledger.grants.len(), ledger.quotas[0].window.used(at(50))), (0, 1));
}

#[test]
fn a_young_ledger_records_what_was_spent_before_it_was_opened() {
    let reported = Settlement { spent: vec![spent(40, 2, None, None)], refusals: 3, ..Settlement::default() };
    let mut ledger = Ledger::read(&account(json!({})), &ProviderAccountStatus::default(), at(50));
    ledger.adopt(&Claim { demand: asked(), state: ClaimState::Settled(reported) }, at(50));
    assert!(ledger.grants.is_empty());
    let clips = &ledger.quotas[0].window;
    assert_eq!((clips.used(at(50)), clips.held(), clips.blocked_until), (2, 0, None));
}

#[test]
fn a_quota_that_is_gone_or_lowered_breaks_nothing() {
    let mut status = ProviderAccountStatus::default();
    reconcile_once(&account(json!({})), &mut status, &[], &[asked()], at(0));
    let lowered = account(json!({"quotas": [
        {"name": "clips", "limit": 1, "period": "2h", "window": "Rolling", "unit": "Requests",
         "operations": ["animate"]},
    ]}));
    let batch = reconcile_once(&lowered, &mut status, &[], &[demand("b", 1)], at(1));
    assert_eq!((batch.grants.len(), batch.next_wake), (0, None));
    let clips = quota(&status, "clips");
    assert_eq!((clips.limit, clips.reserved, &clips.next_unit_at), (Some(1), Some(4), &None));
    let far: Timestamp = at(10_000_000);
    assert_eq!(
        reconcile_once(&lowered, &mut status, &[], &[demand("b", 1)], far).grants.len(),
        0,
        "nothing expires by time"
    );
}

/// What a grant that was asked for at second 0 and opened then brings to light when it is closed.
fn closed(opened: i64, holder_state: HolderState) -> ClosedGrants {
    let spec = account(json!({}));
    let mut ledger = Ledger::read(&spec, &ProviderAccountStatus::default(), at(0));
    let mut grant = super::super::grant::grant(&ledger, &[asked()], at(opened)).grants.remove(0);
    grant.openings[0].at = Time(at(opened));
    ledger.grants = vec![grant.clone()];
    let closed_grants = ledger.close_grants(&[(grant.clone(), holder_state.clone())], at(opened + 200));
    let again = ledger.close_grants(&[(grant, holder_state)], at(opened + 300));
    assert_eq!(again, ClosedGrants::default(), "what was reported is reported once");
    closed_grants
}

#[test]
fn closing_a_grant_reports_what_was_asked_of_the_service_and_what_it_cost() {
    let reported = Settlement {
        spent: vec![spent(40, 2, None, Some(300_000)), spent(60, 1, None, None)],
        refusals: 1,
        ..Settlement::default()
    };
    let closed_grants = closed(0, settled(reported));
    let animate = |outcome, times| ((Operation::Animate, outcome), times);
    assert_eq!(
        closed_grants.requests,
        [animate(RequestOutcome::Taken, 3), animate(RequestOutcome::RateLimited, 1)].into()
    );
    assert_eq!(
        closed_grants.cost,
        Money::from_micros(800_000),
        "as the service said, or else as was expected"
    );
    let closed_grants = closed(0, HolderState::Gone);
    assert_eq!(closed_grants.requests, [animate(RequestOutcome::Unknown, 4)].into());
    assert_eq!(closed_grants.cost, Money::from_micros(2_000_000));
    assert_eq!(closed(0, HolderState::Withdrawn), ClosedGrants { closed: 1, ..ClosedGrants::default() });
}

#[test]
fn only_what_was_waited_for_shows_how_long_it_was_unused() {
    let reported = |moment: i64| {
        let spent = vec![spent(moment + 9, 1, None, None), spent(moment, 1, None, None)];
        settled(Settlement { spent, ..Settlement::default() })
    };
    assert_eq!(closed(7_200, reported(7_203)).lags, [3]);
    assert_eq!(closed(7_200, reported(7_199)).lags, [0], "clocks differ");
    assert_eq!(closed(2, reported(9)).lags, [0_i64; 0], "it was free when it was asked for");
    assert_eq!(closed(7_200, settled(Settlement::default())).lags, [0_i64; 0], "nothing was submitted");
}
