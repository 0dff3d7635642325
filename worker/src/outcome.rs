//! How a step can end: what it made, or why not. The one place that turns an error into an exit code
//! and a sentence for people.

use std::path::Path;

use videofactory_crds::StepName;
use videofactory_pipeline::contract::{Artifacts, Publication};
use videofactory_pipeline::storyboard::StoryboardError;
use videofactory_pipeline::{Digest, ExitCode, StepInput, StepOutcome};
use videofactory_providers::ProviderError;
use videofactory_storage::StorageError;

use crate::film::error::FilmError;
use crate::progress::Progress;

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
    /// The bucket.
    #[error(transparent)]
    UseBucket(#[from] StorageError),
    /// A service.
    #[error(transparent)]
    AskProvider(#[from] ProviderError),
    /// The film.
    #[error(transparent)]
    MakeFilm(#[from] FilmError),
    /// The pod's own disk.
    #[error("failed to {tried}: {reason}; the step's pod needs room and leave to write in its work folder")]
    UseFile {
        /// What was tried, on what.
        tried: String,
        /// The system's answer.
        reason: String,
    },
    /// Some scenes could not be made.
    #[error("{}", tell_scenes(failed, *total))]
    MakeScenes {
        /// Each with the scene's id.
        failed: Vec<(String, StepError)>,
        /// How many scenes there are.
        total: usize,
    },
    /// A survey submits nothing.
    #[error("{missing} of {total} scenes are still to be made; a survey makes none")]
    OnlySurvey {
        /// Scenes that are not there.
        missing: usize,
        /// How many scenes there are.
        total: usize,
    },
    /// Told to stop, with work left.
    #[error("stopped from outside before the step was done; the next attempt goes on from here")]
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
            Self::MakeScenes { failed, .. } => ExitCode::worst(failed.iter().map(|(_, error)| error.exit())),
            Self::OnlySurvey { .. } | Self::Stop => ExitCode::TryLater,
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
            Self::MakeScenes { failed, .. } => {
                failed.iter().filter_map(|(_, error)| error.missing_from()).min()
            }
            _ => None,
        }
    }

    /// Whether it ended because it was told to, and no person has to mend anything.
    fn is_stop(&self) -> bool {
        match self {
            Self::Stop => true,
            Self::MakeScenes { failed, .. } => {
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
        | E::TooLarge { .. } => ExitCode::Configuration,
        E::Unreachable { .. }
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
        ProviderError::Unavailable { .. } => ExitCode::ProviderDown,
        ProviderError::Credentials { .. } => ExitCode::Credentials,
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
        | E::FindFontFamily(_) => ExitCode::Configuration,
        E::StartProgram { .. } | E::RunFfmpeg { .. } | E::UseFile { .. } | E::KeepPromise { .. } => {
            ExitCode::Bug
        }
    }
}

/// The scene whose trouble decides, and how many others there are.
fn tell_scenes(failed: &[(String, StepError)], total: usize) -> String {
    let worst = ExitCode::worst(failed.iter().map(|(_, error)| error.exit()));
    let told = failed.iter().find(|(_, error)| error.exit() == worst);
    let text = told.map(|(id, error)| format!("scene {id}: {error}")).unwrap_or_default();
    match failed.iter().filter(|(_, error)| !matches!(error, StepError::Stop)).count() {
        0 | 1 => text,
        count => format!("{count} of {total} scenes failed; {text}"),
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

/// The outcome of an attempt that ended like this. An attempt that was told to stop never says that
/// it is done: the next one finds what it made.
#[must_use]
pub fn of_attempt(
    input: &StepInput,
    result: Result<Made, StepError>,
    cut: CutShort,
    progress: &Progress,
) -> StepOutcome {
    let result = match (result, cut) {
        (Err(error), CutShort::Deadline) if error.is_stop() => {
            Err(StepError::KeepDeadline(input.deadline_seconds))
        }
        (Ok(_), CutShort::Interrupted) => Err(StepError::Stop),
        (result, _) => result,
    };
    let mut outcome = match result {
        Ok(made) => of_made(input, made),
        Err(error) => {
            let mut outcome = StepOutcome::new(input, error.exit(), &error.to_string());
            outcome.missing_from = error.missing_from();
            if cut == CutShort::Interrupted {
                outcome.exit = ExitCode::worst([error.exit(), ExitCode::TryLater]);
                outcome.interrupted = outcome.exit == ExitCode::TryLater;
            }
            outcome
        }
    };
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
    outcome
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use videofactory_pipeline::Settings;
    use videofactory_pipeline::contract::{Brand, BucketRef, JobRef, VERSION};

    use super::*;

    fn input() -> StepInput {
        StepInput {
            version: VERSION,
            job: JobRef {
                namespace: "films".to_owned(),
                name: "ocean".to_owned(),
                uid: "u".to_owned(),
                id: "3f9c2a1e".to_owned(),
                run: 1,
            },
            step: StepName::GenerateImages,
            attempt: 1,
            input: Digest::of_bytes(b"in"),
            survey: false,
            settings: Settings::default(),
            topic: String::new(),
            takes: BTreeMap::new(),
            upstream: BTreeMap::new(),
            granted: None,
            accepted_quality: None,
            brand: Brand::default(),
            deadline_seconds: 60,
            bucket: BucketRef::default(),
            progress_url: String::new(),
        }
    }

    fn ends(result: Result<Made, StepError>, cut: CutShort) -> StepOutcome {
        of_attempt(&input(), result, cut, &Progress::default())
    }

    fn scenes(failed: Vec<StepError>) -> StepError {
        let failed = failed.into_iter().enumerate().map(|(place, error)| (format!("s{}", place + 1), error));
        StepError::MakeScenes { failed: failed.collect(), total: 6 }
    }

    fn refused() -> StepError {
        ProviderError::Refused { provider: "A service", why: "blood".to_owned() }.into()
    }

    fn bad_settings() -> StepError {
        StepError::FollowSettings("failed to speak; choose a voice".to_owned())
    }

    #[test]
    fn each_kind_of_trouble_has_its_exit_code() {
        let tried = || "put a".to_owned();
        let (provider, message) = ("A service", String::from("m"));
        let gone = StepError::FindArtifact { what: "x".to_owned(), from: StepName::NarrateScenes };
        let cases: Vec<(StepError, i32)> = vec![
            (refused(), 65),
            (gone, 66),
            (ProviderError::Unavailable { provider, message: message.clone() }.into(), 69),
            (ProviderError::Unexpected { provider, message: message.clone() }.into(), 70),
            (StorageError::Corrupt { tried: tried(), detail: message.clone() }.into(), 70),
            (StorageError::Unreachable { tried: tried(), reason: message.clone() }.into(), 74),
            (StorageError::Full { tried: tried(), code: message.clone() }.into(), 74),
            (StepError::Stop, 75),
            (StorageError::Credentials { tried: tried(), code: message.clone() }.into(), 77),
            (ProviderError::Credentials { provider, message }.into(), 77),
            (StorageError::NoSuchBucket { tried: tried() }.into(), 78),
            (bad_settings(), 78),
            (FilmError::FindFontFamily("Comic".to_owned()).into(), 78),
        ];
        for (error, code) in cases {
            let told = error.to_string();
            assert_eq!(ends(Err(error), CutShort::No).exit.code(), code, "{told}");
        }
    }

    #[test]
    fn a_stopped_attempt_never_says_that_it_is_done() {
        let made = Made { output: Some(Digest::of_bytes(b"out")), ..Made::default() };
        let outcome = ends(Ok(made), CutShort::Interrupted);
        assert_eq!((outcome.exit, outcome.interrupted, outcome.output), (ExitCode::TryLater, true, None));
    }

    #[test]
    fn what_a_person_must_mend_is_told_even_when_stopped() {
        let outcome =
            ends(Err(scenes(vec![refused(), bad_settings(), StepError::Stop])), CutShort::Interrupted);
        assert_eq!((outcome.exit, outcome.interrupted), (ExitCode::Configuration, false));
        assert_eq!(outcome.message, "2 of 6 scenes failed; scene s2: failed to speak; choose a voice");
    }

    #[test]
    fn a_refusal_waits_until_nothing_else_is_left_to_do() {
        assert_eq!(
            ends(Err(scenes(vec![refused(), StepError::Stop])), CutShort::Interrupted).exit,
            ExitCode::TryLater
        );
        assert_eq!(
            ends(Err(scenes(vec![refused(), StepError::Stop])), CutShort::Deadline).exit,
            ExitCode::Bug
        );
        assert_eq!(ends(Err(scenes(vec![refused()])), CutShort::No).exit, ExitCode::ContentRefused);
    }

    #[test]
    fn of_several_steps_that_lost_something_the_earliest_is_named() {
        let gone = |from| StepError::FindArtifact { what: "x".to_owned(), from };
        let lost = scenes(vec![gone(StepName::NarrateScenes), gone(StepName::GenerateImages)]);
        assert_eq!(ends(Err(lost), CutShort::No).missing_from, Some(StepName::GenerateImages));
    }
}
