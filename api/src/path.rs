//! What stands in paths.

use axum::http::StatusCode;
use videofactory_client::JobRef;
use videofactory_client::job_ref::is_label;

use crate::problem::Problem;

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

/// What is said to a path that leads nowhere.
#[must_use]
pub fn unknown_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").hint("GET /docs lists what there is")
}
