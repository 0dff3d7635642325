//! Clients of the services that write, draw and speak: a trait for each capability, a module for each service.
//! What works offline implements the same traits in a crate of its own. Nothing here knows of Kubernetes, of the
//! bucket or of money: a provider turns a request into bytes or into a [`ProviderError`] that says what a person can
//! do.

pub mod capability;
pub mod comfyui;
pub mod connection;
mod endpoint;
pub mod error;
pub mod gemini;
mod google;
mod http;
pub mod huggingface;
pub mod image;
mod json;
pub mod language;
pub mod openai_compatible;
pub mod prices;
mod request;
mod script;
mod sold;
mod sound;
pub mod speech_pace;
pub mod stock;
mod time_limits;
pub mod wav;
pub mod webhook;
pub mod words;
pub mod xai;
pub mod youtube;

pub use capability::{
    Animator, Artist, Character, Clip, ClipRequest, ClipState, Drawn, HEADROOM, Health, Illustrator, Lengths,
    Model, NarrationRequest, Narrator, Picture, PictureRequest, Revision, Script, ScriptRequest, ScriptScene,
    ScriptWriter, Speech, Ticket, TimingLevel, WordTiming,
};
pub use comfyui::ComfyUi;
pub use connection::{Connection, Secret};
pub use endpoint::allowed_host;
pub use error::{ProviderError, Resume};
pub use gemini::Gemini;
pub use huggingface::HuggingFace;
pub use openai_compatible::OpenAiCompatible;
pub use prices::{Price, sold_seconds, usual_price};
pub use script::MAX_TITLE_CHARACTERS;
pub use sold::Sold;
pub use stock::Stock;
pub use time_limits::{MAX_ACCEPTANCE, MAX_ANSWER, MAX_OPENING};
pub use webhook::Webhook;
pub use xai::Xai;
pub use youtube::YouTube;
