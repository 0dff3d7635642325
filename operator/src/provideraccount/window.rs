//! One limit of a service's: what was spent of it, what is reserved, and when more fits. Pure.
//!
//! What is reserved may be spent at any time from its opening on, and counts until it is accounted for. What was spent
//! is recorded later than the service counted it, never earlier. Both together keep the invariant: whatever the moments
//! at which the reserved is spent, no window of the service's ever holds more than `limit` units of ours.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::{end_of_period, plus, whole};

/// Largest limit for which each unit's time is kept exactly.
pub const MAX_EXACT: i64 = 64;
/// Most spans of time that a window's units are put into, above that limit.
pub const MAX_BUCKETS: i64 = 60;
/// Most entries that name a channel; the oldest lose it first.
pub const MAX_NAMED: usize = 120;
/// Most entries of a window whose units' times are kept exactly; of more, buckets are made.
const MAX_ENTRIES: usize = 128;
/// Seconds that we keep away from the boundary of a `Fixed` window.
const MARGIN: i64 = 1;
/// A time that is further ahead of the clock than so many seconds was recorded before the clock was put back.
const AHEAD: i64 = 5;
/// Longest time in seconds between the moments at which a service counts a request and at which we record it, as far as
/// an `Anchored` window relies on it; and the part of the period that it is at most.
const CLOCK_UNCERTAINTY: (i64, i64) = (30, 8);

/// How a window moves.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Each unit is free one period after it was spent.
    Rolling,
    /// All are free when a period of this zone's clock begins.
    Fixed(TimeZone),
    /// All are free one period after the first was spent.
    Anchored,
}

/// How exactly a window keeps what was spent: what is kept of all windows of an account must fit into one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// Times fewer entries than a window alone would keep; at least 1.
    pub coarser: i64,
    /// Most entries that name a channel.
    pub named: usize,
}

impl Default for Grain {
    fn default() -> Self {
        Self { coarser: 1, named: MAX_NAMED }
    }
}

/// Units that were spent at one time; of a bucket, at its latest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// When, at the latest.
    pub at: Timestamp,
    /// For which channel.
    pub channel: Option<String>,
    /// Units of the quota.
    pub units: i64,
}

/// Units that somebody may spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// From when on.
    pub from: Timestamp,
    /// For which channel.
    pub channel: Option<String>,
    /// Units of the quota.
    pub units: i64,
}

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Units in a period; at least 1.
    pub limit: i64,
    /// Seconds; at least 1.
    pub period: i64,
    /// How it moves.
    pub kind: Kind,
    /// What was spent, oldest first.
    pub spent: Vec<Entry>,
    /// What is reserved.
    pub reserved: Vec<Reserved>,
    /// Until when the service itself refuses.
    pub blocked_until: Option<Timestamp>,
    /// Of an `Anchored` window: by when the one before had ended.
    pub reset_at: Option<Timestamp>,
    /// How exactly `spent` is kept.
    pub grain: Grain,
}

impl Window {
    /// A window of which nothing is spent.
    #[must_use]
    pub fn new(limit: i64, period: i64, kind: Kind) -> Self {
        Self {
            limit: limit.max(1),
            period: period.max(1),
            kind,
            spent: Vec::new(),
            reserved: Vec::new(),
            blocked_until: None,
            reset_at: None,
            grain: Grain::default(),
        }
    }

    /// The earliest time at which so many units fit beyond what is spent and reserved; `None` if that depends on what
    /// becomes of the reserved, or if they never fit.
    #[must_use]
    pub fn when(&self, need: i64, now: Timestamp) -> Option<Timestamp> {
        self.capacity(now).when(need)
    }

    /// How many units fit from which moment on.
    #[must_use]
    pub fn capacity(&self, now: Timestamp) -> Capacity {
        let start = self.blocked_until.map_or(now, |until| until.max(now));
        let mut changes = vec![(start, self.limit)];
        for (free_at, entry) in self.frees().filter(|(free_at, _)| *free_at > start) {
            changes.push((start, entry.units.saturating_neg()));
            changes.push((free_at, entry.units));
        }
        let reserved = self.reserved.iter();
        changes.extend(reserved.map(|reserved| (reserved.from.max(start), reserved.units.saturating_neg())));
        Capacity::of(changes)
    }

