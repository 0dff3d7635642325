//! Exports spans, and says in a sentence why it could not.

use std::sync::PoisonError;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SpanExporter as _;
use videofactory_net::Network;

use crate::client::{Cause, Client};
use crate::settings::Settings;
use crate::span::Span;

/// The resource that exports spans: a program, and its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceResource {
    /// `service.name`.
    pub name: &'static str,
    /// Namespace of its pod; this and the following are absent if they are not known.
    pub namespace: Option<String>,
    /// Name of its pod.
    pub pod: Option<String>,
    pub pod_uid: Option<String>,
}

impl ServiceResource {
    fn resource(&self) -> Resource {
        let of_pod = [
            ("k8s.namespace.name", &self.namespace),
            ("k8s.pod.name", &self.pod),
            ("k8s.pod.uid", &self.pod_uid),
            ("service.instance.id", &self.pod_uid),
        ];
        let of_pod = of_pod.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let always = [
            ("service.name", self.name.to_owned()),
            ("service.namespace", "videofactory".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        // Attributes of the program itself win over those of the environment.
        Resource::builder_empty()
            .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())])
            .with_attributes(always.into_iter().chain(of_pod).map(|(key, value)| KeyValue::new(key, value)))
            .build()
    }
}

/// Exports to one collector. Headers and compression are read from OpenTelemetry's own variables.
#[derive(Debug)]
pub struct Exporter {
    otlp: SpanExporter,
    endpoint: String,
    cause: Cause,
}

impl Exporter {
    /// Connects to nothing yet. Fails with a sentence.
    pub fn new(settings: &Settings, network: &Network, service: &ServiceResource) -> Result<Self, String> {
        let endpoint = settings.endpoint().to_string();
        let fails = |why: String| format!("failed to prepare the export of spans to {endpoint}: {why}");
        let cause = Cause::default();
        let mut otlp = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(network, cause.clone()).map_err(fails)?)
            .with_endpoint(&endpoint)
            .with_protocol(Protocol::HttpBinary)
            // The caller decides whether to retry.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| fails(error.to_string()))?;
        otlp.set_resource(&service.resource());
        Ok(Self { otlp, endpoint, cause })
    }

    /// Exports spans, all or none of them; fails with a sentence.
    pub async fn export(&self, spans: Vec<Span>) -> Result<(), String> {
        let exported = self.otlp.export(spans.into_iter().map(Into::into).collect()).await;
        exported.map_err(|error| {
            let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
            let why = cause.unwrap_or_else(|| error.to_string());
            format!("failed to export spans to {}: {why}", self.endpoint)
        })
    }
}
