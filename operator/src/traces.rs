//! Whether runs are traced, and the way that their spans go. What is wrong with that is told, and films are made all the
//! same.

use tokio::task::JoinHandle;
use videofactory_net::Network;
use videofactory_traces::{Exporter, Origin, Outbox, Settings};

use crate::config::Config;

/// The operator, in traces.
const SERVICE: &str = "videofactory-operator";

/// Opens the way for spans if the environment names one, and has steps told of it. The work behind it ends when all clones
/// of the outbox are gone.
pub fn begin(
    config: &mut Config,
    network: &Network,
    variable: impl Fn(&str) -> Option<String>,
) -> (Outbox, JoinHandle<()>) {
    let opened = open(config, network, variable).unwrap_or_else(|why| {
        tracing::warn!("{why}; films are made without being traced");
        None
    });
    match opened {
        Some(exporter) => {
            let (outbox, work) = Outbox::start(exporter);
            (outbox, tokio::spawn(work))
        }
        None => (Outbox::default(), tokio::spawn(std::future::ready(()))),
    }
}

fn open(
    config: &mut Config,
    network: &Network,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Exporter>, String> {
    let Some(settings) = Settings::read(variable)? else { return Ok(None) };
    let origin = Origin {
        service: SERVICE,
        namespace: Some(config.namespace.clone()),
        pod: Some(config.name.clone()),
        pod_uid: None,
    };
    let exporter = Exporter::new(&settings, network, &origin)?;
    tracing::info!(endpoint = %settings.endpoint(), "runs are traced");
    if let Some(variables) = settings.for_steps() {
        config.worker.traces = variables;
    } else {
        tracing::warn!(
            "steps send no spans, because the collector wants headers, which people of their namespaces would see: send to \
             a collector of the cluster that adds them, and traces have what steps do too"
        );
    }
    Ok(Some(exporter))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[tokio::test]
    async fn steps_send_spans_where_the_operator_does_unless_that_takes_a_key() {
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
            let (outbox, work) = begin(&mut config, &Network::default(), variable);
            assert_eq!(outbox.is_open(), sends, "{variables:?}");
            assert_eq!(!config.worker.traces.is_empty(), steps_send, "{variables:?}");
            assert!(!format!("{:?}", config.worker.traces).contains("hunter2"));
            drop(outbox);
            work.await.unwrap();
        }
    }
}
