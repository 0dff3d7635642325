//! `approve` and `reject`: of the very output that is under review.

use videofactory_crds::VideoJob;
use videofactory_crds::condition::VideoJobReason;

use super::{Plan, annotate, steps};
use crate::job_ref::JobRef;

/// To write this decision. `seen`: the result that the person has seen; none: the one under review.
pub(super) fn decide(job: &VideoJob, annotation: &str, seen: Option<&str>) -> Plan {
    let name = JobRef::of(job);
    let Some(result) = under_review(job) else {
        return Plan::Refused(format!("{name} has nothing under review"));
    };
    match seen {
        Some(seen) if seen != result => Plan::Refused(format!(
            "{name} has made something else since: {result} is under review, not {seen}; look at it first"
        )),
        _ => annotate(annotation, &result),
    }
}

/// The result that waits for a person, as `<step>@<output digest>`; of a preview, with a digest of all that is shown of it.
#[must_use]
pub fn under_review(job: &VideoJob) -> Option<String> {
    let step = steps(job).find(|step| step.reason == Some(VideoJobReason::AwaitingReview));
    let of_step = step.and_then(|step| Some(format!("{}@{}", step.name, step.output_digest.as_deref()?)));
    of_step.or_else(|| preview_result(job))
}

/// The same of the preview, if that is what waits.
#[must_use]
pub fn preview_result(job: &VideoJob) -> Option<String> {
    job.status.as_ref()?.preview.as_ref()?.result.clone()
}

#[cfg(test)]
mod tests {
    use videofactory_crds::requests;
    use videofactory_crds::videojob::PreviewStatus;

    use super::super::Action;
    use super::super::testing::{asked, job, patch, refusal};

    #[test]
    fn an_approval_is_of_the_very_output_that_was_seen() {
        let film = job("Review", "AwaitingReview");
        let approve = asked(Action::Approve { result: None });
        let approved = patch(approve.plan(&film));
        assert_eq!(approved["metadata"]["annotations"][requests::APPROVED], "assemble-video@3f9c");
        let seen = asked(Action::Reject { result: Some("assemble-video@aaaa".to_owned()) });
        assert!(refusal(seen.plan(&film)).contains("something else since"));
        assert!(refusal(approve.plan(&job("Running", "Progressing"))).contains("nothing under review"));
    }

    #[test]
    fn a_preview_is_approved_by_all_that_is_shown_of_it() {
        let mut film = job("Review", "PreviewReady");
        let approve = asked(Action::Approve { result: None });
        assert!(refusal(approve.plan(&film)).contains("nothing under review"), "a part of it is there");
        let result = Some("narrate-scenes@aaaa".to_owned());
        film.status.as_mut().unwrap().preview = Some(PreviewStatus { result, ..PreviewStatus::default() });
        let approved = patch(approve.plan(&film));
        assert_eq!(approved["metadata"]["annotations"][requests::APPROVED], "narrate-scenes@aaaa");
        let seen = asked(Action::Approve { result: Some("assemble-video@3f9c".to_owned()) });
        assert!(refusal(seen.plan(&film)).contains("something else since"));
    }
}
