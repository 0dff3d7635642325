//! One step's entry in the status: what it says of a result, and how it passes from one state to the next. Nothing else
//! writes a step's state, its reason, its message, when it is tried again, or its counters.

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason, whole_seconds};
use videofactory_crds::videojob::{Demand, ScenesStatus, StepStatus};
use videofactory_pipeline::contract::{Progress, Upstream};
use videofactory_pipeline::{Digest, SceneSet, graph};

use super::allowed_submissions;

/// How an attempt is begun.
pub(super) struct Start<'a> {
    /// Its number.
    pub attempt: i32,
    /// Its Job's name.
    pub job: String,
    /// The digest of its inputs.
    pub input: &'a Digest,
    /// It submits nothing.
    pub survey: bool,
    /// It makes the previewed scene alone.
    pub preview: bool,
    /// Versions of the credentials that it is given.
    pub credentials: Option<String>,
}

/// What becomes of a step. A trait, because the type belongs to the crate of the API's types, which decides nothing.
pub(super) trait Transitions {
    /// It is to begin, or to be looked at, when its turn comes.
    fn pending(&mut self);
    /// The same, at once: it waits for no time any more. The result of a step whose inputs are not known yet stays on
    /// record, but does not count.
    fn reset_step(&mut self);
    /// Nobody knows which scenes of what is wanted now it has: as many as there are may be left.
    fn forget_scenes(&mut self);
    /// It has nothing to do.
    fn skip(&mut self);
    /// It is to begin with other inputs than those of its last attempt.
    fn change_inputs(&mut self);
    /// It waits for a person or a changed object.
    fn wait(&mut self, reason: VideoJobReason, message: impl Into<String>);
    /// It is tried again then.
    fn wait_until(&mut self, reason: VideoJobReason, message: impl Into<String>, at: Timestamp);
    /// It asks its accounts, as this attempt, and waits for what they grant.
    fn ask(&mut self, attempt: i32, input: &Digest, message: &str, demands: Vec<Demand>);
    /// It still waits for its accounts: for the reason and in the words that it has, if it has any.
    fn keep_asking(&mut self, message: impl FnOnce() -> String) -> (VideoJobReason, String);
    /// An attempt begins; one that has begun before, and is begun again, keeps its time.
    fn start(&mut self, start: Start<'_>, now: Timestamp);
    /// Attempts that the status does not know of have begun, because it was put back to what it was before them: the next
    /// one comes after them, or it would stop at each of their fencing tokens.
    fn skip_begun(&mut self, latest: Option<i32>);
    /// What its worker says while it works.
    fn report(&mut self, progress: &Progress);
    /// Its attempt is to end. The reason is the record that this is our doing.
    fn stop(&mut self, reason: VideoJobReason);
    /// Its pod cannot start, and is to end for the next one.
    fn give_way(&mut self);
    /// Its attempt has ended; what follows from that is still to be said.
    fn end(&mut self, at: Timestamp);
    /// Its attempt has ended, and the next one continues where it was.
    fn resume(&mut self, message: &str);
    /// Its attempt has done what was to be done.
    fn succeed(&mut self, output: Option<&Digest>, message: &str);
    /// Its attempt has made its part of the preview.
    fn succeed_preview(&mut self, output: Option<&Digest>);
    /// Its part of the preview is made, and is still the one that is wanted.
    fn await_preview_approval(&mut self);
    /// Its result is there, and is still the one that is wanted.
    fn stay_done(&mut self);
    /// A person takes its result as it is.
    fn accept(&mut self);
    /// It is not tried again.
    fn fail(&mut self, message: impl Into<String>);
    /// One more failure; how many there are.
    fn count_failure(&mut self) -> i32;
    /// One more interruption; how many there are.
    fn count_interruption(&mut self) -> i32;
    /// One more try; how many there were before.
    fn count_retry(&mut self) -> i32;
    /// It has got somewhere.
    fn reset_counters(&mut self);
    /// A person wants it tried again.
    fn retry(&mut self);
    /// A person wants everything made again. What is at work is no part of the new run: it will be stopped.
    fn new_run(&mut self);
    /// What it had made is gone, and it does not begin before a person says so.
    fn lose(&mut self, message: &str);
    /// Its result does not count any more; whether it had one.
    fn drop_result(&mut self) -> bool;
    /// A person wants what is gone made again: it is stale. What of it is still there, its worker finds, a survey first
    /// where that costs.
    fn make_again(&mut self, now: Timestamp);
    /// Nobody has looked at its result yet, as far as is known.
    fn forget_review(&mut self);
    /// Its result waits for a person's eyes.
    fn await_review(&mut self);
    /// A person has approved this result.
    fn approve(&mut self, output: &str);
    /// A person has rejected its result, whatever was approved before.
    fn reject(&mut self);
}

impl Transitions for StepStatus {
    fn pending(&mut self) {
        self.state = Some(StepState::Pending);
        self.reason = None;
        self.message = None;
    }

