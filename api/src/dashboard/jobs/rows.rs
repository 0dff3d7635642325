//! A job as a row of the list. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use videofactory_client::job_action::phase;
use videofactory_crds::{StepName, StepStatus, VideoJob};
use videofactory_pipeline::SceneSet;

use crate::dashboard::formatting::{self, Moment, Tone};
use crate::path::of_artifact;
use crate::reads::summary::{JobSummary, ended_at};

/// Films of a channel that are needed to say what is usual.
const MIN_USUAL: usize = 5;

/// A job as a row.
#[derive(Clone, Debug)]
pub struct Row {
    pub href: String,
    pub name: String,
    pub namespace: String,
    pub topic: String,
    pub channel: String,
    pub phase: &'static str,
    pub tone: Tone,
    pub steps: Vec<StepChip>,
    /// Units of work done and known; zero of zero: nothing is known.
    pub done: u32,
    pub all: u32,
    pub cost: String,
    pub estimate: String,
    /// Why it is where it is, in a sentence; empty where that goes without saying.
    pub message: String,
    pub resume: Option<Moment>,
    /// Who is ahead in the line that it waits in.
    pub line: String,
    pub created: Option<Moment>,
    pub ended: Option<Moment>,
    pub took: String,
    /// Slower than usual, and by how much.
    pub slow: String,
    /// Where its still image is; empty: it has none.
    pub thumbnail: String,
}

/// A step as a small sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepChip {
    pub name: &'static str,
    pub sign: &'static str,
    pub state: &'static str,
    pub tone: Tone,
    /// Scenes done of all; empty: it has none.
    pub scenes: String,
}

/// How long films of each channel usually take, in seconds.
pub type Usual = BTreeMap<String, i64>;

/// The medians of the films that are made, by channel.
pub fn usual<'a>(jobs: impl Iterator<Item = &'a VideoJob>) -> Usual {
    let mut taken: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for job in jobs.filter(|job| phase(job) == videofactory_crds::Phase::Succeeded) {
        if let Some((channel, seconds)) = channel(job).zip(seconds(job, None)) {
            taken.entry(channel).or_default().push(seconds);
        }
    }
    taken.retain(|_, all| all.len() >= MIN_USUAL);
    let median = |mut all: Vec<i64>| {
        let middle = all.len() / 2;
        *all.select_nth_unstable(middle).1
    };
    taken.into_iter().map(|(channel, all)| (channel.to_owned(), median(all))).collect()
}

fn channel(job: &VideoJob) -> Option<&str> {
    Some(job.spec.channel_ref.as_ref()?.name.as_str())
}

/// How long a job has taken, or takes by now.
fn seconds(job: &VideoJob, now: Option<Timestamp>) -> Option<i64> {
    let created = job.metadata.creation_timestamp.as_ref()?.0;
    let end = ended_at(job).or(now)?;
    Some(end.duration_since(created).as_secs().max(0))
}

impl Row {
    /// The row of a job.
    pub fn of(job: &VideoJob, usual: &Usual, line: String, now: Timestamp) -> Self {
        let summary = JobSummary::of(job);
        let status = job.status.as_ref();
        let (done, all) = summary.progress.as_deref().and_then(read_progress).unwrap_or_default();
        let money = |amount: Option<_>| amount.map(formatting::money).unwrap_or_default();
        let cost = summary.cost.as_ref();
        let has_ended = summary.phase.is_terminal();
        let has_picture = status.and_then(|status| status.artifacts.as_ref()?.thumbnail.as_ref()).is_some();
        let goes_without_saying = summary.phase == videofactory_crds::Phase::Succeeded;
        Self {
            href: format!("/dashboard/jobs/{}", summary.id),
            phase: summary.phase.as_str(),
            tone: formatting::tone_of(summary.phase),
            steps: status.map(|status| status.steps.iter().map(StepChip::of).collect()).unwrap_or_default(),
            done,
            all,
            cost: money(cost.and_then(|cost| cost.actual)),
            estimate: money(cost.and_then(|cost| cost.estimated).filter(|_| !has_ended)),
            message: summary.message.filter(|_| !goes_without_saying).unwrap_or_default(),
            resume: summary.resume_at.map(formatting::moment),
            line,
            created: summary.created_at.map(formatting::moment),
            ended: summary.ended_at.map(formatting::moment),
            took: seconds(job, None).map(formatting::span).unwrap_or_default(),
            slow: slow(job, usual, now).unwrap_or_default(),
            thumbnail: if has_picture { of_artifact(&summary.id, "thumbnail") } else { String::new() },
            topic: summary.topic.unwrap_or_default(),
            channel: summary.channel.unwrap_or_default(),
            name: summary.name,
            namespace: summary.namespace,
        }
    }
}

