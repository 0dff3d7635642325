//! One answer over a connection that may have been kept from an earlier request.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::connect::Connect;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

use super::wire::NodeSaid;
use crate::exit::causes;

/// Longest time until an answer begins: a tunnel that is dead may say nothing for much longer. What comes after, such as a
/// film, has all the time that it takes.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// Why no answer began.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection could be opened.
    #[error("{0}")]
    Connect(String),
    /// The connection broke.
    #[error("{0}")]
    Hear(String),
    /// It was silent for too long.
    #[error("nothing came within {} seconds", MAX_SILENCE.as_secs())]
    Wait,
}

/// Asks over connections that this connector opens.
pub struct Asker<C> {
    /// Keeps them for later requests.
    kept: Client<C, Body>,
    /// Opens one for each request.
    fresh: Client<C, Body>,
}

impl<C> Asker<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    pub fn new(connector: C) -> Self {
        let kept = Client::builder(TokioExecutor::new()).build(connector.clone());
        let fresh = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { kept, fresh }
    }

    /// The answer to a request. What only reads is asked once more where its connection breaks: a tunnel that was kept may
    /// have ended at its other side without anybody noticing, and so may all others that were kept.
    pub async fn ask(&self, request: Request<Body>) -> Result<Response<Incoming>, NoAnswer> {
        let (parts, body) = request.into_parts();
        let again = (parts.method.is_safe() && body.is_end_stream()).then(|| parts.clone());
        let answer = in_time(self.kept.request(Request::from_parts(parts, body))).await;
        match (answer, again) {
            (Err(NoAnswer::Hear(_)), Some(parts)) => {
                in_time(self.fresh.request(Request::from_parts(parts, Body::empty()))).await
            }
            (answer, _) => answer,
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, NoAnswer> {
    match tokio::time::timeout(MAX_SILENCE, answer).await {
        Ok(answer) => answer.map_err(|error| {
            let why = NodeSaid::behind(&error).map_or_else(|| causes(&error), ToString::to_string);
            if error.is_connect() { NoAnswer::Connect(why) } else { NoAnswer::Hear(why) }
        }),
        Err(_) => Err(NoAnswer::Wait),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;
    use http::{Method, StatusCode, Uri};
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{Barrier, mpsc};

    use super::super::wire::{ForwardedPort, Stream};
    use super::*;

    /// The head of the next request; none: the connection has ended.
    async fn head(stream: &mut TcpStream) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap() == 0 {
                return None;
            }
        }
        String::from_utf8(head).ok()
    }

    /// A server that breaks off the first connections without an answer; its URL, and the methods that it was asked by.
    async fn breaking_off(first: usize) -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (asked, methods) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for place in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = head(&mut stream).await.unwrap();
                asked.send(head.split(' ').next().unwrap().to_owned()).unwrap();
                if place >= first {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            }
        });
        (url, methods)
    }

    /// A server whose first connections answer one request each, all at once, and break off at the next; its URL, and the
    /// news of such an end. All later connections are for one request.
    async fn kept_until_they_break(first: usize) -> (String, mpsc::UnboundedReceiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (broken, ends) = mpsc::unbounded_channel();
        let all_are_open = Arc::new(Barrier::new(first));
        tokio::spawn(async move {
            for place in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (all_are_open, broken) = (all_are_open.clone(), broken.clone());
                tokio::spawn(async move {
                    head(&mut stream).await.unwrap();
                    if place >= first {
                        let last = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                        return stream.write_all(last).await.unwrap();
                    }
                    all_are_open.wait().await;
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                    if head(&mut stream).await.is_some() {
                        broken.send(()).unwrap();
                    }
                });
            }
        });
        (url, ends)
    }

    async fn ask_by(asker: &Asker<HttpConnector>, method: Method, url: &str) -> Result<StatusCode, NoAnswer> {
        let request = Request::builder().method(method).uri(url).body(Body::empty()).unwrap();
        asker.ask(request).await.map(|answer| answer.status())
    }

    async fn ask(method: Method, url: &str) -> Result<StatusCode, NoAnswer> {
        ask_by(&Asker::new(HttpConnector::new()), method, url).await
    }

    #[tokio::test]
    async fn what_reads_is_asked_again_over_a_new_connection_once() {
        let (url, mut asked) = breaking_off(1).await;
        assert_eq!(ask(Method::GET, &url).await, Ok(StatusCode::NO_CONTENT));
        let (url, mut twice) = breaking_off(2).await;
        assert!(matches!(ask(Method::GET, &url).await, Err(NoAnswer::Hear(_))));
        for methods in [&mut asked, &mut twice] {
            for _ in 0..2 {
                assert_eq!(methods.recv().await.as_deref(), Some("GET"));
            }
            assert!(methods.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn the_second_time_no_kept_connection_is_used_which_may_be_broken_as_well() {
        let (url, mut ends) = kept_until_they_break(2).await;
        let asker = Asker::new(HttpConnector::new());
        let ask = || ask_by(&asker, Method::GET, &url);
        assert_eq!(tokio::join!(ask(), ask()), (Ok(StatusCode::NO_CONTENT), Ok(StatusCode::NO_CONTENT)));
        // Until the connections are back with those that are kept, others are opened.
        while ends.try_recv().is_err() {
            assert_eq!(ask().await, Ok(StatusCode::NO_CONTENT));
        }
    }

    #[tokio::test]
    async fn what_changes_something_is_asked_once() {
        let (url, mut asked) = breaking_off(1).await;
        assert!(matches!(ask(Method::POST, &url).await, Err(NoAnswer::Hear(_))));
        assert_eq!(asked.recv().await.as_deref(), Some("POST"));
        assert!(asked.try_recv().is_err());
    }

    /// A port whose other side breaks off once it has read something, and of which the node says this.
    fn breaking_port(said: Option<&str>) -> Stream {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move { far.read_buf(&mut Vec::<u8>::new()).await });
        let said = said.map(ToOwned::to_owned);
        TokioIo::new(ForwardedPort::new(near, std::future::ready(said).boxed()))
    }

    /// Why reading over such ports, one after the other, gave no answer.
    async fn unanswered(said: [Option<&'static str>; 2]) -> String {
        let ports = Arc::new(Mutex::new(VecDeque::from(said)));
        let connector = tower::service_fn(move |_: Uri| {
            let port = breaking_port(ports.lock().unwrap().pop_front().unwrap());
            std::future::ready(Ok::<_, Infallible>(port))
        });
        let request = Request::get("http://operator/").body(Body::empty()).unwrap();
        Asker::new(connector).ask(request).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_a_node_says_of_a_port_is_shown_for_the_try_that_it_ended_alone() {
        let refused = "dial tcp 127.0.0.1:8000: connection refused";
        assert_eq!(unanswered([None, Some(refused)]).await, refused);
        let second = unanswered([Some("the pod is gone"), None]).await;
        assert!(!second.contains("the pod is gone"), "{second}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_that_says_nothing_is_not_waited_for_any_longer() {
        let silence = std::future::pending::<Result<(), Error>>();
        let error = in_time(silence).await.unwrap_err();
        assert_eq!(error.to_string(), "nothing came within 60 seconds");
    }
}
