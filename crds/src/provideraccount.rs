//! `ProviderAccount`: an outside service, its credentials, and the one place where its quota is spent.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::object_refs::{CaRef, LocalRef};
use crate::schedule::TimeZone;
use crate::step::StepName;
use crate::units::{Duration, Money};

mod status;

pub use status::{
    AccountHealth, Grant, GrantState, Holder, LastTurn, Opening, PaidAt, ProviderAccountStatus, QuotaStatus,
    SpendStatus, SpentAt, Waiter,
};

/// How long before their end credentials are warned of. The alert, the definition and the operator guide name the same days,
/// which a test of the operator's metrics compares.
pub const CREDENTIALS_EXPIRE_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// An account with an outside service.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "videofactory.dev",
    version = "v1alpha1",
    kind = "ProviderAccount",
    plural = "provideraccounts",
    shortname = "pa",
    category = "videofactory",
    namespaced,
    doc = "An account with an outside service: its credentials, and the one place where its limits are shared \
           between all videos of the namespace.",
    status = "ProviderAccountStatus",
    derive = "PartialEq",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Used", type_ = "string", json_path = ".status.quotas[*].used"),
    printcolumn(name = "Limit", type_ = "string", json_path = ".status.quotas[*].limit"),
    printcolumn(name = "Waiting", type_ = "integer", json_path = ".status.waiting"),
    printcolumn(
        name = "Spent", type_ = "string", json_path = ".status.spend.used", priority = 1,
        description = "US dollars paid in the current period"
    ),
    printcolumn(
        name = "Message", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
    ).message(
        "the name of a ProviderAccount is a DNS label of at most 63 characters: lower-case letters, digits and \
         dashes"
    )
)]
#[x_kube(
    validation = Rule::new("self.provider in ['Embedded', 'OpenAICompatible', 'ComfyUI'] || has(self.secretRef)").message(
        "this provider needs secretRef, the Secret with its credentials"
    ),
    validation = Rule::new(
        "!(self.provider in ['OpenAICompatible', 'ComfyUI']) || (has(self.endpoint) && self.endpoint != '')"
    ).message(
        "this provider needs endpoint, the base URL of your server: for example http://ollama.ai.svc:11434/v1"
    ),
    validation = Rule::new("(self.provider == 'ComfyUI') == has(self.workflowsRef)").message(
        "a ComfyUI account needs workflowsRef, the ConfigMap with its workflows, and no other takes one"
    ),
    validation = Rule::new("self.provider != 'Embedded' || !has(self.secretRef)").message(
        "the Embedded provider takes no secretRef: it works offline"
    ),
    validation = Rule::new(
        "self.provider != 'Webhook' || !has(self.endpoint) || self.endpoint == ''"
    ).message(
        "a Webhook account takes no endpoint, because its URL is a secret: put the URL into the Secret, as url"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAccountSpec {
    /// The service: XAI, Gemini, HuggingFace, OpenAICompatible, ComfyUI, Pexels, Pixabay, YouTube, Webhook or
    /// Embedded.
    pub provider: Provider,

    /// Base URL to use instead of the service's own; not for a Webhook. OpenAICompatible and ComfyUI need one, since they have
    /// none of their own: for example http://ollama.ai.svc:11434/v1. The Secret must allow its host by the annotation
    /// videofactory.dev/allowed-hosts (host or host:port, with commas between): whoever may edit the account could
    /// otherwise have the keys sent to himself. http is for Services of the cluster, as name.namespace.svc, and for
    /// accounts without a Secret. Default: "", the service's own.
    #[schemars(length(max = 500))]
    #[x_kube(validation = Rule::new(
        "self == '' || (isURL(self) && url(self).getScheme() in ['http', 'https'])"
    ).message("endpoint must be an http or https URL"))]
    pub endpoint: Option<String>,

    /// The Secret with the credentials. Its keys: YouTube clientId, clientSecret and refreshToken; Webhook url, the URL to
    /// call, and signingKey; every other service apiKey. Absent for Embedded, and for an OpenAICompatible server or a
    /// ComfyUI that asks for no key. A change takes effect at once.
    pub secret_ref: Option<LocalRef>,

    /// The ConfigMap with the workflows of a ComfyUI. Each is two files: NAME.json, as the editor exports it for the API, and
    /// NAME.bindings.json, which says where the inputs go: {"prompt": "6.text", "seed": "3.seed", "size": "5"} for pictures,
    /// with image and frames for clips. A job's model is the NAME; changed workflows take another, so that what was made
    /// by the old one is made again.
    pub workflows_ref: Option<LocalRef>,

    /// A ConfigMap or Secret with the certificates, in PEM, of the authority that signed the endpoint's own, where it is not
    /// one that everybody trusts. Absent: those that the system and the operator trust.
    pub ca_ref: Option<CaRef>,

    /// The service's limits; a request must fit into every quota that it belongs to. Absent: none.
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub quotas: Option<Vec<Quota>>,

    /// Most requests a second to the service, from all pods together, above 0 and at most 1000. Absent: no
    /// limit.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub requests_per_second: Option<f64>,

    /// Most steps that may use the account at once, 1 to 1000; of OpenAICompatible also the most requests of each step at
    /// once. Absent: of OpenAICompatible and ComfyUI 1, since a server of one's own works on one thing after the other;
    /// else no limit.
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent: Option<i32>,

    /// Most that the account may be charged in a period. Absent: no limit.
    pub spend: Option<SpendLimit>,

    /// Prices in US dollars that differ from the provider's usual ones, by what is sold: script (a script),
    /// image, videoSecond (a second of clip) or narrationSecond. For example {videoSecond: "0.07"}.
    #[schemars(extend("maxProperties" = 50))]
    pub prices: Option<BTreeMap<String, Money>>,

    /// When the credentials end, in RFC 3339; warned of from 14 days before. Absent: never.
    pub credentials_expire_at: Option<Time>,
}

