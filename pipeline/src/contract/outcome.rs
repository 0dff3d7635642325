//! What one attempt reports.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use videofactory_crds::StepName;
use videofactory_crds::bounds::MAX_SPENT;
use videofactory_crds::units::Money;
use videofactory_crds::videojob::PublicationState;

use super::{ExitCode, StepInput, VERSION, is_zero};
use crate::digest::Digest;
use crate::files_written::FilesWrittenByKind;
use crate::scenes::SceneSet;
use crate::text::shorten;

/// Most bytes of a [`StepOutcome`] as JSON: Kubernetes cuts a longer termination message.
pub const MAX_OUTCOME_BYTES: usize = 4096;

/// Most characters of an outcome's message.
const MAX_MESSAGE_CHARACTERS: usize = 600;
/// Most characters of its note.
const MAX_NOTE_CHARACTERS: usize = 300;

/// How one attempt ended: in the pod's termination message and in the bucket.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that go with one exit code each, left out where they do not hold"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepOutcome {
    /// [`VERSION`].
    pub version: u32,
    /// What was to be made.
    pub step: StepName,
    /// As its input had it.
    pub attempt: i32,
    /// The inputs it was made from. One for other inputs than today's counts only in the accounts.
    pub input: Digest,
    /// How it ended.
    pub exit: ExitCode,
    /// With [`ExitCode::TryLater`]: stopped from outside, not by a limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What happened and what a person can do, in a sentence; no secrets.
    #[serde(default)]
    pub message: String,
    /// What a person should know although all went well; becomes an Event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// With [`ExitCode::Done`] (and a film that failed its check): what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
    /// The model that was used, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Scenes, for the script (how many there are) and for the steps that work by scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes: Option<SceneReport>,
    /// With [`ExitCode::MissingInput`]: the step whose artifacts are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_from: Option<StepName>,
    /// Files worth naming in the status.
    #[serde(default, skip_serializing_if = "Artifacts::is_empty")]
    pub artifacts: Artifacts,
    /// Where the film was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Publication>,
    /// With [`ExitCode::Storage`]: the bucket answers, and has no space left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
    /// What the attempt has added to the bucket, but for the end of its log and this outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "wrote")]
    pub files_written: FilesWrittenByKind,
    /// What the attempt submitted (of a survey: the attempt that it accounts for), oldest first; see [`Spent::few`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Spent>,
    /// Of a survey: it got so far as to know what the attempt that it accounts for has spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accounted: bool,
    /// Another execution of the same attempt has begun, or may have: this one did nothing, and does not know what the
    /// attempt has spent. A survey finds out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub did_nothing: bool,
    /// The latest attempt of the step that has begun, where that is another one than the operator knows of: its status was
    /// put back to what it was before. The next attempt comes after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<i32>,
    /// What a person is asked about: at most [`Unresolved::MAX`], the others after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// With [`ExitCode::TryLater`]: the service that refuses for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// With [`ExitCode::Credentials`]: all that is missing is credit. Nothing here says when there is some again, so it is
    /// tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_credit: bool,
    /// With [`ExitCode::TryLater`]: before this time another attempt gets no further, though no service refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Timestamp>,
}

/// Submissions to one account that were answered at about the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// Name of the `ProviderAccount`.
    pub account: String,
    /// When the last of them was answered: an upper bound of when the service counted it.
    pub at: Timestamp,
    /// Number of submissions.
    pub submissions: u32,
    /// Seconds of the provider's time that they took, as far as is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: u32,
    /// What they cost.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cost: Money,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_nothing(cost: &Money) -> bool {
    *cost == Money::ZERO
}

impl Spent {
    /// At most [`MAX_SPENT`] entries, oldest first: entries next to each other in time are joined, at the later time,
    /// so that nothing seems free again too early.
    #[must_use]
    pub fn few(all: Vec<Self>) -> Vec<Self> {
        Self::at_most(all, MAX_SPENT)
    }

    fn at_most(mut all: Vec<Self>, most: usize) -> Vec<Self> {
        all.sort_by(|a, b| (&a.account, a.at).cmp(&(&b.account, b.at)));
        while all.len() > most {
            let gap = |place: usize| {
                let (one, next) = (&all[place], &all[place + 1]);
                (one.account == next.account).then(|| next.at.duration_since(one.at))
            };
            let Some((place, _)) =
                (0..all.len() - 1).filter_map(|place| Some((place, gap(place)?))).min_by_key(|(_, gap)| *gap)
            else {
                break;
            };
            let one = all.remove(place);
            let next = &mut all[place];
            next.submissions = next.submissions.saturating_add(one.submissions);
            next.seconds = next.seconds.saturating_add(one.seconds);
            next.cost = next.cost.plus(one.cost);
        }
        all
    }
}

