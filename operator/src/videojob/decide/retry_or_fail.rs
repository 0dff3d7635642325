//! What the end of an attempt means for its step: it is done, tried again, waits for a person, or has failed.

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::{ScenesStatus, StepStatus};
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::{ExitCode, StepOutcome};

use super::super::attempt_outcome::is_unknown;
use super::allowed_submissions;
use super::demands::write_off;
use super::draft::{Draft, later};
use super::messages::said;
use super::step::{Transitions, by_scene, completed};
use super::wait_after_attempt::MAX_DELAY;

/// Seconds before the first retry; doubled for each further one.
const FIRST_DELAY: i64 = 5;
/// Interruptions in a row, without a scene made, that are nobody's fault.
const FREE_INTERRUPTIONS: i32 = 10;

/// Between 0 and 1, the same for the same attempt: jobs that failed together do not return together.
pub(super) fn jitter_of(draft: &Draft<'_>, name: StepName) -> f64 {
    let uid = draft.observed.job.metadata.uid.as_deref().unwrap_or_default();
    let attempt = draft.step(name).and_then(|step| step.attempt).unwrap_or_default();
    let seed = Digest::of_bytes(format!("{uid}/{name}/{attempt}").as_bytes()).seed();
    f64::from(u32::try_from(seed % 1000).unwrap_or_default()) / 1000.0
}

/// Whether an attempt missed something that was paid for when it was made.
pub(super) fn is_paid(draft: &Draft<'_>, outcome: &StepOutcome) -> bool {
    let missing = outcome.missing_from.filter(|_| outcome.exit == ExitCode::MissingInput);
    let maker = missing.filter(|missing| *missing != outcome.step).and_then(|missing| draft.step(missing));
    // Only attempts with a service of others have credentials.
    maker.is_some_and(|step| step.credentials.is_some() || step.cost.is_some())
}

/// Records the end of an attempt in its step's entry.
pub(super) struct StepRecorder<'a> {
    pub step: &'a mut StepStatus,
    pub now: Timestamp,
    pub limit: i32,
    pub jitter: f64,
    /// What is missing was paid for: the step before it waits for a person, and this one for that step.
    pub asks_a_person: bool,
    /// Why its account has no quota for it, if it seems so.
    pub without_quota: Option<String>,
}

