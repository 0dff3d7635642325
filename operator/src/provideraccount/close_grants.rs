//! Closes grants: what was spent is recorded in the windows, what was not is free again. Pure.
//!
//! Each grant is closed in the same write that records what was spent of it, so that a crash records it once or not at
//! all, and then again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use videofactory_crds::provideraccount::{Grant, Operation, QuotaUnit};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::SpentUnits;

use super::calendar::plus;
use super::demand::{Claim, ClaimState, Demand, HolderState, Settlement};
use super::ledger::Ledger;
use super::openings::START_UP;
use super::reclaim::is_same;
use super::window::Entry;
use crate::metrics::RequestOutcome;

/// What closing the grants has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedGrants {
    /// Grants that were closed.
    pub closed: usize,
    /// What was asked of the service, and how often.
    pub requests: BTreeMap<(Operation, RequestOutcome), i64>,
    /// What that cost.
    pub cost: Money,
    /// Of grants that were waited for: seconds from the first opening to the answer to the first submission.
    pub lags: Vec<i64>,
}

impl ClosedGrants {
    /// How often the service refused for a while.
    #[must_use]
    pub fn refused(&self) -> i64 {
        self.requests
            .iter()
            .filter(|((_, outcome), _)| *outcome == RequestOutcome::RateLimited)
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&mut self, operation: Option<Operation>, outcome: RequestOutcome, times: i64) {
        if let Some(operation) = operation.filter(|_| times > 0) {
            *self.requests.entry((operation, outcome)).or_default() += times;
        }
    }

    fn gone(&mut self, grant: &Grant) {
        let operation = grant.holder.step.and_then(Operation::of);
        self.count(operation, RequestOutcome::Unknown, grant.submissions.unwrap_or_default());
        self.cost = self.cost.plus(grant.price.unwrap_or_default());
    }

    fn count_settled(&mut self, grant: &Grant, claim: &Claim, refused: bool) {
        let ClaimState::Settled(settlement) = &claim.state else { return };
        let operation = claim.demand.operation;
        self.count(
            operation,
            RequestOutcome::Taken,
            settlement.spent.iter().map(|spent| spent.submissions).sum(),
        );
        self.count(operation, RequestOutcome::RateLimited, i64::from(refused));
        let costs = settlement.spent.iter().map(|spent| cost(&claim.demand, spent));
        self.cost = costs.fold(self.cost, Money::plus);
        self.lags.extend(lag(grant, claim.demand.since, &settlement.spent));
    }
}

/// What submissions cost: as the attempt says, or as was expected.
fn cost(demand: &Demand, spent: &SpentUnits) -> Money {
    spent.cost.unwrap_or(demand.price_each.times(spent.submissions))
}

/// Seconds for which what was waited for lay unused. What was free when it was asked for is no matter of waking.
fn lag(grant: &Grant, asked: Timestamp, spent: &[SpentUnits]) -> Option<i64> {
    let opened = grant.openings.first().map(|opening| opening.at.0)?;
    let answered = spent.iter().map(|spent| spent.at.0).min()?;
    let waited = opened > plus(asked, START_UP);
    waited.then(|| answered.duration_since(opened).as_secs().max(0))
}

impl Ledger {
    /// Closes the grants of the holders that have no use for theirs any more. Holders of no open grant are passed over.
    pub fn close_grants(&mut self, holder_states: &[(Grant, HolderState)], now: Timestamp) -> ClosedGrants {
        let mut closed_grants = ClosedGrants::default();
        for (seen, holder_state) in holder_states {
            let Some(place) = self.grants.iter().position(|grant| is_same(grant, seen)) else { continue };
            let begun_or_asks =
                matches!(holder_state, HolderState::Holds | HolderState::Asks | HolderState::Idle);
            if begun_or_asks && !self.closes(place, holder_state) {
                continue;
            }
            let grant = self.grants.remove(place);
            closed_grants.closed += 1;
            match holder_state {
                HolderState::Gone => {
                    self.spend_all(&grant, now);
                    closed_grants.gone(&grant);
                }
                HolderState::Settled(claim) => {
                    let refused = self.record_spending(&grant, claim, now);
                    closed_grants.count_settled(&grant, claim, refused);
                }
                // It was never begun with.
                HolderState::Withdrawn | HolderState::Asks | HolderState::Idle | HolderState::Holds => {}
            }
        }
        self.reserve();
        self.tidy(now);
        closed_grants
    }

