//! The API over stores that a test fills, an API server and a bucket in memory.

mod api_server;
mod bucket;
pub mod documented;
mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use bytes::Bytes;
use futures::{StreamExt, future, stream};
use http_body_util::BodyExt;
use kube::runtime::reflector::store::{Writer, store};
use kube::runtime::watcher::Event;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use videofactory_client::{JobRef, connect};
use videofactory_crds::{Channel, ProviderAccount, StepName, StoragePolicy, VideoJob};
use videofactory_pipeline::contract::Progress;
use videofactory_storage::{Bucket, BucketConfig};

pub use api_server::{Cluster, Creation, Patching, merge};
pub use bucket::Files;
pub use events::Events;

use crate::access::UserClientSource;
use crate::changes::{Change, ChangeFeed};
use crate::path;
use crate::state::{Guarded, MetricsFormat, Process, State, Stores};
use crate::writes;

/// A token whose owner may all.
pub const ROOT: &str = "root";
/// A token whose owner may all in the namespace `films`, and nothing elsewhere.
pub const FILMS: &str = "films";
/// UID of the job that [`job`] makes.
pub const UID: &str = "0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e00";
/// The digest in the keys of [`job`]'s files.
pub const DIGEST: &str = "0123456789abcdef0123456789abcdef";

/// What routes are tested over.
pub struct Harness {
    /// The routes' state.
    pub state: State,
    /// What the API server knows beside objects of ours.
    pub cluster: Cluster,
    /// What is in the bucket.
    pub files: Files,
    router: Router,
    process: Arc<TestProcess>,
    jobs: Writer<Guarded<VideoJob>>,
    policies: Writer<Guarded<StoragePolicy>>,
    accounts: Writer<Guarded<ProviderAccount>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: impl AsRef<str>) -> &str {
        self.headers.get(name.as_ref()).map_or("", |value| value.to_str().unwrap())
    }
}

impl Harness {
    /// With a policy, and no job.
    pub async fn new() -> Self {
        let cluster = Cluster::default();
        let files = Files::default();
        let config = kube::Config::new(serve(cluster.router()).await.parse().unwrap());
        let client = connect(config.clone(), "test").unwrap();
        let process = Arc::new(TestProcess {
            endpoint: serve(files.router()).await,
            progress: Mutex::default(),
            answered: Mutex::default(),
            unwatched: Mutex::default(),
        });
        let (videojobs, jobs) = store();
        let (channels, _) = store::<Guarded<Channel>>();
        let (account_store, accounts) = store();
        let (policy_store, policies) = store();
        let stores = Stores {
            videojobs,
            changes: ChangeFeed::default(),
            channels,
            accounts: account_store,
            policies: policy_store,
        };
        let state = State::new(client, config, stores, process.clone(), CancellationToken::new());
        let router = crate::router(state.clone());
        let mut harness = Self { state, cluster, files, router, process, jobs, policies, accounts };
        harness.put_policy(policy("films", &json!({})));
        harness
    }

    /// The same, as a proxy on the machine of [`ROOT`]'s owner serves it, without what it asks of the operator.
    pub fn through_a_proxy(self) -> Self {
        let root = self.state.clients.of_token(ROOT).unwrap();
        let nowhere = async || path::unknown_route();
        let router = writes::router(UserClientSource::One(root), None)
            .fallback(nowhere)
            .method_not_allowed_fallback(nowhere);
        Self { router, ..self }
    }

    pub fn put(&mut self, job: Value) {
        let changed = named(&job);
        self.jobs.apply_watcher_event(&Event::Apply(read(job)));
        self.state.stores.changes.publish(|| changed);
    }

    pub fn remove(&mut self, job: Value) {
        let changed = named(&job);
        self.jobs.apply_watcher_event(&Event::Delete(read(job)));
        self.state.stores.changes.publish(|| changed);
    }

    pub fn put_policy(&mut self, policy: Value) {
        self.policies.apply_watcher_event(&Event::Apply(read(policy)));
    }

    pub fn put_account(&mut self, account: Value) {
        self.accounts.apply_watcher_event(&Event::Apply(read(account)));
    }

    /// What the worker of a step of the job `films/ocean` says.
    pub fn say(&self, step: StepName, progress: Progress) {
        self.process.progress.lock().insert(step, progress);
        self.state.stores.changes.publish(|| named(&made()));
    }

    /// The operator may not read this namespace.
    pub fn leave_out(&self, namespace: &str) {
        self.process.unwatched.lock().insert(namespace.to_owned());
    }

    /// The routes that were measured, with their status.
    pub fn answered(&self) -> Vec<(String, u16)> {
        self.process.answered.lock().clone()
    }

    /// Asks with a token, unless it is empty; a POST with an empty object.
    pub async fn ask(&self, method: &str, path: &str, token: &str, headers: &[(HeaderName, &str)]) -> Answer {
        self.send(method, path, token, headers, if method == "POST" { "{}" } else { "" }).await
    }

