//! What a video is to be like, and what a Channel may supply for all of its videos.
//!
//! Every field is optional and has no schema default: a job's own value goes before its Channel's and
//! that before the built-in one, so "unset" must stay distinguishable. The descriptions name the built-in.

mod finish;
mod providers;
mod publish;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

pub use finish::{
    Audio, AudioSource, CaptionHighlight, CaptionMode, CaptionPosition, CaptionStyle, Captions, CheckAction,
    Checks, Music, MusicSource, Thumbnail, ThumbnailSource, Transition, TransitionKind,
};
pub use providers::{
    AnimationProvider, ClipFit, Grouping, ImageProvider, NarrationProvider, OnRateLimit, Parameters,
    Providers, ScriptProvider,
};
pub use publish::{MissedSlot, Publish, PublishTarget, TargetType, Visibility};

use crate::object_refs::AssetKey;
use crate::step::StepName;
use crate::units::{Duration, Money};

/// The settings that a job has or takes from its Channel.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VideoSettings {
    /// Language of narration and captions, as a BCP-47 tag: for example en, de or pt-BR. Built-in: en.
    #[schemars(length(min = 2, max = 35))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$')").message(
        "a language is a BCP-47 tag such as en, de or pt-BR"
    ))]
    pub language: Option<String>,

    /// How long the film is to be.
    pub length: Option<Length>,

    /// Number of scenes when the script is written for you, 1 to 200. Built-in: 6.
    #[schemars(range(min = 1, max = 200))]
    pub scene_count: Option<i32>,

    /// Shape, size and frame rate of the picture.
    pub format: Option<Format>,

    /// The look that all scenes share.
    pub style: Option<Style>,

    /// People and figures that come back in several scenes and must look and sound the same.
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub characters: Option<Vec<Character>>,

    /// Who writes, draws, animates and speaks. What is left out is done by the embedded providers, which
    /// are offline and free.
    pub providers: Option<Providers>,

    /// Captions of what is said.
    pub captions: Option<Captions>,

    /// The film's sound.
    pub audio: Option<Audio>,

    /// How one scene becomes the next.
    pub transition: Option<Transition>,

    /// The still image that stands for the film.
    pub thumbnail: Option<Thumbnail>,

    /// What is checked in the finished film, and what a failed check means.
    pub checks: Option<Checks>,

    /// Where the job stops for a person's approval. Absent: nowhere.
    pub review: Option<Review>,

    /// Where the finished film goes. Absent: it stays in the bucket.
    pub publish: Option<Publish>,

    /// What the video may cost. Absent: no limit of its own.
    pub budget: Option<Budget>,
}

/// How long the film is to be.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(
        "(!has(self.target) || !self.target.endsWith('d')) && (!has(self.max) || !self.max.endsWith('d'))"
    ).message("a film's length is given in seconds, minutes or hours: for example 45s or 3m"),
    validation = Rule::new(
        "!has(self.target) || !has(self.max) \
         || !self.target.matches('^[1-9][0-9]{0,6}[smh]$') || !self.max.matches('^[1-9][0-9]{0,6}[smh]$') \
         || duration(self.target) <= duration(self.max)"
    ).message("length.target must not be above length.max")
)]
#[serde(rename_all = "camelCase")]
pub struct Length {
    /// Length to aim at when the script is written for you. Built-in: 45s.
    pub target: Option<Duration>,

    /// Length that the film must not exceed. Built-in: 180s, or the target where that is longer.
    pub max: Option<Duration>,
}

/// Shape, size and frame rate of the picture.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Format {
    /// Width to height, in quotes: "9:16" (upright), "16:9" (wide), "1:1", "4:3", "3:4" or "4:5". Built-in: "9:16".
    pub aspect_ratio: Option<AspectRatio>,

    /// Length of the picture's shorter side in lines: 360p, 480p, 720p or 1080p. Built-in: 720p.
    pub resolution: Option<Resolution>,

    /// Frames a second: 24, 25, 30, 48, 50 or 60. Built-in: 30.
    #[schemars(range(min = 24, max = 60))]
    #[x_kube(validation = Rule::new("self in [24, 25, 30, 48, 50, 60]").message(
        "fps is 24, 25, 30, 48, 50 or 60"
    ))]
    pub fps: Option<i32>,
}

/// Width to height of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum AspectRatio {
    /// Upright, for phones.
    #[serde(rename = "9:16")]
    Portrait9x16,
    /// Wide, for screens.
    #[serde(rename = "16:9")]
    Landscape16x9,
    /// Square.
    #[serde(rename = "1:1")]
    Square,
    /// Classic television.
    #[serde(rename = "4:3")]
    Landscape4x3,
    /// Classic portrait.
    #[serde(rename = "3:4")]
    Portrait3x4,
    /// Upright in a feed of posts.
    #[serde(rename = "4:5")]
    Portrait4x5,
}

impl AspectRatio {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Portrait9x16,
        Self::Landscape16x9,
        Self::Square,
        Self::Landscape4x3,
        Self::Portrait3x4,
        Self::Portrait4x5,
    ];

    /// Its name on the wire and the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portrait9x16 => "9:16",
            Self::Landscape16x9 => "16:9",
            Self::Square => "1:1",
            Self::Landscape4x3 => "4:3",
            Self::Portrait3x4 => "3:4",
            Self::Portrait4x5 => "4:5",
        }
    }
}

/// Length of the picture's shorter side in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Resolution {
    /// 360 lines.
    #[serde(rename = "360p")]
    P360,
    /// 480 lines.
    #[serde(rename = "480p")]
    P480,
    /// 720 lines.
    #[serde(rename = "720p")]
    P720,
    /// 1080 lines.
    #[serde(rename = "1080p")]
    P1080,
}

/// The look that all scenes share.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Style {
    /// Words added to every image prompt: for example "cinematic, volumetric light".
    #[schemars(length(max = 500))]
    pub suffix: Option<String>,
}

/// Someone who comes back in several scenes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Character {
    /// Name by which scenes refer to the character.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// What the character looks like; added to the image prompt of every scene that names it.
    #[schemars(length(max = 1000))]
    pub description: Option<String>,

    /// Pictures of the character, as keys under assets/ in the bucket, for providers that take them.
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reference_images: Option<Vec<AssetKey>>,

    /// Voice in which the character speaks, by its provider's name. Absent: the narrator's.
    #[schemars(length(max = 100))]
    pub voice: Option<String>,
}

/// Where the job stops for a person's approval.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.after) || !('publish-video' in self.after)").message(
    "nothing follows publish-video that could wait for a review: name assemble-video to see the film before it is published"
))]
pub struct Review {
    /// Steps whose output must be approved before what follows them begins: write-script, generate-images, narrate-scenes,
    /// animate-scenes or assemble-video.
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub after: Option<Vec<StepName>>,
}

/// What the video may cost.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Most that providers may be paid for one run of this video, in US dollars, in quotes: for example "2.50"; a restart
    /// begins a new run with all of it. The estimate is reserved before a paid step, the actual cost is recorded after
    /// it. A step whose price nobody knows waits until the ProviderAccount's prices name it.
    pub limit: Option<Money>,
}

#[cfg(test)]
mod tests {
    use schemars::SchemaGenerator;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_a_film_has_its_name() {
        let schema = AspectRatio::json_schema(&mut SchemaGenerator::default());
        assert_eq!(schema.get("enum"), Some(&json!(AspectRatio::ALL.map(AspectRatio::as_str))));
        for ratio in AspectRatio::ALL {
            assert_eq!(json!(ratio), ratio.as_str());
        }
    }
}
