//! Replicas beside each other: what one of them knows, and how they end.

mod reports;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use axum::Json;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Request, StatusCode};
use clap::Parser;
use futures::FutureExt;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use videofactory_api::access::bearer;
use videofactory_api::changes::Change;
use videofactory_client::{JobRef, connect};
use videofactory_crds::StepName;
use videofactory_net::{Destinations, Network, Proxies};
use videofactory_pipeline::contract::Progress;
use videofactory_tests::api_server::ApiServer;
use videofactory_traces::SpanQueue;

use super::relay::{TAKES, TTL};
use super::*;
use crate::caches::{Caches, Owned, OwnerKey, PodRecord};
use crate::config::{Config, Watched};
use crate::leader_flag::LeaderFlag;
use crate::progress::Said;
use crate::videojob::model::{PodFacts, PodState};

/// Tokens, which stand for their owners. The stranger's was given to no pod.
const OPERATOR: &str = "operator";
const WORKER: &str = "worker";
const STRANGER: &str = "stranger";
/// UID of the worker's pod.
const POD: &str = "pod-1";

/// What is said first to a request of which more is wanted.
const WAITS_FOR_THE_BODY: &str = "HTTP/1.1 100 Continue";

/// Reviews tokens as an API server does.
async fn review(Json(mut review): Json<Value>) -> Json<Value> {
    let token = review["spec"]["token"].as_str().unwrap_or_default().to_owned();
    let known = [OPERATOR, WORKER, STRANGER].contains(&token.as_str());
    let extra = match token.as_str() {
        WORKER => json!({"authentication.kubernetes.io/pod-uid": [POD]}),
        OPERATOR => json!({"authentication.kubernetes.io/pod-uid": ["operator-1"]}),
        _ => json!({}),
    };
    let user = json!({"username": format!("system:serviceaccount:any:{token}"), "extra": extra});
    review["status"] = json!({"authenticated": known, "audiences": [TOKEN_AUDIENCE], "user": user});
    Json(review)
}

/// Serves routes on this machine until the runtime ends.
async fn served(routes: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// A file with the operator's token.
fn token_file() -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("videofactory-token-{}-{number}", std::process::id()));
    std::fs::write(&file, OPERATOR).unwrap();
    file
}

/// Keeps a paused clock where it is until this is dropped, but for what the test advances it: tokio moves it on by itself
/// whenever all wait, also for a socket, and not while a blocking task runs. So no time-out can win over an answer.
fn still() -> mpsc::Sender<()> {
    let (held, dropped) = mpsc::channel();
    tokio::task::spawn_blocking(move || dropped.recv());
    held
}

struct Replica {
    pub context: Context,
    pub address: std::net::SocketAddr,
    /// Where the kubelet asks.
    probes: std::net::SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.context.config.token_file);
    }
}

impl Replica {
    pub async fn start() -> Self {
        let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
        let api_server = served(Router::new().route(reviews, axum::routing::post(review))).await;
        let cluster = kube::Config::new(format!("http://{api_server}").parse().unwrap());
        let client = connect(cluster.clone(), "test").unwrap();
        let mut config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
        config.token_file = token_file();
        let network = Network::new(
            Destinations::parse("", "cluster.local", false).unwrap(),
            Proxies::read(|_| None, "cluster.local").unwrap(),
            Vec::new(),
        );
        let (context, _) = Context::start(client, config, network, SpanQueue::default());
        let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listeners = Listeners { callers: bind().await, probes: bind().await };
        let [address, probes] =
            [&listeners.callers, &listeners.probes].map(|listener| listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_on(listeners, context.clone(), cluster, stop.clone()));
        Self { context, address, probes, stop, serving }
    }

    /// One that leads, and knows the worker's pod.
    pub async fn leading() -> Self {
        let replica = Self::start().await;
        replica.context.leader_flag.set_leading();
        let facts = PodFacts {
            name: "p".into(),
            uid: POD.into(),
            run: 1,
            step: StepName::AssembleVideo,
            attempt: 1,
            gone_by: None,
            outlived: false,
            state: PodState::Running,
        };
        let record = PodRecord { facts, namespace: "films".into(), job: "ocean".into(), ended_seen: None };
        let pod = Owned { owner: vj(), uid: POD.into(), version: 1, facts: record };
        replica.context.caches.pods.shown(pod);
        replica
    }

    /// One that waits for another's Lease.
    async fn standing_by(leader: &Self) -> Self {
        let replica = Self::start().await;
        replica.context.leader_flag.set_leader_address(Some(leader.address));
        replica
    }

    pub fn relay(&self) -> Relay {
        Relay::new(self.context.leader_flag.clone(), self.context.config.token_file.clone())
    }

    pub async fn ask(&self, method: &str, token: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{PROGRESS_PATH}", self.address))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        answer(request).await
    }

    /// Begins a request whose body never comes; the first line that is said to it.
    pub async fn begin(&self, path: &str, token: &str) -> (TcpStream, String) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: 9\r\nexpect: 100-continue\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let said = status_line(&mut connection).await;
        (connection, said)
    }

    /// What the kubelet is answered.
    async fn probe(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(format!("http://{}{path}", self.probes));
        answer(request.body(Body::empty()).unwrap()).await
    }
}

