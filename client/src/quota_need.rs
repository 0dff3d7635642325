//! How many units of accounts' quotas films need, and when the last of these is free, by what an account reports of its
//! windows. Pure.
//!
//! It is no promise: whoever waits already is taken to come first, and somebody else may ask later. Where it is not known
//! when units come back, they are taken to come back as late as they can. A fixed window is taken to begin again one period
//! from now at the latest, without its time zone. What is granted, the account's ledger decides
//! (`operator/src/provideraccount/window.rs`); this is an estimate that whoever reads the account's status can make.

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::provideraccount::{ProviderAccountStatus, Quota, QuotaStatus, QuotaUnit, Window};
use videofactory_crds::{ProviderAccount, StepName};

/// Units that films need of one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaNeed {
    /// Name of the `ProviderAccount`.
    pub account: String,
    /// Name of the quota.
    pub quota: String,
    /// What it counts.
    pub unit: QuotaUnit,
    /// How many of them.
    pub units: i64,
    supply: Supply,
}

/// What a window has, and what comes back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Supply {
    kind: Window,
    limit: i64,
    period: SignedDuration,
    /// Units that are granted and not accounted for: they may be spent at any time.
    reserved: i64,
    /// Units that were spent: when, and how many.
    spent: Vec<(Timestamp, i64)>,
    /// Units that were spent nobody knows when.
    undated: i64,
    /// Units that those who wait already want.
    ahead: i64,
    next_unit_at: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
}

/// What so many submissions of a step need of an account's quotas, each of so many seconds.
#[must_use]
pub fn of_step(
    name: &str,
    account: &ProviderAccount,
    step: StepName,
    model: &str,
    submissions: i64,
    seconds_each: i64,
) -> Vec<QuotaNeed> {
    let status = account.status.as_ref();
    let counted = account.spec.quotas.iter().flatten().filter(|quota| quota.counts_step(step, model));
    let needs = counted.map(|quota| {
        let each = match quota.unit {
            QuotaUnit::Requests => 1,
            // As the account counts it: what takes more than there ever is takes all there is.
            QuotaUnit::Seconds => seconds_each.clamp(0, quota.limit),
        };
        QuotaNeed {
            account: name.to_owned(),
            quota: quota.name.clone(),
            unit: quota.unit,
            units: submissions.saturating_mul(each),
            supply: Supply::of(quota, status),
        }
    });
    needs.filter(|need| need.units > 0).collect()
}

/// All of them together, one for each quota.
#[must_use]
pub fn sum(all: impl IntoIterator<Item = QuotaNeed>) -> Vec<QuotaNeed> {
    let mut sums: Vec<QuotaNeed> = Vec::new();
    for need in all {
        let same = sums.iter_mut().find(|sum| sum.account == need.account && sum.quota == need.quota);
        match same {
            Some(sum) => sum.units = sum.units.saturating_add(need.units),
            None => sums.push(need),
        }
    }
    sums
}

impl QuotaNeed {
    /// Units that are neither spent nor promised.
    #[must_use]
    pub fn remaining(&self, now: Timestamp) -> i64 {
        self.supply.remaining(now)
    }

    /// When the last of the units is free; nothing: all are now.
    #[must_use]
    pub fn last_unit_at(&self, now: Timestamp) -> Option<Timestamp> {
        let wanted = self.supply.ahead.saturating_add(self.units);
        Some(self.supply.when(wanted, now)).filter(|at| *at > now)
    }
}

impl Supply {
    fn of(quota: &Quota, status: Option<&ProviderAccountStatus>) -> Self {
        let none = QuotaStatus::default();
        let known = status.and_then(|status| status.quotas.iter().find(|known| known.name == quota.name));
        let known = known.unwrap_or(&none);
        let spent: Vec<(Timestamp, i64)> =
            known.spent.iter().map(|spent| (spent.at.0, spent.units.max(0))).collect();
        let dated = spent.iter().fold(0, |sum: i64, (_, units)| sum.saturating_add(*units));
        let waiters = status.into_iter().flat_map(|status| &status.waiters);
        let wanted = waiters.filter_map(|waiter| waiter.units.get(&quota.name));
        Self {
            kind: quota.window,
            limit: quota.limit.max(1),
            period: SignedDuration::from_secs(i64::try_from(quota.period.as_secs()).unwrap_or(i64::MAX)),
            reserved: known.reserved.unwrap_or_default().max(0),
            undated: known.used.unwrap_or_default().saturating_sub(dated).max(0),
            spent,
            ahead: wanted.fold(0, |sum: i64, units| sum.saturating_add((*units).max(0))),
            next_unit_at: known.next_unit_at.as_ref().map(|at| at.0),
            blocked_until: known.blocked_until.as_ref().map(|at| at.0),
        }
    }

