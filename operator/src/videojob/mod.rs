//! The `VideoJob` controller, a file a stage: observe, decide, build, apply.

mod accounts;
pub mod apply;
mod attempt_outcome;
pub mod attempts;
pub mod build;
mod cached;
pub mod conditions;
mod confirm_grants;
pub mod controller;
mod create_job;
pub mod decide;
pub mod deletion;
pub mod job_bucket;
pub mod labels;
pub mod measured;
pub mod model;
pub mod names;
mod namesake;
pub mod observe;
pub mod pod_placement;
pub mod pod_status;
mod podless;
mod tombstones;
pub mod trace;
pub mod verdict;
pub mod writes;

use videofactory_crds::VideoJob;

/// An annotation's value.
#[must_use]
pub fn annotation<'a>(job: &'a VideoJob, name: &str) -> Option<&'a str> {
    job.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}
