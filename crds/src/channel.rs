//! `Channel`: what a channel's videos have in common.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::reference::AssetKey;
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

    /// Key of a clip under assets/ in the bucket that opens every film.
    pub intro_key: Option<AssetKey>,

    /// Key of a clip under assets/ in the bucket that closes every film.
    pub outro_key: Option<AssetKey>,

    /// Key of an image under assets/ in the bucket that is laid over every film's picture.
    pub watermark_key: Option<AssetKey>,
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
