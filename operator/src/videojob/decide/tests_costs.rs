//! What a film costs, and will cost, is told; what would cost too much is not asked for.

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{ConditionType, Phase};
use videofactory_pipeline::contract::ExitCode;

use super::hire_tests::{account, at_work, book, film, grant, grok, partly, spends, until_animation};
use super::world::World;

const STEP: StepName = StepName::AnimateScenes;

#[test]
fn a_budget_that_does_not_suffice_is_told_before_anything_is_spent() {
    let mut world = film(&json!({"budget": {"limit": "1.00"}}));
    grok(&mut world).spec.prices = serde_json::from_value(json!({"videoSecond": "0.07"})).unwrap();
    until_animation(&mut world);
    assert_eq!(world.reason(), "BudgetExceeded", "{}", world.message());
    assert!(world.step(STEP).demands.is_empty());
    world.edit(|job| job.spec.settings.budget = serde_json::from_value(json!({"limit": "9"})).unwrap());
    world.settle();
    assert_eq!(world.reason(), "AwaitingQuota");
}

fn estimated(world: &World) -> Option<String> {
    let cost = world.observed.job.status.as_ref().unwrap().cost.as_ref();
    cost.and_then(|cost| cost.estimated).map(|money| money.to_string())
}

#[test]
fn what_the_whole_film_will_cost_is_told_before_anything_is_spent() {
    let hired = |name: &str| json!({"accountRef": {"name": name}});
    let mut world = film(&json!({
        "sceneCount": 3, "length": {"target": "15s"},
        "providers": {
            "script": hired("gemini"), "images": hired("gemini"), "narration": hired("gemini"), "animation": hired("grok"),
        },
    }));
    world.observed.accounts.insert(
        "gemini".to_owned(),
        account(&json!({"provider": "Gemini", "secretRef": {"name": "g"}, "prices": {"image": "0.10"}})),
    );
    world.settle();
    // A script, three pictures at the account's own price, 15 seconds of speech, three clips of six seconds.
    assert_eq!(estimated(&world).as_deref(), Some("1.62081"));
}

#[test]
fn an_estimate_ends_as_what_was_paid() {
    let mut world = film(&json!({"sceneCount": 3, "length": {"target": "15s"}}));
    until_animation(&mut world);
    assert_eq!(estimated(&world).as_deref(), Some("1.266"), "three clips of six seconds");
    grant(&mut world, 2);
    world.settle();
    assert_eq!(estimated(&world).as_deref(), Some("1.266"), "nothing is paid for yet");
    partly(&mut world, 2, 1);
    world.settle();
    assert_eq!(estimated(&world).as_deref(), Some("0.922"), "paid $0.50 for two, and one more");
    book(&mut world);
    world.settle();
    grant(&mut world, 1);
    world.settle();
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
        grok(&mut world).spec.prices = serde_json::from_value(json!({"narrationSecond": "0.01"})).unwrap();
        world.settle();
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
    world.settle();
    assert_eq!(world.reason(), "AwaitingQuota");
    grant(&mut world, 3);
    world.settle();
    assert!(at_work(&world));
}
