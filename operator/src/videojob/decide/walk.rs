//! What one walk over the graph finds: which steps are done, how the others stand, and so how the whole job does.

use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_pipeline::Digest;

use super::super::verdict::Verdict;
use super::demands::withdraw;
use super::draft::{BUCKET_RETRY, Draft};
use super::messages::{finished_message, in_review};
use super::step::Transitions;
use super::step_inputs::{Film, Results};

/// One walk over the graph.
pub(super) struct Walk<'a> {
    pub film: Film<'a>,
    /// Whether the job is kept from working, and why.
    pub held: Option<(VideoJobReason, String)>,
    /// Steps that are done with the inputs they would have now.
    pub results: Results,
    /// What steps have made of the preview.
    pub preview_results: Results,
    /// A step whose result was found gone, and which is to be looked at once more.
    pub gone: Option<StepName>,
    /// Steps that may begin as soon as their accounts grant them something.
    pub asks: Vec<(StepName, Digest)>,
    /// How each step that is not done stands.
    pub verdicts: Vec<Verdict>,
    /// A result that nobody has approved yet: nothing that reads it begins.
    pub gate: Option<StepName>,
    /// A result that a person refused: nothing that reads it continues.
    pub rejected: Option<StepName>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(film: Film<'a>, held: Option<(VideoJobReason, String)>) -> Self {
        Self {
            film,
            held,
            results: Results::new(),
            preview_results: Results::new(),
            gone: None,
            asks: Vec::new(),
            verdicts: Vec::new(),
            gate: None,
            rejected: None,
        }
    }

    /// The results that a step reads: in a preview, also those of the previewed scene alone.
    pub(super) fn upstream(&self, draft: &Draft<'_>, name: StepName) -> Results {
        let mut results =
            if draft.preview_steps.contains(&name) { self.preview_results.clone() } else { Results::new() };
        results.extend(self.results.clone());
        results
    }

    /// Something keeps the step from beginning: it asks no account for anything meanwhile.
    pub(super) fn keep_waiting(&mut self, draft: &mut Draft<'_>, name: StepName, verdict: Verdict) {
        let step = draft.step_mut(name);
        withdraw(step);
        if step.reason == Some(VideoJobReason::AwaitingQuota) || !matches!(verdict, Verdict::Suspended { .. })
        {
            step.pending();
        }
        self.verdicts.push(verdict);
    }

    /// How the whole job stands: what is lost, then what is at work, then what waits.
    pub(super) fn verdict(mut self, draft: &mut Draft<'_>) -> Verdict {
        if self.verdicts.is_empty()
            && let Some(gate) = self.gate
        {
            return in_review(draft, gate);
        }
        self.verdicts.sort_by_key(|verdict| (verdict.rank(), verdict.step()));
        self.verdicts.into_iter().next().unwrap_or_else(|| nothing_to_report(draft))
    }
}

/// Where no step has anything to report, all are done; one that is not is looked at again.
fn nothing_to_report(draft: &mut Draft<'_>) -> Verdict {
    let done = |name| draft.step(name).and_then(|step| step.state).is_some_and(StepState::is_done);
    match StepName::ALL.into_iter().find(|name| !done(*name)) {
        None => Verdict::Succeeded { reason: VideoJobReason::Completed, message: finished_message(draft) },
        Some(step) => {
            draft.wake_in(BUCKET_RETRY);
            Verdict::Running { step, message: format!("{step}: its turn has not come") }
        }
    }
}
