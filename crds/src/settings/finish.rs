//! How the film is put together: captions, sound, transitions, thumbnail, and the checks at its end.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::object_refs::AssetKey;

/// Captions of what is said.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Captions {
    /// Burned into the picture, a Sidecar file (SRT and WebVTT), Both, or None. Built-in: Burned.
    pub mode: Option<CaptionMode>,

    /// How burned captions look.
    pub style: Option<CaptionStyle>,
}

/// Where captions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum CaptionMode {
    /// Into the picture.
    Burned,
    /// Into files beside the film.
    Sidecar,
    /// Into both.
    Both,
    /// Nowhere.
    None,
}

/// How burned captions look.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaptionStyle {
    /// Font family. Built-in: "", one that has the script's letters.
    #[schemars(length(max = 100))]
    pub font: Option<String>,

    /// Height of the letters in pixels of the finished picture, 0 to 400. Built-in: 0, which suits the frame.
    #[schemars(range(min = 0, max = 400))]
    pub size: Option<i32>,

    /// Colour of the letters as #RRGGBB, in quotes. Built-in: "", white.
    #[schemars(length(max = 7))]
    #[x_kube(validation = Rule::new("self == '' || self.matches('^#[0-9A-Fa-f]{6}$')").message(
        "a colour is # and six hexadecimal digits, in quotes: for example \"#ffcc00\""
    ))]
    pub color: Option<String>,

    /// Colour round the letters as #RRGGBB, in quotes. Built-in: "", black.
    #[schemars(length(max = 7))]
    #[x_kube(validation = Rule::new("self == '' || self.matches('^#[0-9A-Fa-f]{6}$')").message(
        "a colour is # and six hexadecimal digits, in quotes: for example \"#000000\""
    ))]
    pub outline: Option<String>,

    /// Top, Middle or Bottom of the safe area. Built-in: Bottom.
    pub position: Option<CaptionPosition>,

    /// Most words shown at once, 0 to 20. Built-in: 0, as many as fit.
    #[schemars(range(min = 0, max = 20))]
    pub max_words: Option<i32>,

    /// Most lines shown at once, 1 or 2. Built-in: 2.
    #[schemars(range(min = 1, max = 2))]
    pub max_lines: Option<i32>,

    /// Whether to write in capitals. Built-in: false.
    pub uppercase: Option<bool>,

    /// What stands out while it is spoken: Word or None. Built-in: Word.
    pub highlight: Option<CaptionHighlight>,
}

/// Where in the safe area captions stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum CaptionPosition {
    /// At its top.
    Top,
    /// In its middle.
    Middle,
    /// At its bottom.
    Bottom,
}

/// What stands out while it is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum CaptionHighlight {
    /// The word.
    Word,
    /// Nothing.
    None,
}

/// The film's sound.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audio {
    /// Narration: a voice tells the story. Clips: the animated clips' own sound. Built-in: Narration.
    pub source: Option<AudioSource>,

    /// Music under the voice.
    pub music: Option<Music>,

    /// Loudness of the whole film in LUFS, -30 to -8. Built-in: -14, as the large platforms play it.
    #[schemars(range(min = -30.0, max = -8.0))]
    pub loudness: Option<f64>,

    /// Highest true peak in dBTP, -9 to 0. Built-in: -1.
    #[schemars(range(min = -9.0, max = 0.0))]
    pub true_peak: Option<f64>,
}

/// Where the film's sound comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum AudioSource {
    /// A voice that tells the story.
    Narration,
    /// The animated clips' own sound.
    Clips,
}

/// Music under the voice.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(
    "!has(self.key) || self.key == '' || !has(self.source) || self.source == 'Asset'"
).message("music.key is for music.source Asset: leave one of them out"))]
#[serde(rename_all = "camelCase")]
pub struct Music {
    /// Generated (a quiet bed made for the film), Asset (the file named by key) or None. Built-in: Asset where
    /// key is given, otherwise Generated.
    pub source: Option<MusicSource>,

    /// Key of a sound file under assets/ in the bucket; looped and faded out at the end. Built-in: "", none.
    pub key: Option<AssetKey>,

    /// Loudness of the music against the voice in LU, -60 to 0. Built-in: -18.
    #[schemars(range(min = -60.0, max = 0.0))]
    pub bed: Option<f64>,

    /// How much quieter still the music becomes under speech, in LU, 0 to 40. Built-in: 8.
    #[schemars(range(min = 0.0, max = 40.0))]
    pub duck: Option<f64>,
}

/// Where the music comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum MusicSource {
    /// A quiet bed made for the film.
    Generated,
    /// A file of the user's.
    Asset,
    /// No music.
    None,
}

/// How one scene becomes the next.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Crossfade, or Cut, which takes no time. Built-in: Crossfade.
    pub kind: Option<TransitionKind>,

    /// How long a crossfade takes, in seconds, 0 to 2. Built-in: 0.4.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub seconds: Option<f64>,
}

/// How one scene becomes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum TransitionKind {
    /// One picture fades into the next.
    Crossfade,
    /// At once.
    Cut,
}

/// The still image that stands for the film.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new(
    "!has(self.key) || self.key == '' || !has(self.source) || self.source == 'Asset'"
).message("thumbnail.key is for thumbnail.source Asset: leave one of them out"))]
#[serde(rename_all = "camelCase")]
pub struct Thumbnail {
    /// Frame (a picture of the film), Generated (drawn for nothing by the embedded illustrator, whoever draws the scenes)
    /// or Asset (the file named by key). Built-in: Asset where key is given, otherwise Frame.
    pub source: Option<ThumbnailSource>,

    /// Key of an image under assets/ in the bucket. Built-in: "", none.
    pub key: Option<AssetKey>,

    /// Text written over it. Built-in: "", none.
    #[schemars(length(max = 200))]
    pub text: Option<String>,
}

/// Where the thumbnail comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum ThumbnailSource {
    /// A picture of the film.
    Frame,
    /// Drawn by the embedded illustrator.
    Generated,
    /// A file of the user's.
    Asset,
}

/// What is checked in the finished film. Fail keeps the film and waits for a person, Warn says it in the
/// message of the step assemble-video, Off does not look.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checks {
    /// Black pictures where the scene is not black: Fail, Warn or Off. Built-in: Fail.
    pub black_frames: Option<CheckAction>,

    /// A picture that stands still where it should move: Fail, Warn or Off. Built-in: Warn.
    pub freeze: Option<CheckAction>,

    /// Silence where there should be speech: Fail, Warn or Off. Built-in: Fail.
    pub silence: Option<CheckAction>,

    /// Loudness or peak outside what audio asks for: Fail, Warn or Off. Built-in: Fail.
    pub loudness: Option<CheckAction>,

    /// Captions outside the safe area or out of time with the voice: Fail, Warn or Off. Built-in: Fail.
    pub captions: Option<CheckAction>,
}

/// What a failed check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::schema::plain_enum)]
pub enum CheckAction {
    /// The film is kept and waits for a person.
    Fail,
    /// The step's message says so.
    Warn,
    /// It is not looked at.
    Off,
}
