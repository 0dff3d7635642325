//! When the submissions of one grant open: how early it is given, how far apart they lie, and how many of them there are.
//! Pure.

use jiff::Timestamp;
use videofactory_crds::provideraccount::Grant;

/// Seconds that a pod takes to start: so much earlier than its first opening a grant is given.
pub const START_UP: i64 = 10;
/// Most seconds from a grant's first opening to its last, and the part of the period that they are at most; but never
/// less than [`START_UP`].
pub const SPAN: (i64, i64) = (600, 8);
/// Most openings of one grant: all of them travel to its pod, and lie in the account's status meanwhile.
pub const MAX_OPENINGS: usize = 20;

/// Seconds within which all of a grant's submissions open.
#[must_use]
pub fn span(period: i64) -> i64 {
    (period / SPAN.1).min(SPAN.0).max(START_UP)
}

/// When the last of a grant's submissions may be made.
#[must_use]
pub fn last_opening(grant: &Grant, now: Timestamp) -> Timestamp {
    grant.openings.last().map_or(now, |opening| opening.at.0.max(now))
}
