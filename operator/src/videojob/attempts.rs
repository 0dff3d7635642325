//! How an attempt stands: the one reading of pods, Jobs and recorded outcomes together.
//!
//! A pod's end decides, not its Job's: the Job controller is later and says less.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_crds::videojob::{StepStatus, VideoJobStatus};
use videofactory_pipeline::contract::{ExitCode, StepOutcome};

use super::model::{JobEnd, JobFacts, Observed, PodEnd, PodFacts, PodProblem, PodState};

/// How long a Job may take to make its pod.
const POD_CREATION_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// How much later than it should a pod that is being stopped may go.
const TERMINATION_TIMEOUT: SignedDuration = SignedDuration::from_secs(120);
/// The exit code that a container runtime gives a container whose end it has not seen, because it was down itself, as after a
/// node's loss of power. No worker ends with it.
const UNSEEN: i32 = 255;

/// The state of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    /// Its pod is alive, or its Job will still make one.
    Alive(Option<PodProblem>),
    /// Its Job is on its way out; what comes of it is not yet known.
    Terminating,
    Ended {
        end: End,
        /// When, as far as anybody knows.
        at: Option<Timestamp>,
    },
    /// Nothing of it is there and nothing was recorded: it never began, or its Job was deleted before its worker could
    /// begin with anything that is paid for.
    Absent,
    /// It is not known before the bucket answers; why not.
    Unknown(String),
}

/// What an ended attempt leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The worker said how it went.
    Reported(Box<StepOutcome>),
    /// Stopped from outside, without a word; what stopped it.
    Interrupted(String),
    /// Killed for its memory.
    OutOfMemory,
    /// The Job's own deadline passed.
    Deadline,
    /// The worker ended with this code and without a word.
    Silent(i32),
}

/// The state of each attempt that has not ended.
pub type OpenAttempts = BTreeMap<StepName, Attempt>;

/// The attempts whose start is recorded and whose end is not.
pub fn open(status: &VideoJobStatus) -> impl Iterator<Item = (StepName, i32)> + '_ {
    status.steps.iter().filter(|step| is_open(step)).map(|step| (step.name, step.attempt.unwrap_or_default()))
}

/// The attempts whose outcome neither a pod nor the status holds: `observe` looks them up in the
/// bucket, so that `decide` need not.
#[must_use]
pub fn outcomes_to_look_up(
    status: &VideoJobStatus,
    jobs: &[JobFacts],
    pods: &[PodFacts],
) -> BTreeSet<(StepName, i32)> {
    open(status)
        .filter(|(step, attempt)| {
            let mine = |s: StepName, a: i32| s == *step && a == *attempt;
            let alive = pods
                .iter()
                .any(|pod| mine(pod.step, pod.attempt) && !matches!(pod.state, PodState::Ended(_)));
            let mut ended = pods.iter().filter_map(|pod| match &pod.state {
                PodState::Ended(end) if mine(pod.step, pod.attempt) => Some(end.outcome.is_some()),
                _ => None,
            });
            let reported = ended.clone().any(|reported| reported);
            let starting = ended.next().is_none()
                && jobs.iter().any(|job| mine(job.step, job.attempt) && job.ended.is_none() && !job.deleting);
            !alive && !reported && !starting
        })
        .collect()
}

/// Whether this step's last attempt has no recorded end.
#[must_use]
pub fn is_open(step: &StepStatus) -> bool {
    step.state == Some(StepState::Running)
}

/// Whether anything of this step may still be at work: nothing runs twice at once.
#[must_use]
pub fn is_occupied(observed: &Observed, step: StepName) -> bool {
    let pod = observed.pods.iter().any(|pod| pod.step == step && !matches!(pod.state, PodState::Ended(_)));
    let job = observed.jobs.iter().any(|job| job.step == step && job.ended.is_none());
    pod || job
}

/// What of this step is late, or will be if nothing comes of it: when, and what that means then.
pub fn deadlines(observed: &Observed, step: StepName) -> impl Iterator<Item = (Timestamp, PodProblem)> + '_ {
    let late = |since: Timestamp, timeout| since.saturating_add(timeout).unwrap_or(Timestamp::MAX);
    let pods = observed.pods.iter().filter(move |pod| pod.step == step);
    let pods = pods
        .filter_map(|pod| Some((gone_at_the_latest(pod)?, PodProblem::StuckTerminating(pod.name.clone()))));
    let jobs = observed.jobs.iter().filter(move |job| job.step == step && has_no_pod(job, &observed.pods));
    let jobs = jobs.filter_map(move |job| {
        Some((late(job.created?, POD_CREATION_TIMEOUT), PodProblem::NoPod(job.name.clone())))
    });
    pods.chain(jobs)
}

/// When a pod that is being stopped, and has not ended, should be gone at the latest.
#[must_use]
pub fn gone_at_the_latest(pod: &PodFacts) -> Option<Timestamp> {
    let by = pod.gone_by.filter(|_| !matches!(pod.state, PodState::Ended(_)))?;
    Some(by.saturating_add(TERMINATION_TIMEOUT).unwrap_or(Timestamp::MAX))
}

