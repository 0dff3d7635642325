//! What a step's result depends on: the one table of which field belongs to which step.
//!
//! In: prompts, model, voice, parameters, the rounded length that a provider sells. Out: account
//! names, endpoints, onRateLimit, grouping, retry, compute, priority.

mod preview;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use videofactory_crds::{StepName, WatermarkLook};

use crate::contract::{Brand, GivenScenes, Upstream};
use crate::digest::{Digest, verbatim};
use crate::settings::{Character, Provider, Settings};
use crate::storyboard::{Scene, Takes};

pub use preview::{approval_digest, preview_digest};

/// The version of the digests. It is raised only when old artifacts must not be used any more.
const VERSION: u32 = 1;

/// Everything of a video that digests are made from, besides the results of the steps before.
#[derive(Clone, Copy, Debug)]
pub struct FilmInputs<'a> {
    /// `status.run`.
    pub run: i64,
    /// `spec.topic`.
    pub topic: &'a str,
    /// `spec.scenes` and `spec.sceneOverrides`.
    pub given: &'a GivenScenes,
    /// Takes raised on request.
    pub takes: &'a BTreeMap<String, Takes>,
    /// The settings in force.
    pub settings: &'a Settings,
    /// The channel's own parts.
    pub brand: &'a Brand,
}

/// What a step's result depends on. `upstream` holds at least the results that the step needs.
#[must_use]
pub fn step_digest(step: StepName, film: &FilmInputs<'_>, upstream: &BTreeMap<StepName, Upstream>) -> Digest {
    let before: BTreeMap<String, &Digest> = crate::graph::step(step)
        .needs
        .iter()
        .filter_map(|need| Some((need.to_string(), &upstream.get(need)?.output)))
        .collect();
    Digest::of(&json!({
        "version": VERSION, "run": film.run, "step": step, "settings": step_settings(step, film), "before": before,
    }))
}

/// The step's part of the settings.
fn step_settings(step: StepName, film: &FilmInputs<'_>) -> Value {
    let all = film.settings.chosen();
    let part = |names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), all.get(*name).cloned().unwrap_or_default())).collect()
    };
    let providers = &film.settings.providers;
    match step {
        StepName::WriteScript => json!({
            "script": script_parts(film), "overrides": own(&film.given.overrides), "takes": raised(film.takes),
        }),
        StepName::GenerateImages => json!({
            "all": part(&["style", "characters"]), "shape": shape(film.settings), "provider": made_by(providers.images.as_ref()),
        }),
        StepName::NarrateScenes => json!({
            "all": part(&["language"]), "provider": made_by(providers.narration.as_ref()),
            "voices": voices(&film.settings.characters),
        }),
        StepName::AnimateScenes => json!({
            "shape": shape(film.settings), "provider": made_by(providers.animation.as_ref()),
            "transition": part(&["transition"]),
        }),
        StepName::AssembleVideo => json!({
            "all": part(&["language", "format", "captions", "audio", "transition", "thumbnail", "checks"]),
            "fit": providers.animation.as_ref().map(|provider| provider.fit),
            "brand": brand(film.brand),
        }),
        StepName::PublishVideo => json!({"all": part(&["publish"]), "tags": film.brand.tags}),
    }
}

/// What a channel adds to the film itself. A watermark's look counts where there is one and it is not the usual one.
fn brand(brand: &Brand) -> Value {
    let keys = [&brand.intro, &brand.outro, &brand.watermark];
    if brand.watermark.is_empty() || brand.watermark_look == WatermarkLook::default() {
        return json!(keys);
    }
    json!([keys, brand.watermark_look])
}

/// The digest of the script itself: no override and no take asks its writer again.
#[must_use]
pub fn script_digest(film: &FilmInputs<'_>) -> Digest {
    Digest::of(&json!({"version": VERSION, "run": film.run, "script": script_parts(film)}))
}

fn script_parts(film: &FilmInputs<'_>) -> Value {
    let settings = film.settings;
    if !film.given.scenes.is_empty() {
        return json!({"scenes": film.given.scenes, "topic": film.topic, "language": chosen(settings, "language")});
    }
    json!({
        "topic": film.topic,
        "language": chosen(settings, "language"),
        "length": chosen(settings, "length"),
        "sceneCount": chosen(settings, "sceneCount"),
        "style": chosen(settings, "style"),
        "characters": settings.characters.iter().map(looks).collect::<Vec<_>>(),
        "provider": made_by(settings.providers.script.as_ref()),
    })
}

