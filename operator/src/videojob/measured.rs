//! What has ended in one reconcile, for the metrics. It is reported once the status that records it is written: who
//! comes after a crash finds it recorded, and reports it to nobody again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::condition::{self, ConditionType, VideoJobReason};
use videofactory_crds::videojob::VideoJobStatus;

use super::model::Measured;
use super::verdict::Verdict;
use crate::metrics::{FilmMetrics, JobOutcome};

impl Measured {
    /// Adds it to the metrics.
    pub fn record(&self, metrics: &FilmMetrics, trace: Option<&str>) {
        match self {
            Self::Attempt { step, outcome, took, queued } => {
                metrics.attempt_ended(*step, *outcome, *took, trace);
                if let Some(queued) = queued {
                    metrics.queued(*step, *queued);
                }
            }
            Self::Published(outcome, times) => metrics.published(*outcome, *times),
            Self::Job { outcome, took } => metrics.job_ended(*outcome, *took, trace),
        }
    }
}

/// The end of the whole job, if it has come in this look. The condition `Succeeded` is Unknown from when the job began to
/// continue by itself: created, retried, restarted or edited.
pub(super) fn job_end(
    before: Option<&VideoJobStatus>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<Measured> {
    let outcome = match verdict {
        Verdict::Succeeded { reason: VideoJobReason::Completed, .. } => JobOutcome::Succeeded,
        Verdict::Failed { reason: VideoJobReason::Rejected, .. } => JobOutcome::Rejected,
        Verdict::Failed { .. } => JobOutcome::Failed,
        _ => return None,
    };
    let open = condition::get(&before?.conditions, ConditionType::Succeeded)
        .filter(|succeeded| succeeded.status == "Unknown")?;
    let took = Duration::try_from(now.duration_since(open.last_transition_time.0)).unwrap_or_default();
    Some(Measured::Job { outcome, took })
}
