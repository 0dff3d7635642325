//! What a provider can do, as one trait a capability, and the plain data that goes in and out.
//!
//! Every method is one request that either delivers whole or fails with a [`ProviderError`]; none retries,
//! waits for a quota or reads a clock: the caller owns time and money. Dropping a future stops its work.
//! Where a service takes a submission and is polled later there are two methods, because its request id must be stored
//! between them.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// Draws one picture, at once or in a queue of its own: who draws at once ([`Artist`]) is one, too.
#[async_trait]
pub trait Illustrator: Send + Sync {
    /// As [`Animator::id_of`].
    fn id_of(&self, ticket: &Ticket) -> Option<String>;

    /// As [`Animator::avoid`].
    fn avoid(&self, ids: &[String]) {
        let _ = ids;
    }

    /// Asks for a picture as [`Artist::draw`] does.
    async fn submit(&self, request: &PictureRequest, ticket: &Ticket) -> Result<Drawn, ProviderError>;

    /// Looks after a picture that was queued, as [`Animator::poll`] does after a clip; nothing while it is being made.
    async fn poll(&self, id: &str) -> Result<Option<Picture>, ProviderError>;

    /// As [`Animator::cancel`].
    async fn cancel(&self, _: &str) -> Result<bool, ProviderError> {
        Ok(false)
    }
}

#[async_trait]
impl<T: Artist> Illustrator for T {
    fn id_of(&self, _: &Ticket) -> Option<String> {
        None
    }

    async fn submit(&self, request: &PictureRequest, _: &Ticket) -> Result<Drawn, ProviderError> {
        self.draw(request).await.map(Drawn::Picture)
    }

    async fn poll(&self, _: &str) -> Result<Option<Picture>, ProviderError> {
        let message = "what it draws at once has no id".to_owned();
        Err(ProviderError::Unexpected { provider: "The service", message })
    }
}

/// A service's answer to whoever asks for a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawn {
    /// Here it is.
    Picture(Picture),
    /// It is queued; the service's id of it.
    Queued(String),
}

/// The name of one submission, which no other has: services that take ids of ours are given one made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket([u8; 16]);

impl Ticket {
    /// The ticket of the submission that has this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(name.as_bytes())[..16]);
        // As UUIDs of version 8, which are made of whatever their maker likes.
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// A UUID in its usual form, in lower case.
    #[must_use]
    pub fn uuid(&self) -> String {
        let hex = hex::encode(self.0);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// A number for what is drawn by chance.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.iter().take(6).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }
}

/// Speaks texts aloud.
#[async_trait]
pub trait Narrator: Send + Sync {
    /// Either one [`Speech`] for each of `request.texts`, in their order, or a single one for all of them: a
    /// service that is asked once for the whole film speaks it in one go, with a pause between the texts. That
    /// one has the level `Exact` and the words of all texts in a row if the engine reports their times; else the level
    /// `Estimated` and no words, and whoever wants times or scenes must find them in the sound.
    async fn narrate(&self, request: &NarrationRequest) -> Result<Vec<Speech>, ProviderError>;
}

/// Makes pictures move, by a submission that is polled.
#[async_trait]
pub trait Animator: Send + Sync {
    /// The lengths that this model sells.
    fn lengths(&self, model: &Model) -> Lengths;

    /// The id under which the service knows what is submitted with this ticket; `None` where it gives ids of its own, which
    /// only its answer says. Where there is one, a submission whose answer was lost is looked after as if it was taken.
    fn id_of(&self, ticket: &Ticket) -> Option<String> {
        let _ = ticket;
        None
    }

    /// Names what the film has already, by the ids of its submissions: who chooses from what there is takes nothing twice.
    fn avoid(&self, ids: &[String]) {
        let _ = ids;
    }

    /// Asks for a clip; the service's id of the request, under which it is polled. Whoever calls this pays: the id must be
    /// stored before anything else is done.
    async fn submit(&self, request: &ClipRequest, ticket: &Ticket) -> Result<String, ProviderError>;

    /// Looks after a clip. When it is done, its bytes are fetched within this call. `Refused` and
    /// `Unexpected` end it: nothing will come of it. After every other error it is looked after again.
    async fn poll(&self, id: &str) -> Result<ClipState, ProviderError>;

    /// Cancels what was submitted under this id, and nothing else. Whether it is certain that nothing will come of it:
    /// not where the service cannot cancel, and not where it is made already.
    async fn cancel(&self, _: &str) -> Result<bool, ProviderError> {
        Ok(false)
    }
}

/// Says whether a service can be reached and takes the credentials, by a request that costs nothing.
#[async_trait]
pub trait Health: Send + Sync {
    /// What was found, in a few words.
    async fn check(&self) -> Result<String, ProviderError>;
}

/// What a clip is to show.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipRequest {
    /// Which model, and how.
    pub model: Model,
    /// What moves, and how.
    pub prompt: String,
    /// What it begins with.
    pub picture: Picture,
    /// One of the lengths that the model sells.
    pub seconds: u32,
    /// Pixels across of the film's frame.
    pub width: u32,
    /// Pixels down of the film's frame.
    pub height: u32,
}

/// How far a clip is.
#[derive(Debug, Clone, PartialEq)]
pub enum ClipState {
    /// It is being made.
    Pending {
        /// 0 to 100, if the service says.
        percent: Option<u8>,
    },
    /// Here it is.
    Done(Clip),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// The file's bytes: MP4.
    pub bytes: Vec<u8>,
    /// What the service says it cost, in millionths of a US dollar.
    pub cost_micros: Option<i64>,
}

/// The lengths in whole seconds that a model sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Each from the first to the second, both included.
    Range(u32, u32),
    /// Only these.
    Only(&'static [u32]),
}

/// A model and its parameters, by the provider's names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Empty: the provider's usual one for the capability.
    pub name: String,
    /// Handed on as they are.
    pub parameters: std::collections::BTreeMap<String, serde_json::Value>,
}

/// Somebody or something that must look the same in every scene.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Character {
    /// How scenes refer to it.
    pub name: String,
    /// What it looks like.
    pub description: String,
    /// Pictures of it, for models that take some; those that take none refuse by `Configuration`.
    #[serde(skip)]
    pub references: Vec<Picture>,
}

/// What a script is to be about and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptRequest {
    /// Which model, and how.
    pub model: Model,
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
    /// What was written before, if it is to be written again.
    pub revision: Option<Revision>,
}

/// A script that is to be written again.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// What the writer gave.
    pub script: Script,
    /// What is wrong with it, a sentence each.
    pub faults: Vec<String>,
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
    /// The movement in the scene, as a prompt.
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
    /// Which model, and how.
    pub model: Model,
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
    /// The characters in the picture.
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
    /// What the service says it cost, in millionths of a US dollar.
    pub cost_micros: Option<i64>,
}

/// What is to be said, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct NarrationRequest {
    /// Which model, and how.
    pub model: Model,
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
        crate::wav::write(&self.samples, self.sample_rate)
    }
}
