//! What to do next: pure, synchronous, total. No client, no clock, no randomness.
//!
//! A build system, not a script: a step is done if it succeeded with the inputs it would have now;
//! retry, resume, and an edit before publication are all one rule, run what is stale.
//!
//! The files read downward: none imports what stands above it.
//!
//! - What people ask: `requests`. What has ended: `record_attempts`, by `retry_or_fail`, `spent`, `no_quota` and
//!   `record_results`.
//! - Whether a run may begin: `begin_run`, by `restored`, `already_made` and `channel`.
//! - The walk over the graph: `advance`; the preview of one scene: `preview`; a result that people review: `review`; an
//!   attempt that has not ended: `at_work`, or of which there is no Job: `attempt_without_job`; a step that is stale:
//!   `begin_step`.
//! - Once it is known how all steps stand: `progress`, `estimate`, `release_quota`, `stop_orphans`, `announce`, `retire`. Which
//!   step's verdict is the job's: `../verdict.rs`.
//! - What keeps a stale step: `wait_after_attempt`, `first_purchase`, `obstacles`, `supplies` (`missing_artifacts`,
//!   `storage_gate`), `wait_for_orphans`.
//! - What it asks its accounts and what it waits for there: `quota_request`, by `survey` and `quota_waits`. The begin of an
//!   attempt: `begin_attempt`, by `attempt_input`. What both reckon with: `budget`, `quota_needs`.
//! - What all of these read and fill in: `walk`, `step_inputs`, `launch_plan`; `grants`, `prices`, `accounts`; `pruned`, `demands`;
//!   `messages`; and at the bottom `draft`, `step`, the one place that writes a step's state, and `allowed_submissions`.

mod accounts;
mod advance;
mod allowed_submissions;
mod already_made;
mod announce;
mod at_work;
mod attempt_input;
mod attempt_without_job;
mod begin_attempt;
mod begin_run;
mod begin_step;
mod budget;
mod channel;
pub(super) mod demands;
mod draft;
mod estimate;
mod first_purchase;
mod grants;
mod launch_plan;
mod messages;
mod missing_artifacts;
mod no_quota;
mod obstacles;
mod preview;
mod prices;
mod progress;
mod pruned;
mod quota_needs;
mod quota_request;
mod quota_waits;
mod record_attempts;
mod record_results;
mod release_quota;
mod requests;
mod restored;
mod retire;
mod retry_or_fail;
mod review;
mod spent;
mod step;
mod step_inputs;
mod stop_orphans;
mod storage_gate;
mod supplies;
mod survey;
mod wait_after_attempt;
mod wait_for_orphans;
mod walk;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::{StepName, VideoJob, bounds};
use videofactory_pipeline::contract::with_remark;

use self::announce::announce;
use self::draft::Draft;
use self::messages::script_remark;
use super::attempts::Attempt;
use super::model::{Action, Decision, Observed};
use super::verdict::Verdict;
use super::{conditions, deletion, measured};

/// Decides what the status of the observed object is to be and what is to be done, at `now`.
///
/// Total: whatever was observed, the result names a next event (a Job at work, a time to wake, or a
/// condition that a person ends).
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    let mut draft = Draft::new(observed, now);
    let generation = observed.job.metadata.generation;
    let verdict = judge(&mut draft);
    release_quota::release(&mut draft);
    release_quota::drop_recorded(&mut draft);
    release_quota::report_paid(&mut draft);
    stop_orphans::stop_orphaned_jobs(&mut draft);
    let is_news = conditions::write(&mut draft.status, &verdict, generation, now);
    conditions::write_storage(&mut draft.status, &observed.storage, generation, now);
    draft.actions.extend(deletion::finalizer_change(&observed.job).map(Action::SetFinalizer));
    if is_news {
        announce(&mut draft, &verdict);
    }
    draft.measured.extend(measured::job_end(observed.job.status.as_ref(), &verdict, now));
    retire::retire(&mut draft, &verdict);
    Decision {
        status: bounds::fit::<VideoJob, _>(draft.status),
        actions: draft.actions,
        measured: draft.measured,
        wake_at: draft.wake_at,
    }
}

fn judge(draft: &mut Draft<'_>) -> Verdict {
    requests::handle(draft);
    let open_attempts = record_attempts::record_ended(draft);
    if let Some(verdict) = published(draft) {
        draft.stop(open_attempts.keys().copied(), VideoJobReason::Completed);
        progress::count(draft);
        return verdict;
    }
    match (begin_run::begin(draft), draft.held()) {
        (Err(_), Some((reason, message))) => {
            draft.forget_unmade(&open_attempts);
            let at_work = open_attempts.iter().filter(|(_, attempt)| **attempt != Attempt::Absent);
            draft.stop(at_work.map(|(name, _)| *name), reason);
            Verdict::Suspended { reason, message }
        }
        (Err(verdict), None) => {
            draft.forget_unmade(&open_attempts);
            verdict
        }
        (Ok(settings), _) => advance::advance(draft, &settings, &open_attempts),
    }
}

/// After publication an edit changes nothing, and says so.
fn published(draft: &Draft<'_>) -> Option<Verdict> {
    let publish = draft.step(StepName::PublishVideo)?;
    if publish.state != Some(StepState::Succeeded) {
        return None;
    }
    let at = draft.status.published_generation;
    let edited = at.is_some_and(|at| Some(at) != draft.observed.job.metadata.generation);
    let note = if edited {
        "; it was edited since: request a restart to make it again with these settings"
    } else {
        ""
    };
    let message = with_remark(&format!("published{note}"), script_remark(draft));
    Some(Verdict::Succeeded { reason: VideoJobReason::Completed, message })
}
