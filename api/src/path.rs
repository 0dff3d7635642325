//! What stands in paths.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use videofactory_client::JobRef;
use videofactory_client::job_ref::is_label;

use crate::problem::Problem;

/// The changing segments of a path, or what is wrong with them.
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = |rejection: PathRejection| Problem::bad_request(rejection.body_text());
        Path::<T>::from_request_parts(parts, state).await.map(|Path(read)| Self(read)).map_err(unreadable)
    }
}

/// The two segments that name a job.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct JobParams {
    /// Namespace of the job. A path may have the job's UID as one segment instead of namespace and name.
    #[param(inline, value_type = crate::schemas::ObjectName, example = "demo")]
    pub namespace: String,
    /// Name of the job.
    #[param(inline, value_type = crate::schemas::ObjectName, example = "ocean-facts")]
    pub name: String,
}

impl JobParams {
    /// The job that they name.
    pub fn job(&self) -> Result<JobPath, Problem> {
        JobPath::read(&self.namespace, &self.name)
    }
}

/// A `VideoJob` that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPath(pub JobRef);

impl JobPath {
    /// The job of two segments.
    pub fn read(namespace: &str, name: &str) -> Result<Self, Problem> {
        if is_label(namespace) && is_label(name) {
            return Ok(Self(JobRef { namespace: namespace.to_owned(), name: name.to_owned() }));
        }
        let detail = "a job's path is /jobs/<namespace>/<name>, in lower case letters, digits and hyphens";
        Err(Problem::bad_request(detail))
    }

    /// What is said where there is no such job.
    #[must_use]
    pub fn not_found(&self) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no VideoJob {}", self.0))
            .hint(format!("GET /jobs?namespace={} lists those that there are", self.0.namespace))
    }
}

/// Name of the film among a job's files.
pub const VIDEO: &str = "video";

/// The path that gives the bytes of a job's file.
#[must_use]
pub fn of_artifact(job: &JobRef, name: &str) -> String {
    format!("/jobs/{job}/artifacts/{name}")
}

/// What is said to a path that leads nowhere.
#[must_use]
pub fn unknown_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").hint("GET /docs lists what there is")
}
