//! What is told to whoever follows the jobs.

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

/// An event of the stream: `event` is its name, and `data` what stands in its data as JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum StreamEvent {
    /// A job is there, or says something else than before.
    Job(Box<FollowedJob>),
    /// Each job that was there at first has been told; what follows are changes.
    Synced(Synced),
    /// A job is gone, or the filter does not take it any more.
    Deleted(DeletedJob),
    /// The stream ends here, and why: 401 and 403 say that the caller may not follow any longer, 503 to ask again.
    Problem(ProblemDetails),
}

/// A job in a few fields, with what its workers said last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FollowedJob {
    /// The same as in a list.
    #[serde(flatten)]
    summary: JobSummary,
    /// The steps at work whose workers have said something.
    live: Vec<StepProgress>,
}

/// What the worker of a step said last.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepProgress {
    /// The step.
    #[schema(value_type = schemas::StepName)]
    step: StepName,
    /// Of the whole step, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    fraction: f64,
    /// What goes on now, in a few words.
    message: String,
}

/// All that was there at first has been told.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Synced {
    /// How many jobs the filter takes.
    pub jobs: usize,
}

/// A job that is gone.
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
