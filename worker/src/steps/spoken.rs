//! What of a text is spoken: what nobody means to be is left out before the storyboard is written, so that voice and captions
//! have the same text, and a person hears of it.

use videofactory_pipeline::contract::GivenScenes;
use videofactory_pipeline::storyboard::default_id;
use videofactory_pipeline::{Settings, text};
use videofactory_providers::Script;

/// Most characters that a note has of one scene.
const MAX_OF_A_SCENE: usize = 80;

/// What was left out, by scene.
#[derive(Debug, Default)]
pub(super) struct Omitted(Vec<String>);

impl Omitted {
    fn note(&mut self, scene: &str, what: &[String]) {
        if what.is_empty() {
            return;
        }
        let list: String = what.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = list.chars().take(MAX_OF_A_SCENE).collect();
        let more = if short.len() < list.len() { "…" } else { "" };
        self.0.push(format!("scene {scene}: {short}{more}"));
    }

    /// The sentence for people; empty if nothing was left out.
    pub(super) fn sentence(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        format!("not spoken, because it is mark-up or a direction: {}", self.0.join("; "))
    }
}

/// A person's own scenes are spoken as given, but for mark-up.
pub(super) fn given(mut given: GivenScenes, omitted: &mut Omitted) -> GivenScenes {
    let scenes = given.scenes.iter_mut().map(|scene| (&scene.id, &mut scene.narration));
    let overrides = given.overrides.iter_mut().map(|over| (&over.id, &mut over.narration));
    for (id, narration) in scenes.chain(overrides) {
        if let Some(narration) = narration {
            let (spoken, what) = text::of_a_person(narration);
            omitted.note(id, &what);
            *narration = spoken;
        }
    }
    given
}

/// Who appears in the film, by name.
pub(super) fn cast(settings: &Settings) -> Vec<&str> {
    settings.characters.iter().map(|character| character.name.as_str()).collect()
}

/// A written script: in one line each, without what its writer did not mean to be spoken.
pub(super) fn script(mut script: Script, cast: &[&str], omitted: &mut Omitted) -> Script {
    for (place, scene) in script.scenes.iter_mut().enumerate() {
        let (spoken, what) = text::of_a_model(&text::clean(&scene.narration), cast);
        omitted.note(scene.id.as_deref().unwrap_or(&default_id(place)), &what);
        scene.narration = spoken;
        scene.image_prompt = text::clean(&scene.image_prompt);
        scene.motion_prompt = text::clean(&scene.motion_prompt);
    }
    let plain = |given: &str| text::of_a_person(&text::clean(given)).0;
    script.title = text::line(&plain(&script.title));
    script.description = plain(&script.description);
    script.tags = script.tags.iter().map(|tag| tag_of(&plain(tag))).filter(|tag| !tag.is_empty()).collect();
    script
}

fn tag_of(tag: &str) -> String {
    text::line(tag).trim_start_matches('#').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_models_script_is_rid_of_what_it_did_not_mean_to_be_spoken() {
        let written = json!({
            "title": "**Octopus**", "description": "A *soft* animal\u{b}.", "tags": ["#sea", "#", "deep sea"],
            "scenes": [{
                "narration": "**Segment 1: The Hook** [upbeat music] Did you know that _octopuses_ have three hearts, caf\u{0}e9?",
                "imagePrompt": "an octopus\u{7}", "motionPrompt": "it swims",
            }],
        });
        let mut omitted = Omitted::default();
        let script = script(serde_json::from_value(written).unwrap(), &[], &mut omitted);
        assert_eq!((script.title.as_str(), script.description.as_str()), ("Octopus", "A soft animal ."));
        assert_eq!(script.tags, ["sea", "deep sea"]);
        let scene = &script.scenes[0];
        assert_eq!(scene.narration, "Did you know that octopuses have three hearts, café?");
        assert_eq!(scene.image_prompt, "an octopus");
        let reported = omitted.sentence();
        assert!(reported.contains("scene s1: [upbeat music] **Segment 1: The Hook**"), "{reported}");
    }

    #[test]
    fn a_persons_scenes_are_spoken_as_given_but_for_mark_up() {
        let scenes = json!({
            "scenes": [
                {"id": "s1", "narration": "**Segment 1** [upbeat music] Did you know?"},
                {"id": "s2", "narration": "---\n(pause) Narrator: Two of them stop."},
                {"id": "s3", "narration": "3 * 4\nis 12 [sic], Note: snake_case\n"},
            ],
            "overrides": [{"id": "s1", "narration": ""}, {"id": "s2", "narration": "_So_."}],
        });
        let mut omitted = Omitted::default();
        let given = given(serde_json::from_value(scenes).unwrap(), &mut omitted);
        let narrations: Vec<_> = given.scenes.iter().filter_map(|scene| scene.narration.as_deref()).collect();
        assert_eq!(
            narrations,
            [
                "Segment 1 [upbeat music] Did you know?",
                "(pause) Narrator: Two of them stop.",
                "3 * 4\nis 12 [sic], Note: snake_case\n",
            ]
        );
        let overrides: Vec<_> = given.overrides.iter().filter_map(|over| over.narration.as_deref()).collect();
        assert_eq!(overrides, ["", "So."]);
        assert_eq!(
            omitted.sentence(),
            "not spoken, because it is mark-up or a direction: scene s1: **; scene s2: ---; scene s2: _"
        );
        assert_eq!(Omitted::default().sentence(), "");
    }
}
