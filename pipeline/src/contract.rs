//! What operator and worker say to each other: the input of one attempt, its outcome, its exit
//! code, and the progress in between. Versioned by `VERSION`; both ends refuse another's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_crds::StepName;
use videofactory_crds::units::Money;

use crate::digest::Digest;
use crate::keys::Keys;
use crate::scenes::SceneSet;
use crate::settings::Settings;
use crate::storyboard::Takes;
use crate::wrote::WroteByKind;

/// The version of this contract.
pub const VERSION: u32 = 1;
/// Most bytes of a [`StepInput`] as JSON: it travels in the pod template.
pub const MOST_INPUT_BYTES: usize = 16 * 1024;
/// Most bytes of a [`StepOutcome`] as JSON: Kubernetes cuts a longer termination message.
pub const MOST_OUTCOME_BYTES: usize = 4096;
/// Most characters of an outcome's message.
const MOST_MESSAGE_CHARACTERS: usize = 600;

/// The environment variable that holds the [`StepInput`].
pub const INPUT_VARIABLE: &str = "VIDEOFACTORY_STEP";
/// Where the bucket's credentials are mounted: files `accessKeyId` and `secretAccessKey`.
pub const BUCKET_SECRET_DIR: &str = "/var/run/videofactory/bucket";
/// The environment variable that lets accounts have loopback and link-local endpoints, if it is `true`.
pub const ALLOW_LOCAL_VARIABLE: &str = "VIDEOFACTORY_ALLOW_LOCAL_ENDPOINTS";
/// Where the credentials of service accounts are mounted: a folder for each account that the step uses, by its name,
/// with a file for each key of its Secret.
pub const ACCOUNT_SECRET_DIR: &str = "/var/run/videofactory/account";
/// Where the token for reporting progress is mounted.
pub const TOKEN_FILE: &str = "/var/run/videofactory/token/token";
/// The audience of that token: good for nothing else.
pub const TOKEN_AUDIENCE: &str = "videofactory.dev/progress";
/// Where scenes and overrides from the spec are mounted, as [`GivenScenes`]; for write-script.
pub const GIVEN_SCENES_FILE: &str = "/var/run/videofactory/given/scenes.json";
/// Where a step may write: an emptyDir.
pub const WORK_DIR: &str = "/work";
/// Where the outcome is written for Kubernetes to keep.
pub const TERMINATION_FILE: &str = "/dev/termination-log";

/// Which video, and which run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// Namespace of the `VideoJob`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// `status.id`.
    pub id: String,
    /// `status.run`, from 1.
    pub run: i64,
}

impl JobRef {
    /// The names of this run's artifacts.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys::new(&self.namespace, &self.name, &self.id, self.run)
    }
}

/// The bucket, without its credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BucketRef {
    /// URL of the S3 API.
    pub endpoint: String,
    /// URL under which browsers reach the bucket; empty if they do not.
    pub public_endpoint: String,
    /// The bucket's name.
    pub name: String,
    /// Signing region.
    pub region: String,
    /// What all our keys begin with; empty or ending in `/`.
    pub prefix: String,
}

/// The result of a step before, by what made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upstream {
    /// The inputs it was made from; names its document in the bucket.
    pub input: Digest,
    /// What the document must be.
    pub output: Digest,
}

/// What one attempt of one step is to do. At most [`MOST_INPUT_BYTES`] as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepInput {
    /// [`VERSION`].
    pub version: u32,
    /// Which video.
    pub job: JobRef,
    /// Which step.
    pub step: StepName,
    /// Which attempt, from 1; a new one for every pod.
    pub attempt: i32,
    /// What this attempt's result depends on.
    pub input: Digest,
    /// Fetch what was paid for and report; submit nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub survey: bool,
    /// In a survey: the attempt that ended without an outcome, whose spending is to be reported as this one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_for: Option<i32>,
    /// The settings in force, without those that hold their built-in value.
    pub settings: Settings,
    /// The film's subject.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// Raised takes by scene id; for write-script.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub takes: BTreeMap<String, Takes>,
    /// Results of the steps before.
    #[serde(default)]
    pub upstream: BTreeMap<StepName, Upstream>,
    /// The accounts that the step may use, by name. Their credentials are mounted, one folder each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hired: BTreeMap<String, Hired>,
    /// Submissions that a person has allowed beyond the usual two for a scene whose outcome is unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub permits: u32,
    /// Scenes for which no submission is left move as still pictures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub still_motion: bool,
    /// A film whose failed checks a person has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_quality: Option<Digest>,
    /// The channel's own parts.
    #[serde(default, skip_serializing_if = "Brand::is_empty")]
    pub brand: Brand,
    /// Seconds after which the worker stops by itself.
    pub deadline_seconds: u32,
    /// The bucket.
    pub bucket: BucketRef,
    /// Where progress is posted; empty = nowhere.
    #[serde(default)]
    pub progress_url: String,
}

