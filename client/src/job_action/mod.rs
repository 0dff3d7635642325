//! What people ask of a `VideoJob`, as the patch that asks it. Pure.

mod again;
mod hold;
mod review;
#[cfg(test)]
mod testing;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::VariantArray;
use videofactory_crds::condition::{self, ConditionType, Phase};
use videofactory_crds::{StepStatus, VideoJob, requests};

pub use self::again::asks_whether_to_pay;
pub(crate) use self::hold::{Hold, MAX_REASON_BYTES, TOGETHER};
pub use self::review::{preview_result, under_review};
use crate::job_ref::JobRef;

/// What a person asks of a `VideoJob`, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, strum::EnumDiscriminants)]
#[strum_discriminants(name(JobAction))]
#[strum_discriminants(doc = "The name of an [`Action`], on the wire and the command line.")]
#[strum_discriminants(derive(PartialOrd, Ord, Hash, Serialize, Deserialize))]
#[strum_discriminants(derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray))]
#[strum_discriminants(serde(rename_all = "lowercase"))]
#[strum_discriminants(strum(serialize_all = "lowercase"))]
pub enum Action {
    /// Continue at the step that failed or waits. Where the job asks whether to pay again, this is the permission.
    Retry,
    /// Begin the next run: all is made, paid for and published again.
    Restart,
    /// Stop, by the hold annotation, which survives the next apply of the manifest.
    Suspend {
        /// Why, for whoever looks at the job.
        reason: String,
    },
    /// Continue after a suspension.
    Resume {
        /// Only what is suspended for this reason. None: a job that is named, whatever suspends it; of many, what a stop of
        /// all jobs has suspended.
        held_for: Option<String>,
    },
    /// The result that is under review may continue.
    Approve {
        /// The result that was seen, `<step>@<output digest>`. None: the one under review.
        result: Option<String>,
    },
    /// The result that is under review must not continue: the job fails.
    Reject {
        /// The result that was seen, `<step>@<output digest>`. None: the one under review.
        result: Option<String>,
    },
}

impl JobAction {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Action {
    /// To suspend. A blank reason is none, and `usual` stands in its place.
    #[must_use]
    pub fn suspend(reason: Option<String>, usual: &str) -> Self {
        Self::Suspend { reason: not_blank(reason).unwrap_or_else(|| usual.to_owned()) }
    }

    /// To resume. A blank reason is none.
    #[must_use]
    pub fn resume(held_for: Option<String>) -> Self {
        Self::Resume { held_for: not_blank(held_for) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> JobAction {
        self.into()
    }
}

fn not_blank(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// How the jobs of a request were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// By name: the person has seen what each says.
    ByName,
    /// With many others, of which nobody has read each one's message: this gives no permission to pay again.
    WithOthers,
}

/// An action, as it is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub action: Action,
    /// When: two requests of one time are one.
    pub at: Timestamp,
    /// How its jobs were chosen.
    pub chosen: Chosen,
}

/// What follows from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// This merge patch asks it.
    Patch(Value),
    /// It is so already; how.
    Unchanged(String),
    /// The job's state does not allow it; why, and what to do.
    Refused(String),
}

impl Request {
    /// Of jobs that are named.
    #[must_use]
    pub const fn of_named(action: Action, at: Timestamp) -> Self {
        Self { action, at, chosen: Chosen::ByName }
    }

    /// Of many jobs.
    #[must_use]
    pub const fn of_many(action: Action, at: Timestamp) -> Self {
        Self { action, at, chosen: Chosen::WithOthers }
    }

    fn is_of_many(&self) -> bool {
        self.chosen == Chosen::WithOthers
    }

    /// How to ask it of this job.
    #[must_use]
    pub fn plan(&self, job: &VideoJob) -> Plan {
        match &self.action {
            Action::Retry => self.retry(job),
            Action::Restart => self.restart(job),
            Action::Suspend { reason } => hold::suspend(job, reason),
            Action::Resume { held_for: None } if !self.is_of_many() => hold::resume(job),
            Action::Resume { held_for } => hold::resume_held_for(job, held_for.as_deref()),
            Action::Approve { result } => review::decide(job, requests::APPROVED, result.as_deref()),
            Action::Reject { result } => review::decide(job, requests::REJECTED, result.as_deref()),
        }
    }

    /// What else is to be known where it was asked of this job as [`Self::plan`] says.
    #[must_use]
    pub fn remark(&self, job: &VideoJob) -> Option<String> {
        match &self.action {
            Action::Resume { held_for } if held_for.is_some() || self.is_of_many() => {
                hold::stays_suspended(job)
            }
            _ => None,
        }
    }

    /// Whether the answer depends on how the job stands, so that it must not be given to one that stands otherwise by now.
    #[must_use]
    pub fn needs_fresh_state(&self) -> bool {
        match &self.action {
            Action::Resume { held_for: Some(_) } => true,
            Action::Retry | Action::Restart | Action::Suspend { .. } | Action::Resume { held_for: None } => {
                self.is_of_many()
            }
            // They name the result that they are about.
            Action::Approve { .. } | Action::Reject { .. } => false,
        }
    }

    /// Why a job that was listed as `before` is not asked: it has moved on, and whoever asks has not seen that.
    #[must_use]
    pub fn is_outdated(&self, before: &VideoJob, now: &VideoJob) -> Option<String> {
        let (was, is) = (phase(before), phase(now));
        let name = JobRef::of(now);
        if before.metadata.uid != now.metadata.uid {
            return Some(format!(
                "{name} was deleted and made again since it was listed: look at it, and ask again"
            ));
        }
        // To suspend a job, or to resume one that is suspended, is meant in any phase.
        let outdated = was != is && !matches!(self.action, Action::Suspend { .. } | Action::Resume { .. });
        outdated.then(|| {
            format!("{name} was {was} when it was listed, and is {is} now: look at it, and ask again")
        })
    }
}

fn annotate(annotation: &str, value: &str) -> Plan {
    Plan::Patch(json!({"metadata": {"annotations": {annotation: value}}}))
}

/// Where the job stands.
#[must_use]
pub fn phase(job: &VideoJob) -> Phase {
    job.status.as_ref().and_then(|status| status.phase).unwrap_or_default()
}

fn steps(job: &VideoJob) -> impl Iterator<Item = &StepStatus> {
    job.status.iter().flat_map(|status| &status.steps)
}

/// The condition that says where it stands.
#[must_use]
pub fn ready(job: &VideoJob) -> Option<&Condition> {
    condition::get(&job.status.as_ref()?.conditions, ConditionType::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_as_they_are_written() {
        let names = ["retry", "restart", "suspend", "resume", "approve", "reject"];
        assert_eq!(JobAction::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>(), names);
        for &action in JobAction::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.to_string());
        }
        assert!("stop".parse::<JobAction>().is_err() && "Retry".parse::<JobAction>().is_err());
    }

    #[test]
    fn a_blank_reason_is_none() {
        assert_eq!(
            Action::suspend(Some("too expensive".to_owned()), "usual"),
            Action::Suspend { reason: "too expensive".to_owned() }
        );
        for blank in [None, Some(String::new()), Some(" \n".to_owned())] {
            assert_eq!(
                Action::suspend(blank.clone(), "usual"),
                Action::Suspend { reason: "usual".to_owned() }
            );
            assert_eq!(Action::resume(blank), Action::Resume { held_for: None });
        }
    }
}
