//! What a person wants to know of a film at a glance. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_client::job_action::phase;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::videojob::{ArtifactStatus, Publication};
use videofactory_crds::{StepStatus, VideoJob, VideoJobStatus};

use crate::text::{NONE, age, bytes, or_none, plain, span, table, until};
use crate::videojob::next;
use crate::videojob::state::{count_scenes, is_stale};

/// The whole view, ending with a newline.
#[must_use]
pub fn render(job: &VideoJob, now: Timestamp) -> String {
    let nothing = VideoJobStatus::default();
    let status = job.status.as_ref().unwrap_or(&nothing);
    let mut text = table(&[], &head(job, status, now));
    if !status.steps.is_empty() {
        let rows: Vec<Vec<String>> = status.steps.iter().map(|step| step_row(step, now)).collect();
        text += "\n";
        text += &table(&["STEP", "STATE", "SCENES", "ATTEMPT", "TOOK", "COST", "REASON"], &rows);
    }
    if !status.publications.is_empty() {
        let rows: Vec<Vec<String>> = status.publications.iter().map(publication_row).collect();
        text += "\n";
        text += &table(&["TARGET", "STATE", "AT", "WHERE"], &rows);
    }
    let _ = write!(text, "\nNext: {}\n", next::step(job, now));
    text
}

fn head(job: &VideoJob, status: &VideoJobStatus, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            rows.push(vec![format!("{name}:"), value]);
        }
    };
    let ready = condition::get(&status.conditions, ConditionType::Ready);
    let namespace = job.namespace().unwrap_or_default();
    row("Job", Some(format!("{namespace}/{}", job.name_any())));
    row("Topic", job.spec.topic.clone());
    row("Channel", job.spec.channel_ref.as_ref().map(|channel| channel.name.clone()));
    row("Age", Some(age(job.creation_timestamp().map(|created| created.0), now)));
    row("Run", status.run.filter(|run| *run > 1).map(|run| run.to_string()));
    let why = ready.map(|ready| format!(" ({})", ready.reason)).unwrap_or_default();
    row("Phase", Some(format!("{}{why}", phase(job))));
    row("Progress", status.progress.clone());
    row("Continues", status.resume_at.as_ref().map(|at| format!("{} ({})", until(at.0, now), at.0)));
    row("Cost", cost(job, status));
    row("Film", status.artifacts.as_ref().and_then(|artifacts| artifacts.video.as_ref()).map(file));
    row("Message", ready.map(|ready| ready.message.clone()));
    row("Storage", trouble(status, ConditionType::StorageAvailable));
    row(
        "Stale",
        is_stale(job, status).then(|| "the operator has not looked at the last change yet".to_owned()),
    );
    rows
}

/// What is wrong with what a condition speaks of.
fn trouble(status: &VideoJobStatus, kind: ConditionType) -> Option<String> {
    let condition = condition::get(&status.conditions, kind)?;
    (condition.status == "False").then(|| condition.message.clone())
}

fn cost(job: &VideoJob, status: &VideoJobStatus) -> Option<String> {
    let cost = status.cost.as_ref()?;
    let limit = job.spec.settings.budget.as_ref().and_then(|budget| budget.limit);
    let channel = || status.channel.as_ref()?.spec.defaults.as_ref()?.budget.as_ref()?.limit;
    let mut text = match limit.or_else(channel) {
        Some(limit) => format!("{} of {limit} USD paid", cost.actual.unwrap_or_default()),
        None => format!("{} USD paid", cost.actual.unwrap_or_default()),
    };
    if let Some(estimated) = cost.estimated {
        let _ = write!(text, ", {estimated} expected in all");
    }
    if let Some(earlier) = cost.earlier_runs {
        let _ = write!(text, ", {earlier} in earlier runs");
    }
    Some(text)
}

/// A file with its size and length.
#[must_use]
pub fn file(artifact: &ArtifactStatus) -> String {
    let mut facts = Vec::new();
    facts.extend(artifact.size.map(bytes));
    facts.extend(artifact.duration.map(|seconds| format!("{seconds:.1} s")));
    if facts.is_empty() { artifact.key.clone() } else { format!("{} ({})", artifact.key, facts.join(", ")) }
}

fn step_row(step: &StepStatus, now: Timestamp) -> Vec<String> {
    let started = step.started_at.as_ref().map(|at| at.0);
    let ended =
        step.finished_at.as_ref().map(|at| at.0).filter(|ended| started.is_some_and(|at| at <= *ended));
    let running = step.state == Some(videofactory_crds::StepState::Running);
    let until = ended.or_else(|| running.then_some(now));
    let took = started.zip(until).map(|(from, to)| span(to.as_second() - from.as_second()));
    vec![
        step.name.to_string(),
        step.state.unwrap_or_default().to_string(),
        or_none(scenes(step)),
        or_none(step.attempt.map(|attempt| attempt.to_string())),
        or_none(took),
        or_none(step.cost.map(|cost| cost.to_string())),
        or_none(step.reason.map(|reason| reason.to_string())),
    ]
}

