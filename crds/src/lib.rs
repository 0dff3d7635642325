//! The custom resources of Video Factory, as Rust types and as the manifests generated from them.
//!
//! The rules that a manifest must keep are in the schema (bounds, enums, CEL), so that the API server
//! refuses nonsense with a sentence a person understands; there is no webhook. See `generate` for the YAML.

#![warn(missing_docs)]
#![expect(
    clippy::doc_markdown,
    reason = "a field's documentation is what kubectl explain prints, which shows backticks as they are"
)]

pub mod bounds;
pub mod channel;
pub mod condition;
pub mod generate;
pub mod labels;
mod limits;
pub mod object_refs;
pub mod provideraccount;
pub mod request_state;
pub mod requests;
pub mod restoring;
pub mod schedule;
mod schema;
pub mod settings;
pub mod step;
pub mod storagepolicy;
pub mod units;
pub mod videojob;
pub mod yaml;

pub use channel::{Channel, ChannelSpec, Corner, WatermarkLook};
pub use condition::{
    ConditionState, ConditionStatus, ConditionType, Phase, ProviderAccountReason, StepState,
    StoragePolicyReason, VideoJobReason,
};
pub use object_refs::{AssetKey, CaKind, CaRef, LocalRef, StorageRef};
pub use provideraccount::{ProviderAccount, ProviderAccountSpec, ProviderAccountStatus};
pub use settings::VideoSettings;
pub use step::StepName;
pub use storagepolicy::{StoragePolicy, StoragePolicySpec, StoragePolicyStatus};
pub use units::{Duration, Money, Quantity};
pub use videojob::{StepStatus, VideoJob, VideoJobSpec, VideoJobStatus};

/// API group of all kinds.
pub const GROUP: &str = "videofactory.dev";

/// Version of all kinds.
pub const VERSION: &str = "v1alpha1";
