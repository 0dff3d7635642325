//! `approve` and `reject`: of the very output that is under review.

use videofactory_crds::condition::Reason;
use videofactory_crds::{StepName, VideoJob};

use super::{Plan, Request, annotate, steps};
use crate::job_ref::JobRef;

impl Request {
    pub(super) fn decide(&self, job: &VideoJob, annotation: &str) -> Plan {
        let name = JobRef::of(job);
        let Some(output) = under_review(job) else {
            return Plan::Refused(format!("{name} has nothing under review"));
        };
        match &self.output {
            Some(seen) if *seen != output => Plan::Refused(format!(
                "{name} has made something else since: {output} is under review, not {seen}; look at it first"
            )),
            _ => annotate(annotation, &output),
        }
    }
}

/// The output that waits for a person, as `<step>@<output digest>`.
#[must_use]
pub fn under_review(job: &VideoJob) -> Option<String> {
    let step = steps(job).find(|step| step.reason == Some(Reason::AwaitingReview))?;
    Some(output(step.name, step.output_digest.as_deref()?))
}

fn output(step: StepName, digest: &str) -> String {
    format!("{step}@{digest}")
}

#[cfg(test)]
mod tests {
    use videofactory_crds::requests;

    use super::super::JobAction;
    use super::super::testing::{asked, job, patch, refusal};
    use super::*;

    #[test]
    fn an_approval_is_of_the_very_output_that_was_seen() {
        let film = job("Review", "AwaitingReview");
        let approve = asked(JobAction::Approve);
        let approved = patch(approve.plan(&film));
        assert_eq!(approved["metadata"]["annotations"][requests::APPROVED], "assemble-video@3f9c");
        let seen = Request { output: Some("assemble-video@aaaa".to_owned()), ..asked(JobAction::Reject) };
        assert!(refusal(seen.plan(&film)).contains("something else since"));
        assert!(refusal(approve.plan(&job("Running", "Progressing"))).contains("nothing under review"));
    }
}
