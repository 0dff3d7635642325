//! How far a job is, in numbers. It decides nothing.

use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_pipeline::graph::{Granularity, STEPS};

use super::super::model::Action;
use super::draft::Draft;
use super::step::{Transitions, completed};

/// Progress that is due enters the status; it decides nothing.
pub(super) fn report(draft: &mut Draft<'_>, name: StepName) {
    let Some(live) = draft.observed.live.get(&name) else { return };
    let step = draft.step_mut(name);
    if step.attempt != Some(live.attempt) {
        return;
    }
    step.report(&live.progress);
    if live.progress.full {
        // What waits in the pod's memory was paid for: the policy makes room for it now.
        draft.actions.push(Action::ReportFull(draft.now));
    }
}

/// `14/26`: units of work done and known; scenes, and one for each other step.
pub(super) fn count(draft: &mut Draft<'_>) {
    let scenes = draft
        .step(StepName::WriteScript)
        .and_then(|step| step.scenes.as_ref()?.total)
        .and_then(|total| u32::try_from(total).ok());
    let (mut done, mut known) = (0, 0);
    for entry in STEPS {
        let step = draft.step(entry.name);
        let state = step.and_then(|step| step.state);
        if state == Some(StepState::Skipped) {
            continue;
        }
        let units = match entry.granularity {
            Granularity::Film => 1,
            Granularity::Scenes => scenes.unwrap_or(1),
        };
        known += units;
        done += match state {
            Some(StepState::Succeeded) => units,
            _ if entry.granularity == Granularity::Scenes => {
                step.map_or(0, |step| completed(step).len()).min(units)
            }
            _ => 0,
        };
    }
    draft.status.progress = Some(format!("{done}/{known}"));
}
