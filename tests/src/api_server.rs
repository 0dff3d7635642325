//! An API server in memory: get, list, watch, create, update, patch (by merging) and delete of any kind, resource versions and their
//! conflicts, and a count of every call. It has no controllers, admission or schemas: what needs those is tested on a
//! cluster. It is for what needs more objects than a test's cluster has room for.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

/// Largest body of a request.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Events that a watch may be behind; one that is further behind is ended, and the client lists again.
const MAX_BEHIND: usize = 100_000;
/// The name by which all objects of a resource are refused.
const EVERY: &str = "*";

/// How often which verb was called on which resource.
pub type Calls = BTreeMap<(&'static str, String), u64>;

/// The server; it ends with the runtime.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
    url: String,
}

struct Shared {
    stock: parking_lot::Mutex<Stock>,
    version: watch::Sender<u64>,
    gathering: parking_lot::Mutex<Option<Arc<Gathering>>>,
}

/// Calls that are answered once so many of them have come.
struct Gathering {
    verb: &'static str,
    resource: &'static str,
    many: usize,
    came: watch::Sender<usize>,
}

#[derive(Default)]
struct Stock {
    version: u64,
    resources: BTreeMap<String, Resource>,
    calls: Calls,
    /// Verb, resource and name of calls that are refused.
    refused: BTreeSet<(&'static str, String, String)>,
}

struct Resource {
    objects: BTreeMap<(String, String), Value>,
    /// Every event with its version.
    log: Vec<(u64, Arc<str>)>,
    news: broadcast::Sender<Arc<str>>,
}

impl Default for Resource {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), log: Vec::new(), news: broadcast::channel(MAX_BEHIND).0 }
    }
}

/// What a path names.
struct Target {
    resource: String,
    namespace: String,
    name: Option<String>,
    status: bool,
}

impl ApiServer {
    /// Starts it on a port of its own.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to bind a port")?;
        let url = format!("http://{}", listener.local_addr().context("the port has no address")?);
        let shared = Arc::new(Shared {
            stock: parking_lot::Mutex::default(),
            version: watch::channel(0).0,
            gathering: parking_lot::Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { shared, url })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts an object in, whatever was there.
    pub fn put(&self, resource: &str, object: Value) {
        let mut stock = self.shared.stock.lock();
        stock.store(resource, object);
        self.shared.version.send_replace(stock.version);
    }

    /// Changes an object, as somebody else would.
    pub fn change(&self, resource: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut stock = self.shared.stock.lock();
        let key = (namespace.to_owned(), name.to_owned());
        let found = stock.resources.get(resource).and_then(|of| of.objects.get(&key)).cloned();
        if let Some(mut object) = found {
            change(&mut object);
            stock.store(resource, object);
        }
        self.shared.version.send_replace(stock.version);
    }

    /// An object as it is now.
    #[must_use]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let stock = self.shared.stock.lock();
        stock.resources.get(resource)?.objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// All objects of a resource.
    #[must_use]
    pub fn all(&self, resource: &str) -> Vec<Value> {
        let stock = self.shared.stock.lock();
        stock.resources.get(resource).map(|of| of.objects.values().cloned().collect()).unwrap_or_default()
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.shared.stock.lock().calls.clone()
    }

    /// Answers none of these calls before so many of them have come: who makes one after the other waits for ever.
    pub fn gather(&self, verb: &'static str, resource: &'static str, many: usize) {
        let gathering = Gathering { verb, resource, many, came: watch::channel(0).0 };
        *self.shared.gathering.lock() = Some(Arc::new(gathering));
    }

    /// Refuses a verb on an object (its status: `update`), or no longer.
    pub fn refuse(&self, verb: &'static str, resource: &str, name: &str, on: bool) {
        let call = (verb, resource.to_owned(), name.to_owned());
        let refused = &mut self.shared.stock.lock().refused;
        if on {
            refused.insert(call);
        } else {
            refused.remove(&call);
        }
    }

    /// Says of a verb on a resource that nobody may do it, or that all may. It is not refused for that: see [`Self::refuse`].
    pub fn forbid(&self, verb: &'static str, resource: &str, on: bool) {
        self.refuse(verb, resource, EVERY, on);
    }

    /// Takes all objects of a resource out.
    pub fn clear(&self, resource: &str) {
        let mut stock = self.shared.stock.lock();
        let keys: Vec<(String, String)> =
            stock.resources.get(resource).map(|of| of.objects.keys().cloned().collect()).unwrap_or_default();
        for key in keys {
            stock.remove(resource, &key);
        }
        self.shared.version.send_replace(stock.version);
    }

    /// Waits until something holds, which is asked after each change.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut version = self.shared.version.subscribe();
        while !holds(self) {
            if version.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Shared {
    async fn gather(&self, verb: &str, resource: &str) {
        let gathering = self.gathering.lock().clone();
        let Some(gathering) = gathering.filter(|of| of.verb == verb && of.resource == resource) else {
            return;
        };
        gathering.came.send_modify(|came| *came += 1);
        // It ends only with what it waits for: the sender is held here.
        let _ = gathering.came.subscribe().wait_for(|came| *came >= gathering.many).await;
    }
}

impl Stock {
    fn store(&mut self, resource: &str, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&metadata["namespace"]), text(&metadata["name"]));
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{}", self.version));
        }
        let of = self.resources.entry(resource.to_owned()).or_default();
        let known = of.objects.insert(key, object.clone()).is_some();
        of.report(self.version, if known { "MODIFIED" } else { "ADDED" }, &object);
        object
    }

