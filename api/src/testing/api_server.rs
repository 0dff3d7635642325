//! An API server that knows two people, what they may, and a few pods and events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use videofactory_crds::GROUP;

use super::{FILMS, ROOT};
use crate::access::bearer;

/// What it knows.
#[derive(Clone, Default)]
pub struct Cluster {
    /// Each with a container that has logged `lines of <name>`.
    pub pods: Arc<Mutex<Vec<Value>>>,
    pub events: Arc<Mutex<Vec<Value>>>,
    /// Most events that it gave at once.
    pub longest_page: Arc<AtomicUsize>,
    /// Verb and resource that the owner of `films` may not, even there.
    pub forbidden: Arc<Mutex<Vec<(String, String)>>>,
    /// Objects of ours, by path.
    pub objects: Arc<Mutex<HashMap<String, Value>>>,
    /// Tokens that it does not know any more.
    pub expired: Arc<Mutex<Vec<String>>>,
    /// Whether it answers nothing about tokens.
    pub is_away: Arc<AtomicBool>,
    /// How often it was asked what somebody may.
    pub reviews: Arc<AtomicUsize>,
    /// `StoragePolicy`s, in its list.
    pub policies: Arc<Mutex<Vec<Value>>>,
    /// What becomes of jobs that are to be made, one after the other; of those beyond, [`Creation::Fails`].
    pub creations: Arc<Mutex<VecDeque<Creation>>>,
    /// What becomes of patches of our objects, one after the other; those beyond work.
    pub patches: Arc<Mutex<VecDeque<Patching>>>,
    /// Paths of the objects that were changed.
    pub changed: Arc<Mutex<Vec<String>>>,
}

/// What becomes of a patch.
#[derive(Clone)]
pub enum Patching {
    /// It is made.
    Works,
    /// It is made when the test has met it here twice.
    Waits(Arc<Barrier>),
    /// It is made, and whoever asked does not hear of it.
    AnswerLost,
    /// Nobody may.
    Refused,
    /// The server has too much to do.
    IsThrottled,
    /// The server breaks off.
    Fails,
}

/// What becomes of a job that is to be made.
#[derive(Clone)]
pub enum Creation {
    /// It is made.
    Works,
    /// It is made when the test has met it here twice.
    Waits(Arc<Barrier>),
    /// It is made, and whoever asked does not hear of it.
    AnswerLost,
    /// There is no room for it.
    Refused,
    /// There is none when the test has met it here twice.
    RefusedLater(Arc<Barrier>),
    /// The server has too much to do.
    IsThrottled,
    /// The server breaks off.
    Fails,
}

impl Cluster {
    pub fn router(&self) -> Router {
        Router::new()
            .route("/apis/authentication.k8s.io/v1/tokenreviews", post(review_token))
            .route("/apis/authorization.k8s.io/v1/subjectaccessreviews", post(review_access))
            .route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", post(review_own_access))
            .route("/api/v1/namespaces/{namespace}/pods", get(pods))
            .route("/api/v1/namespaces/{namespace}/pods/{pod}/log", get(log))
            .route("/api/v1/namespaces/{namespace}/events", get(events))
            .route("/apis/videofactory.dev/v1alpha1/{resource}", get(nothing))
            .route("/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/{resource}", get(nothing))
            .route("/apis/videofactory.dev/v1alpha1/videojobs", get(jobs))
            .route("/apis/videofactory.dev/v1alpha1/storagepolicies", get(policies))
            .route(
                "/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/storagepolicies/default",
                get(policy).patch(patch_policy),
            )
            .route("/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/videojobs", get(jobs).post(create))
            .fallback(object)
            .with_state(self.clone())
    }

    fn may(&self, user: &str, asked: &Value) -> bool {
        let of = &asked["resourceAttributes"];
        let [verb, resource, part] =
            ["verb", "resource", "subresource"].map(|field| of[field].as_str().unwrap_or_default());
        let resource = [resource, part].join("/").trim_end_matches('/').to_owned();
        let forbidden = self.forbidden.lock().contains(&(verb.to_owned(), resource));
        user == ROOT || (user == FILMS && of["namespace"] == "films" && !forbidden)
    }
}

async fn review_token(
    Shared(cluster): Shared<Cluster>,
    Json(mut review): Json<Value>,
) -> Result<Json<Value>, Response> {
    if cluster.is_away.load(Ordering::Relaxed) {
        return Err(status(StatusCode::INTERNAL_SERVER_ERROR, "it is away"));
    }
    let token = review["spec"]["token"].as_str().unwrap_or_default().to_owned();
    let known = [ROOT, FILMS].contains(&token.as_str()) && !cluster.expired.lock().contains(&token);
    review["status"] =
        json!({"authenticated": known, "user": {"username": token, "groups": ["system:authenticated"]}});
    Ok(Json(review))
}

