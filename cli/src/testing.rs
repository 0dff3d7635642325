//! An API server that answers as a test says, and a command line that is run against it.

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use futures::FutureExt;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::args::Cli;
use crate::cluster::Cluster;
use crate::commands::Commands;
use crate::context::{Context, Streams};
use crate::exit::Exit;

/// The time in tests.
pub const NOW: &str = "2026-12-24T18:00:00Z";

const HANGS: &str = "\0";

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its method and path, such as `PATCH /apis/…`.
    pub what: String,
    pub query: String,
    /// Its body, if it was JSON.
    pub body: Value,
}

#[derive(Default)]
struct Recorded {
    answers: HashMap<String, Vec<(StatusCode, String)>>,
    /// What was made, by the call that reads it.
    made: HashMap<String, Value>,
    seen: Vec<Seen>,
}

/// An API server that answers as a test says. Cheap to clone.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<Recorded>>);

impl Fake {
    /// Answers a call, such as `GET /apis/…`, with this object. Given several times, it answers with one after the other, and the
    /// last one for ever. A watch is asked for as `WATCH /apis/…`; where no answer is given for that, as the list.
    #[must_use]
    pub fn on(self, what: &str, answer: impl Into<Value>) -> Self {
        self.says(what, StatusCode::OK, answer.into().to_string())
    }

    /// Answers a call with a refusal.
    #[must_use]
    pub fn refuses(self, what: &str, code: u16, reason: &str, message: &str) -> Self {
        let status = status(code, reason, message);
        self.says(what, StatusCode::from_u16(code).unwrap(), status)
    }

    /// Answers a call with this text.
    #[must_use]
    pub fn says(self, what: &str, code: StatusCode, text: String) -> Self {
        self.0.lock().unwrap().answers.entry(what.to_owned()).or_default().push((code, text));
        self
    }

    /// The calls that were made, but for reads.
    #[must_use]
    pub fn writes(&self) -> Vec<Seen> {
        let reads = |seen: &&Seen| !seen.what.starts_with("GET ");
        self.0.lock().unwrap().seen.iter().filter(reads).cloned().collect()
    }

    /// The calls that were made.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    #[must_use]
    pub fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, std::convert::Infallible>(fake.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Answers a call, after all answers that were given before, with a body that never ends.
    #[must_use]
    pub fn hangs(self, what: &str) -> Self {
        self.says(what, StatusCode::OK, HANGS.to_owned())
    }

    async fn answer(&self, request: Request<Body>) -> Response<axum::body::Body> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect_bytes().await.unwrap();
        let what = format!("{} {}", parts.method, parts.uri.path());
        let mut recorded = self.0.lock().unwrap();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let makes = parts.method == Method::POST && !query.contains("dryRun");
        let made_at = body["metadata"]["name"].as_str().filter(|_| makes);
        let made_at = made_at.map(|name| (format!("GET {}/{name}", parts.uri.path()), body.clone()));
        let watch = format!("WATCH {}", parts.uri.path());
        let is_watch = query.contains("watch=true") && recorded.answers.contains_key(&watch);
        recorded.seen.push(Seen { what: what.clone(), query, body });
        let what = if is_watch { watch } else { what };
        let made = recorded.made.get(&what).map(Value::to_string);
        let (code, text) = match recorded.answers.get_mut(&what) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            // What is written is taken.
            None if parts.method == Method::PATCH => {
                let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
                (StatusCode::OK, json!({"metadata": {"name": name}, "spec": {}}).to_string())
            }
            None if parts.method == Method::POST => {
                (StatusCode::OK, String::from_utf8(bytes.to_vec()).unwrap())
            }
            None if made.is_some() => (StatusCode::OK, made.unwrap_or_default()),
            None => (StatusCode::NOT_FOUND, status(404, "NotFound", &format!("{what} not found"))),
        };
        if code.is_success() && text != HANGS {
            recorded.made.extend(made_at);
        }
        let body = if text == HANGS {
            axum::body::Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())
        } else {
            axum::body::Body::from(text)
        };
        Response::builder().status(code).body(body).unwrap()
    }
}

fn status(code: u16, reason: &str, message: &str) -> String {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
    })
    .to_string()
}

/// A list of objects as the API server answers it.
#[must_use]
pub fn list_of(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "7"}, "items": items})
}

/// The paths of our kinds.
#[must_use]
pub fn path(namespace: &str, plural: &str, name: &str) -> String {
    let within = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let name = if name.is_empty() { String::new() } else { format!("/{name}") };
    format!("/apis/videofactory.dev/v1alpha1{within}/{plural}{name}")
}

/// A `VideoJob` in the namespace films that has this status.
#[must_use]
pub fn job(name: &str, status: impl Into<Value>) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {
            "name": name, "namespace": "films", "uid": format!("0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e{:02x}", name.len()),
            "generation": 1, "resourceVersion": "7", "creationTimestamp": "2026-12-24T17:00:00Z",
        },
        "spec": {"topic": format!("Facts about the {name}")},
        "status": status.into(),
    })
}

/// The `StoragePolicy` r2 of the namespace films, with this status.
#[must_use]
pub fn policy(status: impl Into<Value>) -> Value {
    json!({
        "metadata": {"name": "r2", "namespace": "films", "resourceVersion": "7"},
        "spec": {
            "bucket": {"endpoint": "https://s3.example", "name": "videos", "secretRef": {"name": "r2"}},
            "capacity": {"limit": "10G"},
        },
        "status": status.into(),
    })
}

/// What a command wrote, and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub exit: Exit,
    /// What went to standard output.
    pub out: String,
    /// What went to standard error.
    pub err: String,
}

/// Runs a command line, such as `retry ocean`, at [`NOW`] in the namespace films, with these answers of a person; none:
/// nobody is there.
pub async fn run(fake: &Fake, line: &str, answers: Option<&str>) -> Ended {
    run_until(fake, line, answers, None).await
}

/// The same, with a Ctrl-C after this time.
pub async fn run_until(fake: &Fake, line: &str, answers: Option<&str>, interrupt: Option<Duration>) -> Ended {
    let words = line.split_whitespace();
    let cli = match Cli::try_parse_from(std::iter::once("kubectl-videofactory").chain(words)) {
        Ok(cli) => cli,
        Err(error) => return Ended { exit: Exit::Usage, out: String::new(), err: error.to_string() },
    };
    let (out, err) = (Sink::default(), Sink::default());
    let mut context = context(fake, answers, &out, &err);
    if let Some(time) = interrupt {
        context.interrupted = Box::new(move || tokio::time::sleep(time).boxed_local());
    }
    context.commands = Commands::of(&cli.cluster);
    if let Some(namespace) = &cli.cluster.namespace {
        context.cluster.namespace.clone_from(namespace);
        context.cluster.is_namespace_named = true;
    }
    let exit = match crate::run(cli.verb, &mut context).await {
        Ok(exit) => exit,
        Err(error) => {
            context.notify(error.to_string()).unwrap();
            error.exit
        }
    };
    Ended { exit, out: out.text(), err: err.text() }
}

fn context(fake: &Fake, answers: Option<&str>, out: &Sink, err: &Sink) -> Context {
    let now: Timestamp = NOW.parse().unwrap();
    Context {
        cluster: Cluster::of_client(fake.client(), "films"),
        commands: Commands::default(),
        clock: Box::new(move || now),
        interrupted: Box::new(|| futures::future::pending().boxed_local()),
        streams: Streams {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: Box::new(Cursor::new(answers.unwrap_or_default().to_owned())),
            asks: answers.is_some(),
            shows_bars: false,
        },
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
