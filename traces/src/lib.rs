//! How spans are sent to a collector: OpenTelemetry over OTLP, as protobuf over HTTP.
//!
//! Spans are plain data that is made when they have ended; nothing here keeps one open. What cannot be sent is left out
//! and told in the log: no work of ours waits for a collector or fails for want of one.

mod client;
mod exporter;
mod outbox;
mod settings;
mod span;

pub use exporter::{Exporter, Origin};
pub use outbox::Outbox;
pub use settings::Settings;
pub use span::{Kind, Span, Value};
