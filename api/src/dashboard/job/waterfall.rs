//! The run of a job as bars in time: for each step how long it stood in line, waited for a quota, and worked. Pure.

use jiff::Timestamp;
use videofactory_crds::{StepName, StepState, StepStatus, VideoJob};
use videofactory_pipeline::graph;

use crate::dashboard::jobs::StepChip;
use crate::dashboard::words::{self, Moment, Tone};

/// The width of all of it, in units of the drawing.
const WIDTH: f64 = 1000.0;
/// The least width of a bar, so that what took a moment is seen, too.
const LEAST: f64 = 3.0;

/// The bars, and the time that they cover.
#[derive(Clone, Debug, Default)]
pub struct Waterfall {
    pub bars: Vec<StepBars>,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
    pub took: String,
}

/// The bars of a step.
#[derive(Clone, Debug)]
pub struct StepBars {
    pub name: &'static str,
    pub step: &'static str,
    pub sign: &'static str,
    pub state: &'static str,
    pub tone: Tone,
    pub bars: Vec<Bar>,
    /// The same in words.
    pub words: String,
    /// Which attempt it is; empty: the first.
    pub attempt: String,
    pub model: String,
    pub cost: String,
    pub message: String,
    pub scenes: String,
    /// What its worker said last, and how much is done, in per cent.
    pub live: String,
    pub percent: Option<u8>,
}

/// A bar: where it begins, and how wide it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// `queue`, `quota` or `work`.
    pub kind: &'static str,
    pub x: String,
    pub width: String,
    pub label: String,
}

/// A span of a step's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    kind: &'static str,
    label: &'static str,
    from: Timestamp,
    to: Timestamp,
}

impl Waterfall {
    /// The bars of a job's present run.
    pub fn of(job: &VideoJob, now: Timestamp) -> Self {
        let steps = job.status.as_ref().map(|status| status.steps.as_slice()).unwrap_or_default();
        let begun = begin_of_run(job, steps);
        let spans: Vec<(&StepStatus, Vec<Span>)> =
            steps.iter().map(|step| (step, spans(step, steps, begun, now))).collect();
        let all = || spans.iter().flat_map(|(_, spans)| spans);
        let (from, to) = (all().map(|span| span.from).min(), all().map(|span| span.to).max());
        let (Some(from), Some(to)) = (from, to) else {
            return Self {
                bars: steps.iter().map(|step| StepBars::of(step, &[], now, now)).collect(),
                ..Self::default()
            };
        };
        Self {
            bars: spans.iter().map(|(step, spans)| StepBars::of(step, spans, from, to)).collect(),
            from: Some(words::moment(from)),
            to: Some(words::moment(to)),
            took: words::between(from, to),
        }
    }
}

/// When the present run began, as far as is known: of a later one than the first, no earlier than its first step.
fn begin_of_run(job: &VideoJob, steps: &[StepStatus]) -> Option<Timestamp> {
    let is_first = job.status.as_ref().and_then(|status| status.run).unwrap_or(1) <= 1;
    let created = job.metadata.creation_timestamp.as_ref().map(|at| at.0).filter(|_| is_first);
    created.or_else(|| steps.iter().filter_map(|step| step.started_at.as_ref()).map(|at| at.0).min())
}

/// When all is there that a step needs.
fn ready_at(step: StepName, steps: &[StepStatus], begun: Option<Timestamp>) -> Option<Timestamp> {
    let needs = graph::step(step).needs;
    let mut latest = begun;
    for need in steps.iter().filter(|other| needs.contains(&other.name)) {
        let is_skipped = need.state == Some(StepState::Skipped);
        match need.finished_at.as_ref() {
            Some(at) => latest = latest.max(Some(at.0)),
            None if is_skipped => {}
            None => return None,
        }
    }
    latest
}

fn spans(step: &StepStatus, steps: &[StepStatus], begun: Option<Timestamp>, now: Timestamp) -> Vec<Span> {
    let state = step.state.unwrap_or_default();
    if state == StepState::Skipped {
        return Vec::new();
    }
    let started = step.started_at.as_ref().map(|at| at.0);
    let mut spans = Vec::new();
    let mut add = |kind, label, from: Timestamp, to: Timestamp| {
        if from < to {
            spans.push(Span { kind, label, from, to });
        }
    };
    let waits_until = match (started, state) {
        (Some(started), _) => Some(started),
        (None, StepState::Waiting) => Some(now),
        (None, _) => None,
    };
    if let (Some(ready), Some(until)) = (ready_at(step.name, steps, begun), waits_until) {
        let asked = step.demands.iter().filter_map(|demand| demand.since.as_ref()).map(|at| at.0).min();
        let asked = asked.filter(|asked| *asked < until).map(|asked| asked.max(ready));
        add("queue", "in line", ready, asked.unwrap_or(until));
        if let Some(asked) = asked {
            add("quota", "waits for a quota", asked, until);
        }
    }
    if let Some(started) = started {
        let ended = step.finished_at.as_ref().map(|at| at.0).filter(|at| *at >= started);
        let works = matches!(state, StepState::Running);
        if let Some(ended) = ended.or(works.then_some(now)) {
            // Seconds are all that is recorded of it.
            let ended = ended.max(started.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(started));
            add("work", "works", started, ended);
        }
    }
    spans
}