    fn remove(&mut self, resource: &str, key: &(String, String)) -> Option<Value> {
        self.version += 1;
        let of = self.resources.get_mut(resource)?;
        let object = of.objects.remove(key)?;
        of.report(self.version, "DELETED", &object);
        Some(object)
    }
}

impl Resource {
    fn report(&mut self, version: u64, kind: &str, object: &Value) {
        let line: Arc<str> = format!("{}\n", json!({"type": kind, "object": object})).into();
        self.log.push((version, Arc::clone(&line)));
        // Nobody may be watching.
        let _ = self.news.send(line);
    }
}

fn target(path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else { return None };
    let of = |namespace: &str, resource: &str, name: Option<&str>, status: bool| Target {
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.map(str::to_owned),
        status,
    };
    match rest {
        [resource] => Some(of("", resource, None, false)),
        ["namespaces", name] => Some(of("", "namespaces", Some(name), false)),
        ["namespaces", namespace, resource] => Some(of(namespace, resource, None, false)),
        ["namespaces", namespace, resource, name] => Some(of(namespace, resource, Some(name), false)),
        ["namespaces", namespace, resource, name, "status"] => {
            Some(of(namespace, resource, Some(name), true))
        }
        _ => None,
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(target) = target(parts.uri.path()) else {
        return failure(StatusCode::NOT_FOUND, "NotFound", parts.uri.path());
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the body is too large");
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let Some(verb) = verb(&parts.method, query, &target) else {
        return failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", &target.resource);
    };
    shared.gather(verb, &target.resource).await;
    let answer = {
        let mut stock = shared.stock.lock();
        let answer = act(&mut stock, verb, query, &target, body);
        shared.version.send_replace(stock.version);
        answer
    };
    answer.unwrap_or_else(|(code, reason)| failure(code, reason, &target.resource))
}

type Refused = (StatusCode, &'static str);

fn verb(method: &Method, query: &str, target: &Target) -> Option<&'static str> {
    let watches = || query.split('&').any(|part| part == "watch=true" || part == "watch=1");
    match (method, &target.name) {
        (&Method::GET, Some(_)) => Some("get"),
        (&Method::GET, None) if watches() => Some("watch"),
        (&Method::GET, None) => Some("list"),
        (&Method::POST, _) => Some("create"),
        (&Method::PUT, _) => Some("update"),
        (&Method::PATCH, Some(_)) => Some("patch"),
        (&Method::DELETE, _) => Some("delete"),
        _ => None,
    }
}

fn act(
    stock: &mut Stock,
    verb: &'static str,
    query: &str,
    target: &Target,
    body: Value,
) -> Result<Response, Refused> {
    const NOT_FOUND: Refused = (StatusCode::NOT_FOUND, "NotFound");
    *stock.calls.entry((verb, target.resource.clone())).or_default() += 1;
    let named = target.name.clone().or_else(|| body["metadata"]["name"].as_str().map(str::to_owned));
    let call = (verb, target.resource.clone(), named.unwrap_or_default());
    if stock.refused.contains(&call) {
        return Err((StatusCode::FORBIDDEN, "Forbidden"));
    }
    let key = (target.namespace.clone(), target.name.clone().unwrap_or_default());
    let of = stock.resources.entry(target.resource.clone()).or_default();
    match verb {
        "get" => Ok(answer_with(of.objects.get(&key).ok_or(NOT_FOUND)?)),
        "watch" => Ok(watch_from(of, query)),
        "list" => Ok(answer_with(&list(of, target, query, stock.version))),
        "create" if target.resource == "selfsubjectaccessreviews" => {
            let asked = &body["spec"]["resourceAttributes"];
            let word = |field: &str| asked[field].as_str().unwrap_or_default();
            let resource = match word("subresource") {
                "" => word("resource").to_owned(),
                part => format!("{}/{part}", word("resource")),
            };
            let forbidden = |(verb, of, name): &(&str, String, String)| {
                *verb == word("verb") && *of == resource && name == EVERY
            };
            let allowed = !stock.refused.iter().any(forbidden);
            Ok(answer_with(&json!({"spec": body["spec"], "status": {"allowed": allowed}})))
        }
        "create" => {
            let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if of.objects.contains_key(&(target.namespace.clone(), name)) {
                return Err((StatusCode::CONFLICT, "AlreadyExists"));
            }
            let mut object = body;
            object["metadata"]["namespace"] = json!(target.namespace);
            object["metadata"]["generation"] = json!(1);
            Ok(answer_with(&stock.store(&target.resource, object)))
        }
        "update" => {
            let before = of.objects.get(&key).cloned().ok_or(NOT_FOUND)?;
            let version = &body["metadata"]["resourceVersion"];
            if !version.is_null() && *version != before["metadata"]["resourceVersion"] {
                return Err((StatusCode::CONFLICT, "Conflict"));
            }
            let object = if target.status {
                let mut object = before;
                object["status"] = body["status"].clone();
                object
            } else {
                body
            };
            Ok(answer_with(&stock.store(&target.resource, object)))
        }
        "patch" => {
            let mut object = of.objects.get(&key).cloned().ok_or(NOT_FOUND)?;
            let version = &body["metadata"]["resourceVersion"];
            if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
                return Err((StatusCode::CONFLICT, "Conflict"));
            }
            let uid = &body["metadata"]["uid"];
            if !uid.is_null() && *uid != object["metadata"]["uid"] {
                return Err((StatusCode::UNPROCESSABLE_ENTITY, "Invalid"));
            }
            merge(&mut object, body);
            Ok(answer_with(&stock.store(&target.resource, object)))
        }
        _ => Ok(answer_with(&stock.remove(&target.resource, &key).ok_or(NOT_FOUND)?)),
    }
}

/// A merge patch (RFC 7396), laid over a document.
pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(fields) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Value::Object(into) = target {
        for (name, value) in fields {
            if value.is_null() {
                into.remove(&name);
            } else {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

fn list(of: &Resource, target: &Target, query: &str, version: u64) -> Value {
    let labels: Vec<(String, String)> = query
        .split('&')
        .find_map(|part| part.strip_prefix("labelSelector="))
        .map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
        .iter()
        .flat_map(|text| text.split(','))
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let wanted = |((namespace, _), object): &(&(String, String), &Value)| {
        (target.namespace.is_empty() || *namespace == target.namespace)
            && labels.iter().all(|(name, value)| object["metadata"]["labels"][name] == json!(value))
    };
    let items: Vec<&Value> = of.objects.iter().filter(wanted).map(|(_, object)| object).collect();
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": version.to_string()}, "items": items})
}

/// What has happened since the client's version, and then what happens.
fn watch_from(of: &Resource, query: &str) -> Response {
    let since = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
    let since: u64 = since.and_then(|version| version.parse().ok()).unwrap_or_default();
    let start = of.log.partition_point(|(version, _)| *version <= since);
    let missed: Vec<Arc<str>> = of.log[start..].iter().map(|(_, line)| Arc::clone(line)).collect();
    let news = futures::stream::unfold(of.news.subscribe(), |mut news| async move {
        news.recv().await.ok().map(|line| (line, news))
    });
    let lines = futures::stream::iter(missed).chain(news);
    let body = lines.map(|line| Ok::<_, Infallible>(line.as_bytes().to_vec()));
    Response::new(Body::from_stream(body))
}

fn answer_with(object: &Value) -> Response {
    axum::Json(object).into_response()
}

fn failure(code: StatusCode, reason: &str, about: &str) -> Response {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "code": code.as_u16(),
        "message": format!("{reason}: {about}"), "metadata": {},
    });
    (code, axum::Json(status)).into_response()
}
