//! How the end of an attempt is called, and how long it took: what is to be measured of it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::videojob::{PublicationState, StepStatus};
use videofactory_pipeline::contract::{ExitCode, StepOutcome};

use super::attempts::End;
use super::model::{Measured, Observed, PodState};
use crate::metrics::{AttemptOutcome, PublishOutcome};

/// An end that is about to be recorded.
pub(super) struct Ending {
    outcome: AttemptOutcome,
    published: Vec<Measured>,
}

impl Ending {
    /// Reads an end; one that we have asked for ourselves is no interruption.
    pub(super) fn read(end: &End, stopped_by_us: bool) -> Self {
        let published = if let End::Reported(outcome) = end { published(outcome) } else { Vec::new() };
        Self { outcome: outcome_of(end, stopped_by_us), published }
    }

    /// What there is to report once it is recorded in `step`.
    pub(super) fn recorded(self, observed: &Observed, step: &StepStatus) -> Vec<Measured> {
        let since =
            |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let (begun, ended) = (step.started_at.as_ref(), step.finished_at.as_ref());
        let took = begun.zip(ended).map(|(begun, ended)| since(begun.0, ended.0));
        // Whatever its checks said: a person may have taken the film as it is.
        let is_done =
            step.state == Some(StepState::Succeeded) || step.reason == Some(VideoJobReason::PreviewReady);
        let outcome = if is_done { AttemptOutcome::Succeeded } else { self.outcome };
        let attempt = step.attempt.unwrap_or_default();
        let created = observed.jobs.iter().find(|job| job.step == step.name && job.attempt == attempt);
        let started = observed.pods.iter().find_map(|pod| match &pod.state {
            PodState::Ended(end) if pod.step == step.name && pod.attempt == attempt => end.started,
            _ => None,
        });
        let queued = created
            .and_then(|job| job.created)
            .zip(started)
            .map(|(created, started)| since(created, started));
        let attempt = took.map(|took| Measured::Attempt { step: step.name, outcome, took, queued });
        attempt.into_iter().chain(self.published).collect()
    }
}

/// How an attempt with this end is counted, and shown in its trace; one that we have stopped ourselves was not interrupted.
pub(super) fn outcome_of(end: &End, stopped_by_us: bool) -> AttemptOutcome {
    match end {
        _ if stopped_by_us && is_interruption(end) => AttemptOutcome::Stopped,
        End::Reported(outcome) => reported(outcome),
        End::Interrupted(_) => AttemptOutcome::Interrupted,
        End::OutOfMemory => AttemptOutcome::OutOfMemory,
        End::Deadline => AttemptOutcome::DeadlineExceeded,
        End::Silent(code) => match ExitCode::from_code(*code) {
            Some(ExitCode::Done) | None => AttemptOutcome::Failed,
            Some(exit) => of_exit(exit),
        },
    }
}

fn is_interruption(end: &End) -> bool {
    match end {
        End::Reported(outcome) => outcome.interrupted,
        End::Interrupted(_) => true,
        End::OutOfMemory | End::Deadline | End::Silent(_) => false,
    }
}

fn reported(outcome: &StepOutcome) -> AttemptOutcome {
    match outcome.exit {
        ExitCode::TryLater if outcome.interrupted => AttemptOutcome::Interrupted,
        ExitCode::TryLater if outcome.rate_limit.is_some() => AttemptOutcome::RateLimited,
        ExitCode::Storage if outcome.full => AttemptOutcome::StorageFull,
        ExitCode::ContentRefused if is_unknown(outcome) => AttemptOutcome::OutcomeUnknown,
        exit => of_exit(exit),
    }
}

/// The outcome that an exit code alone stands for, named as the reasons of steps and jobs are.
const fn of_exit(exit: ExitCode) -> AttemptOutcome {
    match exit {
        // It worked on what was changed meanwhile: what counts is reported as succeeded.
        ExitCode::Done => AttemptOutcome::Superseded,
        ExitCode::ContentRefused => AttemptOutcome::ContentRefused,
        ExitCode::MissingInput => AttemptOutcome::MissingInput,
        ExitCode::ProviderDown => AttemptOutcome::ProviderUnavailable,
        ExitCode::Bug => AttemptOutcome::Failed,
        ExitCode::Storage => AttemptOutcome::StorageUnavailable,
        // Some is left for the next one, as a rule for want of units.
        ExitCode::TryLater => AttemptOutcome::Paused,
        ExitCode::Credentials => AttemptOutcome::CredentialsInvalid,
        ExitCode::Configuration => AttemptOutcome::ConfigurationInvalid,
        ExitCode::QualityCheck => AttemptOutcome::QualityCheckFailed,
    }
}

/// Whether nothing was refused, and of something nobody knows whether it was taken.
pub(super) fn is_unknown(outcome: &StepOutcome) -> bool {
    let scenes =
        outcome.scenes.as_ref().is_some_and(|report| !report.unknown.is_empty() && report.refused.is_empty());
    scenes || outcome.publications.iter().any(|publication| publication.state == PublicationState::Unknown)
}

/// What became of publications. What is published is reported once every target has the film: attempts before that name
/// again what they find published.
fn published(outcome: &StepOutcome) -> Vec<Measured> {
    if outcome.step != StepName::PublishVideo {
        return Vec::new();
    }
    let of = |state: fn(PublicationState) -> bool| {
        let all = outcome.publications.iter().filter(|publication| state(publication.state)).count();
        u64::try_from(all).unwrap_or_default()
    };
    let counts = if outcome.output.is_some() {
        let scheduled = of(|state| state == PublicationState::Scheduled);
        vec![
            (PublishOutcome::Scheduled, scheduled),
            (PublishOutcome::Published, of(|_| true).saturating_sub(scheduled)),
        ]
    } else {
        let unknown = of(|state| state == PublicationState::Unknown);
        match outcome.exit {
            _ if unknown > 0 => vec![(PublishOutcome::Unknown, unknown)],
            ExitCode::ContentRefused => vec![(PublishOutcome::Refused, 1)],
            ExitCode::ProviderDown | ExitCode::Credentials | ExitCode::Configuration | ExitCode::Bug => {
                vec![(PublishOutcome::Failed, 1)]
            }
            // No target was asked, or only for a while.
            ExitCode::Done
            | ExitCode::MissingInput
            | ExitCode::Storage
            | ExitCode::TryLater
            | ExitCode::QualityCheck => Vec::new(),
        }
    };
    counts
        .into_iter()
        .filter(|(_, times)| *times > 0)
        .map(|(of, times)| Measured::Published(of, times))
        .collect()
}

#[cfg(test)]
mod tests;
