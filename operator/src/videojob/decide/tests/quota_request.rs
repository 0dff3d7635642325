//! Steps that an outside service is paid for: nothing is begun without a grant, and nothing spent is forgotten.

use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::videojob::Demand;
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::{ExitCode, RateLimit, SceneReport, Spent, StepOutcome};

use super::super::super::model::{Account, ExternalAccount};
use super::super::testing::World;

const STEP: StepName = StepName::AnimateScenes;

/// A film of three scenes that grok animates.
pub(super) fn film(more: &Value) -> World {
    let mut spec = json!({"topic": "the deep", "providers": {"animation": {"accountRef": {"name": "grok"}}}});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        spec[name] = value;
    }
    let mut world = World::new(spec);
    world
        .observed
        .accounts
        .insert("grok".to_owned(), account(&json!({"provider": "XAI", "secretRef": {"name": "k"}})));
    world
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

pub(super) fn grok(world: &mut World) -> &mut ExternalAccount {
    match world.observed.accounts.get_mut("grok") {
        Some(Account::External(account)) => account,
        other => panic!("{other:?}"),
    }
}

/// Everything before the animation is done.
pub(super) fn until_animation(world: &mut World) {
    world.converge();
    for step in [StepName::WriteScript, StepName::GenerateImages, StepName::NarrateScenes] {
        world.end(step, ExitCode::Done);
        world.converge();
    }
}

pub(super) fn demand(world: &World) -> Demand {
    world.step(STEP).demands.first().cloned().expect("nothing is asked for")
}

/// The account answers the demand as it stands.
pub(super) fn grant(world: &mut World, submissions: i64) {
    let asked = demand(world);
    let uid = world.observed.job.metadata.uid.clone().unwrap();
    grok(world).status.grants.push(
        serde_json::from_value::<Grant>(json!({
            "holder": {"uid": uid, "step": STEP, "attempt": asked.attempt}, "submissions": submissions,
        }))
        .unwrap(),
    );
}

/// The account names the step among the first who wait.
pub(super) fn stand_in_front(world: &mut World) {
    let waiters = json!([{"name": world.observed.job.metadata.name, "step": STEP}]);
    grok(world).status.waiters = serde_json::from_value(waiters).unwrap();
}

/// The account has booked everything.
pub(super) fn close_grants(world: &mut World) {
    grok(world).status.grants.clear();
}

pub(super) fn spends(world: &World, submissions: u32) -> Vec<Spent> {
    vec![Spent {
        account: "grok".to_owned(),
        at: world.now,
        submissions,
        seconds: 0,
        cost: "0.50".parse().unwrap(),
    }]
}

/// The attempt has made so many scenes, and more are left.
pub(super) fn partly(world: &mut World, made: u32, left: u32) {
    let spent = spends(world, made);
    world.end_told(STEP, ExitCode::TryLater, |outcome| {
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

pub(super) fn at_work(world: &World) -> bool {
    world.alive(STEP) > 0
}

#[test]
fn nothing_begins_before_its_account_has_answered() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "AwaitingQuota"));
    assert!(!world.has(ConditionType::RateLimited), "the service refuses nothing");
    assert_eq!((demand(&world).attempt, demand(&world).submissions), (Some(1), Some(3)));
    assert!(!at_work(&world));
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world));
    assert_eq!(world.inputs[&(STEP, 1)].accounts["grok"].allowance.submissions, 3);
    assert_eq!(demand(&world).granted, Some(3));
}

#[test]
fn what_is_left_is_asked_for_once_the_last_is_booked() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 2);
    world.converge();
    partly(&mut world, 2, 1);
    world.converge();
    let settled = demand(&world);
    assert_eq!((settled.attempt, settled.settled, settled.spent[0].submissions), (Some(1), Some(true), 2));
    assert_eq!(
        world.observed.job.status.as_ref().unwrap().cost.as_ref().unwrap().actual,
        "0.50".parse().ok()
    );
    close_grants(&mut world);
    world.converge();
    assert_eq!(
        (demand(&world).attempt, demand(&world).submissions, demand(&world).settled),
        (Some(2), Some(1), None)
    );
    assert_eq!(demand(&world).since, settled.since, "it has waited since then");
    grant(&mut world, 1);
    world.converge();
    world.end(STEP, ExitCode::Done);
    world.converge();
    assert_eq!(world.step(STEP).state, Some(StepState::Succeeded));
}

#[test]
fn an_attempt_without_a_word_is_surveyed_before_anything_more_is_asked_for() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    world.end_silently(STEP, 137, false);
    world.converge();
    let survey = &world.inputs[&(STEP, 2)];
    assert_eq!((survey.survey, survey.accounts_for), (true, Some(1)));
    assert_eq!(survey.accounts["grok"].allowance.submissions, 0);
    assert_eq!((demand(&world).attempt, demand(&world).settled), (Some(1), None));
    world.end_silently(STEP, 137, false);
    world.converge();
    assert_eq!(world.inputs[&(STEP, 3)].accounts_for, Some(1), "the survey itself was lost");
    world.end_told(STEP, ExitCode::Storage, |outcome| outcome.message = "the bucket is away".to_owned());
    world.converge();
    world.pass(600);
    world.converge();
    assert_eq!(
        world.inputs[&(STEP, 4)].accounts_for,
        Some(1),
        "a survey that found out nothing accounts for nothing"
    );
    partly(&mut world, 1, 2);
    world.converge();
    assert_eq!(demand(&world).spent[0].submissions, 1);
    close_grants(&mut world);
    world.converge();
    assert_eq!((demand(&world).attempt, demand(&world).submissions), (Some(5), Some(2)));
}

