//! Phase and conditions, from the one verdict: as kstatus, Argo CD and people read them.
//!
//! `Reconciling` while the job continues by itself, `Stalled` when a person is needed, neither while a
//! person has stopped it or looks at it; never both.

use jiff::Timestamp;
use videofactory_crds::condition::{
    self, ConditionState, ConditionStatus, ConditionType, VideoJobReason, whole_seconds,
};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::videojob::VideoJobStatus;

use super::model::Storage;
use super::verdict::{Message, Verdict};
use crate::events::{MAX_TEXT_BYTES, cut};

/// Writes the verdict into the status; returns whether that is new to people.
pub fn write(
    status: &mut VideoJobStatus,
    verdict: &Verdict,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let before = condition::get(&status.conditions, ConditionType::Ready).cloned();
    let summary = Summary::of(verdict);
    let message = cut(&summary.message.to_string(), MAX_TEXT_BYTES);
    let is_news = status.phase != Some(verdict.phase())
        || before.is_none_or(|before| {
            let is_same =
                before.message == message || summary.message.differs_only_in_numbers(&before.message);
            before.reason != summary.reason.to_string() || !is_same
        });
    status.observed_generation = generation;
    status.phase = Some(verdict.phase());
    status.current_step = match verdict {
        Verdict::Running { step, .. } | Verdict::Review { step, .. } | Verdict::Failed { step, .. } => {
            Some(*step)
        }
        Verdict::Waiting { step, .. } | Verdict::Stalled { step, .. } => *step,
        Verdict::Suspended { .. } => status.current_step,
        Verdict::Succeeded { .. } => None,
    };
    status.resume_at = match verdict {
        Verdict::Waiting { at, .. } => at.map(whole_seconds),
        _ => None,
    };
    for (kind, wanted) in summary.conditions() {
        match wanted {
            Some(holds) => {
                let state =
                    ConditionState { kind, status: holds, reason: summary.reason, message: message.clone() };
                condition::set(&mut status.conditions, state, generation, now);
            }
            None => {
                condition::remove(&mut status.conditions, kind);
            }
        }
    }
    is_news
}

/// Writes whether the bucket can be used.
pub fn write_storage(
    status: &mut VideoJobStatus,
    storage: &Storage,
    generation: Option<i64>,
    now: Timestamp,
) {
    let (holds, reason, message) = match storage {
        Storage::Ready { bucket, fill, .. } => fill_message(&bucket.name, fill.level),
        Storage::NotReady { reason, message } => (false, *reason, message.clone()),
    };
    let message = cut(&message, MAX_TEXT_BYTES);
    let state =
        ConditionState { kind: ConditionType::StorageAvailable, status: holds.into(), reason, message };
    condition::set(&mut status.conditions, state, generation, now);
}

/// By level alone: a number that changes all the time would be written into every job.
fn fill_message(bucket: &str, level: StorageLevel) -> (bool, VideoJobReason, String) {
    match level {
        StorageLevel::Normal | StorageLevel::Warning => {
            (true, VideoJobReason::Available, format!("bucket {bucket:?} can be used"))
        }
        StorageLevel::Stopped => {
            let message = format!(
                "bucket {bucket:?} is filled to the water mark stop: what has begun continues, nothing new begins"
            );
            (false, VideoJobReason::StorageFull, message)
        }
        StorageLevel::Full => {
            let message = format!(
                "bucket {bucket:?} is filled to its limit: only films whose scenes are made are finished"
            );
            (false, VideoJobReason::StorageFull, message)
        }
    }
}

/// When the job came to rest.
#[must_use]
pub fn settled_at(status: &VideoJobStatus) -> Option<Timestamp> {
    let succeeded = condition::get(&status.conditions, ConditionType::Succeeded)?;
    (succeeded.status != "Unknown").then_some(succeeded.last_transition_time.0)
}

struct Summary {
    ready: ConditionStatus,
    succeeded: ConditionStatus,
    reconciling: bool,
    stalled: bool,
    approved: Option<bool>,
    reason: VideoJobReason,
    message: Message,
}

impl Summary {
    fn of(verdict: &Verdict) -> Self {
        use ConditionStatus::{False, True, Unknown};
        let summary = |ready, succeeded, reconciling, stalled, reason, message: Message| Self {
            ready,
            succeeded,
            reconciling,
            stalled,
            approved: None,
            reason,
            message,
        };
        match verdict {
            Verdict::Running { message, .. } => {
                summary(Unknown, Unknown, true, false, VideoJobReason::Progressing, message.clone().into())
            }
            Verdict::Waiting { reason, message, .. } => {
                summary(Unknown, Unknown, true, false, *reason, message.clone())
            }
            Verdict::Stalled { reason, message, .. } => {
                summary(False, Unknown, false, true, *reason, message.clone())
            }
            Verdict::Review { reason, message, .. } => {
                let review = summary(False, Unknown, false, false, *reason, message.clone().into());
                Self { approved: Some(false), ..review }
            }
            Verdict::Suspended { reason, message } => {
                summary(False, Unknown, false, false, *reason, message.clone().into())
            }
            Verdict::Failed { reason, message, .. } => {
                summary(False, False, false, true, *reason, message.clone().into())
            }
            Verdict::Succeeded { reason, message } => {
                summary(True, True, false, false, *reason, message.clone().into())
            }
        }
    }

    fn conditions(&self) -> [(ConditionType, Option<ConditionStatus>); 6] {
        let only = |holds: bool| holds.then_some(ConditionStatus::True);
        [
            (ConditionType::Ready, Some(self.ready)),
            (ConditionType::Succeeded, Some(self.succeeded)),
            (ConditionType::Reconciling, only(self.reconciling)),
            (ConditionType::Stalled, only(self.stalled)),
            (ConditionType::RateLimited, only(self.reason == VideoJobReason::RateLimited)),
            (ConditionType::Approved, self.approved.map(ConditionStatus::from)),
        ]
    }
}
