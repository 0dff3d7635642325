//! Apply: the one stage that writes. First the status, with the version that was observed, then the actions.
//!
//! Each action may be repeated: a crash after any of these calls leads the next reconcile to the same ones.

use futures::future::join_all;
use kube::api::{DeleteParams, Preconditions};
use kube::{Resource, ResourceExt};
use videofactory_crds::VideoJob;
use videofactory_pipeline::{Tombstone, clock};

use super::create_job::start_step;
use super::model::{Action, Decision, Observed};
use super::writes::{
    ApplyError, api, check_newest, count, delete_job, path, policy_of, set_finalizer, write_status,
};
use super::{tombstones, trace};
use crate::caches::OwnerKey;
use crate::context::Context;
use crate::events::{Event, EventReason};
use videofactory_client::call::within;

/// Does what was decided.
pub async fn apply(context: &Context, observed: &Observed, decision: Decision) -> Result<(), ApplyError> {
    let unchanged = observed.job.status.as_ref() == Some(&decision.status);
    let ended = if context.traces.is_enabled() {
        trace::spans_of(observed, &decision.status, clock::now())
    } else {
        Vec::new()
    };
    let mut job = write_status(context, &observed.job, decision.status).await?;
    // Exemplars name traces that are somewhere.
    let trace =
        context.traces.is_enabled().then(|| trace::id_of_run(&job)).flatten().map(|id| id.to_string());
    decision.measured.iter().for_each(|measured| measured.record(&context.metrics.films, trace.as_deref()));
    context.traces.send(ended);
    context.progress.entered(&OwnerKey::of(&job), &observed.live);
    let (mut starts, mut deletes) = (Vec::new(), Vec::new());
    let (mut finalizer, mut retirement) = (None, None);
    for action in decision.actions {
        match action {
            Action::Event(event) => context.events.publish(job.object_ref(&()), event),
            Action::Count(changes) => count(context, &job, &changes),
            Action::ReportFull(at) => context.usage_deltas.refused(policy_of(&job), at),
            Action::SetFinalizer(wanted) => finalizer = Some(wanted),
            Action::StartStep(start) => starts.push(start),
            Action::DeleteJob { name, uid } => deletes.push((name, uid)),
            Action::Retire { key, tombstone } => retirement = Some((key, tombstone)),
        }
    }
    if unchanged && !deletes.is_empty() {
        check_newest(context, &job).await?;
    }
    if let Some(wanted) = finalizer {
        job = set_finalizer(context, &job, wanted).await?;
    }
    for (name, uid) in deletes {
        delete_job(context, &job, &name, &uid).await?;
    }
    if let Some((key, tombstone)) = retirement {
        retire(context, &job, &key, &tombstone).await?;
    }
    // One that fails leaves the others' requests under way.
    let started = join_all(starts.iter().map(|start| start_step(context, &job, &observed.jobs, start))).await;
    started.into_iter().collect()
}

/// The tombstone comes first: a job that went without one would be bought again by whoever applies it again.
async fn retire(
    context: &Context,
    job: &VideoJob,
    key: &str,
    tombstone: &Tombstone,
) -> Result<(), ApplyError> {
    if let Err(why) = tombstones::leave(context, job, key, tombstone).await {
        let note = format!(
            "ttlAfterFinished has passed, and the job stays until its tombstone can be written, without which it would be \
             made again when it is applied again: {why}"
        );
        let (warning, reason, action) = (true, EventReason::TombstoneNotWritten, "Delete".to_owned());
        context.events.publish(job.object_ref(&()), Event { warning, reason, action, note });
        return Err(ApplyError::LeaveTombstone(path(job, &job.name_any()), why));
    }
    delete_videojob(context, job).await
}

async fn delete_videojob(context: &Context, job: &VideoJob) -> Result<(), ApplyError> {
    let name = job.name_any();
    let only = Preconditions { uid: job.uid(), resource_version: job.resource_version() };
    let params = DeleteParams::background().preconditions(only);
    context.metrics.record_write("VideoJob");
    match within(
        format!("delete VideoJob {}", path(job, &name)),
        api::<VideoJob>(context, job).delete(&name, &params),
    )
    .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_conflict() => Err(ApplyError::MatchVersion(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}