    fn remaining(&self, now: Timestamp) -> i64 {
        let used = self.returns(now).iter().fold(0, |sum: i64, (_, units)| sum.saturating_add(*units));
        self.limit.saturating_sub(used).max(0)
    }

    /// When the last of so many units is free, counted from now; at least one is wanted.
    fn when(&self, wanted: i64, now: Timestamp) -> Timestamp {
        let start = self.blocked_until.map_or(now, |until| until.max(now));
        let remaining = self.remaining(now);
        if wanted <= remaining {
            return start;
        }
        let returns = self.returns(now);
        if self.kind != Window::Rolling {
            // Everything comes back at once, and again one period later.
            let first = returns.last().map_or_else(|| later(now, self.period, 1), |(at, _)| *at);
            return later(first.max(start), self.period, (wanted - remaining - 1) / self.limit);
        }
        // Each unit of the window is one that a film gets once in each period, in the order in which they come back.
        let (rounds, place) = ((wanted - 1) / self.limit, (wanted - 1) % self.limit + 1);
        let mut free = remaining;
        let mut at = start;
        for (back, units) in returns {
            if free >= place {
                break;
            }
            free = free.saturating_add(units);
            at = at.max(back);
        }
        later(at, self.period, rounds)
    }

    /// Units that come back, by when they do at the latest, in that order.
    fn returns(&self, now: Timestamp) -> Vec<(Timestamp, i64)> {
        let latest = later(now, self.period, 1);
        let next = self.next_unit_at.filter(|at| *at > now).unwrap_or(latest);
        let mut returns: Vec<(Timestamp, i64)> = match self.kind {
            Window::Rolling => {
                let back = self.spent.iter().map(|(at, units)| (later(*at, self.period, 1), *units));
                back.chain([(next, self.undated)]).collect()
            }
            Window::Fixed | Window::Anchored => {
                let used = self.spent.iter().fold(self.undated, |sum, (_, units)| sum.saturating_add(*units));
                vec![(next, used)]
            }
        };
        returns.push((latest, self.reserved));
        returns.retain(|(at, units)| *at > now && *units > 0);
        returns.sort_unstable();
        returns
    }
}

