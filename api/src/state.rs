//! What the API is given: the stores that the process keeps, and what only the process can say or do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::FromRef;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use tokio_util::sync::CancellationToken;
use videofactory_crds::{Channel, ProviderAccount, StepName, StoragePolicy, VideoJob};
use videofactory_pipeline::contract::Progress;
use videofactory_storage::Bucket;

use crate::access::{Authorizer, Clients, TokenReviewer};
use crate::changes::ChangeFeed;
use crate::checks::Checks;
use crate::documents::Documents;
use crate::found_clips::FoundClips;
use crate::limits::Limits;
use crate::tasks::Tasks;

/// An object of ours, readable or not.
pub type Guarded<K> = DeserializeGuard<K>;

/// The objects of the cluster, as a watch shows them.
#[derive(Clone, Debug)]
pub struct Stores {
    /// `VideoJob`s.
    pub videojobs: Store<Guarded<VideoJob>>,
    /// Which of them change, or what workers say of them.
    pub changes: ChangeFeed,
    /// Channels.
    pub channels: Store<Guarded<Channel>>,
    /// `ProviderAccount`s.
    pub accounts: Store<Guarded<ProviderAccount>>,
    /// `StoragePolicy`s.
    pub policies: Store<Guarded<StoragePolicy>>,
}

/// Which text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// Prometheus' classic one, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// What it means that a process is not ready that is not about to end.
pub(crate) const NOT_READY: &str =
    "the first lists are not complete yet, or the API server does not answer any more";

/// What only the process that serves can say or do.
#[async_trait]
pub trait Process: Send + Sync + 'static {
    /// Whether every first list is complete, and the API server answers.
    fn is_ready(&self) -> bool;

    /// Whether this replica is the one that acts.
    fn is_leader(&self) -> bool;

    /// Namespaces that it should watch and does not, because it may not read them.
    fn unwatched(&self) -> BTreeSet<String>;

    /// All metrics as text.
    fn metrics(&self, format: MetricsFormat) -> Result<String, std::fmt::Error>;

    /// Measures an answer. `route`: the pattern of its path.
    fn answered(&self, route: &str, method: &str, status: u16, took: Duration);

    /// What workers said last of the steps at work for this `VideoJob`. Only the leader knows, and is asked by the others;
    /// nothing while it is away.
    async fn progress(&self, job: &VideoJob) -> BTreeMap<StepName, Progress>;

    /// The bucket of a policy, opened with its credentials; or why not, in a sentence.
    async fn bucket(&self, policy: &StoragePolicy) -> Result<Bucket, String>;

    /// What the cluster is known by in the marks of buckets: a UID; none if that could not be read.
    async fn cluster(&self) -> Option<String>;
}

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The process's own way to the API server.
    pub client: Client,
    /// What the cluster holds.
    pub stores: Stores,
    /// What only the process can say or do.
    pub process: Arc<dyn Process>,
    /// Checks callers' tokens.
    pub tokens: Arc<TokenReviewer>,
    /// What they may.
    pub authorizer: Arc<Authorizer>,
    /// Their own ways to the API server.
    pub clients: Arc<Clients>,
    /// How much callers may ask for.
    pub limits: Arc<Limits>,
    /// The last checks of its health.
    pub checks: Arc<Checks>,
    /// Result documents that were read lately.
    pub documents: Arc<Documents>,
    /// Clips of takes that were found lately.
    pub found_clips: Arc<FoundClips>,
    /// What continues to its end once it has begun.
    pub tasks: Tasks,
    /// Cancelled when the process is about to end.
    pub stop: CancellationToken,
}

impl State {
    /// What is needed to serve. `config`: the way to the API server; callers' requests go it with their own tokens.
    /// `stop`: cancelled when the process is about to end.
    #[must_use]
    pub fn new(
        client: Client,
        config: kube::Config,
        stores: Stores,
        process: Arc<dyn Process>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            tokens: Arc::new(TokenReviewer::of_api_server(client.clone())),
            authorizer: Arc::new(Authorizer::new(client.clone())),
            clients: Arc::new(Clients::new(config, crate::AGENT)),
            limits: Arc::default(),
            checks: Arc::default(),
            documents: Arc::default(),
            found_clips: Arc::default(),
            tasks: Tasks::default(),
            client,
            stores,
            process,
            stop,
        }
    }
}

impl FromRef<State> for Arc<TokenReviewer> {
    fn from_ref(state: &State) -> Self {
        Self::clone(&state.tokens)
    }
}
