//! How far a job is: what a retry continues from. From the status, with what workers said last laid over it. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_crds::videojob::ScenesStatus;
use videofactory_crds::{Money, StepName, StepState, StepStatus, VideoJobReason, VideoJobStatus};
use videofactory_pipeline::SceneSet;
use videofactory_pipeline::contract::Progress;

use crate::schemas;

/// How far a job is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checkpoint {
    /// Number of the run; a restart begins the next one.
    pub run: Option<i64>,
    /// The step that is running, waiting or failed.
    #[schema(value_type = Option<schemas::StepName>)]
    pub current_step: Option<StepName>,
    /// The steps that the job has, in the order in which the film is made.
    pub steps: Vec<StepCheckpoint>,
}

/// How far a step is.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepCheckpoint {
    /// The step.
    #[schema(value_type = schemas::StepName)]
    pub step: StepName,
    /// Where it stands.
    #[schema(value_type = schemas::StepState)]
    pub state: StepState,
    /// Why: a stable word.
    #[schema(value_type = Option<schemas::Reason>)]
    pub reason: Option<VideoJobReason>,
    /// The reason in a sentence.
    pub message: Option<String>,
    /// Number of the current or last attempt.
    pub attempt: Option<i32>,
    /// Failures in a row.
    pub failures: Option<i32>,
    /// Its scenes, if it works scene by scene.
    pub scenes: Option<SceneCount>,
    /// The last report of its worker, while it runs. Absent while no replica of the operator leads.
    pub live: Option<LiveProgress>,
    /// The model in use.
    pub model: Option<String>,
    /// When it continues automatically after a refusal or a failure.
    pub resume_at: Option<Timestamp>,
    /// When the current or last attempt started.
    pub started_at: Option<Timestamp>,
    /// When the step ended.
    pub finished_at: Option<Timestamp>,
    /// Its cost so far.
    #[schema(value_type = Option<schemas::Usd>)]
    pub cost: Option<Money>,
}

/// How many scenes of a step are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SceneCount {
    /// Done.
    pub completed: u32,
    /// Refused by the provider for their content.
    pub refused: u32,
    /// Perhaps paid for: the outcome is not known.
    pub unknown: u32,
    /// All of them.
    pub total: u32,
}

/// The last report of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveProgress {
    /// The part of the step that is done, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub fraction: f64,
    /// The current work, in a few words.
    pub message: String,
}

impl Checkpoint {
    /// The checkpoint of a status. `live`: what workers of steps at work said last.
    #[must_use]
    pub fn of(status: Option<&VideoJobStatus>, live: &BTreeMap<StepName, Progress>) -> Self {
        let Some(status) = status else { return Self::default() };
        Self {
            run: status.run,
            current_step: status.current_step,
            steps: status.steps.iter().map(|step| StepCheckpoint::of(step, live.get(&step.name))).collect(),
        }
    }
}

impl StepCheckpoint {
    fn of(step: &StepStatus, live: Option<&Progress>) -> Self {
        let state = step.state.unwrap_or_default();
        // What was said last of a step that has ended since is no progress.
        let live = live.filter(|_| state == StepState::Running);
        let refused_until = step.rate_limit.as_ref().and_then(|limit| limit.resume_at.as_ref());
        Self {
            step: step.name,
            state,
            reason: step.reason,
            message: step.message.clone(),
            attempt: step.attempt,
            failures: step.failures,
            scenes: step.scenes.as_ref().and_then(|scenes| count(scenes, live)),
            live: live.map(|said| LiveProgress { fraction: said.fraction, message: said.message.clone() }),
            model: step.model.clone(),
            resume_at: refused_until.or(step.retry_at.as_ref()).map(|at| at.0),
            started_at: step.started_at.as_ref().map(|at| at.0),
            finished_at: step.finished_at.as_ref().map(|at| at.0),
            cost: step.cost,
        }
    }
}

fn count(scenes: &ScenesStatus, live: Option<&Progress>) -> Option<SceneCount> {
    let total = u32::try_from(scenes.total?).ok()?;
    let of =
        |set: Option<&String>| set.and_then(|set| set.parse::<SceneSet>().ok()).map_or(0, |set| set.len());
    let said = live.map_or(0, |said| said.completed.len());
    Some(SceneCount {
        completed: of(scenes.completed.as_ref()).max(said).min(total),
        refused: of(scenes.refused.as_ref()),
        unknown: of(scenes.unknown.as_ref()),
        total,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(state: &str) -> VideoJobStatus {
        serde_json::from_value(json!({
            "run": 2, "currentStep": "animate-scenes",
            "steps": [
                {"name": "write-script", "state": "Succeeded"},
                {"name": "animate-scenes", "state": state, "reason": "Progressing", "attempt": 3,
                 "scenes": {"total": 12, "completed": "0-4,7", "refused": "5"},
                 "rateLimit": {"resumeAt": "2026-12-24T18:00:00Z"}, "cost": "0.56"},
            ],
        }))
        .unwrap()
    }

    fn said() -> BTreeMap<StepName, Progress> {
        let progress = Progress {
            completed: (0..9).collect(),
            fraction: 0.75,
            message: "scene 10 of 12".to_owned(),
            full: false,
        };
        [(StepName::AnimateScenes, progress)].into()
    }

    #[test]
    fn a_checkpoint_counts_the_scenes_of_each_step() {
        let checkpoint = Checkpoint::of(Some(&status("Waiting")), &BTreeMap::new());
        assert_eq!((checkpoint.run, checkpoint.current_step), (Some(2), Some(StepName::AnimateScenes)));
        let step = &checkpoint.steps[1];
        assert_eq!(step.scenes, Some(SceneCount { completed: 6, refused: 1, unknown: 0, total: 12 }));
        assert_eq!(step.resume_at.map(|at| at.to_string()).as_deref(), Some("2026-12-24T18:00:00Z"));
        assert_eq!(checkpoint.steps[0].scenes, None);
    }

    #[test]
    fn what_a_worker_says_counts_while_its_step_runs() {
        let step = &Checkpoint::of(Some(&status("Running")), &said()).steps[1];
        assert_eq!(step.scenes.map(|scenes| scenes.completed), Some(9));
        assert_eq!(step.live.as_ref().map(|live| live.message.as_str()), Some("scene 10 of 12"));
        let step = &Checkpoint::of(Some(&status("Waiting")), &said()).steps[1];
        assert_eq!((step.scenes.map(|scenes| scenes.completed), &step.live), (Some(6), &None));
    }

    #[test]
    fn a_job_that_was_never_reconciled_has_an_empty_checkpoint() {
        assert_eq!(Checkpoint::of(None, &said()), Checkpoint::default());
    }
}
