//! Which of the settings a step is given: the ones it reads. The small ones that many steps read (language, length, format,
//! captions, sound, transition, checks) go to all.

use videofactory_crds::StepName;

use crate::settings::{Provider, Review, Settings, Style, Thumbnail};

/// The settings without what only other steps, or only the operator, read.
#[must_use]
pub fn settings_of(step: StepName, settings: &Settings) -> Settings {
    use StepName::{AnimateScenes, AssembleVideo, GenerateImages, NarrateScenes, PublishVideo, WriteScript};
    let reads = |steps: &[StepName]| steps.contains(&step);
    let mut part = settings.clone();
    if !reads(&[WriteScript, GenerateImages, NarrateScenes]) {
        part.characters.clear();
    }
    if !reads(&[WriteScript, GenerateImages, AssembleVideo]) {
        part.style = Style::default();
    }
    // The writer foresees what the film would fail on: before anything is paid for.
    if !reads(&[WriteScript, AssembleVideo]) {
        part.thumbnail = Thumbnail::default();
    }
    if !reads(&[PublishVideo]) {
        part.publish.targets.clear();
    }
    part.review = Review::default();
    part.budget = None;
    let providers = &mut part.providers;
    providers.script.take_if(|_| !reads(&[WriteScript]));
    providers.images.take_if(|_| !reads(&[GenerateImages]));
    providers.narration = match providers.narration.take() {
        // How much is said in a given time follows from how fast it is said, and who says it must be there.
        Some(voice) if reads(&[WriteScript]) => Some(Provider {
            account_ref: voice.account_ref,
            voice: voice.voice,
            speed: voice.speed,
            ..Provider::default()
        }),
        voice => voice.filter(|_| reads(&[NarrateScenes])),
    };
    providers.animation = match providers.animation.take() {
        Some(motion) if reads(&[AssembleVideo]) => Some(Provider { fit: motion.fit, ..Provider::default() }),
        motion => motion.filter(|_| reads(&[AnimateScenes])),
    };
    part
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::{Brand, GivenScenes};
    use crate::digest::Digest;
    use crate::inputs::{FilmInputs, clip_digest, image_digest, script_digest, voice_digest};
    use crate::storyboard::Scene;

    /// A setting of each kind that differs from the built-in one.
    fn whole() -> Settings {
        let provider =
            |model: &str| json!({"accountRef": {"name": "a"}, "model": model, "parameters": {"p": model}});
        let with = |model: &str, more: Value| {
            let mut provider = provider(model);
            provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            provider
        };
        let settings = json!({
            "language": "de", "length": {"target": "50s"}, "sceneCount": 3, "style": {"suffix": "oil"},
            "format": {"fps": 24}, "characters": [{"name": "Ada", "description": "tall", "voice": "v"}],
            "providers": {
                "script": provider("s"), "images": provider("i"),
                "animation": with("a", json!({"fit": "Hold"})),
                "narration": with("n", json!({"speed": 1.5, "voice": "Kore"})),
            },
            "captions": {"mode": "Both"}, "audio": {"loudness": -16.0}, "transition": {"kind": "Cut"},
            "thumbnail": {"text": "Look"}, "checks": {"freeze": "Off"}, "review": {"after": ["write-script"]},
            "publish": {"targets": [{"name": "t", "type": "Bucket"}]}, "budget": {"limit": "1"},
        });
        Settings::resolve(&serde_json::from_value(settings).unwrap(), None, false).unwrap()
    }

    #[test]
    fn each_step_is_given_what_it_reads() {
        let carries = |step| {
            let chosen = settings_of(step, &whole()).chosen();
            ["characters", "style", "thumbnail", "publish", "review", "budget"]
                .into_iter()
                .filter(|name| chosen.get(*name).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(carries(StepName::WriteScript), ["characters", "style", "thumbnail"]);
        assert_eq!(carries(StepName::GenerateImages), ["characters", "style"]);
        assert_eq!(carries(StepName::NarrateScenes), ["characters"]);
        assert_eq!(carries(StepName::AnimateScenes), [""; 0]);
        assert_eq!(carries(StepName::AssembleVideo), ["style", "thumbnail"]);
        assert_eq!(carries(StepName::PublishVideo), ["publish"]);
    }

    #[test]
    fn what_a_step_makes_of_its_part_is_what_it_makes_of_the_whole() {
        let (whole, given, takes, brand) =
            (whole(), GivenScenes::default(), std::collections::BTreeMap::new(), Brand::default());
        let scene = Scene {
            id: "s1".to_owned(),
            narration: "Down.".to_owned(),
            characters: vec!["Ada".to_owned()],
            ..Scene::default()
        };
        let image = Digest::of_bytes(b"image");
        let digests = |step, settings: &Settings| {
            let film =
                FilmInputs { run: 1, topic: "x", given: &given, takes: &takes, settings, brand: &brand };
            match step {
                StepName::WriteScript => vec![script_digest(&film)],
                StepName::GenerateImages => vec![image_digest(1, settings, &scene)],
                StepName::NarrateScenes => vec![voice_digest(1, settings, &scene)],
                StepName::AnimateScenes => vec![clip_digest(1, settings, &scene, &image, 6)],
                StepName::AssembleVideo | StepName::PublishVideo => Vec::new(),
            }
        };
        for step in StepName::ALL {
            assert_eq!(digests(step, &settings_of(step, &whole)), digests(step, &whole), "{step}");
        }
        let speed = |step| settings_of(step, &whole).providers.narration.as_ref().map(|voice| voice.speed);
        assert_eq!(speed(StepName::WriteScript), Some(1.5));
        let fit = settings_of(StepName::AssembleVideo, &whole).providers.animation.clone().map(|it| it.fit);
        assert_eq!(fit, Some(videofactory_crds::settings::ClipFit::Hold));
    }
}
