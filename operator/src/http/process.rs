//! What the API is given by the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::ResourceExt;
use videofactory_api::state::{MetricsFormat, Process};
use videofactory_crds::{StepName, StoragePolicy, VideoJob};
use videofactory_pipeline::contract::Progress;
use videofactory_storage::{Addressing, Bucket};

use super::relay::Relay;
use super::versioned_cache::VersionedCache;
use crate::bucket;
use crate::caches::OwnerKey;
use crate::context::Context;
use crate::metrics::Census;

/// The operator, as the API sees it.
pub struct Operator {
    context: Context,
    buckets: VersionedCache<BucketVersion, Bucket>,
    relay: Arc<Relay>,
}

/// What a bucket is opened with.
#[derive(PartialEq)]
struct BucketVersion {
    generation: Option<i64>,
    addressing: Addressing,
    /// Version of the Secret: a new one counts as soon as the watch has reported it.
    secret: Option<String>,
}

impl Operator {
    /// This operator. `relay`: its way to the replica that leads.
    #[must_use]
    pub fn new(context: Context, relay: Arc<Relay>) -> Self {
        Self { context, buckets: VersionedCache::default(), relay }
    }
}

#[async_trait]
impl Process for Operator {
    fn is_ready(&self) -> bool {
        self.context.caches.are_ready() && self.context.leader_flag.is_in_touch()
    }

    fn is_leader(&self) -> bool {
        self.context.leader_flag.is_leading()
    }

    fn unwatched(&self) -> BTreeSet<String> {
        self.context.caches.unwatched.namespaces()
    }

    fn metrics(&self, format: MetricsFormat) -> Result<String, std::fmt::Error> {
        self.context.metrics.text(&Census::take(&self.context.caches), format)
    }

    fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        self.context.metrics.served(route, method, status, took);
    }

    async fn progress(&self, job: &VideoJob) -> BTreeMap<StepName, Progress> {
        let owner = OwnerKey::of(job);
        if self.context.leader_flag.is_leading() {
            return self.context.progress.of(&owner);
        }
        self.relay.said().await.get(&owner).cloned().unwrap_or_default()
    }

    async fn bucket(&self, policy: &StoragePolicy) -> Result<Bucket, String> {
        let Context { caches, client, network, .. } = &self.context;
        let namespace = policy.namespace().unwrap_or_default();
        let version = BucketVersion {
            generation: policy.metadata.generation,
            addressing: bucket::addressing(policy),
            secret: caches.secret_version(&namespace, &policy.spec.bucket.secret_ref.name),
        };
        let opens = bucket::open(client, network, policy);
        let opened = self.buckets.get(&policy.uid().unwrap_or_default(), version, opens).await;
        opened.map_err(|error| error.to_string())
    }

    async fn cluster(&self) -> Option<String> {
        let Context { cluster, client, .. } = &self.context;
        cluster.uid(client).await.ok().map(str::to_owned)
    }
}
