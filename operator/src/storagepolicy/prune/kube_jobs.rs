//! The jobs through the real API server.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use kube::api::{ListParams, PostParams};
use kube::core::{ObjectList, PartialObjectMeta};
use kube::{Api, ResourceExt};
use videofactory_crds::VideoJob;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys;

use super::super::plan::JobReference;
use super::jobs::{JobVersion, Jobs, Marked};
use crate::caches::Guarded;
use crate::client::{CallError, within};
use crate::context::Context;

/// Objects of one page of a list: an answer that the API server gives well within a call's time.
const PAGE: u32 = 500;
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

/// Where a list goes on; `None` if it is at its end.
fn rest<K: Clone>(page: &ObjectList<K>) -> Option<String> {
    page.metadata.continue_.clone().filter(|token| !token.is_empty())
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
        let api: Api<Guarded<VideoJob>> = self.api(namespace);
        let mut params = ListParams::default().limit(PAGE);
        let mut jobs = Vec::new();
        loop {
            let what = format!("list the VideoJobs of {namespace}");
            let page = within(what, api.list(&params)).await?;
            jobs.extend(page.items.iter().map(reference));
            let Some(token) = rest(&page) else { return Ok(jobs) };
            params = params.continue_token(&token);
        }
    }

    async fn versions(&self, namespace: &str) -> Result<HashMap<String, JobVersion>, CallError> {
        let api: Api<VideoJob> = self.api(namespace);
        let mut params = ListParams::default().limit(PAGE);
        let mut versions = HashMap::new();
        loop {
            let what = format!("list the versions of the VideoJobs of {namespace}");
            let page: ObjectList<PartialObjectMeta<VideoJob>> =
                within(what, api.list_metadata(&params)).await?;
            versions.extend(page.items.iter().map(|job| {
                let version = JobVersion {
                    uid: job.uid().unwrap_or_default(),
                    version: job.resource_version().unwrap_or_default(),
                };
                (job.name_any(), version)
            }));
            let Some(token) = rest(&page) else { return Ok(versions) };
            params = params.continue_token(&token);
        }
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
        self.context.metrics.wrote(KIND);
        let what = format!("update status of VideoJob {namespace}/{name}");
        match within(what, api.replace_status(name, &PostParams::default(), &now)).await {
            Ok(written) => {
                let reference = JobReference::of(&written);
                self.context.caches.written_jobs.wrote(written);
                Ok(Marked::Written(Box::new(reference)))
            }
            Err(error) if error.is_conflict() => Ok(Marked::Changed),
            Err(error) if error.is_not_found() => Ok(Marked::Gone),
            Err(error) => Err(error),
        }
    }
}
