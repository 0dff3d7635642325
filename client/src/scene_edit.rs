//! What people ask of single scenes: another text, another take, a file of their own. As the patch that asks it, and with
//! what it would make again. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serde_with_macros::skip_serializing_none;
use strum::VariantArray;
use videofactory_crds::videojob::{SceneAssets, SceneOverride};
use videofactory_crds::{StepName, VideoJob, requests};

/// How a scene is to differ from the storyboard: an entry of `spec.sceneOverrides`, without its id. What is absent is as
/// the storyboard has it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SceneWish {
    pub narration: Option<String>,
    pub image_prompt: Option<String>,
    pub motion_prompt: Option<String>,
    pub take: Option<i32>,
    pub skip: Option<bool>,
    pub assets: Option<SceneAssets>,
}

/// A part of a scene that can be made again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ScenePart {
    /// The picture, and with it the clip.
    Image,
    Clip,
    Voice,
}

impl ScenePart {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl SceneWish {
    /// How a scene of a job differs from the storyboard now.
    #[must_use]
    pub fn of(job: &VideoJob, scene: &str) -> Self {
        let over = job.spec.scene_overrides.iter().flatten().find(|over| over.id == scene);
        over.cloned().map(Self::from).unwrap_or_default()
    }

    fn with_id(self, id: &str) -> SceneOverride {
        let Self { narration, image_prompt, motion_prompt, take, skip, assets } = self;
        SceneOverride { id: id.to_owned(), narration, image_prompt, motion_prompt, take, skip, assets }
    }

