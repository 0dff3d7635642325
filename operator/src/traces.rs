//! Whether runs are traced, and the queue of their spans. If something is wrong with that, the log says so, and videos are
//! made without traces.

use tokio::task::JoinHandle;
use videofactory_net::Network;
use videofactory_traces::{Exporter, ServiceResource, Settings, SpanQueue};

use crate::config::Config;

/// `service.name` of the operator.
const SERVICE: &str = "videofactory-operator";

/// Starts the export of spans if the environment names an endpoint, and passes that on to steps. The work ends when all
/// clones of the queue are gone.
pub fn start(
    config: &mut Config,
    network: &Network,
    variable: impl Fn(&str) -> Option<String>,
) -> (SpanQueue, JoinHandle<()>) {
    let exporter = exporter(config, network, variable).unwrap_or_else(|why| {
        tracing::warn!(error = %why, "videos are made without traces");
        None
    });
    match exporter {
        Some(exporter) => {
            let (queue, work) = SpanQueue::start(exporter);
            (queue, tokio::spawn(work))
        }
        None => (SpanQueue::default(), tokio::spawn(std::future::ready(()))),
    }
}

fn exporter(
    config: &mut Config,
    network: &Network,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Exporter>, String> {
    let Some(settings) = Settings::read(variable)? else { return Ok(None) };
    let service = ServiceResource {
        name: SERVICE,
        namespace: Some(config.namespace.clone()),
        pod: Some(config.name.clone()),
        pod_uid: None,
    };
    let exporter = Exporter::new(&settings, network, &service)?;
    tracing::info!(endpoint = %settings.endpoint(), "runs are traced");
    if let Some(variables) = settings.for_steps() {
        config.worker.traces = variables;
    } else {
        tracing::warn!(
            "steps export no spans, because people of their namespaces could read the collector's headers: to trace steps \
             too, let a collector in the cluster add the headers"
        );
    }
    Ok(Some(exporter))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[tokio::test]
    async fn steps_export_spans_where_the_operator_does_unless_that_takes_a_key() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://tempo.svc:4318");
        let key = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer hunter2");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        for (variables, sends, steps_send) in [
            (&[][..], false, false),
            (&[endpoint], true, true),
            (&[endpoint, key], true, false),
            (&[endpoint, grpc], false, false),
        ] {
            let mut config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
            let variable = |name: &str| {
                let found = variables.iter().find(|(held, _)| *held == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let (queue, work) = start(&mut config, &Network::default(), variable);
            assert_eq!(queue.is_enabled(), sends, "{variables:?}");
            assert_eq!(!config.worker.traces.is_empty(), steps_send, "{variables:?}");
            assert!(!format!("{:?}", config.worker.traces).contains("hunter2"));
            drop(queue);
            work.await.unwrap();
        }
    }
}
