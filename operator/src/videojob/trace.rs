//! The spans of attempts and runs that have ended, made of the times on record. Pure.
//!
//! A run may last for days, and operators come and go meanwhile, so that no span is kept open. An attempt is reported when
//! the status that records its end is written, with its waits apart; a run when it is over. Ids follow from what an attempt
//! and a run are called, so that one that is reported again, after a crash, is the same span.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::condition::{Phase, StepState};
use videofactory_crds::requests::TRACEPARENT;
use videofactory_crds::videojob::{Demand, StepStatus};
use videofactory_crds::{VideoJob, VideoJobStatus};
use videofactory_pipeline::StepInput;
use videofactory_pipeline::contract::{
    ExitCode, ParseTraceparentError, Part, RunTrace, StepOutcome, TRACEPARENT_VARIABLE, TraceId, Traceparent,
};
use videofactory_traces::{Kind, Span, Value};

use super::attempt_outcome::outcome_of;
use super::attempts::{self, Attempt, End};
use super::model::{Account, Observed, PodEnd, PodFacts, PodState};
use crate::config::WorkerConfig;
use crate::events::{Event, EventReason};
use crate::metrics::AttemptOutcome;

type Attributes = Vec<(&'static str, Value)>;

/// What has ended in the look that turns what was observed into the status `after`.
#[must_use]
pub fn spans_of(observed: &Observed, after: &VideoJobStatus, now: Timestamp) -> Vec<Span> {
    let Some(before) = &observed.job.status else { return Vec::new() };
    let outside = outside(&observed.job).ok().flatten();
    if outside.is_some_and(|outside| !outside.sampled) {
        return Vec::new();
    }
    let open = attempts::open(before).filter_map(|(step, _)| before.step(step));
    let ended = open.filter_map(|step| {
        match attempts::attempt_state(observed, step.name, step.attempt.unwrap_or_default(), now) {
            Attempt::Ended { end, at } => Some(Ended::new(observed, before, step, end, at.unwrap_or(now))),
            _ => None,
        }
    });
    let attempts = ended.flat_map(|ended| ended.spans(after, outside));
    attempts.chain(run_span(&observed.job, before, after, outside, now)).collect()
}

/// What the pod of an attempt is given so that its worker's spans are parts of the attempt's; nothing if none is wanted.
#[must_use]
pub fn variables(owner: &VideoJob, input: &StepInput, worker: &WorkerConfig) -> Vec<(&'static str, String)> {
    let trace = RunTrace::of(&input.job.uid, input.job.run, outside(owner).ok().flatten());
    if worker.traces.is_empty() || !trace.sampled {
        return Vec::new();
    }
    let parent = trace.for_worker(input.step, input.attempt).to_string();
    worker.traces.iter().cloned().chain([(TRACEPARENT_VARIABLE, parent)]).collect()
}

/// The id of the trace of a job's run, if it is sampled.
#[must_use]
pub fn id_of_run(job: &VideoJob) -> Option<TraceId> {
    let run = job.status.as_ref()?.run?;
    let trace = RunTrace::of(&job.uid().unwrap_or_default(), run, outside(job).ok().flatten());
    trace.sampled.then_some(trace.id)
}

/// What a person should know of an annotation that cannot be read.
#[must_use]
pub fn complaint(job: &VideoJob) -> Option<Event> {
    let why = outside(job).err()?;
    Some(Event {
        warning: true,
        reason: EventReason::TraceparentUnreadable,
        action: "Trace".to_owned(),
        note: format!("annotation {TRACEPARENT} is ignored, and the job has a trace of its own: {why}"),
    })
}

/// The trace that was handed in from outside.
fn outside(job: &VideoJob) -> Result<Option<Traceparent>, ParseTraceparentError> {
    super::annotation(job, TRACEPARENT).map(str::parse).transpose()
}

/// An attempt that has ended, with the times that are on record.
struct Ended<'a> {
    observed: &'a Observed,
    step: &'a StepStatus,
    end: End,
    attempt: i32,
    run: i64,
    /// Its Job's creation.
    created: Timestamp,
    pod: Option<(&'a PodFacts, &'a PodEnd)>,
    at: Timestamp,
}

impl<'a> Ended<'a> {
    fn new(
        observed: &'a Observed,
        before: &VideoJobStatus,
        step: &'a StepStatus,
        end: End,
        at: Timestamp,
    ) -> Self {
        let attempt = step.attempt.unwrap_or_default();
        let job = observed.jobs.iter().find(|job| job.step == step.name && job.attempt == attempt);
        let pod = observed.pods.iter().find_map(|pod| match &pod.state {
            PodState::Ended(end) if pod.step == step.name && pod.attempt == attempt => Some((pod, end)),
            _ => None,
        });
        // A restart takes the digest from what is at work: that belongs to the run before.
        let recorded = before.run.unwrap_or(1) - i64::from(step.input_digest.is_none());
        let run = job.map(|job| job.run).or(pod.map(|(pod, _)| pod.run)).unwrap_or(recorded);
        let launched = step.started_at.as_ref().map(|at| at.0);
        let created = job.and_then(|job| job.created).or(launched).unwrap_or(at).min(at);
        Self { observed, step, end, attempt, run, created, pod, at }
    }

