//! The row of stages, for one object after the other, and when to look again.
//!
//! Every way out names the next look: an object has one place in the queue, and a change takes a waiting one's.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::runtime::applier;
use kube::runtime::controller::{Action as Requeue, Config, Error};
use kube::{Resource, ResourceExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::VideoJob;
use videofactory_pipeline::clock;

use super::apply::{ApplyError, apply};
use super::decide::decide;
use super::deletion;
use super::model::{Event, Observed};
use super::observe::observe;
use crate::caches::{Guarded, owner_key};
use crate::context::{BackOff, Context};
use crate::metrics::Ended;

/// The kind, in metrics and logs.
const KIND: &str = "VideoJob";
/// Least time between two looks that nothing but the clock asks for.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// When to look again after somebody else was faster; the change itself wakes us earlier as a rule.
const AFTER_RACE: Duration = Duration::from_millis(500);
/// When to ask the bucket again for an outcome that it could not give.
const AFTER_BUCKET_TROUBLE: Duration = Duration::from_secs(15);
/// When to look again after a write of ours that no watch has shown: a little after it stops to count.
const AFTER_UNSEEN: Duration = Duration::from_secs(62);

/// A look that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Something could not be written or read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A fault of ours.
    #[error("the controller failed over this object, which is a bug: {0}")]
    Bug(#[from] tokio::task::JoinError),
}

struct Controller {
    context: Context,
    back_off: BackOff,
}

/// Looks after all `VideoJob`s until `stop`, and ends when the looks under way have ended.
pub async fn run(context: Context, stop: CancellationToken) {
    let store = context.caches.videojobs.clone();
    let queue = context.caches.videojob_queue.open(&store).map(Ok::<_, Infallible>);
    // No debounce: the end of a pod is acted upon at once.
    let config = Config::default().concurrency(context.config.concurrency);
    let controller = Arc::new(Controller { context, back_off: BackOff::default() });
    applier(
        |object: Arc<Guarded<VideoJob>>, controller: Arc<Controller>| {
            // A task of its own: looks run on all cores, and a panic is the trouble of one object.
            Box::pin(async move { tokio::spawn(look(object, controller)).await? })
        },
        |object, error: &ReconcileError, controller| {
            let uid = object.meta().uid.clone().unwrap_or_default();
            let wait = controller.back_off.failed(&uid);
            let name = object.name_any();
            tracing::warn!(%error, videojob = name, namespace = object.namespace(), "looking again in {wait:?}");
            Requeue::requeue(wait)
        },
        controller,
        store,
        Box::pin(queue.take_until(stop.cancelled_owned())),
        config,
    )
    .for_each(|ended| async {
        if let Err(Error::RunnerError(error)) = ended {
            tracing::error!(%error, "the queue of VideoJobs broke");
        }
    })
    .await;
}

/// One look at one object.
async fn look(
    object: Arc<Guarded<VideoJob>>,
    controller: Arc<Controller>,
) -> Result<Requeue, ReconcileError> {
    let started = Instant::now();
    let result = match &object.0 {
        Ok(cached) => Box::pin(reconcile(&controller.context, cached)).await,
        Err(invalid) => {
            let note = format!("this VideoJob cannot be read: {}; apply it again", invalid.error);
            let event =
                Event { warning: true, reason: "Unreadable".into(), action: "Reconcile".into(), note };
            controller.context.events.tell(object.object_ref(&()), event);
            Ok(Requeue::await_change())
        }
    };
    let (ended, result) = match result {
        Ok(next) => (Ended::Well, Ok(next)),
        Err(race) if race.is_race() => {
            tracing::debug!(%race, "looking again");
            (Ended::Conflict, Ok(Requeue::requeue(AFTER_RACE)))
        }
        Err(error) => (Ended::Badly, Err(error.into())),
    };
    if ended == Ended::Well {
        controller.back_off.succeeded(object.meta().uid.as_deref().unwrap_or_default());
    }
    controller.context.metrics.reconciled(KIND, ended, started.elapsed());
    result
}

/// Observe, decide, apply (which builds).
async fn reconcile(context: &Context, cached: &VideoJob) -> Result<Requeue, ApplyError> {
    let job = context.caches.written_jobs.newest(cached);
    if job.metadata.deletion_timestamp.is_some() {
        return Box::pin(deletion::leave(context, job)).await;
    }
    let observed = Box::pin(observe(context, job)).await?;
    let now = clock::now();
    let decision = decide(&observed, now);
    let wake_at = decision.wake_at;
    Box::pin(apply(context, &observed, decision)).await?;
    let job = &observed.job;
    let owner = owner_key(&job.namespace().unwrap_or_default(), &job.uid().unwrap_or_default());
    Ok(next_look(wake_at, now, context.caches.jobs.has_unseen(&owner), &observed))
}

/// The earliest of all that asks for another look.
fn next_look(wake_at: Option<Timestamp>, now: Timestamp, unseen: bool, observed: &Observed) -> Requeue {
    let timed = wake_at.map(|at| {
        let wait = at.duration_since(now);
        Duration::try_from(wait).unwrap_or_default().max(LEAST_WAIT)
    });
    let unseen = unseen.then_some(AFTER_UNSEEN);
    let trouble = observed.bucket_trouble.is_some().then_some(AFTER_BUCKET_TROUBLE);
    [timed, unseen, trouble].into_iter().flatten().min().map_or_else(Requeue::await_change, Requeue::requeue)
}
