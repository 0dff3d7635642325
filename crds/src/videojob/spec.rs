//! What a person asks for in a `VideoJob`.
//!
//! Topic, language, format and storageRef stay as they were first applied; all else may be edited, and
//! what the edit makes stale is done again, until publication.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::status::VideoJobStatus;
use crate::object_refs::{AssetKey, LocalRef, StorageRef};
use crate::settings::VideoSettings;
use crate::step::StepName;
use crate::units::Duration;

/// What the video is to be, where it is stored and what it may use.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "videofactory.dev",
    version = "v1alpha1",
    kind = "VideoJob",
    plural = "videojobs",
    shortname = "vj",
    category = "videofactory",
    namespaced,
    doc = "One video, from topic to publication. Every step runs as a Kubernetes Job; what is done is kept, \
           so that a crash, a rate limit, a retry or an edit makes nothing twice.",
    status = "VideoJobStatus",
    derive = "PartialEq",
    selectable = ".status.phase",
    selectable = ".spec.channelRef.name",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.currentStep"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress"),
    // A string: kubectl prints a date in the future as <invalid>.
    printcolumn(name = "Resume", type_ = "string", json_path = ".status.resumeAt"),
    printcolumn(
        name = "Cost", type_ = "string", json_path = ".status.cost.actual", priority = 1,
        description = "US dollars paid so far"
    ),
    printcolumn(
        name = "Ready", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Message", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
    ).message(
        "the name of a VideoJob is a DNS label of at most 52 characters: lower-case letters, digits and dashes"
    )
)]
#[x_kube(
    validation = Rule::new("has(self.topic) || (has(self.scenes) && size(self.scenes) > 0)").message(
        "a VideoJob needs a topic, or scenes if you bring the storyboard yourself"
    ),
    validation = Rule::new(
        "has(self.topic) == has(oldSelf.topic) && (!has(self.topic) || self.topic == oldSelf.topic)"
    ).message("topic cannot be changed, removed or added later: create a new VideoJob"),
    validation = Rule::new(
        "has(self.language) == has(oldSelf.language) && (!has(self.language) || self.language == oldSelf.language)"
    ).message("language cannot be changed, removed or added later: create a new VideoJob"),
    validation = Rule::new(
        "has(self.format) == has(oldSelf.format) && (!has(self.format) || self.format == oldSelf.format)"
    ).message("format cannot be changed, removed or added later: create a new VideoJob"),
    validation = Rule::new("self.storageRef == oldSelf.storageRef").message(
        "storageRef cannot be changed: create a new VideoJob"
    ),
    validation = Rule::new("self.mode == oldSelf.mode || self.mode == 'Final'").message(
        "mode can change from Draft to Final only: create a new VideoJob for another draft"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct VideoJobSpec {
    /// The Channel whose defaults fill in what this job leaves out; they are frozen when a run starts.
    pub channel_ref: Option<LocalRef>,

    /// What the video is about, in a sentence. Required unless scenes are given; cannot change.
    #[schemars(length(min = 1, max = 1000))]
    #[x_kube(validation = Rule::new("self.matches('[^ \\\\t\\\\r\\\\n]')").message("topic must not be blank"))]
    pub topic: Option<String>,

    /// Draft: embedded voice, still motion, 360p; only the script may cost, and nothing is published. Final:
    /// the whole video. May change from Draft to Final, which reuses the script. Default: Final.
    #[serde(default)]
    pub mode: VideoMode,

    /// The storyboard, if you bring it yourself; at most 200 scenes. Absent: it is written from the topic. Above
    /// 256 KiB of text, use kubectl apply --server-side.
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub scenes: Option<Vec<Scene>>,

    /// Changes to single scenes, laid over the storyboard by id, a written one too.
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub scene_overrides: Option<Vec<SceneOverride>>,

    /// Makes one scene before all others: when its picture and its voice are made, the job waits in phase Review until
    /// somebody approves them. Only then are the other scenes made and paid for. Absent: no preview. A Draft ignores it.
    pub preview: Option<Preview>,

    /// Settings that a Channel may supply as well.
    #[serde(flatten)]
    pub settings: VideoSettings,

    /// The StoragePolicy whose bucket holds everything of this job. Cannot change. Default: {name: default}.
    #[serde(default)]
    pub storage_ref: StorageRef,

    /// Who goes first where jobs wait for the same quota: higher before lower, -1000 to 1000. It counts one more for
    /// each window of the quota in which the channel's jobs of this priority got nothing. Default: 0.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,

    /// How often a failing step is tried again.
    #[serde(default)]
    pub retry: Retry,

    /// Where the steps' pods run and what they may use.
    pub compute: Option<Compute>,

    /// What becomes of the job's files in the bucket.
    #[serde(default)]
    pub artifacts: Artifacts,

    /// How long a job whose film is made, and published to all its targets, is kept before it is deleted: for example
    /// 30d. Failed, protected and held jobs stay. Applied again, the same job is not made again, and says AlreadyMade.
    /// A restored one is kept for as long after its restoration. Absent: for ever.
    pub ttl_after_finished: Option<Duration>,

    /// Whether to stop: a running step is ended and nothing starts until this is false again; what is done is
    /// kept. For a stop that a new apply of the manifest does not lift, use the hold annotation. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// How much of the video is made.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum VideoMode {
    /// A cheap look at it: embedded voice, still motion, 360p, unpublished.
    Draft,
    /// The whole video.
    #[default]
    Final,
}

/// One scene of a storyboard.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scene {
    /// Name of the scene, stable while scenes are moved or edited: lower-case letters, digits and dashes, at
    /// most 32. For example s1.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(
        "a scene's id is a short name: lower-case letters, digits and dashes"
    ))]
    pub id: String,

    /// What is spoken, at most 1000 characters. Absent: the scene is silent.
    #[schemars(length(max = 1000))]
    pub narration: Option<String>,

    /// What the picture shows, at most 1000 characters. Absent: made from the narration.
    #[schemars(length(max = 1000))]
    pub image_prompt: Option<String>,

    /// How the picture moves, at most 400 characters. Absent: gently.
    #[schemars(length(max = 400))]
    pub motion_prompt: Option<String>,

    /// Names of the characters in the picture, as in spec.characters.
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub characters: Option<Vec<String>>,

    /// Least length of the scene in seconds, 0.5 to 60. Absent: as long as its narration.
    #[schemars(range(min = 0.5, max = 60.0))]
    pub min_seconds: Option<f64>,

    /// Camera angle or movement, for the prompts: for example "low angle, slow push-in".
    #[schemars(length(max = 100))]
    pub camera: Option<String>,
}