/// Whether it is still to make its pod.
fn has_no_pod(job: &JobFacts, pods: &[PodFacts]) -> bool {
    let made = pods.iter().any(|pod| pod.step == job.step && pod.attempt == job.attempt);
    job.ended.is_none() && !job.deleting && !made
}

/// The Jobs that should have made a pod by now and have not: somebody else can say why.
pub fn podless<'a>(
    jobs: &'a [JobFacts],
    pods: &'a [PodFacts],
    now: Timestamp,
) -> impl Iterator<Item = &'a JobFacts> {
    let late = move |job: &JobFacts| {
        job.created.is_some_and(|created| now.duration_since(created) >= POD_CREATION_TIMEOUT)
    };
    jobs.iter().filter(move |job| has_no_pod(job, pods) && late(job))
}

/// How attempt `attempt` of `step` stands at `now`.
#[must_use]
pub fn attempt_state(observed: &Observed, step: StepName, attempt: i32, now: Timestamp) -> Attempt {
    let late = |name: &str| {
        deadlines(observed, step).find_map(|(at, problem)| match &problem {
            PodProblem::NoPod(of) if of == name && at <= now => match observed.podless.get(name) {
                Some(why) => Some(PodProblem::Refused(why.clone())),
                None => Some(problem),
            },
            PodProblem::StuckTerminating(of) if of == name && at <= now => Some(problem),
            _ => None,
        })
    };
    let pods: Vec<&PodFacts> =
        observed.pods.iter().filter(|pod| pod.step == step && pod.attempt == attempt).collect();
    if let Some(pod) = pods.iter().find(|pod| !matches!(pod.state, PodState::Ended(_))) {
        return Attempt::Alive(late(&pod.name).or_else(|| match &pod.state {
            PodState::Pending(problem) => problem.clone(),
            _ => None,
        }));
    }
    let ends: Vec<&PodEnd> = pods
        .iter()
        .filter_map(|pod| if let PodState::Ended(end) = &pod.state { Some(end) } else { None })
        .collect();
    if let Some((outcome, end)) = ends.iter().find_map(|end| Some((end.outcome.clone()?, end))) {
        return Attempt::Ended { end: End::Reported(outcome), at: end.at };
    }
    let job = observed.jobs.iter().find(|job| job.step == step && job.attempt == attempt);
    if ends.is_empty()
        && let Some(job) = job.filter(|job| job.ended.is_none() && !job.deleting)
    {
        return Attempt::Alive(late(&job.name));
    }
    match observed.recorded.get(&(step, attempt)) {
        Some(Some(outcome)) => Attempt::Ended {
            end: End::Reported(Box::new(outcome.clone())),
            at: ends.first().and_then(|end| end.at),
        },
        Some(None) => match without_a_word(job, ends.first().copied()) {
            // It may have spent something, or do so yet: the next attempt finds out.
            Attempt::Absent if observed.fencing_tokens.contains(&(step, attempt)) => Attempt::Ended {
                end: End::Interrupted("its Job and its pod are gone, and it had begun".to_owned()),
                at: None,
            },
            other => other,
        },
        None => Attempt::Unknown(
            observed.bucket_trouble.clone().unwrap_or_else(|| "its outcome was not looked up yet".to_owned()),
        ),
    }
}

/// The end of an attempt that left no outcome anywhere.
fn without_a_word(job: Option<&JobFacts>, pod: Option<&PodEnd>) -> Attempt {
    if let Some(pod) = pod {
        return Attempt::Ended { end: silent_pod(pod), at: pod.at };
    }
    match job {
        None => Attempt::Absent,
        Some(JobFacts { ended: None, .. }) => Attempt::Terminating,
        Some(JobFacts { ended: Some(JobEnd::Failed(reason)), .. }) if reason == "DeadlineExceeded" => {
            Attempt::Ended { end: End::Deadline, at: None }
        }
        Some(_) => Attempt::Ended {
            end: End::Interrupted("its pod was deleted, evicted or lost".to_owned()),
            at: None,
        },
    }
}

fn silent_pod(pod: &PodEnd) -> End {
    if pod.out_of_memory {
        return End::OutOfMemory;
    }
    match (pod.reason.as_str(), pod.exit_code) {
        ("DeadlineExceeded", _) => End::Deadline,
        (reason, None) => End::Interrupted(format!("its pod ended before its container ran ({reason})")),
        ("", Some(UNSEEN)) => End::Interrupted("its container was gone after its node was down".to_owned()),
        ("", Some(code @ (137 | 143))) => {
            End::Interrupted(format!("its container was killed (exit code {code})"))
        }
        (reason, Some(137 | 143 | UNSEEN)) => End::Interrupted(format!("its pod was stopped ({reason})")),
        (_, Some(code)) if ExitCode::from_code(code) == Some(ExitCode::TryLater) => {
            End::Interrupted("it was stopped".to_owned())
        }
        (_, Some(code)) => End::Silent(code),
    }
}
