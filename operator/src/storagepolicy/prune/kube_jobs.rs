//! The jobs through the real API server.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use kube::api::PostParams;
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt};
use videofactory_crds::VideoJob;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys;

use super::super::plan::JobReference;
use super::jobs::{JobVersion, Jobs, Marked};
use crate::caches::Guarded;
use crate::context::Context;
use videofactory_client::call::{CallError, list_all, within};

/// The kind, in metrics.
const KIND: &str = "VideoJob";

/// The jobs of a cluster.
#[derive(Clone)]
pub struct KubeJobs {
    context: Context,
}

impl KubeJobs {
    /// Through the operator's client; what is written is counted and remembered as the controllers' own writes are.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.context.client.clone(), namespace)
    }
}

fn reference(job: &Guarded<VideoJob>) -> JobReference {
    match &job.0 {
        Ok(job) => JobReference::of(job),
        Err(invalid) => {
            let meta = &invalid.metadata;
            JobReference::unreadable(
                meta.namespace.as_deref().unwrap_or_default(),
                meta.name.as_deref().unwrap_or_default(),
                meta.uid.as_deref().unwrap_or_default(),
                meta.resource_version.as_deref().unwrap_or_default(),
            )
        }
    }
}

#[async_trait]
impl Jobs for KubeJobs {
    async fn list(&self, namespace: &str) -> Result<Vec<JobReference>, CallError> {
        let api: &Api<Guarded<VideoJob>> = &self.api(namespace);
        let ask = |params| async move { api.list(&params).await };
        let mut jobs = Vec::new();
        list_all(&format!("list the VideoJobs of {namespace}"), ask, |job| jobs.push(reference(&job)))
            .await?;
        Ok(jobs)
    }

    async fn versions(&self, namespace: &str) -> Result<HashMap<String, JobVersion>, CallError> {
        let api: &Api<VideoJob> = &self.api(namespace);
        let ask = |params| async move { api.list_metadata(&params).await };
        let mut versions = HashMap::new();
        let take = |job: PartialObjectMeta<VideoJob>| {
            let version = JobVersion {
                uid: job.uid().unwrap_or_default(),
                version: job.resource_version().unwrap_or_default(),
            };
            versions.insert(job.name_any(), version);
        };
        list_all(&format!("list the versions of the VideoJobs of {namespace}"), ask, take).await?;
        Ok(versions)
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<JobReference>, CallError> {
        let api: Api<Guarded<VideoJob>> = self.api(namespace);
        let job = within(format!("get VideoJob {namespace}/{name}"), api.get_opt(name)).await?;
        Ok(job.as_ref().map(reference))
    }

    async fn mark(&self, job: &JobReference, pruned: &BTreeSet<ObjectKind>) -> Result<Marked, CallError> {
        let (namespace, name) = (&job.namespace, &job.name);
        let api: Api<VideoJob> = self.api(namespace);
        let read = within(format!("get VideoJob {namespace}/{name}"), api.get_opt(name)).await?;
        let Some(mut now) = read else { return Ok(Marked::Gone) };
        if now.resource_version().as_deref() != Some(&job.version) {
            return Ok(Marked::Changed);
        }
        let mut names: Vec<String> = pruned.iter().map(|kind| keys::folder(*kind).to_owned()).collect();
        names.sort_unstable();
        now.status.get_or_insert_default().artifacts.get_or_insert_default().pruned = names;
        self.context.metrics.record_write(KIND);
        let what = format!("update status of VideoJob {namespace}/{name}");
        match within(what, api.replace_status(name, &PostParams::default(), &now)).await {
            Ok(written) => {
                let reference = JobReference::of(&written);
                self.context.caches.written_jobs.record_write(written);
                Ok(Marked::Written(Box::new(reference)))
            }
            Err(error) if error.is_conflict() => Ok(Marked::Changed),
            Err(error) if error.is_not_found() => Ok(Marked::Gone),
            Err(error) => Err(error),
        }
    }
}