#[test]
fn another_account_is_asked_as_soon_as_it_is_named() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    let other = world.observed.accounts["grok"].clone();
    world.observed.accounts.insert("veo".to_owned(), other);
    world.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "veo"}}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    world.converge();
    assert_eq!((world.phase(), demand(&world).account.as_str()), (Phase::Waiting, "veo"));
    assert_eq!(demand(&world).attempt, Some(2));
}

#[test]
fn a_failed_step_leaves_its_grant_to_others() {
    let mut world = film(&json!({"retry": {"limit": 0}}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    world.end_silently(STEP, 137, true);
    world.converge();
    assert_eq!(world.phase(), Phase::Failed);
    assert_eq!((demand(&world).settled, demand(&world).spent[0].submissions), (Some(true), 3));
}

#[test]
fn a_film_that_may_not_wait_gives_each_demand_its_time() {
    let mut world = film(&json!({
        "providers": {"animation": {"accountRef": {"name": "grok"}, "onRateLimit": "StillMotion"}},
    }));
    until_animation(&mut world);
    grant(&mut world, 2);
    world.converge();
    world.pass(600);
    partly(&mut world, 2, 1);
    world.converge();
    close_grants(&mut world);
    world.converge();
    assert!(!at_work(&world), "it did not give its account time to answer");
    grant(&mut world, 1);
    world.converge();
    assert!(!world.inputs[&(STEP, 2)].still_motion);
}

#[test]
fn a_crash_between_status_and_job_begins_with_the_same_grant() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 2);
    world.reconcile_or_crash(true);
    assert!(!at_work(&world));
    world.converge();
    assert!(at_work(&world));
    assert_eq!(world.inputs[&(STEP, 1)].accounts["grok"].allowance.submissions, 2);
}

#[test]
fn an_edit_or_a_hold_takes_back_what_was_asked_for() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    world.annotate(requests::HOLD, "too dear");
    world.converge();
    assert!(world.step(STEP).demands.is_empty());
    world.strip(requests::HOLD);
    world.converge();
    assert_eq!(demand(&world).attempt, Some(2), "a grant for attempt 1 is dead");
    world.edit(|job| job.spec.settings.transition = serde_json::from_value(json!({"seconds": 0.6})).unwrap());
    world.converge();
    assert!(world.step(STEP).attempt >= Some(3), "{:?}", world.step(STEP));
}

#[test]
fn a_refusal_of_the_service_is_told_to_the_account() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let until = world.now + jiff::SignedDuration::from_secs(7200);
    world.end_told(STEP, ExitCode::TryLater, |outcome: &mut StepOutcome| {
        // A part of a second is no reason to come too early.
        let named = until - jiff::SignedDuration::from_millis(900);
        outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(named) });
        outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
    });
    world.converge();
    assert_eq!(demand(&world).blocked_until.map(|at| at.0), Some(until));
    assert_eq!(world.step(STEP).failures, None);
    close_grants(&mut world);
    grok(&mut world).status.quotas = serde_json::from_value(json!([
        {"name": "service", "blockedUntil": until.to_string()},
    ]))
    .unwrap();
    stand_in_front(&mut world);
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "RateLimited"));
    assert!(world.has(ConditionType::RateLimited));
    assert!(world.message().contains("grok refuses for a while; 3 submissions left"), "{}", world.message());
    assert_eq!(world.last.as_ref().unwrap().wake_at, Some(until));
}

#[test]
fn a_film_that_may_not_wait_moves_its_pictures() {
    let mut world = film(&json!({
        "providers": {"animation": {"accountRef": {"name": "grok"}, "onRateLimit": "StillMotion"}},
    }));
    until_animation(&mut world);
    assert!(!at_work(&world));
    world.pass(11);
    world.converge();
    let input = &world.inputs[&(STEP, 2)];
    assert!(input.still_motion);
    assert_eq!(input.accounts["grok"].allowance.submissions, 0);
    assert!(world.step(STEP).demands.is_empty());
}

#[test]
fn new_credentials_mend_what_the_old_ones_broke() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    world.end_told(STEP, ExitCode::Credentials, |outcome| outcome.message = "the key is wrong".to_owned());
    world.converge();
    close_grants(&mut world);
    world.converge();
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "CredentialsInvalid"));
    grok(&mut world).credentials = Some("2".to_owned());
    world.converge();
    assert_eq!(demand(&world).attempt, Some(2));
}

