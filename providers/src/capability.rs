//! What a provider can do, as one trait a capability, and the plain data that goes in and out.
//!
//! Every method is one request that either delivers whole or fails with a [`ProviderError`]; none retries,
//! waits for a quota or reads a clock: the caller owns time and money. Dropping a future stops its work.
//! All methods here are answered in one exchange. A service that takes a submission and is polled later
//! needs a trait of two methods, because its request id must be stored between them.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::ProviderError;

/// Writes the words of a video.
#[async_trait]
pub trait ScriptWriter: Send + Sync {
    /// A script of exactly `request.scene_count` scenes, whose narration spoken at normal speed lasts about
    /// `request.target` and not longer than `request.max`.
    async fn write(&self, request: &ScriptRequest) -> Result<Script, ProviderError>;
}

/// Draws one picture.
#[async_trait]
pub trait Artist: Send + Sync {
    /// A picture of the frame's aspect ratio, at least [`HEADROOM`] times as large as the frame where the
    /// service offers such sizes.
    async fn draw(&self, request: &PictureRequest) -> Result<Picture, ProviderError>;
}

/// Speaks texts aloud.
#[async_trait]
pub trait Narrator: Send + Sync {
    /// One [`Speech`] for each of `request.texts`, in their order.
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError>;
}

/// Somebody or something that must look the same in every scene.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Character {
    /// How scenes refer to it.
    pub name: String,
    /// What it looks like.
    pub description: String,
}

/// What a script is to be about and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptRequest {
    /// The subject in the words of the person who wants the video.
    pub topic: String,
    /// BCP-47 tag of the narration's language, for example `en` or `pt-BR`.
    pub language: String,
    /// How long the narration should last, pauses included.
    pub target: Duration,
    /// How long it may last at most.
    pub max: Duration,
    /// How many scenes, 1–200.
    pub scene_count: usize,
    /// A description of the look, appended to each image prompt by the caller; a hint for the writer.
    pub style: String,
    /// Who may appear.
    pub characters: Vec<Character>,
}

/// A whole script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// At most 100 characters.
    pub title: String,
    /// A few lines for the page that the video is shown on.
    pub description: String,
    /// Search words, each at most 30 characters.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The scenes in order.
    pub scenes: Vec<ScriptScene>,
}

/// One scene of a script.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScriptScene {
    /// The writer's own name for it, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is said.
    pub narration: String,
    /// What is seen, in English whatever the narration's language, because image services read it best.
    pub image_prompt: String,
    /// What moves.
    pub motion_prompt: String,
    /// The shortest time in seconds that the scene should stay, if the writer cares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_seconds: Option<f64>,
}

/// How much larger than the frame a picture should be, so that the frame can move over it.
pub const HEADROOM: f64 = 1.2;

/// What a picture is to show.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRequest {
    /// What is seen.
    pub prompt: String,
    /// The look that all pictures of the video share; may be empty.
    pub style: String,
    /// Pixels across of the film's frame, at least 16.
    pub width: u32,
    /// Pixels down of the film's frame, at least 16.
    pub height: u32,
    /// Another number, another picture of the same prompt; services without a seed ignore it.
    pub seed: u64,
    /// Who appears.
    pub characters: Vec<Character>,
}

/// An encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// `image/png` or `image/jpeg`.
    pub media_type: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What is to be said, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct NarrationRequest {
    /// One text a scene; none may be without a word.
    pub texts: Vec<String>,
    /// BCP-47 tag of the texts' language.
    pub language: String,
    /// One of the provider's voices; empty means its default for the language.
    pub voice: String,
    /// 1.0 is the voice's natural pace, 2.0 twice as fast; 0.5–2.0.
    pub speed: f64,
}

/// Spoken text.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// Signed 16-bit mono PCM.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub sample_rate: u32,
    /// When each word of the text is heard, in order, without overlaps, inside the sound.
    pub words: Vec<WordTiming>,
    /// How far `words` can be trusted.
    pub level: TimingLevel,
}

/// A word and its place in the sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WordTiming {
    /// The word as it stands in the text, with the punctuation that touches it; in scripts written without
    /// spaces, a piece before which a line may be broken. All words in order make up the text.
    pub text: String,
    /// No space stands in the text between this word and the one before it.
    pub joins_previous: bool,
    /// The first sample of the word.
    pub start: u64,
    /// One past its last sample.
    pub end: u64,
}

/// Where word timings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimingLevel {
    /// Guessed from the text's syllables inside the stretches that hold sound.
    Estimated,
    /// Found by comparing the sound with another reading of the same text.
    Aligned,
    /// Reported by the engine that made the sound.
    Exact,
}

impl Speech {
    /// How long the sound lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.samples.len() as u64 * 1_000_000_000 / u64::from(self.sample_rate.max(1)))
    }

    /// The sound as a WAV file (RIFF, PCM, 16 bits, mono).
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        let data: Vec<u8> = self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX - 36);
        let mut wav = Vec::with_capacity(44 + data.len());
        wav.extend_from_slice(b"RIFF");
        wav.extend_from_slice(&(36 + size).to_le_bytes());
        wav.extend_from_slice(b"WAVEfmt ");
        wav.extend_from_slice(&16u32.to_le_bytes());
        wav.extend_from_slice(&1u16.to_le_bytes());
        wav.extend_from_slice(&1u16.to_le_bytes());
        wav.extend_from_slice(&self.sample_rate.to_le_bytes());
        wav.extend_from_slice(&(self.sample_rate * 2).to_le_bytes());
        wav.extend_from_slice(&2u16.to_le_bytes());
        wav.extend_from_slice(&16u16.to_le_bytes());
        wav.extend_from_slice(b"data");
        wav.extend_from_slice(&size.to_le_bytes());
        wav.extend_from_slice(&data);
        wav
    }
}
