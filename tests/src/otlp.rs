//! A collector in miniature: takes spans by OTLP over HTTP and keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use parking_lot::Mutex;
use prost::Message;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A span as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Id of its trace, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// Id of its parent; empty if it has none.
    pub parent: String,
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub from: u64,
    /// When it ended.
    pub to: u64,
    /// A service was asked.
    pub is_client: bool,
    /// It ended badly.
    pub failed: bool,
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// What is said of the program that sent it.
    pub resource: BTreeMap<String, String>,
}

/// Most spans that are kept; older ones are forgotten.
const MAX_SPANS: usize = 20_000;
/// Longest time that may pass until what a test awaits has come.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The spans that have come, in their order.
#[derive(Debug, Default)]
pub struct Collected(Mutex<VecDeque<Received>>);

impl Collected {
    /// Takes those of a request's body.
    pub fn take(&self, body: &[u8]) -> anyhow::Result<()> {
        let new = received(body)?;
        let mut spans = self.0.lock();
        spans.extend(new);
        let over = spans.len().saturating_sub(MAX_SPANS);
        spans.drain(..over);
        Ok(())
    }

    /// Those of one trace, by its id in hex; without one, all.
    #[must_use]
    pub fn of(&self, trace: Option<&str>) -> Vec<Received> {
        let is_meant = |span: &&Received| trace.is_none_or(|trace| span.trace == trace);
        self.0.lock().iter().filter(is_meant).cloned().collect()
    }
}

#[derive(Clone, Default)]
struct Shared {
    spans: Arc<Collected>,
    /// What every request is answered with, if not with success.
    refusal: Arc<Mutex<Option<StatusCode>>>,
    refused: Arc<Mutex<usize>>,
    /// Notified of each request, once it is answered for.
    asked: Arc<Notify>,
}

/// The collector; it ends when it is dropped.
pub struct Receiver {
    url: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    /// Starts one on this machine.
    pub async fn start() -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for a collector")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Shared::default();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(shared.clone());
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { url, shared, server })
    }

    /// Its address, as `OTEL_EXPORTER_OTLP_ENDPOINT` takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The spans so far, in the order in which they came.
    #[must_use]
    pub fn spans(&self) -> Vec<Received> {
        self.shared.spans.of(None)
    }

    /// Answers with this status from now on; with one of success, it takes spans again.
    pub fn answer(&self, status: u16) {
        *self.shared.refusal.lock() = StatusCode::from_u16(status).ok().filter(|status| !status.is_success());
    }

    /// Waits until so many spans have come, and returns them.
    pub async fn until_spans(&self, count: usize) -> anyhow::Result<Vec<Received>> {
        self.until(&format!("{count} spans"), || Some(self.spans()).filter(|spans| spans.len() >= count))
            .await
    }

    /// Waits until a request was refused.
    pub async fn until_refused(&self) -> anyhow::Result<()> {
        self.until("a request that is refused", || (self.refused() > 0).then_some(())).await
    }

    async fn until<T>(&self, what: &str, so: impl Fn() -> Option<T>) -> anyhow::Result<T> {
        let waiting = async {
            loop {
                // It exists before the look, so that no request between the two is missed.
                let asked = self.shared.asked.notified();
                if let Some(found) = so() {
                    return found;
                }
                asked.await;
            }
        };
        timeout(TIMEOUT, waiting).await.with_context(|| format!("{what}: not within {} s", TIMEOUT.as_secs()))
    }

    /// How many requests were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        *self.shared.refused.lock()
    }
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = keep(&shared, &headers, &body);
    shared.asked.notify_waiters();
    status
}

fn keep(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> StatusCode {
    if let Some(status) = *shared.refusal.lock() {
        *shared.refused.lock() += 1;
        return status;
    }
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if kind != Some("application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    shared.spans.take(body).map_or(StatusCode::BAD_REQUEST, |()| StatusCode::OK)
}

/// The spans of a request's body.
fn received(body: &[u8]) -> anyhow::Result<Vec<Received>> {
    let request = ExportTraceServiceRequest::decode(body).context("the body holds no spans")?;
    let mut all = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = texts(resource_spans.resource.map(|resource| resource.attributes).unwrap_or_default());
        for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(Received {
                is_client: span.kind() == SpanKind::Client,
                failed: span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error),
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                name: span.name,
                from: span.start_time_unix_nano,
                to: span.end_time_unix_nano,
                attributes: texts(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    Ok(all)
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|held| (held.key, text(held.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
