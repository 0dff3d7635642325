//! GET `/jobs/{namespace}/{name}`: all that is known of a job.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde::Serialize;
use serde_json::Value;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_crds::VideoJob;

use super::advice::{self, JobError};
use super::checkpoint::Checkpoint;
use super::etag;
use super::summary::JobSummary;
use crate::access::{Caller, Permission};
use crate::path::{JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::schemas;
use crate::state::{Guarded, State};
use crate::unwatched::Unwatched;

/// All that is known of a job.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobDetail {
    /// The same as in a list.
    #[serde(flatten)]
    summary: JobSummary,
    /// Its progress: the point from which a retry continues.
    checkpoint: Checkpoint,
    /// Why it failed or waits for a person, and what to do.
    error: Option<JobError>,
    /// The spec of the object.
    #[schema(value_type = schemas::VideoJobSpec)]
    spec: Value,
    /// The status of the object.
    #[schema(value_type = Option<schemas::VideoJobStatus>)]
    status: Option<Value>,
}

/// A job with its checkpoint.
#[utoipa::path(get, path = "/jobs/{namespace}/{name}", operation_id = "get_job", tag = "jobs", params(JobParams), responses(
    (status = 200, description = "The job", body = JobDetail),
    (status = 304, description = "The job has not changed since it had the tag that If-None-Match names"),
    (status = 404, description = "There is no such job"),
))]
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = readable(&state, &caller, &params.job()?).await?;
    let job = found.get()?;
    let live = state.process.progress(job).await;
    let unwritable = |error| Problem::internal("the job cannot be written as JSON", &error);
    let detail = JobDetail {
        summary: JobSummary::of(job),
        checkpoint: Checkpoint::of(job.status.as_ref(), &live),
        error: advice::of(job),
        spec: serde_json::to_value(&job.spec).map_err(unwritable)?,
        status: job.status.as_ref().map(serde_json::to_value).transpose().map_err(unwritable)?,
    };
    etag::json(&headers, &detail)
}

/// A job as the store has it.
pub struct Found(Arc<Guarded<VideoJob>>);

impl Found {
    /// The job, unless this version of the operator cannot read it.
    pub fn get(&self) -> Result<&VideoJob, Problem> {
        self.0.0.as_ref().map_err(|invalid| {
            let name = self.0.name_any();
            Problem::internal("this version of the operator cannot read the job", &invalid.error)
                .hint(format!("look at it by kubectl get videojob {name} -o yaml"))
        })
    }
}

/// The job that a path names, for a caller who may get it. Whether it exists, nobody else learns, and nobody at all where
/// that is not known.
pub async fn readable(state: &State, caller: &Caller, path: &JobPath) -> Result<Found, Problem> {
    let namespace = path.0.namespace.as_str();
    state.authorizer.check(&caller.user, Permission::to("get", "videojobs", Some(namespace))).await?;
    Unwatched::by(state.process.clone()).check(Some(namespace))?;
    let key = ObjectRef::<Guarded<VideoJob>>::new(&path.0.name).within(namespace);
    state.stores.videojobs.get(&key).map(Found).ok_or_else(|| path.not_found())
}
