//! How a step can end: what it made, or why not. The one place that turns an error into an exit code
//! and a sentence for people.

use std::collections::BTreeMap;
use std::path::Path;

use videofactory_crds::StepName;
use videofactory_crds::units::Money;
use videofactory_pipeline::contract::{Artifacts, Publication, Unresolved};
use videofactory_pipeline::storyboard::StoryboardError;
use videofactory_pipeline::{Digest, ExitCode, StepInput, StepOutcome, clock};
use videofactory_providers::ProviderError;
use videofactory_storage::StorageError;

use crate::paid::{Question, UsageRecorder};
use crate::progress::Progress;
use videofactory_film::error::FilmError;

/// What a step made.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// The digest of its result document.
    pub output: Option<Digest>,
    /// The model that was used, where there is one.
    pub model: String,
    /// Files worth naming in the status.
    pub artifacts: Artifacts,
    /// Where the film was published.
    pub publications: Vec<Publication>,
    /// What was done, in a few words.
    pub message: String,
    /// What a person should know besides; empty if nothing.
    pub note: String,
    /// The film is there, and a check on it failed that is not accepted.
    pub failed_check: bool,
}

/// Why a step did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The settings cannot be followed; a whole sentence.
    #[error("{0}")]
    FollowSettings(String),
    /// Scenes and overrides do not fit together.
    #[error(transparent)]
    LayOutScenes(#[from] StoryboardError),
    /// Credentials are not where they should be; a whole sentence.
    #[error("{0}")]
    ReadCredentials(String),
    /// Something that a step before made is gone, or is not what it was.
    #[error("failed to find {what}: it is gone from the bucket; {from} makes it again")]
    FindArtifact {
        /// What is gone.
        what: String,
        /// The step that makes it.
        from: StepName,
    },
    #[error(transparent)]
    UseBucket(#[from] StorageError),
    /// A service.
    #[error(transparent)]
    AskProvider(#[from] ProviderError),
    #[error(transparent)]
    MakeFilm(#[from] FilmError),
    /// The pod's own disk.
    #[error(
        "failed to {tried}: {reason}; the step's pod needs space in its work folder and permission to write there"
    )]
    UseFile {
        /// What was tried, on what.
        tried: String,
        /// The system's answer.
        reason: String,
    },
    /// Some scenes could not be made.
    #[error("{}", summarize("scene", failed, *total))]
    MakeScenes {
        /// Each with the scene's id.
        failed: Vec<(String, StepError)>,
        /// How many scenes there are.
        total: usize,
    },
    /// The service refuses the content, as an earlier attempt has found.
    #[error("{0}")]
    KeepRefusal(String),
    /// Something was paid for, or may have been, and is not there: only a person decides whether it is paid for again.
    #[error("{0}")]
    AskPerson(Box<Question>),
    /// Nothing more may be submitted with this grant.
    #[error("no submission is left in this grant; the next one continues from here")]
    AwaitQuota,
    /// Not begun, because something else has failed that stops this too.
    #[error("not begun, because the account has failed before")]
    SkipAfterFailure,
    /// It takes time, and nothing else; a whole sentence.
    #[error("{0}")]
    AwaitTime(String),
    /// Nobody knows whether the film was published to this target.
    #[error(
        "the film may or may not have been published to target {target:?}: {} upload sessions are gone, and it was not \
         found on the site; look there, then request a retry, which uploads it once more", .unresolved.submissions
    )]
    LosePublication {
        /// The target's name.
        target: String,
        /// What a person is asked about.
        unresolved: Unresolved,
    },
    /// Some targets have not got the film.
    #[error("{}", summarize("target", failed, *total))]
    PublishTargets {
        /// Each with the target's name.
        failed: Vec<(String, StepError)>,
        /// How many targets there are.
        total: usize,
    },
    /// A survey submits nothing.
    #[error("{missing} of {total} scenes are still to be made; a survey makes none")]
    SubmitInSurvey {
        /// Scenes that are not there.
        missing: usize,
        /// How many scenes there are.
        total: usize,
    },
    /// Another execution of this attempt has begun, and may have submitted something.
    #[error(
        "another pod has begun this attempt, so this one did nothing; the next one finds out what was spent"
    )]
    RunTwice {
        /// The latest attempt that has begun: this one, or one after it.
        latest: i32,
    },
    /// A later attempt than this one has begun.
    #[error("attempt {latest} has begun before this one, which stops; the next one continues from there")]
    RunSuperseded {
        /// It, or one after it.
        latest: i32,
    },
    /// Asked to stop, with work left.
    #[error("stopped from outside before the step was done; the next attempt continues from here")]
    Stop,
    /// Time is up.
    #[error("failed to end within {0} s; give the step more in compute.steps, or more CPU")]
    KeepDeadline(u32),
    /// A fault of ours.
    #[error("failed unexpectedly: {0}; report this with the step's log")]
    Break(String),
}