/// `5/12`, and what is wrong with which.
fn scenes(step: &StepStatus) -> Option<String> {
    let scenes = step.scenes.as_ref()?;
    let total = scenes.total?;
    // What is not made by scene has none that are done, and may know how many there are.
    let mut text = match scenes.completed.as_deref() {
        Some(done) => format!("{}/{total}", count_scenes(done)),
        None => total.to_string(),
    };
    for (name, set) in [("refused", &scenes.refused), ("unknown", &scenes.unknown)] {
        if let Some(set) = set.as_deref().filter(|set| !set.is_empty()) {
            let _ = write!(text, " {name} {set}");
        }
    }
    Some(text)
}

fn publication_row(publication: &Publication) -> Vec<String> {
    let place = publication.url.clone().or_else(|| publication.id.clone());
    vec![
        publication.target.clone(),
        publication.state.map_or_else(|| NONE.to_owned(), |state| state.to_string()),
        or_none(publication.at.as_ref().map(|at| at.0.to_string())),
        or_none(place.as_deref().map(plain)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{NOW, job};

    fn view(status: Value) -> String {
        let mut film = job("ocean", status);
        film["spec"]["budget"] = json!({"limit": "2.50"});
        film["spec"]["channelRef"] = json!({"name": "deep-sea"});
        render(&serde_json::from_value(film).unwrap(), NOW.parse().unwrap())
    }

    fn ready(status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": "Ready", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-12-24T17:30:00Z",
        })
    }

    #[test]
    fn a_film_that_waits_says_for_what_and_until_when() {
        let text = view(json!({
            "observedGeneration": 1, "phase": "Waiting", "currentStep": "animate-scenes", "progress": "14/26",
            "resumeAt": "2026-12-24T19:12:00Z", "cost": {"actual": "0.56", "estimated": "1.90"},
            "conditions": [ready("Unknown", "AwaitingQuota", "grok quota \"generations\" used up (25 of 25 in 2h)")],
            "steps": [
                {"name": "write-script", "state": "Succeeded", "attempt": 1, "reason": "Completed",
                 "startedAt": "2026-12-24T17:00:10Z", "finishedAt": "2026-12-24T17:00:22Z", "cost": "0.01",
                 "scenes": {"total": 12}},
                {"name": "animate-scenes", "state": "Waiting", "attempt": 2, "reason": "AwaitingQuota",
                 "startedAt": "2026-12-24T17:10:00Z", "scenes": {"total": 12, "completed": "0-4", "refused": "7"}},
            ],
        }));
        assert_eq!(
            text,
            "\
Job:         films/ocean
Topic:       Facts about the ocean
Channel:     deep-sea
Age:         60m
Phase:       Waiting (AwaitingQuota)
Progress:    14/26
Continues:   in 72m (2026-12-24T19:12:00Z)
Cost:        0.56 of 2.50 USD paid, 1.90 expected in all
Message:     grok quota \"generations\" used up (25 of 25 in 2h)

STEP             STATE       SCENES           ATTEMPT   TOOK   COST   REASON
write-script     Succeeded   12               1         12s    0.01   Completed
animate-scenes   Waiting     5/12 refused 7   2         -      -      AwaitingQuota

Next: nothing, it continues automatically; `kubectl videofactory accounts -n films` shows the quotas
"
        );
    }

    #[test]
    fn a_film_that_is_made_says_where_it_is() {
        let text = view(json!({
            "observedGeneration": 1, "phase": "Succeeded", "progress": "26/26", "run": 2,
            "cost": {"actual": "1.80", "earlierRuns": "0.56"},
            "artifacts": {"video": {"key": "videos/films/ocean-3f9c2a1e/r2/film.mp4", "size": 12_449_999, "duration": 44.96}},
            "publications": [{"target": "main", "state": "Published", "url": "https://youtu.be/abc", "at": "2026-12-24T17:50:00Z"}],
            "conditions": [ready("True", "Completed", "the film is made and published")],
        }));
        assert_eq!(
            text,
            "\
Job:        films/ocean
Topic:      Facts about the ocean
Channel:    deep-sea
Age:        60m
Run:        2
Phase:      Succeeded (Completed)
Progress:   26/26
Cost:       1.80 of 2.50 USD paid, 0.56 in earlier runs
Film:       videos/films/ocean-3f9c2a1e/r2/film.mp4 (12.4 MB, 45.0 s)
Message:    the film is made and published

TARGET   STATE       AT                     WHERE
main     Published   2026-12-24T17:50:00Z   https://youtu.be/abc

Next: watch it: `kubectl videofactory download ocean -n films`
"
        );
    }

    #[test]
    fn a_status_of_an_older_spec_is_called_so() {
        let mut film = job("ocean", json!({"observedGeneration": 1, "phase": "Running"}));
        film["metadata"]["generation"] = json!(2);
        let text = render(&serde_json::from_value(film).unwrap(), NOW.parse().unwrap());
        assert!(text.contains("has not looked at the last change"), "{text}");
    }
}
