//! One answer over a connection that may have been kept from an earlier request.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::connect::Connect;
use hyper_util::client::legacy::{Client, Error};

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

/// The answer to a request. What only reads is asked once more where its connection breaks: a tunnel that was kept may have
/// ended at its other side without anybody noticing.
pub async fn of<C>(client: &Client<C, Body>, request: Request<Body>) -> Result<Response<Incoming>, NoAnswer>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let (parts, body) = request.into_parts();
    let again = (parts.method.is_safe() && body.is_end_stream()).then(|| parts.clone());
    let answer = in_time(client.request(Request::from_parts(parts, body))).await;
    match (answer, again) {
        (Err(NoAnswer::Hear(_)), Some(parts)) => {
            in_time(client.request(Request::from_parts(parts, Body::empty()))).await
        }
        (answer, _) => answer,
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
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::super::wire::{ForwardedPort, Stream};
    use super::*;

    /// A server that breaks off the first connections without an answer; its URL, and the methods that it was asked by.
    async fn breaking_off(first: usize) -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (asked, methods) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for place in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
                }
                let head = String::from_utf8(head).unwrap();
                asked.send(head.split(' ').next().unwrap().to_owned()).unwrap();
                if place >= first {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            }
        });
        (url, methods)
    }

    async fn ask(method: Method, url: &str) -> Result<StatusCode, NoAnswer> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder().method(method).uri(url).body(Body::empty()).unwrap();
        of(&client, request).await.map(|answer| answer.status())
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
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let request = Request::get("http://operator/").body(Body::empty()).unwrap();
        of(&client, request).await.unwrap_err().to_string()
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
