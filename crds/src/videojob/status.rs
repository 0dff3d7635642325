//! The checkpoint of a `VideoJob`: what is done, what runs, what it waits for.
//!
//! Small by design: scenes are sets of intervals, never a record each. Every field is optional, because the
//! schema gives a new object `{observedGeneration: -1}`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::StepStatus;
use crate::channel::ChannelSpec;
use crate::condition::{Phase, display_wire_name};
use crate::step::StepName;
use crate::units::Money;

/// How far the video is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VideoJobStatus {
    /// Generation of the spec that this status speaks of; -1 until it was first looked at.
    pub observed_generation: Option<i64>,

    /// Part of the key of each of this job's files in the bucket, eight hexadecimal digits; chosen once, and kept by a
    /// restore.
    #[schemars(length(max = 8), regex(pattern = "^[0-9a-f]{8}$"))]
    pub id: Option<String>,

    /// Where the job stands: Pending, Running, Waiting, Review, Suspended, Succeeded or Failed.
    pub phase: Option<Phase>,

    /// Number of the run; a restart begins the next one.
    pub run: Option<i64>,

    /// The Channel as it was when the run started; later edits of it change nothing here.
    pub channel: Option<FrozenChannel>,

    /// Units of work done and known (each scene of a step, and one for each other step): for example 14/26.
    #[schemars(length(max = 32))]
    pub progress: Option<String>,

    /// The step that is running, waiting or failed.
    pub current_step: Option<StepName>,

    /// When the job next continues automatically, if that depends on a time.
    pub resume_at: Option<Time>,

    /// The steps, in the order in which the film is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 6))]
    pub steps: Vec<StepStatus>,

    /// The preview of one scene.
    pub preview: Option<PreviewStatus>,

    /// What the video costs, in US dollars.
    pub cost: Option<CostStatus>,

    /// The finished files.
    pub artifacts: Option<ArtifactsStatus>,

    /// Where the film was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["target".into()]))]
    #[schemars(length(max = 10))]
    pub publications: Vec<Publication>,

    /// The generation that was published: later edits take effect only with a restart.
    pub published_generation: Option<i64>,

    /// The film that was made before for the same spec under this name, and whose job was deleted by ttlAfterFinished.
    pub already_made: Option<AlreadyMade>,

    /// Parts of scenes that were made again on request, by scene.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["scene".into()]))]
    pub takes: Vec<SceneTakes>,

    /// The last requests by annotation that were acted upon.
    pub handled: Option<HandledRequests>,

    /// Ready, Succeeded, Reconciling, Stalled, RateLimited, StorageAvailable and Approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl VideoJobStatus {
    /// The record of this step, if there is one.
    #[must_use]
    pub fn step(&self, name: StepName) -> Option<&StepStatus> {
        self.steps.iter().find(|step| step.name == name)
    }
}

/// A Channel as it was when the run started.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrozenChannel {
    /// Name of the Channel.
    pub name: String,

    /// Its generation.
    pub generation: Option<i64>,

    /// Its spec, as in Channel.spec.
    #[serde(flatten)]
    #[schemars(schema_with = "frozen_spec_schema")]
    pub spec: ChannelSpec,
}

/// Left open on purpose: it was checked as a Channel, and an older one must not make a newer job unreadable.
fn frozen_spec_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A film that was made before, as a tombstone in the bucket says.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlreadyMade {
    /// Digest of what its spec asked for.
    #[schemars(length(max = 64))]
    pub spec: Option<String>,

    /// When its job was deleted.
    pub deleted_at: Option<Time>,

    /// Key of the film in the bucket, if it was not pruned since.
    #[schemars(length(max = 1024))]
    pub film: Option<String>,
}

/// How far the preview is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewStatus {
    /// What waits for an approval or rejection, as these name it: a step and a digest of all that is shown.
    #[schemars(length(max = 64))]
    pub result: Option<String>,

    /// Digest of how scenes are made (style, characters, format, voice, providers), as a person has approved it in this
    /// run. Where that changes, the scene is shown again.
    #[schemars(length(max = 64))]
    pub approved: Option<String>,
}

/// What the video costs, in US dollars.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostStatus {
    /// The whole run, as far as is known.
    pub estimated: Option<Money>,

    /// Paid so far in this run.
    pub actual: Option<Money>,

    /// Paid in earlier runs, including what their attempts reported after the restart; does not count against the budget.
    pub earlier_runs: Option<Money>,
}

/// The finished files.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactsStatus {
    /// The film.
    pub video: Option<ArtifactStatus>,

    /// The still image that stands for it.
    pub thumbnail: Option<ArtifactStatus>,

    /// Caption files, SRT and WebVTT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 8))]
    pub captions: Vec<ArtifactStatus>,

    /// Kinds of files that were pruned: making them again would cost, so a person decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 8), inner(length(max = 32)))]
    pub pruned: Vec<String>,
}

/// One finished file.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactStatus {
    /// Its key in the bucket, without the policy's prefix.
    pub key: String,

    /// Its size in bytes.
    pub size: Option<i64>,

    /// How long it plays, in seconds.
    pub duration: Option<f64>,
}

/// What became of one publication target in this run.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publication {
    /// Name of the target in spec.publish.targets.
    #[schemars(length(max = 32))]
    pub target: String,

    /// Pending, Uploading, Scheduled, Published, Refused or Unknown.
    pub state: Option<PublicationState>,

    /// The film's id there.
    #[schemars(length(max = 200))]
    pub id: Option<String>,

    /// Where it can be seen.
    #[schemars(length(max = 500))]
    pub url: Option<String>,

    /// When it was published, or is to be.
    pub at: Option<Time>,
}

/// How far a publication is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum PublicationState {
    /// Not begun.
    #[default]
    Pending,
    /// Begun.
    Uploading,
    /// Uploaded; becomes public at its time.
    Scheduled,
    /// Done.
    Published,
    /// The target refuses it.
    Refused,
    /// It may or may not have been published; a person decides.
    Unknown,
}
display_wire_name!(PublicationState);

impl PublicationState {
    /// Whether the target has the film, and nothing is left to be done for it.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Published | Self::Scheduled)
    }
}

/// The last requests by annotation that were acted upon.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandledRequests {
    /// Time of the last retry request.
    pub retry: Option<String>,

    /// Time of the last restart request.
    pub restart: Option<String>,

    /// Time of the last regenerate request.
    pub regenerate: Option<String>,

    /// Time of the last request to take over the Channel again.
    pub refresh_channel: Option<String>,

    /// Digest of the film whose failed checks a person accepted.
    pub accept_quality: Option<String>,
}

/// Which take of each part of a scene is wanted; absent = the first.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SceneTakes {
    /// The scene's id.
    #[schemars(length(max = 32))]
    pub scene: String,
    /// Take of the picture.
    pub image: Option<i32>,
    /// Take of the voice.
    pub voice: Option<i32>,
    /// Take of the clip.
    pub clip: Option<i32>,
}
