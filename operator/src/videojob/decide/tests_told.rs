//! What people hear of although nothing stops for it.

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{ExitCode, RateLimit, SceneReport, StepOutcome};

use super::hire_tests::{book, film, grant, until_animation};
use super::world::World;

const CLIPS: StepName = StepName::AnimateScenes;

fn told(world: &World, words: &str) -> usize {
    world.events.iter().filter(|note| note.contains(words)).count()
}

#[test]
fn what_a_step_left_out_is_told_once() {
    let mut world = World::topic();
    world.settle();
    world.end_told(StepName::WriteScript, ExitCode::Done, |outcome| {
        outcome.note = "not spoken, because it is mark-up: scene s1: **".to_owned();
    });
    world.settle();
    assert_eq!(told(&world, "write-script: not spoken, because it is mark-up: scene s1: **"), 1);
}

#[test]
fn a_service_that_refuses_again_and_again_makes_a_person_look_up_its_plan() {
    let mut world = film(&json!({}));
    until_animation(&mut world);
    for refusals in 1..=4 {
        grant(&mut world, 3);
        world.settle();
        let until = world.now + jiff::SignedDuration::from_secs(30);
        world.end_told(CLIPS, ExitCode::TryLater, |outcome: &mut StepOutcome| {
            outcome.rate_limit = Some(RateLimit { account: "grok".to_owned(), until: Some(until) });
            outcome.scenes = Some(SceneReport { total: 3, left: Some(3), ..SceneReport::default() });
        });
        world.settle();
        book(&mut world);
        world.pass(60);
        world.settle();
        let expected = usize::from(refusals >= 3);
        assert_eq!(told(&world, "whether its plan has a quota"), expected, "after {refusals} refusals");
    }
}
