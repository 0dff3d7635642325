//! What a film costs, and will cost, is reported; what would cost too much is not asked for.

use serde_json::json;
use videofactory_client::estimate;
use videofactory_crds::condition::{ConditionType, Phase, StepState};
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::Settings;
use videofactory_pipeline::contract::{ExitCode, SceneReport, Spent};

use super::super::super::model::{Account, Action};
use super::super::testing::Harness;
use super::quota_request::{
    account, at_work, close_grants, film, grant, grok, partly, spends, until_animation,
};

const STEP: StepName = StepName::AnimateScenes;
const SCRIPT: StepName = StepName::WriteScript;
const IMAGES: StepName = StepName::GenerateImages;

#[test]
fn a_budget_that_does_not_suffice_is_reported_before_anything_is_spent() {
    let mut harness = film(&json!({"budget": {"limit": "1.00"}}));
    grok(&mut harness).spec.prices = serde_json::from_value(json!({"videoSecond": "0.07"})).unwrap();
    until_animation(&mut harness);
    assert_eq!(harness.reason(), "BudgetExceeded", "{}", harness.message());
    assert!(harness.step(STEP).demands.is_empty());
    harness.edit(|job| job.spec.settings.budget = serde_json::from_value(json!({"limit": "9"})).unwrap());
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota");
}

/// A film of three pictures for $0.20 each, whose script is being written for $0.10.
fn written_with(budget: &serde_json::Value) -> Harness {
    let provider = json!({"accountRef": {"name": "grok"}});
    let mut harness = film(&json!({
        "sceneCount": 3, "budget": budget, "providers": {"script": provider, "images": provider},
    }));
    let external = grok(&mut harness);
    external.spec.provider = Provider::Gemini;
    external.spec.prices = serde_json::from_value(json!({"script": "0.10", "image": "0.20"})).unwrap();
    harness.converge();
    begin_with_one(&mut harness, SCRIPT);
    harness
}

/// How many scripts an attempt may buy.
fn room(harness: &Harness, attempt: i32) -> Option<u32> {
    harness.inputs[&(SCRIPT, attempt)].affordable_scripts
}

/// One submission was made, for so much.
fn one_for(harness: &Harness, cost: &str) -> Vec<Spent> {
    vec![Spent { cost: cost.parse().unwrap(), ..spends(harness, 1).remove(0) }]
}

#[test]
fn an_attempt_is_given_how_many_scripts_the_budget_has_room_for_beside_the_rest_of_the_film() {
    let name = SCRIPT;
    for (limit, scripts) in [("0.30", 0), ("0.75", 1), ("0.95", 3)] {
        assert_eq!(room(&written_with(&json!({"limit": limit})), 1), Some(scripts), "{limit}");
    }
    assert_eq!(room(&written_with(&json!({})), 1), None);

    let mut harness = written_with(&json!({"limit": "0.95"}));
    let spent = one_for(&harness, "0.10");
    harness.end_reported(name, ExitCode::TryLater, |outcome| {
        outcome.spent = spent;
        outcome.accounted = true;
        outcome.scenes = Some(SceneReport { total: 1, left: Some(1), ..SceneReport::default() });
    });
    harness.converge();
    close_grants(&mut harness);
    harness.converge();
    assert_eq!(estimated(&harness).as_deref(), Some("0.80"), "two scripts, and still three pictures");
    begin_with_one(&mut harness, name);
    assert_eq!(room(&harness, 2), Some(2), "one is paid for");
}

#[test]
fn another_script_leaves_room_for_all_that_is_made_again_of_it() {
    let mut harness = written_with(&json!({"limit": "1.50"}));
    for (name, cost) in [(SCRIPT, "0.10"), (IMAGES, "0.60")] {
        if name == IMAGES {
            begin_with_one(&mut harness, name);
        }
        let spent = one_for(&harness, cost);
        harness.end_reported(name, ExitCode::Done, |outcome| outcome.spent = spent);
        harness.converge();
        close_grants(&mut harness);
        harness.converge();
    }
    harness.run_to_rest();
    assert_eq!(harness.phase(), Phase::Succeeded, "{}", harness.message());
    harness.edit(|job| job.spec.settings.style = serde_json::from_value(json!({"suffix": "noir"})).unwrap());
    harness.converge();
    harness.end(SCRIPT, ExitCode::TryLater);
    harness.converge();
    harness.pass(700);
    harness.converge();
    begin_with_one(&mut harness, SCRIPT);
    assert_eq!((harness.inputs[&(SCRIPT, 2)].survey, room(&harness, 3)), (true, Some(2)), "$0.80 are left");
}