impl StepRecorder<'_> {
    /// An exit code without an outcome.
    pub(super) fn record_silent_exit(&mut self, code: i32) {
        match ExitCode::from_code(code) {
            Some(ExitCode::ProviderDown) => {
                self.retry_later(VideoJobReason::ProviderUnavailable, "the provider is down");
            }
            Some(ExitCode::Storage) => {
                self.retry_later(VideoJobReason::StorageUnavailable, "the bucket is out of reach");
            }
            Some(ExitCode::Credentials) => {
                self.step.wait(VideoJobReason::CredentialsInvalid, "see the log of its pod");
            }
            Some(ExitCode::Configuration) => {
                self.step.wait(VideoJobReason::ConfigurationInvalid, "see the log of its pod");
            }
            _ => self.failed(
                VideoJobReason::RetryScheduled,
                &format!("its container ended with exit code {code} and no outcome; see the pod's log"),
            ),
        }
    }

    /// The worker said how it went.
    pub(super) fn record_reported(
        &mut self,
        outcome: &StepOutcome,
        accepted: Option<&str>,
        stopped_by_us: bool,
    ) {
        self.scenes(outcome);
        allowed_submissions::ask(self.step, outcome);
        if !outcome.model.is_empty() {
            self.step.model = Some(outcome.model.clone());
        }
        let message = said(outcome);
        match outcome.exit {
            ExitCode::Done if self.is_preview() => self.step.succeed_preview(outcome.output.as_ref()),
            ExitCode::Done => self.step.succeed(outcome.output.as_ref(), &outcome.message),
            ExitCode::QualityCheck => {
                let output = outcome.output.as_ref().map(Digest::as_str);
                self.step.output_digest = output.map(ToOwned::to_owned);
                if output.is_some() && output == accepted {
                    self.step.succeed(outcome.output.as_ref(), "");
                } else {
                    self.step.wait(VideoJobReason::QualityCheckFailed, message);
                }
            }
            ExitCode::ContentRefused if is_unknown(outcome) => {
                self.step.wait(VideoJobReason::OutcomeUnknown, message);
            }
            ExitCode::ContentRefused => self.step.wait(VideoJobReason::ContentRefused, message),
            // Somebody has to add some, and only the service knows of it.
            ExitCode::Credentials if outcome.without_credit => {
                self.retry_later(VideoJobReason::CredentialsInvalid, message);
            }
            ExitCode::Credentials => self.step.wait(VideoJobReason::CredentialsInvalid, message),
            ExitCode::Configuration => self.step.wait(VideoJobReason::ConfigurationInvalid, message),
            ExitCode::ProviderDown => self.retry_later(VideoJobReason::ProviderUnavailable, message),
            ExitCode::Storage if outcome.full => self.retry_later(VideoJobReason::StorageFull, message),
            ExitCode::Storage => self.retry_later(VideoJobReason::StorageUnavailable, message),
            ExitCode::TryLater if outcome.interrupted => self.interrupted(message, stopped_by_us),
            ExitCode::TryLater if let Some(why) = self.without_quota.take() => {
                self.step.wait(VideoJobReason::CredentialsInvalid, why);
            }
            ExitCode::TryLater if leaves_some(outcome) => self.continue_later(outcome),
            ExitCode::TryLater if let Some(at) = outcome.resume_at => {
                self.step.wait_until(
                    VideoJobReason::RetryScheduled,
                    message,
                    at.min(later(self.now, MAX_DELAY)),
                );
            }
            ExitCode::TryLater => self.retry_later(VideoJobReason::RateLimited, message),
            ExitCode::MissingInput if self.asks_a_person => self.step.pending(),
            ExitCode::MissingInput | ExitCode::Bug => self.failed(VideoJobReason::RetryScheduled, message),
        }
    }

    fn scenes(&mut self, outcome: &StepOutcome) {
        let Some(report) = &outcome.scenes else { return };
        let before = completed(self.step).len();
        // Once the previewed scene is there, the attempt knows nothing of the others.
        let left = report.left.filter(|_| outcome.exit != ExitCode::Done || !self.is_preview());
        if report.completed.len() > before || report.made > 0 {
            self.step.reset_counters();
        }
        self.step.scenes = Some(ScenesStatus {
            total: Some(i32::try_from(report.total).unwrap_or(i32::MAX)),
            completed: by_scene(outcome.step).then(|| report.completed.to_string()),
            refused: (!report.refused.is_empty()).then(|| report.refused.to_string()),
            unknown: (!report.unknown.is_empty()).then(|| report.unknown.to_string()),
            left: left.and_then(|left| i32::try_from(left).ok()),
        });
    }

    /// Whether the attempt was to make the previewed scene alone.
    fn is_preview(&self) -> bool {
        self.step.preview == Some(true)
    }

    /// Some is left for the next attempt, which asks its account; at once, if this one has got anywhere.
    fn continue_later(&mut self, outcome: &StepOutcome) {
        let made = outcome.scenes.as_ref().is_some_and(|report| report.made > 0);
        let surveyed = self.step.survey == Some(true);
        if made || surveyed || !outcome.spent.is_empty() || outcome.rate_limit.is_some() {
            self.step.resume(said(outcome));
        } else {
            self.retry_later(VideoJobReason::RateLimited, said(outcome));
        }
    }

    /// Waits for a service to come back, however long that takes.
    pub(super) fn retry_later(&mut self, reason: VideoJobReason, message: &str) {
        let tries = self.step.count_retry();
        let at = back_off(self.now, tries, self.jitter);
        self.step.wait_until(reason, message, at);
    }

    /// A fault of ours or of the film: tried again, up to the limit.
    pub(super) fn failed(&mut self, reason: VideoJobReason, message: &str) {
        let failures = self.step.count_failure();
        if failures > self.limit {
            // Nobody looks after a failed step's grant: others shall have it.
            write_off(self.step, self.now);
            self.step.fail(format!("{message} ({failures} failures, limit {})", self.limit));
            return;
        }
        let at = back_off(self.now, failures - 1, self.jitter);
        self.step.wait_until(reason, message, at);
    }

    /// Stopped from outside: begun again at once, unless it never gets anywhere.
    pub(super) fn interrupted(&mut self, why: &str, stopped_by_us: bool) {
        self.step.pending();
        if stopped_by_us {
            return;
        }
        let interruptions = self.step.count_interruption();
        if interruptions > FREE_INTERRUPTIONS {
            self.failed(
                VideoJobReason::Interrupted,
                &format!("interrupted {interruptions} times in a row without progress: {why}"),
            );
        }
    }
}

/// Whether the worker knows that there is more to submit than it was granted, or the service refuses for a while.
fn leaves_some(outcome: &StepOutcome) -> bool {
    outcome.rate_limit.is_some()
        || outcome.scenes.as_ref().is_some_and(|report| report.left.is_some_and(|left| left > 0))
}

/// When to try again after so many tries: each time later, up to a limit.
fn back_off(now: Timestamp, tries: i32, jitter: f64) -> Timestamp {
    let doublings = u32::try_from(tries.clamp(0, 10)).unwrap_or_default();
    let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(MAX_DELAY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 600 seconds")]
    let spread = (delay as f64 * (0.8 + 0.2 * jitter)).ceil() as i64;
    later(now, spread)
}
