//! What a film is made from, and what comes out: plain data, with every default spelled out, so that a
//! request can be written to a file and read back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use videofactory_pipeline::timeline::{FrameRate, Motion};

/// A whole film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilmRequest {
    /// Size and rate.
    pub format: Format,
    /// BCP-47; chooses fonts and the direction of captions.
    pub language: String,
    /// In order of the film; at least one.
    pub scenes: Vec<Scene>,
    /// Captions of what is said.
    #[serde(default)]
    pub captions: Captions,
    /// The film's sound.
    #[serde(default)]
    pub audio: Audio,
    /// How one scene becomes the next.
    #[serde(default)]
    pub transition: Transition,
    /// The picture that stands for the film.
    #[serde(default)]
    pub thumbnail: Thumbnail,
    /// What a failed check means.
    #[serde(default)]
    pub checks: Checks,
    /// Where rendered sections are looked for and left, by digest; `None` renders all of them.
    #[serde(default)]
    pub section_cache: Option<PathBuf>,
    /// The film lasts no longer than this, in seconds; 0 = as long as its scenes do.
    #[serde(default)]
    pub most_seconds: f64,
}

/// The film's size and rate. Width and height are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: FrameRate,
}

/// One scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scene {
    /// Names the scene in messages.
    pub id: String,
    /// What is seen.
    pub picture: Picture,
    /// What is done with a clip that is shorter than the scene.
    #[serde(default)]
    pub fit: Fit,
    /// What is heard.
    #[serde(default)]
    pub voice: Option<Voice>,
    /// What is said, as it is written.
    #[serde(default)]
    pub caption: String,
    /// The scene lasts at least this long, in seconds; 0 = as its voice asks for.
    #[serde(default)]
    pub min_seconds: f64,
}

/// What a scene shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Picture {
    /// An image that is moved over; best at least 1.2 times the frame.
    Still {
        /// PNG, JPEG or WebP.
        path: PathBuf,
        /// How.
        motion: Motion,
    },
    /// A video.
    Clip {
        /// Any container and codec that ffmpeg reads.
        path: PathBuf,
    },
}

/// What is done with a clip that is shorter than its scene.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fit {
    /// Slowed to at most 1.2 times its length, then its last frame is held with motion.
    #[default]
    Slow,
    /// Its last frame is held with motion.
    Hold,
}

/// A scene's narration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Voice {
    /// Any sound file that ffmpeg reads.
    pub path: PathBuf,
    /// When each word is spoken; empty = estimated from the sound and the caption.
    #[serde(default)]
    pub words: Vec<Word>,
    /// Where `words` come from; of no meaning without them.
    #[serde(default)]
    pub level: WordLevel,
}

/// A spoken word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// As written.
    pub text: String,
    /// Seconds from the start of the voice.
    pub start: f64,
    /// Seconds from the start of the voice.
    pub end: f64,
}

/// How word times were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WordLevel {
    /// By syllables inside the speech.
    #[default]
    Estimated,
    /// By comparison with another reading of the text.
    Aligned,
    /// By the voice itself.
    Exact,
}

/// Captions of what is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Captions {
    /// Where they go.
    pub mode: CaptionMode,
    /// How burned ones look.
    pub style: CaptionStyle,
}

/// Where captions go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaptionMode {
    /// Into the picture.
    #[default]
    Burned,
    /// Into SRT and `WebVTT` files.
    Sidecar,
    /// Into both.
    Both,
    /// Nowhere.
    None,
}

/// How burned captions look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CaptionStyle {
    /// Family; empty = by script.
    pub font: String,
    /// Height of an em in pixels; 0 = what suits the frame.
    pub size: u32,
    /// `#RRGGBB`; empty = white.
    pub color: String,
    /// `#RRGGBB`; empty = black.
    pub outline: String,
    /// Where in the safe area.
    pub position: Position,
    /// Most words at once; 0 = as many as fit.
    pub max_words: usize,
    /// Most lines at once, from 1.
    pub max_lines: usize,
    /// In capitals.
    pub uppercase: bool,
    /// Whether the spoken word stands out.
    pub highlight: Highlight,
}

/// Where in the safe area captions stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// At its top.
    Top,
    /// In its middle.
    Middle,
    /// At its bottom.
    #[default]
    Bottom,
}

/// What stands out while it is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Highlight {
    /// The word.
    #[default]
    Word,
    /// Nothing.
    None,
}

/// The film's sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Audio {
    /// Whose sound leads.
    pub source: AudioSource,
    /// What lies under it.
    pub music: Music,
    /// Music against the voice, in LU.
    pub bed: f64,
    /// How far the music steps back while somebody speaks, in LU.
    pub duck: f64,
    /// Integrated loudness of the film, in LUFS.
    pub loudness: f64,
    /// Highest true peak of the film, in dBTP.
    pub true_peak: f64,
}

