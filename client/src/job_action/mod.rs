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
    /// Go on at the step that failed or waits. Where the job asks whether to pay again, this is the yes.
    Retry,
    /// Begin the next run: all is made, paid for and published again.
    Restart,
    /// Stop, by the hold annotation, which survives the next apply of the manifest.
    Suspend,
    /// Go on after a hold or `spec.suspend`.
    Resume,
    /// The output that is under review may go on.
    Approve,
    /// The output that is under review must not go on: the job fails.
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

/// A wish of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub action: JobAction,
    /// When: two requests of one time are one.
    pub at: Timestamp,
    /// Of a suspension: why, for whoever looks at the job. Of a resume of many: only what is held for this reason; empty:
    /// what a stop of all jobs holds.
    pub reason: String,
    /// Of an approval or a rejection: the output that was seen, `<step>@<output digest>`; absent: the one under review.
    pub output: Option<String>,
    /// Whether the request speaks of many jobs, of which the person has not read each one's message: it gives no leave to
    /// pay again.
    pub of_many: bool,
}

/// What follows from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// This merge patch asks it.
    Patch(Value),
    /// It is so already; how.
    Unchanged(String),
    /// It makes no sense as the job stands; why, and what to do.
    Refused(String),
}

impl Request {
    /// How to ask it of this job.
    #[must_use]
    pub fn plan(&self, job: &VideoJob) -> Plan {
        match self.action {
            JobAction::Retry => self.retry(job),
            JobAction::Restart => self.restart(job),
            JobAction::Suspend => self.suspend(job),
            JobAction::Resume if self.of_many => self.resume_of_many(job),
            JobAction::Resume => hold::resume(job),
            JobAction::Approve => self.decide(job, requests::APPROVED),
            JobAction::Reject => self.decide(job, requests::REJECTED),
        }
    }

    /// Whether the answer depends on how the job stands, so that it must not be given to one that stands otherwise by now.
    #[must_use]
    pub fn needs_fresh_state(&self) -> bool {
        let depends = [JobAction::Retry, JobAction::Restart, JobAction::Suspend, JobAction::Resume];
        self.of_many && depends.contains(&self.action)
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
        // To hold a job, or to let go what is held, is meant in any phase.
        let outdated = was != is && !matches!(self.action, JobAction::Suspend | JobAction::Resume);
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
}
