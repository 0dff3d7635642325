//! The row of stages, for one object after the other, and when to look again.
//!
//! Every way out names the next look: an object has one place in the queue, and a change takes a waiting one's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action as Requeue;
use tokio_util::sync::CancellationToken;
use videofactory_crds::VideoJob;
use videofactory_pipeline::clock;

use super::apply::apply;
use super::decide::decide;
use super::deletion;
use super::model::Observed;
use super::observe::observe;
use super::writes::ApplyError;
use crate::caches::{Guarded, OwnerKey};
use crate::context::Context;
use crate::reconcile::{ControllerRunner, ReconcileError, readable};
use crate::restoring;

/// The kind, in metrics and logs.
const KIND: &str = "VideoJob";
/// Least time between two looks that nothing but the clock asks for.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// When to look again after somebody else was faster; the change itself wakes us earlier as a rule.
const AFTER_CONFLICT: Duration = Duration::from_millis(500);
/// When to ask the bucket again for an outcome that it could not give.
const AFTER_BUCKET_TROUBLE: Duration = Duration::from_secs(15);
/// When to look again after a write of ours that no watch has shown: a little after it stops to count.
const AFTER_UNSEEN: Duration = Duration::from_secs(62);

/// Looks after all `VideoJob`s until `stop`, and ends when the looks under way have ended.
pub async fn run(context: Context, stop: CancellationToken) {
    let runner = ControllerRunner {
        kind: KIND,
        concurrency: context.config.concurrency,
        store: context.caches.videojobs.clone(),
        queue: context.caches.videojob_queue.open(&context.caches.videojobs),
        metrics: Arc::clone(&context.metrics),
        under_way: context.under_way.clone(),
    };
    runner.run(move |object| reconcile_object(object, context.clone()), |_, _| (), stop).await;
}

/// Reconciles one object once.
async fn reconcile_object(
    object: Arc<Guarded<VideoJob>>,
    context: Context,
) -> Result<Requeue, ReconcileError> {
    let Some(cached) = readable(&object, &context.events) else { return Ok(Requeue::await_change()) };
    match Box::pin(reconcile(&context, cached)).await {
        Err(error) if error.is_outdated() => {
            tracing::debug!(%error, "reconciling again");
            Err(ReconcileError::Conflict(AFTER_CONFLICT))
        }
        result => result.map_err(|error| ReconcileError::Failed(Box::new(error))),
    }
}

/// Observe, decide, apply (which builds).
async fn reconcile(context: &Context, cached: &VideoJob) -> Result<Requeue, ApplyError> {
    let job = context.caches.written_jobs.newest(cached);
    if let Some(later) = restoring::wait(&job, &context.events, clock::now()) {
        return Ok(later);
    }
    if job.metadata.deletion_timestamp.is_some() {
        return Box::pin(deletion::leave(context, job)).await;
    }
    let observed = Box::pin(observe(context, job)).await?;
    let now = clock::now();
    let decision = decide(&observed, now);
    let wake_at = decision.wake_at;
    Box::pin(apply(context, &observed, decision)).await?;
    let job = &observed.job;
    let has_unseen = context.caches.jobs.has_unseen(&OwnerKey::of(job));
    Ok(next_reconcile(wake_at, now, has_unseen, &observed))
}

/// The earliest time at which another reconcile is needed.
fn next_reconcile(wake_at: Option<Timestamp>, now: Timestamp, unseen: bool, observed: &Observed) -> Requeue {
    let timed = wake_at.map(|at| {
        let wait = at.duration_since(now);
        Duration::try_from(wait).unwrap_or_default().max(MIN_WAIT)
    });
    let unseen = unseen.then_some(AFTER_UNSEEN);
    let trouble = observed.bucket_trouble.is_some().then_some(AFTER_BUCKET_TROUBLE);
    [timed, unseen, trouble].into_iter().flatten().min().map_or_else(Requeue::await_change, Requeue::requeue)
}
