//! The storyboard: what write-script makes and every later step reads. Written to the bucket once
//! for its inputs; overrides are already laid over it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use videofactory_crds::AssetKey;
use videofactory_crds::videojob::{Scene as GivenScene, SceneOverride};

/// A film's text, in scenes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Storyboard {
    /// For the title card and the publication.
    pub title: String,
    /// For the publication.
    pub description: String,
    /// For the publication.
    pub tags: Vec<String>,
    /// BCP-47.
    pub language: String,
    /// In order of the film; at least one.
    pub scenes: Vec<Scene>,
}

/// One scene. Its `id` is stable: it names the scene in overrides and requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scene {
    /// Unique in its storyboard.
    pub id: String,
    /// What is spoken and captioned; may be empty.
    pub narration: String,
    /// What the picture shows.
    pub image_prompt: String,
    /// What moves in it, and how.
    pub motion_prompt: String,
    /// Names of characters that appear.
    pub characters: Vec<String>,
    /// The scene lasts at least this long.
    pub min_seconds: f64,
    /// Camera angle or movement, in words.
    pub camera: String,
    /// Files of the user's own that take the place of what would be made.
    pub assets: SceneAssets,
    /// Which take of each part is wanted.
    pub takes: Takes,
}

/// Keys under `assets/`; empty where the part is made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SceneAssets {
    /// Instead of a picture that is drawn.
    pub image: String,
    /// Instead of a clip that is made.
    pub clip: String,
    /// Instead of a voice that speaks the narration.
    pub voice: String,
}

/// Which take is wanted, counted from 1. A raised take makes the part again on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Takes {
    /// Of the picture.
    pub image: i32,
    /// Of the voice.
    pub voice: i32,
    /// Of the clip.
    pub clip: i32,
}

impl Default for Takes {
    fn default() -> Self {
        Self { image: 1, voice: 1, clip: 1 }
    }
}

/// Why a storyboard cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoryboardError {
    /// An override names a scene that is not there.
    #[error(
        "failed to override scene {id:?}: the storyboard has no such scene (it has {known}); correct sceneOverrides"
    )]
    OverrideUnknownScene {
        /// The override's id.
        id: String,
        /// The ids there are.
        known: String,
    },
    /// Every scene is skipped.
    #[error("failed to lay out the film: every scene is skipped; leave at least one in sceneOverrides")]
    SkipEveryScene,
    /// Two scenes share an id.
    #[error("failed to lay out the film: two scenes are called {0:?}; give each an id of its own")]
    RepeatScene(String),
}

impl Scene {
    /// A scene as the user gave it.
    #[must_use]
    pub fn given(spec: &GivenScene) -> Self {
        Self {
            id: spec.id.clone(),
            narration: spec.narration.clone().unwrap_or_default(),
            image_prompt: spec.image_prompt.clone().unwrap_or_default(),
            motion_prompt: spec.motion_prompt.clone().unwrap_or_default(),
            characters: spec.characters.clone().unwrap_or_default(),
            min_seconds: spec.min_seconds.unwrap_or_default(),
            camera: spec.camera.clone().unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// The id of a scene that a script writer left without one: `s1` is the first.
#[must_use]
pub fn default_id(place: usize) -> String {
    format!("s{}", place + 1)
}

/// Lays overrides and takes over a storyboard, and leaves out skipped scenes.
///
/// An override's own `take` pins all parts of its scene; otherwise `takes`, which requests to make a
/// part again have raised, decides.
pub fn overlay(
    mut storyboard: Storyboard,
    overrides: &[SceneOverride],
    takes: &BTreeMap<String, Takes>,
) -> Result<Storyboard, StoryboardError> {
    let mut ids = BTreeSet::new();
    if let Some(scene) = storyboard.scenes.iter().find(|scene| !ids.insert(scene.id.clone())) {
        return Err(StoryboardError::RepeatScene(scene.id.clone()));
    }
    if let Some(stray) = overrides.iter().find(|over| !ids.contains(&over.id)) {
        let known = storyboard.scenes.iter().map(|scene| scene.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(StoryboardError::OverrideUnknownScene { id: stray.id.clone(), known });
    }
    for scene in &mut storyboard.scenes {
        scene.takes = takes.get(&scene.id).copied().unwrap_or_default();
        if let Some(over) = overrides.iter().find(|over| over.id == scene.id) {
            lay_over(scene, over);
        }
    }
    let skipped = |scene: &Scene| overrides.iter().any(|over| over.id == scene.id && over.skip == Some(true));
    storyboard.scenes.retain(|scene| !skipped(scene));
    if storyboard.scenes.is_empty() {
        return Err(StoryboardError::SkipEveryScene);
    }
    Ok(storyboard)
}

fn lay_over(scene: &mut Scene, over: &SceneOverride) {
    let set = |field: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            field.clone_from(value);
        }
    };
    set(&mut scene.narration, &over.narration);
    set(&mut scene.image_prompt, &over.image_prompt);
    set(&mut scene.motion_prompt, &over.motion_prompt);
    if let Some(take) = over.take {
        scene.takes = Takes { image: take, voice: take, clip: take };
    }
    if let Some(assets) = &over.assets {
        let key =
            |asset: &Option<AssetKey>| asset.as_ref().and_then(AssetKey::get).unwrap_or_default().to_owned();
        scene.assets =
            SceneAssets { image: key(&assets.image), clip: key(&assets.clip), voice: key(&assets.voice) };
    }
}
