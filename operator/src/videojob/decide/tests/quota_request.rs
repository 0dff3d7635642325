//! Steps that an outside service is paid for: nothing is begun without a grant, and nothing spent is forgotten.

use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::videojob::Demand;
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::{ExitCode, RateLimit, SceneReport, Spent, StepOutcome};

use super::super::super::model::{Account, ExternalAccount};
use super::super::testing::Harness;

const STEP: StepName = StepName::AnimateScenes;

/// A film of three scenes that grok animates.
pub(super) fn film(more: &Value) -> Harness {
    let mut spec = json!({"topic": "the deep", "providers": {"animation": {"accountRef": {"name": "grok"}}}});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        spec[name] = value;
    }
    let mut harness = Harness::new(spec);
    harness
        .observed
        .accounts
        .insert("grok".to_owned(), account(&json!({"provider": "XAI", "secretRef": {"name": "k"}})));
    harness
}

pub(super) fn account(spec: &Value) -> Account {
    let account: ProviderAccount = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"}, "spec": spec,
        "status": {"observedGeneration": 1},
    }))
    .unwrap();
    Account::External(Box::new(ExternalAccount {
        uid: "a1".to_owned(),
        spec: account.spec,
        status: account.status.unwrap_or_default(),
        credentials: Some("1".to_owned()),
        allowed_host: String::new(),
        obstacle: None,
    }))
}

pub(super) fn grok(harness: &mut Harness) -> &mut ExternalAccount {
    match harness.observed.accounts.get_mut("grok") {
        Some(Account::External(account)) => account,
        other => panic!("{other:?}"),
    }
}

/// Everything before the animation is done.
pub(super) fn until_animation(harness: &mut Harness) {
    harness.converge();
    for step in [StepName::WriteScript, StepName::GenerateImages, StepName::NarrateScenes] {
        harness.end(step, ExitCode::Done);
        harness.converge();
    }
}

pub(super) fn demand(harness: &Harness) -> Demand {
    harness.step(STEP).demands.first().cloned().expect("nothing is asked for")
}

/// The account answers the demand as it stands.
pub(super) fn grant(harness: &mut Harness, submissions: i64) {
    let asked = demand(harness);
    let uid = harness.observed.job.metadata.uid.clone().unwrap();
    grok(harness).status.grants.push(
        serde_json::from_value::<Grant>(json!({
            "holder": {"uid": uid, "step": STEP, "attempt": asked.attempt}, "submissions": submissions,
        }))
        .unwrap(),
    );
}

/// The account names the step among the first who wait.
pub(super) fn name_as_first(harness: &mut Harness) {
    let waiters = json!([{"name": harness.observed.job.metadata.name, "step": STEP}]);
    grok(harness).status.waiters = serde_json::from_value(waiters).unwrap();
}

/// The account has recorded everything.
pub(super) fn close_grants(harness: &mut Harness) {
    grok(harness).status.grants.clear();
}

pub(super) fn spends(harness: &Harness, submissions: u32) -> Vec<Spent> {
    vec![Spent {
        account: "grok".to_owned(),
        at: harness.now,
        submissions,
        seconds: 0,
        cost: "0.50".parse().unwrap(),
    }]
}

/// The attempt has made so many scenes, and more are left.
pub(super) fn partly(harness: &mut Harness, made: u32, left: u32) {
    let spent = spends(harness, made);
    harness.end_reported(STEP, ExitCode::TryLater, |outcome| {
        outcome.spent = spent;
        outcome.accounted = true;
        outcome.scenes = Some(SceneReport {
            total: made + left,
            completed: SceneSet::first(made),
            made,
            left: Some(left),
            ..SceneReport::default()
        });
    });
}

pub(super) fn at_work(harness: &Harness) -> bool {
    harness.alive(STEP) > 0
}

#[test]
fn nothing_begins_before_its_account_has_answered() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "AwaitingQuota"));
    assert!(!harness.has(ConditionType::RateLimited), "the service refuses nothing");
    assert_eq!((demand(&harness).attempt, demand(&harness).submissions), (Some(1), Some(3)));
    assert!(!at_work(&harness));
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
    assert_eq!(harness.inputs[&(STEP, 1)].accounts["grok"].allowance.submissions, 3);
    assert_eq!(demand(&harness).granted, Some(3));
}

