//! Apply: the one stage that writes. First the status, with the version that was observed, then the actions.
//!
//! Each action may be repeated: a crash after any of these calls leads the next reconcile to the same ones.

use futures::future::{join, join_all};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use videofactory_crds::{VideoJob, VideoJobStatus};
use videofactory_pipeline::{Tombstone, clock};

use super::deletion;
use super::model::{Action, Decision, Observed, PodFacts, PodState};
use super::start::start_step;
use super::{tombstones, trace};
use crate::caches::owner_key;
use crate::context::Context;
use crate::events::Event;
use crate::meter::Changes;
use videofactory_client::call::{CallError, within};

/// Something of a decision could not be done. The next reconcile decides anew.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The object was changed since it was observed; the newer one is known now.
    #[error("VideoJob {0} was changed meanwhile")]
    Changed(String),
    /// A pod or Job of the step is still alive although no cache showed it.
    #[error("{0} is still at work: the next attempt waits for its end")]
    StillAtWork(String),
    /// The attempt's Job is there already, but on its way out.
    #[error("Job {0} is being deleted: the attempt waits until it is gone")]
    Leaving(String),
    /// A Job of somebody else has the name.
    #[error("Job {0} exists and belongs to somebody else: delete it, and the step starts")]
    Foreign(String),
    /// A job whose time to live has passed cannot leave its tombstone, and why.
    #[error("VideoJob {0} cannot leave its tombstone: {1}")]
    NoTombstone(String, String),
    /// A grant that the attempt would begin with is about to be closed, or is.
    #[error("ProviderAccount {0} takes back what it granted: the attempt waits for its word")]
    GrantClosing(String),
    /// A job that is being deleted still has files, and what keeps them.
    #[error("VideoJob {0} still has its files: {1}")]
    FilesRemain(String, String),
}

impl ApplyError {
    /// Nothing went wrong: the world had moved on, and another look is all that is needed.
    #[must_use]
    pub fn is_race(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::StillAtWork(_) | Self::Leaving(_) | Self::GrantClosing(_))
    }

    /// What a person must know if this will be met again and again until something is mended.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Self::Call(error) if error.is_rejected() => Some(format!(
                "{error}; fix what refuses it (a quota, a policy, this job's compute), and the step starts automatically"
            )),
            Self::Foreign(_) => Some(self.to_string()),
            _ => None,
        }
    }
}

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
    decision.measured.iter().for_each(|measured| measured.tell(&context.metrics.films, trace.as_deref()));
    context.traces.send(ended);
    let owner = owner_key(&job.namespace().unwrap_or_default(), &job.uid().unwrap_or_default());
    context.progress.entered(&owner, &observed.live);
    let (mut starts, mut deletes) = (Vec::new(), Vec::new());
    let (mut finalizer, mut retirement) = (None, None);
    for action in decision.actions {
        match action {
            Action::Event(event) => context.events.tell(job.object_ref(&()), event),
            Action::Count(changes) => count(context, &job, &changes),
            Action::TellFull(at) => {
                let namespace = job.namespace().unwrap_or_default();
                context.meter.refused(&namespace, &job.spec.storage_ref.name, at);
            }
            Action::SetFinalizer(wanted) => finalizer = Some(wanted),
            Action::StartStep(order) => starts.push(order),
            Action::DeleteJob { name, uid } => deletes.push((name, uid)),
            Action::Retire { key, tombstone } => retirement = Some((key, tombstone)),
        }
    }
    if unchanged && !deletes.is_empty() {
        check_newest(context, &job).await?;
    }
    if let Some(wanted) = finalizer {
        job = deletion::set_finalizer(context, &job, wanted).await?;
    }
    for (name, uid) in deletes {
        delete_job(context, &job, &name, &uid).await?;
    }
    if let Some((key, tombstone)) = retirement {
        retire(context, &job, &key, &tombstone).await?;
    }
    // One that fails leaves the others' requests under way.
    let started = join_all(starts.iter().map(|order| start_step(context, &job, &observed.jobs, order))).await;
    started.into_iter().collect()
}

/// Counts what came into the bucket or went from it. What a crash keeps from being counted, or has counted twice, the
/// next measurement puts right.
pub(super) fn count(context: &Context, job: &VideoJob, changes: &Changes) {
    let (namespace, policy) = (job.namespace().unwrap_or_default(), &job.spec.storage_ref.name);
    context.meter.count(&namespace, policy, changes);
}

/// Writes the status, unless it is what the API server has; the object as it is then.
pub(super) async fn write_status(
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
            check_newest(context, job).await?;
            Err(ApplyError::Changed(path(job, &name)))
        }
        Err(error) if error.is_not_found() => Err(ApplyError::Changed(path(job, &name))),
        Err(error) => Err(error.into()),
    }
}