#[test]
fn the_survey_of_a_lost_attempt_counts_the_script_that_it_may_have_bought() {
    let mut harness = written_with(&json!({"limit": "0.75"}));
    assert_eq!(room(&harness, 1), Some(1));
    harness.end_silently(SCRIPT, 137, false);
    harness.converge();
    assert_eq!((harness.inputs[&(SCRIPT, 2)].survey, room(&harness, 2)), (true, Some(0)));
}

#[test]
fn a_script_that_may_be_there_is_looked_for_before_another_one_is_over_the_budget() {
    let interrupted = || {
        let mut harness = written_with(&json!({"limit": "0.10"}));
        harness.spent.insert((SCRIPT, 1), one_for(&harness, "0.10"));
        harness.interrupt_pod(SCRIPT);
        harness.converge();
        close_grants(&mut harness);
        harness.converge();
        assert_eq!((harness.inputs[&(SCRIPT, 2)].survey, room(&harness, 2)), (true, Some(0)));
        harness
    };
    let mut found = interrupted();
    found.end(SCRIPT, ExitCode::Done);
    found.converge();
    assert_eq!(found.step(SCRIPT).state, Some(StepState::Succeeded), "{}", found.message());

    let mut none = interrupted();
    none.end(SCRIPT, ExitCode::TryLater);
    none.converge();
    none.pass(700);
    none.converge();
    assert_eq!((none.reason().as_str(), none.begun.len()), ("BudgetExceeded", 2), "{}", none.message());
}

/// The account grants the step one submission, and it begins.
fn begin_with_one(harness: &mut Harness, name: StepName) {
    let attempt = harness.step(name).demands[0].attempt;
    let uid = harness.observed.job.metadata.uid.clone();
    let holder = json!({"uid": uid, "step": name, "attempt": attempt});
    let grant = serde_json::from_value(json!({"holder": holder, "submissions": 1})).unwrap();
    grok(harness).status.grants.push(grant);
    harness.converge();
}

fn estimated(harness: &Harness) -> Option<String> {
    let cost = harness.observed.job.status.as_ref().unwrap().cost.as_ref();
    cost.and_then(|cost| cost.estimated).map(|money| money.to_string())
}

#[test]
fn what_the_whole_film_will_cost_is_shown_before_anything_is_spent() {
    let account_ref = |name: &str| json!({"accountRef": {"name": name}});
    let mut harness = film(&json!({
        "sceneCount": 3, "length": {"target": "15s"},
        "providers": {
            "script": account_ref("gemini"), "images": account_ref("gemini"), "narration": account_ref("gemini"), "animation": account_ref("grok"),
        },
    }));
    harness.observed.accounts.insert(
        "gemini".to_owned(),
        account(&json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}})),
    );
    harness.converge();
    // A script, three pictures at the account's own price, 15 seconds of speech, three clips of six seconds.
    assert_eq!(estimated(&harness).as_deref(), Some("1.62081"));
    assert_eq!(tried(&harness), "1.62081", "whoever only tries it gets the same");
}

/// What is reported of the job before there is one.
fn tried(harness: &Harness) -> String {
    let job = &harness.observed.job;
    let settings = Settings::resolve(&job.spec.settings, None, false).unwrap();
    let known = |(name, account): (&String, &Account)| match account {
        Account::External(external) => {
            Some((name.clone(), Ok(ProviderAccount::new(name, external.spec.clone()))))
        }
        _ => None,
    };
    let accounts = harness.observed.accounts.iter().filter_map(known).collect();
    estimate::of_job(job, &settings, &accounts).cost.to_string()
}

