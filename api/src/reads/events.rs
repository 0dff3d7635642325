//! GET `/jobs/{namespace}/{name}/events`: what Kubernetes and the operator reported of a job, its steps' Jobs and their
//! pods. Asked of the API server with the caller's own token.

use axum::Json;
use axum::extract::State as Shared;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::Resource;
use kube::api::ListParams;
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::call;
use videofactory_crds::VideoJob;

use super::job::readable;
use crate::access::Caller;
use crate::path::{JobParams, Segments};
use crate::problem::Problem;
use crate::state::State;

/// Most events of an answer: the newest.
const MAX_EVENTS: usize = 500;

/// The events of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventList {
    /// The events, the newest last; at most 500. Most clusters keep events for one hour.
    items: Vec<JobEvent>,
}

/// An event of a job, of one of its Jobs or pods.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobEvent {
    /// Time of the last occurrence.
    pub last_seen_at: Option<Timestamp>,
    /// Normal or Warning.
    #[serde(rename = "type")]
    pub kind: String,
    /// A stable word.
    pub reason: String,
    /// The message.
    pub message: String,
    /// The object that it is about, such as `VideoJob/ocean-facts`.
    pub object: String,
    /// Number of occurrences.
    pub count: i32,
}

/// The events of a job, its steps' Jobs and their pods; the newest last.
#[utoipa::path(get, path = "/jobs/{namespace}/{name}/events", operation_id = "list_job_events", tag = "jobs", params(JobParams), responses(
    (status = 200, description = "The events", body = EventList),
    (status = 404, description = "There is no such job"),
))]
pub async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Segments(params): Segments<JobParams>,
) -> Result<Json<EventList>, Problem> {
    let found = readable(&state, &caller, &params.job()?).await?;
    let items = of_job(&state, &caller, found.get()?, &params.namespace).await?;
    Ok(Json(EventList { items }))
}

/// The events of a job, its steps' Jobs and their pods; the newest last.
pub async fn of_job(
    state: &State,
    caller: &Caller,
    job: &VideoJob,
    namespace: &str,
) -> Result<Vec<JobEvent>, Problem> {
    let client = state.clients.of_token(caller.token())?;
    let uid = job.meta().uid.clone().unwrap_or_default();
    let attempts = Attempts::of(job);
    let is_its_own = |event: &Event| {
        let about = &event.involved_object;
        about.uid.as_ref() == Some(&uid) || attempts.hold(about.name.as_deref().unwrap_or_default())
    };
    let selectors = [
        format!("involvedObject.uid={uid}"),
        "involvedObject.kind=Job".to_owned(),
        "involvedObject.kind=Pod".to_owned(),
    ];
    let mut newest = Newest::default();
    let _place = state.limits.listing(caller.name()).await?;
    // One after the other: a page of one is in memory at a time.
    for selector in selectors {
        let which = ListParams::default().fields(&selector);
        let take = |event: Event| {
            if is_its_own(&event) {
                newest.add(JobEvent::of(event));
            }
        };
        call::list_each(&client, Some(namespace), &which, take).await?;
    }
    Ok(newest.sorted())
}

/// The newest events of those that come, in any order. It holds twice as many at most.
#[derive(Default)]
struct Newest(Vec<JobEvent>);

impl Newest {
    fn add(&mut self, event: JobEvent) {
        self.0.push(event);
        if self.0.len() >= 2 * MAX_EVENTS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.0.sort_by_key(|event| event.last_seen_at);
        self.0.drain(..self.0.len().saturating_sub(MAX_EVENTS));
    }

    fn sorted(mut self) -> Vec<JobEvent> {
        self.cut();
        self.0
    }
}

/// The names of the Jobs of all attempts of each step in this run, and so of their pods.
struct Attempts {
    /// What stands before the attempt's number, and what after it.
    around: Vec<(String, String)>,
}