/// Whose sound leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AudioSource {
    /// The voices.
    #[default]
    Narration,
    /// The clips' own sound.
    Clips,
}

/// What lies under the voice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Music {
    /// A soft bed made here; one seed, one piece.
    Generated {
        /// Chooses key, chords and tempo.
        seed: String,
    },
    /// A file, looped to the film's length.
    File {
        /// Any sound file that ffmpeg reads.
        path: PathBuf,
    },
    /// Nothing.
    None,
}

/// How one scene becomes the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// In which way.
    pub kind: TransitionKind,
    /// For how long; of no meaning for a cut.
    pub seconds: f64,
}

/// In which way one scene becomes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitionKind {
    /// One picture dissolves into the next.
    Crossfade,
    /// At once.
    Cut,
}

/// The picture that stands for the film.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thumbnail {
    /// Where it comes from.
    pub source: ThumbnailSource,
    /// Large letters over it; may be empty.
    pub text: String,
}

/// Where the thumbnail comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThumbnailSource {
    /// The picture of the first scene, half-way through, without captions.
    #[default]
    Frame,
    /// An image of its own.
    Image(PathBuf),
}

/// What a failed check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Checks {
    /// Frames that are black where their source is not.
    pub black_frames: CheckLevel,
    /// A picture at rest where it should move.
    pub freeze: CheckLevel,
    /// No sound where somebody should speak.
    pub silence: CheckLevel,
    /// Loudness and true peak.
    pub loudness: CheckLevel,
    /// Captions outside the safe area, or apart from what is said.
    pub captions: CheckLevel,
}

/// What a failed check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckLevel {
    /// The film failed.
    Fail,
    /// It is only said.
    Warn,
    /// It is not looked at.
    Off,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Film {
    /// The film: H.264 and AAC in MP4.
    pub path: PathBuf,
    /// Its length, in seconds.
    pub seconds: f64,
    /// Its length, in frames.
    pub frames: u64,
    /// Its size, in bytes.
    pub bytes: u64,
    /// A JPEG of the frame's size.
    pub thumbnail: PathBuf,
    /// Captions as files of their own, if asked for.
    pub sidecar: Option<Sidecar>,
    /// The captions that are burned in, as ASS, if any are.
    pub burned: Option<PathBuf>,
    /// The sections that the picture was joined from, in order.
    pub sections: Vec<SectionFile>,
    /// The least certain word times used; `None` without captions.
    pub word_level: Option<WordLevel>,
    /// What was checked on the finished film.
    pub checks: Vec<CheckResult>,
    /// What was left out or changed, for a person to read.
    pub notes: Vec<String>,
    /// Wall-clock seconds by stage, for reports.
    pub stages: BTreeMap<String, f64>,
}

/// Captions as files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// `SubRip`.
    pub srt: PathBuf,
    /// `WebVTT`.
    pub vtt: PathBuf,
}

/// A rendered section of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionFile {
    /// Of everything that it was rendered from.
    pub digest: String,
    /// H.264 in MP4, without sound.
    pub path: PathBuf,
    /// Whether it was found rather than rendered.
    pub reused: bool,
}

/// One check of the finished film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Which.
    pub name: CheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// The figure that decided, in the unit that `message` names.
    pub value: f64,
    /// What was measured, in a sentence.
    pub message: String,
}

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// Size, rate, length, codecs and the order of the file; always looked at.
    File,
    /// See [`Checks`].
    BlackFrames,
    /// See [`Checks`].
    Freeze,
    /// See [`Checks`].
    Silence,
    /// See [`Checks`].
    Loudness,
    /// See [`Checks`].
    Captions,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOutcome {
    /// As it should be.
    Passed,
    /// Not as it should be, and only said.
    Warned,
    /// Not as it should be.
    Failed,
}

impl Film {
    /// Whether a check failed that must not.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == CheckOutcome::Failed)
    }
}

impl Format {
    /// Width by height.
    #[must_use]
    pub fn aspect(&self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

impl Default for CaptionStyle {
    fn default() -> Self {
        Self {
            font: String::new(),
            size: 0,
            color: String::new(),
            outline: String::new(),
            position: Position::Bottom,
            max_words: 0,
            max_lines: 2,
            uppercase: false,
            highlight: Highlight::Word,
        }
    }
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            source: AudioSource::Narration,
            music: Music::Generated { seed: String::new() },
            bed: -18.0,
            duck: 8.0,
            loudness: -14.0,
            true_peak: -1.0,
        }
    }
}

impl Default for Transition {
    fn default() -> Self {
        Self { kind: TransitionKind::Crossfade, seconds: 0.4 }
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            black_frames: CheckLevel::Fail,
            freeze: CheckLevel::Warn,
            silence: CheckLevel::Fail,
            loudness: CheckLevel::Fail,
            captions: CheckLevel::Fail,
        }
    }
}
