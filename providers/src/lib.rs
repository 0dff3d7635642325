//! Clients of the services that write, draw and speak: a trait for each capability, a module for each
//! provider. Nothing here knows of Kubernetes, of the bucket or of money: a provider turns a request into
//! bytes or into a [`ProviderError`] that says what a person can do.

pub mod capability;
pub mod embedded;
pub mod error;

pub use capability::{
    Artist, Character, HEADROOM, NarrationRequest, Narrator, Picture, PictureRequest, Script, ScriptRequest,
    ScriptScene, ScriptWriter, Speech, TimingLevel, WordTiming,
};
pub use embedded::Embedded;
pub use error::{ProviderError, Resume};
