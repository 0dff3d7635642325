//! The result documents of the steps, besides the [`Storyboard`](crate::Storyboard): written to the
//! bucket once for their inputs ([`Keys::document`](crate::Keys::document)), read by the steps
//! after. A document's digest is the step's output digest.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::{Artifact, Artifacts, Publication};
use crate::digest::Digest;

/// The digest of a document: over its canonical JSON.
#[must_use]
pub fn digest_of<T: Serialize>(document: &T) -> Digest {
    Digest::of(&serde_json::to_value(document).unwrap_or_default())
}

/// What generate-images made, scene by scene in the storyboard's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Images {
    /// One for each scene.
    pub scenes: Vec<SceneImage>,
    /// Whom the film owes thanks for a scene, by the scene's id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub credits: BTreeMap<String, String>,
}

/// A scene's picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SceneImage {
    /// The scene's id.
    pub id: String,
    /// What it was made from.
    pub digest: Digest,
    /// Where it is.
    pub key: String,
}

/// What narrate-scenes made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Voices {
    /// One for each scene.
    pub scenes: Vec<SceneVoice>,
}

/// A scene's voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SceneVoice {
    /// The scene's id.
    pub id: String,
    /// What it was made from.
    pub digest: Digest,
    /// Where its sound is; empty for a scene without narration.
    pub key: String,
    /// Where its words are ([`Words`]); empty likewise.
    pub words: String,
    /// How long it lasts.
    pub seconds: f64,
}

/// When each word of a voice is spoken: stored beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Words {
    /// How far they can be trusted.
    pub level: WordLevel,
    /// How long the voice lasts.
    pub seconds: f64,
    /// In order.
    pub words: Vec<SpokenWord>,
}

/// How the times of words were found; the least certain first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WordLevel {
    /// By syllables inside the stretches of speech.
    #[default]
    Estimated,
    /// By comparison with another reading of the text.
    Aligned,
    /// By the voice itself.
    Exact,
}

/// One spoken word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpokenWord {
    /// As written in the narration, punctuation included.
    pub text: String,
    /// No space stands between it and the word before, as in Japanese or Thai.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub joins_previous: bool,
    /// Seconds from the start of the voice.
    pub start: f64,
    /// Seconds from the start of the voice.
    pub end: f64,
}

/// What animate-scenes made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Clips {
    /// One for each scene.
    pub scenes: Vec<SceneClip>,
    /// Whom the film owes thanks for a scene, by the scene's id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub credits: BTreeMap<String, String>,
}

/// A scene's moving picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SceneClip {
    /// The scene's id.
    pub id: String,
    /// What it was made from; seeds the still motion.
    pub digest: Digest,
    /// The clip; empty = the scene's picture moves, rendered within the film's own pass.
    pub key: String,
}

/// What assemble-video made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Film {
    /// SHA-256 of the film's bytes, in hexadecimal.
    pub sha256: String,
    /// The files.
    pub artifacts: Artifacts,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What was checked on the finished film.
    pub checks: Vec<CheckResult>,
    /// Sections of a long film, for a later edit.
    pub sections: Vec<Artifact>,
    /// What came out otherwise than asked for, each in a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whom the film owes thanks, each in a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<String>,
}

/// One check of the finished film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The check that was made.
    pub name: CheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What was measured, in a sentence.
    pub message: String,
}

/// A check of the finished film, as `checks` of the `VideoJob` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// Size, rate, length, codecs and the order of the file; always looked at.
    File,
    /// Frames that are black where their source is not.
    BlackFrames,
    /// A picture at rest where it should move.
    Freeze,
    /// No sound where somebody should speak.
    Silence,
    /// Loudness and true peak.
    Loudness,
    /// Captions outside the safe area, or apart from what is said.
    Captions,
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::BlackFrames => "blackFrames",
            Self::Freeze => "freeze",
            Self::Silence => "silence",
            Self::Loudness => "loudness",
            Self::Captions => "captions",
        })
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOutcome {
    /// The film is as it should be.
    Passed,
    /// It is not, and the settings ask only for a warning.
    Warned,
    /// It is not, and waits for a person.
    Failed,
}

/// What publish-video made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Publications {
    /// One for each target.
    pub targets: Vec<Publication>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_check_is_reported_by_the_name_that_its_setting_has() {
        for name in [
            CheckName::File,
            CheckName::BlackFrames,
            CheckName::Freeze,
            CheckName::Silence,
            CheckName::Loudness,
            CheckName::Captions,
        ] {
            assert_eq!(json!(name), name.to_string());
        }
    }
}
