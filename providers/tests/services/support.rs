//! Servers, connections and the time that the tests live at.

use std::fmt::{Debug, Display};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use videofactory_net::{AllowedHosts, Network};
use videofactory_providers::{Connection, Secret};

/// Serves until the test ends; the base URL.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// A base URL where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A connection to `base` with these credentials.
pub fn connection(base: &str, secrets: &[(&str, &str)]) -> Connection {
    let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::from(*value))).collect();
    let network = Network::default().with_loopback(true);
    Connection {
        endpoint: base.to_owned(),
        secrets,
        allowed_hosts: AllowedHosts::parse("127.0.0.1"),
        network,
        ..Connection::default()
    }
}

/// One in the afternoon in California.
pub fn now() -> Timestamp {
    "2026-10-05T20:00:00Z".parse().unwrap()
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method, path and query, as in `GET /a?b=c`.
    pub line: String,
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

impl Received {
    /// Reads the request to its end.
    pub async fn read(request: Request<Body>) -> Self {
        let (parts, body) = request.into_parts();
        let line = format!("{} {}", parts.method, parts.uri);
        Self { line, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap().to_vec() }
    }

    /// A header as text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// That neither way of printing it shows any of the secrets.
pub fn assert_hides(error: &(impl Debug + Display), secrets: &[&str]) {
    let printed = format!("{error} {error:?} {error:#?}");
    for secret in secrets {
        assert!(!printed.contains(secret), "{secret} is in {printed}");
    }
}
