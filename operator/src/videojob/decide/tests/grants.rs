//! What is granted and not begun with goes back: a job that cannot continue holds nothing of an account.

use serde_json::json;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::provideraccount::{GrantState, Holder};
use videofactory_crds::videojob::Compute;
use videofactory_crds::{StepName, requests};
use videofactory_pipeline::contract::{ExitCode, MAX_INPUT_BYTES, Opening, RateLimit, SceneReport};

use super::super::super::model::{Action, Found, Refusal};
use super::super::testing::Harness;
use super::quota_request::{at_work, close_grants, demand, film, grant, grok, until_animation};
use crate::provideraccount::MAX_OPENINGS;

const STEP: StepName = StepName::AnimateScenes;
const IMAGES: StepName = StepName::GenerateImages;

/// A film whose pictures an account draws, and whose speech has failed meanwhile.
fn failed_beside_its_pictures() -> Harness {
    let mut harness =
        film(&json!({"retry": {"limit": 0}, "providers": {"images": {"accountRef": {"name": "grok"}}}}));
    harness.converge();
    harness.end(StepName::WriteScript, ExitCode::Done);
    harness.converge();
    assert_eq!(harness.step(IMAGES).demands.len(), 1);
    harness.end_silently(StepName::NarrateScenes, 137, true);
    harness.converge();
    assert_eq!(harness.phase(), Phase::Failed);
    harness
}

#[test]
fn a_job_that_fails_in_a_parallel_step_asks_for_nothing_more() {
    let mut harness = failed_beside_its_pictures();
    assert!(harness.step(IMAGES).demands.is_empty(), "{:?}", harness.step(IMAGES).demands);
    harness.annotate(requests::RETRY, "2026-01-01T00:00:00Z");
    harness.converge();
    assert_eq!(harness.step(IMAGES).demands[0].attempt, Some(2), "after a retry it asks again");
}

#[test]
fn a_job_that_has_failed_still_reports_what_it_has_spent() {
    let mut harness =
        film(&json!({"retry": {"limit": 0}, "providers": {"images": {"accountRef": {"name": "grok"}}}}));
    harness.converge();
    harness.end(StepName::WriteScript, ExitCode::Done);
    harness.converge();
    let attempt = harness.step(IMAGES).demands[0].attempt;
    let uid = harness.observed.job.metadata.uid.clone().unwrap();
    grok(&mut harness).status.grants = serde_json::from_value(json!([
        {"holder": {"uid": uid, "step": IMAGES, "attempt": attempt}, "submissions": 3},
    ]))
    .unwrap();
    harness.converge();
    harness.interrupt_pod(IMAGES);
    harness.end_silently(StepName::NarrateScenes, 137, true);
    harness.converge();
    assert_eq!(harness.phase(), Phase::Failed);
    assert_eq!(harness.step(IMAGES).demands[0].settled, Some(true));
    close_grants(&mut harness);
    harness.converge();
    assert!(harness.step(IMAGES).demands.is_empty());
}

#[test]
fn a_job_whose_channel_is_missing_after_an_edit_asks_for_nothing_meanwhile() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    harness.observed.channel = Found::Missing("gone".to_owned());
    harness.edit(|job| {
        job.spec.channel_ref = serde_json::from_value(json!({"name": "gone"})).unwrap();
    });
    harness.converge();
    assert!(harness.has(ConditionType::Stalled));
    assert!(harness.step(STEP).demands.is_empty());
    harness.observed.channel = Found::NotNamed;
    harness.edit(|job| job.spec.channel_ref = None);
    harness.converge();
    assert_eq!(demand(&harness).attempt, Some(2));
}

#[test]
fn what_was_begun_and_never_made_is_not_held_while_the_job_cannot_begin() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.reconcile_or_crash(true);
    assert!(!at_work(&harness) && demand(&harness).granted == Some(3));
    harness.observed.channel = Found::Missing("gone".to_owned());
    harness.edit(|job| {
        job.spec.channel_ref = serde_json::from_value(json!({"name": "gone"})).unwrap();
    });
    harness.converge();
    assert_eq!(demand(&harness).settled, Some(true), "nobody knows, so it counts as spent, and is free");
}