#[test]
fn an_estimate_ends_as_what_was_paid() {
    let mut harness = film(&json!({"sceneCount": 3, "length": {"target": "15s"}}));
    until_animation(&mut harness);
    assert_eq!(estimated(&harness).as_deref(), Some("1.266"), "three clips of six seconds");
    grant(&mut harness, 2);
    harness.converge();
    assert_eq!(estimated(&harness).as_deref(), Some("1.266"), "nothing is paid for yet");
    partly(&mut harness, 2, 1);
    harness.converge();
    assert_eq!(estimated(&harness).as_deref(), Some("0.922"), "paid $0.50 for two, and one more");
    close_grants(&mut harness);
    harness.converge();
    grant(&mut harness, 1);
    harness.converge();
    let spent = spends(&harness, 1);
    harness.end_reported(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    harness.run_to_rest();
    assert_eq!(estimated(&harness).as_deref(), Some("1.00"));
}

#[test]
fn scenes_that_are_spoken_one_by_one_cost_as_much_as_the_film() {
    let narration = |grouping: &str| {
        let narration = json!({"accountRef": {"name": "grok"}, "grouping": grouping, "voice": "x"});
        let mut harness = film(
            &json!({"sceneCount": 3, "length": {"target": "30s"}, "providers": {"narration": narration}}),
        );
        let external = grok(&mut harness);
        external.spec.provider = Provider::Gemini;
        external.spec.prices = serde_json::from_value(json!({"narrationSecond": "0.01"})).unwrap();
        harness.converge();
        estimated(&harness)
    };
    assert_eq!(narration("Film").as_deref(), Some("0.30"));
    assert_eq!(narration("Scene").as_deref(), Some("0.33"), "each rounded up");
}

#[test]
fn a_submission_dearer_than_the_accounts_limit_says_which_and_continues_when_it_is_raised() {
    let mut harness = film(&json!({}));
    let limit = |limit: &str| serde_json::from_value(json!({"limit": limit, "period": "30d"})).unwrap();
    grok(&mut harness).spec.spend = limit("0.10");
    until_animation(&mut harness);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "BudgetExceeded"));
    assert!(harness.has(ConditionType::Stalled));
    let expected = "animate-scenes: account grok: one submission costs about $1.052, which is more than spend.limit ($0.10) \
                    ever allows; raise the limit or use a cheaper model";
    assert_eq!(harness.message(), expected);
    grok(&mut harness).spec.spend = limit("10");
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota");
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
}

#[test]
fn a_step_whose_price_nobody_knows_waits_for_a_person_where_there_is_a_budget() {
    let animation = json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-of-tomorrow"}});
    let mut harness = film(&json!({"budget": {"limit": "5"}, "providers": animation}));
    until_animation(&mut harness);
    assert_eq!((harness.phase(), harness.reason().as_str()), (Phase::Waiting, "PriceUnknown"));
    assert!(harness.has(ConditionType::Stalled) && harness.step(STEP).demands.is_empty());
    let expected = "animate-scenes: nobody knows what model \"grok-of-tomorrow\" of account grok costs, so that budget.limit \
                    ($5.00) cannot be kept; name it as videoSecond in the prices of that ProviderAccount (\"0\" if it costs \
                    nothing), choose another model, or remove budget.limit";
    assert_eq!(harness.message(), expected);
    grok(&mut harness).spec.prices = serde_json::from_value(json!({"videoSecond": "0"})).unwrap();
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    let mut without = film(&json!({"providers": animation}));
    until_animation(&mut without);
    assert_eq!(without.reason(), "AwaitingQuota", "it has no budget");
}

#[test]
fn a_publication_has_no_price_that_a_budget_would_have_to_know() {
    let target = json!({"name": "social", "type": "Webhook", "accountRef": {"name": "grok"}});
    let mut harness =
        film(&json!({"budget": {"limit": "5"}, "providers": {}, "publish": {"targets": [target]}}));
    grok(&mut harness).spec.provider = Provider::Webhook;
    harness.run_to_rest();
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    assert_eq!(harness.step(StepName::PublishVideo).demands.len(), 1);
}

