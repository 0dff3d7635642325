//! The run of a job as bars in time: for each step, and each of its attempts, how long it was queued, waited for a quota,
//! and worked. Pure.

use jiff::Timestamp;
use videofactory_client::JobRef;
use videofactory_crds::{StepName, StepState, StepStatus, VideoJob};
use videofactory_pipeline::{ExitCode, graph};

use crate::dashboard::address;
use crate::dashboard::formatting::{self, Moment, Tone};
use crate::dashboard::jobs::StepChip;
use crate::reads::attempts::{EarlierAttempt, EarlierAttempts};

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
    /// The step whose time is shown alone; empty: the whole run is.
    pub zoomed: &'static str,
    /// Where the whole run is shown.
    pub whole: String,
}

/// The bars of a step.
#[derive(Clone, Debug)]
pub struct StepBars {
    pub name: &'static str,
    pub step: &'static str,
    pub sign: &'static str,
    pub state: &'static str,
    pub tone: Tone,
    /// Of its last attempt.
    pub bars: Vec<Bar>,
    /// The same in words.
    pub words: String,
    /// The attempts before, in order.
    pub earlier: Vec<AttemptBars>,
    /// Where its time is shown alone; empty: it has none.
    pub zoom: String,
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

/// The bars of an attempt after which another one has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptBars {
    pub bars: Vec<Bar>,
    pub words: String,
    pub message: String,
}

/// A bar: where it begins, and how wide it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// `queue`, `quota`, `work` or `ended`.
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

/// A step's spans: of its last attempt, and of each one before.
struct StepSpans<'a> {
    step: &'a StepStatus,
    last: Vec<Span>,
    earlier: Vec<(&'a EarlierAttempt, Vec<Span>)>,
}