    /// The same with this body, as JSON.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(HeaderName, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = if events::are_in(&parts.headers) {
            // They have no end of their own.
            Events::new(body).until_synced().await
        } else {
            body.collect().await.unwrap().to_bytes()
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Asks with a token, and reads nothing but the answer's status yet.
    pub async fn unread(&self, path: &str, token: &str) -> (StatusCode, Body) {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        (response.status(), response.into_body())
    }

    /// Follows the jobs, with a token.
    pub async fn follow(&self, path: &str, token: &str) -> Events {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Events::new(response.into_body())
    }

    /// Sends the beginning of a JSON body, and never its end; `waits` is notified when that is waited for.
    pub async fn send_slowly(
        &self,
        method: &str,
        path: &str,
        token: &str,
        waits: oneshot::Sender<()>,
    ) -> StatusCode {
        let rest = async {
            let _ = waits.send(());
            future::pending().await
        };
        let beginning = stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::once(rest));
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from_stream(beginning)).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// Puts a job where the API server has it.
    pub fn know(&self, job: Value) {
        let [namespace, name] = ["namespace", "name"].map(|field| job["metadata"][field].as_str().unwrap());
        let path = format!("/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/videojobs/{name}");
        self.cluster.objects.lock().insert(path, job);
    }

    /// A job as the API server has it.
    pub fn known(&self, namespace: &str, name: &str) -> Value {
        let path = format!("/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/videojobs/{name}");
        self.cluster.objects.lock()[&path].clone()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, ROOT, &[]).await
    }
}

struct TestProcess {
    endpoint: String,
    progress: Mutex<BTreeMap<StepName, Progress>>,
    answered: Mutex<Vec<(String, u16)>>,
    unwatched: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Process for TestProcess {
    fn is_ready(&self) -> bool {
        true
    }

    fn is_leader(&self) -> bool {
        true
    }

    fn unwatched(&self) -> BTreeSet<String> {
        self.unwatched.lock().clone()
    }

    fn metrics(&self, format: MetricsFormat) -> Result<String, std::fmt::Error> {
        Ok(format!("{format:?}"))
    }

    fn answered(&self, route: &str, _method: &str, status: u16, _took: Duration) {
        self.answered.lock().push((route.to_owned(), status));
    }

    async fn progress(&self, job: &VideoJob) -> BTreeMap<StepName, Progress> {
        let is_ocean = job.metadata.uid.as_deref() == Some(UID);
        if is_ocean { self.progress.lock().clone() } else { BTreeMap::new() }
    }

    async fn bucket(&self, _policy: &StoragePolicy) -> Result<Bucket, String> {
        let config = BucketConfig {
            endpoint: self.endpoint.clone(),
            public_endpoint: None,
            bucket: "videos".to_owned(),
            region: "auto".to_owned(),
            prefix: String::new(),
            access_key: "id".into(),
            secret_key: "word".into(),
        };
        Bucket::connect(&config).map_err(|error| error.to_string())
    }

    async fn cluster(&self) -> Option<String> {
        Some("this-cluster".to_owned())
    }
}

/// Serves on this machine until the runtime ends; the URL.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn named(job: &Value) -> Change {
    let [namespace, name] =
        ["namespace", "name"].map(|field| job["metadata"][field].as_str().unwrap().to_owned());
    Change::Job(JobRef { namespace, name })
}

fn read<K: DeserializeOwned + kube::Resource>(object: Value) -> Guarded<K> {
    serde_json::from_value(object).unwrap()
}

/// A job in a namespace, with a status.
pub fn job(namespace: &str, name: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{namespace}-{name}"),
                     "creationTimestamp": "2026-12-24T18:00:00Z"},
        "spec": {"topic": "the ocean", "channelRef": {"name": "deep-sea"}},
        "status": status,
    })
}

/// The job `films/ocean`, whose film is made.
pub fn made() -> Value {
    let key = |kind: &str, extension: &str| format!("{kind}/films/ocean-3f9c2a1e/r1/{DIGEST}.{extension}");
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Completed", "message": "done",
               "lastTransitionTime": "2026-12-24T19:00:00Z"})
    };
    let mut job = job(
        "films",
        "ocean",
        &json!({
            "id": "3f9c2a1e", "run": 1, "phase": "Succeeded", "progress": "9/9",
            "conditions": [condition("Ready"), condition("Succeeded")],
            "cost": {"estimated": "1.90", "actual": "0.56"},
            "steps": [{"name": "assemble-video", "state": "Succeeded", "attempt": 2, "job": "ocean-assemble-video-2-abc123",
                       "startedAt": "2026-12-24T18:30:00Z"}],
            "artifacts": {
                "video": {"key": key("videos", "mp4"), "size": 200, "duration": 12.5},
                "thumbnail": {"key": key("thumbnails", "jpg"), "size": 3},
                "captions": [{"key": key("captions", "srt")}, {"key": key("captions", "vtt")}],
            },
        }),
    );
    job["metadata"]["uid"] = json!(UID);
    job
}

/// The policy `default` of a namespace.
pub fn policy(namespace: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                 "capacity": {"limit": "10G"}},
        "status": status,
    })
}

/// The account `grok` of a namespace.
pub fn account(namespace: &str) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
        "metadata": {"name": "grok", "namespace": namespace},
        "spec": {"provider": "XAI", "secretRef": {"name": "grok"},
                 "quotas": [{"name": "generations", "limit": 25, "period": "2h"}]},
        "status": {"quotas": [{"name": "generations", "limit": 25, "used": 25, "reserved": 0,
                               "nextUnitAt": "2026-12-24T20:00:00Z"}],
                   "waiting": 1, "waiters": [{"name": "ocean", "step": "animate-scenes", "units": {"generations": 1}}]},
    })
}