    fn spans(&self, after: &VideoJobStatus, outside: Option<Traceparent>) -> Vec<Span> {
        let uid = self.observed.job.uid().unwrap_or_default();
        let trace = RunTrace::of(&uid, self.run, outside);
        let span = |part| Span {
            trace: trace.id,
            id: trace.span(self.step.name, self.attempt, part),
            parent: Some(trace.span(self.step.name, self.attempt, Part::Step)),
            parent_is_remote: false,
            name: String::new(),
            kind: Kind::Internal,
            from: self.created,
            to: self.at,
            attributes: self.about(),
            failed: false,
        };
        let mut spans: Vec<Span> = self
            .begun_with()
            .map(|demand| {
                let (from, to) = self.quota_wait(demand);
                Span { name: "quota wait".to_owned(), from, to, ..span(Part::QuotaWait(&demand.account)) }
                    .with(about_demand(demand))
            })
            .collect();
        let started = self.pod.and_then(|(_, end)| end.started).map(|at| at.clamp(self.created, self.at));
        let never_ran = self.pod.is_some_and(|(_, end)| end.exit_code.is_none() && end.started.is_none());
        if started.is_some() || never_ran {
            let to = started.unwrap_or(self.at);
            spans.push(Span { name: "queue wait".to_owned(), to, ..span(Part::QueueWait) });
        }
        let outcome = outcome(self.step, &self.end, after);
        let failed = is_failure(outcome);
        if !never_ran {
            // Where the pod is gone with what it knew, the wait for it is a part of this.
            let from = started.unwrap_or(self.created);
            let execution = Span { name: "execution".to_owned(), from, failed, ..span(Part::Execution) };
            spans.push(execution.with(self.about_execution()));
        }
        let from = spans.iter().map(|part| part.from).min().unwrap_or(self.created).min(self.created);
        let parent = Some(trace.root());
        let whole = Span { name: self.step.name.to_string(), parent, from, failed, ..span(Part::Step) };
        spans.push(whole.with(self.about_end(outcome)));
        spans
    }

    fn begun_with(&self) -> impl Iterator<Item = &'a Demand> + use<'_, 'a> {
        let mine = |demand: &&Demand| demand.attempt == Some(self.attempt) && demand.granted.is_some();
        self.step.demands.iter().filter(mine)
    }

    /// From the demand to the first opening of what it was granted.
    fn quota_wait(&self, demand: &Demand) -> (Timestamp, Timestamp) {
        let asked = demand.asked_at.as_ref().or(demand.since.as_ref()).map_or(self.created, |at| at.0);
        let asked = asked.min(self.created);
        let Some(Account::External(account)) = self.observed.accounts.get(&demand.account) else {
            return (asked, self.created);
        };
        let uid = self.observed.job.metadata.uid.as_deref().unwrap_or_default();
        let grant = account.status.grants.iter().find(|grant| {
            let holder = &grant.holder;
            holder.uid == uid && holder.step == Some(self.step.name) && holder.attempt == demand.attempt
        });
        let opened = grant.and_then(|grant| {
            let opening = grant.openings.first().map(|opening| opening.at.0);
            opening.max(grant.given_at.as_ref().map(|at| at.0))
        });
        (asked, opened.unwrap_or(self.created).clamp(asked, self.at))
    }

    fn about(&self) -> Attributes {
        let job = &self.observed.job;
        vec![
            ("k8s.namespace.name", job.namespace().unwrap_or_default().into()),
            ("videofactory.videojob.name", job.name_any().into()),
            ("videofactory.run", self.run.into()),
            ("videofactory.step", self.step.name.as_str().into()),
            ("videofactory.attempt", self.attempt.into()),
        ]
    }

    fn about_execution(&self) -> Attributes {
        let (pod, code) = match self.pod {
            Some((pod, end)) => (Some(("k8s.pod.name", pod.name.as_str().into())), end.exit_code),
            None => (None, None),
        };
        let code = code.map(|code| ("process.exit.code", code.into()));
        let reported = self.reported();
        let model = reported.map(|outcome| outcome.model.as_str()).filter(|model| !model.is_empty());
        let model = model.map(|model| ("gen_ai.request.model", model.into()));
        pod.into_iter().chain(code).chain(model).collect()
    }

    fn about_end(&self, outcome: AttemptOutcome) -> Attributes {
        let job = self.step.job.as_deref().map(|job| ("k8s.job.name", job.into()));
        let error = is_failure(outcome).then(|| ("error.type", outcome.as_str().into()));
        let scenes = self.reported().and_then(|outcome| outcome.scenes.as_ref());
        let scenes = scenes.into_iter().flat_map(|scenes| {
            [
                ("videofactory.scenes.total", scenes.total.into()),
                ("videofactory.scenes.made", scenes.made.into()),
                ("videofactory.scenes.completed", scenes.completed.len().into()),
            ]
        });
        let survey = self.step.survey.map(|survey| ("videofactory.survey", survey.into()));
        let outcome = ("videofactory.outcome", outcome.as_str().into());
        [outcome].into_iter().chain(job).chain(error).chain(survey).chain(scenes).collect()
    }

    fn reported(&self) -> Option<&StepOutcome> {
        if let End::Reported(outcome) = &self.end { Some(outcome) } else { None }
    }
}

