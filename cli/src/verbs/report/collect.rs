//! Collects what a report holds.

use futures::{StreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DynamicObject, ListParams, LogParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use videofactory_client::{list_all, within};
use videofactory_crds::labels::{OPERATOR_CONTAINER, OPERATOR_NAME, STEPS, WORKER};
use videofactory_crds::{Channel, GROUP, ProviderAccount, StepName, StoragePolicy, VideoJob};

use super::{File, redact};
use crate::context::Context;
use crate::exit::Error;
use crate::flags::Scope;
use crate::operator::{DEFAULT_NAMESPACE, LABELS, namespace_of};

/// Logs that are read at once.
const CONCURRENCY: usize = 4;
/// Most logs of steps: a large installation has thousands.
const MAX_LOGS: usize = 50;

/// What was collected, and what could not be.
#[derive(Debug, Default)]
pub struct Collected {
    files: Vec<File>,
    missing: Vec<String>,
}

impl Collected {
    /// Adds a file, without what looks like a secret.
    pub fn add(&mut self, path: impl Into<String>, text: impl AsRef<str>) {
        self.files.push(File { path: path.into(), text: redact::text(text.as_ref()) });
    }

    /// Says why a file is not there.
    pub fn miss(&mut self, path: &str, why: &str) {
        self.missing.push(format!("{path}: {}\n", redact::text(why)));
    }

    /// All files, and how many are missing.
    #[must_use]
    pub fn end(mut self) -> (Vec<File>, usize) {
        let missing = self.missing.len();
        if missing > 0 {
            self.files.push(File { path: "missing.txt".to_owned(), text: self.missing.concat() });
        }
        (self.files, missing)
    }
}

/// Collects all.
pub async fn all(collected: &mut Collected, scope: Scope, tail: i64, context: &Context) -> Result<(), Error> {
    let client = context.cluster.client()?;
    let namespace = context.scope(scope.all_namespaces);
    versions(collected, &client).await;
    let here = namespace.as_deref();
    for kind in [
        ApiResource::erase::<Channel>(&()),
        ApiResource::erase::<ProviderAccount>(&()),
        ApiResource::erase::<StoragePolicy>(&()),
        ApiResource::erase::<VideoJob>(&()),
        ApiResource::erase::<Event>(&()),
    ] {
        objects(collected, &client, here, &kind, None).await;
    }
    for kind in [ApiResource::erase::<Job>(&()), ApiResource::erase::<Pod>(&())] {
        objects(collected, &client, here, &kind, Some(STEPS)).await;
    }
    logs(collected, &client, here, STEPS, tail).await;
    let operator = namespace_of(&context.cluster).await.unwrap_or_else(|_| DEFAULT_NAMESPACE.to_owned());
    let there = Some(operator.as_str());
    for (kind, selector) in [
        (ApiResource::erase::<Deployment>(&()), None),
        (ApiResource::erase::<Pod>(&()), Some(LABELS)),
        (ApiResource::erase::<Lease>(&()), None),
    ] {
        objects(collected, &client, there, &kind, selector).await;
    }
    // Those of all namespaces, or of this one, are there already.
    if here.is_some_and(|here| here != operator) {
        objects(collected, &client, there, &ApiResource::erase::<Event>(&()), None).await;
    }
    logs(collected, &client, there, LABELS, tail).await;
    Ok(())
}

async fn versions(collected: &mut Collected, client: &Client) {
    let cluster = within("get the API server's version", client.apiserver_version()).await;
    let cluster = match cluster {
        Ok(version) => version.git_version,
        Err(error) => error.for_people(),
    };
    let plugin = env!("CARGO_PKG_VERSION");
    collected.add("versions.txt", format!("kubectl-videofactory {plugin}\nKubernetes {cluster}\n"));
}

/// The objects of a kind that are ours, in a file for each namespace. What is chosen by the operator's labels has one of its
/// own: steps may run in its namespace.
async fn objects(
    collected: &mut Collected,
    client: &Client,
    namespace: Option<&str>,
    kind: &ApiResource,
    selector: Option<&str>,
) {
    let whose = if selector == Some(LABELS) { "operator-" } else { "" };
    let file = |place: &str| format!("objects/{place}/{whose}{}.yaml", kind.plural);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
        None => Api::all_with(client.clone(), kind),
    };
    let mut found: Vec<DynamicObject> = Vec::new();
    let ask = |params: ListParams| {
        let params = match selector {
            Some(selector) => params.labels(selector),
            None => params,
        };
        let api = api.clone();
        async move { api.list(&params).await }
    };
    let take = |object: DynamicObject| {
        if is_ours(&object, kind) {
            found.push(object);
        }
    };
    let listed = list_all(&format!("list the {}", kind.plural), ask, take).await;
    if let Err(error) = listed {
        collected.miss(&file(namespace.unwrap_or("all")), &error.for_people());
        return;
    }
    found.sort_by_key(|object| (object.namespace(), object.name_any()));
    for same in found.chunk_by(|one, other| one.namespace() == other.namespace()) {
        let place = same.first().and_then(ResourceExt::namespace).unwrap_or_default();
        let items: Vec<Value> = same.iter().map(|object| written(object, kind)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let text = serde_yaml_ng::to_string(&list).unwrap_or_default();
        collected.add(file(&place), text);
    }
}

/// Whether an object is of the operator, of a step or of our kinds, where others live in the same namespace.
fn is_ours(object: &DynamicObject, kind: &ApiResource) -> bool {
    match kind.kind.as_str() {
        "Event" => is_about_ours(&object.data["involvedObject"]),
        "Deployment" => {
            let labels = &object.data["spec"]["template"]["metadata"]["labels"];
            let has = |label: &str| label.split_once('=').is_some_and(|(name, value)| labels[name] == value);
            LABELS.split(',').all(has)
        }
        // These are listed by our labels, or are no one else's.
        _ => true,
    }
}

/// Whether what an Event speaks of is ours. Jobs and pods may be gone, so it is decided by the names that they are given.
fn is_about_ours(object: &Value) -> bool {
    let word = |field: &str| object[field].as_str().unwrap_or_default();
    let name = word("name");
    word("apiVersion").starts_with(GROUP)
        || name.starts_with(OPERATOR_NAME)
        || StepName::ALL.iter().any(|step| name.contains(&format!("-{step}-")))
}

fn written(object: &DynamicObject, kind: &ApiResource) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = json!(kind.api_version);
    value["kind"] = json!(kind.kind);
    redact::object(&mut value);
    value
}