#[test]
fn what_is_left_is_asked_for_once_the_last_is_recorded() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 2);
    harness.converge();
    partly(&mut harness, 2, 1);
    harness.converge();
    let settled = demand(&harness);
    assert_eq!((settled.attempt, settled.settled, settled.spent[0].submissions), (Some(1), Some(true), 2));
    assert_eq!(
        harness.observed.job.status.as_ref().unwrap().cost.as_ref().unwrap().actual,
        "0.50".parse().ok()
    );
    close_grants(&mut harness);
    harness.converge();
    assert_eq!(
        (demand(&harness).attempt, demand(&harness).submissions, demand(&harness).settled),
        (Some(2), Some(1), None)
    );
    assert_eq!(demand(&harness).since, settled.since, "it has waited since then");
    grant(&mut harness, 1);
    harness.converge();
    harness.end(STEP, ExitCode::Done);
    harness.converge();
    assert_eq!(harness.step(STEP).state, Some(StepState::Succeeded));
}

#[test]
fn an_attempt_without_a_word_is_surveyed_before_anything_more_is_asked_for() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness.end_silently(STEP, 137, false);
    harness.converge();
    let survey = &harness.inputs[&(STEP, 2)];
    assert_eq!((survey.survey, survey.accounts_for), (true, Some(1)));
    assert_eq!(survey.accounts["grok"].allowance.submissions, 0);
    assert_eq!((demand(&harness).attempt, demand(&harness).settled), (Some(1), None));
    harness.end_silently(STEP, 137, false);
    harness.converge();
    assert_eq!(harness.inputs[&(STEP, 3)].accounts_for, Some(1), "the survey itself was lost");
    harness
        .end_reported(STEP, ExitCode::Storage, |outcome| outcome.message = "the bucket is away".to_owned());
    harness.converge();
    harness.pass(600);
    harness.converge();
    assert_eq!(
        harness.inputs[&(STEP, 4)].accounts_for,
        Some(1),
        "a survey that found out nothing accounts for nothing"
    );
    partly(&mut harness, 1, 2);
    harness.converge();
    assert_eq!(demand(&harness).spent[0].submissions, 1);
    close_grants(&mut harness);
    harness.converge();
    assert_eq!((demand(&harness).attempt, demand(&harness).submissions), (Some(5), Some(2)));
}

#[test]
fn another_account_is_asked_as_soon_as_it_is_named() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let other = harness.observed.accounts["grok"].clone();
    harness.observed.accounts.insert("veo".to_owned(), other);
    harness.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "veo"}}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    harness.converge();
    assert_eq!((harness.phase(), demand(&harness).account.as_str()), (Phase::Waiting, "veo"));
    assert_eq!(demand(&harness).attempt, Some(2));
}

#[test]
fn a_failed_step_leaves_its_grant_to_others() {
    let mut harness = film(&json!({"retry": {"limit": 0}}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness.end_silently(STEP, 137, true);
    harness.converge();
    assert_eq!(harness.phase(), Phase::Failed);
    assert_eq!((demand(&harness).settled, demand(&harness).spent[0].submissions), (Some(true), 3));
}

#[test]
fn a_film_that_may_not_wait_gives_each_demand_its_time() {
    let mut harness = film(&json!({
        "providers": {"animation": {"accountRef": {"name": "grok"}, "onRateLimit": "StillMotion"}},
    }));
    until_animation(&mut harness);
    grant(&mut harness, 2);
    harness.converge();
    harness.pass(600);
    partly(&mut harness, 2, 1);
    harness.converge();
    close_grants(&mut harness);
    harness.converge();
    assert!(!at_work(&harness), "it did not give its account time to answer");
    grant(&mut harness, 1);
    harness.converge();
    assert!(!harness.inputs[&(STEP, 2)].still_motion);
}

#[test]
fn a_crash_between_status_and_job_begins_with_the_same_grant() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 2);
    harness.reconcile_or_crash(true);
    assert!(!at_work(&harness));
    harness.converge();
    assert!(at_work(&harness));
    assert_eq!(harness.inputs[&(STEP, 1)].accounts["grok"].allowance.submissions, 2);
}

