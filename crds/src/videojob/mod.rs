//! `VideoJob`: one video, from topic to publication.

mod spec;
mod status;

pub use spec::{
    Artifacts, Compute, OnDelete, Retry, Scene, SceneAssets, SceneOverride, StepCompute, StepsCompute,
    VideoJob, VideoJobSpec, VideoMode,
};
pub use status::{
    AlreadyMade, ArtifactStatus, ArtifactsStatus, CostStatus, Demand, DigestSubmissions, FrozenChannel,
    HandledRequests, Publication, PublicationState, RateLimitStatus, SceneTakes, ScenesStatus, SpentUnits,
    StepStatus, VideoJobStatus,
};