async fn review_access(Shared(cluster): Shared<Cluster>, Json(mut review): Json<Value>) -> Json<Value> {
    cluster.reviews.fetch_add(1, Ordering::Relaxed);
    let user = review["spec"]["user"].as_str().unwrap_or_default().to_owned();
    review["status"] = json!({"allowed": cluster.may(&user, &review["spec"])});
    Json(review)
}

async fn review_own_access(
    Shared(cluster): Shared<Cluster>,
    headers: HeaderMap,
    Json(mut review): Json<Value>,
) -> Json<Value> {
    let user = bearer(&headers).unwrap_or_default();
    review["status"] = json!({"allowed": cluster.may(user, &review["spec"])});
    Json(review)
}

/// Takes what is tried, and makes what the test says.
async fn create(
    Path(namespace): Path<String>,
    Shared(cluster): Shared<Cluster>,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Parameters,
    Json(mut job): Json<Value>,
) -> Result<Json<Value>, Response> {
    check(&cluster, &headers, "create", "videojobs", &namespace)?;
    let path = format!("{}/{}", uri.path(), job["metadata"]["name"].as_str().unwrap_or_default());
    if cluster.objects.lock().contains_key(&path) {
        return Err(refusal(StatusCode::CONFLICT, "AlreadyExists", "it already exists"));
    }
    if query.contains_key("dryRun") {
        return Ok(Json(job));
    }
    let creation = cluster.creations.lock().pop_front();
    match &creation {
        Some(Creation::Waits(barrier)) => {
            barrier.wait().await;
            barrier.wait().await;
        }
        Some(Creation::Works | Creation::AnswerLost) => {}
        Some(Creation::RefusedLater(barrier)) => {
            barrier.wait().await;
            barrier.wait().await;
            return Err(status(StatusCode::FORBIDDEN, "exceeded quota: few"));
        }
        Some(Creation::Refused) => return Err(status(StatusCode::FORBIDDEN, "exceeded quota: few")),
        Some(Creation::IsThrottled) => return Err(throttled()),
        Some(Creation::Fails) | None => {
            return Err(status(StatusCode::INTERNAL_SERVER_ERROR, "this server makes nothing"));
        }
    }
    for made in ["uid", "resourceVersion"] {
        job["metadata"][made] = json!(uuid::Uuid::new_v4().to_string());
    }
    cluster.objects.lock().insert(path, job.clone());
    match creation {
        Some(Creation::AnswerLost) => Err(status(StatusCode::GATEWAY_TIMEOUT, "it took too long")),
        _ => Ok(Json(job)),
    }
}

/// An object of ours; whoever deletes or changes it must mean this very one, and this version if they name one.
async fn object(
    Shared(cluster): Shared<Cluster>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let patching = match method {
        Method::PATCH => cluster.patches.lock().pop_front().unwrap_or(Patching::Works),
        _ => Patching::Works,
    };
    if let Patching::Waits(barrier) = &patching {
        barrier.wait().await;
        barrier.wait().await;
    }
    let mut objects = cluster.objects.lock();
    let known = objects.get(uri.path()).cloned();
    let known = known.ok_or_else(|| status(StatusCode::NOT_FOUND, &format!("{uri} is not found")))?;
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_this = |version: &Value| version.is_null() || *version == known["metadata"]["resourceVersion"];
    let changed = || status(StatusCode::CONFLICT, "it is another one");
    if method == Method::DELETE {
        let meant = &sent["preconditions"];
        if meant["uid"] != known["metadata"]["uid"] || !is_this(&meant["resourceVersion"]) {
            return Err(changed());
        }
        objects.remove(uri.path());
    }
    if method == Method::PATCH {
        match patching {
            Patching::Fails => {
                return Err(status(StatusCode::INTERNAL_SERVER_ERROR, "this server changes nothing"));
            }
            Patching::Refused => return Err(status(StatusCode::FORBIDDEN, "nobody may")),
            Patching::IsThrottled => return Err(throttled()),
            Patching::Works | Patching::Waits(_) | Patching::AnswerLost => {}
        }
        if !is_this(&sent["metadata"]["resourceVersion"]) {
            return Err(changed());
        }
        let patched = objects.entry(uri.path().to_owned()).or_default();
        merge(patched, &sent);
        patched["metadata"]["resourceVersion"] = json!(uuid::Uuid::new_v4().to_string());
        cluster.changed.lock().push(uri.path().to_owned());
        if matches!(patching, Patching::AnswerLost) {
            return Err(status(StatusCode::GATEWAY_TIMEOUT, "it took too long"));
        }
        return Ok(Json(patched.clone()));
    }
    Ok(Json(known))
}

/// As RFC 7396 says.
pub fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}

/// The jobs of a namespace, or of all, by their names.
async fn jobs(Shared(cluster): Shared<Cluster>, uri: Uri) -> Json<Value> {
    let objects = cluster.objects.lock();
    let is_there = |path: &str| match uri.path().split_once("/namespaces/") {
        Some(_) => path.starts_with(&format!("{}/", uri.path())),
        None => path.contains("/videojobs/"),
    };
    let items: BTreeMap<&String, &Value> = objects.iter().filter(|(path, _)| is_there(path)).collect();
    let items: Vec<&Value> = items.into_values().collect();
    Json(
        json!({"apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJobList", "metadata": {}, "items": items}),
    )
}

