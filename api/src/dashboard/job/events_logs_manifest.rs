//! A job's events, its log and its manifest, each on a page of its own: they are asked of the API server when somebody wants
//! to read them.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use videofactory_crds::yaml::quote_for_old_readers;
use videofactory_crds::{GROUP, StepName, VERSION};

use super::Tabs;
use crate::access::Caller;
use crate::dashboard::formatting::{self, Moment};
use crate::dashboard::layout::{self, Frame, Place};
use crate::path::{JobParams, Segments};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::reads::events::{JobEvent, of_job};
use crate::reads::job::readable;
use crate::state::State;

/// Lines of a log that are shown at first.
const LINES: u32 = 500;

#[derive(Template)]
#[template(path = "dashboard/job_events.html")]
struct EventsPage {
    frame: Frame,
    tabs: Tabs,
    events: Vec<EventView>,
    curl: String,
}

/// An event, the newest first.
struct EventView {
    at: Option<Moment>,
    is_warning: bool,
    reason: String,
    message: String,
    object: String,
    times: String,
}

impl From<JobEvent> for EventView {
    fn from(event: JobEvent) -> Self {
        Self {
            at: event.last_seen_at.map(formatting::moment),
            is_warning: event.kind == "Warning",
            reason: event.reason,
            message: event.message,
            object: event.object,
            times: if event.count > 1 { format!("{} times", event.count) } else { String::new() },
        }
    }
}

/// The events of a job.
pub async fn events(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
) -> Result<Response, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let events = of_job(&state, &caller, found.get()?, &params.namespace).await?;
    layout::html(&EventsPage {
        frame: Frame::new(format!("{} · events", params.name), Place::Jobs, caller.name()),
        tabs: Tabs { id: path.0.to_string(), here: "events" },
        events: events.into_iter().rev().map(EventView::from).collect(),
        curl: format!("curl localhost:{}/jobs/{}/events", crate::PORT, path.0),
    })
}

#[derive(Template)]
#[template(path = "dashboard/job_logs.html")]
struct LogsPage {
    frame: Frame,
    tabs: Tabs,
    steps: Vec<StepChoice>,
    /// Where the log is, and where it is followed.
    once: String,
    follow: String,
    plugin: String,
}

/// A step whose log can be read.
struct StepChoice {
    label: &'static str,
    href: String,
    is_here: bool,
}

/// Query parameters of the page of a log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsQuery {
    step: Option<StepName>,
}

/// The log of a job's step: of the current one, unless one is named.
pub async fn logs(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
    Parameters(query): Parameters<LogsQuery>,
) -> Result<Response, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let begun = job.status.iter().flat_map(|status| &status.steps).filter(|step| step.attempt.is_some());
    let steps = begun.map(|step| StepChoice {
        label: formatting::step(step.name),
        href: format!("/dashboard/jobs/{}/logs?step={}", path.0, step.name),
        is_here: query.step == Some(step.name),
    });
    let (of_step, flag) = match query.step {
        Some(step) => (format!("&step={step}"), format!(" --step {step}")),
        None => (String::new(), String::new()),
    };
    let once = format!("/jobs/{}/logs?tail={LINES}{of_step}", path.0);
    layout::html(&LogsPage {
        frame: Frame::new(format!("{} · log", params.name), Place::Jobs, caller.name()),
        tabs: Tabs { id: path.0.to_string(), here: "logs" },
        steps: steps.collect(),
        follow: format!("{once}&follow=true"),
        once,
        plugin: format!("kubectl videofactory logs {} -n {}{flag}", params.name, params.namespace),
    })
}

#[derive(Template)]
#[template(path = "dashboard/job_yaml.html")]
struct YamlPage {
    frame: Frame,
    tabs: Tabs,
    yaml: String,
    kubectl: String,
}

/// A job as a manifest.
pub async fn yaml(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
) -> Result<Response, Problem> {
    let path = params.job()?;
    let found = readable(&state, &caller, &path).await?;
    let job = found.get()?;
    let mut metadata = job.metadata.clone();
    metadata.managed_fields = None;
    let manifest = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "VideoJob", "metadata": metadata, "spec": job.spec, "status": job.status,
    });
    let yaml = serde_yaml_ng::to_string(&manifest)
        .map_err(|error| Problem::internal("the job cannot be written as YAML", &error))?;
    layout::html(&YamlPage {
        frame: Frame::new(format!("{} · YAML", params.name), Place::Jobs, caller.name()),
        tabs: Tabs { id: path.0.to_string(), here: "yaml" },
        yaml: quote_for_old_readers(&yaml),
        kubectl: format!("kubectl get videojob {} -n {} -o yaml", params.name, params.namespace),
    })
}