/// Three clips of six seconds are at work, for about $1.266, when a new run is asked for.
fn restarted_at_work(more: &serde_json::Value) -> Harness {
    let mut spec = json!({"sceneCount": 3, "length": {"target": "15s"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut harness = film(&spec);
    until_animation(&mut harness);
    grant(&mut harness, 3);
    harness.converge();
    assert!(at_work(&harness));
    harness.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    harness
}

fn paid(harness: &Harness) -> [Option<String>; 2] {
    let cost = harness.observed.job.status.as_ref().unwrap().cost.clone().unwrap_or_default();
    [cost.actual, cost.earlier_runs].map(|money| money.map(|money| money.to_string()))
}

#[test]
fn what_an_attempt_of_the_run_before_reports_is_no_cost_of_the_new_one() {
    let mut harness = restarted_at_work(&json!({"budget": {"limit": "1.50"}}));
    let spent = spends(&harness, 3);
    harness.spent.insert((STEP, 1), spent);
    harness.converge();
    assert_eq!((at_work(&harness), paid(&harness)), (false, [None, Some("0.50".to_owned())]));
    assert_eq!(harness.step(STEP).cost, None);
    let settled = &harness.step(STEP).demands[0];
    assert_eq!((settled.settled, settled.spent[0].submissions), (Some(true), 3), "the account records it");
    close_grants(&mut harness);
    until_animation(&mut harness);
    assert_eq!(harness.reason(), "AwaitingQuota", "all of the budget is there: {}", harness.message());
    assert_eq!(estimated(&harness).as_deref(), Some("1.266"));
    grant(&mut harness, 3);
    harness.converge();
    let spent = spends(&harness, 3);
    harness.end_reported(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    harness.converge();
    assert_eq!(paid(&harness), [Some("0.50".to_owned()), Some("0.50".to_owned())]);
    harness.annotate(requests::RESTART, "2026-01-03T00:00:00Z");
    harness.converge();
    assert_eq!(paid(&harness), [None, Some("1.00".to_owned())], "nothing is lost");
}

#[test]
fn what_an_attempt_of_the_run_before_still_holds_is_not_reserved_in_the_new_one() {
    let images =
        json!({"images": {"accountRef": {"name": "gemini"}}, "animation": {"accountRef": {"name": "grok"}}});
    let mut harness = restarted_at_work(&json!({"budget": {"limit": "1.50"}}));
    let gemini = json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}});
    harness.observed.accounts.insert("gemini".to_owned(), account(&gemini));
    grok(&mut harness).spec.prices = serde_json::from_value(json!({"videoSecond": "0.01"})).unwrap();
    harness.edit(|job| job.spec.settings.providers = serde_json::from_value(images).unwrap());
    // The pod of the run before still runs; all else is done.
    let look = |harness: &mut Harness| {
        for _ in 0..4 {
            let ordered = harness.reconcile_or_crash(true).actions.into_iter();
            for action in ordered.filter(|action| !matches!(action, Action::DeleteJob { .. })) {
                harness.act(action);
            }
        }
    };
    look(&mut harness);
    assert_eq!(
        estimated(&harness).as_deref(),
        Some("0.48"),
        "three pictures and three clips at today's prices"
    );
    harness.end(SCRIPT, ExitCode::Done);
    look(&mut harness);
    assert!(at_work(&harness));
    let asked = &harness.step(IMAGES).demands;
    assert_eq!(asked.len(), 1, "{}", harness.message());
}

#[test]
fn another_account_whose_price_nobody_knows_is_asked_once_its_price_is_named() {
    let mut harness = film(&json!({"budget": {"limit": "5"}}));
    until_animation(&mut harness);
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    let other = json!({"provider": "XAI", "secretRef": {"name": "g"}});
    harness.observed.accounts.insert("other".to_owned(), account(&other));
    let providers = json!({"animation": {"accountRef": {"name": "other"}, "model": "grok-of-tomorrow"}});
    harness.edit(|job| job.spec.settings.providers = serde_json::from_value(providers).unwrap());
    harness.converge();
    assert_eq!(harness.reason(), "PriceUnknown", "{}", harness.message());
    let priced = json!({"provider": "XAI", "secretRef": {"name": "g"}, "prices": {"videoSecond": "0.01"}});
    harness.observed.accounts.insert("other".to_owned(), account(&priced));
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
    assert_eq!(harness.step(STEP).demands[0].account, "other");
}

#[test]
fn a_budget_that_is_lowered_while_a_step_waits_holds_for_what_it_asked_for() {
    let mut harness = film(&json!({"budget": {"limit": "5"}}));
    until_animation(&mut harness);
    assert_eq!(harness.step(STEP).demands.len(), 1);
    let budget = |limit: &str| serde_json::from_value(json!({"limit": limit})).unwrap();
    harness.edit(|job| job.spec.settings.budget = budget("0.10"));
    grant(&mut harness, 3);
    harness.converge();
    assert_eq!(
        (at_work(&harness), harness.reason().as_str()),
        (false, "BudgetExceeded"),
        "{}",
        harness.message()
    );
    assert!(harness.step(STEP).demands.is_empty());
    harness.edit(|job| job.spec.settings.budget = budget("5"));
    harness.converge();
    assert_eq!(harness.reason(), "AwaitingQuota", "{}", harness.message());
}

#[test]
fn what_is_written_off_is_a_cost_of_the_film() {
    let step = json!({
        "name": "animate-scenes", "state": "Pending", "inputDigest": "d", "cost": "0.50",
        "demands": [{"account": "grok", "attempt": 1, "submissions": 3, "granted": 3, "priceEach": "0.40"}],
    });
    let mut step = serde_json::from_value(step).unwrap();
    super::super::demands::write_off(&mut step, "2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(step.cost.unwrap().to_string(), "1.70");
    super::super::demands::write_off(&mut step, "2026-01-01T00:00:01Z".parse().unwrap());
    assert_eq!(step.cost.unwrap().to_string(), "1.70", "once");
}
