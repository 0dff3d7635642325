//! The writes that more than one stage makes, each by itself, and why one is not made.

use futures::future::{join, join_all};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use videofactory_crds::{VideoJob, VideoJobStatus};

use super::model::{PodFacts, PodState};
use super::names::FINALIZER;
use crate::caches::OwnerKey;
use crate::context::Context;
use crate::events::{Event, EventReason};
use crate::namespaced_name::NamespacedName;
use crate::usage_deltas::Changes;
use videofactory_client::call::{CallError, within};

/// Something of a decision could not be done. The next reconcile decides again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A call failed.
    #[error(transparent)]
    CallApiServer(#[from] CallError),
    /// The object was changed since it was observed; the newer one is known now.
    #[error("VideoJob {0} was changed meanwhile")]
    MatchVersion(String),
    /// A pod or Job of the step is still alive although no cache showed it.
    #[error("{0} is still at work: the next attempt waits for its end")]
    AwaitPodEnd(String),
    /// The attempt's Job is there already, but on its way out.
    #[error("Job {0} is being deleted: the attempt waits until it is gone")]
    AwaitJobDeletion(String),
    /// A Job of somebody else has the name.
    #[error("Job {0} exists and belongs to somebody else: delete it, and the step starts")]
    AdoptJob(String),
    /// A job whose time to live has passed cannot leave its tombstone, and why.
    #[error("VideoJob {0} cannot leave its tombstone: {1}")]
    LeaveTombstone(String, String),
    /// A grant that the attempt would begin with is about to be closed, or is.
    #[error("ProviderAccount {0} takes back what it granted: the attempt waits for its word")]
    AwaitGrant(String),
    /// A job that is being deleted still has files, and what keeps them.
    #[error("VideoJob {0} still has its files: {1}")]
    DeleteFiles(String, String),
}

impl ApplyError {
    /// Nothing went wrong: what was observed is outdated, and another reconcile is all that is needed.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        matches!(
            self,
            Self::MatchVersion(_) | Self::AwaitPodEnd(_) | Self::AwaitJobDeletion(_) | Self::AwaitGrant(_)
        )
    }

    /// What a person must know if this will be met again and again until something is fixed.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Self::CallApiServer(error) if error.is_rejected() => Some(format!(
                "{error}; fix what refuses it (a quota, a policy, this job's compute), and the step starts automatically"
            )),
            Self::AdoptJob(_) => Some(self.to_string()),
            _ => None,
        }
    }
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
    context.metrics.record_write("VideoJob");
    let answer = within(
        format!("update status of VideoJob {}", path(job, &name)),
        api.replace_status(&name, &PostParams::default(), &wanted),
    )
    .await;
    match answer {
        Ok(written) => {
            if written.status != wanted.status {
                tracing::warn!("the API server keeps another status than was sent");
            }
            context.caches.written_jobs.record_write(written.clone());
            Ok(written)
        }
        Err(error) if error.is_conflict() => {
            // The watch may be far behind: without a live look, every try would meet the same conflict.
            check_newest(context, job).await?;
            Err(ApplyError::MatchVersion(path(job, &name)))
        }
        Err(error) if error.is_not_found() => Err(ApplyError::MatchVersion(path(job, &name))),
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
            context.caches.written_jobs.record_write(live);
            Err(ApplyError::MatchVersion(path(job, &name)))
        }
        None => Err(ApplyError::MatchVersion(path(job, &name))),
    }
}

/// Adds or takes off the finalizer, of the object as it was seen; the object as it is then.
pub(super) async fn set_finalizer(
    context: &Context,
    job: &VideoJob,
    wanted: bool,
) -> Result<VideoJob, ApplyError> {
    let mut names: Vec<String> = job.finalizers().to_vec();
    names.retain(|name| name != FINALIZER);
    if wanted {
        names.push(FINALIZER.to_owned());
    }
    let api = api::<VideoJob>(context, job);
    let patch = json!({"metadata": {"resourceVersion": job.resource_version(), "finalizers": names}});
    let (name, params) = (job.name_any(), PatchParams::default());
    let what = format!("patch the finalizers of VideoJob {}", path(job, &name));
    context.metrics.record_write("VideoJob");
    match within(what, api.patch(&name, &params, &Patch::Merge(&patch))).await {
        Ok(written) => {
            if written.metadata.deletion_timestamp.is_none() {
                context.caches.written_jobs.record_write(written.clone());
            }
            Ok(written)
        }
        Err(error) if error.is_not_found() => Err(ApplyError::MatchVersion(path(job, &name))),
        Err(error) if error.is_conflict() => {
            check_newest(context, job).await?;
            Err(ApplyError::MatchVersion(path(job, &name)))
        }
        Err(error) => {
            if error.is_rejected() {
                let note = format!("{error}; the job waits for that");
                let (reason, action) = (EventReason::FinalizerRefused, "Delete".to_owned());
                context.events.publish(job.object_ref(&()), Event { warning: true, reason, action, note });
            }
            Err(error.into())
        }
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
    context.metrics.record_write("Job");
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
    let owner = OwnerKey::of(owner);
    let is_its_own = |pod: &PodFacts| {
        (pod.run, pod.step, pod.attempt) == (job.facts.run, job.facts.step, job.facts.attempt)
    };
    let pods = caches.pods.of(&owner).into_iter().map(|known| known.object.facts.facts.clone());
    pods.filter(|pod| is_its_own(pod) && pod.gone_by.is_none() && !matches!(pod.state, PodState::Ended(_)))
        .collect()
}

/// The cluster's garbage collector deletes the pods of a Job that is gone, too, but with some 20 requests a second for
/// everything in the cluster: a hundred steps that are stopped at once would continue for many seconds. What fails here is
/// left to it.
async fn delete_pod(context: &Context, owner: &VideoJob, pod: &PodFacts) {
    let only = Preconditions { uid: Some(pod.uid.clone()), resource_version: None };
    let params = DeleteParams::default().preconditions(only);
    context.metrics.record_write("Pod");
    let what = format!("delete pod {}", path(owner, &pod.name));
    if let Err(error) = within(what, api::<Pod>(context, owner).delete(&pod.name, &params)).await {
        tracing::debug!(%error, "a pod of a deleted Job is left to the garbage collector");
    }
}

/// Counts what came into the bucket or went from it. What a crash keeps from being counted, or has counted twice, the
/// next measurement puts right.
pub(super) fn count(context: &Context, job: &VideoJob, changes: &Changes) {
    context.usage_deltas.count(policy_of(job), changes);
}

/// The policy that a job names.
pub(super) fn policy_of(job: &VideoJob) -> NamespacedName {
    NamespacedName::new(job.namespace().unwrap_or_default(), job.spec.storage_ref.name.as_str())
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
            ApplyError::CallApiServer(CallError::Refused { what, message: status.message.clone(), status })
                .refusal()
        };
        for (code, reason) in [(403, "Forbidden"), (422, "Invalid")] {
            let words = refused(code, reason).unwrap();
            assert!(words.starts_with("failed to create Job films/j: exceeded quota: small; fix"), "{words}");
        }
        assert_eq!(refused(500, "InternalError"), None);
        let words = ApplyError::AdoptJob("films/j".to_owned()).refusal().unwrap();
        assert!(words.contains("delete it"), "{words}");
    }
}
