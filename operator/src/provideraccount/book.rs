//! Closes grants: what was spent goes into the windows, what was not is free again. Pure.
//!
//! Each grant is closed in the same write that books what was spent of it, so that a crash books it once or not at all,
//! and then again.

use jiff::Timestamp;
use videofactory_crds::provideraccount::{Grant, QuotaUnit};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::SpentUnits;

use super::demand::{Claim, ClaimState, Demand, Settlement, Standing, same_attempt};
use super::ledger::Ledger;
use super::window::{Entry, plus};

/// Seconds for which a service that refuses without saying how long is left alone at first; doubled with each refusal
/// in a row, up to the quota's period.
const FIRST_GUESS: i64 = 30;
/// Longest guess where no quota has a period.
const LONGEST_GUESS: i64 = 3_600;

/// What closing the grants has brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// Grants that were closed.
    pub closed: usize,
    /// Of them, those whose service had refused for a while.
    pub refused: usize,
}

impl Ledger {
    /// Closes the grants of the holders that have no use for theirs any more. Holders of no open grant are passed over.
    pub fn book(&mut self, standings: &[(Grant, Standing)], now: Timestamp) -> Booked {
        let mut booked = Booked::default();
        for (seen, standing) in standings {
            let Some(place) = self.grants.iter().position(|grant| same_attempt(&grant.holder, &seen.holder))
            else {
                continue;
            };
            if *standing == Standing::Holds {
                continue;
            }
            let grant = self.grants.remove(place);
            booked.closed += 1;
            match standing {
                Standing::Gone => self.spend_all(&grant, now),
                Standing::Settled(claim) => booked.refused += usize::from(self.settle(&grant, claim, now)),
                Standing::Withdrawn | Standing::Holds => {}
            }
        }
        self.reserve();
        self.tidy(now);
        booked
    }

    /// Takes up the grant of an attempt that was begun with one which these books do not know: they are younger than it,
    /// because the account was deleted and made again.
    pub fn adopt(&mut self, claim: &Claim) {
        let (ClaimState::Begun(submissions), demand) = (&claim.state, &claim.demand) else { return };
        if self.grants.iter().any(|grant| same_attempt(&grant.holder, &demand.holder)) {
            return;
        }
        let quotas = self.quotas.iter().filter(|tally| tally.counts(demand.operation, &demand.model));
        let units =
            quotas.map(|tally| (tally.quota.name.clone(), tally.each(demand).saturating_mul(*submissions)));
        let price = demand.price_each.times(*submissions);
        self.grants.push(Grant {
            holder: demand.holder.clone(),
            units: units.collect(),
            submissions: Some(*submissions),
            price: (price != Money::ZERO).then_some(price),
            requests_per_second: self.pace(),
            channel: demand.channel.clone(),
            ..Grant::default()
        });
        self.reserve();
    }

    /// Nobody can tell what was spent: all of it, and not before now.
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

    /// Books what was spent; whether the service refused for a while.
    fn settle(&mut self, grant: &Grant, claim: &Claim, now: Timestamp) -> bool {
        let ClaimState::Settled(settlement) = &claim.state else { return false };
        for spent in &settlement.spent {
            self.settle_one(grant, &claim.demand, spent);
        }
        self.heed(&claim.demand, settlement, now)
    }

    fn settle_one(&mut self, grant: &Grant, demand: &Demand, spent: &SpentUnits) {
        let entry = |units| Entry { at: spent.at.0, units, channel: grant.channel.clone() };
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
            let cost = spent.cost.unwrap_or(demand.price_each.times(spent.submissions));
            spend.spend(Entry { channel: None, ..entry(cost.micros()) });
        }
    }

    /// Keeps away from a service that refuses: until the time that it named, or for as long as we guess.
    fn heed(&mut self, demand: &Demand, settlement: &Settlement, now: Timestamp) -> bool {
        let guess = |longest: i64| {
            let doublings = settlement.refusals.checked_sub(1)?;
            let wait = FIRST_GUESS.saturating_mul(1_i64.checked_shl(doublings.min(40)).unwrap_or(i64::MAX));
            Some(plus(now, wait.min(longest.max(1))))
        };
        let until = |longest| settlement.blocked_until.or_else(|| guess(longest));
        if until(LONGEST_GUESS).is_none() {
            return false;
        }
        let mut described = false;
        for tally in self.quotas.iter_mut().filter(|tally| tally.counts(demand.operation, &demand.model)) {
            described = true;
            if let Some(until) = until(tally.window.period) {
                tally.window.block(until);
            }
        }
        if !described {
            self.refused_until = self.refused_until.max(until(LONGEST_GUESS));
        }
        true
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
