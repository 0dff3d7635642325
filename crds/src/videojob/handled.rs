//! Which of people's requests by annotation were acted upon already. Pure.

use jiff::Timestamp;
use kube::ResourceExt;

use super::{VideoJob, VideoJobStatus};
use crate::bounds::{MAX_TEXT_BYTES, cut};
use crate::condition::Phase;
use crate::requests::job_requests;

/// The text of a request as `status.handled` records it: an annotation may be larger than the whole status should be.
#[must_use]
pub fn recorded(text: &str) -> String {
    cut(text, MAX_TEXT_BYTES)
}

/// Whether a request, as it is recorded, is the one that was handled last; or both are times and it is the earlier: an
/// old manifest that is put back asks for nothing.
#[must_use]
pub fn is_handled(text: &str, last: Option<&str>) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    last.is_some_and(|last| {
        last == text || time(text).zip(time(last)).is_some_and(|(text, last)| text < last)
    })
}

/// Whether nothing more happens to a job without a new request. One that says it has ended begins again once the controller
/// sees what was edited or asked since.
#[must_use]
pub fn has_ended(job: &VideoJob) -> bool {
    let status = job.status.as_ref();
    status.is_some_and(|status| status.phase.is_some_and(Phase::is_terminal) && is_up_to_date(job, status))
}

/// Whether the controller has observed the last edit of a job and all that is asked of it.
#[must_use]
pub fn is_up_to_date(job: &VideoJob, status: &VideoJobStatus) -> bool {
    status.observed_generation == job.metadata.generation && !has_new_request(job, status)
}

/// Whether anything is asked of this job that was not acted upon yet.
fn has_new_request(job: &VideoJob, status: &VideoJobStatus) -> bool {
    let handled = status.handled.clone().unwrap_or_default();
    let (asked, _) = job_requests(job.annotations());
    let times = [
        (asked.retry, handled.retry),
        (asked.restart, handled.restart),
        (asked.refresh_channel, handled.refresh_channel),
        (asked.regenerate.map(|request| request.requested), handled.regenerate),
    ];
    let times = times.into_iter().map(|(asked, last)| (asked.map(|request| request.text), last));
    times
        .chain([(asked.accept_quality, handled.accept_quality)])
        .any(|(asked, last)| asked.is_some_and(|text| !is_handled(&recorded(&text), last.as_deref())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::requests::{REGENERATE, RESTART, RETRY};

    const THEN: &str = "2026-11-29T08:00:00Z";
    const NOW: &str = "2026-11-29T09:00:00Z";

    fn job(change: impl FnOnce(&mut Value)) -> VideoJob {
        let mut job = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "generation": 2, "annotations": {RETRY: THEN}},
            "spec": {"topic": "x"},
            "status": {"phase": "Failed", "observedGeneration": 2, "handled": {"retry": THEN}},
        });
        change(&mut job);
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_job_that_failed_has_ended_until_something_is_asked_of_it_or_edited() {
        assert!(has_ended(&job(|_| ())));
        assert!(!has_ended(&job(|job| job["status"]["phase"] = json!("Waiting"))));
        assert!(!has_ended(&job(|job| job["status"] = Value::Null)));
        assert!(!has_ended(&job(|job| job["metadata"]["generation"] = json!(3))));
        let again = format!(r#"{{"at":"{NOW}","scenes":["s1"],"what":"clip"}}"#);
        for (annotation, asked) in [(RETRY, NOW), (RESTART, NOW), (REGENERATE, again.as_str())] {
            let asked = job(|job| job["metadata"]["annotations"][annotation] = json!(asked));
            assert!(!has_ended(&asked), "{annotation}");
        }
    }
}