/// The moment so many periods later; the end of time if there is none.
fn later(at: Timestamp, period: SignedDuration, periods: i64) -> Timestamp {
    let seconds = period.as_secs().saturating_mul(periods);
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-12-24T18:00:00Z";

    fn account(quota: &Value, status: &Value) -> ProviderAccount {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "grok"},
            "spec": {"provider": "XAI", "secretRef": {"name": "grok"}, "quotas": [quota]}, "status": status,
        }))
        .unwrap()
    }

    /// When the last of so many units is free of a quota of 4 in 2 hours, of which this is known.
    fn last(window: &str, known: &Value, units: i64) -> Option<String> {
        let mut status = json!({"name": "clips"});
        status.as_object_mut().unwrap().extend(known.as_object().unwrap().clone());
        let quota = json!({"name": "clips", "limit": 4, "period": "2h", "window": window});
        let account = account(&quota, &json!({"quotas": [status]}));
        let needs = of_step("grok", &account, StepName::AnimateScenes, "", units, 6);
        assert_eq!((needs.len(), needs[0].units), (1, units));
        needs[0].last_unit_at(NOW.parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn units_of_a_rolling_window_come_back_one_period_after_they_were_spent() {
        let spent = json!({"used": 3, "spent": [
            {"at": "2026-12-24T15:00:00Z", "units": 4},
            {"at": "2026-12-24T16:30:00Z", "units": 1}, {"at": "2026-12-24T17:00:00Z", "units": 2}]});
        for (units, expected) in [
            (1, None),
            (2, Some("2026-12-24T18:30:00Z")),
            (4, Some("2026-12-24T19:00:00Z")),
            // The one that is free now is free again in two hours.
            (5, Some("2026-12-24T20:00:00Z")),
            (6, Some("2026-12-24T20:30:00Z")),
            (13, Some("2026-12-25T00:00:00Z")),
        ] {
            assert_eq!(last("Rolling", &spent, units).as_deref(), expected, "{units} units");
        }
    }

    #[test]
    fn units_of_other_windows_come_back_together() {
        let full = json!({"used": 4, "nextUnitAt": "2026-12-24T19:00:00Z"});
        for (units, expected) in [
            (1, "2026-12-24T19:00:00Z"),
            (4, "2026-12-24T19:00:00Z"),
            (5, "2026-12-24T21:00:00Z"),
            (9, "2026-12-24T23:00:00Z"),
        ] {
            for window in ["Fixed", "Anchored"] {
                assert_eq!(last(window, &full, units).as_deref(), Some(expected), "{window}: {units}");
            }
        }
        let unknown = json!({"used": 3});
        assert_eq!(last("Fixed", &unknown, 1), None);
        assert_eq!(last("Fixed", &unknown, 2).as_deref(), Some("2026-12-24T20:00:00Z"), "at the latest");
        assert_eq!(last("Anchored", &json!({}), 5).as_deref(), Some("2026-12-24T20:00:00Z"));
    }

    #[test]
    fn what_is_promised_comes_back_as_late_as_it_can_and_a_refusal_lasts() {
        let promised = json!({"reserved": 3});
        assert_eq!(last("Rolling", &promised, 1), None);
        assert_eq!(last("Rolling", &promised, 2).as_deref(), Some("2026-12-24T20:00:00Z"));
        let refused = json!({"blockedUntil": "2026-12-24T18:20:00Z"});
        assert_eq!(last("Rolling", &refused, 1).as_deref(), Some("2026-12-24T18:20:00Z"));
        assert_eq!(last("Rolling", &refused, 5).as_deref(), Some("2026-12-24T20:20:00Z"));
        assert_eq!(last("Rolling", &json!({}), 4), None, "nothing is known of it yet, or nothing was spent");
    }

    #[test]
    fn whoever_waits_already_comes_first() {
        let quota = json!({"name": "clips", "limit": 4, "period": "2h"});
        let status =
            json!({"quotas": [{"name": "clips"}], "waiters": [{"name": "ocean", "units": {"clips": 3}}]});
        let needs = of_step("grok", &account(&quota, &status), StepName::AnimateScenes, "", 2, 6);
        let now = NOW.parse().unwrap();
        assert_eq!(needs[0].remaining(now), 4);
        assert_eq!(needs[0].last_unit_at(now).unwrap().to_string(), "2026-12-24T20:00:00Z");
    }

    #[test]
    fn a_number_that_somebody_has_made_up_ends_with_time() {
        let made_up =
            json!({"used": i64::MAX, "reserved": i64::MAX, "spent": [{"at": NOW, "units": i64::MAX}]});
        assert!(last("Rolling", &made_up, i64::MAX).is_some() && last("Fixed", &made_up, i64::MAX).is_some());
    }

    #[test]
    fn a_quota_counts_its_own_kinds_of_work_and_models() {
        let of = |fields: Value, step: StepName, model: &str| {
            let mut quota = json!({"name": "q", "limit": 100, "period": "1d"});
            quota.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let needs = of_step("grok", &account(&quota, &Value::Null), step, model, 3, 6);
            needs.iter().map(|need| need.units).sum::<i64>()
        };
        assert_eq!(of(json!({}), StepName::AnimateScenes, ""), 3);
        assert_eq!(of(json!({"unit": "Seconds"}), StepName::AnimateScenes, ""), 18);
        assert_eq!(of(json!({"unit": "Seconds", "limit": 4}), StepName::AnimateScenes, ""), 12);
        let clips = json!({"operations": ["animate"], "models": ["fast"]});
        assert_eq!(of(clips.clone(), StepName::AnimateScenes, "fast"), 3);
        assert_eq!(of(clips.clone(), StepName::AnimateScenes, ""), 3, "it may be that model");
        assert_eq!(of(clips.clone(), StepName::AnimateScenes, "slow"), 0);
        assert_eq!(of(clips, StepName::GenerateImages, "fast"), 0);
        assert_eq!(of(json!({}), StepName::AssembleVideo, ""), 0);
    }
}