#[test]
fn what_was_granted_to_an_attempt_whose_job_is_refused_goes_back_and_is_asked_for_again() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let words = "failed to create Job films/ocean: exceeded quota: small; fix it";
    for attempt in 1..=3 {
        assert_eq!((demand(&harness).attempt, demand(&harness).granted), (Some(attempt), None));
        grant(&mut harness, 3);
        harness.reconcile_or_crash(true);
        assert!(!at_work(&harness) && demand(&harness).granted == Some(3));
        let refusal = Refusal { words: words.to_owned(), unmade: true };
        harness.observed.refused = [((STEP, attempt), refusal)].into();
        harness.converge();
        assert_eq!(
            (demand(&harness).settled, demand(&harness).spent.len()),
            (Some(true), 0),
            "nothing is spent"
        );
        assert_eq!(harness.reason(), "ConfigurationInvalid");
        assert!(
            harness.has(ConditionType::Stalled) && harness.message().contains(words),
            "{}",
            harness.message()
        );
        close_grants(&mut harness);
        harness.converge();
        assert!(!at_work(&harness) && harness.reason() == "ConfigurationInvalid", "it waits a while");
        let wake_at = harness.last.as_ref().and_then(|decision| decision.wake_at).unwrap();
        let wait = wake_at.duration_since(harness.now).as_secs();
        assert!((4 << (attempt - 1)..=5 << (attempt - 1)).contains(&wait), "attempt {attempt}: {wait} s");
        harness.pass(wait);
        harness.converge();
    }
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness) && harness.step(STEP).attempt == Some(4));
}

#[test]
fn an_edit_that_may_fix_what_refuses_a_job_is_tried_at_once() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.reconcile_or_crash(true);
    harness.observed.refused = [((STEP, 1), Refusal { words: "no".to_owned(), unmade: true })].into();
    harness.converge();
    close_grants(&mut harness);
    harness.edit(|job| job.spec.compute = Some(Compute::default()));
    harness.converge();
    assert_eq!((demand(&harness).attempt, demand(&harness).granted), (Some(2), None));
}

#[test]
fn an_attempt_that_may_have_been_made_all_the_same_keeps_what_it_was_granted() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.reconcile_or_crash(true);
    harness.observed.refused = [((STEP, 1), Refusal { words: "no".to_owned(), unmade: false })].into();
    let decision = harness.reconcile_or_crash(true);
    assert!(matches!(&decision.actions[0], Action::StartStep(start) if start.input.attempt == 1));
    assert_eq!((demand(&harness).granted, demand(&harness).settled), (Some(3), None));
}

#[test]
fn whatever_is_granted_a_step_of_any_size_begins_and_fits_into_its_pod() {
    for letters in [15_000, 16_384, 100_000] {
        let parameters = json!({"any": "x".repeat(letters)});
        let mut harness = film(&json!({"topic": "x".repeat(1000)}));
        harness.edit(|job| {
            let animation = job.spec.settings.providers.as_mut().and_then(|all| all.animation.as_mut());
            animation.unwrap().parameters = serde_json::from_value(parameters.clone()).unwrap();
        });
        until_animation(&mut harness);
        grant(&mut harness, i64::try_from(MAX_OPENINGS).unwrap());
        let opening = Opening { at: harness.now, submissions: 1 };
        grok(&mut harness).status.grants[0].openings =
            serde_json::from_value(json!(vec![opening; MAX_OPENINGS])).unwrap();
        harness.converge();
        assert!(at_work(&harness), "{letters}: {}", harness.message());
        let input = &harness.inputs[&(STEP, 1)];
        assert!(!input.survey, "it does not only take stock");
        assert!(input.carry().variable.len() <= MAX_INPUT_BYTES, "{letters}");
    }
}

