//! Against real sockets on this machine: what is sent, to whom, and what a failure is called.

mod reach;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::Request as Received;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use videofactory_net::AllowedHosts;

use super::*;

const KEY: &str = "very-secret-key";
const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42 and so on";

/// Requests that a server saw: method, path and authorization.
type Seen = Arc<Mutex<Vec<String>>>;

async fn serve(router: Router<Seen>) -> (String, Seen) {
    let seen = Seen::default();
    let state = seen.clone();
    let note = move |State(seen): State<Seen>,
                     request: Received<axum::body::Body>,
                     next: axum::middleware::Next| async move {
        let authorization =
            request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        seen.lock().push(format!(
            "{} {} {}",
            request.method(),
            request.uri().path(),
            authorization.unwrap_or_default()
        ));
        next.run(request).await
    };
    let router = router.layer(axum::middleware::from_fn_with_state(state.clone(), note)).with_state(state);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, seen)
}

/// A server that answers the first connection by `answer` and then closes it.
async fn serve_raw<F: Future<Output = ()> + Send>(
    answer: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        answer(stream).await;
    });
    base
}

fn connection(base: &str) -> Connection {
    let secrets = BTreeMap::from([("apiKey".to_owned(), Secret::from(KEY))]);
    let network = Network::default().with_loopback(true);
    let allowed_hosts = AllowedHosts::parse("127.0.0.1,localhost,no-such-host.demo.svc,169.254.169.254");
    Connection { endpoint: base.to_owned(), secrets, allowed_hosts, network, ..Connection::default() }
}

fn http(base: &str) -> Http {
    let connection = connection(base);
    let http = Http::new("A service", &connection, &["https://service.example/v1"]).unwrap();
    http.with_bearer(connection.secret("A service", "apiKey").unwrap()).unwrap()
}

fn submission() -> Call {
    Call::submit("/generate", json!({"prompt": "a whale"}))
}

async fn fails(http: &Http, call: Call) -> ProviderError {
    let error = http.call(call).await.unwrap_err();
    assert!(!error.to_string().contains(KEY) && !format!("{error:?}").contains(KEY), "{error}");
    error
}

#[tokio::test]
async fn the_key_goes_to_the_service_and_never_to_another_origin() {
    let (other, other_saw) = serve(Router::new().route("/film", get(|| async { MP4 }))).await;
    let target = format!("{other}/film");
    let here = Router::new()
        .route("/v1/away", get(move || async move { Redirect::temporary(&target) }))
        .route("/v1/near", get(|| async { Redirect::to("/v1/film") }))
        .route("/v1/film", get(|| async { MP4 }));
    let (base, saw) = serve(here).await;
    let http = http(&format!("{base}/v1/"));
    for path in ["/near", "/away"] {
        assert_eq!(http.call(Call::get(path)).await.unwrap().body, MP4);
    }
    http.download(&format!("{other}/film"), true, 1000, &["video/mp4"]).await.unwrap();
    http.download(&format!("{base}/v1/film"), true, 1000, &["video/mp4"]).await.unwrap();
    http.download(&format!("{base}/v1/film"), false, 1000, &["video/mp4"]).await.unwrap();
    let bearer = format!("Bearer {KEY}");
    assert_eq!(*other_saw.lock(), ["GET /film ", "GET /film "]);
    let expected = [
        format!("GET /v1/near {bearer}"),
        format!("GET /v1/film {bearer}"),
        format!("GET /v1/away {bearer}"),
        format!("GET /v1/film {bearer}"),
        "GET /v1/film ".to_owned(),
    ];
    assert_eq!(*saw.lock(), expected);
}

