//! The real controllers over many `VideoJob`s: on an API server in memory, because no test's cluster has room for them.
//! What is counted are the calls that the operator makes; what is left out are the API server's own admission and storage.

use anyhow::Context as _;
use clap::Parser;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use videofactory_client::call::connect;
use videofactory_operator::config::Config;
use videofactory_operator::context::Context;
use videofactory_operator::{provideraccount, videojob};
use videofactory_tests::api_server::{ApiServer, Calls};
use videofactory_traces::SpanQueue;

/// Where everything is.
pub const NAMESPACE: &str = "films";
/// The account that all jobs ask.
pub const ACCOUNT: &str = "gemini";
/// Name of the job and of the account that show that everything before them was looked at.
const MARKER: &str = "marker";

/// An operator and its API server.
pub struct ManyJobs {
    pub server: ApiServer,
    stop: CancellationToken,
}

impl Drop for ManyJobs {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Which controllers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    /// That of accounts alone.
    Accounts,
    /// Those of accounts and of jobs.
    AccountsAndJobs,
}

impl ManyJobs {
    /// A namespace with a bucket, an account with this spec and status, and nothing that asks it.
    pub async fn new(quota: &Value, status: &Value) -> anyhow::Result<Self> {
        let server = ApiServer::start().await?;
        let secret = |name: &str, keys: Value| {
            let hosts = json!({"videofactory.dev/allowed-hosts": "127.0.0.1"});
            let metadata = json!({"name": name, "namespace": NAMESPACE, "annotations": hosts});
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": keys})
        };
        server.put("secrets", secret("s3", json!({"accessKeyId": "YQ==", "secretAccessKey": "YQ=="})));
        for name in [ACCOUNT, MARKER] {
            // No two accounts have the same key.
            let key = if name == ACCOUNT { "YQ==" } else { "Yg==" };
            server.put("secrets", secret(name, json!({"apiKey": key})));
        }
        server.put("storagepolicies", policy());
        server.put("provideraccounts", account(ACCOUNT, server.url(), quota, status));
        server.put("provideraccounts", account(MARKER, server.url(), &json!({}), &json!({})));
        server.put("videojobs", job(MARKER, &json!({"suspend": true}), &begun()));
        Ok(Self { server, stop: CancellationToken::new() })
    }

    /// Runs controllers until this is dropped.
    pub async fn run(&self, controllers: Controllers) -> anyhow::Result<()> {
        let url = self.server.url().parse().context("the server has no URL")?;
        let client =
            connect(kube::Config::new(url), "videofactory-tests").context("failed to make a client")?;
        let config = ["operator", "--worker-image", "worker:1", "--leader-election", "false"];
        let mut config =
            Config::try_parse_from(config.into_iter().chain(["--allow-local-endpoints", "true"]))?;
        let network = config.worker.network(|_| None).map_err(anyhow::Error::msg)?;
        let (context, work) = Context::start(client, config, network, SpanQueue::default());
        let spawn = |work: futures::future::BoxFuture<'static, ()>| {
            let stop = self.stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(work).await });
        };
        spawn(work.watches.keep);
        spawn(work.events);
        while !context.caches.are_ready() {
            tokio::task::yield_now().await;
        }
        spawn(Box::pin(provideraccount::run(context.clone(), self.stop.clone())));
        if controllers == Controllers::AccountsAndJobs {
            spawn(Box::pin(videojob::controller::run(context, self.stop.clone())));
        }
        Ok(())
    }

    /// Waits until everything that has been asked for was looked at: an account and a job that are edited now have their
    /// turn after all that wait already, and twice, because a look at the one may ask for a look at the other.
    pub async fn until_quiet(&self) {
        for _ in 0..2 {
            self.looked_at("provideraccounts").await;
            self.looked_at("videojobs").await;
        }
    }

    async fn looked_at(&self, resource: &str) {
        self.edit(resource, MARKER, |_| ());
        self.server
            .until(|server| server.get(resource, NAMESPACE, MARKER).is_some_and(|it| is_current(&it)))
            .await;
    }

    /// Edits an object's spec.
    pub fn edit(&self, resource: &str, name: &str, change: impl FnOnce(&mut Value)) {
        self.server.change(resource, NAMESPACE, name, |object| {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
            object["metadata"]["generation"] = json!(generation + 1);
            change(&mut object["spec"]);
        });
    }

    /// The status of an object.
    #[must_use]
    pub fn status(&self, resource: &str, name: &str) -> Value {
        self.server.get(resource, NAMESPACE, name).map(|object| object["status"].clone()).unwrap_or_default()
    }
}

/// Whether the operator has looked at the spec as it is.
#[must_use]
pub fn is_current(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// Calls that were made meanwhile, without those of the markers' looks.
#[must_use]
pub fn since(before: &Calls, after: &Calls) -> Calls {
    let more = |(call, times): (&(&'static str, String), &u64)| {
        let earlier = before.get(call).copied().unwrap_or_default();
        (*times > earlier).then(|| (call.clone(), times - earlier))
    };
    after.iter().filter_map(more).collect()
}

fn policy() -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": NAMESPACE, "generation": 1},
        "spec": {
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"},
        },
        "status": {"observedGeneration": 1, "conditions": [{
            "type": "Ready", "status": "True", "reason": "Available", "message": "fit", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    })
}

fn account(name: &str, url: &str, quota: &Value, status: &Value) -> Value {
    let mut spec = json!({"provider": "Gemini", "endpoint": url, "secretRef": {"name": name}});
    for (field, value) in quota.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec, "status": status,
    })
}

/// The status of a job whose first run has begun: nothing about it has to be asked of its bucket, which is not there.
#[must_use]
pub fn begun() -> Value {
    json!({"observedGeneration": -1, "run": 1, "id": "00000000"})
}

/// A job whose script the account writes.
#[must_use]
pub fn job(name: &str, more: &Value, status: &Value) -> Value {
    let mut spec = json!({
        "topic": "the deep", "providers": {"script": {"accountRef": {"name": ACCOUNT}}},
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec, "status": status,
    })
}

/// A quota of so many scripts in two hours.
#[must_use]
pub fn quota(limit: u32) -> Value {
    json!([{"name": "scripts", "limit": limit, "period": "2h", "window": "Rolling", "unit": "Requests"}])
}

/// The status of an account of whose quota so much was spent a moment ago.
#[must_use]
pub fn spent(units: u32, now: Timestamp) -> Value {
    json!({"observedGeneration": 1, "quotas": [
        {"name": "scripts", "spent": [{"at": now.to_string(), "units": units}]},
    ]})
}
