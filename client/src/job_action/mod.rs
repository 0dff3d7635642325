//! What people ask of a `VideoJob`, as the patch that asks it. Pure.

mod again;
mod hold;
mod review;
#[cfg(test)]
mod testing;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use videofactory_crds::condition::{self, ConditionType, Phase};
use videofactory_crds::{StepStatus, VideoJob, requests};

pub use self::again::asks_whether_to_pay;
pub(crate) use self::hold::{MOST_REASON_BYTES, TOGETHER, stops_all};
pub use self::review::under_review;
use crate::job_ref::JobRef;

/// What can be asked of a `VideoJob`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobAction {
    /// Continue at the step that failed or waits. Where the job asks whether to pay again, this is the permission.
    Retry,
    /// Begin the next run: all is made, paid for and published again.
    Restart,
    /// Stop, by the hold annotation, which survives the next apply of the manifest.
    Suspend,
    /// Continue after a suspension.
    Resume,
    /// The result that is under review may go on.
    Approve,
    /// The result that is under review must not go on: the job fails.
    Reject,
}

impl JobAction {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Retry, Self::Restart, Self::Suspend, Self::Resume, Self::Approve, Self::Reject];

    /// Its name on the wire and the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for JobAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no action: write retry, restart, suspend, resume, approve or reject")]
pub struct ParseJobActionError(pub String);

impl FromStr for JobAction {
    type Err = ParseJobActionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| ParseJobActionError(text.to_owned()))
    }
}

/// What a person wants of a `VideoJob`, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// As [`JobAction::Retry`].
    Retry,
    /// As [`JobAction::Restart`].
    Restart,
    /// As [`JobAction::Suspend`].
    Suspend {
        /// Why, for whoever looks at the job.
        reason: String,
    },
    /// As [`JobAction::Resume`].
    Resume {
        /// Only what is suspended for this reason. None: a job that is named, whatever suspends it; of many, what a stop of
        /// all jobs has suspended.
        held_for: Option<String>,
    },
    /// As [`JobAction::Approve`].
    Approve {
        /// The result that was seen, `<step>@<output digest>`. None: the one under review.
        result: Option<String>,
    },
    /// As [`JobAction::Reject`].
    Reject {
        /// The same.
        result: Option<String>,
    },
}

impl Wish {
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

    /// What is asked.
    #[must_use]
    pub const fn action(&self) -> JobAction {
        match self {
            Self::Retry => JobAction::Retry,
            Self::Restart => JobAction::Restart,
            Self::Suspend { .. } => JobAction::Suspend,
            Self::Resume { .. } => JobAction::Resume,
            Self::Approve { .. } => JobAction::Approve,
            Self::Reject { .. } => JobAction::Reject,
        }
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

/// A wish, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub wish: Wish,
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
    pub const fn of_named(wish: Wish, at: Timestamp) -> Self {
        Self { wish, at, chosen: Chosen::ByName }
    }

    /// Of many jobs.
    #[must_use]
    pub const fn of_many(wish: Wish, at: Timestamp) -> Self {
        Self { wish, at, chosen: Chosen::WithOthers }
    }

    /// What is asked.
    #[must_use]
    pub const fn action(&self) -> JobAction {
        self.wish.action()
    }

    fn is_of_many(&self) -> bool {
        self.chosen == Chosen::WithOthers
    }

    /// How to ask it of this job.
    #[must_use]
    pub fn plan(&self, job: &VideoJob) -> Plan {
        match &self.wish {
            Wish::Retry => self.retry(job),
            Wish::Restart => self.restart(job),
            Wish::Suspend { reason } => hold::suspend(job, reason),
            Wish::Resume { held_for: None } if !self.is_of_many() => hold::resume(job),
            Wish::Resume { held_for } => hold::resume_held_for(job, held_for.as_deref()),
            Wish::Approve { result } => review::decide(job, requests::APPROVED, result.as_deref()),
            Wish::Reject { result } => review::decide(job, requests::REJECTED, result.as_deref()),
        }
    }

    /// Whether the answer depends on how the job stands, so that it must not be given to one that stands otherwise by now.
    #[must_use]
    pub fn needs_fresh_state(&self) -> bool {
        self.is_of_many() && !matches!(self.wish, Wish::Approve { .. } | Wish::Reject { .. })
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
        let outdated = was != is && !matches!(self.wish, Wish::Suspend { .. } | Wish::Resume { .. });
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
        for action in JobAction::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        assert!("stop".parse::<JobAction>().unwrap_err().to_string().contains("suspend"));
    }

    #[test]
    fn a_blank_reason_is_none() {
        assert_eq!(
            Wish::suspend(Some("too expensive".to_owned()), "usual"),
            Wish::Suspend { reason: "too expensive".to_owned() }
        );
        for blank in [None, Some(String::new()), Some(" \n".to_owned())] {
            assert_eq!(Wish::suspend(blank.clone(), "usual"), Wish::Suspend { reason: "usual".to_owned() });
            assert_eq!(Wish::resume(blank), Wish::Resume { held_for: None });
        }
    }
}
