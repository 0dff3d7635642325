//! A `VideoJob` in a few fields: what lists show.

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{Money, Phase, StepName, VideoJob, VideoJobStatus};

use crate::path::{VIDEO, of_artifact};
use crate::schemas;

/// A job in a few fields.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSummary {
    /// The job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    pub id: JobRef,
    /// UID of the object; paths take it instead of namespace and name.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What the film is about. Absent: the job came with a storyboard.
    pub topic: Option<String>,
    /// Name of its Channel.
    pub channel: Option<String>,
    /// Where it stands.
    #[schema(value_type = schemas::Phase)]
    pub phase: Phase,
    /// The step that is running, waiting or failed.
    #[schema(value_type = Option<schemas::StepName>)]
    pub step: Option<StepName>,
    /// Units of work done and known.
    #[schema(example = "14/26")]
    pub progress: Option<String>,
    /// When it continues automatically, if that depends on a time.
    pub resume_at: Option<Timestamp>,
    /// Its state in a sentence: the current work or the reason to wait, until when, and what a person can do.
    pub message: Option<String>,
    /// Its cost.
    pub cost: Option<CostSummary>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it succeeded or failed, if it has.
    pub ended_at: Option<Timestamp>,
    /// The film, once there is one.
    pub video: Option<VideoSummary>,
}

/// The cost of a job.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CostSummary {
    /// The whole run, as far as is known.
    #[schema(value_type = Option<schemas::Usd>)]
    pub estimated: Option<Money>,
    /// Paid so far in this run.
    #[schema(value_type = Option<schemas::Usd>)]
    pub actual: Option<Money>,
}

/// A film.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VideoSummary {
    /// Path of this API from which it can be downloaded.
    pub url: String,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// How long it plays.
    pub duration_seconds: Option<f64>,
}

impl JobSummary {
    /// The summary of a job.
    #[must_use]
    pub fn of(job: &VideoJob) -> Self {
        let id = JobRef::of(job);
        let status = job.status.as_ref();
        let cost = status.and_then(|status| status.cost.as_ref());
        Self {
            uid: job.uid().unwrap_or_default(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            topic: job.spec.topic.clone(),
            channel: job.spec.channel_ref.as_ref().map(|channel| channel.name.clone()),
            phase: phase(job),
            step: status.and_then(|status| status.current_step),
            progress: status.and_then(|status| status.progress.clone()),
            resume_at: status.and_then(|status| status.resume_at.as_ref()).map(|at| at.0),
            message: status
                .and_then(|status| condition::get(&status.conditions, ConditionType::Ready))
                .map(|ready| ready.message.clone()),
            cost: cost.map(|cost| CostSummary { estimated: cost.estimated, actual: cost.actual }),
            created_at: job.meta().creation_timestamp.as_ref().map(|at| at.0),
            ended_at: ended_at(job),
            video: status.and_then(|status| video(&id, status)),
            id,
        }
    }
}

fn video(job: &JobRef, status: &VideoJobStatus) -> Option<VideoSummary> {
    let film = status.artifacts.as_ref()?.video.as_ref()?;
    let url = of_artifact(job, VIDEO);
    Some(VideoSummary { url, size_bytes: film.size, duration_seconds: film.duration })
}

/// When a job ended, if it has.
#[must_use]
pub fn ended_at(job: &VideoJob) -> Option<Timestamp> {
    let status = job.status.as_ref().filter(|_| phase(job).is_terminal())?;
    condition::get(&status.conditions, ConditionType::Succeeded).map(|ended| ended.last_transition_time.0)
}
