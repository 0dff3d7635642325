//! How long a service that refuses is left alone. Pure.

use jiff::Timestamp;

use super::calendar::plus;
use super::demand::{Demand, Settlement};
use super::ledger::Ledger;

/// Seconds for which a service that refuses without saying how long is left alone at first; doubled with each refusal
/// in a row, up to the quota's period.
const FIRST_GUESS: i64 = 30;
/// Longest guess where no quota has a period.
const MAX_GUESS: i64 = 3_600;

impl Ledger {
    /// Keeps away from a service that refuses: until the time that it named, or for as long as we guess.
    pub(super) fn apply_refusal(&mut self, demand: &Demand, settlement: &Settlement, now: Timestamp) -> bool {
        let guess = |longest: i64| {
            let doublings = settlement.refusals.checked_sub(1)?;
            let wait = FIRST_GUESS.saturating_mul(1_i64.checked_shl(doublings.min(40)).unwrap_or(i64::MAX));
            Some(plus(now, wait.min(longest.max(1))))
        };
        let until = |longest| settlement.blocked_until.or_else(|| guess(longest));
        if until(MAX_GUESS).is_none() {
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
            self.refused_until = self.refused_until.max(until(MAX_GUESS));
        }
        true
    }
}
