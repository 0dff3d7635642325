//! The names that we give: of a step's Jobs, and of our finalizer. The same attempt's Job always has the same name, so that
//! a second create of it collides instead of running twice.

use videofactory_crds::StepName;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::JobRef;

/// The finalizer: while it is there, the job's files are too.
pub const FINALIZER: &str = "videofactory.dev/artifacts";
/// Most characters of a Job's name: pods add a suffix, and both are labels.
const MAX: usize = 52;

/// The name of one attempt's Job: the start of the `VideoJob`'s name, the step, the attempt, and a
/// hash of UID and run.
#[must_use]
pub fn job_name(job: &JobRef, step: StepName, attempt: i32) -> String {
    let hash = Digest::of_bytes(format!("{}/{}", job.uid, job.run).as_bytes());
    let tail = format!("{step}-{attempt}-{}", &hash.as_str()[..6]);
    let available = MAX.saturating_sub(tail.len() + 1);
    let head: String = job.name.chars().take(available).collect();
    format!("{}-{tail}", head.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_and_distinguishes_attempts_and_runs() {
        let job = |run| JobRef {
            namespace: "films".to_owned(),
            name: "a-very-long-name-of-a-video-job-that-goes-on-and-on-x".to_owned(),
            uid: "3f9c2a1e-0000".to_owned(),
            id: "3f9c2a1e".to_owned(),
            run,
        };
        let one = job_name(&job(1), StepName::GenerateImages, 1);
        assert!(one.len() <= MAX, "{one}");
        assert_ne!(one, job_name(&job(1), StepName::GenerateImages, 2));
        assert_ne!(one, job_name(&job(2), StepName::GenerateImages, 1));
        assert_eq!(one, job_name(&job(1), StepName::GenerateImages, 1));
    }
}