#[test]
fn what_was_spent_waits_for_an_account_that_is_made_again_to_open_its_books() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 2);
    world.converge();
    let gone = world.observed.accounts.remove("grok").unwrap();
    partly(&mut world, 2, 1);
    world.converge();
    assert_eq!(world.reason(), "ConfigurationInvalid");
    world.observed.accounts.insert("grok".to_owned(), gone);
    grok(&mut world).status = serde_json::from_value(json!({"observedGeneration": -1})).unwrap();
    world.converge();
    assert_eq!((demand(&world).attempt, demand(&world).settled), (Some(1), Some(true)));
    grok(&mut world).status.observed_generation = Some(1);
    world.converge();
    assert_eq!((demand(&world).attempt, demand(&world).submissions), (Some(2), Some(1)));
}

#[test]
fn used_up_credits_need_a_person_who_need_not_tell_us() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    for attempt in 1..=3 {
        grant(&mut world, 3);
        world.converge();
        world.end_told(STEP, ExitCode::Credentials, |outcome| {
            outcome.without_credit = true;
            outcome.accounted = true;
            outcome.message = "credits are used up".to_owned();
        });
        world.converge();
        close_grants(&mut world);
        world.converge();
        assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "CredentialsInvalid"));
        assert!(world.has(ConditionType::Stalled) && world.message().contains("tries again at"));
        // One waits until it is time, one is edited, one gets another key.
        match attempt {
            1 => world.pass(600),
            2 => world.edit(|job| job.spec.priority = 7),
            _ => grok(&mut world).credentials = Some("2".to_owned()),
        }
        world.converge();
        assert_eq!(demand(&world).attempt, Some(attempt + 1));
    }
    assert_eq!(world.step(STEP).failures, None);
}

#[test]
fn an_account_that_is_deleted_in_mid_flight_hangs_nothing() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let gone = world.observed.accounts.remove("grok").unwrap();
    world.end_silently(STEP, 137, false);
    world.converge();
    assert_eq!(world.reason(), "ConfigurationInvalid");
    world.observed.accounts.insert("grok".to_owned(), gone);
    world.converge();
    assert!(at_work(&world), "{:?}", world.step(STEP));
}

#[test]
fn a_step_that_was_edited_while_it_only_waited_is_not_surveyed() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    assert_eq!(world.reason(), "AwaitingQuota");
    world.edit(|job| {
        let animation =
            json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-imagine-video-1.5"}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    world.converge();
    assert!(!at_work(&world), "nothing was ever submitted: there is nothing to take stock of");
    assert_eq!(
        (demand(&world).attempt, demand(&world).model.as_deref()),
        (Some(2), Some("grok-imagine-video-1.5"))
    );
    grant(&mut world, 1);
    world.converge();
    partly(&mut world, 1, 2);
    close_grants(&mut world);
    world.edit(|job| {
        let animation = json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-imagine-video"}});
        job.spec.settings.providers = serde_json::from_value(animation).unwrap();
    });
    world.converge();
    assert!(world.inputs[&(STEP, 3)].survey, "it was at work: part of what is wanted may be there");
}

/// Of ten thousand who wait for the same moment only the first are told of it, and look again by themselves.
#[test]
fn who_waits_behind_the_first_is_told_nothing_and_wakes_at_no_time() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    let until = world.now + jiff::SignedDuration::from_secs(7200);
    grok(&mut world).status.quotas =
        serde_json::from_value(json!([{"name": "service", "blockedUntil": until.to_string()}])).unwrap();
    let told = |world: &World| world.observed.job.status.as_ref().unwrap().resume_at.clone().map(|at| at.0);
    let before = world.observed.job.status.clone();
    world.converge();
    assert_eq!(world.observed.job.status, before, "nothing is written into it");
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "AwaitingQuota"));
    assert_eq!((told(&world), world.last.as_ref().unwrap().wake_at), (None, None));
    stand_in_front(&mut world);
    world.converge();
    assert_eq!((told(&world), world.last.as_ref().unwrap().wake_at), (Some(until), Some(until)));
    // Others go before it, and the time passes.
    grok(&mut world).status.waiters.clear();
    world.pass(7_300);
    let before = world.observed.job.status.clone();
    world.converge();
    assert_eq!(world.observed.job.status, before);
    assert_eq!(world.last.as_ref().unwrap().wake_at, None);
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world), "its turn has come");
}

#[test]
fn what_a_step_that_has_ended_has_spent_is_dropped_once_it_is_booked() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    let spent = spends(&world, 3);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.run_to_rest();
    assert_eq!((world.phase(), demand(&world).settled), (Phase::Succeeded, Some(true)), "not booked yet");
    // Deleted and made again: the new account has to book it.
    grok(&mut world).status = serde_json::from_value(json!({"observedGeneration": -1})).unwrap();
    world.converge();
    assert_eq!(demand(&world).spent[0].submissions, 3);
    let gone = world.observed.accounts.remove("grok").unwrap();
    world.converge();
    assert_eq!(demand(&world).spent[0].submissions, 3, "there is no account");
    world.observed.accounts.insert("grok".to_owned(), gone);
    grok(&mut world).status.observed_generation = Some(1);
    world.converge();
    assert!(world.step(STEP).demands.is_empty());
    assert_eq!(world.phase(), Phase::Succeeded);
}
