//! What is said first of a job: where it stands, why, and what to do. Pure.

use jiff::Timestamp;
use videofactory_client::job_action::{phase, preview_result, ready};
use videofactory_client::job_advice::{Attention, attention};
use videofactory_client::job_hint::{JobCommands, hint};
use videofactory_crds::videojob::VideoMode;
use videofactory_crds::{Phase, VideoJob};

use crate::dashboard::formatting::{self, Moment, Tone};
use crate::reads::summary::JobSummary;

/// What is said first.
#[derive(Clone, Debug)]
pub struct Head {
    pub name: String,
    pub namespace: String,
    pub topic: String,
    pub channel: String,
    pub is_draft: bool,
    pub phase: &'static str,
    pub tone: Tone,
    pub message: String,
    /// The next thing that a person can do; empty: nothing has to be done.
    pub hint: String,
    pub line: String,
    pub resume: Option<Moment>,
    pub resume_in: String,
    pub done: String,
    pub all: String,
    pub cost: String,
    pub estimate: String,
    pub earlier: String,
    pub run: String,
    pub created: Option<Moment>,
    pub ended: Option<Moment>,
    pub took: String,
    pub publications: Vec<Published>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub target: String,
    pub state: String,
    /// Where people watch it; empty, unless it is an address of the web.
    pub url: String,
    pub at: Option<Moment>,
}

impl Head {
    /// Of a job. `line`: who is ahead of it.
    pub fn of(job: &VideoJob, line: String, now: Timestamp) -> Self {
        let summary = JobSummary::of(job);
        let money = |amount: Option<_>| amount.map(formatting::money).unwrap_or_default();
        let status = job.status.as_ref();
        let cost = status.and_then(|status| status.cost.clone()).unwrap_or_default();
        let (done, all) =
            summary.progress.as_deref().and_then(|text| text.split_once('/')).unwrap_or_default();
        let took = summary.created_at.zip(summary.ended_at).map(|(from, to)| formatting::between(from, to));
        Self {
            is_draft: job.spec.mode == VideoMode::Draft,
            phase: summary.phase.as_str(),
            tone: formatting::tone_of(summary.phase),
            message: ready(job).map(|ready| ready.message.clone()).unwrap_or_default(),
            hint: next(job),
            line,
            resume: summary.resume_at.map(formatting::moment),
            resume_in: summary.resume_at.map(|at| formatting::from_now(at, now)).unwrap_or_default(),
            done: done.to_owned(),
            all: all.to_owned(),
            cost: money(cost.actual),
            estimate: money(cost.estimated),
            earlier: money(cost.earlier_runs.filter(|paid| *paid != videofactory_crds::Money::ZERO)),
            run: status.and_then(|status| status.run).map(|run| run.to_string()).unwrap_or_default(),
            created: summary.created_at.map(formatting::moment),
            ended: summary.ended_at.map(formatting::moment),
            took: took.unwrap_or_default(),
            publications: publications(job),
            topic: summary.topic.unwrap_or_default(),
            channel: summary.channel.unwrap_or_default(),
            name: summary.name,
            namespace: summary.namespace,
        }
    }
}

/// What to do for a job that does not continue by itself.
fn next(job: &VideoJob) -> String {
    match attention(job) {
        Some(Attention::Failed | Attention::Stalled) => hint(job, &Buttons),
        Some(Attention::Review) if preview_result(job).is_some() => {
            "look at the scene; approve it to have the other scenes made".to_owned()
        }
        Some(Attention::Review) => "look at the result, and approve or reject it".to_owned(),
        Some(Attention::Held) => "press Resume to let it continue".to_owned(),
        None if phase(job) == Phase::Waiting => {
            "nothing has to be done: it continues automatically".to_owned()
        }
        None => String::new(),
    }
}

/// How a person asks for something on the page.
struct Buttons;

impl JobCommands for Buttons {
    fn retry(&self) -> String {
        "press Retry".to_owned()
    }

    fn restart(&self) -> String {
        "press Make all again".to_owned()
    }

    fn logs(&self) -> String {
        "the log and the events".to_owned()
    }

    fn film(&self) -> String {
        "it is on this page".to_owned()
    }

    fn restore(&self) -> String {
        "`kubectl videofactory restore`".to_owned()
    }
}

fn publications(job: &VideoJob) -> Vec<Published> {
    let publications = job.status.iter().flat_map(|status| &status.publications);
    let published = publications.map(|of| Published {
        target: of.target.clone(),
        state: of.state.unwrap_or_default().to_string(),
        url: of.url.clone().filter(|url| is_web(url)).unwrap_or_default(),
        at: of.at.as_ref().map(|at| formatting::moment(at.0)),
    });
    published.collect()
}

/// Whether a text leads to a page of the web: whoever may write a status must not have a script run by a link.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    fn head(status: &Value) -> Head {
        let job: VideoJob = serde_json::from_value(testing::job("films", "ocean", status)).unwrap();
        Head::of(&job, String::new(), "2026-12-24T19:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_job_says_what_a_person_can_do_on_this_page() {
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "m", "lastTransitionTime": "2026-12-24T18:00:00Z"});
        let stalled =
            [condition("Ready", "False", "OutcomeUnknown"), condition("Stalled", "True", "OutcomeUnknown")];
        let asks = head(&json!({"phase": "Waiting", "conditions": stalled}));
        assert!(asks.hint.contains("press Retry is the permission to pay"), "{}", asks.hint);
        assert_eq!(head(&json!({"phase": "Review"})).hint, "look at the result, and approve or reject it");
        let first = head(&json!({"phase": "Review", "preview": {"result": "narrate-scenes@0a"}}));
        assert_eq!(first.hint, "look at the scene; approve it to have the other scenes made");
        assert_eq!(head(&json!({"phase": "Running"})).hint, "");
        let waits = head(&json!({"phase": "Waiting", "resumeAt": "2026-12-24T20:30:00Z"}));
        assert_eq!(waits.hint, "nothing has to be done: it continues automatically");
        assert_eq!(waits.resume_in, "in 1 h 30 min");
    }

    #[test]
    fn a_publication_leads_to_the_web_or_nowhere() {
        let of = |url: &str| json!({"target": "main", "state": "Published", "url": url});
        let reported = head(
            &json!({"publications": [of("https://youtu.be/x"), of("javascript:alert(1)"), of("data:text/html,x")]}),
        );
        let urls: Vec<&str> = reported.publications.iter().map(|one| one.url.as_str()).collect();
        assert_eq!(urls, ["https://youtu.be/x", "", ""]);
    }
}
