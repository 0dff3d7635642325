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
pub fn begin(config: &mut Config, network: &Network) -> (Outbox, JoinHandle<()>) {
    let opened = open(config, network).unwrap_or_else(|why| {
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

fn open(config: &mut Config, network: &Network) -> Result<Option<Exporter>, String> {
    let Some(settings) = Settings::read(|name| std::env::var(name).ok())? else { return Ok(None) };
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