/// An account that a step may use, without its credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hired {
    /// The service.
    pub provider: videofactory_crds::provideraccount::Provider,
    /// Base URL instead of the service's own; empty = that one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// Prices that differ from the provider's usual ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Money>,
    /// What this attempt may submit.
    #[serde(default)]
    pub allowance: Allowance,
}

/// What one attempt may submit to an account: it was reserved for it, and nobody else spends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Allowance {
    /// Submissions in all; 0 = only what has been submitted is fetched.
    pub submissions: u32,
    /// When they may be made, first ones first; empty = at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<Opening>,
    /// The attempt's share of the account's pace; absent = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
}

/// Submissions that may be made from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// From when on.
    pub at: Timestamp,
    /// How many.
    pub submissions: u32,
}

/// What a channel adds to each of its films, besides defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Brand {
    /// Added to every publication's tags.
    pub tags: Vec<String>,
    /// A clip before the film: a key under `assets/`; empty = none, as below.
    pub intro: String,
    /// A clip after it.
    pub outro: String,
    /// A picture over it.
    pub watermark: String,
}

impl Brand {
    /// Whether the channel adds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Scenes and overrides as the spec gives them: too large for a pod template, so a `ConfigMap`
/// named by their digest carries them to write-script.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GivenScenes {
    /// `spec.scenes`.
    pub scenes: Vec<videofactory_crds::videojob::Scene>,
    /// `spec.sceneOverrides`.
    pub overrides: Vec<videofactory_crds::videojob::SceneOverride>,
}

/// How an attempt ended. The numbers are the process's exit codes, after sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitCode {
    /// All that was asked is done.
    Done,
    /// A service refused some content; a person changes it.
    ContentRefused,
    /// Something that a step before had made is gone.
    MissingInput,
    /// A service is down.
    ProviderDown,
    /// A fault of ours.
    Bug,
    /// The bucket is out of reach.
    Storage,
    /// Rate limited or interrupted.
    TryLater,
    /// Credentials were refused.
    Credentials,
    /// The settings cannot be followed.
    Configuration,
    /// The film failed its check.
    QualityCheck,
}

impl ExitCode {
    const ALL: [(Self, i32); 10] = [
        (Self::Done, 0),
        (Self::ContentRefused, 65),
        (Self::MissingInput, 66),
        (Self::ProviderDown, 69),
        (Self::Bug, 70),
        (Self::Storage, 74),
        (Self::TryLater, 75),
        (Self::Credentials, 77),
        (Self::Configuration, 78),
        (Self::QualityCheck, 79),
    ];

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> i32 {
        Self::ALL.iter().find(|(code, _)| *code == self).map_or(70, |(_, number)| *number)
    }