#[tokio::test]
async fn a_submission_follows_only_to_its_own_origin_and_only_as_it_is() {
    let (other, other_saw) = serve(Router::new().route("/generate", any(|| async { "taken" }))).await;
    let away = format!("{other}/generate");
    let here = Router::new()
        .route("/generate", any(|| async { Redirect::permanent("/moved") }))
        .route("/moved", any(|body: String| async { body }))
        .route("/seen", any(|| async { Redirect::to("/moved") }))
        .route("/away", any(move || async move { Redirect::permanent(&away) }));
    let (base, _) = serve(here).await;
    let http = http(&base);
    assert_eq!(http.call(submission()).await.unwrap().body, br#"{"prompt":"a whale"}"#);
    for path in ["/seen", "/away"] {
        let error = fails(&http, Call { path: path.to_owned(), ..submission() }).await;
        assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
    }
    assert!(other_saw.lock().is_empty());
}

#[tokio::test]
async fn endless_redirects_end() {
    let (base, seen) = serve(Router::new().route("/{n}", get(|| async { Redirect::to("/on") }))).await;
    let error = fails(&http(&base), Call::get("/on")).await;
    assert!(error.to_string().contains("more than 3 times"), "{error}");
    assert_eq!(seen.lock().len(), 4);
}

#[tokio::test]
async fn a_308_without_a_place_is_an_answer() {
    let upload = || async { (axum::http::StatusCode::PERMANENT_REDIRECT, [("range", "bytes=0-9")]) };
    let (base, _) = serve(Router::new().route("/upload", any(upload))).await;
    let answer = http(&base).call(Call { method: Method::PUT, ..Call::get("/upload") }).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.headers["range"].to_str().unwrap()), (308, "bytes=0-9"));
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_request_left_leaves_a_paid_outcome_unknown() {
    for cut in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"request_id\":"] {
        for (call, unknown) in [(submission(), true), (Call { pays: false, ..submission() }, false)] {
            let base = serve_raw(move |mut stream| async move {
                stream.write_all(cut.as_bytes()).await.unwrap();
                // Closed with bytes unread or by option, the peer sees a reset; both ends count as lost.
                stream.set_zero_linger().unwrap();
            })
            .await;
            let error = fails(&http(&base), call).await;
            assert_eq!(matches!(error, ProviderError::OutcomeUnknown { .. }), unknown, "{cut:?}: {error}");
            assert_eq!(matches!(error, ProviderError::Unavailable { .. }), !unknown, "{cut:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_request_that_never_left_is_not_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for base in [base.as_str(), "http://no-such-host.demo.svc"] {
        let error = fails(&http(base), submission()).await;
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("cannot connect"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    for cut in ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"] {
        let base = serve_raw(move |mut stream| async move {
            stream.write_all(cut.as_bytes()).await.unwrap();
            // The request is here: from now on only the clock moves.
            tokio::time::pause();
            std::future::pending::<()>().await;
        })
        .await;
        let error = fails(&http(&base), submission()).await;
        assert!(matches!(error, ProviderError::OutcomeUnknown { .. }), "{error}");
        assert!(error.to_string().contains("60 s"), "{error}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_download_without_progress_is_given_up() {
    let base = serve_raw(move |mut stream| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 50\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(MP4).await.unwrap();
        tokio::time::pause();
        std::future::pending::<()>().await;
    })
    .await;
    let error = http(&base).download(&format!("{base}/film"), true, 1000, &["video/mp4"]).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("stood still for 60 s"), "{error}");
}

#[tokio::test]
async fn nothing_longer_than_allowed_is_read() {
    let endless = || async { axum::body::Body::from_stream(futures_stream()) };
    let known = || async { vec![b'x'; 2000] };
    let (base, _) = serve(Router::new().route("/endless", any(endless)).route("/known", any(known))).await;
    let http = http(&base);
    for path in ["/endless", "/known"] {
        let error = http.download(&format!("{base}{path}"), false, 1000, &["video/mp4"]).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unexpected { .. }), "{error}");
        assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
        let call = Call { path: path.to_owned(), ..submission() }.within(CALL_TAKES, 1000);
        assert!(matches!(fails(&http, call).await, ProviderError::OutcomeUnknown { .. }));
    }
}

/// Bytes without an end.
fn futures_stream() -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 100])))
}