/// Lists of our own kinds are empty.
async fn nothing() -> Json<Value> {
    Json(json!({"apiVersion": "videofactory.dev/v1alpha1", "kind": "List", "metadata": {}, "items": []}))
}

async fn policies(Shared(cluster): Shared<Cluster>) -> Json<Value> {
    let items = cluster.policies.lock().clone();
    Json(
        json!({"apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicyList", "metadata": {}, "items": items}),
    )
}

/// Takes it from whoever may, at once or when the test says so.
async fn patch_policy(
    Shared(cluster): Shared<Cluster>,
    Path(namespace): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    check(&cluster, &headers, "patch", "storagepolicies", &namespace)?;
    let patching = cluster.patches.lock().pop_front();
    if let Some(Patching::Waits(barrier)) = patching {
        barrier.wait().await;
        barrier.wait().await;
    }
    cluster.changed.lock().push(uri.path().to_owned());
    let mut policy = super::policy(&namespace, &json!({}));
    policy["apiVersion"] = json!("meta.k8s.io/v1");
    policy["kind"] = json!("PartialObjectMetadata");
    Ok(Json(policy))
}

async fn policy() -> Json<Value> {
    Json(super::policy("films", &json!({})))
}

/// Whether the caller may, as the API server itself says it.
#[expect(clippy::result_large_err, reason = "a test's answer is moved once")]
fn check(
    cluster: &Cluster,
    headers: &HeaderMap,
    verb: &str,
    resource: &str,
    namespace: &str,
) -> Result<(), Response> {
    let asked = json!({"resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace}});
    let user = bearer(headers).unwrap_or_default();
    if cluster.may(user, &asked) {
        return Ok(());
    }
    let group = if ["pods", "pods/log", "events"].contains(&resource) { "" } else { GROUP };
    let refusal = format!(
        "{resource} is forbidden: User {user:?} cannot {verb} resource {resource:?} in API group {group:?} in the namespace \
         {namespace:?}"
    );
    Err(status(StatusCode::FORBIDDEN, &refusal))
}

type Parameters = Query<HashMap<String, String>>;

async fn pods(
    Shared(cluster): Shared<Cluster>,
    Path(namespace): Path<String>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    check(&cluster, &headers, "list", "pods", &namespace)?;
    let wanted = query.get("labelSelector").cloned().unwrap_or_default();
    let is_wanted = |pod: &&Value| {
        let mut terms = wanted.split(',').filter_map(|term| term.split_once('='));
        terms.all(|(name, value)| pod["metadata"]["labels"][name] == value)
    };
    let pods: Vec<Value> = cluster.pods.lock().iter().filter(is_wanted).cloned().collect();
    Ok(Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": pods})))
}

async fn log(
    Shared(cluster): Shared<Cluster>,
    Path((namespace, pod)): Path<(String, String)>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Result<Response, Response> {
    check(&cluster, &headers, "get", "pods/log", &namespace)?;
    let waits =
        cluster.pods.lock().iter().any(|known| known["metadata"]["name"] == *pod && known["waits"] == true);
    if waits {
        return Err(status(StatusCode::BAD_REQUEST, "container is waiting to start: ContainerCreating"));
    }
    let asked = ["container", "follow", "tailLines"].map(|name| query.get(name).cloned().unwrap_or_default());
    Ok(format!("lines of {pod} {asked:?}\n").into_response())
}

async fn events(
    Shared(cluster): Shared<Cluster>,
    Path(namespace): Path<String>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    check(&cluster, &headers, "list", "events", &namespace)?;
    let wanted = query.get("fieldSelector").cloned().unwrap_or_default();
    let is_wanted = |event: &&Value| {
        let (field, value) = wanted.strip_prefix("involvedObject.").unwrap().split_once('=').unwrap();
        event["involvedObject"][field] == value
    };
    let number = |name: &str| query.get(name).and_then(|number| number.parse::<usize>().ok());
    let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
    let events = cluster.events.lock();
    let mut events = events.iter().filter(is_wanted).skip(from);
    let page: Vec<Value> = events.by_ref().take(limit).cloned().collect();
    let rest = if events.next().is_some() { (from + page.len()).to_string() } else { String::new() };
    cluster.longest_page.fetch_max(page.len(), Ordering::Relaxed);
    Ok(Json(json!({"apiVersion": "v1", "kind": "EventList", "metadata": {"continue": rest}, "items": page})))
}

fn status(code: StatusCode, message: &str) -> Response {
    let reason = code.canonical_reason().unwrap_or_default().replace(' ', "");
    refusal(code, &reason, message)
}

/// As a busy server says it: in plain text.
fn throttled() -> Response {
    let text = "Too many requests, please try again later.\n";
    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], text).into_response()
}

fn refusal(code: StatusCode, reason: &str, message: &str) -> Response {
    let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": message,
                        "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}
