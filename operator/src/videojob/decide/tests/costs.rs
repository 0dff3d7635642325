//! What a film costs, and will cost, is told; what would cost too much is not asked for.

use serde_json::json;
use videofactory_client::estimate;
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::{ProviderAccount, StepName, requests};
use videofactory_pipeline::Settings;
use videofactory_pipeline::contract::ExitCode;

use super::super::super::model::{Account, Action};
use super::super::testing::World;
use super::quota_request::{
    account, at_work, close_grants, film, grant, grok, partly, spends, until_animation,
};

const STEP: StepName = StepName::AnimateScenes;

#[test]
fn a_budget_that_does_not_suffice_is_told_before_anything_is_spent() {
    let mut world = film(&json!({"budget": {"limit": "1.00"}}));
    grok(&mut world).spec.prices = serde_json::from_value(json!({"videoSecond": "0.07"})).unwrap();
    until_animation(&mut world);
    assert_eq!(world.reason(), "BudgetExceeded", "{}", world.message());
    assert!(world.step(STEP).demands.is_empty());
    world.edit(|job| job.spec.settings.budget = serde_json::from_value(json!({"limit": "9"})).unwrap());
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota");
}

fn estimated(world: &World) -> Option<String> {
    let cost = world.observed.job.status.as_ref().unwrap().cost.as_ref();
    cost.and_then(|cost| cost.estimated).map(|money| money.to_string())
}

#[test]
fn what_the_whole_film_will_cost_is_told_before_anything_is_spent() {
    let account_ref = |name: &str| json!({"accountRef": {"name": name}});
    let mut world = film(&json!({
        "sceneCount": 3, "length": {"target": "15s"},
        "providers": {
            "script": account_ref("gemini"), "images": account_ref("gemini"), "narration": account_ref("gemini"), "animation": account_ref("grok"),
        },
    }));
    world.observed.accounts.insert(
        "gemini".to_owned(),
        account(&json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}})),
    );
    world.converge();
    // A script, three pictures at the account's own price, 15 seconds of speech, three clips of six seconds.
    assert_eq!(estimated(&world).as_deref(), Some("1.62081"));
    assert_eq!(tried(&world), "1.62081", "whoever only tries it is told the same");
}

/// What is told of the job before there is one.
fn tried(world: &World) -> String {
    let job = &world.observed.job;
    let settings = Settings::resolve(&job.spec.settings, None, false).unwrap();
    let known = |(name, account): (&String, &Account)| match account {
        Account::External(external) => {
            Some((name.clone(), Ok(ProviderAccount::new(name, external.spec.clone()))))
        }
        _ => None,
    };
    let accounts = world.observed.accounts.iter().filter_map(known).collect();
    estimate::of_job(job, &settings, &accounts).cost.to_string()
}

#[test]
fn an_estimate_ends_as_what_was_paid() {
    let mut world = film(&json!({"sceneCount": 3, "length": {"target": "15s"}}));
    until_animation(&mut world);
    assert_eq!(estimated(&world).as_deref(), Some("1.266"), "three clips of six seconds");
    grant(&mut world, 2);
    world.converge();
    assert_eq!(estimated(&world).as_deref(), Some("1.266"), "nothing is paid for yet");
    partly(&mut world, 2, 1);
    world.converge();
    assert_eq!(estimated(&world).as_deref(), Some("0.922"), "paid $0.50 for two, and one more");
    close_grants(&mut world);
    world.converge();
    grant(&mut world, 1);
    world.converge();
    let spent = spends(&world, 1);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.run_to_rest();
    assert_eq!(estimated(&world).as_deref(), Some("1.00"));
}

#[test]
fn scenes_that_are_spoken_one_by_one_cost_as_much_as_the_film() {
    let narration = |grouping: &str| {
        let narration = json!({"accountRef": {"name": "grok"}, "grouping": grouping, "voice": "x"});
        let mut world = film(
            &json!({"sceneCount": 3, "length": {"target": "30s"}, "providers": {"narration": narration}}),
        );
        let external = grok(&mut world);
        external.spec.provider = Provider::Gemini;
        external.spec.prices = serde_json::from_value(json!({"narrationSecond": "0.01"})).unwrap();
        world.converge();
        estimated(&world)
    };
    assert_eq!(narration("Film").as_deref(), Some("0.30"));
    assert_eq!(narration("Scene").as_deref(), Some("0.33"), "each rounded up");
}

