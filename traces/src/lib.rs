//! Exports spans to a collector: OpenTelemetry over OTLP, as protobuf over HTTP.
//!
//! Spans are plain data that is made when they have ended; nothing here keeps one open. Spans that cannot be exported are
//! dropped, and the log says so: no work of ours waits for a collector or fails without one.

mod client;
mod exporter;
mod queue;
mod settings;
mod span;

pub use exporter::{Exporter, ServiceResource};
pub use queue::SpanQueue;
pub use settings::Settings;
pub use span::{Kind, Span, Value};