impl ProviderAccountSpec {
    /// Whether it is used without any credentials, although it is an outside service.
    #[must_use]
    pub const fn is_keyless(&self) -> bool {
        self.provider.is_self_hosted() && self.secret_ref.is_none()
    }

    /// Most steps that may use the account at once; none: no limit.
    #[must_use]
    pub fn most_at_once(&self) -> Option<i32> {
        self.max_concurrent.or_else(|| self.provider.is_self_hosted().then_some(1))
    }
}

/// An outside service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Provider {
    /// xAI, for animation and images.
    #[serde(rename = "XAI")]
    Xai,
    /// Google Gemini, for scripts, images, narration and animation.
    Gemini,
    /// Hugging Face, for images and narration.
    HuggingFace,
    /// A server that speaks OpenAI's protocol (Ollama, vLLM, `LocalAI`, llama.cpp, `OpenRouter`, `LiteLLM`,
    /// Kokoro-FastAPI, `OpenAI`), for scripts, images and narration.
    #[serde(rename = "OpenAICompatible")]
    OpenAiCompatible,
    /// `ComfyUI`, for images and animation.
    #[serde(rename = "ComfyUI")]
    ComfyUi,
    /// Pexels, for pictures and clips that people have given away.
    Pexels,
    /// Pixabay, for the same.
    Pixabay,
    /// `YouTube`, for publishing.
    YouTube,
    /// A URL that is called when a film is finished.
    Webhook,
    /// The offline providers that come with Video Factory.
    Embedded,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Xai,
        Self::Gemini,
        Self::HuggingFace,
        Self::OpenAiCompatible,
        Self::ComfyUi,
        Self::Pexels,
        Self::Pixabay,
        Self::YouTube,
        Self::Webhook,
        Self::Embedded,
    ];

    /// Whether people run it themselves: it has no address of its own, may ask for no key, and works on one thing after
    /// the other unless its account says otherwise.
    #[must_use]
    pub const fn is_self_hosted(self) -> bool {
        matches!(self, Self::OpenAiCompatible | Self::ComfyUi)
    }

    /// Whether it makes nothing, and gives what people have made: its makers are thanked.
    #[must_use]
    pub const fn is_stock(self) -> bool {
        matches!(self, Self::Pexels | Self::Pixabay)
    }

    /// Whether it makes what a step makes. Which targets it publishes to, their type says:
    /// [`TargetType::provider`](crate::settings::TargetType::provider).
    #[must_use]
    pub const fn supports(self, step: StepName) -> bool {
        match step {
            StepName::WriteScript => matches!(self, Self::Gemini | Self::OpenAiCompatible | Self::Embedded),
            StepName::GenerateImages => matches!(
                self,
                Self::Xai
                    | Self::Gemini
                    | Self::HuggingFace
                    | Self::OpenAiCompatible
                    | Self::ComfyUi
                    | Self::Pexels
                    | Self::Pixabay
                    | Self::Embedded
            ),
            StepName::NarrateScenes => {
                matches!(self, Self::Gemini | Self::HuggingFace | Self::OpenAiCompatible | Self::Embedded)
            }
            StepName::AnimateScenes => matches!(
                self,
                Self::Xai | Self::Gemini | Self::ComfyUi | Self::Pexels | Self::Pixabay | Self::Embedded
            ),
            StepName::AssembleVideo | StepName::PublishVideo => false,
        }
    }

    /// As it is written in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xai => "XAI",
            Self::Gemini => "Gemini",
            Self::HuggingFace => "HuggingFace",
            Self::OpenAiCompatible => "OpenAICompatible",
            Self::ComfyUi => "ComfyUI",
            Self::Pexels => "Pexels",
            Self::Pixabay => "Pixabay",
            Self::YouTube => "YouTube",
            Self::Webhook => "Webhook",
            Self::Embedded => "Embedded",
        }
    }
}

