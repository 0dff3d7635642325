//! GET `/dashboard/stream`: which fragments of a page are to be fetched again, as server-sent events. An event names
//! fragments and never holds what has changed, so that one that is missed costs nothing once the next one comes; and each
//! stream begins with `resync`, so that what was missed before it is fetched.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use kube::ResourceExt;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use videofactory_client::JobRef;

use crate::access::Caller;
use crate::changes::{Change, Subscription};
use crate::limits::SharedPermit;
use crate::problem::Problem;
use crate::query::{Parameters, check_name};
use crate::reads::allowed_namespaces::{self, Scope};
use crate::reads::stream::{Guard, KEEP_ALIVE, UNBUFFERED, ending};
use crate::state::State;

/// The route.
pub const PATH: &str = "/dashboard/stream";
/// Fragments: the list of jobs, and what changes of one.
pub const JOBS: &str = "jobs";
pub const JOB: &str = "job";

/// Changes that come in this time are sent as one: pages are not made again for each report of a worker.
const GATHER: Duration = Duration::from_millis(300);

/// Query parameters: which page follows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamQuery {
    /// [`JOBS`] or [`JOB`].
    of: String,
    namespace: String,
    /// Name of the job, for [`JOB`].
    name: String,
}

/// What a page shows.
enum Shown {
    Jobs { namespace: Option<String> },
    Job(JobRef),
}

impl Shown {
    fn read(StreamQuery { of, namespace, name }: StreamQuery) -> Result<Self, Problem> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        match (of.as_str(), given(namespace), given(name)) {
            (JOBS, namespace, None) => {
                check_name("namespace", namespace.as_deref())?;
                Ok(Self::Jobs { namespace })
            }
            (JOB, Some(namespace), Some(name)) => {
                check_name("namespace", Some(&namespace))?;
                check_name("name", Some(&name))?;
                Ok(Self::Job(JobRef { namespace, name }))
            }
            _ => Err(Problem::bad_request("of is jobs, or job with namespace and name")),
        }
    }

    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Jobs { namespace } => namespace.as_deref(),
            Self::Job(job) => Some(&job.namespace),
        }
    }

    const fn fragment(&self) -> &'static str {
        match self {
            Self::Jobs { .. } => JOBS,
            Self::Job(_) => JOB,
        }
    }

    /// Where it is. A list of all namespaces has the jobs of those in which the caller may list them.
    async fn scope(&self, state: &State, caller: &Caller) -> Result<Scope, Problem> {
        let there = state.stores.videojobs.state().iter().filter_map(|job| job.namespace()).collect();
        allowed_namespaces::of(state, caller, "videojobs", self.namespace(), there).await
    }

    /// Whether a page that shows this, with the jobs of this scope, is another one after a change.
    fn is_touched(&self, scope: &Scope, change: &Change) -> bool {
        match (self, change) {
            (_, Change::All) => true,
            (Self::Jobs { .. }, Change::Job(job)) => scope.holds(&job.namespace),
            (Self::Job(shown), Change::Job(job)) => shown == job,
        }
    }
}

/// The events.
pub async fn follow(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<StreamQuery>,
) -> Result<Response, Problem> {
    let shown = Shown::read(query)?;
    let name = caller.name().to_owned();
    let scope = shown.scope(&state, &caller).await?;
    let guard = Guard::admit(state.clone(), caller, scope.clone()).await?;
    let place = state.limits.follower(&name)?;
    let changes = state.stores.changes.subscribe();
    let reader = Reader { state, guard, changes, shown, scope, is_new: true, _place: place };
    let events = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let reported = reader.next().await;
        let continues = reported.is_ok();
        let event = match reported {
            Ok(name) => Event::default().event(name).data(reader.shown.fragment()),
            Err(problem) => Event::default().event("problem").data(problem.status.as_str()),
        };
        Some((Ok::<_, Infallible>(event), continues.then_some(reader)))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([UNBUFFERED], events).into_response())
}

/// A page that follows.
struct Reader {
    state: State,
    guard: Guard,
    changes: Subscription,
    shown: Shown,
    scope: Scope,
    is_new: bool,
    _place: SharedPermit,
}

impl Reader {
    /// The name of the next event, or why there is none any more.
    async fn next(&mut self) -> Result<&'static str, Problem> {
        if std::mem::take(&mut self.is_new) {
            return Ok("resync");
        }
        let mut reported_at: Option<Instant> = None;
        loop {
            if self.state.stop.is_cancelled() {
                return Err(ending());
            }
            self.guard.check().await?;
            tokio::select! {
                () = self.state.stop.cancelled() => {}
                () = self.guard.due() => {}
                () = at(reported_at) => return Ok("changed"),
                change = self.changes.next() => {
                    if reported_at.is_none() && self.shown.is_touched(&self.scope, &change) {
                        reported_at = Some(Instant::now() + GATHER);
                    }
                }
            }
        }
    }
}

/// Waits until this time; for ever, if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
