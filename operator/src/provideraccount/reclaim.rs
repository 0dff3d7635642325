//! Reclaims grants that no attempt has begun with. Pure.
//!
//! A grant that nobody uses must not depend on its holder to be freed: the holder may be the one who has failed. So the
//! account closes it, and both sides go by one rule: first write, then read the other's word.
//!
//! - The account marks the grant as closing, in its own status. After that it reads the holder live. If that has begun,
//!   the grant is its again, and for good; if not, it is closed.
//! - The job records that it begins, with the grant's own id, in its own status. After that it reads the grant live.
//!   Only if that is there and is not closing, the Job is created. If it is closing, the job waits for the account's word,
//!   which takes one look; if it is closed, nothing was submitted under it, and the job asks again.
//!
//! Whichever of the two writes comes second, its writer reads the other's. So a grant that is closed was never begun with,
//! and one that was begun with is never closed, but by what its holder says. Neither waits for the other for long: a mark
//! is always followed by a look, and a look by a word.

use jiff::Timestamp;
use videofactory_crds::ProviderAccount;
use videofactory_crds::provideraccount::{Grant, GrantState, Holder, ProviderAccountStatus};

use super::calendar::plus;
use super::demand::{Claim, ClaimState, Demand, HolderState, same_attempt};
use super::ledger::{Ledger, is_unopened};

/// Seconds within which a holder has to begin. A job that can begin does so within a second; it may take longer if the
/// operator restarts, or while the API server is away. Five minutes outlast both, and are little beside the windows and
/// attempts that a unit is kept from meanwhile.
pub const BEGIN_WITHIN: i64 = 300;
/// Attempts that are remembered to have lost their grant; of more, the earliest are forgotten, and may be granted once
/// more.
const MAX_EXPIRED: usize = 50;

impl Ledger {
    /// Names the grants that are given now.
    pub(super) fn name(&mut self, grants: &mut [Grant], account: &str, now: Timestamp) {
        for grant in grants {
            // From the clock on, so that a ledger which somebody has emptied repeats no number.
            let number = self.last_grant.map_or(now.as_second(), |last| last.saturating_add(1));
            self.last_grant = Some(number);
            grant.id = Some(format!("{account}-{number}"));
            grant.given_at = Some(videofactory_crds::condition::whole_seconds(now));
        }
    }

    /// Marks the grants that are to be closed, of holders who have not begun as far as the cache shows: at once where the
    /// holder does not begin as it stands, else after a time. When to look again.
    pub(super) fn mark(&mut self, cached: &[(Grant, HolderState)], now: Timestamp) -> Option<Timestamp> {
        let mut wakes = Vec::new();
        for grant in &mut self.grants {
            if grant.state == Some(GrantState::Closing) {
                // What was marked is looked at.
                wakes.push(now);
            }
            if grant.state.is_some() {
                continue;
            }
            let known = cached.iter().find(|(known, _)| is_same(known, grant));
            let due = match known.map(|(_, holder_state)| holder_state) {
                Some(HolderState::Idle) => now,
                Some(HolderState::Asks) => {
                    let given = grant.given_at.as_ref().map_or(Timestamp::MIN, |given| given.0);
                    plus(given, BEGIN_WITHIN)
                }
                _ => continue,
            };
            if due <= now {
                grant.state = Some(GrantState::Closing);
            }
            wakes.push(due.max(now));
        }
        wakes.into_iter().min()
    }

    /// Whether a grant that is not begun with is closed by this look at its holder. One that is not closing is not.
    pub(super) fn closes(&mut self, place: usize, holder_state: &HolderState) -> bool {
        let grant = &mut self.grants[place];
        if grant.state != Some(GrantState::Closing) {
            return false;
        }
        if *holder_state == HolderState::Holds {
            grant.state = Some(GrantState::Begun);
            return false;
        }
        if *holder_state == HolderState::Asks {
            self.expired.push(grant.holder.clone());
        }
        true
    }