impl Waterfall {
    /// The bars of a job's present run. `zoom`: the step whose time is shown alone, if it has any.
    pub fn of(job: &VideoJob, earlier: &EarlierAttempts, zoom: Option<StepName>, now: Timestamp) -> Self {
        let steps = job.status.as_ref().map(|status| status.steps.as_slice()).unwrap_or_default();
        let begun = begin_of_run(job, steps);
        let spans: Vec<StepSpans<'_>> = steps
            .iter()
            .map(|step| StepSpans::of(step, steps, begun, earlier.get(&step.name), now))
            .collect();
        let path = format!("/dashboard/jobs/{}", JobRef::of(job));
        let zoom = spans.iter().find(|of| zoom == Some(of.step.name) && of.all().next().is_some());
        let shown: Vec<Span> = match zoom {
            Some(of) => of.all().collect(),
            None => spans.iter().flat_map(StepSpans::all).collect(),
        };
        let from = shown.iter().map(|span| span.from).min();
        let to = shown.iter().map(|span| span.to).max();
        let range = from.zip(to);
        Self {
            bars: spans.iter().map(|of| of.bars(&path, range)).collect(),
            from: from.map(formatting::moment),
            to: to.map(formatting::moment),
            took: range.map(|(from, to)| formatting::between(from, to)).unwrap_or_default(),
            zoomed: zoom.map(|of| formatting::step(of.step.name)).unwrap_or_default(),
            whole: format!("{path}#run"),
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

impl<'a> StepSpans<'a> {
    fn of(
        step: &'a StepStatus,
        steps: &[StepStatus],
        begun: Option<Timestamp>,
        before: Option<&'a Vec<EarlierAttempt>>,
        now: Timestamp,
    ) -> Self {
        let mut ready = ready_at(step.name, steps, begun);
        let mut earlier = Vec::new();
        for attempt in before.into_iter().flatten() {
            earlier.push((attempt, spans_before(attempt, ready)));
            ready = Some(attempt.ended_at);
        }
        Self { step, last: spans(step, ready, now), earlier }
    }

    fn all(&self) -> impl Iterator<Item = Span> {
        let earlier = self.earlier.iter().flat_map(|(_, spans)| spans);
        earlier.chain(&self.last).copied()
    }
}

/// What an attempt took after which another one has begun. `ready`: from when on it could have begun.
fn spans_before(attempt: &EarlierAttempt, ready: Option<Timestamp>) -> Vec<Span> {
    let ended = attempt.ended_at;
    // Of one that was over before its log was kept, no more is known.
    let began = attempt.began_at.unwrap_or_else(|| a_second_before(ended));
    let mut spans = Vec::new();
    if let Some(ready) = ready.filter(|ready| *ready < began) {
        spans.push(Span { kind: "queue", label: "in line", from: ready, to: began });
    }
    spans.push(Span { kind: "ended", label: "worked", from: began, to: ended });
    spans
}

fn a_second_before(at: Timestamp) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(at)
}

/// What the last attempt takes. `ready`: from when on it could have begun, as far as is known.
fn spans(step: &StepStatus, ready: Option<Timestamp>, now: Timestamp) -> Vec<Span> {
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
    if let (Some(ready), Some(until)) = (ready, waits_until) {
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

/// The time that is shown: from when until when.
type Range = Option<(Timestamp, Timestamp)>;

impl StepSpans<'_> {
    fn bars(&self, path: &str, range: Range) -> StepBars {
        let step = self.step;
        let (state, sign, tone) = formatting::state(step.state.unwrap_or_default());
        let chip = StepChip::of(step);
        let name = step.name.as_str();
        let has_time = self.all().next().is_some();
        StepBars {
            name: formatting::step(step.name),
            step: name,
            sign,
            state,
            tone,
            bars: bars(&self.last, range),
            words: said(&self.last),
            earlier: self
                .earlier
                .iter()
                .map(|(attempt, spans)| attempt_bars(attempt, spans, range))
                .collect(),
            zoom: if has_time {
                format!("{}#run", address::with(path, &[("zoom", name)]))
            } else {
                String::new()
            },
            attempt: step
                .attempt
                .filter(|attempt| *attempt > 1)
                .map(|attempt| format!("attempt {attempt}"))
                .unwrap_or_default(),
            model: step.model.clone().unwrap_or_default(),
            cost: step.cost.map(formatting::money).unwrap_or_default(),
            message: step.message.clone().unwrap_or_default(),
            scenes: chip.scenes,
            live: String::new(),
            percent: None,
        }
    }
}

fn attempt_bars(attempt: &EarlierAttempt, spans: &[Span], range: Range) -> AttemptBars {
    let ending = if attempt.interrupted { "interrupted" } else { formatting::ending(attempt.exit) };
    // Of one that has done its work there is nothing to explain.
    let message = if attempt.exit == ExitCode::Done { String::new() } else { attempt.message.clone() };
    AttemptBars {
        bars: bars(spans, range),
        words: format!("attempt {}: {}; {ending}", attempt.attempt, said(spans)),
        message,
    }
}

fn bars(spans: &[Span], range: Range) -> Vec<Bar> {
    let Some((from, to)) = range else { return Vec::new() };
    spans.iter().filter_map(|span| span.bar(from, to)).collect()
}

fn said(spans: &[Span]) -> String {
    let said = spans.iter().map(|span| format!("{} {}", span.label, formatting::between(span.from, span.to)));
    said.collect::<Vec<_>>().join(", ")
}

impl Span {
    /// Its part of the time that is shown, if it has any.
    fn bar(self, from: Timestamp, to: Timestamp) -> Option<Bar> {
        let (begin, end) = (self.from.max(from), self.to.min(to));
        if begin >= end {
            return None;
        }
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
        let all = seconds(from, to).max(1.0);
        let width = (seconds(begin, end) / all * WIDTH).clamp(LEAST, WIDTH);
        let x = (seconds(from, begin) / all * WIDTH).min(WIDTH - width);
        let label = format!("{} {}", self.label, formatting::between(self.from, self.to));
        Some(Bar { kind: self.kind, x: format!("{x:.1}"), width: format!("{width:.1}"), label })
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

    fn whole(job: &VideoJob, now: &str) -> Waterfall {
        Waterfall::of(job, &EarlierAttempts::new(), None, now.parse().unwrap())
    }

    #[test]
    fn each_step_shows_how_long_it_was_queued_waited_and_worked() {
        let shown = whole(&job(), "2026-12-24T18:10:00Z");
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
        let shown = whole(&job, "1970-01-01T00:00:00Z");
        assert!(shown.bars.is_empty() && shown.from.is_none());
    }

    #[test]
    fn what_took_no_time_is_seen() {
        let status = json!({"run": 3, "steps": [
            {"name": "write-script", "state": "Succeeded", "startedAt": "2026-12-24T18:00:00Z", "finishedAt": "2026-12-24T18:00:00Z"},
            {"name": "assemble-video", "state": "Running", "startedAt": "2026-12-24T18:00:00Z"}]});
        let job: VideoJob = serde_json::from_value(testing::job("films", "a", &status)).unwrap();
        let shown = whole(&job, "2026-12-25T18:00:00Z");
        assert_eq!(shown.bars[0].bars[0].width, "3.0");
        assert_eq!(
            (shown.bars[1].words.as_str(), shown.bars[1].bars[0].width.as_str()),
            ("works 1 d", "1000.0")
        );
    }

    fn attempt(number: i32, began: Option<&str>, ended: &str, exit: ExitCode) -> EarlierAttempt {
        EarlierAttempt {
            attempt: number,
            began_at: began.map(|at| at.parse().unwrap()),
            ended_at: ended.parse().unwrap(),
            exit,
            interrupted: false,
            message: "the service is down".to_owned(),
        }
    }

    #[test]
    fn each_attempt_before_has_bars_of_its_own() {
        let status = json!({"run": 1, "steps": [
            {"name": "write-script", "state": "Succeeded", "attempt": 3,
             "startedAt": "2026-12-24T18:08:00Z", "finishedAt": "2026-12-24T18:10:00Z"}]});
        let job: VideoJob = serde_json::from_value(testing::job("films", "a", &status)).unwrap();
        let earlier = EarlierAttempts::from([(
            StepName::WriteScript,
            vec![
                attempt(1, Some("2026-12-24T18:01:00Z"), "2026-12-24T18:03:00Z", ExitCode::ProviderDown),
                attempt(2, None, "2026-12-24T18:05:00Z", ExitCode::Done),
            ],
        )]);
        let shown = Waterfall::of(&job, &earlier, None, "2026-12-24T19:00:00Z".parse().unwrap());
        let step = &shown.bars[0];
        let before: Vec<(&str, &str)> =
            step.earlier.iter().map(|one| (one.words.as_str(), one.message.as_str())).collect();
        assert_eq!(
            before,
            [
                ("attempt 1: in line 1 min, worked 2 min; service down", "the service is down"),
                ("attempt 2: in line 1 min 59 s, worked 1 s; done", ""),
            ]
        );
        assert_eq!(step.words, "in line 3 min, works 2 min", "counted from the end of the attempt before");
        let places: Vec<(&str, &str)> =
            step.earlier[0].bars.iter().map(|bar| (bar.kind, bar.x.as_str())).collect();
        assert_eq!(places, [("queue", "0.0"), ("ended", "100.0")]);
    }

    #[test]
    fn the_time_of_one_step_can_be_shown_alone() {
        let now = "2026-12-24T18:10:00Z".parse().unwrap();
        let zoom = |step| Waterfall::of(&job(), &EarlierAttempts::new(), Some(step), now);
        let shown = zoom(StepName::GenerateImages);
        assert_eq!((shown.zoomed, shown.took.as_str()), ("Pictures", "6 min"));
        assert_eq!(shown.whole, "/dashboard/jobs/films/a#run");
        assert_eq!(shown.bars[1].zoom, "/dashboard/jobs/films/a?zoom=generate-images#run");
        let bar = &shown.bars[1].bars[2];
        assert_eq!((bar.kind, bar.x.as_str(), bar.width.as_str()), ("work", "666.7", "333.3"));
        assert!(shown.bars[0].bars.is_empty(), "it was over before: {:?}", shown.bars[0].bars);
        assert!(shown.bars[3].bars.is_empty(), "it waits since then: {:?}", shown.bars[3].bars);
        let nothing = zoom(StepName::NarrateScenes);
        assert_eq!((nothing.zoomed, nothing.took.as_str()), ("", "10 min"), "it has no time of its own");
        let at = |minute: i64| Timestamp::from_second(60 * minute).unwrap();
        let span = Span { kind: "work", label: "works", from: at(0), to: at(10) };
        let part = span.bar(at(5), at(15)).unwrap();
        assert_eq!(
            (part.x.as_str(), part.width.as_str(), part.label.as_str()),
            ("0.0", "500.0", "works 10 min")
        );
    }
}
