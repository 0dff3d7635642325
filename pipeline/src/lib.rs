//! What a video is made of: the steps and their order, the storyboard, the timeline, the names of
//! artifacts, the digests that say what is stale, and the contract between operator and worker.
//!
//! Nothing here does I/O or reads a clock (but for [`clock`], which the binaries call).

#![warn(missing_docs)]

pub mod clock;
pub mod contract;
pub mod digest;
pub mod documents;
pub mod files_written;
pub mod graph;
pub mod inputs;
pub mod keys;
pub mod scenes;
pub mod settings;
pub mod step_settings;
pub mod storyboard;
pub mod text;
pub mod timeline;
pub mod tombstone;

pub use contract::{ExitCode, StepInput, StepOutcome};
pub use digest::Digest;
pub use keys::Keys;
pub use scenes::SceneSet;
pub use settings::Settings;
pub use storyboard::{Scene, Storyboard};
pub use tombstone::Tombstone;
pub use videofactory_crds::StepName;
