//! Whether a job may begin that another tool has restored from a backup: what becomes of one whose status did not follow.

use videofactory_crds::condition::VideoJobReason;

use super::super::model::{Namesake, Storage};
use super::super::namesake::{is_in_question, is_later_than_the_job};
use super::super::verdict::Verdict;
use super::draft::{BUCKET_RETRY, Draft};
use super::messages::restored_message;

/// Lets a job begin, unless another tool has restored it without its status and its name has files in the bucket: that
/// job may have been half made, or published, and a new one would pay for all of it again.
pub(super) fn may_begin(draft: &mut Draft<'_>) -> Result<(), Verdict> {
    let job = &draft.observed.job;
    let asked = [draft.requests.retry.as_ref(), draft.requests.restart.as_ref()];
    let asked = asked.into_iter().flatten().any(|asked| is_later_than_the_job(Some(asked.at), job));
    if !is_in_question(job) || asked {
        return Ok(());
    }
    match &draft.observed.namesake {
        Namesake::HasNone => Ok(()),
        Namesake::HasFiles => Err(Verdict::Stalled {
            reason: VideoJobReason::RestoreIncomplete,
            message: restored_message(job).into(),
            step: None,
        }),
        Namesake::Unknown(why) => {
            let message = format!("whether a VideoJob of its name has files is not known yet: {why}");
            draft.wake_in(BUCKET_RETRY);
            Err(Verdict::awaits_bucket(message))
        }
        Namesake::NotAsked => match &draft.observed.storage {
            Storage::NotReady { reason, message } => Err(Verdict::of_storage(*reason, message.clone(), None)),
            Storage::Ready { .. } => {
                draft.wake_in(BUCKET_RETRY);
                Err(Verdict::awaits_bucket(
                    "whether a VideoJob of its name has files is asked next".to_owned(),
                ))
            }
        },
    }
}
