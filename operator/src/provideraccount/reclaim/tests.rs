use kube::ResourceExt;
use serde_json::{Value, json};
use videofactory_crds::VideoJob;

use super::super::testing::offline::reconcile;
use super::super::testing::{at, second, with};
use super::*;

fn account(status: Value) -> ProviderAccount {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
        "metadata": {"name": "grok", "namespace": "films", "uid": "a1", "generation": 1},
        "spec": {"provider": "XAI", "secretRef": {"name": "grok"}, "maxConcurrent": 1},
        "status": with(json!({"observedGeneration": 1}), status),
    }))
    .unwrap()
}

fn job(name: &str, attempt: i32, more: Value) -> VideoJob {
    let demand = json!({
        "account": "grok", "attempt": attempt, "submissions": 3, "since": "2026-01-01T00:00:00Z",
    });
    let status = json!({"run": 1, "phase": "Waiting", "steps": [
        {"name": "animate-scenes", "state": "Waiting", "attempt": attempt, "demands": [with(demand, more)]},
    ]});
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": name, "namespace": "films", "uid": format!("u-{name}"),
                     "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"topic": "x"}, "status": status,
    }))
    .unwrap()
}

/// One look, with caches that show what there is; when the next is due.
fn reconcile_once(account: &mut ProviderAccount, jobs: &[&VideoJob], second: i64) -> Option<i64> {
    reconcile_with(account, jobs, jobs, second)
}

fn reconcile_with(
    account: &mut ProviderAccount,
    cached: &[&VideoJob],
    live: &[&VideoJob],
    moment: i64,
) -> Option<i64> {
    let decision = reconcile(account, cached, live, at(moment));
    account.status = Some(decision.status);
    decision.wake_at.map(second)
}

fn holders(account: &ProviderAccount) -> Vec<(String, Option<GrantState>)> {
    let grants = &account.status.as_ref().unwrap().grants;
    grants.iter().map(|grant| (grant.holder.uid.clone(), grant.state)).collect()
}

fn mine(name: &str, state: Option<GrantState>) -> Vec<(String, Option<GrantState>)> {
    vec![(format!("u-{name}"), state)]
}

fn begun(account: &ProviderAccount) -> Value {
    json!({"granted": 3, "grant": account.status.as_ref().unwrap().grants[0].id})
}

#[test]
fn every_grant_has_a_name_of_its_own_and_says_when_it_was_given() {
    let mut grok = account(json!({}));
    reconcile_once(&mut grok, &[&job("a", 1, json!({}))], 10);
    let first = grok.status.as_ref().unwrap().grants[0].clone();
    assert_eq!(first.given_at.map(|at| second(at.0)), Some(10));
    reconcile_once(&mut grok, &[&job("a", 2, json!({})), &job("b", 1, json!({}))], 20);
    let next = grok.status.as_ref().unwrap().grants[0].clone();
    assert!(first.id.as_ref().is_some_and(|id| id.starts_with("a1-")) && first.id != next.id);
    assert_eq!(grok.status.as_ref().unwrap().grants.len(), 1);
}

#[test]
fn a_job_that_has_failed_is_held_or_goes_leaves_its_grant_to_the_next_at_once() {
    for how in ["Failed", "hold", "suspend", "deleting"] {
        let mut grok = account(json!({}));
        let (mut first, next) = (job("a", 1, json!({})), job("b", 1, json!({})));
        reconcile_once(&mut grok, &[&first, &next], 0);
        assert_eq!(holders(&grok), mine("a", None));
        match how {
            "Failed" => first.status.as_mut().unwrap().phase = Some(videofactory_crds::Phase::Failed),
            "suspend" => first.spec.suspend = true,
            "hold" => {
                first.annotations_mut().insert(videofactory_crds::requests::HOLD.into(), "x".into());
            }
            _ => {
                first.metadata.deletion_timestamp =
                    serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
            }
        }
        assert_eq!(
            reconcile_once(&mut grok, &[&first, &next], 1),
            Some(1),
            "what is marked is looked at: {how}"
        );
        assert_eq!(holders(&grok), mine("a", Some(GrantState::Closing)), "{how}");
        reconcile_once(&mut grok, &[&first, &next], 2);
        assert_eq!(holders(&grok), mine("b", None), "{how}");
        assert!(grok.status.as_ref().unwrap().expired.is_empty(), "{how}");
    }
}

#[test]
fn who_does_not_begin_in_time_loses_the_grant_and_gets_none_before_it_asks_again() {
    let mut grok = account(json!({}));
    let (first, next) = (job("a", 1, json!({})), job("b", 1, json!({})));
    reconcile_once(&mut grok, &[&first], 0);
    assert_eq!(reconcile_once(&mut grok, &[&first, &next], 1), Some(BEGIN_WITHIN));
    assert_eq!(holders(&grok), mine("a", None));
    reconcile_once(&mut grok, &[&first, &next], BEGIN_WITHIN);
    assert_eq!(holders(&grok), mine("a", Some(GrantState::Closing)));
    reconcile_once(&mut grok, &[&first, &next], BEGIN_WITHIN + 1);
    assert_eq!(holders(&grok), mine("b", None));
    reconcile_once(&mut grok, &[&first], BEGIN_WITHIN + 2);
    assert_eq!(holders(&grok), [], "the first one is granted nothing again");
    let (status, claim) = (grok.status.clone().unwrap(), claims_of(&first));
    assert!(has_expired(&status, &claim));
    reconcile_once(&mut grok, &[&job("a", 2, json!({}))], BEGIN_WITHIN + 3);
    assert_eq!(holders(&grok), mine("a", None), "the next attempt is");
    assert!(grok.status.as_ref().unwrap().expired.is_empty());
}

