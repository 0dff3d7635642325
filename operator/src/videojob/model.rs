//! The plain data between the stages: what was observed, and what was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::provideraccount::{ProviderAccountSpec, ProviderAccountStatus};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::videojob::Demand;
use videofactory_crds::{Channel, StepName, VideoJob, VideoJobReason, VideoJobStatus};
use videofactory_pipeline::Tombstone;
use videofactory_pipeline::contract::{BucketRef, GivenScenes, StepInput, StepOutcome};

use crate::config::SideEffects;
use crate::events::Event;
use crate::metrics::{AttemptOutcome, JobOutcome, PublishOutcome};
use crate::usage_deltas::Changes;

/// Everything that one decision may know, read once. The caches and the API hold no more of it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The object, as the API server had it.
    pub job: VideoJob,
    /// The channel that the spec names.
    pub channel: Found<Channel>,
    /// The bucket that the spec names, by its `StoragePolicy`.
    pub storage: Storage,
    /// Service accounts that the spec or the frozen channel names.
    pub accounts: BTreeMap<String, Account>,
    /// Jobs that this object owns.
    pub jobs: Vec<JobFacts>,
    /// Pods that carry this object's UID, whatever Job they belong to.
    pub pods: Vec<PodFacts>,
    /// Outcomes that were looked up in the bucket, because no pod holds them. `None`: there is none.
    pub recorded: BTreeMap<(StepName, i32), Option<StepOutcome>>,
    /// Attempts without an outcome that have begun: their fencing token stands in the bucket, so nothing is started under
    /// it.
    pub fencing_tokens: BTreeSet<(StepName, i32)>,
    /// The bucket could not be asked for an outcome that is needed; why.
    pub bucket_trouble: Option<String>,
    /// Progress that is due to enter the status.
    pub live: BTreeMap<StepName, LiveProgress>,
    /// Attempts whose Job the API server refused when it was last tried to create it.
    pub refused: BTreeMap<(StepName, i32), Refusal>,
    /// Jobs whose pod is refused, by name; in which words.
    pub podless: BTreeMap<String, String>,
    /// Whether its film was made before; asked for before its first run begins.
    pub made: Made,
    /// Whether a job of its name has files; asked for where another tool has restored it without its status.
    pub namesake: Namesake,
    /// A label protects its files from pruning.
    pub protected: bool,
    /// What the operator may do outside the cluster.
    pub side_effects: SideEffects,
}

/// What the API server said to a Job that it would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its words, and what a person can do.
    pub words: String,
    /// There is no such Job, and none can come of an earlier try: nothing is spent.
    pub unmade: bool,
}

/// Whether a tombstone says that what a spec asks for was made before under this name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Made {
    /// Nobody had to ask, or could.
    #[default]
    NotAsked,
    /// It was not.
    Never,
    /// It was.
    Before(Tombstone),
    /// The bucket did not say; why.
    Unknown(String),
}

/// Whether a job of the same name, of whichever id, has files in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namesake {
    /// Nobody had to ask, or could.
    #[default]
    NotAsked,
    HasNone,
    /// One has.
    HasFiles,
    /// The bucket did not say; why.
    Unknown(String),
}

/// An object that another names.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Found<T> {
    /// Nothing is named.
    #[default]
    NotNamed,
    /// This name does not exist.
    Missing(String),
    Here(Box<T>),
}

/// Whether the bucket can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one in each look at a job, and never in a list")]
pub enum Storage {
    /// It can.
    Ready {
        bucket: BucketRef,
        /// The Secret with its credentials.
        secret: String,
        /// Since when it has been so without a break.
        since: Option<Timestamp>,
        /// How full it is.
        fill: BucketFill,
    },
    /// It cannot, and why: a sentence that says what to do.
    NotReady {
        /// `StorageUnavailable`, `ConfigurationInvalid` or `CredentialsInvalid`.
        reason: VideoJobReason,
        /// For people.
        message: String,
    },
}

/// How full a bucket is, as its policy's controller has measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketFill {
    /// By the water marks.
    pub level: StorageLevel,
    /// In per cent of the limit, if it was measured.
    pub percent: Option<i32>,
}

/// A service account, as far as a step needs to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Account {
    /// The provider that comes with Video Factory: it needs nothing and asks nobody.
    Embedded,
    /// An outside service, which is asked for a grant before anything is submitted to it.
    External(Box<ExternalAccount>),
    /// It is being restored, and comes by itself: what stands in it now is not believed. Why.
    Held(String),
    /// It cannot be used, and why.
    Unusable {
        /// `ConfigurationInvalid` or `CredentialsInvalid`.
        reason: VideoJobReason,
        /// For people.
        message: String,
    },
}

impl Account {
    /// One of this name that is not there.
    #[must_use]
    pub fn missing(name: &str) -> Self {
        Self::Unusable {
            reason: VideoJobReason::ConfigurationInvalid,
            message: format!(
                "ProviderAccount {name:?} does not exist in this namespace: create it, or correct accountRef"
            ),
        }
    }
}

