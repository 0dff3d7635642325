//! How many grants of an account may be open at once, and how fast each may be. Pure.

use super::ledger::Ledger;
use super::object_size;

/// Most grants that may be open at once, whatever the spec says.
pub const MAX_GRANTS: i64 = 500;
/// Grants that share the requests a second where nothing says how many there may be.
const SHARERS: i64 = 4;

impl Ledger {
    /// Most grants that may be open at once: never more than the status has room for.
    #[must_use]
    pub fn most_grants(&self) -> i64 {
        let asked = self.max_concurrent.or(self.requests_per_second.map(|_| SHARERS));
        let most = asked.unwrap_or(MAX_GRANTS).min(MAX_GRANTS);
        if object_size::has_space_for_grant(&self.grants) { most } else { most.min(self.open_grants()) }
    }

    /// How many grants are open.
    #[must_use]
    pub fn open_grants(&self) -> i64 {
        i64::try_from(self.grants.len()).unwrap_or(i64::MAX)
    }

    /// What each open grant may use of the requests a second: all of them together never ask for more.
    #[must_use]
    pub fn pace(&self) -> Option<f64> {
        let sharers = self.max_concurrent.unwrap_or(SHARERS).clamp(1, MAX_GRANTS);
        let sharers = u32::try_from(sharers).unwrap_or(u32::MAX);
        self.requests_per_second.map(|most| most / f64::from(sharers))
    }
}
