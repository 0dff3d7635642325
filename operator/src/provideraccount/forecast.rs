//! Forecasts what keeps a demand waiting, and until when; for people. Pure.

use jiff::Timestamp;
use videofactory_crds::units::{Duration, Money};
use videofactory_crds::{ProviderAccountSpec, ProviderAccountStatus};

use super::calendar::plus;
use super::demand::Demand;
use super::ledger::{Ledger, quota_use};
use super::openings::START_UP;
use super::window::Window;

/// What keeps a demand waiting, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What it is.
    pub limit: Limit,
    /// When it opens, by the ledger; nothing if that depends on others.
    pub opens_at: Option<Timestamp>,
}

/// A limit that is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The service itself refuses.
    Refusal {
        /// The quota that it refuses, if one describes it.
        quota: Option<String>,
    },
    /// A quota.
    Quota {
        /// Its name.
        name: String,
        /// Units spent and granted.
        used: i64,
        /// Units in a period.
        limit: i64,
        /// The period.
        period: Duration,
    },
    /// The money.
    Money {
        /// Spent and reserved.
        used: Money,
        /// In a period.
        limit: Money,
        /// The period.
        period: Duration,
    },
    /// The steps that use the account at once.
    Concurrency {
        /// Most of them.
        most: i64,
    },
}

/// What would keep a demand waiting if it were the first: of several limits the one that opens last. Nothing if none
/// would.
#[must_use]
pub fn forecast(
    spec: &ProviderAccountSpec,
    status: &ProviderAccountStatus,
    demand: &Demand,
    now: Timestamp,
) -> Option<Forecast> {
    let ledger = Ledger::read(spec, status, now);
    let soon = plus(now, START_UP);
    let full = Some(ledger.most_grants()).filter(|most| *most <= ledger.open_grants());
    let full = full.map(|most| Forecast { limit: Limit::Concurrency { most }, opens_at: None });
    let quota_use = quota_use(&ledger, demand);
    let unnamed = quota_use.iter().all(|(window, _)| *window == ledger.quotas.len());
    let refused = ledger.refused_until.filter(|_| unnamed);
    let refused =
        refused.map(|until| Forecast { limit: Limit::Refusal { quota: None }, opens_at: Some(until) });
    let windows = quota_use.iter().filter_map(|(window, each)| match ledger.quotas.get(*window) {
        Some(tally) => blocked_by(&tally.window, *each, now, Some(&tally.quota.name)),
        None => blocked_by(ledger.spend.as_ref()?, *each, now, None),
    });
    let later = |forecast: &Forecast| forecast.opens_at.is_none_or(|at| at > soon);
    let limits = windows.chain(refused).chain(full).filter(later);
    limits.max_by_key(|forecast| forecast.opens_at.unwrap_or(Timestamp::MAX))
}

fn blocked_by(window: &Window, each: i64, now: Timestamp, quota: Option<&str>) -> Option<Forecast> {
    let refused = window.blocked_until.filter(|until| *until > now);
    let without_refusal = Window { blocked_until: None, ..window.clone() };
    let by_ledger = if each > 0 { without_refusal.when(each, now) } else { Some(now) };
    let opens_at = if each > 0 { window.when(each, now) } else { Some(refused.unwrap_or(now)) };
    if opens_at == Some(now) {
        return None;
    }
    let used = window.used(now).saturating_add(window.held());
    let period = Duration::from_secs(u64::try_from(window.period).unwrap_or(1));
    let limit = match quota {
        Some(name) if refused.is_some_and(|until| by_ledger.is_some_and(|at| at < until)) => {
            Limit::Refusal { quota: Some(name.to_owned()) }
        }
        Some(name) => Limit::Quota { name: name.to_owned(), used, limit: window.limit, period },
        None => {
            let money = Money::from_micros;
            Limit::Money { used: money(used), limit: money(window.limit), period }
        }
    };
    Some(Forecast { limit, opens_at })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{at, demand, reconcile_once, spec, with};
    use super::*;

    fn account(more: Value) -> ProviderAccountSpec {
        let of = |name: &str, limit: i64, operation: &str| {
            json!({"name": name, "limit": limit, "period": "2h", "window": "Rolling", "unit": "Requests",
                   "operations": [operation]})
        };
        let quotas = json!({"quotas": [of("clips", 2, "animate"), of("pictures", 1, "draw")]});
        spec(with(quotas, more))
    }

    fn status(more: Value) -> ProviderAccountStatus {
        serde_json::from_value(more).unwrap()
    }

    #[test]
    fn the_quota_that_is_used_up_is_named_with_its_numbers_and_its_time() {
        let spent = json!([{"at": "2026-01-01T00:00:00Z", "units": 2}]);
        let full = status(json!({"quotas": [
            {"name": "clips", "limit": 2, "spent": spent}, {"name": "pictures", "limit": 1, "spent": spent},
        ]}));
        let found = forecast(&account(json!({})), &full, &demand("a", 1), at(60)).unwrap();
        let limit = Limit::Quota { name: "clips".into(), used: 2, limit: 2, period: Duration::from_hours(2) };
        assert_eq!(found, Forecast { limit, opens_at: Some(at(7_200)) });
        assert_eq!(
            forecast(&account(json!({})), &full, &demand("a", 1), at(7_190)),
            None,
            "its pod may start"
        );
    }

    #[test]
    fn a_refusal_is_distinguished_from_a_quota_that_is_used_up() {
        let blocked = status(json!({"quotas": [{"name": "clips", "blockedUntil": "2026-01-01T01:00:00Z"}]}));
        let found = forecast(&account(json!({})), &blocked, &demand("a", 1), at(60)).unwrap();
        let limit = Limit::Refusal { quota: Some("clips".into()) };
        assert_eq!(found, Forecast { limit, opens_at: Some(at(3_600)) });
        let unnamed =
            status(json!({"quotas": [{"name": "service", "blockedUntil": "2026-01-01T01:00:00Z"}]}));
        let found = forecast(&spec(json!({})), &unnamed, &demand("a", 1), at(60)).unwrap();
        assert_eq!(found.limit, Limit::Refusal { quota: None });
        assert_eq!(forecast(&account(json!({})), &unnamed, &demand("a", 1), at(60)), None);
    }

    #[test]
    fn what_depends_on_others_has_no_time() {
        let spec = account(json!({"maxConcurrent": 1, "spend": {"limit": "1", "period": "30d"}}));
        let mut status = ProviderAccountStatus::default();
        reconcile_once(&spec, &mut status, &[], &[demand("a", 1)], at(0));
        let found = forecast(&spec, &status, &demand("b", 1), at(1)).unwrap();
        assert_eq!(found, Forecast { limit: Limit::Concurrency { most: 1 }, opens_at: None });
    }
}
