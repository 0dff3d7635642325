//! An operator's routes: a film whose first download breaks off, health, and a stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{StreamExt, stream};
use tokio::net::TcpListener;

pub const FILM: &[u8] = &[7; 300_000];
/// How much of it comes the first time.
const FIRST: usize = 100_000;
const TAG: &str = "\"3f9c2a1e\"";

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub authorization: String,
    pub range: Option<String>,
}

#[derive(Default)]
struct Recorded {
    asked: Mutex<Vec<Asked>>,
    broke_off: AtomicBool,
}

pub struct Operator {
    /// Where it listens.
    pub port: u16,
    recorded: Arc<Recorded>,
}

impl Operator {
    pub async fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let recorded: Arc<Recorded> = Arc::default();
        let app = axum::Router::new().fallback(answer).with_state(recorded.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { port, recorded }
    }

    /// The requests that came.
    pub fn asked(&self) -> Vec<Asked> {
        self.recorded.asked.lock().unwrap().clone()
    }
}

async fn answer(State(recorded): State<Arc<Recorded>>, request: Request) -> Response {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        authorization: header("authorization").unwrap_or_default(),
        range: header("range").filter(|_| header("if-range").as_deref() == Some(TAG)),
    };
    recorded.asked.lock().unwrap().push(asked.clone());
    if asked.authorization == "Bearer stranger" {
        let problem =
            r#"{"title": "Unauthorized", "status": 401, "detail": "the cluster does not know this token"}"#;
        return Response::builder().status(401).body(Body::from(problem)).unwrap();
    }
    match asked.path.as_str() {
        "/health/full" => Response::new(Body::from(r#"{"healthy": true, "checks": []}"#)),
        "/jobs/films/ocean/logs" => {
            let step =
                request.uri().query().and_then(|query| query.strip_prefix("step=")).unwrap_or_default();
            Response::new(Body::from(format!("{{\"level\":\"INFO\",\"message\":\"kept of {step}\"}}\n")))
        }
        "/stream" => {
            let hello =
                stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"data: hello\n\n")) });
            Response::new(Body::from_stream(hello.chain(stream::pending())))
        }
        "/jobs/films/ocean/artifacts/video" => film(&recorded, &asked),
        _ => Response::builder().status(404).body(Body::from("{}")).unwrap(),
    }
}

fn film(recorded: &Recorded, asked: &Asked) -> Response {
    let from = asked
        .range
        .as_deref()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let response = Response::builder().header("etag", TAG);
    let rest = &FILM[from.unwrap_or(0)..];
    let response = match from {
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", FILM.len() - 1, FILM.len());
            response.status(206).header("content-range", range)
        }
        None => response,
    };
    let response = response.header("content-length", rest.len());
    if asked.method == "HEAD" {
        return response.body(Body::empty()).unwrap();
    }
    if recorded.broke_off.swap(true, Ordering::SeqCst) {
        return response.body(Body::from(rest)).unwrap();
    }
    let first = stream::once(async { Ok(Bytes::from_static(&FILM[..FIRST])) });
    let end = stream::once(async {
        // What came before it is sent first where nothing follows at once.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("the bucket is gone"))
    });
    response.body(Body::from_stream(first.chain(end))).unwrap()
}
