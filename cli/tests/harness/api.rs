//! An API server: one film, one pod of the operator, and a port that is forwarded as nodes do it.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request as Handshake, Response as Agreed};

/// The port that the operator's pod names.
const POD_PORT: u16 = 8000;

/// The API server.
pub struct Api {
    /// Where it listens.
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Begins, with the operator behind this port.
    pub async fn begin(operator: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let recorded = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, operator, recorded.clone()));
            }
        });
        Self { port, asked }
    }

    /// Calls with this method to paths that end like this.
    pub fn asked(&self, method: &str, end: &str) -> Vec<String> {
        let is_meant = |call: &&String| call.starts_with(method) && call.ends_with(end);
        self.asked.lock().unwrap().iter().filter(is_meant).cloned().collect()
    }
}

async fn serve(stream: TcpStream, operator: u16, recorded: Arc<Mutex<Vec<String>>>) {
    // One request a connection: its first line says which way it goes.
    let mut head = [0; 512];
    let mut seen = 0;
    while !head[..seen].contains(&b'\n') {
        let read = stream.peek(&mut head).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        seen = read;
    }
    if String::from_utf8_lossy(&head[..seen]).lines().next().unwrap_or_default().contains("/portforward?") {
        forward(stream, operator).await;
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let recorded = recorded.clone();
        async move { Ok::<_, hyper::Error>(answer(request, &recorded).await) }
    });
    // A client that goes away is no failure.
    let _ = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, recorded: &Mutex<Vec<String>>) -> Response<Full<Bytes>> {
    let what = format!("{} {}", request.method(), request.uri().path());
    recorded.lock().unwrap().push(what.clone());
    let is_new =
        recorded.lock().unwrap().iter().any(|call| call.starts_with("POST ") && call.ends_with("/videojobs"));
    let film = || film(if is_new { "Succeeded" } else { "Failed" });
    let _ = request.into_body().collect().await;
    let films = "/apis/videofactory.dev/v1alpha1/namespaces/films/videojobs/ocean";
    let pods = "/api/v1/namespaces/videofactory-system/pods";
    let token = "/api/v1/namespaces/videofactory-system/serviceaccounts/videofactory-viewer/token";
    let answer = match what.split_once(' ').unwrap_or_default() {
        ("GET" | "PATCH", path) if path == films => film(),
        ("POST", path) if Some(path) == films.strip_suffix("/ocean") => film(),
        ("GET", path) if Some(path) == films.strip_suffix("/ocean") => {
            json!({"metadata": {"resourceVersion": "7"}, "items": [film()]})
        }
        ("GET", "/api/v1/namespaces/films/pods") => json!({"metadata": {}, "items": []}),
        ("GET", path) if path == pods => json!({"metadata": {}, "items": [pod()]}),
        ("POST", path) if path == token => {
            json!({"spec": {"audiences": []}, "status": {"token": "short", "expirationTimestamp": "2026-12-24T18:10:00Z"}})
        }
        _ => {
            let status = json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": what});
            let body = Full::new(Bytes::from(status.to_string()));
            return Response::builder().status(404).body(body).unwrap();
        }
    };
    Response::new(Full::new(Bytes::from(answer.to_string())))
}

fn film(phase: &str) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": "ocean", "namespace": "films", "uid": "0c5e9a3b-24c3-4a11-9d59-7c1f8b2d6e05"},
        "spec": {"topic": "the ocean"},
        "status": {
            "observedGeneration": 1, "phase": phase,
            "steps": [
                {"name": "write-script", "state": "Succeeded", "attempt": 1},
                {"name": "generate-images", "state": "Failed", "attempt": 2},
                {"name": "assemble-video", "state": "Pending"},
            ],
            "artifacts": {"video": {"key": "videos/films/ocean-3f9c2a1e/r1/a.mp4"}},
        },
    })
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "operator-1", "namespace": "videofactory-system"},
        "spec": {"containers": [{"name": "operator", "ports": [{"name": "http", "containerPort": POD_PORT}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// Forwards a port: messages with a channel's number in front, of which the first of each names the port.
#[expect(clippy::result_large_err, reason = "the library's callback wants it so")]
async fn forward(stream: TcpStream, operator: u16) {
    let agree = |_: &Handshake, mut response: Agreed| {
        let protocol = "v4.channel.k8s.io".parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
    let (mut to_client, mut from_client) = socket.split();
    let [low, high] = POD_PORT.to_le_bytes();
    for channel in [0, 1] {
        to_client.send(Message::binary(vec![channel, low, high])).await.unwrap();
    }
    let (mut from_pod, mut to_pod) = TcpStream::connect(("127.0.0.1", operator)).await.unwrap().into_split();
    let up = async {
        while let Some(Ok(Message::Binary(bytes))) = from_client.next().await {
            if bytes.first() != Some(&0) || to_pod.write_all(&bytes[1..]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_pod.read(&mut buffer).await {
            let message = [&[0], &buffer[..read]].concat();
            if to_client.send(Message::binary(message)).await.is_err() {
                return;
            }
        }
        let _ = to_client.close().await;
    };
    tokio::join!(up, down);
}
