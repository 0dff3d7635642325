//! The jobs, as a run asks the API server for them.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use videofactory_crds::storagepolicy::ObjectKind;

use super::super::plan::JobReference;
use videofactory_client::call::CallError;

/// UID and version of a job: while both are the same, nothing about it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobVersion {
    /// UID of the object.
    pub uid: String,
    /// Its resourceVersion.
    pub version: String,
}

/// How a write of `status.artifacts.pruned` ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It is written; the job as it is now.
    Written(Box<JobReference>),
    /// Somebody else wrote first; look again.
    Changed,
    /// The job is gone.
    Gone,
}

/// The way to the jobs. Every answer is live, never from a cache.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// All jobs of a namespace.
    async fn list(&self, namespace: &str) -> Result<Vec<JobReference>, CallError>;

    /// The versions of all jobs of a namespace, by name.
    async fn versions(&self, namespace: &str) -> Result<HashMap<String, JobVersion>, CallError>;

    /// One job.
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<JobReference>, CallError>;

    /// Makes `pruned` the kinds that the job's status names as gone, if it still has the version of `job`.
    async fn mark(&self, job: &JobReference, pruned: &BTreeSet<ObjectKind>) -> Result<Marked, CallError>;
}
