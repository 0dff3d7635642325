//! What single scenes have cost. Services are paid by step, and what a step has paid is recorded as a sum: of a scene no more
//! is known than its share. Pure.

use videofactory_crds::{Money, StepName, VideoJob};

use crate::dashboard::words;

/// The steps that work by scene.
const STEPS: [StepName; 3] = [StepName::GenerateImages, StepName::NarrateScenes, StepName::AnimateScenes];

/// What is known of the cost of one scene of so many; empty: none of its steps has paid anything.
pub fn cost_of_a_scene(job: &VideoJob, scenes: usize) -> String {
    let scenes = scenes.max(1);
    let paid: Vec<(StepName, Money)> = STEPS
        .into_iter()
        .filter_map(|name| Some((name, job.status.as_ref()?.step(name)?.cost?)))
        .filter(|(_, cost)| *cost != Money::ZERO)
        .collect();
    if paid.is_empty() {
        return String::new();
    }
    let all: Money = paid.iter().map(|(_, cost)| *cost).sum();
    let parts = paid.iter().map(|(name, cost)| format!("{} {}", words::step(*name), words::money(*cost)));
    format!(
        "not recorded for each scene; {} on average ({} for {})",
        words::money(share(all, i64::try_from(scenes).unwrap_or(i64::MAX))),
        parts.collect::<Vec<_>>().join(", "),
        words::count(scenes, "scene", "scenes"),
    )
}

/// One of so many equal parts, to a hundredth of a cent.
fn share(all: Money, parts: i64) -> Money {
    Money::from_micros((all.micros() / parts + 50) / 100 * 100)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    fn cost(steps: &Value, scenes: usize) -> String {
        let job = testing::job("films", "a", &json!({"steps": steps}));
        cost_of_a_scene(&serde_json::from_value(job).unwrap(), scenes)
    }

    #[test]
    fn a_scene_has_the_share_of_what_its_steps_have_paid() {
        let steps = json!([
            {"name": "write-script", "cost": "0.50"}, {"name": "generate-images", "cost": "0.03"},
            {"name": "narrate-scenes", "cost": "0"}, {"name": "animate-scenes", "cost": "0.97"}]);
        assert_eq!(
            cost(&steps, 3),
            "not recorded for each scene; $0.3333 on average (Pictures $0.03, Clips $0.97 for 3 scenes)"
        );
        assert_eq!(cost(&json!([{"name": "narrate-scenes", "cost": "0"}]), 3), "");
        assert_eq!(cost(&json!([]), 0), "");
    }
}