/// A limit of the service's.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.window == 'Fixed' || !has(self.timeZone)").message(
    "timeZone is for quotas with window Fixed only"
))]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Name of the quota within the account: lower-case letters, digits and dashes, at most 32.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(
        "a quota's name is a short name: lower-case letters, digits and dashes"
    ))]
    pub name: String,

    /// Units that may be spent within the period, 1 to 1000000000.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub limit: i64,

    /// Length of the window: for example 2h or 1d. What a step was granted is held until its attempt has ended, so of a
    /// window that is shorter than an attempt, some minutes, units stay unused: say such a limit by
    /// requestsPerSecond.
    pub period: Duration,

    /// Rolling (a unit is free again one period after it was spent), Fixed (all at once, at the start of each
    /// period by the clock of timeZone) or Anchored (all at once, one period after the first use). Default:
    /// Rolling.
    #[serde(default)]
    pub window: Window,

    /// Time zone by whose midnight Fixed windows begin: for example America/Los_Angeles. Absent: Etc/UTC.
    pub time_zone: Option<TimeZone>,

    /// What is counted: Requests, or Seconds of the provider's computing time. Default: Requests.
    #[serde(default)]
    pub unit: QuotaUnit,

    /// Kinds of work that count: write, draw, animate, speak, publish. Absent or empty: all.
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub operations: Option<Vec<Operation>>,

    /// Models that count, by the provider's names. Absent or empty: all.
    #[schemars(length(max = 20), inner(length(min = 1, max = 200)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub models: Option<Vec<String>>,
}

/// How a quota's window moves.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Window {
    /// Each unit is free again one period after it was spent.
    #[default]
    Rolling,
    /// All units are free again when a period of the clock begins.
    Fixed,
    /// All units are free again one period after the first use.
    Anchored,
}

/// What a quota counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum QuotaUnit {
    /// Requests.
    #[default]
    Requests,
    /// Seconds of the provider's computing time.
    Seconds,
}

/// A kind of work that a provider does; lower case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::schema::plain_enum)]
pub enum Operation {
    /// Scripts.
    Write,
    /// Images.
    Draw,
    /// Clips.
    Animate,
    /// Narration.
    Speak,
    /// Publications.
    Publish,
}

impl Quota {
    /// Whether work of this kind, with this model, counts. A model that nobody has named may be any.
    #[must_use]
    pub fn counts(&self, operation: Operation, model: &str) -> bool {
        let operations = self.operations.as_deref().unwrap_or_default();
        let models = self.models.as_deref().unwrap_or_default();
        (operations.is_empty() || operations.contains(&operation))
            && (models.is_empty() || model.is_empty() || models.iter().any(|counted| counted == model))
    }

    /// Whether what this step does with this model counts.
    #[must_use]
    pub fn counts_step(&self, step: StepName, model: &str) -> bool {
        Operation::of(step).is_some_and(|operation| self.counts(operation, model))
    }
}

impl Operation {
    /// The kind of work that a step does with an account.
    #[must_use]
    pub const fn of(step: StepName) -> Option<Self> {
        match step {
            StepName::WriteScript => Some(Self::Write),
            StepName::GenerateImages => Some(Self::Draw),
            StepName::NarrateScenes => Some(Self::Speak),
            StepName::AnimateScenes => Some(Self::Animate),
            StepName::PublishVideo => Some(Self::Publish),
            StepName::AssembleVideo => None,
        }
    }

    /// As it is written in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Draw => "draw",
            Self::Animate => "animate",
            Self::Speak => "speak",
            Self::Publish => "publish",
        }
    }
}

/// Most that an account may be charged in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpendLimit {
    /// US dollars, in quotes: for example "100".
    pub limit: Money,

    /// Length of the rolling period: for example 30d.
    pub period: Duration,
}
