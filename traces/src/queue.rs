//! The queue of spans between whoever has some and the collector. Whoever has some sends them and does not wait.
//!
//! Not the SDK's `BatchSpanProcessor`: it exports from a thread of its own, where an asynchronous HTTP client cannot be
//! used, and ours is one, with the operator's proxies and certificate authorities. The SDK's variant for asynchronous
//! runtimes is experimental.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::exporter::Exporter;
use crate::span::Span;

/// How many batches the queue holds; a batch is the spans of one attempt.
const MAX_QUEUE_SIZE: usize = 4096;
/// How many of these are exported in one request.
const MAX_EXPORT_SIZE: usize = 256;
/// How long a failed export is tried again, and the pauses between the attempts.
const MAX_RETRY_TIME: Duration = Duration::from_mins(1);
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(15);

/// Takes spans that are to be exported; clones share the queue. The default one is disabled and takes none.
#[derive(Clone, Debug, Default)]
pub struct SpanQueue(Option<Sender>);

#[derive(Clone, Debug)]
struct Sender {
    batches: mpsc::Sender<Vec<Span>>,
    /// Spans that were dropped since the last success was logged.
    dropped: Arc<AtomicU64>,
}

impl SpanQueue {
    /// A queue, and the work that exports from it, which ends when all clones of the queue are gone.
    pub fn start(exporter: Exporter) -> (Self, impl Future<Output = ()> + use<>) {
        let (batches, receiver) = mpsc::channel(MAX_QUEUE_SIZE);
        let dropped = Arc::new(AtomicU64::new(0));
        let work = export_all(exporter, receiver, Arc::clone(&dropped));
        (Self(Some(Sender { batches, dropped })), work)
    }

    /// Whether spans are exported.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Puts spans into the queue; drops them if it is full.
    pub fn send(&self, spans: Vec<Span>) {
        let Some(sender) = self.0.as_ref().filter(|_| !spans.is_empty()) else { return };
        if let Err(error) = sender.batches.try_send(spans) {
            let spans = error.into_inner().len();
            sender.dropped.fetch_add(u64::try_from(spans).unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

async fn export_all(exporter: Exporter, mut batches: mpsc::Receiver<Vec<Span>>, dropped: Arc<AtomicU64>) {
    let mut is_failing = false;
    let mut received = Vec::new();
    while batches.recv_many(&mut received, MAX_EXPORT_SIZE).await > 0 {
        let spans: Vec<Span> = received.drain(..).flatten().collect();
        let count = u64::try_from(spans.len()).unwrap_or_default();
        match export_with_retry(&exporter, spans, &mut is_failing).await {
            Ok(()) => {
                let dropped = dropped.swap(0, Ordering::Relaxed);
                if std::mem::take(&mut is_failing) || dropped > 0 {
                    tracing::info!(dropped, "spans are exported again");
                }
            }
            Err(()) => drop(dropped.fetch_add(count, Ordering::Relaxed)),
        }
    }
}

/// Exports the spans, if necessary in several attempts. Only the first failure is logged, until an export succeeds.
async fn export_with_retry(exporter: &Exporter, spans: Vec<Span>, is_failing: &mut bool) -> Result<(), ()> {
    let began = Instant::now();
    let mut pause = INITIAL_BACKOFF;
    loop {
        let Err(why) = exporter.export(spans.clone()).await else { return Ok(()) };
        if !std::mem::replace(is_failing, true) {
            tracing::warn!(
                error = %why,
                "videos are made without traces, and spans that cannot be exported are dropped"
            );
        }
        if began.elapsed() + pause > MAX_RETRY_TIME {
            return Err(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_BACKOFF);
    }
}
