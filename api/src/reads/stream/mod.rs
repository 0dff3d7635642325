//! GET `/stream`: the jobs that a filter takes as they are and as they change, as server-sent events.
//!
//! A stream begins with all jobs and has no memory of earlier ones: events have no id, and who comes again is sent all
//! again. Nothing is kept for a reader but what they were sent, so that one who is slow or gone costs no more than that.

mod event;
mod follower;
mod guard;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use videofactory_client::JobRef;
use videofactory_crds::{Phase, VideoJob};

use self::event::{FollowedJob, StreamEvent, at_work};
use self::follower::{Follower, Next, look_up};
pub use self::guard::Guard;
use crate::access::Caller;
use crate::changes::Subscription;
use crate::limits::SharedPermit;
use crate::problem::Problem;
use crate::query::{Parameters, job_filter};
use crate::reads::allowed_namespaces::Scope;
use crate::schemas;
use crate::state::{NOT_READY, State};
use crate::unwatched::Unwatched;

/// How long nothing is said before a comment shows that the connection is alive: shorter than proxies wait.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Has the reverse proxies that know it pass events on as they come.
pub const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// Query parameters of GET `/stream`: filters. A filter that is left out matches all jobs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// The phase of the jobs.
    #[param(inline, value_type = Option<schemas::Phase>)]
    phase: Option<Phase>,
    /// Name of the jobs' Channel.
    #[param(inline, value_type = Option<schemas::ObjectName>, example = "deep-sea")]
    channel: Option<String>,
    /// The namespace of the jobs. Left out: all namespaces, which needs the permission to list and watch jobs there.
    #[param(inline, value_type = Option<schemas::ObjectName>, example = "demo")]
    namespace: Option<String>,
    /// Label selector, as Kubernetes writes it.
    #[param(inline, value_type = Option<schemas::LabelSelector>)]
    label_selector: Option<String>,
}

/// The jobs that match a filter, and their changes, as server-sent events.
///
/// First comes an event `job` for each job, then `synced`, then a `job` for each change, and `deleted` for a job that was
/// deleted or no longer matches the filter. If a client reads slowly, several changes of a job may arrive as one event.
/// Events have no id: a new connection starts from the beginning, and jobs that are not listed before `synced` no longer
/// exist. The caller's token and permission are checked again every minute. An event `problem` says why a stream ends.
#[utoipa::path(get, path = "/stream", operation_id = "follow_jobs", tag = "jobs", params(StreamQuery), responses(
    (status = 200, description = "The events, each with its name and its data as JSON", content((StreamEvent = "text/event-stream"))),
))]
pub async fn follow(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<StreamQuery>,
) -> Result<Response, Problem> {
    let StreamQuery { phase, channel, namespace, label_selector } = query;
    let filter = job_filter("", namespace.clone(), phase, channel, label_selector.as_deref())?;
    let name = caller.name().to_owned();
    let guard = Guard::admit(state.clone(), caller, Scope::named(namespace.as_deref())).await?;
    Unwatched::by(state.process.clone()).check(namespace.as_deref())?;
    if !state.process.is_ready() {
        return Err(Problem::later(NOT_READY, 1));
    }
    let place = state.limits.follower(&name)?;
    // Before the jobs are looked at: what changes from now on is heard of.
    let changes = state.stores.changes.subscribe();
    let follower = Follower::new(filter, &state.stores.videojobs);
    let reader = Reader { state, guard, changes, follower, _place: place };
    let events = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let event = reader.next().await;
        let is_last = matches!(event, StreamEvent::Problem(_));
        Some((Ok::<_, Infallible>(event.sent()), (!is_last).then_some(reader)))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([UNBUFFERED], events).into_response())
}

/// Somebody who follows. Asked for the next event only when there is room for it on their connection.
struct Reader {
    state: State,
    guard: Guard,
    changes: Subscription,
    follower: Follower,
    _place: SharedPermit,
}

impl Reader {
    async fn next(&mut self) -> StreamEvent {
        loop {
            if self.state.stop.is_cancelled() {
                return StreamEvent::end(&ending());
            }
            if let Err(problem) = self.guard.check().await {
                return StreamEvent::end(&problem);
            }
            let jobs = &self.state.stores.videojobs;
            while let Some(change) = self.changes.try_next() {
                self.follower.note(change, jobs);
            }
            match self.follower.next() {
                Next::Synced => return self.follower.synced(),
                Next::Look(job) => {
                    // Where nothing is to be sent of thousands of jobs, others have their turn in between.
                    tokio::task::consume_budget().await;
                    if let Some(event) = self.look(job).await {
                        return event;
                    }
                }
                Next::Wait => tokio::select! {
                    () = self.state.stop.cancelled() => {}
                    () = self.guard.due() => {}
                    change = self.changes.next() => self.follower.note(change, jobs),
                },
            }
        }
    }

    /// What is to be sent of a job.
    async fn look(&mut self, job: JobRef) -> Option<StreamEvent> {
        let found = look_up(&self.state.stores.videojobs, &job);
        let found = found.as_deref().and_then(|found| self.follower.take(found));
        let found = match found {
            Some(found) => Some(self.with_progress(found).await),
            None => None,
        };
        self.follower.update(job, found)
    }

    async fn with_progress(&self, job: &VideoJob) -> FollowedJob {
        let is_at_work = at_work(job).next().is_some();
        let said = if is_at_work { self.state.process.progress(job).await } else { BTreeMap::new() };
        FollowedJob::of(job, said)
    }
}

/// What is said when the process is about to end.
pub fn ending() -> Problem {
    Problem::later("this replica of the operator is about to end", 1).hint("connect again")
}
