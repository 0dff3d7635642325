//! Which of people's requests by annotation were acted upon already. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::requests::job_requests;
use videofactory_crds::{VideoJob, VideoJobStatus};

use crate::events::{MOST_TEXT_BYTES, cut};

/// The text of a request as `status.handled` records it: an annotation may be larger than the whole status should be.
#[must_use]
pub fn recorded(text: &str) -> String {
    cut(text, MOST_TEXT_BYTES)
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

/// Whether anything is asked of this job that was not acted upon yet.
#[must_use]
pub fn has_new_request(job: &VideoJob, status: &VideoJobStatus) -> bool {
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