#[test]
fn a_submission_dearer_than_the_accounts_limit_says_which_and_goes_on_when_it_is_raised() {
    let mut world = film(&json!({}));
    let limit = |limit: &str| serde_json::from_value(json!({"limit": limit, "period": "30d"})).unwrap();
    grok(&mut world).spec.spend = limit("0.10");
    until_animation(&mut world);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "BudgetExceeded"));
    assert!(world.has(ConditionType::Stalled));
    let expected = "animate-scenes: account grok: one submission costs about $1.052, which is more than spend.limit ($0.10) \
                    ever allows; raise the limit or use a cheaper model";
    assert_eq!(world.message(), expected);
    grok(&mut world).spec.spend = limit("10");
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota");
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world));
}

#[test]
fn a_step_whose_price_nobody_knows_waits_for_a_person_where_there_is_a_budget() {
    let animation = json!({"animation": {"accountRef": {"name": "grok"}, "model": "grok-of-tomorrow"}});
    let mut world = film(&json!({"budget": {"limit": "5"}, "providers": animation}));
    until_animation(&mut world);
    assert_eq!((world.phase(), world.reason().as_str()), (Phase::Waiting, "PriceUnknown"));
    assert!(world.has(ConditionType::Stalled) && world.step(STEP).demands.is_empty());
    let expected = "animate-scenes: nobody knows what model \"grok-of-tomorrow\" of account grok costs, so that budget.limit \
                    ($5.00) cannot be kept; name it as videoSecond in the prices of that ProviderAccount (\"0\" if it costs \
                    nothing), choose another model, or remove budget.limit";
    assert_eq!(world.message(), expected);
    grok(&mut world).spec.prices = serde_json::from_value(json!({"videoSecond": "0"})).unwrap();
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    let mut without = film(&json!({"providers": animation}));
    until_animation(&mut without);
    assert_eq!(without.reason(), "AwaitingQuota", "it has no budget");
}

#[test]
fn a_publication_has_no_price_that_a_budget_would_have_to_know() {
    let target = json!({"name": "social", "type": "Webhook", "accountRef": {"name": "grok"}});
    let mut world =
        film(&json!({"budget": {"limit": "5"}, "providers": {}, "publish": {"targets": [target]}}));
    grok(&mut world).spec.provider = Provider::Webhook;
    world.run_to_rest();
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    assert_eq!(world.step(StepName::PublishVideo).demands.len(), 1);
}

