//! What people ask of a `VideoJob`, as the patch that asks it. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use videofactory_crds::bounds::cut;
use videofactory_crds::condition::{self, ConditionType, Phase, Reason};
use videofactory_crds::videojob::has_ended;
use videofactory_crds::{StepName, StepStatus, VideoJob, requests};

use crate::job_ref::JobRef;

/// How the reason of a hold begins that stops all jobs: by it a resume of many knows what it may let go on.
const STOP_ALL: &str = "stop-all";
/// How the reason of a hold begins of a job that is made with others, until all are there. Whoever suspends it replaces
/// this reason by their own, which stays when the others are let go.
pub(crate) const TOGETHER: &str = "created together";
/// Most bytes of somebody's reason in a message.
const MOST_REASON_BYTES: usize = 200;

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
    /// To hold all jobs, until a resume of many. `why`: for whoever looks at them.
    #[must_use]
    pub fn stop_all(at: Timestamp, why: Option<&str>) -> Self {
        let reason = why.map_or_else(|| STOP_ALL.to_owned(), |why| format!("{STOP_ALL}: {why}"));
        Self { action: JobAction::Suspend, at, reason, output: None, of_many: true }
    }

    /// How to ask it of this job.
    #[must_use]
    pub fn plan(&self, job: &VideoJob) -> Plan {
        match self.action {
            JobAction::Retry => self.retry(job),
            JobAction::Restart => self.restart(job),
            JobAction::Suspend => self.suspend(job),
            JobAction::Resume if self.of_many => self.resume_of_many(job),
            JobAction::Resume => resume(job),
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

    fn retry(&self, job: &VideoJob) -> Plan {
        let name = JobRef::of(job);
        match phase(job) {
            Phase::Succeeded => Plan::Refused(format!(
                "{name} has succeeded, so nothing is to be tried again; to make the film anew, ask for a restart"
            )),
            Phase::Suspended => {
                Plan::Refused(format!("{name} is suspended; to let it go on, ask for a resume"))
            }
            Phase::Review => {
                Plan::Refused(format!("{name} waits for a review; approve or reject what it has made"))
            }
            Phase::Failed if steps(job).any(|step| step.reason == Some(Reason::Rejected)) => {
                Plan::Refused(format!(
                    "{name} was rejected, which no retry undoes; change it, or ask for a restart to make it anew"
                ))
            }
            Phase::Pending | Phase::Running if self.of_many => {
                Plan::Unchanged("it has not stopped, and a retry of many leaves it alone".to_owned())
            }
            _ if self.of_many && asks_whether_to_pay(job) => Plan::Refused(format!(
                "{name} asks whether to pay again; read its message, and retry it by itself if you agree"
            )),
            _ => annotate(requests::RETRY, &self.at.to_string()),
        }
    }

    fn restart(&self, job: &VideoJob) -> Plan {
        let mut annotations = json!({requests::RESTART: self.at.to_string()});
        // What was decided speaks of the run before, even where the new one makes the very same.
        for decision in [requests::APPROVED, requests::REJECTED] {
            if job.annotations().contains_key(decision) {
                annotations[decision] = Value::Null;
            }
        }
        Plan::Patch(json!({"metadata": {"annotations": annotations}}))
    }

    fn suspend(&self, job: &VideoJob) -> Plan {
        let hold = job.annotations().get(requests::HOLD);
        if hold.is_some_and(|hold| !hold.starts_with(TOGETHER)) {
            Plan::Unchanged("it is held already".to_owned())
        } else if has_ended(job) {
            Plan::Unchanged("it has ended already".to_owned())
        } else {
            annotate(requests::HOLD, &self.reason)
        }
    }

    /// What was stopped for a reason of its own stays so: whoever resumes many has not read each one's.
    fn resume_of_many(&self, job: &VideoJob) -> Plan {
        let name = JobRef::of(job);
        match job.annotations().get(requests::HOLD) {
            Some(hold) if self.lets_go(hold) => let_go(),
            Some(hold) => Plan::Refused(format!(
                "{name} is held for another reason ({:?}): resume it by itself, or all that are held for that reason by \
                 naming it",
                cut(hold, MOST_REASON_BYTES)
            )),
            None if job.spec.suspend => {
                Plan::Refused(format!("{name} is suspended by its spec.suspend: resume it by itself"))
            }
            None => not_suspended(),
        }
    }

    fn lets_go(&self, hold: &str) -> bool {
        if !self.reason.trim().is_empty() {
            let by_stop_all = hold.strip_prefix(STOP_ALL).and_then(|rest| rest.strip_prefix(": "));
            return hold == self.reason || by_stop_all == Some(self.reason.as_str());
        }
        let rest = hold.strip_prefix(STOP_ALL);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    }

    fn decide(&self, job: &VideoJob, annotation: &str) -> Plan {
        let name = JobRef::of(job);
        let Some(output) = under_review(job) else {
            return Plan::Refused(format!("{name} has nothing under review"));
        };
        match &self.output {
            Some(seen) if *seen != output => Plan::Refused(format!(
                "{name} has made something else since: {output} is under review, not {seen}; look at it first"
            )),
            _ => annotate(annotation, &output),
        }
    }
}

fn resume(job: &VideoJob) -> Plan {
    let suspended = job.spec.suspend;
    let mut patch = json!({});
    if is_held(job) {
        patch["metadata"]["annotations"][requests::HOLD] = Value::Null;
    }
    if suspended {
        patch["spec"]["suspend"] = json!(false);
    }
    if patch == json!({}) { not_suspended() } else { Plan::Patch(patch) }
}

fn let_go() -> Plan {
    Plan::Patch(json!({"metadata": {"annotations": {requests::HOLD: null}}}))
}

fn not_suspended() -> Plan {
    Plan::Unchanged("it is not suspended".to_owned())
}

fn annotate(annotation: &str, value: &str) -> Plan {
    Plan::Patch(json!({"metadata": {"annotations": {annotation: value}}}))
}

/// Where the job stands.
#[must_use]
pub fn phase(job: &VideoJob) -> Phase {
    job.status.as_ref().and_then(|status| status.phase).unwrap_or_default()
}

fn is_held(job: &VideoJob) -> bool {
    job.annotations().contains_key(requests::HOLD)
}

fn steps(job: &VideoJob) -> impl Iterator<Item = &StepStatus> {
    job.status.iter().flat_map(|status| &status.steps)
}

/// The output that waits for a person, as `<step>@<output digest>`.
#[must_use]
pub fn under_review(job: &VideoJob) -> Option<String> {
    let step = steps(job).find(|step| step.reason == Some(Reason::AwaitingReview))?;
    Some(output(step.name, step.output_digest.as_deref()?))
}

fn output(step: StepName, digest: &str) -> String {
    format!("{step}@{digest}")
}

/// The condition that says where it stands.
#[must_use]
pub fn ready(job: &VideoJob) -> Option<&Condition> {
    condition::get(&job.status.as_ref()?.conditions, ConditionType::Ready)
}

/// Whether a retry of this job would be the leave to pay again for what was paid for.
#[must_use]
pub fn asks_whether_to_pay(job: &VideoJob) -> bool {
    let asks =
        |step: &StepStatus| matches!(step.reason, Some(Reason::OutcomeUnknown | Reason::ArtifactsPruned));
    // No step of it has begun, as far as its status knows.
    let is_incomplete = ready(job).is_some_and(|ready| ready.reason == Reason::RestoreIncomplete.to_string());
    is_incomplete || steps(job).any(asks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(phase: &str, reason: &str) -> VideoJob {
        let status = json!({
            "phase": phase,
            "steps": [{"name": "assemble-video", "state": "Waiting", "reason": reason, "outputDigest": "3f9c"}],
        });
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"}, "status": status,
        }))
        .unwrap()
    }

    fn asked(action: JobAction) -> Request {
        Request {
            action,
            at: "2026-12-24T18:00:00Z".parse().unwrap(),
            reason: "asked by a person".to_owned(),
            output: None,
            of_many: false,
        }
    }

    fn patch(plan: Plan) -> Value {
        match plan {
            Plan::Patch(patch) => patch,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(plan: Plan) -> String {
        match plan {
            Plan::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failed_or_waiting_job_is_retried_by_its_annotation() {
        for (phase, reason) in [("Failed", "RetriesExhausted"), ("Waiting", "OutcomeUnknown")] {
            let patch = patch(asked(JobAction::Retry).plan(&job(phase, reason)));
            assert_eq!(patch["metadata"]["annotations"][requests::RETRY], "2026-12-24T18:00:00Z");
        }
    }

    #[test]
    fn where_a_retry_does_nothing_the_refusal_says_what_to_do() {
        for (phase, reason, hint) in [
            ("Succeeded", "Completed", "restart"),
            ("Suspended", "Held", "resume"),
            ("Review", "AwaitingReview", "approve"),
            ("Failed", "Rejected", "restart"),
        ] {
            let why = refusal(asked(JobAction::Retry).plan(&job(phase, reason)));
            assert!(why.contains("films/ocean") && why.contains(hint), "{why}");
        }
    }

    #[test]
    fn a_restart_takes_back_what_was_decided_of_the_run_before() {
        let mut film = job("Failed", "Rejected");
        assert_eq!(
            patch(asked(JobAction::Restart).plan(&film)),
            json!({"metadata": {"annotations": {requests::RESTART: "2026-12-24T18:00:00Z"}}})
        );
        film.annotations_mut().insert(requests::REJECTED.to_owned(), "assemble-video@3f9c".to_owned());
        let asked = patch(asked(JobAction::Restart).plan(&film));
        assert_eq!(
            asked["metadata"]["annotations"],
            json!({requests::RESTART: "2026-12-24T18:00:00Z", requests::REJECTED: null})
        );
    }

    #[test]
    fn a_retry_of_many_is_no_leave_to_pay_again() {
        let many = Request { of_many: true, ..asked(JobAction::Retry) };
        for reason in ["OutcomeUnknown", "ArtifactsPruned"] {
            assert!(refusal(many.plan(&job("Waiting", reason))).contains("pay again"));
        }
        assert!(matches!(many.plan(&job("Failed", "RetriesExhausted")), Plan::Patch(_)));
        for phase in ["Running", "Pending"] {
            assert!(
                matches!(many.plan(&job(phase, "Progressing")), Plan::Unchanged(_)),
                "it may ask any moment"
            );
        }
        let mut bare = job("Waiting", "Progressing");
        bare.status.as_mut().unwrap().conditions = serde_json::from_value(json!([{
            "type": "Ready", "status": "False", "reason": "RestoreIncomplete", "message": "",
            "lastTransitionTime": "2026-12-24T18:00:00Z",
        }]))
        .unwrap();
        assert!(refusal(many.plan(&bare)).contains("pay again"));
    }

    #[test]
    fn a_suspension_holds_and_a_resume_lets_go_what_stops_the_job() {
        let mut film = job("Running", "Progressing");
        let hold = patch(asked(JobAction::Suspend).plan(&film));
        assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        assert!(matches!(asked(JobAction::Resume).plan(&film), Plan::Unchanged(_)));
        film.annotations_mut().insert(requests::HOLD.to_owned(), String::new());
        film.spec.suspend = true;
        assert!(matches!(asked(JobAction::Suspend).plan(&film), Plan::Unchanged(_)));
        let resume = patch(asked(JobAction::Resume).plan(&film));
        assert_eq!(resume["metadata"]["annotations"][requests::HOLD], Value::Null);
        assert_eq!(resume["spec"]["suspend"], false);
        assert!(matches!(asked(JobAction::Suspend).plan(&job("Failed", "Rejected")), Plan::Unchanged(_)));
    }

    #[test]
    fn what_was_just_asked_to_begin_again_has_not_ended_and_can_be_stopped() {
        for (phase, request) in [("Failed", requests::RETRY), ("Succeeded", requests::RESTART)] {
            let mut film = job(phase, "Completed");
            film.annotations_mut().insert(request.to_owned(), "2026-12-24T17:59:59Z".to_owned());
            let hold = patch(asked(JobAction::Suspend).plan(&film));
            assert_eq!(hold["metadata"]["annotations"][requests::HOLD], "asked by a person");
        }
    }

    #[test]
    fn a_resume_of_many_lets_go_what_was_stopped_with_all_and_nothing_that_was_stopped_on_purpose() {
        let many = Request { of_many: true, reason: String::new(), ..asked(JobAction::Resume) };
        let held = |hold: &str| {
            let mut film = job("Suspended", "Held");
            film.annotations_mut().insert(requests::HOLD.to_owned(), hold.to_owned());
            film
        };
        for why in [None, Some("the bill")] {
            let mut film = held(&Request::stop_all(many.at, why).reason);
            film.spec.suspend = true;
            assert_eq!(patch(many.plan(&film)), json!({"metadata": {"annotations": {requests::HOLD: null}}}));
        }
        for hold in ["do not publish: rights", "stop-all-but-this", ""] {
            let why = refusal(many.plan(&held(hold)));
            assert!(why.contains(&format!("{hold:?}")) && why.contains("by itself"), "{why}");
        }
        let named = Request { reason: "do not publish: rights".to_owned(), ..many.clone() };
        assert!(matches!(named.plan(&held("do not publish: rights")), Plan::Patch(_)));
        assert!(matches!(named.plan(&held("stop-all")), Plan::Refused(_)));
        let mut by_spec = job("Suspended", "Suspended");
        by_spec.spec.suspend = true;
        assert!(refusal(many.plan(&by_spec)).contains("spec.suspend"));
        assert!(matches!(many.plan(&job("Running", "Progressing")), Plan::Unchanged(_)));
    }

    #[test]
    fn an_approval_is_of_the_very_output_that_was_seen() {
        let film = job("Review", "AwaitingReview");
        let approve = asked(JobAction::Approve);
        let approved = patch(approve.plan(&film));
        assert_eq!(approved["metadata"]["annotations"][requests::APPROVED], "assemble-video@3f9c");
        let seen = Request { output: Some("assemble-video@aaaa".to_owned()), ..asked(JobAction::Reject) };
        assert!(refusal(seen.plan(&film)).contains("something else since"));
        assert!(refusal(approve.plan(&job("Running", "Progressing"))).contains("nothing under review"));
    }

    #[test]
    fn actions_are_read_as_they_are_written() {
        for action in JobAction::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        assert!("stop".parse::<JobAction>().unwrap_err().to_string().contains("suspend"));
    }
}