    fn reset_step(&mut self) {
        if self.state != Some(StepState::Failed) || self.input_digest.is_some() {
            self.pending();
            self.retry_at = None;
        }
    }

    fn forget_scenes(&mut self) {
        if by_scene(self.name)
            && let Some(scenes) = &self.scenes
        {
            self.scenes = Some(ScenesStatus { total: scenes.total, ..ScenesStatus::default() });
        }
    }

    fn skip(&mut self) {
        self.pending();
        self.state = Some(StepState::Skipped);
    }

    fn change_inputs(&mut self) {
        self.reset_step();
        self.scenes = None;
        self.reset_counters();
    }

    fn wait(&mut self, reason: VideoJobReason, message: impl Into<String>) {
        self.state = Some(StepState::Waiting);
        self.reason = Some(reason);
        self.message = Some(message.into());
    }

    fn wait_until(&mut self, reason: VideoJobReason, message: impl Into<String>, at: Timestamp) {
        self.wait(reason, message);
        self.retry_at = Some(whole_seconds(at));
    }

    fn ask(&mut self, attempt: i32, input: &Digest, message: &str, demands: Vec<Demand>) {
        self.wait(VideoJobReason::AwaitingQuota, message);
        self.retry_at = None;
        self.attempt = Some(attempt);
        self.input_digest = Some(input.to_string());
        self.output_digest = None;
        self.approved = None;
        self.survey = None;
        self.preview = None;
        self.demands = demands;
    }

    fn keep_asking(&mut self, message: impl FnOnce() -> String) -> (VideoJobReason, String) {
        self.state = Some(StepState::Waiting);
        let reason = *self.reason.get_or_insert(VideoJobReason::AwaitingQuota);
        (reason, self.message.get_or_insert_with(message).clone())
    }

    fn start(&mut self, start: Start<'_>, now: Timestamp) {
        if self.attempt != Some(start.attempt) || self.state != Some(StepState::Running) {
            self.started_at = Some(whole_seconds(now));
        }
        self.state = Some(StepState::Running);
        self.reason = None;
        self.message = None;
        self.retry_at = None;
        self.finished_at = None;
        self.attempt = Some(start.attempt);
        self.job = Some(start.job);
        self.input_digest = Some(start.input.to_string());
        self.output_digest = None;
        self.approved = None;
        self.survey = start.survey.then_some(true);
        self.preview = start.preview.then_some(true);
        self.credentials = start.credentials;
    }

    fn skip_begun(&mut self, latest: Option<i32>) {
        self.attempt = self.attempt.max(latest);
    }

    fn report(&mut self, progress: &Progress) {
        if by_scene(self.name) && progress.completed.len() > completed(self).len() {
            self.scenes.get_or_insert_default().completed = Some(progress.completed.to_string());
        }
        if !progress.message.is_empty() {
            self.message = Some(progress.message.clone());
        }
    }

    fn stop(&mut self, reason: VideoJobReason) {
        self.reason = Some(reason);
        self.message = Some("stopping".to_owned());
    }

    fn give_way(&mut self) {
        self.reason = Some(VideoJobReason::Progressing);
    }

    fn end(&mut self, at: Timestamp) {
        self.finished_at = Some(whole_seconds(at));
        self.reason = None;
        self.message = None;
        self.retry_at = None;
    }

    fn resume(&mut self, message: &str) {
        self.pending();
        self.message = Some(message.to_owned());
    }

    fn succeed(&mut self, output: Option<&Digest>, message: &str) {
        self.state = Some(StepState::Succeeded);
        self.message = Some(message.to_owned()).filter(|message| !message.is_empty());
        self.output_digest = output.map(ToString::to_string);
        self.reset_counters();
    }

    fn succeed_preview(&mut self, output: Option<&Digest>) {
        self.await_preview_approval();
        self.output_digest = output.map(ToString::to_string);
        self.reset_counters();
    }

    fn await_preview_approval(&mut self) {
        self.wait(
            VideoJobReason::PreviewReady,
            "its part of the preview is made; the other scenes wait for an approval",
        );
    }

    fn stay_done(&mut self) {
        self.state = Some(StepState::Succeeded);
        if self.reason == Some(VideoJobReason::ArtifactsPruned) {
            // What is there after all waits for nobody.
            self.reason = None;
            self.message = None;
        }
    }

