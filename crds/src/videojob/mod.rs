//! `VideoJob`: one video, from topic to publication.

mod handled;
mod spec;
mod status;
mod step;

pub use handled::{has_ended, is_handled, is_up_to_date, recorded};
pub use spec::{
    Artifacts, Compute, OnDelete, Preview, Retry, Scene, SceneAssets, SceneOverride, StepCompute,
    StepsCompute, VideoJob, VideoJobSpec, VideoMode,
};
pub use status::{
    AlreadyMade, ArtifactStatus, ArtifactsStatus, CostStatus, FrozenChannel, HandledRequests, PreviewStatus,
    Publication, PublicationState, SceneTakes, VideoJobStatus,
};
pub use step::{Demand, DigestSubmissions, RateLimitStatus, ScenesStatus, SpentUnits, StepStatus};