/// Changes to one scene of the storyboard.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SceneOverride {
    /// Id of the scene in the storyboard.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(
        "a scene's id is a short name: lower-case letters, digits and dashes"
    ))]
    pub id: String,

    /// Spoken instead of the storyboard's narration, at most 1000 characters.
    #[schemars(length(max = 1000))]
    pub narration: Option<String>,

    /// Shown instead of the storyboard's picture, at most 1000 characters.
    #[schemars(length(max = 1000))]
    pub image_prompt: Option<String>,

    /// Moves instead of the storyboard's way, at most 400 characters.
    #[schemars(length(max = 400))]
    pub motion_prompt: Option<String>,

    /// Which take of the scene to use, 1 to 1000: raise it to have the scene made again, lower it to go back to
    /// an earlier one, which is kept. Absent: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub take: Option<i32>,

    /// Whether to leave the scene out of the film. Absent: false.
    pub skip: Option<bool>,

    /// Files of your own to use instead of what would be made.
    pub assets: Option<SceneAssets>,
}

/// The preview of one scene, which is made before all others.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Id of the scene in the storyboard. Absent: the film's first.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(
        "a scene's id is a short name: lower-case letters, digits and dashes"
    ))]
    pub scene: Option<String>,

    /// Whether its clip is made, too, before somebody is asked. Absent: false.
    pub clip: Option<bool>,
}

impl Preview {
    /// Id of the scene; empty: the film's first.
    #[must_use]
    pub fn scene(&self) -> &str {
        self.scene.as_deref().unwrap_or_default()
    }