impl Attempts {
    fn of(job: &VideoJob) -> Self {
        let steps = job.status.iter().flat_map(|status| &status.steps);
        // As the operator names them: `<job>-<step>-<attempt>-<hash of the run>`.
        let around = steps.filter_map(|step| {
            let mut parts = step.job.as_deref()?.rsplitn(3, '-');
            let (hash, _attempt, before) = (parts.next()?, parts.next()?, parts.next()?);
            Some((before.to_owned(), hash.to_owned()))
        });
        Self { around: around.collect() }
    }

    /// Whether a Job or pod of this name is one of them; a pod's name begins with its Job's.
    fn hold(&self, name: &str) -> bool {
        self.around.iter().any(|(before, hash)| {
            let rest = name.strip_prefix(before.as_str()).and_then(|rest| rest.strip_prefix('-'));
            let mut parts = rest.unwrap_or_default().splitn(3, '-');
            let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            parts.next().is_some_and(is_number) && parts.next() == Some(hash)
        })
    }
}

impl JobEvent {
    fn of(event: Event) -> Self {
        let series = event.series.as_ref();
        let last = series.and_then(|series| series.last_observed_time.as_ref()).or(event.event_time.as_ref());
        let legacy = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref());
        let about = event.involved_object;
        Self {
            last_seen_at: last.map(|at| at.0).or_else(|| legacy.map(|at| at.0)),
            kind: event.type_.unwrap_or_else(|| "Normal".to_owned()),
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            object: format!("{}/{}", about.kind.unwrap_or_default(), about.name.unwrap_or_default()),
            count: series.and_then(|series| series.count).or(event.count).unwrap_or(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn jobs_and_pods_of_every_attempt_of_the_run_are_its_own() {
        let job: VideoJob = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films"}, "spec": {"topic": "the ocean"},
            "status": {"steps": [{"name": "write-script", "job": "ocean-write-script-3-abc123"}]},
        }))
        .unwrap();
        let attempts = Attempts::of(&job);
        for name in [
            "ocean-write-script-3-abc123",
            "ocean-write-script-1-abc123",
            "ocean-write-script-2-abc123-x7k2p",
        ] {
            assert!(attempts.hold(name), "{name}");
        }
        for name in [
            "ocean",
            "ocean-write-script-3-abc999",
            "ocean-write-script-x-abc123",
            "ocean-2-write-script-3-abc123",
        ] {
            assert!(!attempts.hold(name), "{name}");
        }
    }

    #[test]
    fn the_newest_stay_in_whatever_order_they_come_and_few_others_are_held_with_them() {
        let event = |minute: i64| JobEvent {
            last_seen_at: Some(Timestamp::from_second(60 * minute).unwrap()),
            kind: "Normal".to_owned(),
            reason: String::new(),
            message: String::new(),
            object: String::new(),
            count: 1,
        };
        let mut newest = Newest::default();
        // 7,919 is prime: each minute comes once.
        for number in 0..10_000 {
            newest.add(event(number * 7_919 % 10_000));
            assert!(newest.0.len() < 2 * MAX_EVENTS);
        }
        assert_eq!(newest.sorted(), (9_500..10_000).map(event).collect::<Vec<_>>());
    }

    #[test]
    fn an_event_is_as_old_as_its_last_report() {
        let event = |fields: serde_json::Value| {
            let mut event =
                json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}});
            event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            JobEvent::of(serde_json::from_value(event).unwrap())
        };
        let series = event(json!({
            "eventTime": "2026-12-24T18:00:00.000000Z",
            "series": {"count": 4, "lastObservedTime": "2026-12-24T18:05:00.000000Z"}}));
        assert_eq!((series.last_seen_at, series.count), (Some("2026-12-24T18:05:00Z".parse().unwrap()), 4));
        let legacy = event(json!({"lastTimestamp": "2026-12-24T18:01:00Z", "count": 2, "type": "Warning"}));
        assert_eq!((legacy.last_seen_at, legacy.count), (Some("2026-12-24T18:01:00Z".parse().unwrap()), 2));
        assert_eq!((legacy.object.as_str(), legacy.kind.as_str()), ("Pod/p", "Warning"));
    }
}