    /// What a process's exit code means; `None` for one that is none of ours (137, say).
    #[must_use]
    pub fn from_code(number: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, candidate)| *candidate == number).map(|(code, _)| *code)
    }

    /// Of several ways to end, the one that is told: what a person must mend first, then what time
    /// mends, and a refusal only when nothing else is left to do.
    #[must_use]
    pub fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| match code {
            Self::Credentials | Self::Configuration => 6,
            Self::MissingInput => 5,
            Self::TryLater => 4,
            Self::ProviderDown | Self::Bug | Self::Storage => 3,
            Self::ContentRefused => 2,
            Self::QualityCheck => 1,
            Self::Done => 0,
        };
        codes.into_iter().max_by_key(rank).unwrap_or(Self::Done)
    }
}

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
    /// The step.
    pub step: StepName,
    /// The attempt.
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
    pub wrote: WroteByKind,
    /// What the attempt submitted (of a survey: the attempt that it accounts for), oldest first; see [`Spent::few`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Spent>,
    /// Of a survey: it got so far as to know what the attempt that it accounts for has spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accounted: bool,
    /// With [`ExitCode::TryLater`]: the service that refuses for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// With [`ExitCode::Credentials`]: all that is missing is credit. Nothing here tells when there is some again, so it is
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
    /// The account.
    pub account: String,
    /// When the last of them was answered: an upper bound of when the service counted it.
    pub at: Timestamp,
    /// How many.
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
    /// Most entries that fit into an outcome.
    pub const MOST: usize = 20;

    /// At most [`Self::MOST`] entries, oldest first: neighbours in time are joined, at the later time, so that nothing
    /// seems free again too early.
    #[must_use]
    pub fn few(all: Vec<Self>) -> Vec<Self> {
        Self::at_most(all, Self::MOST)
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

/// A service that refuses for a while, whatever our own books say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// The account.
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
            output: None,
            model: String::new(),
            scenes: None,
            missing_from: None,
            artifacts: Artifacts::default(),
            publications: Vec::new(),
            full: false,
            wrote: WroteByKind::new(),
            spent: Vec::new(),
            accounted: false,
            rate_limit: None,
            without_credit: false,
            resume_at: None,
        }
    }

    /// The outcome as JSON of at most [`MOST_OUTCOME_BYTES`]: the message is shortened, and scene
    /// sets are left out only if it still does not fit.
    #[must_use]
    pub fn to_message(&self) -> String {
        let mut short = self.clone();
        short.message = shorten(&self.message, MOST_MESSAGE_CHARACTERS);
        for message in [MOST_MESSAGE_CHARACTERS, 80] {
            short.message = shorten(&short.message, message);
            let text = serde_json::to_string(&short).unwrap_or_default();
            if text.len() <= MOST_OUTCOME_BYTES {
                return text;
            }
        }
        short.publications.clear();
        short.artifacts.captions.clear();
        let mut text = serde_json::to_string(&short).unwrap_or_default();
        for most in [Spent::MOST / 2, Spent::MOST / 4, 1] {
            if text.len() <= MOST_OUTCOME_BYTES {
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

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
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
    /// Still to be submitted to a paid service, as far as the attempt knows; absent if it cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// Refused by the service.
    #[serde(skip_serializing_if = "SceneSet::is_empty")]
    pub refused: SceneSet,
    /// Submitted, with no way to learn what became of it.
    #[serde(skip_serializing_if = "SceneSet::is_empty")]
    pub unknown: SceneSet,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// A file in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Artifact {
    /// Its key.
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
    /// Its thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Artifact>,
    /// Its captions.
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
    /// Published, Scheduled, …
    pub state: String,
    /// The service's id of the video, or the key.
    pub id: String,
    /// Where people watch it.
    pub url: String,
    /// RFC 3339.
    pub at: String,
}

/// What a worker posts while it works. Losing it changes nothing but the display.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Scenes made so far, of a step that works by scene.
    pub completed: SceneSet,
    /// Of the whole step, 0 to 1.
    pub fraction: f64,
    /// What goes on now, in a few words.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_go_there_and_back() {
        for (code, number) in ExitCode::ALL {
            assert_eq!(ExitCode::from_code(number), Some(code));
            assert_eq!(code.code(), number);
        }
        assert_eq!(ExitCode::from_code(137), None);
    }

    #[test]
    fn a_refusal_is_told_only_when_nothing_else_is_left_to_do() {
        use ExitCode::{Configuration, ContentRefused, Done, ProviderDown, TryLater};
        assert_eq!(ExitCode::worst([ContentRefused, TryLater, Done]), TryLater);
        assert_eq!(ExitCode::worst([ContentRefused, Done]), ContentRefused);
        assert_eq!(ExitCode::worst([ProviderDown, Configuration, TryLater]), Configuration);
        assert_eq!(ExitCode::worst([]), Done);
    }
}
