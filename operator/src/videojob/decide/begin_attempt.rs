//! The begin of an attempt: the intent is recorded, and the Job ordered.

use videofactory_crds::StepName;
use videofactory_crds::condition::VideoJobReason;
use videofactory_pipeline::Digest;

use super::super::model::Action;
use super::super::names::job_name;
use super::super::verdict::Verdict;
use super::attempt_input::start_step;
use super::draft::Draft;
use super::launch_plan::LaunchPlan;
use super::step::{Start, Transitions};
use super::walk::Walk;

/// Records the intent, and asks for the Job: the status is written first.
pub(super) fn launch(
    walk: &mut Walk<'_>,
    draft: &mut Draft<'_>,
    name: StepName,
    input: &Digest,
    attempt: i32,
    plan: LaunchPlan,
) {
    let (survey, credentials) = (plan.survey, plan.credentials.clone());
    let preview = draft.preview_steps.contains(&name);
    let start = start_step(draft, &walk.film, &walk.upstream(draft, name), name, input, attempt, plan);
    let now = draft.now;
    let job = job_name(&start.input.job, name, attempt);
    draft.step_mut(name).start(Start { attempt, job, input, survey, preview, credentials }, now);
    draft.actions.push(Action::StartStep(Box::new(start)));
    walk.verdicts.push(match draft.observed.refused.get(&(name, attempt)) {
        None => Verdict::Running { step: name, message: format!("{name}: attempt {attempt}") },
        Some(refusal) => Verdict::Stalled {
            reason: VideoJobReason::ConfigurationInvalid,
            message: format!("{name}: {}", refusal.words).into(),
            step: Some(name),
        },
    });
}