    /// The same, where what says nothing is left out: the first take, a scene that is not skipped, no file.
    #[must_use]
    pub fn tidied(self) -> Self {
        let none = SceneAssets::default();
        Self {
            skip: self.skip.filter(|skip| *skip),
            assets: self.assets.filter(|assets| *assets != none),
            ..self
        }
    }
}

impl From<SceneOverride> for SceneWish {
    fn from(over: SceneOverride) -> Self {
        let SceneOverride { narration, image_prompt, motion_prompt, take, skip, assets, .. } = over;
        Self { narration, image_prompt, motion_prompt, take, skip, assets }
    }
}

/// The merge patch that lets a scene be so; of the very version of the job that was read, because it replaces the list.
#[must_use]
pub fn patch(job: &VideoJob, scene: &str, wish: SceneWish) -> Value {
    let wish = wish.tidied();
    let mut overrides = job.spec.scene_overrides.clone().unwrap_or_default();
    let place = overrides.iter().position(|over| over.id == scene);
    match (place, wish == SceneWish::default()) {
        (Some(place), true) => {
            overrides.remove(place);
        }
        (Some(place), false) => overrides[place] = wish.with_id(scene),
        (None, true) => {}
        (None, false) => overrides.push(wish.with_id(scene)),
    }
    json!({"metadata": {"resourceVersion": job.resource_version()}, "spec": {"sceneOverrides": overrides}})
}

/// The steps that work again where a scene is to be otherwise.
#[must_use]
pub fn remade(before: &SceneWish, after: &SceneWish) -> BTreeSet<StepName> {
    use StepName::{AnimateScenes, AssembleVideo, GenerateImages, NarrateScenes};
    let none = SceneAssets::default();
    let (own, now_own) = (before.assets.as_ref().unwrap_or(&none), after.assets.as_ref().unwrap_or(&none));
    let takes = before.take.unwrap_or(1) != after.take.unwrap_or(1);
    let differs = [
        (before.narration != after.narration, &[NarrateScenes][..]),
        (before.image_prompt != after.image_prompt, &[GenerateImages, AnimateScenes]),
        (before.motion_prompt != after.motion_prompt, &[AnimateScenes]),
        (takes, &[GenerateImages, NarrateScenes, AnimateScenes]),
        (own.image != now_own.image, &[GenerateImages, AnimateScenes]),
        (own.voice != now_own.voice, &[NarrateScenes]),
        (own.clip != now_own.clip, &[AnimateScenes]),
        (before.skip.unwrap_or_default() != after.skip.unwrap_or_default(), &[]),
    ];
    let mut steps = BTreeSet::new();
    for (_, made) in differs.iter().filter(|(differs, _)| *differs) {
        steps.extend(made.iter().copied());
        steps.insert(AssembleVideo);
    }
    steps
}

/// The merge patch that asks for a part of these scenes to be made again.
#[must_use]
pub fn regenerate(at: Timestamp, scenes: &[String], what: ScenePart) -> Value {
    let request = json!({"at": at.to_string(), "scenes": scenes, "what": what});
    json!({"metadata": {"annotations": {requests::REGENERATE: request.to_string()}}})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn job(overrides: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "resourceVersion": "7"},
            "spec": {"topic": "the ocean", "sceneOverrides": overrides},
        }))
        .unwrap()
    }

    fn wish(fields: &Value) -> SceneWish {
        serde_json::from_value(fields.clone()).unwrap()
    }

    #[test]
    fn an_edit_replaces_adds_or_removes_the_entry_of_its_scene_alone() {
        let before = job(&json!([{"id": "s1", "narration": "One."}, {"id": "s2", "take": 2}]));
        for (scene, fields, expected) in [
            (
                "s1",
                json!({"imagePrompt": "a whale"}),
                json!([{"id": "s1", "imagePrompt": "a whale"}, {"id": "s2", "take": 2}]),
            ),
            (
                "s3",
                json!({"skip": true}),
                json!([{"id": "s1", "narration": "One."}, {"id": "s2", "take": 2}, {"id": "s3", "skip": true}]),
            ),
            ("s2", json!({"skip": false, "assets": {}}), json!([{"id": "s1", "narration": "One."}])),
            ("s3", json!({}), json!([{"id": "s1", "narration": "One."}, {"id": "s2", "take": 2}])),
        ] {
            let patch = patch(&before, scene, wish(&fields));
            assert_eq!(
                patch,
                json!({"metadata": {"resourceVersion": "7"}, "spec": {"sceneOverrides": expected}})
            );
        }
        assert_eq!(SceneWish::of(&before, "s2"), wish(&json!({"take": 2})));
        assert_eq!(SceneWish::of(&before, "s9"), SceneWish::default());
    }

    #[test]
    fn an_edit_makes_again_what_depends_on_it() {
        let steps = |before: &Value, after: &Value| {
            let steps = remade(&wish(before), &wish(after));
            steps.into_iter().map(StepName::as_str).collect::<Vec<_>>().join(" ")
        };
        let none = json!({});
        for (after, expected) in [
            (json!({}), ""),
            (json!({"take": 1, "skip": false}), ""),
            (json!({"narration": "x"}), "narrate-scenes assemble-video"),
            (json!({"imagePrompt": "x"}), "generate-images animate-scenes assemble-video"),
            (json!({"motionPrompt": "x"}), "animate-scenes assemble-video"),
            (json!({"take": 2}), "generate-images narrate-scenes animate-scenes assemble-video"),
            (json!({"skip": true}), "assemble-video"),
            (json!({"assets": {"voice": "assets/a.wav"}}), "narrate-scenes assemble-video"),
        ] {
            assert_eq!(steps(&none, &after), expected, "{after}");
            assert_eq!(steps(&after, &none), expected, "back from {after}");
        }
    }

    #[test]
    fn a_request_to_make_a_part_again_is_one_that_the_operator_reads() {
        for part in ScenePart::ALL {
            let patch = regenerate(Timestamp::UNIX_EPOCH, &["s1".to_owned()], *part);
            let text = patch["metadata"]["annotations"][requests::REGENERATE].as_str().unwrap().to_owned();
            let (read, unreadable) =
                requests::job_requests(&BTreeMap::from([(requests::REGENERATE.to_owned(), text)]));
            assert!(unreadable.is_empty(), "{unreadable:?}");
            assert_eq!(read.regenerate.unwrap().scenes, ["s1"]);
        }
    }
}
