//! What is counted and measured. No label names an object, but for accounts and policies, which are few: the number of
//! series is bounded.
//!
//! What happens is counted by whoever acts, so by the replica that leads; what objects say is read from the caches when
//! it is asked for ([`Census`]), by any replica.

mod accounts;
mod census;
mod films;
mod outcome_labels;
mod storage;

#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use accounts::{AccountMetrics, QuotaLevel};
pub use census::Census;
pub use films::FilmMetrics;
pub use outcome_labels::{AttemptOutcome, JobOutcome, PublishOutcome, ReconcileOutcome, RequestOutcome};
pub use storage::StorageMetrics;
pub use videofactory_api::state::MetricsFormat;

/// One label: its name and its value.
type Label = [(&'static str, String); 1];
/// Two labels.
type Labels = [(&'static str, String); 2];
/// Histograms by their labels, made when they are first observed.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What all names begin with.
const PREFIX: &str = "videofactory";
/// Seconds, from a millisecond to ten.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Seconds, from a millisecond to a minute; 0.5 is what answers are to take, 2 what is alerted on.
const ANSWERS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0];

/// The operator's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconcile_seconds: Histograms<Label>,
    reconciles: Family<Labels, Counter>,
    api_writes: Family<Label, Counter>,
    leader: Gauge,
    answers: Histograms<[(&'static str, String); 3]>,
    /// How long films and steps take.
    pub films: FilmMetrics,
    /// What outside services allow and cost.
    pub accounts: AccountMetrics,
    /// How full buckets are, and what was pruned.
    pub storage: StorageMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let (films, accounts) =
            (FilmMetrics::register(&mut registry), AccountMetrics::register(&mut registry));
        let storage = StorageMetrics::register(&mut registry);
        let mut metrics = Self {
            registry,
            reconcile_seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            reconciles: Family::default(),
            api_writes: Family::default(),
            leader: Gauge::default(),
            answers: Family::new_with_constructor(|| Histogram::new(ANSWERS)),
            films,
            accounts,
            storage,
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "reconcile_duration",
            "Time that one look at an object took",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register("reconcile", "Looks at objects", self.reconciles.clone());
        registry.register("api_writes", "Writes to the API server", self.api_writes.clone());
        registry.register("leader", "Whether this replica leads", self.leader.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request to the head of its answer, by route and status",
            Unit::Seconds,
            self.answers.clone(),
        );
    }

    /// Counts a look at an object of this kind.
    pub fn reconciled(&self, kind: &'static str, outcome: ReconcileOutcome, took: Duration) {
        self.reconcile_seconds.get_or_create(&labels([("kind", kind)])).observe(took.as_secs_f64());
        self.reconciles.get_or_create(&labels([("kind", kind), ("outcome", outcome.as_str())])).inc();
    }

    /// Counts a write to the API server: one that was sent, however it was answered.
    pub fn record_write(&self, kind: &'static str) {
        self.api_writes.get_or_create(&labels([("kind", kind)])).inc();
    }

    /// Says whether this replica leads.
    pub fn set_leading(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Measures how long a request waited for the head of its answer: a stream continues after it for as long as it likes.
    ///
    /// `route` is the pattern that was matched, such as `/jobs/{id}`, and never a path: each of those would be a series
    /// of its own. Likewise a `method` of nobody's standard is to be given as one word for all.
    pub fn served(&self, route: &str, method: &str, status: u16, took: Duration) {
        let status = status.to_string();
        let labels = labels([("route", route), ("method", method), ("status", &status)]);
        self.answers.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// All metrics as text, with what objects say as given.
    pub fn text(&self, census: &Census, format: MetricsFormat) -> Result<String, std::fmt::Error> {
        let mut buffer = String::new();
        for registry in [&self.registry, census.registry()] {
            match format {
                MetricsFormat::Prometheus => prometheus_text::encode(&mut buffer, registry)?,
                MetricsFormat::OpenMetrics => text::encode_registry(&mut buffer, registry)?,
            }
        }
        if format == MetricsFormat::OpenMetrics {
            text::encode_eof(&mut buffer)?;
        }
        Ok(buffer)
    }
}

/// Labels with these names and values.
fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> [(&'static str, String); N] {
    pairs.map(|(name, value)| (name, value.to_owned()))
}