fn claims_of(job: &VideoJob) -> Holder {
    super::super::demand::claims(job, "grok")[0].demand.holder.clone()
}

#[test]
fn one_that_was_begun_with_never_ends_by_time() {
    let mut grok = account(json!({}));
    reconcile_once(&mut grok, &[&job("a", 1, json!({}))], 0);
    let begun = job("a", 1, begun(&grok));
    for moment in [1, BEGIN_WITHIN, 100 * BEGIN_WITHIN] {
        reconcile_once(&mut grok, &[&begun], moment);
        assert_eq!(holders(&grok), mine("a", None));
    }
}

#[test]
fn a_closing_that_finds_its_holder_begun_is_taken_back_for_good() {
    let mut grok = account(json!({}));
    let asks = job("a", 1, json!({}));
    reconcile_once(&mut grok, &[&asks], 0);
    let begun = job("a", 1, begun(&grok));
    // The cache is behind: it still shows that the holder has not begun.
    reconcile_with(&mut grok, &[&asks], &[&begun], BEGIN_WITHIN);
    assert_eq!(holders(&grok), mine("a", Some(GrantState::Closing)));
    for moment in 1..4 {
        reconcile_with(&mut grok, &[&asks], &[&begun], BEGIN_WITHIN + moment);
        assert_eq!(holders(&grok), mine("a", Some(GrantState::Begun)), "no mark follows on a mark");
    }
}

#[test]
fn what_was_closed_is_not_taken_up_again() {
    let mut grok = account(json!({}));
    let asks = job("a", 1, json!({}));
    reconcile_once(&mut grok, &[&asks], 0);
    let late = job("a", 1, begun(&grok));
    reconcile_once(&mut grok, &[&asks], BEGIN_WITHIN);
    reconcile_once(&mut grok, &[&asks], BEGIN_WITHIN + 1);
    assert_eq!(holders(&grok), []);
    reconcile_once(&mut grok, &[&late], BEGIN_WITHIN + 2);
    assert_eq!(holders(&grok), [], "it began after the account had looked");
    let status = grok.status.clone().unwrap();
    let id = late.status.as_ref().unwrap().steps[0].demands[0].grant.clone();
    assert_eq!(check_grant("a1", &status, &claims_of(&late), id.as_deref()), GrantCheck::Closed);
    // An account that was made again has not closed it.
    let mut remade = account(json!({"observedGeneration": -1}));
    remade.metadata.uid = Some("a2".into());
    reconcile_once(&mut remade, &[&late], BEGIN_WITHIN + 3);
    assert_eq!(holders(&remade), mine("a", None));
    assert!(matches!(
        check_grant("a2", remade.status.as_ref().unwrap(), &claims_of(&late), id.as_deref()),
        GrantCheck::Open(_)
    ));
}

#[test]
fn what_was_spent_is_recorded_once_though_a_late_cache_has_it_granted_twice() {
    let mut grok = account(json!({}));
    grok.spec.quotas = serde_json::from_value(json!([{"name": "all", "limit": 9, "period": "1d"}])).unwrap();
    let asks = job("a", 1, json!({}));
    reconcile_once(&mut grok, &[&asks], 0);
    let spent = json!([{"at": "2026-01-01T00:00:01Z", "submissions": 3}]);
    let settled = job("a", 1, with(begun(&grok), json!({"settled": true, "spent": spent})));
    reconcile_once(&mut grok, &[&settled], 1);
    for (moment, cached) in [(2, &asks), (3, &settled), (4, &settled)] {
        reconcile_with(&mut grok, &[cached], &[&settled], moment);
        assert_eq!(grok.status.as_ref().unwrap().quotas[0].used, Some(3));
    }
    assert_eq!(holders(&grok), []);
}

#[test]
fn only_so_many_are_remembered_to_have_been_late() {
    let mut ledger = Ledger::read(&account(json!({})).spec, &ProviderAccountStatus::default(), at(0));
    let jobs: Vec<VideoJob> = (0..MAX_EXPIRED + 20).map(|n| job(&format!("j{n}"), 1, json!({}))).collect();
    ledger.expired = jobs.iter().map(claims_of).collect();
    let claims: Vec<Claim> = jobs.iter().flat_map(|job| super::super::demand::claims(job, "grok")).collect();
    ledger.forget_expired(&claims);
    assert_eq!(ledger.expired.len(), MAX_EXPIRED);
    ledger.forget_expired(&claims[..10]);
    assert!(ledger.expired.is_empty(), "who asks no more is forgotten");
}