/// An account with an outside service.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalAccount {
    pub uid: String,
    /// The service, its limits and prices.
    pub spec: ProviderAccountSpec,
    /// Windows and grants; read live where a demand of this job waits for them.
    pub status: ProviderAccountStatus,
    /// Version of its Secret.
    pub credentials: Option<String>,
    /// The entry of its Secret's allowed hosts that names its endpoint; empty if that is the provider's own.
    pub allowed_host: String,
    /// Why it cannot be used now, and what to do; its ledger is kept all the same.
    pub obstacle: Option<String>,
}

/// A Job of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    pub name: String,
    pub uid: String,
    /// From its labels.
    pub run: i64,
    /// From its labels.
    pub step: StepName,
    /// From its labels.
    pub attempt: i32,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// It has a deletion timestamp.
    pub deleting: bool,
    /// It has ended: `Complete` or `Failed`.
    pub ended: Option<JobEnd>,
}

/// How a Job ended, by its own conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    Complete,
    /// `Failed`, with the condition's reason.
    Failed(String),
}

/// A pod of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct PodFacts {
    pub name: String,
    pub uid: String,
    /// From its labels.
    pub run: i64,
    /// From its labels.
    pub step: StepName,
    /// From its labels.
    pub attempt: i32,
    /// If it is being stopped: when it should be gone at the latest.
    pub gone_by: Option<Timestamp>,
    /// Our container has ended, and the pod has not: what a cluster has put beside it runs on.
    pub outlived: bool,
    /// Where it stands.
    pub state: PodState,
}

/// Where a pod stands.
#[derive(Clone, Debug, PartialEq)]
pub enum PodState {
    /// Not started; with what keeps it, if Kubernetes says so.
    Pending(Option<PodProblem>),
    /// Its container runs (or it is being stopped and has not ended).
    Running,
    Ended(PodEnd),
}

/// Why a pod does not start, or does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodProblem {
    /// No node takes it yet; the scheduler's message.
    Unschedulable(String),
    /// The image cannot be pulled; the message.
    Image(String),
    /// A Secret, key or volume is missing; the message.
    Configuration(String),
    /// The Job of this name has made no pod for a while.
    NoPod(String),
    /// A Job's pod is refused; in which words.
    Refused(String),
    /// The pod of this name is stuck terminating.
    StuckTerminating(String),
}

/// How a pod ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PodEnd {
    /// The container's exit code; absent if it never ran.
    pub exit_code: Option<i32>,
    /// The container was killed for its memory.
    pub out_of_memory: bool,
    /// The pod's own reason (`Evicted`, `DeadlineExceeded`, …).
    pub reason: String,
    /// The outcome in its termination message.
    pub outcome: Option<Box<StepOutcome>>,
    /// When its container had started.
    pub started: Option<Timestamp>,
    /// When its container ended.
    pub at: Option<Timestamp>,
}

/// What a worker said of itself while it worked.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveProgress {
    /// The attempt it speaks of.
    pub attempt: i32,
    /// What it said.
    pub progress: videofactory_pipeline::contract::Progress,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status to be written first, if it differs from the one observed.
    pub status: VideoJobStatus,
    /// Then these, in order. Each can be repeated.
    pub actions: Vec<Action>,
    /// What has ended, to be given to the metrics once the status is written.
    pub measured: Vec<Measured>,
    /// When to look again although nothing changed.
    pub wake_at: Option<Timestamp>,
}

/// One act upon the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start an attempt: its status is already written.
    StartStep(Box<StartStep>),
    /// Delete a Job in the background, if it still has this UID.
    DeleteJob { name: String, uid: String },
    /// Keep the `VideoJob` from going before its files do, by a finalizer; or no longer.
    SetFinalizer(bool),
    /// Delete the finished `VideoJob` itself, whose time to live has passed; first a tombstone is left under this key.
    Retire {
        key: String,
        /// What it says.
        tombstone: Box<Tombstone>,
    },
    /// Count what an attempt has added to the bucket, once its end is recorded.
    Count(Changes),
    /// Report to the policy that the bucket's server had no room then for what an attempt wanted to write.
    ReportFull(Timestamp),
    /// Inform people.
    Event(Event),
}

/// Something that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// An attempt of a step.
    Attempt {
        step: StepName,
        /// How it ended.
        outcome: AttemptOutcome,
        /// From its begin to its end.
        took: Duration,
        /// From the creation of its Job to the start of its container, if both are known.
        queued: Option<Duration>,
    },
    /// Publications, or an attempt to publish.
    Published(PublishOutcome, u64),
    /// The whole job, until somebody asks for more.
    Job {
        outcome: JobOutcome,
        /// Since it began to continue by itself.
        took: Duration,
    },
}

/// All that is needed to build an attempt's Job.
#[derive(Clone, Debug, PartialEq)]
pub struct StartStep {
    /// What the worker is to do. Its `progress_url` is filled in by `build`.
    pub input: StepInput,
    /// Scenes and overrides of the spec, for write-script when there are any.
    pub given: Option<GivenScenes>,
    /// The Secret with the bucket's credentials.
    pub bucket_secret: String,
    /// The Secrets with the credentials of the accounts that the step uses, by name of the account.
    pub account_secrets: BTreeMap<String, String>,
    /// What the attempt was begun with. The accounts are asked once more, after that is on record, before the Job is made.
    pub begun_with: Vec<Demand>,
}
