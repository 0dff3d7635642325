//! Apply: the one stage that writes. First the status, with the version that was observed, then the actions.
//!
//! Each action may be repeated: a crash after any of these calls leads the next reconcile to the same ones.

use futures::future::try_join_all;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use videofactory_crds::{VideoJob, VideoJobStatus};
use videofactory_pipeline::graph;

use super::build;
use super::facts::job_facts;
use super::labels::{self, Labels};
use super::model::{Action, Decision, Event, Observed, StartStep};
use crate::caches::{Owned, owner_key, version};
use crate::client::{CallError, within};
use crate::context::Context;

/// Something of a decision could not be done. The next reconcile decides anew.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The object was changed since it was observed; the newer one is known now.
    #[error("VideoJob {0} was changed meanwhile")]
    Changed(String),
    /// A pod of the step is still alive although no cache showed it.
    #[error("pod {0} is still at work: the next attempt waits for its end")]
    StillAtWork(String),
    /// The attempt's Job is there already, but on its way out.
    #[error("Job {0} is being deleted: the attempt waits until it is gone")]
    Leaving(String),
    /// A Job of somebody else has the name.
    #[error("Job {0} exists and belongs to somebody else: delete it, and the step starts")]
    Foreign(String),
}

impl ApplyError {
    /// Nothing went wrong: the world had moved on, and another look is all that is needed.
    #[must_use]
    pub fn is_race(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::StillAtWork(_) | Self::Leaving(_))
    }
}

/// Does what was decided.
pub async fn apply(context: &Context, observed: &Observed, decision: Decision) -> Result<(), ApplyError> {
    let job = write_status(context, &observed.job, decision.status).await?;
    let uid = job.uid().unwrap_or_default();
    context.progress.entered(&uid, observed.live.keys().copied());
    let mut starts = Vec::new();
    let mut others = Vec::new();
    for action in decision.actions {
        match action {
            Action::Event(event) => context.events.tell(job.object_ref(&()), event),
            Action::StartStep(order) => starts.push(order),
            other => others.push(other),
        }
    }
    for action in others {
        match action {
            Action::DeleteJob { name, uid } => delete_job(context, &job, &name, &uid).await?,
            Action::DeleteVideoJob => delete_videojob(context, &job).await?,
            Action::Event(_) | Action::StartStep(_) => {}
        }
    }
    try_join_all(starts.iter().map(|order| start_step(context, &job, order))).await.map(drop)
}

/// Writes the status, unless it is what the API server has; the object as it is then.
async fn write_status(
    context: &Context,
    job: &VideoJob,
    status: VideoJobStatus,
) -> Result<VideoJob, ApplyError> {
    if job.status.as_ref() == Some(&status) {
        return Ok(job.clone());
    }
    let (api, name) = (api::<VideoJob>(context, job), job.name_any());
    let wanted = VideoJob { status: Some(status), ..job.clone() };
    context.metrics.wrote("VideoJob");
    let answer = within(
        format!("update status of VideoJob {}", path(job, &name)),
        api.replace_status(&name, &PostParams::default(), &wanted),
    )
    .await;
    match answer {
        Ok(written) => {
            if written.status != wanted.status {
                tracing::warn!(
                    videojob = path(job, &name),
                    "the API server keeps another status than was sent"
                );
            }
            context.caches.written_jobs.wrote(written.clone());
            Ok(written)
        }
        Err(error) if error.is_conflict() => {
            // The watch may be far behind: without a live look, every try would meet the same conflict.
            let live = within(format!("get VideoJob {}", path(job, &name)), api.get_opt(&name)).await?;
            if let Some(live) = live.filter(|live| live.uid() == job.uid()) {
                context.caches.written_jobs.wrote(live);
            }
            Err(ApplyError::Changed(path(job, &name)))
        }
        Err(error) if error.is_not_found() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}

async fn start_step(context: &Context, owner: &VideoJob, order: &StartStep) -> Result<(), ApplyError> {
    let input = &order.input;
    if input.attempt > 1 || input.job.run > 1 {
        nothing_at_work(context, owner, order).await?;
    }
    let built = build::attempt(owner, order, &context.config.worker);
    let created = match &built.given {
        Some(given) => create_given(context, owner, given).await,
        None => Ok(()),
    };
    let created = match created {
        Ok(()) => create_job(context, owner, &built.job).await,
        Err(error) => Err(error),
    };
    match &created {
        Ok(()) => measure_handover(context, owner, order),
        Err(ApplyError::Call(error)) if error.is_rejected() => {
            let note = format!("{error}; it is tried again, more and more seldom");
            let action = input.step.to_string();
            context.events.tell(
                owner.object_ref(&()),
                Event { warning: true, reason: "StartRefused".into(), action, note },
            );
        }
        Err(_) => {}
    }
    created
}

/// A pod's watch may be behind its Job's: before a second attempt, the API server itself is asked whether a pod of
/// the step is alive.
async fn nothing_at_work(context: &Context, owner: &VideoJob, order: &StartStep) -> Result<(), ApplyError> {
    let step = order.input.step;
    let selector = format!("{}={},{}={step}", labels::UID, order.input.job.uid, labels::STEP);
    let params = ListParams::default().labels(&selector);
    let what = format!("list pods of {step} of VideoJob {}", path(owner, &owner.name_any()));
    let pods = within(what, api::<Pod>(context, owner).list(&params)).await?;
    let alive = pods.items.iter().find(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed"))
    });
    alive.map_or(Ok(()), |pod| Err(ApplyError::StillAtWork(path(owner, &pod.name_any()))))
}

