//! Which account does a kind of work, and how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use crate::object_refs::LocalRef;

/// A provider's own parameters, by their names there; handed on as they are.
pub type Parameters = BTreeMap<String, Value>;

/// Who does each kind of work.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Providers {
    /// Who writes the script. Absent: the embedded writer, which fills templates.
    pub script: Option<ScriptProvider>,

    /// Who draws the scenes. Absent: the embedded illustrator.
    pub images: Option<ImageProvider>,

    /// Who animates the scenes. Absent: still motion, a slow zoom or pan over each picture.
    pub animation: Option<AnimationProvider>,

    /// Who speaks. Absent: the embedded voice.
    pub narration: Option<NarrationProvider>,
}

/// Who writes the script.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptProvider {
    /// The ProviderAccount to use. Absent: the embedded writer.
    pub account_ref: Option<LocalRef>,

    /// Model, by the provider's name for it. Absent: the provider's usual one at the first attempt, which is
    /// then recorded and kept.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// The provider's own parameters, by their names there: for example temperature.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::parameters")]
    pub parameters: Option<Parameters>,
}

/// Who draws the scenes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageProvider {
    /// The ProviderAccount to use. Absent: the embedded illustrator.
    pub account_ref: Option<LocalRef>,

    /// Model, by the provider's name for it. Absent: the provider's usual one at the first attempt, which is
    /// then recorded and kept.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// The provider's own parameters, by their names there: for example guidance_scale.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::parameters")]
    pub parameters: Option<Parameters>,
}

/// Who animates the scenes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnimationProvider {
    /// The ProviderAccount to use. Absent: still motion, a slow zoom or pan over each picture.
    pub account_ref: Option<LocalRef>,

    /// Model, by the provider's name for it. Absent: the provider's usual one at the first attempt, which is
    /// then recorded and kept.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// The provider's own parameters, by their names there: for example resolution.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::parameters")]
    pub parameters: Option<Parameters>,

    /// What to do while the account's quota is used up: Wait for it, or use StillMotion for the scenes that
    /// are left. Built-in: Wait.
    pub on_rate_limit: Option<OnRateLimit>,

    /// What to do with a clip shorter than its scene: Slow it down (to at most 1.2 times, then hold), Hold its
    /// last picture, or Regenerate it longer, which costs again. Built-in: Slow.
    pub fit: Option<ClipFit>,
}

/// What to do while the quota for animation is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum OnRateLimit {
    /// Wait for the next free unit.
    Wait,
    /// Move the still picture locally instead.
    StillMotion,
}

/// What to do with a clip shorter than its scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum ClipFit {
    /// Slow it down to at most 1.2 times, then hold.
    Slow,
    /// Hold its last picture with a little motion.
    Hold,
    /// Ask the provider for a longer one.
    Regenerate,
}

/// The provider of narration, with its voice.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NarrationProvider {
    /// The ProviderAccount to use. Absent: the embedded voice.
    pub account_ref: Option<LocalRef>,

    /// Model, by the provider's name for it. Absent: the provider's usual one at the first attempt, which is
    /// then recorded and kept.
    #[schemars(length(max = 200))]
    pub model: Option<String>,

    /// The provider's own parameters, by their names there.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::parameters")]
    pub parameters: Option<Parameters>,

    /// Voice, by the provider's name for it: for example Kore. Absent: the provider's usual one.
    #[schemars(length(max = 100))]
    pub voice: Option<String>,

    /// Speed of speech: 1.0 is as recorded, 0.5 half and 2.0 double. Built-in: 1.0.
    #[schemars(range(min = 0.5, max = 2.0))]
    pub speed: Option<f64>,

    /// Film: one request speaks all scenes, so that the tone stays the same. Scene: one request each.
    /// Built-in: Film.
    pub grouping: Option<Grouping>,
}

/// How much one narration request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Grouping {
    /// All scenes whose voice is missing.
    Film,
    /// One scene.
    Scene,
}