    /// The steps that make its parts, in the order of the film.
    #[must_use]
    pub fn steps(&self) -> BTreeSet<StepName> {
        let clip = self.clip.unwrap_or_default().then_some(StepName::AnimateScenes);
        [StepName::GenerateImages, StepName::NarrateScenes].into_iter().chain(clip).collect()
    }
}

/// Files of the user's for one scene.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SceneAssets {
    /// Key of an image under assets/ in the bucket.
    pub image: Option<AssetKey>,

    /// Key of a video clip under assets/ in the bucket.
    pub clip: Option<AssetKey>,

    /// Key of a voice recording under assets/ in the bucket.
    pub voice: Option<AssetKey>,
}

/// How often a failing step is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How many failures of a step in a row are tried again, 0 to 100; the next one fails the job. Waits, rate
    /// limits, services that are down and the first ten interruptions in a row do not count, and a finished scene
    /// starts the count again. Default: 5.
    #[serde(default = "default_retry_limit")]
    #[schemars(range(min = 0, max = 100))]
    pub limit: i32,
}

const fn default_retry_limit() -> i32 {
    5
}

impl Default for Retry {
    fn default() -> Self {
        Self { limit: default_retry_limit() }
    }
}

/// Where the steps' pods run and what they may use.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compute {
    /// Labels that this job's pods get: for example {cost-center: "42"}. They go before the Channel's; those of the
    /// operator's settings, and the ones it finds its pods by, go before these.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::pod_labels")]
    pub labels: Option<BTreeMap<String, String>>,

    /// Annotations that this job's pods get, as labels do. Those of Kubernetes' own domains are the operator's to set.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::pod_annotations")]
    pub annotations: Option<BTreeMap<String, String>>,

    /// Labels that a node must have to run this job's pods, among the nodes that the operator's settings allow.
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: Option<BTreeMap<String, String>>,

    /// Taints of nodes that this job's pods tolerate, as far as the operator's settings allow: by default all that are
    /// named by their key, but those of node roles.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Option<Vec<Toleration>>,

    /// What differs by step.
    pub steps: Option<StepsCompute>,
}

/// Resources and time by step.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StepsCompute {
    /// For write-script.
    pub write_script: Option<StepCompute>,

    /// For generate-images.
    pub generate_images: Option<StepCompute>,

    /// For narrate-scenes.
    pub narrate_scenes: Option<StepCompute>,

    /// For animate-scenes.
    pub animate_scenes: Option<StepCompute>,

    /// For assemble-video.
    pub assemble_video: Option<StepCompute>,

    /// For publish-video.
    pub publish_video: Option<StepCompute>,
}

impl StepsCompute {
    /// What is asked for this step.
    #[must_use]
    pub const fn get(&self, step: StepName) -> Option<&StepCompute> {
        match step {
            StepName::WriteScript => self.write_script.as_ref(),
            StepName::GenerateImages => self.generate_images.as_ref(),
            StepName::NarrateScenes => self.narrate_scenes.as_ref(),
            StepName::AnimateScenes => self.animate_scenes.as_ref(),
            StepName::AssembleVideo => self.assemble_video.as_ref(),
            StepName::PublishVideo => self.publish_video.as_ref(),
        }
    }
}

/// What one step's pod may use.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepCompute {
    /// CPU and memory that the pod asks for and may use, as in any pod. Absent: what suits the step.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::resources")]
    pub resources: Option<ResourceRequirements>,

    /// Longest time that one attempt may take, before a further allowance for each scene: for example 30m.
    /// Absent: what suits the step.
    pub timeout: Option<Duration>,
}

/// What becomes of the job's files in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifacts {
    /// When the VideoJob is deleted: Retain its files until the StoragePolicy prunes them, or Delete them first, which
    /// holds the VideoJob until they are gone; what the StoragePolicy protects stays, and all while it is suspended.
    /// Default: Retain.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// What becomes of a job's files when it is deleted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum OnDelete {
    /// They stay until they are pruned.
    #[default]
    Retain,
    /// They are deleted first.
    Delete,
}