    /// Takes up the grant of an attempt that was begun with one which this ledger does not know: the ledger is younger,
    /// because the account was deleted and made again. What such an attempt has spent meanwhile is recorded at once.
    pub fn adopt(&mut self, claim: &Claim, now: Timestamp) {
        let demand = &claim.demand;
        let (id, submissions) = match &claim.state {
            ClaimState::Asks | ClaimState::Idle => return,
            ClaimState::Begun { grant, submissions } => (grant, submissions),
            ClaimState::Settled(settlement) => return self.take_over(demand, settlement, now),
        };
        let holder = demand.holder.clone();
        let taken_up = Grant { id: id.clone(), holder, ..Grant::default() };
        if self.grants.iter().any(|grant| is_same(grant, &taken_up)) {
            return;
        }
        let quotas = self.quotas.iter().filter(|tally| tally.counts(demand.operation, &demand.model));
        let units =
            quotas.map(|tally| (tally.quota.name.clone(), tally.each(demand).saturating_mul(*submissions)));
        let price = demand.price_each.times(*submissions);
        self.grants.push(Grant {
            units: units.collect(),
            submissions: Some(*submissions),
            price: (price != Money::ZERO).then_some(price),
            requests_per_second: self.pace(),
            channel: demand.channel.clone(),
            ..taken_up
        });
        self.reserve();
    }

    /// Records what was spent before this ledger was opened. What the service refused then, without saying how long,
    /// says nothing of today.
    fn take_over(&mut self, demand: &Demand, settlement: &Settlement, now: Timestamp) {
        for spent in &settlement.spent {
            self.record_submission(demand.channel.as_ref(), demand, spent);
        }
        self.apply_refusal(demand, &Settlement { refusals: 0, ..settlement.clone() }, now);
        self.tidy(now);
    }

    /// Nobody knows what was spent: all of it, and not before now.
    fn spend_all(&mut self, grant: &Grant, now: Timestamp) {
        let entry = |units| Entry { at: plus(now, 1), units, channel: grant.channel.clone() };
        for tally in &mut self.quotas {
            let units = grant.units.get(&tally.quota.name).copied().unwrap_or_default();
            tally.window.spend(entry(units));
            if units > 0 {
                // What was not spent has begun no window.
                tally.window.lose_track(now);
            }
        }
        if let Some(spend) = &mut self.spend {
            let price = grant.price.unwrap_or_default().micros();
            spend.spend(Entry { channel: None, ..entry(price) });
        }
    }

    /// Records what was spent; returns whether the service refused for a while.
    fn record_spending(&mut self, grant: &Grant, claim: &Claim, now: Timestamp) -> bool {
        let ClaimState::Settled(settlement) = &claim.state else { return false };
        for spent in &settlement.spent {
            self.record_submission(grant.channel.as_ref(), &claim.demand, spent);
        }
        self.apply_refusal(&claim.demand, settlement, now)
    }

    fn record_submission(&mut self, channel: Option<&String>, demand: &Demand, spent: &SpentUnits) {
        let entry = |units| Entry { at: spent.at.0, units, channel: channel.cloned() };
        for tally in self.quotas.iter_mut().filter(|tally| tally.counts(demand.operation, &demand.model)) {
            let units = match tally.quota.unit {
                QuotaUnit::Requests => spent.submissions,
                QuotaUnit::Seconds => {
                    let expected = demand.seconds_each.saturating_mul(spent.submissions);
                    spent.seconds.unwrap_or(expected)
                }
            };
            tally.window.spend(entry(units));
        }
        if let Some(spend) = &mut self.spend {
            spend.spend(Entry { channel: None, ..entry(cost(demand, spent).micros()) });
        }
    }
}

#[cfg(test)]
mod tests;