    /// Whether this demand is of an attempt that has lost its grant.
    pub(super) fn has_expired(&self, demand: &Demand) -> bool {
        is_expired(&self.expired, &demand.holder)
    }

    /// Forgets those who ask no more.
    pub(super) fn forget_expired(&mut self, claims: &[Claim]) {
        let asks = |holder: &Holder| {
            let same = |claim: &Claim| same_attempt(&claim.demand.holder, holder);
            claims.iter().any(|claim| claim.state == ClaimState::Asks && same(claim))
        };
        self.expired.retain(asks);
        let excess = self.expired.len().saturating_sub(MAX_EXPIRED);
        self.expired.drain(..excess);
    }
}

/// Whether what the cache shows of a holder does not do.
pub(super) fn needs_live_read(grant: &Grant, cached: &HolderState) -> bool {
    let known = matches!(cached, HolderState::Holds | HolderState::Asks | HolderState::Idle);
    !known || grant.state == Some(GrantState::Closing)
}

/// Whether an attempt was begun with a grant of another account of this name, which was deleted; of one that has ended, as
/// long as this ledger was never written. What this account itself has given and does not list any more, it has closed:
/// nothing is spent under it.
pub(super) fn is_begun_elsewhere(account: &ProviderAccount, claim: &Claim) -> bool {
    let uid = account.metadata.uid.as_deref().unwrap_or_default();
    let status = account.status.as_ref();
    let is_new = status.is_none_or(is_unopened);
    let mut grants = status.into_iter().flat_map(|status| &status.grants);
    let holder = &claim.demand.holder;
    match &claim.state {
        ClaimState::Asks | ClaimState::Idle => false,
        ClaimState::Begun { grant: id, .. } => {
            let listed = grants.any(|grant| grant.id == *id && same_attempt(&grant.holder, holder));
            !listed && (is_new || !is_of(id.as_deref(), uid))
        }
        ClaimState::Settled(_) => is_new && !grants.any(|grant| same_attempt(&grant.holder, holder)),
    }
}

/// Whether both are one grant.
pub(super) fn is_same(one: &Grant, other: &Grant) -> bool {
    one.id == other.id && same_attempt(&one.holder, &other.holder)
}

fn is_expired(expired: &[Holder], holder: &Holder) -> bool {
    expired.iter().any(|expired| same_attempt(expired, holder))
}

/// Whether an attempt has lost what it was granted: it asks again.
#[must_use]
pub fn has_expired(status: &ProviderAccountStatus, holder: &Holder) -> bool {
    is_expired(&status.expired, holder)
}

/// What an account says of a grant that an attempt has recorded to begin with.
#[derive(Clone, Debug, PartialEq)]
pub enum GrantCheck<'a> {
    /// It is the attempt's.
    Open(&'a Grant),
    /// It is about to be closed, unless the account sees in time that it was begun with: a word follows.
    Closing,
    /// It was closed before the attempt has begun: nothing was submitted under it.
    Closed,
    /// This ledger knows nothing of it: it was opened after that was given.
    Unknown,
}

/// What an account, by a look that is later than that record, says of the grant with this id.
#[must_use]
pub fn check_grant<'a>(
    account: &str,
    status: &'a ProviderAccountStatus,
    holder: &Holder,
    id: Option<&str>,
) -> GrantCheck<'a> {
    let is = |grant: &&Grant| grant.id.as_deref() == id && same_attempt(&grant.holder, holder);
    match status.grants.iter().find(is) {
        Some(grant) if grant.state == Some(GrantState::Closing) => GrantCheck::Closing,
        Some(grant) => GrantCheck::Open(grant),
        None if is_of(id, account) && !is_unopened(status) => GrantCheck::Closed,
        None => GrantCheck::Unknown,
    }
}

/// Whether the account with this UID has given the grant with this id.
pub(super) fn is_of(id: Option<&str>, account: &str) -> bool {
    let number = id.and_then(|id| id.strip_prefix(account)?.strip_prefix('-'));
    !account.is_empty() && number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