/// The account's only grant, given a name and a state.
fn name_it(harness: &mut Harness, id: &str, state: Option<GrantState>) {
    let grant = &mut grok(harness).status.grants[0];
    grant.id = Some(id.to_owned());
    grant.state = state;
}

#[test]
fn nothing_begins_with_a_grant_that_is_closing() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    name_it(&mut harness, "a1-1", Some(GrantState::Closing));
    harness.converge();
    assert!(!at_work(&harness) && demand(&harness).granted.is_none());
}

#[test]
fn a_begin_that_finds_its_grant_closing_waits_for_the_accounts_word() {
    let crashed = || {
        let mut harness = film(&json!({}));
        until_animation(&mut harness);
        grant(&mut harness, 3);
        name_it(&mut harness, "a1-1", None);
        harness.reconcile_or_crash(true);
        assert_eq!(demand(&harness).grant.as_deref(), Some("a1-1"));
        name_it(&mut harness, "a1-1", Some(GrantState::Closing));
        harness.converge();
        assert!(!at_work(&harness) && harness.last.as_ref().unwrap().wake_at.is_some());
        assert_eq!(harness.step(STEP).state, Some(StepState::Running));
        harness
    };
    let mut kept = crashed();
    name_it(&mut kept, "a1-1", Some(GrantState::Begun));
    kept.converge();
    assert!(at_work(&kept) && kept.begun.last() == Some(&(STEP, 1)));
    let mut closed = crashed();
    close_grants(&mut closed);
    closed.converge();
    assert!(!at_work(&closed));
    let asked = demand(&closed);
    assert_eq!((asked.attempt, asked.granted, asked.settled), (Some(2), None, None), "nothing was spent");
}

#[test]
fn a_grant_of_an_account_that_is_gone_counts_as_spent() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    name_it(&mut harness, "another-1", None);
    harness.reconcile_or_crash(true);
    close_grants(&mut harness);
    grok(&mut harness).status.observed_generation = None;
    harness.converge();
    assert_eq!((demand(&harness).settled, demand(&harness).spent[0].submissions), (Some(true), 3));
}

#[test]
fn who_has_lost_a_grant_asks_again_as_the_next_attempt() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    let uid = harness.observed.job.metadata.uid.clone().unwrap();
    let holder = Holder { uid, step: Some(STEP), attempt: Some(1), ..Holder::default() };
    grok(&mut harness).status.expired = vec![holder];
    harness.pass(400);
    harness.converge();
    assert_eq!(demand(&harness).attempt, Some(2));
    assert_eq!(demand(&harness).since.map(|at| at.0), Some(harness.now), "at the end of the wait queue");
}

#[test]
fn a_hold_while_the_service_refuses_leaves_nothing_to_fix() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    let until = harness.now + jiff::SignedDuration::from_secs(7200);
    harness.end_reported(STEP, ExitCode::TryLater, |outcome| {
        outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(until) });
        outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
    });
    harness.converge();
    close_grants(&mut harness);
    grok(&mut harness).status.quotas =
        serde_json::from_value(json!([{"name": "service", "blockedUntil": until.to_string()}])).unwrap();
    super::quota_request::name_as_first(&mut harness);
    harness.converge();
    assert_eq!(harness.reason(), "RateLimited");
    harness.annotate(requests::HOLD, "x");
    harness.converge();
    harness.strip(requests::HOLD);
    harness.converge();
    assert!(!harness.has(ConditionType::Stalled), "{}", harness.message());
    assert_eq!((harness.reason().as_str(), demand(&harness).attempt), ("RateLimited", Some(3)));
}

#[test]
fn a_step_that_waits_for_a_person_holds_no_grant() {
    let mut harness = film(&json!({}));
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    harness.end_silently(STEP, ExitCode::Credentials.code(), false);
    harness.converge();
    assert_eq!(harness.reason(), "CredentialsInvalid");
    assert_eq!((demand(&harness).settled, demand(&harness).spent[0].submissions), (Some(true), 3));
}
