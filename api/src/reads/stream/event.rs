//! The events that are sent to whoever follows the jobs.

use std::collections::BTreeMap;

use axum::response::sse::Event;
use serde::Serialize;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_crds::{StepName, StepState, VideoJob};
use videofactory_pipeline::contract::Progress;

use crate::problem::{Problem, ProblemDetails};
use crate::reads::summary::JobSummary;
use crate::schemas;

/// An event of the stream: `event` is its name, and `data` is its data, as JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum StreamEvent {
    /// A job that exists, or has changed.
    Job(Box<FollowedJob>),
    /// All jobs that existed at the beginning have been sent. What follows are changes.
    Synced(Synced),
    /// A job was deleted, or no longer matches the filter.
    Deleted(DeletedJob),
    /// Why the stream ends here. 401 and 403: the caller may no longer read it. 503: connect again.
    Problem(ProblemDetails),
}

/// A job in a few fields, with the last reports of its workers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FollowedJob {
    /// The same as in a list.
    #[serde(flatten)]
    summary: JobSummary,
    /// The running steps whose workers have reported.
    live: Vec<StepProgress>,
}

/// The last report of a step's worker.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepProgress {
    /// The step.
    #[schema(value_type = schemas::StepName)]
    step: StepName,
    /// The part of the step that is done, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    fraction: f64,
    /// The current work, in a few words.
    message: String,
}

/// All jobs that existed at the beginning have been sent.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Synced {
    /// How many jobs match the filter.
    pub jobs: usize,
}

/// A job that was deleted, or no longer matches the filter.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeletedJob {
    /// The job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    pub id: JobRef,
    /// UID of the object: another job of the same name has another one.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FollowedJob {
    /// A job. `said`: what workers said last of its steps.
    #[must_use]
    pub fn of(job: &VideoJob, mut said: BTreeMap<StepName, Progress>) -> Self {
        // What was said last of a step that has ended since is no progress.
        let live = at_work(job).filter_map(|step| {
            let Progress { fraction, message, .. } = said.remove(&step)?;
            Some(StepProgress { step, fraction, message })
        });
        Self { summary: JobSummary::of(job), live: live.collect() }
    }

    /// UID of the object.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.summary.uid
    }
}

/// The steps of a job that are at work.
pub fn at_work(job: &VideoJob) -> impl Iterator<Item = StepName> + '_ {
    let steps = job.status.iter().flat_map(|status| &status.steps);
    steps.filter(|step| step.state == Some(StepState::Running)).map(|step| step.name)
}

impl StreamEvent {
    /// The end of the stream.
    #[must_use]
    pub fn end(problem: &Problem) -> Self {
        Self::Problem(problem.into())
    }

    /// The event as it is sent.
    pub fn sent(&self) -> Event {
        let said = serde_json::to_value(self).unwrap_or_default();
        let event = Event::default().event(said["event"].as_str().unwrap_or_default());
        event.data(said["data"].to_string())
    }
}