/// Its name is made from its owner and its content: if it exists, it is the same.
async fn create_given(context: &Context, owner: &VideoJob, given: &ConfigMap) -> Result<(), ApplyError> {
    context.metrics.wrote("ConfigMap");
    let what = format!("create ConfigMap {}", path(owner, &given.name_any()));
    match within(what, api::<ConfigMap>(context, owner).create(&PostParams::default(), given)).await {
        Err(error) if !error.is_already_exists() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Creates the attempt's Job, or adopts it if a crash came between its creation and our next look.
async fn create_job(context: &Context, owner: &VideoJob, job: &Job) -> Result<(), ApplyError> {
    let (api, name) = (api::<Job>(context, owner), job.name_any());
    context.metrics.wrote("Job");
    let what = format!("create Job {}", path(owner, &name));
    let present = match within(what, api.create(&PostParams::default(), job)).await {
        Ok(created) => created,
        Err(error) if error.is_already_exists() => {
            let found = within(format!("get Job {}", path(owner, &name)), api.get_opt(&name)).await?;
            found.ok_or_else(|| ApplyError::Leaving(path(owner, &name)))?
        }
        Err(error) => return Err(error.into()),
    };
    let owners = present.owner_references();
    let ours = owners
        .iter()
        .any(|reference| reference.controller == Some(true) && Some(&reference.uid) == owner.uid().as_ref());
    match Labels::read(&present.metadata) {
        Some(labels) if ours => {
            if present.metadata.deletion_timestamp.is_some() {
                return Err(ApplyError::Leaving(path(owner, &name)));
            }
            context.caches.jobs.wrote(Owned {
                owner: key_of(owner),
                uid: present.uid().unwrap_or_default(),
                version: version(&present),
                facts: job_facts(&present, &labels),
            });
            tracing::info!(job = path(owner, &name), "attempt started");
            Ok(())
        }
        _ => Err(ApplyError::Foreign(path(owner, &name))),
    }
}

fn key_of(owner: &VideoJob) -> String {
    owner_key(&owner.namespace().unwrap_or_default(), &owner.uid().unwrap_or_default())
}

/// From the end of the last pod to the Job that follows from it; a first step follows from none, and a further
/// attempt from more than a pod's end.
fn measure_handover(context: &Context, owner: &VideoJob, order: &StartStep) {
    if order.input.attempt > 1 || graph::step(order.input.step).needs.is_empty() {
        return;
    }
    let pods = context.caches.pods.of(&key_of(owner));
    if let Some(ended) = pods.iter().filter_map(|pod| pod.object.facts.ended_seen).max() {
        context.metrics.handed_over(ended.elapsed());
    }
}

/// In the background: a Job deleted without a policy leaves its pod at work.
async fn delete_job(context: &Context, owner: &VideoJob, name: &str, uid: &str) -> Result<(), ApplyError> {
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams::background().preconditions(only);
    context.metrics.wrote("Job");
    match within(
        format!("delete Job {}", path(owner, name)),
        api::<Job>(context, owner).delete(name, &params),
    )
    .await
    {
        Ok(_) => {}
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    context.caches.jobs.deleted(uid);
    Ok(())
}

async fn delete_videojob(context: &Context, job: &VideoJob) -> Result<(), ApplyError> {
    let name = job.name_any();
    let only = Preconditions { uid: job.uid(), resource_version: job.resource_version() };
    let params = DeleteParams::background().preconditions(only);
    context.metrics.wrote("VideoJob");
    match within(
        format!("delete VideoJob {}", path(job, &name)),
        api::<VideoJob>(context, job).delete(&name, &params),
    )
    .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_conflict() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}

fn api<K>(context: &Context, job: &VideoJob) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default())
}

/// `namespace/name`, for people.
fn path(job: &VideoJob, name: &str) -> String {
    format!("{}/{name}", job.namespace().unwrap_or_default())
}
