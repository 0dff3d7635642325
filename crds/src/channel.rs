//! `Channel`: what a channel's videos have in common.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::object_refs::AssetKey;
use crate::settings::VideoSettings;

/// What the channel's videos have in common.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "videofactory.dev",
    version = "v1alpha1",
    kind = "Channel",
    plural = "channels",
    shortname = "ch",
    category = "videofactory",
    namespaced,
    doc = "What a channel's videos have in common. It is frozen into a VideoJob when its run starts; a later \
           edit changes no existing job unless that job asks for it by its refresh-channel-requested-at \
           annotation.",
    derive = "PartialEq",
    printcolumn(name = "Language", type_ = "string", json_path = ".spec.defaults.language"),
    printcolumn(name = "Format", type_ = "string", json_path = ".spec.defaults.format.aspectRatio"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
    ).message(
        "the name of a Channel is a DNS label of at most 63 characters: lower-case letters, digits and dashes"
    )
)]
#[x_kube(
    validation = Rule::new(
        "!has(self.watermark) || (has(self.watermarkKey) && self.watermarkKey != '')"
    ).message("watermark says how the picture of watermarkKey is shown: give watermarkKey, or leave watermark out")
)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSpec {
    /// Settings for jobs that leave them out. A job's own value goes before the channel's, field by field.
    pub defaults: Option<VideoSettings>,

    /// What the pods of the channel's videos carry.
    pub compute: Option<ChannelCompute>,

    /// Tags that every publication of this channel carries.
    #[schemars(length(max = 60), inner(length(min = 1, max = 100)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub default_tags: Option<Vec<String>>,

    /// Key of a clip under assets/ in the bucket that opens every film. It may have any size, rate and length, with
    /// sound or without; it fills the frame, is shown whole, and its length counts towards
    /// length.max.
    pub intro_key: Option<AssetKey>,

    /// Key of a clip under assets/ in the bucket that closes every film, as introKey opens it.
    pub outro_key: Option<AssetKey>,

    /// Key of a picture under assets/ in the bucket that is laid over every film's picture, except in the intro
    /// and the outro. Transparent parts stay transparent.
    pub watermark_key: Option<AssetKey>,

    /// How the picture of watermarkKey is shown.
    pub watermark: Option<WatermarkLook>,
}

/// How a watermark is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatermarkLook {
    /// Where in the part of the frame that players leave free: TopLeft, TopRight, BottomLeft or BottomRight. It gives
    /// way to burned captions. Default: TopRight.
    #[serde(default)]
    pub corner: Corner,

    /// Its opacity in per cent, 1 to 100. Default: 80.
    #[serde(default = "default_opacity")]
    #[schemars(range(min = 1, max = 100))]
    pub opacity: i32,

    /// Its width in per cent of the frame's, 2 to 40. Default: 14.
    #[serde(default = "default_width")]
    #[schemars(range(min = 2, max = 40))]
    pub width: i32,
}

const fn default_opacity() -> i32 {
    80
}

const fn default_width() -> i32 {
    14
}

impl Default for WatermarkLook {
    fn default() -> Self {
        Self { corner: Corner::default(), opacity: default_opacity(), width: default_width() }
    }
}

/// A corner of the frame.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Corner {
    /// Above, at the left.
    TopLeft,
    /// Above, at the right.
    #[default]
    TopRight,
    /// Below, at the left.
    BottomLeft,
    /// Below, at the right.
    BottomRight,
}

/// What the pods of the channel's videos carry.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelCompute {
    /// Labels of the pods; a job's own compute.labels go before these.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::pod_labels")]
    pub labels: Option<BTreeMap<String, String>>,

    /// Annotations of the pods; a job's own compute.annotations go before these.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::pod_annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}