impl StepError {
    /// A file of the pod cannot be used; `tried` is a verb.
    #[must_use]
    pub fn use_file(tried: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::UseFile { tried: format!("{tried} {}", path.display()), reason: error.to_string() }
    }

    /// The process's way to end because of this.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        match self {
            Self::FollowSettings(_) | Self::LayOutScenes(_) => ExitCode::Configuration,
            Self::ReadCredentials(_) => ExitCode::Credentials,
            Self::FindArtifact { .. } => ExitCode::MissingInput,
            Self::UseBucket(error) => exit_of_storage(error),
            Self::AskProvider(error) => exit_of_provider(error),
            Self::MakeFilm(error) => exit_of_film(error),
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => worst_of(failed),
            // They need a person, and only when nothing else is left to do.
            Self::AskPerson(_) | Self::KeepRefusal(_) | Self::LosePublication { .. } => {
                ExitCode::ContentRefused
            }
            Self::AwaitQuota
            | Self::SkipAfterFailure
            | Self::AwaitTime(_)
            | Self::SubmitInSurvey { .. }
            | Self::RunTwice { .. }
            | Self::RunSuperseded { .. }
            | Self::Stop => ExitCode::TryLater,
            Self::UseFile { .. } | Self::KeepDeadline(_) | Self::Break(_) => ExitCode::Bug,
        }
    }

    /// Whether the next scene would fail in the same way, so that it need not be tried.
    #[must_use]
    pub fn stops_all_scenes(&self) -> bool {
        use ExitCode::{Credentials, ProviderDown, Storage, TryLater};
        matches!(self.exit(), Credentials | ProviderDown | Storage | TryLater)
    }

    /// The step whose artifacts are gone.
    fn missing_from(&self) -> Option<StepName> {
        match self {
            Self::FindArtifact { from, .. } => Some(*from),
            // Of several, the earliest: what it makes again may bring back the others.
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => {
                failed.iter().filter_map(|(_, error)| error.missing_from()).min()
            }
            _ => None,
        }
    }

    /// Whether credit with the service is all that a person has to bring.
    fn lacks_only_credit(&self) -> bool {
        match self {
            Self::AskProvider(error) => matches!(error, ProviderError::CreditsUsedUp { .. }),
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => {
                let worst = self.exit();
                let mut decisive = failed.iter().filter(|(_, error)| error.exit() == worst);
                worst == ExitCode::Credentials && decisive.all(|(_, error)| error.lacks_only_credit())
            }
            _ => false,
        }
    }

    /// Whether the bucket has no space left for what was made.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::UseBucket(error) => error.is_full(),
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => {
                failed.iter().any(|(_, error)| error.is_full())
            }
            _ => false,
        }
    }

    /// What a person is asked about.
    fn unresolved(&self) -> Vec<Unresolved> {
        match self {
            Self::AskPerson(question) => vec![question.unresolved()],
            Self::LosePublication { unresolved, .. } => vec![unresolved.clone()],
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => {
                failed.iter().flat_map(|(_, error)| error.unresolved()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether it ended because it was asked to, and no person has to fix anything.
    pub(crate) fn is_stop(&self) -> bool {
        match self {
            Self::Stop | Self::RunTwice { .. } | Self::RunSuperseded { .. } => true,
            Self::MakeScenes { failed, .. } | Self::PublishTargets { failed, .. } => {
                self.exit() == ExitCode::TryLater && failed.iter().any(|(_, error)| error.is_stop())
            }
            _ => false,
        }
    }
}

fn exit_of_storage(error: &StorageError) -> ExitCode {
    use StorageError as E;
    match error {
        E::Credentials { .. } => ExitCode::Credentials,
        E::NoSuchBucket { .. }
        | E::PreconditionsUnsupported { .. }
        | E::InvalidRequest { .. }
        | E::Addressing { .. }
        | E::TooLarge { .. } => ExitCode::Configuration,
        // What its StoragePolicy or its server says wrongly is mended there, and the step goes on by itself.
        E::Region { .. }
        | E::NotS3 { .. }
        | E::Clock { .. }
        | E::Unreachable { .. }
        | E::Unavailable { .. }
        | E::TooManyRequests { .. }
        | E::Full { .. }
        | E::Other { .. } => ExitCode::Storage,
        E::NoSuchKey { .. }
        | E::PreconditionFailed { .. }
        | E::InvalidRange { .. }
        | E::Corrupt { .. }
        | E::LocalFile { .. } => ExitCode::Bug,
    }
}

fn exit_of_provider(error: &ProviderError) -> ExitCode {
    match error {
        ProviderError::Refused { .. } => ExitCode::ContentRefused,
        ProviderError::RateLimited { .. } | ProviderError::Interrupted { .. } => ExitCode::TryLater,
        ProviderError::Unavailable { .. }
        | ProviderError::OutcomeUnknown { .. }
        | ProviderError::NotFound { .. } => ExitCode::ProviderDown,
        ProviderError::Credentials { .. } | ProviderError::CreditsUsedUp { .. } => ExitCode::Credentials,
        ProviderError::Configuration { .. } => ExitCode::Configuration,
        ProviderError::Unexpected { .. } => ExitCode::Bug,
    }
}

fn exit_of_film(error: &FilmError) -> ExitCode {
    use FilmError as E;
    match error {
        E::ReadSettings { .. }
        | E::LayOut(_)
        | E::KeepLength { .. }
        | E::ReadInput { .. }
        | E::FindFont { .. }
        | E::FindFonts { .. }
        | E::FindFontFamily(_) => ExitCode::Configuration,
        E::StartProgram { .. } | E::RunFfmpeg { .. } | E::UseFile { .. } | E::KeepPromise { .. } => {
            ExitCode::Bug
        }
    }
}

/// How an attempt with these failures ends. A grant that is used up is no trouble, only something left to do: a service
/// that is down is reported before it, a refusal after it.
fn worst_of(failed: &[(String, StepError)]) -> ExitCode {
    let is_left = |error: &StepError| matches!(error, StepError::AwaitQuota);
    let troubles = failed.iter().filter(|(_, error)| !is_left(error)).map(|(_, error)| error.exit());
    let worst = ExitCode::worst(troubles);
    let only_refusals = matches!(worst, ExitCode::ContentRefused | ExitCode::Done);
    let left = failed.iter().any(|(_, error)| is_left(error));
    if left && only_refusals { ExitCode::TryLater } else { worst }
}

/// The scene whose trouble decides, and how many others there are.
fn summarize(what: &str, failed: &[(String, StepError)], total: usize) -> String {
    let worst = worst_of(failed);
    let found = |rank: fn(&StepError) -> bool| {
        failed.iter().find(move |(_, error)| error.exit() == worst && rank(error))
    };
    // A service that refuses says more than a grant that is used up.
    let reported = found(|error| !matches!(error, StepError::AwaitQuota)).or_else(|| found(|_| true));
    let text = reported.map(|(id, error)| format!("{what} {id}: {error}")).unwrap_or_default();
    let waiting = failed.iter().filter(|(_, error)| matches!(error, StepError::AwaitQuota)).count();
    if matches!(reported, Some((_, StepError::AwaitQuota))) {
        return format!(
            "{waiting} of {total} {what}s are still to be submitted; the next grant continues with them"
        );
    }
    let text = match reported {
        Some((_, StepError::AskPerson(_))) => format!("{text}{}", price_message(failed)),
        _ => text,
    };
    match failed.iter().filter(|(_, error)| !matches!(error, StepError::Stop | StepError::AwaitQuota)).count()
    {
        0 | 1 => text,
        count => format!("{count} of {total} {what}s failed; {text}"),
    }
}

/// How many requests a retry submits, and for how much, where there are several.
fn price_message(failed: &[(String, StepError)]) -> String {
    let questions = failed.iter().filter_map(|(_, error)| match error {
        StepError::AskPerson(question) => Some((&question.digest, question.price)),
        _ => None,
    });
    let prices: BTreeMap<&Digest, Money> = questions.collect();
    let asked = prices.values().take(Unresolved::MAX);
    let (count, sum) = (asked.clone().count(), asked.copied().sum::<Money>());
    match count {
        0 | 1 => String::new(),
        _ if sum == Money::ZERO => format!(". In all, a retry submits {count} requests"),
        _ => format!(". In all, a retry submits {count} requests for about ${sum}"),
    }
}

/// Whether the attempt was cut short from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutShort {
    /// It was not.
    No,
    /// The pod is being stopped.
    Interrupted,
    /// The attempt's time is up.
    Deadline,
}

/// The outcome of an attempt that ended like this. An attempt that was asked to stop never says that
/// it is done: the next one finds what it made.
#[must_use]
pub fn of_attempt(
    input: &StepInput,
    result: Result<Made, StepError>,
    cut: CutShort,
    progress: &Progress,
    usage: &UsageRecorder,
) -> StepOutcome {
    let result = match (result, cut) {
        (Err(error), CutShort::Deadline) if error.is_stop() => {
            Err(StepError::KeepDeadline(input.deadline_seconds))
        }
        (Ok(_), CutShort::Interrupted) => Err(StepError::Stop),
        (result, _) => result,
    };
    let is_other = matches!(result, Err(StepError::RunTwice { .. }));
    let latest = match &result {
        Err(StepError::RunTwice { latest } | StepError::RunSuperseded { latest }) => Some(*latest),
        _ => None,
    };
    let mut outcome = match result {
        Ok(made) => of_made(input, made),
        Err(error) => {
            let mut outcome = StepOutcome::new(input, error.exit(), &error.to_string());
            outcome.missing_from = error.missing_from();
            outcome.without_credit = error.lacks_only_credit();
            outcome.unresolved = error.unresolved();
            outcome.unresolved.sort_by(|one, other| one.digest.cmp(&other.digest));
            outcome.unresolved.dedup();
            outcome.unresolved.truncate(Unresolved::MAX);
            // Of several kinds of trouble with the bucket, the one that a person can do something about.
            outcome.full = outcome.exit == ExitCode::Storage && error.is_full();
            if cut == CutShort::Interrupted {
                outcome.exit = ExitCode::worst([error.exit(), ExitCode::TryLater]);
                outcome.interrupted = outcome.exit == ExitCode::TryLater;
            }
            // Without a signal: a later attempt has begun beside this one.
            outcome.interrupted |= cut == CutShort::No && error.is_stop();
            outcome
        }
    };
    outcome.spent = usage.spent(clock::now());
    outcome.accounted = usage.is_surveyed();
    outcome.latest = latest.filter(|latest| *latest > input.attempt);
    // Where an execution may have gone before this one, only who has acquired the fencing token knows what was spent.
    outcome.did_nothing =
        is_other || (input.again && !input.accounts.is_empty() && !usage.holds_fencing_token());
    if outcome.exit != ExitCode::Done {
        outcome.rate_limit = usage.rate_limit();
        outcome.resume_at = usage.resume_at();
        outcome.publications = usage.publications();
    }
    if outcome.scenes.is_none() {
        outcome.scenes = progress.report();
    }
    outcome
}

fn of_made(input: &StepInput, made: Made) -> StepOutcome {
    let exit = if made.failed_check { ExitCode::QualityCheck } else { ExitCode::Done };
    let mut outcome = StepOutcome::new(input, exit, &made.message);
    outcome.output = made.output;
    outcome.model = made.model;
    outcome.artifacts = made.artifacts;
    outcome.publications = made.publications;
    outcome.note = made.note;
    outcome
}

#[cfg(test)]
mod tests;
