//! What scenes have cost. Pictures and clips are bought one by one. A voice may be bought with others in one request
//! (`grouping: Film`): of voices no more than their sum is known. Pure.

use videofactory_crds::{Money, StepName, VideoJob};

use crate::dashboard::formatting;
use crate::reads::scene_costs::SceneCosts;

/// The steps that work by scene.
const STEPS: [StepName; 3] = [StepName::GenerateImages, StepName::NarrateScenes, StepName::AnimateScenes];

/// What the steps that work by scene have paid; empty: nothing.
pub fn cost_of_scenes(job: &VideoJob) -> String {
    let paid = STEPS.into_iter().filter_map(|name| Some((name, job.status.as_ref()?.step(name)?.cost?)));
    let paid = paid.filter(|(_, cost)| *cost != Money::ZERO);
    let parts = paid.map(|(name, cost)| format!("{} {}", formatting::step(name), formatting::money(cost)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What was paid for a scene; empty: nothing, or nothing is known yet.
pub fn cost_of_scene(costs: &SceneCosts, scene: &str) -> String {
    let parts = [("picture", &costs.images), ("clip", &costs.clips)];
    let paid = parts.into_iter().filter_map(|(name, of)| Some((name, *of.get(scene)?)));
    paid.map(|(name, cost)| format!("{name} {}", formatting::money(cost))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    fn cost(steps: &Value) -> String {
        let job = testing::job("films", "a", &json!({"steps": steps}));
        cost_of_scenes(&serde_json::from_value(job).unwrap())
    }

    #[test]
    fn what_steps_have_paid_for_scenes_is_shown_by_step() {
        let steps = json!([
            {"name": "write-script", "cost": "0.50"}, {"name": "generate-images", "cost": "0.03"},
            {"name": "narrate-scenes", "cost": "0"}, {"name": "animate-scenes", "cost": "0.97"}]);
        assert_eq!(cost(&steps), "Pictures $0.03, Clips $0.97");
        assert_eq!(cost(&json!([{"name": "narrate-scenes", "cost": "0"}])), "");
        assert_eq!(cost(&json!([])), "");
    }

    #[test]
    fn a_scene_has_cost_what_its_picture_and_its_clip_have() {
        let of = |micros: i64| [("s1".to_owned(), Money::from_micros(micros))].into();
        let costs = SceneCosts { images: of(20_000), clips: of(330_000) };
        assert_eq!(cost_of_scene(&costs, "s1"), "picture $0.02, clip $0.33");
        assert_eq!(cost_of_scene(&costs, "s2"), "");
    }
}