/// Something that was paid for, or may have been, and is not there. Only a person allows another submission for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unresolved {
    /// What it is made from.
    pub digest: Digest,
    /// Submissions for it that were taken, or may have been.
    pub submissions: u32,
}

impl Unresolved {
    /// Most of them in an outcome.
    pub const MAX: usize = 16;
}

/// A service that refuses for a while, whatever our own ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Name of the `ProviderAccount`.
    pub account: String,
    /// Until when, if it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl StepOutcome {
    /// An outcome without particulars.
    #[must_use]
    pub fn new(input: &StepInput, exit: ExitCode, message: &str) -> Self {
        Self {
            version: VERSION,
            step: input.step,
            attempt: input.attempt,
            input: input.input.clone(),
            exit,
            interrupted: false,
            message: message.to_owned(),
            note: String::new(),
            output: None,
            model: String::new(),
            scenes: None,
            missing_from: None,
            artifacts: Artifacts::default(),
            publications: Vec::new(),
            full: false,
            files_written: FilesWrittenByKind::new(),
            spent: Vec::new(),
            accounted: false,
            did_nothing: false,
            latest: None,
            unresolved: Vec::new(),
            rate_limit: None,
            without_credit: false,
            resume_at: None,
        }
    }

    /// The outcome as JSON of at most [`MAX_OUTCOME_BYTES`]: the message is shortened, and scene
    /// sets are left out only if it still does not fit.
    #[must_use]
    pub fn to_message(&self) -> String {
        let mut short = self.clone();
        short.message = shorten(&self.message, MAX_MESSAGE_CHARACTERS);
        short.note = shorten(&self.note, MAX_NOTE_CHARACTERS);
        for message in [MAX_MESSAGE_CHARACTERS, 80] {
            short.message = shorten(&short.message, message);
            short.note = shorten(&short.note, message);
            let text = serde_json::to_string(&short).unwrap_or_default();
            if text.len() <= MAX_OUTCOME_BYTES {
                return text;
            }
        }
        short.publications.clear();
        short.artifacts.captions.clear();
        // Who is not named now is asked about after the others.
        short.unresolved.truncate(Unresolved::MAX / 4);
        let mut text = serde_json::to_string(&short).unwrap_or_default();
        for most in [MAX_SPENT / 2, MAX_SPENT / 4, 1] {
            if text.len() <= MAX_OUTCOME_BYTES {
                break;
            }
            short.spent = Spent::at_most(short.spent, most);
            text = serde_json::to_string(&short).unwrap_or_default();
        }
        text
    }

    /// Reads a termination message or a stored outcome. `None` if it is none of this version.
    #[must_use]
    pub fn from_message(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|outcome: &Self| outcome.version == VERSION)
    }
}

/// Which scenes an attempt has, by place in the storyboard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SceneReport {
    /// How many there are.
    pub total: u32,
    /// Made, now or before.
    pub completed: SceneSet,
    /// Made by this attempt.
    #[serde(skip_serializing_if = "is_zero")]
    pub made: u32,
    /// Still to be submitted to a paid service, as far as the attempt knows; absent if it does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// Refused by the service.
    #[serde(skip_serializing_if = "SceneSet::is_empty")]
    pub refused: SceneSet,
    /// Submitted, with no way to learn what became of it.
    #[serde(skip_serializing_if = "SceneSet::is_empty")]
    pub unknown: SceneSet,
}

/// A file in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Artifact {
    /// Where it is in the bucket.
    pub key: String,
    /// Bytes.
    pub size: i64,
    /// Seconds; zero for what does not last.
    #[serde(skip_serializing_if = "is_zero_seconds")]
    pub seconds: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero_seconds(value: &f64) -> bool {
    *value == 0.0
}

/// Files worth naming in the status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Artifacts {
    /// The film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<Artifact>,
    /// The still image that stands for the film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Artifact>,
    /// Captions as files of their own, if asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<Artifact>,
}

impl Artifacts {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One target's publication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Publication {
    /// The target's name.
    pub target: String,
    /// How far it is; one that is not known here is `Unknown`.
    #[serde(deserialize_with = "known_state")]
    pub state: PublicationState,
    /// The service's id of the video, or the key.
    pub id: String,
    /// Where people watch it.
    pub url: String,
    /// RFC 3339.
    pub at: String,
}

/// A state that another release may know is none to fail over: a person looks at it.
fn known_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicationState, D::Error> {
    let state = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(state).unwrap_or(PublicationState::Unknown))
}

/// What a worker posts while it works. Losing it changes nothing but the display.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Scenes made so far, of a step that works by scene.
    pub completed: SceneSet,
    /// Of the whole step, 0 to 1.
    pub fraction: f64,
    /// What is being done now, in a few words.
    pub message: String,
    /// What was paid for waits because the bucket has no space left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}