/// The logs of pods with these labels; those that failed or were begun last come first.
async fn logs(
    collected: &mut Collected,
    client: &Client,
    namespace: Option<&str>,
    selector: &str,
    tail: i64,
) {
    let api: Api<Pod> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let params = ListParams::default().labels(selector);
    // That pods cannot be listed was said before.
    let Ok(list) = within("list the pods", api.list(&params)).await else { return };
    let mut pods = list.items;
    pods.sort_by_key(|pod| std::cmp::Reverse((has_failed(pod), pod.creation_timestamp())));
    pods.truncate(MAX_LOGS);
    let read = stream::iter(pods).map(|pod| read(client, pod, tail)).buffered(CONCURRENCY);
    let read: Vec<_> = read.collect().await;
    for (path, log) in read.into_iter().flatten() {
        match log {
            Ok(text) => collected.add(path, text),
            Err(why) => collected.miss(&path, &why),
        }
    }
}

fn has_failed(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed")
}

/// The container of ours: others may have been put beside it.
fn container(pod: &Pod) -> Option<String> {
    let names: Vec<&str> =
        pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.as_str()).collect();
    let ours = names.iter().find(|name| matches!(**name, WORKER | OPERATOR_CONTAINER)).or(names.first());
    ours.map(|name| (*name).to_owned())
}

/// The log of a pod, and of the container before if that was started again.
async fn read(client: &Client, pod: Pod, tail: i64) -> Vec<(String, Result<String, String>)> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let restarted = statuses.into_iter().flatten().any(|status| status.restart_count > 0);
    let mut logs = Vec::new();
    for (previous, suffix) in [(false, ""), (true, ".previous")] {
        if previous && !restarted {
            continue;
        }
        let params = LogParams {
            previous,
            tail_lines: Some(tail),
            container: container(&pod),
            ..LogParams::default()
        };
        let what = format!("read the log of pod {namespace}/{name}");
        let log = within(what, api.logs(&name, &params)).await.map_err(|error| error.for_people());
        logs.push((format!("logs/{namespace}/{name}{suffix}.log"), log));
    }
    logs
}