/// What a scene's picture is made from.
#[must_use]
pub fn image_digest(run: i64, settings: &Settings, scene: &Scene) -> Digest {
    if !scene.assets.image.is_empty() {
        return asset_digest(run, &scene.assets.image, scene.takes.image);
    }
    // How they look: a voice of theirs draws nothing again.
    let cast: Vec<Value> = settings
        .characters
        .iter()
        .filter(|character| scene.characters.contains(&character.name))
        .map(looks)
        .collect();
    Digest::of(&json!({
        "version": VERSION, "run": run, "what": "image", "prompt": scene.image_prompt, "camera": scene.camera,
        "style": settings.style, "cast": cast, "shape": shape(settings), "take": scene.takes.image,
        "provider": made_by(settings.providers.images.as_ref()),
    }))
}

/// What a scene's voice is made from.
#[must_use]
pub fn voice_digest(run: i64, settings: &Settings, scene: &Scene) -> Digest {
    if !scene.assets.voice.is_empty() {
        let asset = format!("{}\n{}", scene.assets.voice, scene.narration);
        return asset_digest(run, &asset, scene.takes.voice);
    }
    let speakers: Vec<&Character> =
        settings.characters.iter().filter(|character| scene.characters.contains(&character.name)).collect();
    Digest::of(&json!({
        "version": VERSION, "run": run, "what": "voice", "text": scene.narration, "language": settings.language,
        "voices": voices_of(&speakers), "take": scene.takes.voice,
        "provider": made_by(settings.providers.narration.as_ref()),
    }))
}

/// What a scene's clip is made from. `seconds` is the length that the provider sells, rounded up
/// already: a small change of the voice changes nothing here. Zero for still motion.
#[must_use]
pub fn clip_digest(run: i64, settings: &Settings, scene: &Scene, image: &Digest, seconds: u32) -> Digest {
    if !scene.assets.clip.is_empty() {
        return asset_digest(run, &scene.assets.clip, scene.takes.clip);
    }
    Digest::of(&json!({
        "version": VERSION, "run": run, "what": "clip", "prompt": scene.motion_prompt, "camera": scene.camera,
        "image": image, "seconds": seconds, "shape": shape(settings), "take": scene.takes.clip,
        "provider": made_by(settings.providers.animation.as_ref()),
    }))
}

/// A raised take makes a file that was replaced under its name to be read again.
fn asset_digest(run: i64, asset: &str, take: i32) -> Digest {
    let raised = (take != 1).then_some(take);
    Digest::of(&json!({"version": VERSION, "run": run, "asset": asset, "take": raised}))
}

/// The frame's shape and size, which pictures and clips are made for; not its rate.
fn shape(settings: &Settings) -> Value {
    let (width, height) = settings.frame();
    json!({"width": width, "height": height})
}

/// What of a provider decides the result: not who pays, nor how one waits.
fn made_by(provider: Option<&Provider>) -> Value {
    let Some(provider) = provider else { return Value::Null };
    json!({
        "hired": provider.account_ref.is_some(), "model": provider.model, "parameters": own(&provider.parameters),
        "voice": provider.voice, "speed": ((provider.speed - 1.0).abs() > f64::EPSILON).then_some(provider.speed),
    })
}

/// What is a person's own to the letter: with an override, an empty narration is silence, and none is the storyboard's.
fn own(value: &impl Serialize) -> Value {
    verbatim(&serde_json::to_value(value).unwrap_or_default())
}

/// What of a character is written about and drawn.
fn looks(character: &Character) -> Value {
    json!([character.name, character.description, character.reference_images])
}

fn voices(characters: &[Character]) -> Value {
    voices_of(&characters.iter().collect::<Vec<_>>())
}

fn voices_of(characters: &[&Character]) -> Value {
    characters
        .iter()
        .filter_map(|character| Some((character.name.clone(), Value::String(character.voice.clone()?))))
        .collect()
}

/// Takes that were raised; a first take is no news.
fn raised(takes: &BTreeMap<String, Takes>) -> BTreeMap<&String, &Takes> {
    takes.iter().filter(|(_, takes)| **takes != Takes::default()).collect()
}

