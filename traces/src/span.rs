//! A span as plain data, and as OpenTelemetry has it.

use std::time::SystemTime;

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use videofactory_pipeline::contract::{SpanId, TraceId};

/// Something that took time, and is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    /// What it is a part of.
    pub parent: Option<SpanId>,
    /// Another program reports the parent.
    pub parent_is_remote: bool,
    /// What it is called: one of few names, but for a run's.
    pub name: String,
    /// What kind of work it was.
    pub kind: Kind,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; never before it began.
    pub to: Timestamp,
    /// Names, sizes, counts and outcomes. No text of a film, no prompt, no key, no address of a file.
    pub attributes: Vec<(&'static str, Value)>,
    /// It ended badly; the attributes say how.
    pub failed: bool,
}

/// What kind of work it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Our own.
    #[default]
    Internal,
    /// A service was asked.
    Client,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A name.
    Text(String),
    /// A number of things.
    Count(i64),
    /// A measure.
    Number(f64),
    /// Whether something was so.
    Flag(bool),
}

impl Span {
    /// The same with more attributes.
    #[must_use]
    pub fn with(mut self, attributes: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.attributes.extend(attributes);
        self
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(count: i64) -> Self {
        Self::Count(count)
    }
}

impl From<i32> for Value {
    fn from(count: i32) -> Self {
        Self::Count(count.into())
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Span> for SpanData {
    fn from(span: Span) -> Self {
        let trace = opentelemetry::TraceId::from_bytes(span.trace.0);
        let id = |id: SpanId| opentelemetry::SpanId::from_bytes(id.0);
        let value = |value| match value {
            Value::Text(text) => opentelemetry::Value::from(text),
            Value::Count(count) => count.into(),
            Value::Number(number) => number.into(),
            Value::Flag(flag) => flag.into(),
        };
        let attributes = span.attributes.into_iter().map(|(key, held)| KeyValue::new(key, value(held)));
        Self {
            span_context: SpanContext::new(trace, id(span.id), TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: span.parent.map_or(opentelemetry::SpanId::INVALID, id),
            parent_span_is_remote: span.parent_is_remote,
            span_kind: match span.kind {
                Kind::Internal => SpanKind::Internal,
                Kind::Client => SpanKind::Client,
            },
            name: span.name.into(),
            start_time: SystemTime::from(span.from),
            end_time: SystemTime::from(span.to.max(span.from)),
            attributes: attributes.collect(),
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            status: if span.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: InstrumentationScope::builder("videofactory")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}