/// Three clips of six seconds are at work, for about $1.266, when a new run is asked for.
fn restarted_at_work(more: &serde_json::Value) -> World {
    let mut spec = json!({"sceneCount": 3, "length": {"target": "15s"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut world = film(&spec);
    until_animation(&mut world);
    grant(&mut world, 3);
    world.converge();
    assert!(at_work(&world));
    world.annotate(requests::RESTART, "2026-01-02T00:00:00Z");
    world
}

fn paid(world: &World) -> [Option<String>; 2] {
    let cost = world.observed.job.status.as_ref().unwrap().cost.clone().unwrap_or_default();
    [cost.actual, cost.earlier_runs].map(|money| money.map(|money| money.to_string()))
}

#[test]
fn what_an_attempt_of_the_run_before_tells_of_is_no_cost_of_the_new_one() {
    let mut world = restarted_at_work(&json!({"budget": {"limit": "1.50"}}));
    let spent = spends(&world, 3);
    world.spent.insert((STEP, 1), spent);
    world.converge();
    assert_eq!((at_work(&world), paid(&world)), (false, [None, Some("0.50".to_owned())]));
    assert_eq!(world.step(STEP).cost, None);
    let settled = &world.step(STEP).demands[0];
    assert_eq!((settled.settled, settled.spent[0].submissions), (Some(true), 3), "the account books it");
    close_grants(&mut world);
    until_animation(&mut world);
    assert_eq!(world.reason(), "AwaitingQuota", "all of the budget is there: {}", world.message());
    assert_eq!(estimated(&world).as_deref(), Some("1.266"));
    grant(&mut world, 3);
    world.converge();
    let spent = spends(&world, 3);
    world.end_told(STEP, ExitCode::Done, |outcome| outcome.spent = spent);
    world.converge();
    assert_eq!(paid(&world), [Some("0.50".to_owned()), Some("0.50".to_owned())]);
    world.annotate(requests::RESTART, "2026-01-03T00:00:00Z");
    world.converge();
    assert_eq!(paid(&world), [None, Some("1.00".to_owned())], "nothing is lost");
}

#[test]
fn what_an_attempt_of_the_run_before_still_holds_is_not_reserved_in_the_new_one() {
    let images =
        json!({"images": {"accountRef": {"name": "gemini"}}, "animation": {"accountRef": {"name": "grok"}}});
    let mut world = restarted_at_work(&json!({"budget": {"limit": "1.50"}}));
    let gemini = json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}});
    world.observed.accounts.insert("gemini".to_owned(), account(&gemini));
    grok(&mut world).spec.prices = serde_json::from_value(json!({"videoSecond": "0.01"})).unwrap();
    world.edit(|job| job.spec.settings.providers = serde_json::from_value(images).unwrap());
    // The pod of the run before goes on; all else is done.
    let look = |world: &mut World| {
        for _ in 0..4 {
            let ordered = world.reconcile_or_crash(true).actions.into_iter();
            for action in ordered.filter(|action| !matches!(action, Action::DeleteJob { .. })) {
                world.act(action);
            }
        }
    };
    look(&mut world);
    assert_eq!(
        estimated(&world).as_deref(),
        Some("0.48"),
        "three pictures and three clips at today's prices"
    );
    world.end(StepName::WriteScript, ExitCode::Done);
    look(&mut world);
    assert!(at_work(&world));
    let asked = &world.step(StepName::GenerateImages).demands;
    assert_eq!(asked.len(), 1, "{}", world.message());
}

#[test]
fn another_account_whose_price_nobody_knows_is_asked_once_its_price_is_named() {
    let mut world = film(&json!({"budget": {"limit": "5"}}));
    until_animation(&mut world);
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    let other = json!({"provider": "XAI", "secretRef": {"name": "g"}});
    world.observed.accounts.insert("other".to_owned(), account(&other));
    let providers = json!({"animation": {"accountRef": {"name": "other"}, "model": "grok-of-tomorrow"}});
    world.edit(|job| job.spec.settings.providers = serde_json::from_value(providers).unwrap());
    world.converge();
    assert_eq!(world.reason(), "PriceUnknown", "{}", world.message());
    let priced = json!({"provider": "XAI", "secretRef": {"name": "g"}, "prices": {"videoSecond": "0.01"}});
    world.observed.accounts.insert("other".to_owned(), account(&priced));
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
    assert_eq!(world.step(STEP).demands[0].account, "other");
}

#[test]
fn a_budget_that_is_lowered_while_a_step_waits_holds_for_what_it_asked_for() {
    let mut world = film(&json!({"budget": {"limit": "5"}}));
    until_animation(&mut world);
    assert_eq!(world.step(STEP).demands.len(), 1);
    let budget = |limit: &str| serde_json::from_value(json!({"limit": limit})).unwrap();
    world.edit(|job| job.spec.settings.budget = budget("0.10"));
    grant(&mut world, 3);
    world.converge();
    assert_eq!((at_work(&world), world.reason().as_str()), (false, "BudgetExceeded"), "{}", world.message());
    assert!(world.step(STEP).demands.is_empty());
    world.edit(|job| job.spec.settings.budget = budget("5"));
    world.converge();
    assert_eq!(world.reason(), "AwaitingQuota", "{}", world.message());
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