    /// Units that are spent and not free again.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> i64 {
        self.in_force(now).fold(0, |sum, entry| sum.saturating_add(entry.units))
    }

    /// Units that are reserved.
    #[must_use]
    pub fn held(&self) -> i64 {
        self.reserved.iter().fold(0, |sum, reserved| sum.saturating_add(reserved.units))
    }

    /// What is spent and not free again.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.frees().filter(move |(free_at, _)| *free_at > now).map(|(_, entry)| entry)
    }

    /// When a unit that is spent by then is free again, at the latest.
    #[must_use]
    pub fn back(&self, spent_by: Timestamp) -> Timestamp {
        match &self.kind {
            Kind::Rolling | Kind::Anchored => plus(spent_by, self.period),
            Kind::Fixed(zone) => plus(end_of_period(zone, self.period, spent_by), MARGIN),
        }
    }

    /// Records what was spent.
    pub fn spend(&mut self, entry: Entry) {
        if entry.units > 0 {
            self.spent.push(Entry { at: whole(entry.at), ..entry });
        }
    }

    /// From now on nobody knows when an `Anchored` window of the service's began: for one period each unit is taken
    /// to be free one period after its own time, which no window outlasts.
    pub fn lose_track(&mut self, now: Timestamp) {
        if self.kind == Kind::Anchored {
            self.reset_at = self.reset_at.max(Some(plus(now, self.period)));
        }
    }

    /// The service refuses until then; never shortened.
    pub fn block(&mut self, until: Timestamp) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |before| before.max(until)));
    }

    /// Drops what no longer matters, joins what need not be distinguished, and fixes times that a clock which was put back
    /// has left in the future.
    pub fn tidy(&mut self, now: Timestamp) {
        let ahead = plus(now, AHEAD);
        let mut put_back = self.reset_at.is_some_and(|reset| reset > plus(ahead, self.period));
        for entry in self.spent.iter_mut().filter(|entry| entry.at > ahead) {
            entry.at = now;
            put_back = true;
        }
        if put_back {
            self.reset_at = None;
            self.lose_track(now);
        }
        self.spent.sort();
        if self.kind == Kind::Anchored {
            self.pass_anchors(now);
        } else {
            let free: Vec<bool> = self.frees().map(|(free_at, _)| free_at <= now).collect();
            let mut free = free.into_iter();
            self.spent.retain(|_| !free.next().unwrap_or_default());
        }
        self.join(now);
        if self.blocked_until.is_some_and(|until| until <= now) {
            self.blocked_until = None;
        }
    }

    /// When each entry's units are free again.
    fn frees(&self) -> impl Iterator<Item = (Timestamp, &Entry)> {
        let anchor = if self.kind == Kind::Anchored { self.anchor() } else { None };
        let mut period_end = Timestamp::MIN;
        let mut last = Timestamp::MAX;
        self.spent.iter().map(move |entry| {
            let rolled = plus(entry.at, self.period);
            let free_at = match (&self.kind, &anchor) {
                (Kind::Fixed(zone), _) => {
                    if entry.at < last || entry.at >= period_end {
                        period_end = end_of_period(zone, self.period, entry.at);
                    }
                    last = entry.at;
                    plus(period_end, MARGIN)
                }
                (Kind::Anchored, Some(anchor)) if anchor.surely_holds(entry.at) => anchor.ends_by,
                _ => rolled,
            };
            (free_at, entry)
        })
    }

    /// Seconds of one bucket; none if each time is kept.
    fn bucket(&self) -> Option<i64> {
        (self.limit > MAX_EXACT / self.grain.coarser).then_some(self.width())
    }

    /// Seconds of one bucket, if there are any.
    fn width(&self) -> i64 {
        // One bucket more than periods of it fit: a window may begin in the middle of one.
        let buckets = MAX_BUCKETS / self.grain.coarser;
        self.period.saturating_add(buckets - 2) / (buckets - 1)
    }

    /// Joins entries of the same time and channel; above [`MAX_EXACT`] those of the same bucket, or of the same period
    /// of a `Fixed` window, which is as good as a counter. At the latest of their times.
    fn join(&mut self, now: Timestamp) {
        self.join_by(self.bucket());
        let most = MAX_ENTRIES / usize::try_from(self.grain.coarser).unwrap_or(1);
        if self.bucket().is_none() && self.spent.len() > most {
            // More than fits into the window: much was spent before this ledger was opened.
            self.join_by(Some(self.width()));
            self.lose_track(now);
        }
        if self.bucket().is_none() {
            let named = self.spent.iter().filter(|entry| entry.channel.is_some()).count();
            let surplus = named.saturating_sub(self.grain.named);
            let with_name = self.spent.iter_mut().filter(|entry| entry.channel.is_some());
            with_name.take(surplus).for_each(|entry| entry.channel = None);
            if surplus > 0 {
                self.join_by(None);
            }
        }
    }

    fn join_by(&mut self, width: Option<i64>) {
        let cell = |at: Timestamp| match (&self.kind, width) {
            (_, None) => at.as_second(),
            (Kind::Fixed(zone), Some(_)) => end_of_period(zone, self.period, at).as_second(),
            (_, Some(width)) => at.as_second().div_euclid(width),
        };
        let mut joined: BTreeMap<(i64, Option<String>), Entry> = BTreeMap::new();
        for entry in &self.spent {
            let place = joined.entry((cell(entry.at), entry.channel.clone()));
            place.and_modify(|before| before.join(entry)).or_insert_with(|| entry.clone());
        }
        let mut surplus = width.map_or(0, |_| joined.len().saturating_sub(self.grain.named));
        let joined: Vec<(i64, Entry)> = joined.into_iter().map(|((cell, _), entry)| (cell, entry)).collect();
        self.spent.clear();
        for bucket in joined.chunk_by(|one, next| one.0 == next.0) {
            if surplus == 0 || bucket.len() == 1 {
                self.spent.extend(bucket.iter().map(|(_, entry)| entry.clone()));
                continue;
            }
            let mut whole = Entry { channel: None, ..bucket[0].1.clone() };
            bucket[1..].iter().for_each(|(_, entry)| whole.join(entry));
            self.spent.push(whole);
            surplus = surplus.saturating_sub(bucket.len() - 1);
        }
        self.spent.sort();
    }
}