/// What is said of a job that takes twice as long as films of its channel usually do.
fn slow(job: &VideoJob, usual: &Usual, now: Timestamp) -> Option<String> {
    let usual = *usual.get(channel(job)?)?;
    let taken = seconds(job, Some(now))?;
    let is_slow =
        phase(job) != videofactory_crds::Phase::Suspended && taken > usual.saturating_mul(2).max(60);
    is_slow.then(|| {
        format!("slower than usual: {} so far, usually {}", formatting::span(taken), formatting::span(usual))
    })
}

/// Units done and known.
fn read_progress(text: &str) -> Option<(u32, u32)> {
    let (done, all) = text.split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

impl StepChip {
    /// The sign of a step.
    pub fn of(step: &StepStatus) -> Self {
        let (state, sign, tone) = formatting::state(step.state.unwrap_or_default());
        // A script is written as a whole: it says how many scenes there are, and completes none of them alone.
        let by_scenes = step.scenes.as_ref().filter(|_| step.name != StepName::WriteScript);
        let scenes = by_scenes.and_then(|scenes| {
            let done = scenes.completed.as_ref().and_then(|set| set.parse::<SceneSet>().ok());
            Some(format!("{}/{}", done.map_or(0, |set| set.len()), scenes.total?))
        });
        Self { name: formatting::step(step.name), sign, state, tone, scenes: scenes.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    fn now() -> Timestamp {
        "2026-12-24T20:00:00Z".parse().unwrap()
    }

    fn read(job: Value) -> VideoJob {
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_row_says_how_far_a_job_is_and_what_it_has_cost() {
        let row = Row::of(&read(testing::made()), &Usual::new(), String::new(), now());
        assert_eq!((row.phase, row.tone, row.done, row.all), ("Succeeded", Tone::Good, 9, 9));
        assert_eq!((row.cost.as_str(), row.estimate.as_str()), ("$0.56", ""));
        assert_eq!((row.took.as_str(), row.message.as_str()), ("1 h", ""));
        assert_eq!(row.thumbnail, "/jobs/films/ocean/artifacts/thumbnail");
        assert_eq!(row.href, "/dashboard/jobs/films/ocean");
        assert_eq!(row.steps[0].name, "Film");
    }

    #[test]
    fn a_step_by_scenes_says_how_many_are_done() {
        let status = json!({"phase": "Running", "steps": [{"name": "animate-scenes", "state": "Running",
                            "scenes": {"total": 12, "completed": "0-4"}}]});
        let row = Row::of(&read(testing::job("films", "a", &status)), &Usual::new(), String::new(), now());
        let chip = &row.steps[0];
        assert_eq!((chip.name, chip.state, chip.scenes.as_str()), ("Clips", "at work", "5/12"));
        let written = json!({"name": "write-script", "state": "Succeeded", "scenes": {"total": 12}});
        let chip = StepChip::of(&serde_json::from_value(written).unwrap());
        assert_eq!((chip.name, chip.scenes.as_str()), ("Script", ""));
    }

    #[test]
    fn a_job_is_slow_beside_the_films_of_its_own_channel() {
        let ended = |name: &str, minutes: i64| {
            let mut job = testing::made();
            job["metadata"]["name"] = json!(name);
            let at: Timestamp = "2026-12-24T18:00:00Z".parse().unwrap();
            let at = at.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap();
            job["status"]["conditions"][1]["lastTransitionTime"] = json!(at.to_string());
            read(job)
        };
        let mut made: Vec<VideoJob> = (1..5).map(|number| ended(&number.to_string(), 10 * number)).collect();
        let running = read(testing::job("films", "a", &json!({"phase": "Running"})));
        assert!(usual(made.iter()).is_empty(), "four films are no custom");
        made.push(ended("5", 50));
        let usual = usual(made.iter());
        assert_eq!(usual["deep-sea"], 30 * 60);
        let row = Row::of(&running, &usual, String::new(), now());
        assert_eq!(row.slow, "slower than usual: 2 h so far, usually 30 min");
        assert_eq!(Row::of(&made[2], &usual, String::new(), now()).slow, "");
    }
}
