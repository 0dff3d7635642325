//! What a bucket that fills up still takes, in grades, so that what has begun can end: from `stop` on no new video
//! begins, and at the limit only films whose scenes are made are finished.

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::storagepolicy::StorageLevel;

use super::super::model::Storage;
use super::super::verdict::{Message, Verdict};
use super::draft::Draft;

/// Why no new attempt of this step may write into the bucket now. It continues when the level falls: the policy's change
/// wakes its jobs.
pub(super) fn blocked_by(draft: &Draft<'_>, name: StepName) -> Option<Verdict> {
    let Storage::Ready { bucket, fill, .. } = &draft.observed.storage else { return None };
    let begun = draft.status.steps.iter().any(|step| step.started_at.is_some());
    let ends_a_film = matches!(name, StepName::AssembleVideo | StepName::PublishVideo);
    let what = match fill.level {
        StorageLevel::Normal | StorageLevel::Warning => return None,
        StorageLevel::Stopped if begun => return None,
        StorageLevel::Full if begun && ends_a_film => return None,
        StorageLevel::Stopped => "is filled to the water mark stop, so no new video begins",
        StorageLevel::Full if fill.percent.is_none_or(|percent| percent < 100) => {
            "has no room by what its server says, so only films whose scenes are made are finished"
        }
        StorageLevel::Full => "is filled to its limit, so only films whose scenes are made are finished",
    };
    let job = &draft.observed.job;
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let policy = &job.spec.storage_ref.name;
    let holds =
        fill.percent.map(|percent| format!("; it holds {percent} % of its limit")).unwrap_or_default();
    let text = format!(
        "{name}: bucket {:?} {what}; it continues automatically when there is room: kubectl -n {namespace} describe \
         storagepolicy {policy} says what holds the space; request a clean-up there, or raise its capacity",
        bucket.name
    );
    let message = Message::with_numbers(text, holds);
    Some(Verdict::Waiting { reason: VideoJobReason::StorageFull, message, step: Some(name), at: None })
}
