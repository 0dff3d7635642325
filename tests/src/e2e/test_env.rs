//! The environment of one test: a namespace with a bucket of its own; deleted after the test, and dumped if it failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{StoragePolicy, VideoJob};

use super::bucket::BucketView;
use super::operator::absent_is_fine;
use super::pods::{self, OverlapMonitor};
use super::{faults, kubectl, site, wait};
use crate::r2_proxy::Fault;

/// Who the tests are, where the API server asks.
pub const MANAGER: &str = "videofactory-tests";

/// Label of a test's namespace: which test.
const TEST: &str = "videofactory.dev/test";

/// What is kept of a test that failed.
const OBJECTS: &str = "videojobs,provideraccounts,storagepolicies,channels,jobs,pods";

/// The environment of one test. Cheap to clone.
#[derive(Clone)]
pub struct TestEnv {
    /// A client of the cluster.
    pub client: Client,
    /// The test's namespace.
    pub namespace: String,
    /// What its jobs have in the bucket.
    pub bucket_view: Arc<BucketView>,
    /// Sees all pods.
    pub monitor: OverlapMonitor,
}

/// Longest time of a test, so that one that hangs does not keep the others from running.
const TIMEOUT: Duration = Duration::from_mins(20);

/// Runs a test in a namespace of its own, in which jobs can run. Whatever it does, two pods of one step at once fail it.
///
/// # Panics
/// If the test fails: after its objects, events and logs were kept in the folder of logs.
pub async fn in_test_env<F>(name: &str, test: impl FnOnce(TestEnv) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let short: String = name.replace('_', "-").chars().take(36).collect();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let namespace = format!("e2e-{}-{}", short.trim_matches('-'), &random[..6]);
    in_named_test_env(namespace, name, test).await;
}

/// Runs a test in a namespace of this very name.
///
/// # Panics
/// If the test fails, or somebody else has the namespace.
#[expect(clippy::panic, clippy::print_stdout, reason = "a test fails by it; a run shows where its time goes")]
pub async fn in_named_test_env<F>(namespace: String, name: &str, test: impl FnOnce(TestEnv) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let env = match TestEnv::open(namespace, name).await {
        Ok(env) => env,
        Err(error) => panic!("{name} could not begin: {error:#}"),
    };
    let begun = Instant::now();
    let ended = timeout(TIMEOUT, AssertUnwindSafe(test(env.clone())).catch_unwind()).await;
    println!("{name} took {} s", begun.elapsed().as_secs());
    let ended = match ended {
        Ok(Ok(Ok(()))) => env.check_pods().await.map_err(|error| format!("{error:#}")),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Err(panic)) => Err(panic_text(panic.as_ref())),
        Err(_) => Err(format!("it had not ended after {} minutes", TIMEOUT.as_secs() / 60)),
    };
    if ended.is_err() {
        env.keep_evidence().await;
    }
    let closed = env.close().await;
    if let Err(why) = ended {
        panic!("{name}: {why}");
    }
    if let Err(error) = closed {
        panic!("{name} could not clear up: {error:#}");
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}