async fn answer(request: Request<Body>) -> (StatusCode, Value) {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The next status line that comes on a connection.
async fn status_line(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().lines().next().unwrap_or_default().to_owned()
}

/// The owner of the worker's pod.
fn vj() -> OwnerKey {
    OwnerKey::new("films", "vj")
}

fn said(message: &str) -> Said {
    let progress = Progress { message: message.to_owned(), fraction: 0.5, ..Progress::default() };
    [(vj(), [(StepName::AssembleVideo, progress)].into())].into()
}

#[tokio::test(start_paused = true)]
async fn what_a_worker_says_to_any_replica_every_replica_shows() {
    let _still = still();
    let leader = Replica::leading().await;
    let other = Replica::standing_by(&leader).await;
    let mut changes = leader.context.caches.changes.subscribe();
    let body = json!({"completed": "", "fraction": 0.5, "message": "frame 7"});
    let (status, answer) = other.ask("POST", WORKER, &body).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    assert_eq!(leader.context.progress.of(&vj())[&StepName::AssembleVideo].message, "frame 7");
    let ocean = JobRef { namespace: "films".into(), name: "ocean".into() };
    assert_eq!(changes.try_next(), Some(Change::Job(ocean)));
    assert_eq!(*other.relay().said().await, said("frame 7"));
    // Of a step that has ended there is no progress.
    leader.context.caches.pods.gone(POD);
    assert_eq!(*other.relay().said().await, Said::new());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_passed_on_twice_and_nothing_to_nobody() {
    let _still = still();
    let one = Replica::start().await;
    let other = Replica::standing_by(&one).await;
    one.context.leader_flag.set_leader_address(Some(other.address));
    let (status, _) = one.ask("POST", WORKER, &json!({})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "each takes the other for the leader");
    let (status, _) = one.ask("GET", OPERATOR, &Value::Null).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    one.context.leader_flag.set_leader_address(None);
    let (status, _) = one.ask("POST", WORKER, &json!({})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _) = one.ask("POST", "unknown", &json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a stranger's words are not passed on");
}

/// A leader that says this, and counts how often it is asked.
async fn leader_saying(message: &'static str, asked: Arc<AtomicUsize>) -> std::net::SocketAddr {
    let serve_progress = async move |headers: HeaderMap| {
        asked.fetch_add(1, Ordering::Relaxed);
        assert_eq!(bearer(&headers), Some(OPERATOR));
        Json(said(message))
    };
    served(Router::new().route(PROGRESS_PATH, get(serve_progress))).await
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_away_shows_nothing_and_the_next_one_is_asked_at_once() {
    let _still = still();
    let asked = Arc::new(AtomicUsize::new(0));
    let leader_flag = LeaderFlag::default();
    let file = token_file();
    let relay = Relay::new(leader_flag.clone(), file.clone());
    assert_eq!(*relay.said().await, Said::new(), "nobody leads");
    // It takes connections, and answers nobody.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    leader_flag.set_leader_address(Some(silent.local_addr().unwrap()));
    let give_up = async {
        // Whoever connects has begun to wait.
        let connection = silent.accept().await.unwrap();
        tokio::time::advance(TAKES).await;
        connection
    };
    let (said_by_nobody, _connection) = tokio::join!(relay.said(), give_up);
    assert_eq!(*said_by_nobody, Said::new());
    let again = relay.said().now_or_never().expect("it is not waited for each time");
    assert_eq!(*again, Said::new());
    leader_flag.set_leader_address(Some(leader_saying("here", Arc::clone(&asked)).await));
    for _ in 0..3 {
        assert_eq!(*relay.said().await, said("here"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "an answer is good for a while");
    tokio::time::advance(TTL).await;
    assert_eq!(*relay.said().await, said("here"));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    leader_flag.set_leader_address(Some(leader_saying("there", Arc::clone(&asked)).await));
    assert_eq!(*relay.said().await, said("there"));
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn who_follows_the_jobs_on_another_replica_learns_of_progress_and_nobody_else_costs_a_call() {
    let server = ApiServer::start().await.unwrap();
    let film = json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": "ocean", "namespace": "films", "uid": "vj"}, "spec": {"topic": "the ocean"},
    });
    server.put("videojobs", film);
    let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
    let (caches, watches) = Caches::start(&client, &Watched::Cluster);
    tokio::spawn(watches.keep);
    caches.videojobs.wait_until_ready().await.unwrap();
    let leader_flag = LeaderFlag::default();
    let token = token_file();
    let relay = Relay::new(leader_flag.clone(), token.clone());
    // Whoever connects to it is seen, though it answers nobody.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    leader_flag.set_leader_address(Some(silent.local_addr().unwrap()));
    tokio::time::pause();
    timeout(TTL * 10, relay.watch(&caches)).await.unwrap_err();
    tokio::time::resume();
    assert_eq!(silent.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody follows");
    let latest = Arc::new(Mutex::new(said("one")));
    let served_report = Arc::clone(&latest);
    let serve_progress = async move || Json(served_report.lock().clone());
    leader_flag
        .set_leader_address(Some(served(Router::new().route(PROGRESS_PATH, get(serve_progress))).await));
    let watching = Arc::clone(&caches);
    tokio::spawn(async move { relay.watch(&watching).await });
    let mut changes = caches.changes.subscribe();
    let ocean = Change::Job(JobRef { namespace: "films".into(), name: "ocean".into() });
    assert_eq!(changes.next().await, ocean);
    *latest.lock() = said("two");
    assert_eq!(changes.next().await, ocean);
    leader_flag.set_leading();
    assert_eq!(changes.next().await, ocean, "what the former leader knew is not known any more");
    std::fs::remove_file(token).unwrap();
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_ends_at_once_or_when_its_last_answer_takes_too_long() {
    let mut idle = Replica::start().await;
    let _kept = TcpStream::connect(idle.address).await.unwrap();
    tokio::time::pause();
    idle.stop.cancel();
    let begun = Instant::now();
    (&mut idle.serving).await.unwrap().unwrap();
    let last_answers = Bounds::default().last_answers;
    assert!(begun.elapsed() < last_answers, "{:?}", begun.elapsed());
    tokio::time::resume();
    assert!(TcpStream::connect(idle.address).await.is_err(), "it takes no more connections");
    let mut busy = Replica::start().await;
    // That it is asked for its body shows that the request is under way.
    let (_request, said) = busy.begin("/jobs", WORKER).await;
    assert_eq!(said, WAITS_FOR_THE_BODY);
    tokio::time::pause();
    let begun = Instant::now();
    busy.stop.cancel();
    (&mut busy.serving).await.unwrap().unwrap();
    assert!((last_answers..last_answers * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

/// A replica with a batch of writes under way, which ends when the test says so. Its caller has hung up.
async fn writing() -> (Replica, oneshot::Sender<()>) {
    let replica = Replica::start().await;
    let ((start, begun), (end, ending)) = (oneshot::channel(), oneshot::channel());
    let batch = async move {
        start.send(()).unwrap();
        let _ = ending.await;
        Ok(())
    };
    tokio::select! {
        answer = replica.context.tasks.run("the batch", batch) => panic!("{answer:?}"),
        _ = begun => {}
    }
    (replica, end)
}

#[tokio::test]
async fn a_batch_of_writes_that_has_begun_is_waited_for_and_not_for_ever() {
    let ((mut ends, end), (mut endless, _never)) = (writing().await, writing().await);
    tokio::time::pause();
    let begun = Instant::now();
    ends.stop.cancel();
    timeout(LAST_WRITES / 2, &mut ends.serving).await.unwrap_err();
    end.send(()).unwrap();
    (&mut ends.serving).await.unwrap().unwrap();
    assert_eq!(ends.context.tasks.under_way(), 0);
    assert!(begun.elapsed() < LAST_WRITES, "{:?}", begun.elapsed());
    let begun = Instant::now();
    endless.stop.cancel();
    (&mut endless.serving).await.unwrap().unwrap();
    assert!((LAST_WRITES..LAST_WRITES * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_kubelet_asks_at_a_port_of_its_own_to_the_end_and_for_nothing_else() {
    let (replica, end) = writing().await;
    assert_eq!(replica.probe("/health").await.0, StatusCode::OK);
    for path in ["/health/full", "/metrics", "/jobs", PROGRESS_PATH] {
        assert_eq!(replica.probe(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    replica.stop.cancel();
    // Callers are not let in any more, and a batch of writes is waited for.
    while TcpStream::connect(replica.address).await.is_ok() {}
    assert_eq!(replica.probe("/health").await.0, StatusCode::OK);
    let (status, why) = replica.probe("/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(why["detail"], "this replica is about to end", "{why}");
    end.send(()).unwrap();
}

#[test]
fn the_kubelet_asks_where_it_is_answered() {
    let port =
        Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap().probe_address().port();
    for deployment in [
        include_str!("../../../../manifests/operator/deployment.yaml"),
        include_str!("../../../../charts/video-factory/templates/operator/deployment.yaml"),
    ] {
        assert!(deployment.contains(&format!("- name: probes\n          containerPort: {port}\n")), "{port}");
        let asked: Vec<&str> = deployment.lines().filter(|line| line.contains("httpGet:")).collect();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|line| line.contains("port: probes")), "{asked:?}");
    }
}

#[test]
fn the_pod_is_given_time_for_its_last_writes() {
    let deployment = include_str!("../../../../manifests/operator/deployment.yaml");
    let seconds = |field: &str| -> u64 {
        let (_, rest) = deployment.split_once(field).unwrap();
        let digits = rest.chars().skip_while(|letter| !letter.is_ascii_digit());
        digits.take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let left = seconds("terminationGracePeriodSeconds:") - seconds("preStop:");
    // The last Events and spans take two seconds more.
    assert!(Duration::from_secs(left) > LAST_WRITES + Duration::from_secs(2), "{left} s");
}
