//! What one attempt is given.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_crds::units::Money;
use videofactory_crds::{CaRef, StepName, WatermarkLook};

use crate::digest::Digest;
use crate::keys::Keys;
use crate::settings::Settings;
use crate::storyboard::Takes;

/// Most bytes of a [`StepInput`] in the pod template; of a larger one, what may be large goes by reference.
pub const MAX_INPUT_BYTES: usize = 16 * 1024;

/// Which video, and which run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// Namespace of the `VideoJob`.
    pub namespace: String,
    /// `metadata.name` of the `VideoJob`.
    pub name: String,
    /// `metadata.uid` of the `VideoJob`.
    pub uid: String,
    /// `status.id`.
    pub id: String,
    /// `status.run`, from 1.
    pub run: i64,
}

impl JobRef {
    /// The names of this run's artifacts.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys::new(&self.namespace, &self.name, &self.id, self.run)
    }
}

/// The bucket, without its credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BucketRef {
    /// URL of the S3 API.
    pub endpoint: String,
    /// URL under which browsers reach the bucket; empty if they do not.
    pub public_endpoint: String,
    /// The bucket's name.
    pub name: String,
    /// Signing region.
    pub region: String,
    /// What all our keys begin with; empty or ending in `/`.
    pub prefix: String,
    /// Its name stands in the host of a request, not in its path.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub virtual_host: bool,
    /// Who vouches for its server, besides whom everybody trusts; mounted as [`super::BUCKET_CA_FILE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaRef>,
}

/// The result of a step before, by what made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upstream {
    /// The inputs it was made from; names its document in the bucket.
    pub input: Digest,
    /// What the document must be.
    pub output: Digest,
}

/// What one attempt of one step is to do. How it gets into the pod, [`StepInput::carry`] says. Two fields can still be read
/// by their earlier names: the Job of an attempt that began before an upgrade has those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepInput {
    /// [`VERSION`], or with a preview [`PREVIEW_VERSION`].
    pub version: u32,
    /// The `VideoJob` and its run.
    pub job: JobRef,
    /// What is to be made.
    pub step: StepName,
    /// Which attempt, from 1; a new one for every pod.
    pub attempt: i32,
    /// What this attempt's result depends on.
    pub input: Digest,
    /// Fetch what was paid for and report; submit nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub survey: bool,
    /// In a preview: the id of the scene that alone is made; empty = the film's first. Absent = all scenes are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_scene: Option<String>,
    /// In a survey: the attempt that ended without an outcome, whose spending is to be reported as this one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_for: Option<i32>,
    /// The settings in force, without those that hold their built-in value.
    pub settings: Settings,
    /// The film's subject.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// Raised takes by scene id; for write-script.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub takes: BTreeMap<String, Takes>,
    /// Results of the steps before.
    #[serde(default)]
    pub upstream: BTreeMap<StepName, Upstream>,
    /// The accounts that the step may use, by name. Their credentials are mounted, one folder each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", alias = "hired")]
    pub accounts: BTreeMap<String, AccountAccess>,
    /// This attempt may have been started before, and nobody knows what became of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// How many submissions in all a person has allowed, by digest. Without an entry two may fail.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", alias = "permits")]
    pub allowed_submissions: BTreeMap<Digest, u32>,
    /// A person has allowed to pay once more for what was delivered before this and is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_before: Option<Timestamp>,
    /// For write-script: how many scripts may be bought from this attempt on, because the budget has room for no more of them
    /// beside the rest of the film; absent = as many as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affordable_scripts: Option<u32>,
    /// Scenes for which no submission is left move as still pictures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub still_motion: bool,
    /// A film whose failed checks a person has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_quality: Option<Digest>,
    /// The channel's own parts.
    #[serde(default, skip_serializing_if = "Brand::is_empty")]
    pub brand: Brand,
    /// Seconds after which the worker stops by itself.
    pub deadline_seconds: u32,
    /// Where everything is read and stored.
    pub bucket: BucketRef,
    /// Where progress is posted; empty = nowhere.
    #[serde(default)]
    pub progress_url: String,
}

/// An account that a step may use, without its credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAccess {
    /// The service.
    pub provider: videofactory_crds::provideraccount::Provider,
    /// Base URL instead of the service's own; empty = that one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The entry of the Secret's allowed hosts that names the endpoint's host; empty if the endpoint is the service's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub allowed_host: String,
    /// Who vouches for its server, besides whom everybody trusts; mounted below [`super::ACCOUNT_CA_DIR`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaRef>,
    /// The `ConfigMap` with its workflows, mounted below [`super::ACCOUNT_WORKFLOWS_DIR`]; empty = none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workflows: String,
    /// Prices that differ from the provider's usual ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Money>,
    /// There is no Secret, because the service asks for no key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyless: bool,
    /// Most requests that the service is sent at once; absent = as many as the worker makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_at_once: Option<u32>,
    /// What this attempt may submit.
    #[serde(default)]
    pub allowance: Allowance,
}

/// What one attempt may submit to an account: it was reserved for it, and nobody else spends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Allowance {
    /// Submissions in all; 0 = only what has been submitted is fetched.
    pub submissions: u32,
    /// When they may be made, first ones first; empty = at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<Opening>,
    /// The attempt's share of the account's pace; absent = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
}

/// Submissions that may be made from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// From when on.
    pub at: Timestamp,
    /// Number of submissions.
    pub submissions: u32,
}

/// What a channel adds to each of its films, besides defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Brand {
    /// Added to every publication's tags.
    pub tags: Vec<String>,
    /// A clip before the film: a key under `assets/`; empty = none, as below.
    pub intro: String,
    /// A clip after it.
    pub outro: String,
    /// A picture over it.
    pub watermark: String,
    /// How that picture is shown.
    #[serde(skip_serializing_if = "is_usual")]
    pub watermark_look: WatermarkLook,
}

fn is_usual(look: &WatermarkLook) -> bool {
    *look == WatermarkLook::default()
}

impl Brand {
    /// Whether the channel adds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Scenes and overrides as the spec gives them: too large for a pod template, so a `ConfigMap`
/// named by their digest carries them to write-script.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GivenScenes {
    /// `spec.scenes`.
    pub scenes: Vec<videofactory_crds::videojob::Scene>,
    /// `spec.sceneOverrides`.
    pub overrides: Vec<videofactory_crds::videojob::SceneOverride>,
}
