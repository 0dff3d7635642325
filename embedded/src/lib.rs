//! The provider that needs no key, no account and no network: it writes, draws and speaks on this machine,
//! and gives the same result for the same request every time.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels, samples, seconds and seeds are converted all over, far below where a number type ends"
)]
#![expect(clippy::unreadable_literal, reason = "colours are written 0xRRGGBB, as everywhere")]

mod picture;
mod random;
mod script;
mod signs;
mod subject;
mod voice;
mod word_forms;

use async_trait::async_trait;
use videofactory_providers::capability::{
    Artist, NarrationRequest, Narrator, Picture, PictureRequest, Script, ScriptRequest, ScriptWriter, Speech,
};
use videofactory_providers::error::ProviderError;

/// How this provider is called in messages.
const PROVIDER: &str = "The embedded provider";

/// Writes by templates, draws by procedures, speaks through Kokoro, flite and espeak-ng.
#[derive(Debug, Clone, Default)]
pub struct Embedded;

impl Embedded {
    /// A reading of texts in a row that nobody is to hear, with the time of every word (level `Exact`): what other
    /// voices are compared with, to find their words. By two runs of espeak-ng, however many texts there are.
    pub async fn read(texts: &[String], language: &str) -> Result<Speech, ProviderError> {
        voice::read(texts, language).await
    }

    /// The languages that it writes in, as primary BCP-47 subtags.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        script::languages()
    }

    /// Whether it has something to say about a topic in this language, or fills the time with what holds for every topic.
    #[must_use]
    pub fn knows(topic: &str, language: &str) -> bool {
        script::knows(topic, language)
    }

    /// Refuses a voice and a language that it cannot speak in.
    pub async fn require_voice(language: &str, voice: &str) -> Result<(), ProviderError> {
        voice::require(language, voice).await
    }

    /// The languages that it speaks, as espeak-ng names them; some of them by other engines, too.
    pub async fn voices() -> Result<Vec<String>, ProviderError> {
        voice::languages().await
    }
}

#[async_trait]
impl ScriptWriter for Embedded {
    async fn write(&self, request: &ScriptRequest) -> Result<Script, ProviderError> {
        script::write(request)
    }
}

#[async_trait]
impl Artist for Embedded {
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError> {
        let request = request.clone();
        tokio::task::spawn_blocking(move || picture::draw(&request)).await.map_err(|error| {
            ProviderError::Unexpected { provider: PROVIDER, message: format!("drawing a picture: {error}") }
        })?
    }
}

#[async_trait]
impl Narrator for Embedded {
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError> {
        voice::narrate(request).await
    }
}
