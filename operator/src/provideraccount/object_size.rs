//! Size limits of the parts of an account's status, so that it is never too large to be written. Pure.
//!
//! Nothing that counts is ever left out for want of room: the ledger opens no further grant instead, and puts what was
//! spent into coarser buckets. What is only shown, or only decides who goes first, is cut.

use serde::Serialize;
use videofactory_crds::ProviderAccountStatus;
use videofactory_crds::provideraccount::Grant;

use super::window::{Grain, MAX_NAMED};

/// Most bytes of all open grants.
const GRANTS: usize = 104 * 1024;
/// More than a grant's id and time take, which it gets last.
const NAME: usize = 160;
/// More than the largest grant has, with all its openings ([`MAX_OPENINGS`](super::openings::MAX_OPENINGS)) and quotas.
const LARGEST_GRANT: usize = 4 * 1024;
/// Waiters that the status names …
pub const MAX_WAITERS: usize = 50;
/// … and their most bytes.
pub const WAITERS: usize = 16 * 1024;
/// Most bytes of what is remembered of turns.
pub const TURNS: usize = 24 * 1024;
/// Quotas of an account that each may keep the times of what was spent as exactly as one can; of more, each keeps fewer.
const FEW_QUOTAS: usize = 5;
/// Most entries with a channel's name, of all quotas together.
const NAMED: usize = 320;

/// The bytes of something as JSON, with the comma behind it.
fn bytes(part: &impl Serialize) -> usize {
    serde_json::to_string(part).map_or(0, |text| text.len() + 1)
}

/// Whether the status has space for another grant beside these.
#[must_use]
pub fn has_space_for_grant(grants: &[Grant]) -> bool {
    GrantSpace::beside(grants).takes_another()
}

/// Space for grants in the status.
#[derive(Clone, Copy, Debug)]
pub struct GrantSpace(usize);

impl GrantSpace {
    /// What these leave.
    #[must_use]
    pub fn beside(grants: &[Grant]) -> Self {
        Self(GRANTS.saturating_sub(grants.iter().map(bytes).sum()))
    }

    /// Whether any grant fits.
    #[must_use]
    pub const fn takes_another(self) -> bool {
        self.0 >= LARGEST_GRANT
    }

    /// One more was opened.
    pub fn take(&mut self, grant: &Grant) {
        self.0 = self.0.saturating_sub(bytes(grant) + NAME);
    }
}

/// As many items, from the front, as have room.
#[must_use]
pub fn first<T: Serialize>(items: impl Iterator<Item = T>, space: usize) -> Vec<T> {
    let mut used = 0;
    let fits = |item: &T| {
        used += bytes(item);
        used <= space
    };
    items.take_while(fits).collect()
}

/// How much coarser than usual each of so many quotas keeps what was spent.
#[must_use]
pub fn grain(quotas: usize) -> Grain {
    let many = quotas.div_ceil(FEW_QUOTAS).max(1);
    Grain { coarser: i64::try_from(many).unwrap_or(1), named: (NAMED / quotas.max(1)).min(MAX_NAMED) }
}

/// Takes from the grants what these quotas can say of them, if there is no room to say it in each: an edit may give an
/// account twenty quotas while hundreds of grants are open. Until there is room again, nothing more is granted.
pub fn say_once<'a>(status: &mut ProviderAccountStatus, quotas: impl DoubleEndedIterator<Item = &'a str>) {
    let size = |status: &ProviderAccountStatus| status.grants.iter().map(bytes).sum::<usize>();
    for name in quotas.rev() {
        if size(status) <= GRANTS {
            return;
        }
        for grant in &mut status.grants {
            grant.units.remove(name);
        }
        let of_quota = status.quotas.iter_mut().filter(|quota| quota.name == name);
        of_quota.for_each(|quota| quota.counts_all_grants = Some(true));
    }
}

#[cfg(test)]
mod tests;
