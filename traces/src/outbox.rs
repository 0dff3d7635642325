//! Spans on their way from a process that goes on. Whoever has some hands them over and forgets about them.
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

/// How many times spans may be handed over before the first of them are sent; each time it is those of one attempt.
const QUEUE: usize = 4096;
/// How many of these are sent in one request.
const MOST_AT_ONCE: usize = 256;
/// For how long a collector that is away is tried again with the same spans, and the pauses in between.
const KEPT_FOR: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Takes spans; clones share it. The default one takes none.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Option<Way>);

#[derive(Clone, Debug)]
struct Way {
    queue: mpsc::Sender<Vec<Span>>,
    left_out: Arc<AtomicU64>,
}

impl Outbox {
    /// An outbox and the work behind it, which ends when all clones of the outbox are gone.
    pub fn start(exporter: Exporter) -> (Self, impl Future<Output = ()> + use<>) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let left_out = Arc::new(AtomicU64::new(0));
        let work = send_all(exporter, receiver, Arc::clone(&left_out));
        (Self(Some(Way { queue, left_out })), work)
    }

    /// Whether spans are wanted.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Hands spans over. When too many wait, they are left out.
    pub fn put(&self, spans: Vec<Span>) {
        let Some(way) = self.0.as_ref().filter(|_| !spans.is_empty()) else { return };
        if let Err(error) = way.queue.try_send(spans) {
            let spans = error.into_inner().len();
            way.left_out.fetch_add(u64::try_from(spans).unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

async fn send_all(exporter: Exporter, mut queue: mpsc::Receiver<Vec<Span>>, left_out: Arc<AtomicU64>) {
    let mut is_away = false;
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
        let spans: Vec<Span> = batch.drain(..).flatten().collect();
        let count = u64::try_from(spans.len()).unwrap_or_default();
        match insist(&exporter, spans, &mut is_away).await {
            Ok(()) => {
                let lost = left_out.swap(0, Ordering::Relaxed);
                if std::mem::take(&mut is_away) || lost > 0 {
                    tracing::info!("spans are sent; {lost} were left out before");
                }
            }
            Err(()) => drop(left_out.fetch_add(count, Ordering::Relaxed)),
        }
    }
}

/// Sends the spans, if need be several times. That it does not work is told once.
async fn insist(exporter: &Exporter, spans: Vec<Span>, is_away: &mut bool) -> Result<(), ()> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(why) = exporter.send(spans.clone()).await else { return Ok(()) };
        if !std::mem::replace(is_away, true) {
            tracing::warn!("{why}; films go on without being traced, and what cannot be sent is left out");
        }
        if began.elapsed() + pause > KEPT_FOR {
            return Err(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
