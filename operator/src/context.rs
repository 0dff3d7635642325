//! What the controllers and the HTTP side share.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use videofactory_api::tasks::Tasks;
use videofactory_client::CallError;
use videofactory_crds::ProviderAccount;
use videofactory_net::Network;
use videofactory_traces::SpanQueue;

use crate::caches::{Caches, Watches};
use crate::config::{Config, Watched};
use crate::create_failures::CreateFailures;
use crate::events::Publisher;
use crate::leader_flag::LeaderFlag;
use crate::live_reads::LiveReads;
use crate::metrics::Metrics;
use crate::progress::ProgressStore;
use crate::storagepolicy::ownership::cluster_uid;
use crate::usage_deltas::UsageDeltas;

/// Shared by all.
#[derive(Clone)]
pub struct Context {
    /// The way to the API server.
    pub client: Client,
    /// What the cluster holds.
    pub caches: Arc<Caches>,
    /// Flags and environment of the operator.
    pub config: Arc<Config>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Events for people.
    pub events: Publisher,
    /// What workers say.
    pub progress: Arc<ProgressStore>,
    /// Jobs that the API server refused to create.
    pub create_failures: Arc<CreateFailures>,
    /// Changes of the usage of buckets since their policies were last updated.
    pub usage_deltas: Arc<UsageDeltas>,
    /// What may be called for users, and how.
    pub network: Network,
    /// What this cluster is known by.
    pub cluster: Cluster,
    /// What has ended, on its way to those who look at traces.
    pub traces: SpanQueue,
    /// Whether this replica leads.
    pub leader_flag: LeaderFlag,
    /// Accounts as the API server has them, for jobs that ask at once.
    pub live_accounts: Arc<LiveReads<ProviderAccount>>,
    /// What callers began.
    pub tasks: Tasks,
    /// The tasks in which controllers work: who leads next begins when none of them is left.
    pub under_way: TaskTracker,
}

/// The tasks that fill the caches and write Events. They run as long as the context exists.
pub struct Work {
    /// What keeps the caches.
    pub watches: Watches,
    /// What writes Events.
    pub events: BoxFuture<'static, ()>,
}

impl Context {
    /// A context that knows nothing yet, and its work.
    #[must_use]
    pub fn start(client: Client, config: Config, network: Network, traces: SpanQueue) -> (Self, Work) {
        let metrics = Arc::default();
        let (caches, watches) = Caches::start(&client, &config.watch_namespaces);
        let (events, publishing) = Publisher::start(client.clone(), &config.name, Arc::clone(&metrics));
        let context = Self {
            live_accounts: Arc::new(LiveReads::new(client.clone())),
            client,
            caches,
            cluster: Cluster::of(&config),
            config: Arc::new(config),
            metrics,
            events,
            progress: Arc::default(),
            create_failures: Arc::default(),
            usage_deltas: Arc::default(),
            network,
            traces,
            leader_flag: LeaderFlag::default(),
            tasks: Tasks::default(),
            under_way: TaskTracker::new(),
        };
        (context, Work { watches, events: publishing.boxed() })
    }
}

/// What this cluster is known by: the UID of a namespace, read once.
#[derive(Clone, Debug)]
pub struct Cluster {
    namespace: String,
    uid: Arc<OnceCell<String>>,
}

impl Default for Cluster {
    /// By the namespace that is in every cluster and lives as long.
    fn default() -> Self {
        Self { namespace: "kube-system".to_owned(), uid: Arc::default() }
    }
}

impl Cluster {
    /// As an operator with this configuration knows it. One that watches some namespaces alone sees the jobs of these alone:
    /// to the buckets it is a cluster of its own, known by its own namespace, and keeps off those of another operator.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        if config.watch_namespaces == Watched::Cluster {
            return Self::default();
        }
        Self { namespace: config.namespace.clone(), uid: Arc::default() }
    }

    pub async fn uid(&self, client: &Client) -> Result<&str, CallError> {
        self.uid.get_or_try_init(|| cluster_uid(client, &self.namespace)).await.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;
    use videofactory_client::call::connect;
    use videofactory_tests::api_server::ApiServer;

    use super::*;

    #[tokio::test]
    async fn to_buckets_an_operator_of_some_namespaces_is_a_cluster_of_its_own() {
        let server = ApiServer::start().await.unwrap();
        for (name, uid) in [("kube-system", "whole"), ("videofactory-system", "own")] {
            server.put("namespaces", json!({"metadata": {"name": name, "uid": uid}}));
        }
        let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
        for (watched, uid) in [("", "whole"), ("films,trailers", "own")] {
            let args = ["operator", "--worker-image", "worker:1", "--watch-namespaces", watched];
            let cluster = Cluster::of(&Config::try_parse_from(args).unwrap());
            assert_eq!(cluster.uid(&client).await.unwrap(), uid, "{watched:?}");
        }
    }
}