    fn accept(&mut self) {
        self.state = Some(StepState::Succeeded);
        self.reason = None;
        self.message = None;
    }

    fn fail(&mut self, message: impl Into<String>) {
        self.state = Some(StepState::Failed);
        self.reason = Some(VideoJobReason::RetriesExhausted);
        self.message = Some(message.into());
    }

    fn count_failure(&mut self) -> i32 {
        *self.failures.insert(self.failures.unwrap_or_default().saturating_add(1))
    }

    fn count_interruption(&mut self) -> i32 {
        *self.interruptions.insert(self.interruptions.unwrap_or_default().saturating_add(1))
    }

    fn count_retry(&mut self) -> i32 {
        let before = self.retries.unwrap_or_default();
        self.retries = Some(before.saturating_add(1));
        before
    }

    fn reset_counters(&mut self) {
        self.failures = None;
        self.interruptions = None;
        self.retries = None;
    }

    fn retry(&mut self) {
        if self.reason == Some(VideoJobReason::QualityCheckFailed) {
            self.output_digest = None;
        }
        if self.reason == Some(VideoJobReason::OutcomeUnknown) {
            allowed_submissions::give(self);
        }
        self.pending();
        self.retry_at = None;
        self.reset_counters();
    }

    fn new_run(&mut self) {
        if self.state != Some(StepState::Running) {
            self.state = Some(StepState::Pending);
            self.reason = None;
        }
        self.message = None;
        self.retry_at = None;
        self.reset_counters();
        // What is at work has no input of the new run: nothing of it is kept.
        self.input_digest = None;
        self.output_digest = None;
        self.approved = None;
        self.started_at = None;
        self.gone = None;
        self.cost = None;
        allowed_submissions::forget(self);
        self.rate_limit = None;
        self.scenes = None;
        self.model = None;
    }

    fn lose(&mut self, message: &str) {
        self.gone = Some(true);
        self.wait(VideoJobReason::ArtifactsPruned, message);
    }

    fn drop_result(&mut self) -> bool {
        self.output_digest.take().is_some()
    }

    fn make_again(&mut self, now: Timestamp) {
        self.pending();
        self.retry_at = None;
        self.reset_counters();
        self.gone = None;
        self.output_digest = None;
        if self.name != StepName::AssembleVideo {
            // What was delivered until now is paid for once more, and nothing that is delivered from now on.
            self.permitted_before = Some(whole_seconds(now));
        }
        if by_scene(self.name) {
            self.scenes.get_or_insert_default();
            self.forget_scenes();
        }
    }

    fn forget_review(&mut self) {
        if matches!(self.reason, Some(VideoJobReason::AwaitingReview | VideoJobReason::Rejected)) {
            self.reason = None;
        }
    }

    fn await_review(&mut self) {
        self.reason = Some(VideoJobReason::AwaitingReview);
    }

    fn approve(&mut self, output: &str) {
        self.approved = Some(output.to_owned());
    }

    fn reject(&mut self) {
        self.approved = None;
        self.reason = Some(VideoJobReason::Rejected);
    }
}

/// What a step made, if it succeeded.
pub(super) fn result_of(step: &StepStatus) -> Option<Upstream> {
    if step.reason == Some(VideoJobReason::QualityCheckFailed) {
        return None;
    }
    Some(Upstream {
        input: Digest::from_hex(step.input_digest.as_deref()?)?,
        output: Digest::from_hex(step.output_digest.as_deref()?)?,
    })
}

/// Whether an attempt has had these inputs.
pub(super) fn is_tried(step: &StepStatus, input: &Digest) -> bool {
    step.input_digest.as_deref() == Some(input.as_str())
}

/// Whether what a step waits for has nothing to do with a result that a person might still accept, or that is gone.
pub(super) fn result_is_void(step: &StepStatus) -> bool {
    step.reason != Some(VideoJobReason::QualityCheckFailed) && step.gone != Some(true)
}

/// Whether what a step holds of its accounts is held by an attempt of an earlier run: a restart takes the digest from what
/// is at work, and whatever asks or begins in the new run has one of its own.
pub(super) const fn is_of_earlier_run(step: &StepStatus) -> bool {
    step.input_digest.is_none()
}

/// Scenes that this step has, as far as the status knows.
pub(super) fn completed(step: &StepStatus) -> SceneSet {
    step.scenes
        .as_ref()
        .and_then(|scenes| scenes.completed.as_ref())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// Whether the step is one that works scene by scene.
pub(super) fn by_scene(name: StepName) -> bool {
    graph::step(name).granularity == graph::Granularity::Scenes
}
