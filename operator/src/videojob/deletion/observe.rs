//! Observe: what is at work for a job that is being deleted. By the caches; and live before any of its files is touched.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use videofactory_crds::VideoJob;

use super::decide::is_to_be_asked_live;
use super::model::Leaving;
use crate::context::Context;
use crate::videojob::cached::at_work;
use crate::videojob::labels;
use crate::videojob::pod_status::is_alive;
use crate::videojob::writes::{ApplyError, check_newest, path};
use videofactory_client::call::within;

/// Reads everything that a decision about this job may know.
pub async fn observe(context: &Context, job: VideoJob) -> Result<Leaving, ApplyError> {
    let (jobs, pods) = at_work(&context.caches, &job);
    let mut leaving = Leaving { job, jobs, pods, side_effects: context.config.side_effects, at_work: None };
    if is_to_be_asked_live(&leaving) {
        check_newest(context, &leaving.job).await?;
        leaving.at_work = Some(is_at_work(context, &leaving.job).await?);
    }
    Ok(leaving)
}

/// A watch may be behind: before anything is deleted, the API server itself is asked for pods.
async fn is_at_work(context: &Context, job: &VideoJob) -> Result<bool, ApplyError> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &job.namespace().unwrap_or_default());
    let selector = format!("{}={}", labels::UID, job.uid().unwrap_or_default());
    let what = format!("list pods of VideoJob {}", path(job, &job.name_any()));
    let pods = within(what, api.list(&ListParams::default().labels(&selector))).await?;
    Ok(pods.items.iter().any(is_alive))
}
