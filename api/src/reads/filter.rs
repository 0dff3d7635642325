//! Which jobs a reader means. Pure.

use jiff::Timestamp;
use videofactory_client::JobFilter;
use videofactory_crds::VideoJob;

use super::summary::ended_at;

/// What must be so of a job; what is absent means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What can be asked of the API server, too.
    pub jobs: JobFilter,
    /// It ended after this time.
    pub ended_after: Option<Timestamp>,
}

impl Filter {
    /// Whether a job is meant.
    #[must_use]
    pub fn takes(&self, job: &VideoJob) -> bool {
        self.jobs.matches(job)
            && self.ended_after.is_none_or(|after| ended_at(job).is_some_and(|at| at > after))
    }
}
