//! What is counted and measured, as `OpenMetrics`. No label names an object: their number is bounded.

mod storage;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use videofactory_crds::units::Money;

pub use storage::StorageMetrics;

/// One label: its name and its value.
type Label = [(&'static str, String); 1];
/// Two labels.
type Labels = [(&'static str, String); 2];

/// Seconds, from one to four days: what steps wait for units.
const WAITS: [f64; 13] =
    [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0, 345_600.0];
/// Seconds, from one to an hour: how long what is free lies unused.
const LAGS: [f64; 12] = [1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0];
/// Seconds, from a millisecond to ten.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The operator's metrics. Cheap to clone: all clones count together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconcile_seconds: Family<Label, Histogram, fn() -> Histogram>,
    reconciles: Family<Labels, Counter>,
    api_writes: Family<Label, Counter>,
    jobs: Family<Label, Gauge>,
    leader: Gauge,
    handover: Histogram,
    quota_limit: Family<Labels, Gauge>,
    quota_used: Family<Labels, Gauge>,
    quota_remaining: Family<Labels, Gauge>,
    quota_wait: Histogram,
    quota_wake_lag: Histogram,
    rate_limited: Family<Label, Counter>,
    provider_requests: Family<[(&'static str, String); 3], Counter>,
    provider_cost: Family<Label, Counter<f64, AtomicU64>>,
    /// How full buckets are, and what was pruned.
    pub storage: StorageMetrics,
    /// Quotas that are told of, by account.
    told: Mutex<BTreeMap<String, Vec<String>>>,
}

/// How far a quota is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaLevel {
    /// Its name within the account.
    pub quota: String,
    /// Units in a window.
    pub limit: i64,
    /// Units spent in the current one.
    pub used: i64,
    /// Units granted and not accounted for.
    pub reserved: i64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("videofactory");
        let storage = StorageMetrics::register(&mut registry);
        let mut metrics = Self {
            registry,
            storage,
            reconcile_seconds: Family::new_with_constructor(histogram),
            reconciles: Family::default(),
            api_writes: Family::default(),
            jobs: Family::default(),
            leader: Gauge::default(),
            handover: histogram(),
            quota_limit: Family::default(),
            quota_used: Family::default(),
            quota_remaining: Family::default(),
            quota_wait: Histogram::new(WAITS),
            quota_wake_lag: Histogram::new(LAGS),
            rate_limited: Family::default(),
            provider_requests: Family::default(),
            provider_cost: Family::default(),
            told: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that was decided is done.
    Well,
    /// The object had changed meanwhile.
    Conflict,
    /// It is tried again later.
    Badly,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Conflict => "conflict",
            Self::Badly => "error",
        }
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
        registry.register("jobs", "VideoJobs by phase", self.jobs.clone());
        registry.register("leader", "Whether this replica leads", self.leader.clone());
        registry.register_with_unit(
            "step_handover",
            "Time from the end of a step's pod to the next step's Job",
            Unit::Seconds,
            self.handover.clone(),
        );
        self.register_quotas();
        self.register_services();
    }

    fn register_quotas(&mut self) {
        let registry = &mut self.registry;
        registry.register("quota_limit", "Units in a window of a quota", self.quota_limit.clone());
        registry.register("quota_used", "Units spent in the current window", self.quota_used.clone());
        registry.register(
            "quota_remaining",
            "Units neither spent in the current window nor granted",
            self.quota_remaining.clone(),
        );
        registry.register_with_unit(
            "quota_wait",
            "Time from a step's demand to the opening of what it was granted",
            Unit::Seconds,
            self.quota_wait.clone(),
        );
        registry.register_with_unit(
            "quota_wake_lag",
            "Time from the moment at which a unit that was waited for became free to the answer to its first submission: \
             how long a quota lay unused with work waiting. Of each grant the first opening, when its attempt has ended; \
             what was free when it was asked for is not counted",
            Unit::Seconds,
            self.quota_wake_lag.clone(),
        );
        registry.register(
            "rate_limited",
            "Attempts that a service refused for a while",
            self.rate_limited.clone(),
        );
    }

    fn register_services(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "provider_requests",
            "Submissions by steps, when their attempt has ended: taken (they count against quotas, whatever became of \
             them), rate_limited (one for each attempt that was refused for a while) or unknown (whoever made them is \
             gone: they count). Polls, health checks and requests that were refused for other reasons are not counted",
            self.provider_requests.clone(),
        );
        registry.register(
            "provider_cost_usd",
            "US dollars that submissions cost: as the service said, or else as was expected",
            self.provider_cost.clone(),
        );
    }

    /// Says how far the quotas of an account are used up; those that it does not name are gone.
    pub fn quotas(&self, account: &str, levels: &[QuotaLevel]) {
        let labels = |quota: &str| [("account", account.to_owned()), ("quota", quota.to_owned())];
        let families = [&self.quota_limit, &self.quota_used, &self.quota_remaining];
        let mut told = self.told.lock();
        for gone in told.remove(account).unwrap_or_default() {
            if levels.iter().all(|level| level.quota != gone) {
                for family in families {
                    family.remove(&labels(&gone));
                }
            }
        }
        for level in levels {
            let left = level.limit.saturating_sub(level.used).saturating_sub(level.reserved).max(0);
            for (family, value) in families.iter().zip([level.limit, level.used, left]) {
                family.get_or_create(&labels(&level.quota)).set(value);
            }
        }
        if !levels.is_empty() {
            told.insert(account.to_owned(), levels.iter().map(|level| level.quota.clone()).collect());
        }
    }

    /// Measures how long a step waited for what it was granted, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
    pub fn quota_waited(&self, seconds: i64) {
        self.quota_wait.observe(seconds as f64);
    }

    /// Measures how long a unit that was waited for lay unused, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
    pub fn quota_woke(&self, seconds: i64) {
        self.quota_wake_lag.observe(seconds as f64);
    }

    /// Counts attempts that a service of this provider refused for a while.
    pub fn rate_limited(&self, provider: &str, times: i64) {
        if let Some(times) = u64::try_from(times).ok().filter(|times| *times > 0) {
            self.rate_limited.get_or_create_owned(&[("provider", provider.to_owned())]).inc_by(times);
        }
    }

    /// Counts submissions to a service of this provider.
    pub fn requested(&self, provider: &str, operation: &str, outcome: &str, times: i64) {
        if let Some(times) = u64::try_from(times).ok().filter(|times| *times > 0) {
            let labels = [("provider", provider), ("operation", operation), ("outcome", outcome)];
            let labels = labels.map(|(name, value)| (name, value.to_owned()));
            self.provider_requests.get_or_create_owned(&labels).inc_by(times);
        }
    }

    /// Adds up what was paid to services of this provider.
    #[expect(clippy::cast_precision_loss, reason = "exact to the cent for ninety million dollars")]
    pub fn paid(&self, provider: &str, cost: Money) {
        if cost > Money::ZERO {
            let counter = self.provider_cost.get_or_create_owned(&[("provider", provider.to_owned())]);
            counter.inc_by(cost.micros() as f64 / 1e6);
        }
    }

    /// Counts a look at an object of this kind.
    pub fn reconciled(&self, kind: &'static str, ended: Ended, took: Duration) {
        self.reconcile_seconds.get_or_create(&[("kind", kind.to_owned())]).observe(took.as_secs_f64());
        let labels = [("kind", kind.to_owned()), ("outcome", ended.as_str().to_owned())];
        self.reconciles.get_or_create(&labels).inc();
    }

    /// Counts a write to the API server: one that was sent, however it was answered.
    pub fn wrote(&self, kind: &'static str) {
        self.api_writes.get_or_create(&[("kind", kind.to_owned())]).inc();
    }

    /// Says whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Measures the time from the end of a step's pod to the next step's Job.
    pub fn handed_over(&self, took: Duration) {
        self.handover.observe(took.as_secs_f64());
    }

    /// All metrics as `OpenMetrics` text, with the number of `VideoJob`s in each phase as given.
    pub fn text(&self, phases: &[(String, i64)]) -> Result<String, std::fmt::Error> {
        self.jobs.clear();
        for (phase, count) in phases {
            self.jobs.get_or_create(&[("phase", phase.clone())]).set(*count);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_those_of_the_documentation() {
        let metrics = Metrics::default();
        metrics.reconciled("VideoJob", Ended::Well, Duration::from_millis(3));
        metrics.wrote("Job");
        metrics.leads(true);
        metrics.handed_over(Duration::from_millis(12));
        let text = metrics.text(&[("Running".to_owned(), 2)]).unwrap();
        for line in [
            "videofactory_reconcile_total{kind=\"VideoJob\",outcome=\"ok\"} 1",
            "videofactory_reconcile_duration_seconds_count{kind=\"VideoJob\"} 1",
            "videofactory_api_writes_total{kind=\"Job\"} 1",
            "videofactory_leader 1",
            "videofactory_step_handover_seconds_count 1",
            "videofactory_jobs{phase=\"Running\"} 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn quotas_are_told_by_account_until_they_are_gone() {
        let metrics = Metrics::default();
        let level = |quota: &str| QuotaLevel { quota: quota.to_owned(), limit: 25, used: 20, reserved: 3 };
        metrics.quotas("films/grok", &[level("clips"), level("pictures")]);
        metrics.quota_waited(42);
        metrics.rate_limited("XAI", 2);
        metrics.rate_limited("XAI", 0);
        metrics.quota_woke(4);
        metrics.requested("XAI", "animate", "taken", 3);
        metrics.paid("XAI", "0.50".parse().unwrap());
        metrics.paid("XAI", "0.25".parse().unwrap());
        let text = metrics.text(&[]).unwrap();
        for line in [
            "videofactory_quota_limit{account=\"films/grok\",quota=\"clips\"} 25",
            "videofactory_quota_used{account=\"films/grok\",quota=\"clips\"} 20",
            "videofactory_quota_remaining{account=\"films/grok\",quota=\"clips\"} 2",
            "videofactory_quota_wait_seconds_count 1",
            "videofactory_rate_limited_total{provider=\"XAI\"} 2",
            "videofactory_quota_wake_lag_seconds_sum 4.0",
            "videofactory_provider_requests_total{provider=\"XAI\",operation=\"animate\",outcome=\"taken\"} 3",
            "videofactory_provider_cost_usd_total{provider=\"XAI\"} 0.75",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        metrics.quotas("films/grok", &[level("clips")]);
        assert!(!metrics.text(&[]).unwrap().contains("pictures"));
        metrics.quotas("films/grok", &[]);
        assert!(!metrics.text(&[]).unwrap().contains("grok"));
    }

    #[test]
    fn a_phase_that_no_job_is_in_any_more_is_gone() {
        let metrics = Metrics::default();
        metrics.text(&[("Running".to_owned(), 1)]).unwrap();
        assert!(!metrics.text(&[]).unwrap().contains("Running"));
    }
}