#[tokio::test]
async fn a_file_of_another_kind_or_none_is_reported() {
    let page = || async { axum::response::Html("<!doctype html><title>Sign in</title>") };
    let gone =
        || async { (axum::http::StatusCode::FORBIDDEN, "<html><title>Expired</title>").into_response() };
    let (base, _) = serve(Router::new().route("/page", get(page)).route("/gone", get(gone))).await;
    let http = http(&base);
    let fetch = async |path: &str| {
        http.download(&format!("{base}{path}"), false, 1000, &["video/mp4"]).await.unwrap_err()
    };
    assert!(matches!(fetch("/page").await, ProviderError::Unexpected { .. }));
    let gone = fetch("/gone").await;
    assert!(
        matches!(&gone, ProviderError::Unavailable { message, .. } if message.contains("Expired")),
        "{gone}"
    );
}

#[tokio::test]
async fn a_key_that_the_service_repeats_does_not_come_out() {
    let echo = |headers: axum::http::HeaderMap| async move {
        let text = format!(
            "bad key {} and {}",
            headers["authorization"].to_str().unwrap(),
            headers["x-more"].to_str().unwrap()
        );
        (axum::http::StatusCode::UNAUTHORIZED, text)
    };
    let (base, _) = serve(Router::new().route("/generate", any(echo))).await;
    let call = Call { secrets: vec![("x-more", Secret::from("other-secret"))], ..submission() };
    let answer = http(&base).call(call).await.unwrap();
    let error = answer.error("A service", true).to_string();
    assert!(error.contains("bad key"), "{error}");
    assert!(!error.contains(KEY) && !error.contains("other-secret"), "{error}");
    assert!(!format!("{answer:?}").contains(KEY));
}

#[tokio::test]
async fn this_machine_is_not_called_unless_allowed() {
    let (base, seen) = serve(Router::new().route("/film", get(|| async { MP4 }))).await;
    let port = base.rsplit(':').next().unwrap().to_owned();
    let refused = |error: ProviderError, why: &str| {
        assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    for (endpoint, why) in [
        (format!("https://127.0.0.1:{port}"), "loopback"),
        (format!("https://localhost:{port}"), "loopback"),
        ("https://169.254.169.254/".to_owned(), "link-local"),
    ] {
        let connection = Connection { network: Network::default(), ..connection(&endpoint) };
        refused(Http::new("A service", &connection, &["https://service.example"]).unwrap_err(), why);
    }
    let connection = Connection { network: Network::default(), ..connection("") };
    let http = Http::new("A service", &connection, &["https://service.example"]).unwrap();
    refused(
        http.download(&format!("{base}/film"), false, 1000, &["video/mp4"]).await.unwrap_err(),
        "loopback",
    );
    let named = format!("http://localhost:{port}/film");
    refused(http.download(&named, false, 1000, &["video/mp4"]).await.unwrap_err(), "loopback");
    assert!(seen.lock().is_empty());
}

#[test]
fn an_endpoint_that_is_none_is_refused_without_being_shown() {
    for endpoint in [
        "no url",
        "ftp://a.example",
        "https://user:very-secret-key@a.example",
        "https://a.example?key=very-secret-key",
    ] {
        let error = Http::new("A service", &connection(endpoint), &["https://service.example"]).unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }), "{error}");
        assert!(!error.to_string().contains(KEY), "{error}");
    }
}

#[test]
fn nothing_prints_the_key() {
    let http = http("https://service.example/v1");
    let call = Call { secrets: vec![("x-key", Secret::from(KEY))], ..submission() };
    let form = Body::Form(vec![("client_secret", Secret::from(KEY))]);
    assert!(!format!("{http:?} {call:?} {form:?}").contains(KEY));
}

#[test]
fn a_key_with_odd_characters_is_reported() {
    let http = Http::new("A service", &connection(""), &["https://service.example"]).unwrap();
    let error = http.with_bearer(&Secret::from("a\nb")).unwrap_err();
    assert!(matches!(error, ProviderError::Credentials { .. }), "{error}");
}
