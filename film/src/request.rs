//! What a film is made from, and what comes out: plain data, so that a request can be written to a file and read back.
//! What a `VideoJob` can choose is in the types of its settings; what names an object there names a file here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
pub use videofactory_pipeline::documents::{CheckName, CheckOutcome, WordLevel};
use videofactory_pipeline::settings;
pub use videofactory_pipeline::settings::{
    AudioSource, CaptionHighlight, CaptionMode, CaptionPosition, CaptionStyle, Captions, CheckAction, Checks,
    ClipFit, Corner, Transition, TransitionKind, WatermarkLook,
};
use videofactory_pipeline::timeline::{FrameRate, Motion};

/// A whole film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilmRequest {
    /// Size and rate.
    pub format: Format,
    /// BCP-47; chooses fonts and the direction of captions.
    pub language: String,
    /// In order of the film; at least one that tells the story.
    pub scenes: Vec<Scene>,
    /// A picture over the story.
    #[serde(default)]
    pub watermark: Option<Watermark>,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scene {
    /// Names the scene in messages.
    pub id: String,
    /// What it is to the film.
    #[serde(default)]
    pub role: SceneRole,
    /// What is seen.
    pub picture: Picture,
    /// What is done with a clip that is shorter than the scene; one that cannot be bought again is slowed.
    #[serde(default = "slow")]
    pub fit: ClipFit,
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

/// What a scene is to its film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SceneRole {
    /// It tells of what the film is about.
    #[default]
    Story,
    /// A clip before the story: shown whole, with the sound that it brings. Nobody judges whether it moves.
    Intro,
    /// A clip after the story, as the intro is before it.
    Outro,
}

/// A picture in a corner of the frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Any picture that ffmpeg reads; its alpha is kept.
    pub path: PathBuf,
    /// Where it stands, how large, and how much of it is seen.
    pub look: WatermarkLook,
}

/// What a scene shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Picture {
    /// An image that is moved over; best at least 1.2 times the frame.
    Still {
        /// PNG, JPEG or WebP.
        path: PathBuf,
        /// The movement of the frame over the picture.
        motion: Motion,
    },
    /// A video.
    Clip {
        /// Any container and codec that ffmpeg reads.
        path: PathBuf,
    },
}

fn slow() -> ClipFit {
    ClipFit::Slow
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
    pub name: CheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// The figure that decided, in the unit that `message` names.
    pub value: f64,
    /// What was measured, in a sentence.
    pub message: String,
}

impl FilmRequest {
    /// Places of the scenes between intro and outro.
    #[must_use]
    pub fn story(&self) -> Range<usize> {
        let is = |scene: Option<&Scene>, role| scene.is_some_and(|scene| scene.role == role);
        let from = usize::from(is(self.scenes.first(), SceneRole::Intro));
        let to = self.scenes.len() - usize::from(is(self.scenes.last(), SceneRole::Outro));
        from..to
    }
}

impl Scene {
    /// The clip that opens the film.
    #[must_use]
    pub fn intro(path: PathBuf) -> Self {
        Self::whole_clip("intro", SceneRole::Intro, path)
    }

    /// The clip that closes the film.
    #[must_use]
    pub fn outro(path: PathBuf) -> Self {
        Self::whole_clip("outro", SceneRole::Outro, path)
    }

    fn whole_clip(id: &str, role: SceneRole, path: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            role,
            picture: Picture::Clip { path },
            fit: ClipFit::Hold,
            voice: None,
            caption: String::new(),
            min_seconds: 0.0,
        }
    }

    /// What its picture is called in messages.
    #[must_use]
    pub fn picture_name(&self) -> String {
        match self.role {
            SceneRole::Story => format!("the picture of scene {}", self.id),
            SceneRole::Intro => "the intro".to_owned(),
            SceneRole::Outro => "the outro".to_owned(),
        }
    }
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

impl Audio {
    /// What the settings ask for, with this music.
    #[must_use]
    pub fn new(settings: &settings::Audio, music: Music) -> Self {
        Self {
            source: settings.source,
            music,
            bed: settings.music.bed,
            duck: settings.music.duck,
            loudness: settings.loudness,
            true_peak: settings.true_peak,
        }
    }
}

impl Default for Audio {
    fn default() -> Self {
        Self::new(&settings::Audio::default(), Music::Generated { seed: String::new() })
    }
}