fn chosen<'a>(settings: &'a Settings, name: &str) -> impl Serialize + use<'a> {
    settings.chosen().get(name).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_crds::Corner;
    use videofactory_crds::settings::ClipFit;

    use super::*;
    use crate::storyboard::SceneAssets;

    /// A film as a user writes it, with every digest that its steps and first scene have.
    struct Case {
        settings: Settings,
        given: GivenScenes,
        takes: BTreeMap<String, Takes>,
        brand: Brand,
        scene: Scene,
    }

    impl Case {
        fn new() -> Self {
            Self {
                settings: settings(
                    json!({"format": {"fps": 24}, "providers": {"animation": {"accountRef": {"name": "grok"}, "model": "m"}}}),
                ),
                given: GivenScenes::default(),
                takes: BTreeMap::new(),
                brand: Brand::default(),
                scene: Scene {
                    id: "s1".to_owned(),
                    narration: "Down there.".to_owned(),
                    image_prompt: "a whale".to_owned(),
                    ..Scene::default()
                },
            }
        }

        fn all(&self) -> BTreeMap<String, String> {
            let film = FilmInputs {
                run: 1,
                topic: "The deep",
                given: &self.given,
                takes: &self.takes,
                settings: &self.settings,
                brand: &self.brand,
            };
            let made = |name: &str| Upstream {
                input: Digest::of_bytes(b"in"),
                output: Digest::of_bytes(name.as_bytes()),
            };
            let upstream = StepName::ALL.map(|step| (step, made(step.as_str()))).into_iter().collect();
            let mut all: BTreeMap<String, String> = StepName::ALL
                .map(|step| (step.to_string(), step_digest(step, &film, &upstream).to_string()))
                .into_iter()
                .collect();
            let image = image_digest(1, &self.settings, &self.scene);
            all.insert("script".to_owned(), script_digest(&film).to_string());
            all.insert("voice".to_owned(), voice_digest(1, &self.settings, &self.scene).to_string());
            all.insert("clip".to_owned(), clip_digest(1, &self.settings, &self.scene, &image, 6).to_string());
            all.insert("image".to_owned(), image.to_string());
            all
        }
    }

    fn settings(value: Value) -> Settings {
        Settings::resolve(&serde_json::from_value(value).unwrap(), None, false).unwrap()
    }

    /// The names of the digests that a change makes different.
    fn changed(change: impl Fn(&mut Case)) -> Vec<String> {
        let before = Case::new().all();
        let mut case = Case::new();
        change(&mut case);
        case.all()
            .into_iter()
            .filter(|(name, digest)| before[name] != *digest)
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn digests_are_frozen() {
        insta::assert_json_snapshot!(Case::new().all());
    }

    /// A field, how it is changed, and the digests that change with it.
    type Row = (&'static str, fn(&mut Case), &'static [&'static str]);

    #[test]
    fn each_field_belongs_to_its_steps() {
        let table: [Row; 16] = [
            ("captions", |c| c.settings.captions.style.max_lines = 1, &["assemble-video"]),
            ("rate", |c| c.settings.format.fps = 25, &["assemble-video"]),
            ("topic of the title", |c| c.brand.tags.push("sea".to_owned()), &["publish-video"]),
            ("intro", |c| c.brand.intro = "assets/i.mp4".to_owned(), &["assemble-video"]),
            ("outro", |c| c.brand.outro = "assets/o.mp4".to_owned(), &["assemble-video"]),
            ("watermark", |c| c.brand.watermark = "assets/w.png".to_owned(), &["assemble-video"]),
            ("the look of no watermark", |c| c.brand.watermark_look.opacity = 50, &[]),
            (
                "script's model",
                |c| {
                    c.settings.providers.script =
                        Some(Provider { model: "x".to_owned(), ..Provider::default() });
                },
                &["script", "write-script"],
            ),
            (
                "override",
                |c| {
                    c.given
                        .overrides
                        .push(serde_json::from_value(json!({"id": "s1", "narration": "n"})).unwrap());
                },
                &["write-script"],
            ),
            (
                "a take",
                |c| {
                    c.takes.insert("s1".to_owned(), Takes { clip: 2, ..Takes::default() });
                },
                &["write-script"],
            ),
            ("a clip's take", |c| c.scene.takes.clip = 2, &["clip"]),
            ("a picture's take", |c| c.scene.takes.image = 2, &["clip", "image"]),
            (
                "how clips are fitted",
                |c| c.settings.providers.animation.as_mut().unwrap().fit = ClipFit::Regenerate,
                &["assemble-video"],
            ),
            ("narration", |c| c.scene.narration = "Up here.".to_owned(), &["voice"]),
            (
                "a voice's speed",
                |c| c.settings.providers.narration = Some(Provider { speed: 1.2, ..Provider::default() }),
                &["narrate-scenes", "voice"],
            ),
            (
                "style",
                |c| c.settings.style.suffix = "noir".to_owned(),
                &["generate-images", "script", "write-script", "clip", "image"],
            ),
        ];
        for (what, change, expected) in table {
            let mut expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
            expected.sort();
            assert_eq!(changed(change), expected, "{what}");
        }
    }

    #[test]
    fn another_look_of_a_watermark_makes_another_film() {
        let with = |look: WatermarkLook| {
            let mut case = Case::new();
            case.brand.watermark = "assets/w.png".to_owned();
            case.brand.watermark_look = look;
            case.all()["assemble-video"].clone()
        };
        let usual = WatermarkLook::default();
        let looks = [
            usual,
            WatermarkLook { corner: Corner::BottomLeft, ..usual },
            WatermarkLook { opacity: 50, ..usual },
            WatermarkLook { width: 20, ..usual },
        ];
        let films: std::collections::BTreeSet<String> = looks.into_iter().map(with).collect();
        assert_eq!(films.len(), looks.len(), "{films:?}");
    }

    #[test]
    fn who_pays_and_how_one_waits_is_no_input() {
        let changed = changed(|case| {
            let animation = case.settings.providers.animation.as_mut().unwrap();
            animation.account_ref = Some(videofactory_crds::LocalRef::new("other"));
            animation.on_rate_limit = videofactory_crds::settings::OnRateLimit::StillMotion;
            case.settings.budget = Some(videofactory_crds::settings::Budget::default());
        });
        assert_eq!(changed, Vec::<String>::new());
    }

    #[test]
    fn an_empty_override_or_parameter_is_not_an_absent_one() {
        let overridden = |change: Value| {
            let mut case = Case::new();
            case.given.overrides.push(serde_json::from_value(change).unwrap());
            case.all()
        };
        let (absent, silent) =
            (overridden(json!({"id": "s1"})), overridden(json!({"id": "s1", "narration": ""})));
        assert_ne!(absent["write-script"], silent["write-script"]);
        assert_eq!(absent["script"], silent["script"], "the writer is asked again");

        let with = |parameters: Value| {
            let mut case = Case::new();
            let animation = case.settings.providers.animation.as_mut().unwrap();
            animation.parameters = serde_json::from_value(parameters).unwrap();
            case.all()
        };
        let parts = |all: &BTreeMap<String, String>| (all["animate-scenes"].clone(), all["clip"].clone());
        let (absent, empty) = (with(json!({})), with(json!({"negative_prompt": ""})));
        assert_ne!(parts(&absent), parts(&empty));
        assert_eq!(absent, Case::new().all());
    }

    #[test]
    fn a_new_run_makes_everything_again() {
        let case = Case::new();
        assert_ne!(
            image_digest(1, &case.settings, &case.scene),
            image_digest(2, &case.settings, &case.scene)
        );
    }

    #[test]
    fn a_raised_take_reads_a_file_of_ones_own_again_and_a_first_one_changes_nothing() {
        let mut case = Case::new();
        let key = |name: &str| format!("assets/{name}");
        case.scene.assets = SceneAssets { image: key("a.png"), clip: key("a.mp4"), voice: key("a.wav") };
        let first = case.all();
        assert_eq!(
            first["image"],
            Digest::of(&json!({"version": VERSION, "run": 1, "asset": "assets/a.png"})).as_str()
        );
        for (name, takes) in [
            ("image", Takes { image: 2, ..Takes::default() }),
            ("voice", Takes { voice: 2, ..Takes::default() }),
            ("clip", Takes { clip: 2, ..Takes::default() }),
        ] {
            case.scene.takes = takes;
            let raised = case.all();
            let changed: Vec<&String> = first.keys().filter(|part| first[*part] != raised[*part]).collect();
            assert_eq!(changed, [name]);
        }
    }

    #[test]
    fn an_asset_takes_the_place_of_the_prompt() {
        let mut case = Case::new();
        case.scene.assets.image = "assets/a.png".to_owned();
        let one = image_digest(1, &case.settings, &case.scene);
        case.scene.image_prompt = "something else".to_owned();
        assert_eq!(one, image_digest(1, &case.settings, &case.scene));
    }
}