impl TestEnv {
    async fn open(namespace: String, name: &str) -> anyhow::Result<Self> {
        let client = site::client().await?;
        let monitor = tokio::task::spawn_blocking(OverlapMonitor::shared).await??;
        let keys = credentials(&client).await?;
        let bucket_view = Arc::new(BucketView::open(&format!("{namespace}/"), &keys.0, &keys.1)?);
        let env = Self { client, namespace, bucket_view, monitor };
        env.make_namespace(name).await?;
        env.put(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": site::SECRET},
            "stringData": {"accessKeyId": keys.0, "secretAccessKey": keys.1},
        }))
        .await?;
        env.put(env.policy("default")).await?;
        Ok(env)
    }

    async fn make_namespace(&self, test: &str) -> anyhow::Result<()> {
        self.vacant().await?;
        let label: String = test.chars().take(63).collect();
        let namespace: Namespace = serde_json::from_value(json!({
            "metadata": {"name": self.namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                TEST: label.trim_matches('_'),
            }},
        }))?;
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await?;
        // Pods are refused before the namespace has its ServiceAccount.
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = self.api();
        wait::until(&accounts, wait::named("default"), "the namespace's ServiceAccount", |all| {
            (!all.is_empty()).then_some(())
        })
        .await
    }

    /// Waits until an earlier test has left a namespace of this name; whoever else has it keeps it.
    async fn vacant(&self) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let name = &self.namespace;
        let Some(found) = namespaces.get_opt(name).await? else { return Ok(()) };
        anyhow::ensure!(
            found.labels().contains_key(TEST),
            "the namespace {name} is on this cluster and is no test's; use another cluster"
        );
        absent_is_fine(namespaces.delete(name, &DeleteParams::background()).await.map(drop))?;
        wait::until(&namespaces, wait::named(name), "an earlier test's namespace to be gone", |all| {
            all.is_empty().then_some(())
        })
        .await
    }

    /// A `StoragePolicy` of this name for the test's part of the bucket.
    #[must_use]
    pub fn policy(&self, name: &str) -> Value {
        json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy", "metadata": {"name": name},
            "spec": {
                "bucket": {
                    "endpoint": site::ENDPOINT, "name": site::BUCKET,
                    "prefix": format!("{}/", self.namespace), "secretRef": {"name": site::SECRET},
                },
                "capacity": {"limit": "10G"},
            },
        })
    }

    /// Waits until nothing is left of other tests: what is counted from now on is this one's.
    pub async fn wait_for_others(&self) -> anyhow::Result<()> {
        let which = watcher::Config::default().labels(TEST);
        wait::until(&Api::<Namespace>::all(self.client.clone()), which, "other tests to be gone", |all| {
            all.keys().all(|name| *name == self.namespace).then_some(())
        })
        .await
    }

    /// Fails where others have films or buckets: what the test does would reach them.
    pub async fn ensure_no_others(&self) -> anyhow::Result<()> {
        self.wait_for_others().await?;
        let mut others = elsewhere::<VideoJob>(self).await?;
        others.extend(elsewhere::<StoragePolicy>(self).await?);
        anyhow::ensure!(
            others.is_empty(),
            "this test stops all films and prunes all buckets of the cluster, and some are others': {}; use a cluster \
             of its own",
            others.join(", ")
        );
        Ok(())
    }

    /// The objects of a kind in the test's namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies an object, whatever its kind, into the namespace.
    pub async fn put(&self, object: Value) -> anyhow::Result<()> {
        let said = kubectl::kubectl(
            &[
                "-n",
                &self.namespace,
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager",
                MANAGER,
                "-f",
                "-",
            ],
            &object.to_string(),
        )
        .await?;
        anyhow::ensure!(said.well, "failed to apply {object}: {}", said.err);
        Ok(())
    }

    /// Changes an object by a merge patch.
    pub async fn patch<K>(&self, name: &str, patch: &Value) -> anyhow::Result<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        Ok(self.api::<K>().patch(name, &params, &Patch::Merge(patch)).await?)
    }

    /// Makes these the only faults of the test's part of the bucket.
    pub async fn faults(&self, faults: Vec<Fault>) -> anyhow::Result<()> {
        faults::set(&format!("{}/", self.namespace), faults).await
    }

    /// Waits until for each of these ends a request for a key that ends so is held back; the keys, in their order.
    pub async fn holds(&self, ends: &[&str]) -> anyhow::Result<Vec<String>> {
        wait::asked(&format!("requests for {ends:?} to be held"), async || {
            let held = faults::held(&format!("{}/", self.namespace)).await?;
            Ok(ends.iter().map(|end| held.iter().find(|key| key.ends_with(end)).cloned()).collect())
        })
        .await
    }

    /// Waits until the `StoragePolicy` says Ready with this status and reason.
    pub async fn policy_says(&self, name: &str, ready: &str, reason: &str) -> anyhow::Result<()> {
        let what = format!("StoragePolicy {name} to be Ready={ready} for {reason}");
        wait::until(&self.api::<StoragePolicy>(), wait::named(name), &what, |all| {
            let conditions = &all.values().next()?.status.as_ref()?.conditions;
            let found = condition::get(conditions, ConditionType::Ready)?;
            (found.status == ready && found.reason == reason).then_some(())
        })
        .await
    }

    /// Waits until no pod of the namespace is alive.
    pub async fn no_live_pods(&self) -> anyhow::Result<()> {
        self.every_pod("to end", has_ended).await
    }

    /// Waits until each pod of the namespace has ended or been asked to.
    pub async fn no_pod_continues(&self) -> anyhow::Result<()> {
        let is_stopped = |pod: &Pod| has_ended(pod) || pod.metadata.deletion_timestamp.is_some();
        self.every_pod("to be stopped", is_stopped).await
    }

    async fn every_pod(&self, what: &str, is_so: impl Fn(&Pod) -> bool) -> anyhow::Result<()> {
        wait::until(&self.api::<Pod>(), watcher::Config::default(), &format!("all pods {what}"), |all| {
            all.values().all(&is_so).then_some(())
        })
        .await
    }

    /// Never were two pods of one step alive, and the monitor has seen all of them.
    async fn check_pods(&self) -> anyhow::Result<()> {
        let ours = ListParams::default().labels(pods::UID);
        wait::asked("the monitor to have seen all pods", async || {
            self.monitor.ensure_alive()?;
            let unseen = self.monitor.unseen(&self.api::<Pod>().list(&ours).await?.items);
            Ok(unseen.is_empty().then_some(()))
        })
        .await?;
        let jobs = self.api::<VideoJob>().list(&ListParams::default()).await?;
        let violations: Vec<String> =
            jobs.iter().flat_map(|job| self.monitor.violations(&job.uid().unwrap_or_default())).collect();
        anyhow::ensure!(violations.is_empty(), "{}", violations.join("; "));
        Ok(())
    }

    /// What there is to be known: objects, Events and logs.
    pub async fn evidence(&self) -> String {
        let mut text = String::new();
        let ns = self.namespace.as_str();
        for arguments in [
            &["get", OBJECTS, "-o", "wide"] as &[&str],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &["get", OBJECTS, "-o", "yaml"],
            &[
                "logs",
                "--all-containers",
                "--prefix",
                "--tail=200",
                "-l",
                "app.kubernetes.io/name=videofactory",
            ],
            &["-n", site::SYSTEM, "logs", "deployment/videofactory-operator", "--tail=400"],
        ] {
            let arguments: Vec<&str> = ["-n", ns].into_iter().chain(arguments.iter().copied()).collect();
            let said = kubectl::kubectl(&arguments, "").await;
            let said = said.map_or_else(|error| format!("{error:#}"), |said| said.out + &said.err);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "=== kubectl {}\n{said}", arguments.join(" "));
        }
        text
    }

    /// Writes what there is to be known into the folder of logs.
    async fn keep_evidence(&self) {
        let (text, ns) = (self.evidence().await, &self.namespace);
        let kept = site::logs().and_then(|folder| {
            let path = folder.join(format!("{ns}.txt"));
            std::fs::write(&path, text)?;
            Ok(path)
        });
        match kept {
            Ok(path) => eprintln!("what is known of the failure is in {}", path.display()),
            Err(error) => eprintln!("nothing is kept of the failure: {error:#}"),
        }
    }

    async fn close(&self) -> anyhow::Result<()> {
        self.faults(Vec::new()).await?;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::background())
            .await
            .context("failed to delete the namespace")?;
        // Pods that still run would be given a minute, and Kubernetes looks again only after half of it: tests that wait
        // until all others are gone would wait for that.
        let at_once = DeleteParams::default().grace_period(0);
        let pods = self.api::<Pod>().delete_collection(&at_once, &ListParams::default()).await;
        pods.map(drop).context("failed to delete the namespace's pods")
    }
}

/// The objects of a kind in other namespaces, as `<namespace>/<name>`.
async fn elsewhere<K>(env: &TestEnv) -> anyhow::Result<Vec<String>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let all = Api::<K>::all(env.client.clone()).list(&ListParams::default()).await?;
    let named = |object: K| (object.namespace().unwrap_or_default(), object.name_any());
    let others = all.items.into_iter().map(named).filter(|(namespace, _)| *namespace != env.namespace);
    Ok(others.map(|(namespace, name)| format!("{namespace}/{name}")).collect())
}

/// The keys of the S3 server.
async fn credentials(client: &Client) -> anyhow::Result<(String, String)> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), site::SYSTEM);
    let secret = secrets.get(site::SECRET).await.context("failed to read the S3 server's credentials")?;
    let data: BTreeMap<_, _> = secret.data.unwrap_or_default();
    let value = |key: &str| -> anyhow::Result<String> {
        let bytes = data.get(key).with_context(|| format!("Secret {} has no key {key}", site::SECRET))?;
        Ok(String::from_utf8(bytes.0.clone())?)
    };
    Ok((value("accessKeyId")?, value("secretAccessKey")?))
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
