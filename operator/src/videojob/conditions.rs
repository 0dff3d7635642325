//! Phase and conditions, from the one verdict: as kstatus, Argo CD and people read them.
//!
//! `Reconciling` while the job goes on by itself, `Stalled` when a person is needed, neither while a
//! person has stopped it or looks at it; never both.

use jiff::Timestamp;
use videofactory_crds::condition::{
    self, ConditionState, ConditionStatus, ConditionType, VideoJobReason, whole_seconds,
};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::videojob::VideoJobStatus;

use super::model::Storage;
use super::verdict::Verdict;
use crate::events::{MOST_TEXT_BYTES, cut};

/// Writes the verdict into the status; whether that tells people anything new.
pub fn write(
    status: &mut VideoJobStatus,
    verdict: &Verdict,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let before = news(status);
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
    let told = Told::of(verdict);
    for (kind, wanted) in told.conditions() {
        match wanted {
            Some(holds) => {
                let state = ConditionState {
                    kind,
                    status: holds,
                    reason: told.reason,
                    message: cut(&told.message, MOST_TEXT_BYTES),
                };
                condition::set(&mut status.conditions, state, generation, now);
            }
            None => {
                condition::remove(&mut status.conditions, kind);
            }
        }
    }
    news(status) != before
}

/// Writes whether the bucket can be used.
pub fn write_storage(
    status: &mut VideoJobStatus,
    storage: &Storage,
    generation: Option<i64>,
    now: Timestamp,
) {
    let (holds, reason, message) = match storage {
        Storage::Ready { bucket, room, .. } => told_of_room(&bucket.name, room.level),
        Storage::NotReady { reason, message } => (false, *reason, message.clone()),
    };
    let message = cut(&message, MOST_TEXT_BYTES);
    let state =
        ConditionState { kind: ConditionType::StorageAvailable, status: holds.into(), reason, message };
    condition::set(&mut status.conditions, state, generation, now);
}

/// By level alone: a number that changes all the time would be written into every job.
fn told_of_room(bucket: &str, level: StorageLevel) -> (bool, VideoJobReason, String) {
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

/// Phase, reason and message as people were told them: what an Event is about.
fn news(status: &VideoJobStatus) -> Option<(String, String)> {
    let ready = condition::get(&status.conditions, ConditionType::Ready)?;
    Some((format!("{:?}/{}", status.phase, ready.reason), without_numbers(&ready.message)))
}

/// When the job came to rest.
#[must_use]
pub fn settled_at(status: &VideoJobStatus) -> Option<Timestamp> {
    let succeeded = condition::get(&status.conditions, ConditionType::Succeeded)?;
    (succeeded.status != "Unknown").then_some(succeeded.last_transition_time.0)
}

/// What the part of a message begins with that says how full a bucket is.
pub const HOLDS: &str = "; it holds";

/// A message without the time at which it goes on, and without how full a bucket is: the same wait, announced once.
fn without_numbers(message: &str) -> String {
    ["; tries again at", HOLDS]
        .into_iter()
        .fold(message, |text, tail| text.split(tail).next().unwrap_or_default())
        .to_owned()
}

struct Told {
    ready: ConditionStatus,
    succeeded: ConditionStatus,
    reconciling: bool,
    stalled: bool,
    approved: Option<bool>,
    reason: VideoJobReason,
    message: String,
}

impl Told {
    fn of(verdict: &Verdict) -> Self {
        use ConditionStatus::{False, True, Unknown};
        let told = |ready, succeeded, reconciling, stalled, reason, message: &String| Self {
            ready,
            succeeded,
            reconciling,
            stalled,
            approved: None,
            reason,
            message: message.clone(),
        };
        match verdict {
            Verdict::Running { message, .. } => {
                told(Unknown, Unknown, true, false, VideoJobReason::Progressing, message)
            }
            Verdict::Waiting { reason, message, .. } => told(Unknown, Unknown, true, false, *reason, message),
            Verdict::Stalled { reason, message, .. } => told(False, Unknown, false, true, *reason, message),
            Verdict::Review { message, .. } => {
                let review = told(False, Unknown, false, false, VideoJobReason::AwaitingReview, message);
                Self { approved: Some(false), ..review }
            }
            Verdict::Suspended { reason, message } => told(False, Unknown, false, false, *reason, message),
            Verdict::Failed { reason, message, .. } => told(False, False, false, true, *reason, message),
            Verdict::Succeeded { reason, message } => told(True, True, false, false, *reason, message),
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
