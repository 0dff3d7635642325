//! Connections: who is slow, or opens many, must not keep others out.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use videofactory_api::limits::KeyedSemaphore;

/// How much callers may take before it is known who they are.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest time in which a request's head must have come, and that a connection may stay without one.
    pub head_time: Duration,
    /// Longest time for which a caller may read nothing of an answer.
    pub read_time: Duration,
    /// Most bytes of a head.
    pub head_bytes: usize,
    /// Connections at once.
    pub connections: usize,
    /// Those of one address.
    pub connections_each: usize,
    /// How long answers under way may take to end when the process is asked to stop.
    pub last_answers: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(10),
            read_time: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            connections: 1024,
            connections_each: 256,
            last_answers: Duration::from_secs(5),
        }
    }
}

impl Bounds {
    /// Those of the kubelet's probes: few connections, on each of which the request comes at once.
    pub fn of_probes() -> Self {
        Self { head_time: Duration::from_secs(1), connections: 64, connections_each: 16, ..Self::default() }
    }
}

/// Serves until it is asked to stop; then takes no more connections, and ends with the last answer, or when the time for it
/// is over. After that nobody asks for anything any more.
pub async fn serve(mut listener: TcpListener, routes: Router, bounds: Bounds, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let addresses = KeyedSemaphore::<IpAddr>::new(bounds.connections_each);
    let mut connections = JoinSet::new();
    loop {
        let (stream, address) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = stop.cancelled() => break,
        };
        while connections.try_join_next().is_some() {}
        // Beyond the bounds it is closed at once: whoever waited for a place would be behind those who take them all.
        let free = Arc::clone(&places).try_acquire_owned().ok();
        let Some(place) = free.zip(addresses.take(&address.ip())) else { continue };
        let connection = connection(stream, routes.clone(), bounds, stop.clone());
        connections.spawn(async move {
            let _held = place;
            connection.await;
        });
    }
    drop(listener);
    let all_to_end = async { while connections.join_next().await.is_some() {} };
    if timeout(bounds.last_answers, all_to_end).await.is_err() {
        let seconds = bounds.last_answers.as_secs();
        tracing::info!(seconds, "answers are broken off that were not complete in time");
        connections.shutdown().await;
    }
}

/// Answers on one connection until the caller has no more requests or does not read the answers, or there shall be no more.
async fn connection(stream: TcpStream, routes: Router, bounds: Bounds, stop: CancellationToken) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.read_time));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.head_time).max_buf_size(bounds.head_bytes);
    let connection =
        builder.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection has broken off");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    async fn served(routes: Router, bounds: Bounds) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        (address, stop.clone(), tokio::spawn(serve(listener, routes, bounds, stop)))
    }

    fn hello() -> Router {
        Router::new().route("/", get(async || "hello"))
    }

    /// What comes until the connection is closed.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        // A connection that is closed before all was read of it is reset.
        let _ = timeout(LONG, stream.read_to_end(&mut text)).await.expect("it is closed");
        String::from_utf8(text).unwrap()
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be closed by now.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        rest(&mut stream).await
    }

    #[tokio::test]
    async fn who_does_not_end_a_head_or_sends_too_much_of_it_is_cut_off() {
        let bounds = Bounds { head_time: Duration::from_millis(200), ..Bounds::default() };
        let (address, ..) = served(hello(), bounds).await;
        for beginning in ["", "GET / HTTP/1.1\r\nhost:"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(beginning.as_bytes()).await.unwrap();
            assert!(!rest(&mut slow).await.contains("hello"), "{beginning}");
        }
        let mut large = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(4 * Bounds::default().head_bytes));
        let _ = large.write_all(head.as_bytes()).await;
        assert!(!rest(&mut large).await.contains("hello"));
    }

    #[tokio::test]
    async fn no_address_takes_all_connections() {
        let (address, ..) = served(hello(), Bounds { connections_each: 2, ..Bounds::default() }).await;
        let idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        assert_eq!(ask(address).await, "", "it is closed");
        drop(idle);
        // They are free again once the server has seen that they are closed.
        while !ask(address).await.contains("hello") {}
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_refused_at_once_and_gets_the_next_that_is_free() {
        let bounds = Bounds { connections: 1, ..Bounds::of_probes() };
        let (address, ..) = served(hello(), bounds).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(address).await, "", "it is closed");
        // Who says nothing soon makes way.
        while !ask(address).await.contains("hello") {}
    }

    #[tokio::test]
    async fn who_reads_nothing_of_an_answer_is_cut_off() {
        let bounds = Bounds { read_time: Duration::from_millis(200), ..Bounds::default() };
        let held = Arc::new(Semaphore::new(1));
        let permits = Arc::clone(&held);
        let endless = get(async move || {
            let permit = permits.acquire_owned().await.unwrap();
            let pieces = futures::stream::repeat_with(move || {
                let _held = &permit;
                Ok::<_, std::io::Error>(vec![7_u8; 64 * 1024])
            });
            axum::body::Body::from_stream(pieces)
        });
        let (address, ..) = served(Router::new().route("/", endless), bounds).await;
        let mut lazy = TcpStream::connect(address).await.unwrap();
        lazy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // Its answer has begun, so that its place is taken.
        lazy.read_exact(&mut [0; 12]).await.unwrap();
        let free = timeout(Duration::from_secs(30), held.acquire()).await;
        assert!(free.is_ok(), "a place that is not read for long is free for others");
    }

    #[tokio::test]
    async fn an_answer_under_way_is_given_before_the_end() {
        let (begun, resume) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (beginning, resumed) = (Arc::clone(&begun), Arc::clone(&resume));
        let slow = get(async move || {
            beginning.add_permits(1);
            drop(resumed.acquire().await.unwrap());
            "hello"
        });
        let (address, stop, serving) = served(Router::new().route("/", slow), Bounds::default()).await;
        let idle = TcpStream::connect(address).await.unwrap();
        let asking = tokio::spawn(ask(address));
        drop(begun.acquire().await.unwrap());
        stop.cancel();
        resume.add_permits(1);
        assert!(asking.await.unwrap().ends_with("hello"));
        timeout(LONG, serving).await.expect("who asks nothing is not waited for").unwrap();
        drop(idle);
    }

    #[test]
    fn the_bounds_are_documented() {
        let page = include_str!("../../../docs/operating.md");
        let Bounds { head_time, read_time, head_bytes, connections, connections_each, last_answers: _ } =
            Bounds::default();
        let (kib, head, read) = (head_bytes >> 10, head_time.as_secs(), read_time.as_secs());
        for row in [
            format!("| Connections: of one address, of all | {connections_each}, {connections} | closed "),
            format!("| Headers of a request | {kib} KiB, {head} s |"),
            format!("| Time in which a client reads nothing of an answer | {read} s |"),
        ] {
            assert!(page.contains(&row), "docs/operating.md has no row {row}");
        }
    }
}