/// No Job is deleted by an old status: a status that is written proves itself the newest, another asks.
pub(super) async fn check_newest(context: &Context, job: &VideoJob) -> Result<(), ApplyError> {
    let (api, name) = (api::<VideoJob>(context, job), job.name_any());
    let live = within(format!("get VideoJob {}", path(job, &name)), api.get_opt(&name)).await?;
    match live.filter(|live| live.uid() == job.uid()) {
        Some(live) if live.resource_version() == job.resource_version() => Ok(()),
        Some(live) => {
            context.caches.written_jobs.wrote(live);
            Err(ApplyError::Changed(path(job, &name)))
        }
        None => Err(ApplyError::Changed(path(job, &name))),
    }
}

/// In the background: a Job deleted without a policy leaves its pod at work.
pub(super) async fn delete_job(
    context: &Context,
    owner: &VideoJob,
    name: &str,
    uid: &str,
) -> Result<(), ApplyError> {
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams::background().preconditions(only);
    let pods = pods_at_work(context, owner, uid);
    context.metrics.wrote("Job");
    let what = format!("delete Job {}", path(owner, name));
    let jobs = api::<Job>(context, owner);
    // At once: the garbage collector passes over pods that it sees go. No Job makes a second pod.
    let pods = join_all(pods.iter().map(|pod| delete_pod(context, owner, pod)));
    match join(within(what, jobs.delete(name, &params)), pods).await.0 {
        Ok(_) => {}
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    context.caches.jobs.deleted(uid);
    Ok(())
}

/// The pods of a Job that have not ended and are not deleted yet.
fn pods_at_work(context: &Context, owner: &VideoJob, uid: &str) -> Vec<PodFacts> {
    let caches = &context.caches;
    let Some(job) = caches.jobs.get(uid) else { return Vec::new() };
    let owner = owner_key(&owner.namespace().unwrap_or_default(), &owner.uid().unwrap_or_default());
    let is_its_own = |pod: &PodFacts| {
        (pod.run, pod.step, pod.attempt) == (job.facts.run, job.facts.step, job.facts.attempt)
    };
    let pods = caches.pods.of(&owner).into_iter().map(|known| known.object.facts.facts.clone());
    pods.filter(|pod| is_its_own(pod) && pod.gone_by.is_none() && !matches!(pod.state, PodState::Ended(_)))
        .collect()
}

/// The cluster's garbage collector deletes the pods of a Job that is gone, too, but with some 20 requests a second for
/// everything in the cluster: a hundred steps that are stopped at once would go on for many seconds. What fails here is left
/// to it.
async fn delete_pod(context: &Context, owner: &VideoJob, pod: &PodFacts) {
    let only = Preconditions { uid: Some(pod.uid.clone()), resource_version: None };
    let params = DeleteParams::default().preconditions(only);
    context.metrics.wrote("Pod");
    let what = format!("delete pod {}", path(owner, &pod.name));
    if let Err(error) = within(what, api::<Pod>(context, owner).delete(&pod.name, &params)).await {
        tracing::debug!(%error, "a pod of a deleted Job is left to the garbage collector");
    }
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
        let (warning, reason, action) = (true, "TombstoneNotWritten".to_owned(), "Delete".to_owned());
        context.events.tell(job.object_ref(&()), Event { warning, reason, action, note });
        return Err(ApplyError::NoTombstone(path(job, &job.name_any()), why));
    }
    delete_videojob(context, job).await
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

pub(super) fn api<K>(context: &Context, job: &VideoJob) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default())
}

/// `namespace/name`, for people.
pub(super) fn path(job: &VideoJob, name: &str) -> String {
    format!("{}/{name}", job.namespace().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn what_the_api_server_will_not_take_is_said_with_what_to_do() {
        let refused = |code: u16, reason: &str| {
            let status = Box::new(Status::failure("exceeded quota: small", reason).with_code(code));
            let what = "create Job films/j".to_owned();
            ApplyError::Call(CallError::Refused { what, message: status.message.clone(), status }).refusal()
        };
        for (code, reason) in [(403, "Forbidden"), (422, "Invalid")] {
            let words = refused(code, reason).unwrap();
            assert!(words.starts_with("failed to create Job films/j: exceeded quota: small; fix"), "{words}");
        }
        assert_eq!(refused(500, "InternalError"), None);
        let words = ApplyError::Foreign("films/j".to_owned()).refusal().unwrap();
        assert!(words.contains("delete it"), "{words}");
    }
}