#[test]
fn an_edit_or_a_hold_takes_back_what_was_asked_for() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    harness.annotate(requests::HOLD, "too dear");
    harness.converge();
    assert!(harness.step(STEP).demands.is_empty());
    harness.strip(requests::HOLD);
    harness.converge();
    assert_eq!(demand(&harness).attempt, Some(2), "a grant for attempt 1 is dead");
    harness
        .edit(|job| job.spec.settings.transition = serde_json::from_value(json!({"seconds": 0.6})).unwrap());
    harness.converge();
    assert!(harness.step(STEP).attempt >= Some(3), "{:?}", harness.step(STEP));
}

#[test]
fn a_refusal_of_the_service_is_reported_to_the_account() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let until = harness.now + jiff::SignedDuration::from_secs(7200);
    harness.end_reported(STEP, ExitCode::TryLater, |outcome: &mut StepOutcome| {
        // A part of a second is no reason to come too early.
        let named = until - jiff::SignedDuration::from_millis(900);
        outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(named) });
        outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
    });
    harness.converge();
    assert_eq!(demand(&harness).blocked_until.map(|at| at.0), Some(until));
    assert_eq!(harness.step(STEP).failures, None);
    close_grants(&mut harness);
    grok(&mut harness).status.quotas = serde_json::from_value(json!([
        {"name": "service", "blockedUntil": until.to_string()},
    ]))
    .unwrap();
    name_as_first(&mut harness);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "RateLimited"));
    assert!(harness.has(ConditionType::RateLimited));
    assert!(
        harness.message().contains("grok refuses for a while; 3 submissions left"),
        "{}",
        harness.message()
    );
    assert_eq!(harness.last.as_ref().unwrap().wake_at, Some(until));
}

#[test]
fn a_film_that_may_not_wait_moves_its_pictures() {
    let mut harness = film(&json!({
        "providers": {"animation": {"accountRef": {"name": "grok"}, "onRateLimit": "StillMotion"}},
    }));
    until_animation(&mut harness);
    assert!(!at_work(&harness));
    harness.pass(11);
    harness.converge();
    let input = &harness.inputs[&(STEP, 2)];
    assert!(input.still_motion);
    assert_eq!(input.accounts["grok"].allowance.submissions, 0);
    assert!(harness.step(STEP).demands.is_empty());
}

#[test]
fn new_credentials_fix_what_the_old_ones_broke() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness
        .end_reported(STEP, ExitCode::Credentials, |outcome| outcome.message = "the key is wrong".to_owned());
    harness.converge();
    close_grants(&mut harness);
    harness.converge();
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "CredentialsInvalid"));
    grok(&mut harness).credentials = Some("2".to_owned());
    harness.converge();
    assert_eq!(demand(&harness).attempt, Some(2));
}

#[test]
fn what_was_spent_waits_for_an_account_that_is_made_again_to_open_its_ledger() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 2);
    harness.converge();
    let gone = harness.observed.accounts.remove("grok").unwrap();
    partly(&mut harness, 2, 1);
    harness.converge();
    assert_eq!(harness.reason(), "ConfigurationInvalid");
    harness.observed.accounts.insert("grok".to_owned(), gone);
    grok(&mut harness).status = serde_json::from_value(json!({"observedGeneration": -1})).unwrap();
    harness.converge();
    assert_eq!((demand(&harness).attempt, demand(&harness).settled), (Some(1), Some(true)));
    grok(&mut harness).status.observed_generation = Some(1);
    harness.converge();
    assert_eq!((demand(&harness).attempt, demand(&harness).submissions), (Some(2), Some(1)));
}