impl StepBars {
    fn of(step: &StepStatus, spans: &[Span], from: Timestamp, to: Timestamp) -> Self {
        let (state, sign, tone) = words::state(step.state.unwrap_or_default());
        let chip = StepChip::of(step);
        let said = spans.iter().map(|span| format!("{} {}", span.label, words::between(span.from, span.to)));
        Self {
            name: words::step(step.name),
            step: step.name.as_str(),
            sign,
            state,
            tone,
            bars: spans.iter().map(|span| span.bar(from, to)).collect(),
            words: said.collect::<Vec<_>>().join(", "),
            attempt: step
                .attempt
                .filter(|attempt| *attempt > 1)
                .map(|attempt| format!("attempt {attempt}"))
                .unwrap_or_default(),
            model: step.model.clone().unwrap_or_default(),
            cost: step.cost.map(words::money).unwrap_or_default(),
            message: step.message.clone().unwrap_or_default(),
            scenes: chip.scenes,
            live: String::new(),
            percent: None,
        }
    }
}

impl Span {
    fn bar(self, from: Timestamp, to: Timestamp) -> Bar {
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
        let all = seconds(from, to).max(1.0);
        let width = (seconds(self.from, self.to) / all * WIDTH).clamp(LEAST, WIDTH);
        let x = (seconds(from, self.from) / all * WIDTH).min(WIDTH - width);
        let label = format!("{} {}", self.label, words::between(self.from, self.to));
        Bar { kind: self.kind, x: format!("{x:.1}"), width: format!("{width:.1}"), label }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn job() -> VideoJob {
        let status = json!({"run": 1, "phase": "Running", "steps": [
            {"name": "write-script", "state": "Succeeded", "attempt": 1, "startedAt": "2026-12-24T18:01:00Z", "finishedAt": "2026-12-24T18:02:00Z"},
            {"name": "generate-images", "state": "Succeeded", "attempt": 2, "startedAt": "2026-12-24T18:06:00Z", "finishedAt": "2026-12-24T18:08:00Z",
             "demands": [{"account": "grok", "since": "2026-12-24T18:03:00Z"}]},
            {"name": "narrate-scenes", "state": "Skipped"},
            {"name": "animate-scenes", "state": "Waiting", "demands": [{"account": "grok", "since": "2026-12-24T18:07:00Z"}]},
            {"name": "assemble-video", "state": "Pending"},
        ]});
        serde_json::from_value(testing::job("films", "a", &status)).unwrap()
    }

    #[test]
    fn each_step_says_how_long_it_stood_in_line_waited_and_worked() {
        let shown = Waterfall::of(&job(), "2026-12-24T18:10:00Z".parse().unwrap());
        let words: Vec<&str> = shown.bars.iter().map(|step| step.words.as_str()).collect();
        assert_eq!(
            words,
            [
                "in line 1 min, works 1 min",
                "in line 1 min, waits for a quota 3 min, works 2 min",
                "",
                "waits for a quota 2 min",
                ""
            ]
        );
        assert_eq!((shown.took.as_str(), shown.bars[1].attempt.as_str()), ("10 min", "attempt 2"));
        let bar = &shown.bars[1].bars[2];
        assert_eq!((bar.kind, bar.x.as_str(), bar.width.as_str()), ("work", "600.0", "200.0"));
    }

    #[test]
    fn a_job_that_has_not_begun_has_no_bars() {
        let job: VideoJob = serde_json::from_value(testing::job("films", "a", &json!(null))).unwrap();
        let shown = Waterfall::of(&job, Timestamp::UNIX_EPOCH);
        assert!(shown.bars.is_empty() && shown.from.is_none());
    }

    #[test]
    fn what_took_no_time_is_seen() {
        let status = json!({"run": 3, "steps": [
            {"name": "write-script", "state": "Succeeded", "startedAt": "2026-12-24T18:00:00Z", "finishedAt": "2026-12-24T18:00:00Z"},
            {"name": "assemble-video", "state": "Running", "startedAt": "2026-12-24T18:00:00Z"}]});
        let job: VideoJob = serde_json::from_value(testing::job("films", "a", &status)).unwrap();
        let shown = Waterfall::of(&job, "2026-12-25T18:00:00Z".parse().unwrap());
        assert_eq!(shown.bars[0].bars[0].width, "3.0");
        assert_eq!(
            (shown.bars[1].words.as_str(), shown.bars[1].bars[0].width.as_str()),
            ("works 1 d", "1000.0")
        );
    }
}
