//! What outside services allow, are asked for, and cost. Accounts and their quotas are few and named by people: they are
//! labels.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use videofactory_crds::provideraccount::{Operation, Provider};
use videofactory_crds::units::Money;

use super::{Label, Labels, RequestOutcome, labels};

/// Seconds, from one to four days: what steps wait for units.
const WAITS: [f64; 13] =
    [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0, 345_600.0];
/// Seconds, from one to an hour: how long what is free lies unused.
const LAGS: [f64; 12] = [1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0];

/// What is measured of accounts.
#[derive(Debug)]
pub struct AccountMetrics {
    limit: Family<Labels, Gauge>,
    used: Family<Labels, Gauge>,
    remaining: Family<Labels, Gauge>,
    wait: Histogram,
    wake_lag: Histogram,
    rate_limited: Family<Label, Counter>,
    requests: Family<[(&'static str, String); 3], Counter>,
    cost: Family<Label, Counter<f64, AtomicU64>>,
    /// Quotas that are reported, by account.
    reported: Mutex<BTreeMap<String, Vec<String>>>,
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

impl AccountMetrics {
    /// Puts them into a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            limit: Family::default(),
            used: Family::default(),
            remaining: Family::default(),
            wait: Histogram::new(WAITS),
            wake_lag: Histogram::new(LAGS),
            rate_limited: Family::default(),
            requests: Family::default(),
            cost: Family::default(),
            reported: Mutex::default(),
        };
        metrics.register_quotas(registry);
        registry.register(
            "rate_limited",
            "Attempts that a service refused for a while",
            metrics.rate_limited.clone(),
        );
        registry.register(
            "provider_requests",
            "Submissions by steps, when their attempt has ended: taken (they count against quotas, whatever became of \
             them), rate_limited (one for each attempt that was refused for a while) or unknown (whoever made them is \
             gone: they count). Polls, health checks and requests that were refused for other reasons are not counted",
            metrics.requests.clone(),
        );
        registry.register(
            "provider_cost_usd",
            "US dollars that submissions cost: as the service said, or else as was expected",
            metrics.cost.clone(),
        );
        metrics
    }

    fn register_quotas(&self, registry: &mut Registry) {
        registry.register("quota_limit", "Units in a window of a quota", self.limit.clone());
        registry.register("quota_used", "Units spent in the current window", self.used.clone());
        registry.register(
            "quota_remaining",
            "Units neither spent in the current window nor granted",
            self.remaining.clone(),
        );
        registry.register_with_unit(
            "quota_wait",
            "Time from a step's demand to the opening of what it was granted",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register_with_unit(
            "quota_wake_lag",
            "Time from the moment at which a unit that was waited for became free to the answer to its first submission: \
             how long a quota lay unused with work waiting. Of each grant the first opening, when its attempt has ended; \
             what was free when it was asked for is not counted",
            Unit::Seconds,
            self.wake_lag.clone(),
        );
    }

    /// Says how far the quotas of an account are used up; those that it does not name are gone.
    pub fn quotas(&self, account: &str, levels: &[QuotaLevel]) {
        let of = |quota: &str| labels([("account", account), ("quota", quota)]);
        let families = [&self.limit, &self.used, &self.remaining];
        let mut reported = self.reported.lock();
        for gone in reported.remove(account).unwrap_or_default() {
            if levels.iter().all(|level| level.quota != gone) {
                for family in families {
                    family.remove(&of(&gone));
                }
            }
        }
        for level in levels {
            let left = level.limit.saturating_sub(level.used).saturating_sub(level.reserved).max(0);
            for (family, value) in families.iter().zip([level.limit, level.used, left]) {
                family.get_or_create(&of(&level.quota)).set(value);
            }
        }
        if !levels.is_empty() {
            reported.insert(account.to_owned(), levels.iter().map(|level| level.quota.clone()).collect());
        }
    }

    /// Measures how long a step waited for what it was granted, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
    pub fn quota_waited(&self, seconds: i64) {
        self.wait.observe(seconds as f64);
    }

    /// Measures how long a unit that was waited for lay unused, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
    pub fn quota_woke(&self, seconds: i64) {
        self.wake_lag.observe(seconds as f64);
    }

    /// Counts attempts that a service of this provider refused for a while.
    pub fn rate_limited(&self, provider: Provider, times: i64) {
        if let Some(times) = u64::try_from(times).ok().filter(|times| *times > 0) {
            self.rate_limited.get_or_create(&labels([("provider", provider.as_str())])).inc_by(times);
        }
    }

    /// Counts submissions to a service of this provider.
    pub fn requested(&self, provider: Provider, operation: Operation, outcome: RequestOutcome, times: i64) {
        if let Some(times) = u64::try_from(times).ok().filter(|times| *times > 0) {
            let labels = labels([
                ("provider", provider.as_str()),
                ("operation", operation.as_str()),
                ("outcome", outcome.as_str()),
            ]);
            self.requests.get_or_create(&labels).inc_by(times);
        }
    }

    /// Adds up what was paid to services of this provider.
    #[expect(clippy::cast_precision_loss, reason = "exact to the cent for ninety million dollars")]
    pub fn paid(&self, provider: Provider, cost: Money) {
        if cost > Money::ZERO {
            let counter = self.cost.get_or_create_owned(&labels([("provider", provider.as_str())]));
            counter.inc_by(cost.micros() as f64 / 1e6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Census, Metrics, MetricsFormat};
    use super::*;

    #[test]
    fn quotas_are_reported_by_account_until_they_are_gone() {
        let metrics = Metrics::default();
        let text = || metrics.text(&Census::default(), MetricsFormat::OpenMetrics).unwrap();
        let level = |quota: &str| QuotaLevel { quota: quota.to_owned(), limit: 25, used: 20, reserved: 3 };
        metrics.accounts.quotas("films/grok", &[level("clips"), level("pictures")]);
        metrics.accounts.quota_waited(42);
        metrics.accounts.rate_limited(Provider::Xai, 2);
        metrics.accounts.rate_limited(Provider::Xai, 0);
        metrics.accounts.quota_woke(4);
        metrics.accounts.requested(Provider::Xai, Operation::Animate, RequestOutcome::Taken, 3);
        metrics.accounts.paid(Provider::Xai, "0.50".parse().unwrap());
        metrics.accounts.paid(Provider::Xai, "0.25".parse().unwrap());
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
            let text = text();
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        metrics.accounts.quotas("films/grok", &[level("clips")]);
        assert!(!text().contains("pictures"));
        metrics.accounts.quotas("films/grok", &[]);
        assert!(!text().contains("grok"));
    }
}