#[test]
fn used_up_credits_need_a_person_who_need_not_inform_us() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    for attempt in 1..=3 {
        grant(&mut harness, 3);
        harness.converge();
        harness.end_reported(STEP, ExitCode::Credentials, |outcome| {
            outcome.without_credit = true;
            outcome.accounted = true;
            outcome.message = "credits are used up".to_owned();
        });
        harness.converge();
        close_grants(&mut harness);
        harness.converge();
        assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "CredentialsInvalid"));
        assert!(harness.has(ConditionType::Stalled) && harness.message().contains("tries again at"));
        // One waits until it is time, one is edited, one gets another key.
        match attempt {
            1 => harness.pass(600),
            2 => harness.edit(|job| job.spec.priority = 7),
            _ => grok(&mut harness).credentials = Some("2".to_owned()),
        }
        harness.converge();
        assert_eq!(demand(&harness).attempt, Some(attempt + 1));
    }
    assert_eq!(harness.step(STEP).failures, None);
}

#[test]
fn an_account_that_is_deleted_in_mid_flight_hangs_nothing() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let gone = harness.observed.accounts.remove("grok").unwrap();
    harness.end_silently(STEP, 137, false);
    harness.converge();
    assert_eq!(harness.reason(), "ConfigurationInvalid");
    harness.observed.accounts.insert("grok".to_owned(), gone);
    harness.converge();
    assert!(at_work(&harness), "{:?}", harness.step(STEP));
}

#[test]
fn a_step_that_was_edited_while_it_only_waited_is_not_surveyed() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    assert_eq!(harness.reason(), "AwaitingQuota");
    harness.edit(|job| {
        let animation =
            json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-imagine-video-1.5"}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    harness.converge();
    assert!(!at_work(&harness), "nothing was ever submitted: there is nothing to take stock of");
    assert_eq!(
        (demand(&harness).attempt, demand(&harness).model.as_deref()),
        (Some(2), Some("grok-imagine-video-1.5"))
    );
    grant(&mut harness, 1);
    harness.converge();
    partly(&mut harness, 1, 2);
    close_grants(&mut harness);
    harness.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-imagine-video"}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    harness.converge();
    assert!(harness.inputs[&(STEP, 3)].survey, "it was at work: part of what is wanted may be there");
}

/// Of ten thousand who wait for the same moment only the first are notified, and look again by themselves.
#[test]
fn who_waits_behind_the_first_is_shown_nothing_and_wakes_at_no_time() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let until = harness.now + jiff::SignedDuration::from_secs(7200);
    grok(&mut harness).status.quotas =
        serde_json::from_value(json!([{"name": "service", "blockedUntil": until.to_string()}])).unwrap();
    let reported =
        |harness: &Harness| harness.observed.job.status.as_ref().unwrap().resume_at.clone().map(|at| at.0);
    let before = harness.observed.job.status.clone();
    harness.converge();
    assert_eq!(harness.observed.job.status, before, "nothing is written into it");
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "AwaitingQuota"));
    assert_eq!((reported(&harness), harness.last.as_ref().unwrap().wake_at), (None, None));
    name_as_first(&mut harness);
    harness.converge();
    assert_eq!((reported(&harness), harness.last.as_ref().unwrap().wake_at), (Some(until), Some(until)));
    // Others go before it, and the time passes.
    grok(&mut harness).status.waiters.clear();
    harness.pass(7_300);
    let before = harness.observed.job.status.clone();
    harness.converge();
    assert_eq!(harness.observed.job.status, before);
    assert_eq!(harness.last.as_ref().unwrap().wake_at, None);
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness), "its turn has come");
}

#[test]
fn what_a_step_that_has_ended_has_spent_is_dropped_once_it_is_recorded() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let spent = spends(&harness, 3);
    harness.end_reported(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    harness.run_to_rest();
    assert_eq!(
        (harness.phase(), demand(&harness).settled),
        (Phase::Succeeded, Some(true)),
        "not recorded yet"
    );
    // Deleted and made again: the new account has to record it.
    grok(&mut harness).status = serde_json::from_value(json!({"observedGeneration": -1})).unwrap();
    harness.converge();
    assert_eq!(demand(&harness).spent[0].submissions, 3);
    let gone = harness.observed.accounts.remove("grok").unwrap();
    harness.converge();
    assert_eq!(demand(&harness).spent[0].submissions, 3, "there is no account");
    harness.observed.accounts.insert("grok".to_owned(), gone);
    grok(&mut harness).status.observed_generation = Some(1);
    harness.converge();
    assert!(harness.step(STEP).demands.is_empty());
    assert_eq!(harness.phase(), Phase::Succeeded);
}
