//! The end of a `VideoJob` whose files go with it (`artifacts.onDelete: Delete`): its attempts are stopped, then its
//! files are deleted, then it is let go. What is gone itself (bucket, policy, Secret) holds nothing; what only does not
//! answer is asked again, and `onDelete: Retain` lets the job go at any time. What is not this cluster's, or a person has
//! suspended or protected, is left alone, and the job goes too: an Event says so.
//!
//! A look at such a job goes through the same stages as any other: observe, decide, apply (which has nothing to build), and
//! when to look again.

mod apply;
mod decide;
mod file_deletion;
mod messages;
mod model;
mod observe;

use kube::runtime::controller::Action as Requeue;
use videofactory_crds::VideoJob;
use videofactory_pipeline::clock;

pub use self::decide::finalizer_change;
use super::writes::ApplyError;
use crate::context::Context;

/// One look at a job that is being deleted.
pub async fn leave(context: &Context, job: VideoJob) -> Result<Requeue, ApplyError> {
    let leaving = Box::pin(observe::observe(context, job)).await?;
    let now = clock::now();
    let decision = decide::decide(&leaving, now);
    Box::pin(apply::apply(context, leaving.job, decision, now)).await
}