impl Entry {
    fn join(&mut self, other: &Self) {
        self.units = self.units.saturating_add(other.units);
        self.at = self.at.max(other.at);
    }
}

/// What is known of the service's current window, of an `Anchored` one.
struct Anchor {
    /// By then it has ended.
    ends_by: Timestamp,
    /// Before that it has not ended: what was counted by then was counted in it, or before it.
    ends_after: Timestamp,
    /// What was recorded before may belong to the window before.
    since: Timestamp,
}

impl Anchor {
    /// Whether what was recorded at this time is free when this window ends. What may be counted in the next one is
    /// free one period after its own time, which no window outlasts.
    fn surely_holds(&self, at: Timestamp) -> bool {
        at >= self.since && at <= self.ends_after
    }
}

impl Window {
    fn uncertainty(&self) -> i64 {
        (self.period / CLOCK_UNCERTAINTY.1).min(CLOCK_UNCERTAINTY.0)
    }

    /// The current window. The service's began with a unit that it counted when we recorded it or up to
    /// `uncertainty` before; or with one that is reserved and not accounted for.
    fn anchor(&self) -> Option<Anchor> {
        let uncertainty = self.uncertainty();
        let since = self.reset_at.map_or(Timestamp::MIN, |reset| plus(reset, uncertainty));
        let first = self.spent.iter().find(|entry| entry.at >= since)?.at;
        let recorded =
            self.spent.first().map(|entry| plus(entry.at, -uncertainty - self.bucket().unwrap_or_default()));
        let reserved = self.reserved.iter().map(|reserved| reserved.from).min();
        let earliest = recorded.into_iter().chain(reserved).min().unwrap_or(first);
        Some(Anchor { ends_by: plus(first, self.period), ends_after: plus(earliest, self.period), since })
    }

    /// Drops what was spent in windows that are over, and remembers by when the last of them was.
    fn pass_anchors(&mut self, now: Timestamp) {
        while let Some(anchor) = self.anchor().filter(|anchor| anchor.ends_by <= now) {
            self.spent.retain(|entry| entry.at > anchor.ends_after);
            self.reset_at = Some(anchor.ends_by);
        }
        // While a window lasts, what may have begun it is kept although it is free.
        let periods = if self.anchor().is_some() { 2 } else { 1 };
        let long_ago = plus(now, -self.period.saturating_mul(periods));
        let (period, uncertainty) = (self.period, self.uncertainty());
        // Whether somebody may still report a unit that was counted before then.
        let unreported =
            |before: Timestamp| self.reserved.iter().any(|held| held.from < plus(before, uncertainty));
        let last = self.spent.iter().rev().find(|entry| entry.at <= long_ago);
        if let Some(over) = last.map(|last| plus(last.at, period)).filter(|over| unreported(*over)) {
            // It may have begun a window of which more is to be reported: by then that had ended.
            self.reset_at = self.reset_at.max(Some(over));
        }
        self.spent.retain(|entry| entry.at > long_ago);
        let oldest = self.spent.first().map_or(Timestamp::MAX, |entry| entry.at);
        let needed = |reset: &Timestamp| {
            plus(*reset, period.saturating_add(uncertainty)) > now
                || unreported(*reset)
                || oldest < plus(*reset, uncertainty)
        };
        self.reset_at = self.reset_at.filter(needed);
    }
}

/// How many units fit from which moment on, and stay free whatever becomes of the reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Both grow from step to step.
    steps: Vec<(Timestamp, i64)>,
}

impl Capacity {
    fn of(mut changes: Vec<(Timestamp, i64)>) -> Self {
        changes.sort_by_key(|(at, _)| *at);
        let mut levels: Vec<(Timestamp, i64)> = Vec::with_capacity(changes.len());
        let mut level = 0_i64;
        for (at, change) in changes {
            level = level.saturating_add(change);
            match levels.last_mut() {
                Some(last) if last.0 == at => last.1 = level,
                _ => levels.push((at, level)),
            }
        }
        // What fits at a moment must still fit later: what is reserved for later is not lent.
        let mut least = i64::MAX;
        let mut steps: Vec<(Timestamp, i64)> = Vec::with_capacity(levels.len());
        for (at, level) in levels.into_iter().rev() {
            least = least.min(level);
            match steps.last_mut() {
                Some(later) if later.1 == least => later.0 = at,
                _ => steps.push((at, least)),
            }
        }
        steps.reverse();
        Self { steps }
    }

    /// The earliest time at which so many units fit.
    #[must_use]
    pub fn when(&self, need: i64) -> Option<Timestamp> {
        let place = self.steps.partition_point(|(_, fit)| *fit < need);
        self.steps.get(place).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests;