fn about_demand(demand: &Demand) -> Attributes {
    let wanted = demand.submissions.unwrap_or_default();
    vec![
        ("videofactory.account", demand.account.as_str().into()),
        ("videofactory.submissions.wanted", wanted.into()),
        ("videofactory.submissions.granted", demand.granted.unwrap_or_default().into()),
    ]
}

/// How an attempt ended, as the metrics have it.
fn outcome(step: &StepStatus, end: &End, after: &VideoJobStatus) -> AttemptOutcome {
    let is_accepted = || after.step(step.name).is_some_and(|step| step.state == Some(StepState::Succeeded));
    if let End::Reported(reported) = end {
        let is_up_to_date = Some(reported.input.as_str()) == step.input_digest.as_deref();
        if reported.exit == ExitCode::Done && is_up_to_date
            || reported.exit == ExitCode::QualityCheck && is_accepted()
        {
            return AttemptOutcome::Succeeded;
        }
    }
    outcome_of(end, step.reason.is_some())
}

/// Whether something went wrong: not where an attempt was stopped, or only has to wait.
const fn is_failure(outcome: AttemptOutcome) -> bool {
    !matches!(
        outcome,
        AttemptOutcome::Succeeded
            | AttemptOutcome::Superseded
            | AttemptOutcome::Stopped
            | AttemptOutcome::Interrupted
            | AttemptOutcome::RateLimited
            | AttemptOutcome::Paused
    )
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunOutcome {
    Succeeded,
    Failed,
    /// Another run has begun.
    Restarted,
}

impl RunOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Restarted => "restarted",
        }
    }
}

/// The run, if it is over now: it has ended, or a restart has begun the next. One that ends again, because a person asked
/// for more after its end, is reported again and lasts longer.
fn run_span(
    job: &VideoJob,
    before: &VideoJobStatus,
    after: &VideoJobStatus,
    outside: Option<Traceparent>,
    now: Timestamp,
) -> Option<Span> {
    let was_over = before.phase.is_some_and(Phase::is_terminal);
    let restarted = before.run.is_some() && after.run > before.run;
    let (status, outcome) = match after.phase {
        _ if restarted && !was_over => (before, RunOutcome::Restarted),
        Some(Phase::Succeeded) if !was_over => (after, RunOutcome::Succeeded),
        Some(Phase::Failed) if !was_over => (after, RunOutcome::Failed),
        _ => return None,
    };
    let run = status.run?;
    let trace = RunTrace::of(&job.uid().unwrap_or_default(), run, outside);
    let failed = outcome == RunOutcome::Failed;
    Some(Span {
        trace: trace.id,
        id: trace.root(),
        parent: trace.parent,
        parent_is_remote: trace.parent.is_some(),
        name: format!("video {}/{} run {run}", job.namespace().unwrap_or_default(), job.name_any()),
        kind: Kind::Internal,
        from: begin_of_run(job, status, run).unwrap_or(now).min(now),
        to: now,
        attributes: about_run(job, status, run, outcome),
        failed,
    })
}

/// The job's creation; of a later run the time that its restart names, unless that is later than what was done in it.
fn begin_of_run(job: &VideoJob, status: &VideoJobStatus, run: i64) -> Option<Timestamp> {
    let created = job.creation_timestamp().map(|at| at.0);
    let asked =
        status.steps.iter().flat_map(|step| &step.demands).filter_map(|demand| demand.asked_at.as_ref());
    let begun = status.steps.iter().filter_map(|step| step.started_at.as_ref());
    let first = begun.chain(asked).map(|at| at.0).min();
    if run <= 1 {
        return created.or(first);
    }
    let restart = status.handled.as_ref().and_then(|handled| handled.restart.as_ref()?.parse().ok());
    let restart = restart.filter(|restart| Some(*restart) >= created);
    [restart, first].into_iter().flatten().min()
}

fn about_run(job: &VideoJob, status: &VideoJobStatus, run: i64, outcome: RunOutcome) -> Attributes {
    let always: Attributes = vec![
        ("k8s.namespace.name", job.namespace().unwrap_or_default().into()),
        ("videofactory.videojob.name", job.name_any().into()),
        ("videofactory.videojob.uid", job.uid().unwrap_or_default().into()),
        ("videofactory.run", run.into()),
        ("videofactory.outcome", outcome.as_str().into()),
    ];
    let channel =
        status.channel.as_ref().map(|channel| ("videofactory.channel", channel.name.as_str().into()));
    let film = status.artifacts.as_ref().and_then(|artifacts| artifacts.video.as_ref());
    let bytes = film.and_then(|film| film.size).map(|size| ("videofactory.film.bytes", size.into()));
    let seconds =
        film.and_then(|film| film.duration).map(|length| ("videofactory.film.seconds", length.into()));
    always.into_iter().chain(channel).chain(bytes).chain(seconds).collect()
}
