//! Who is first. Pure.
//!
//! By priority, raised by one for each window waited; then the channel with the smallest part of the current window,
//! spent and reserved; then who has the fewest scenes left; then the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use videofactory_crds::provideraccount::Grant;

use super::demand::Demand;
use super::grant::{Takes, takes};
use super::ledger::Ledger;
use super::window::{Window, plus};

/// Seconds after which a waiter's priority rises where no quota has a period.
const RISES_AFTER: i64 = 3_600;
/// A whole window, as a channel's part of it.
const WHOLE: i128 = 1_000_000_000;

/// The demands that wait, in order. The order of those who still wait changes with each grant.
pub struct Line<'a> {
    demands: &'a [Demand],
    rest: VecDeque<usize>,
    /// Of each demand that waits, by its place.
    facts: BTreeMap<usize, Facts>,
    kinds: Vec<Kind>,
    known: BTreeMap<Takes, usize>,
    channels: BTreeMap<Option<&'a str>, usize>,
    /// Units by window and channel.
    used: Vec<Vec<i64>>,
    /// Limits of the windows; the money has no channels.
    limits: Vec<i64>,
    /// Open grants by channel.
    open: Vec<i64>,
    sorted: bool,
}

struct Facts {
    kind: usize,
    channel: usize,
    priority: i64,
    rises_at: Timestamp,
    hopeless: bool,
}

/// Demands that take the same of the same limits.
struct Kind {
    takes: Takes,
    rises_after: i64,
}

type Key<'a> = (Reverse<i64>, i128, i64, i64, Timestamp, &'a str, Option<i32>);

impl<'a> Line<'a> {
    /// All who ask, by their places in `demands`.
    #[must_use]
    pub fn new(
        ledger: &Ledger,
        demands: &'a [Demand],
        asking: impl Iterator<Item = usize>,
        windows: &[Window],
        now: Timestamp,
    ) -> Self {
        let quotas = &windows[..ledger.quotas.len()];
        let mut line = Self {
            demands,
            rest: asking.collect(),
            facts: BTreeMap::new(),
            kinds: Vec::new(),
            known: BTreeMap::new(),
            channels: BTreeMap::new(),
            used: Vec::new(),
            limits: quotas.iter().map(|window| window.limit).collect(),
            open: Vec::new(),
            sorted: false,
        };
        for place in line.rest.clone() {
            let kind = line.kind(ledger, quotas, &demands[place]);
            let next = line.channels.len();
            let channel = *line.channels.entry(demands[place].channel.as_deref()).or_insert(next);
            let waited = now.duration_since(demands[place].since).as_secs().max(0);
            let rises_after = line.kinds[kind].rises_after;
            let risen = waited / rises_after;
            let facts = Facts {
                kind,
                channel,
                priority: i64::from(demands[place].priority).saturating_add(risen),
                rises_at: plus(demands[place].since, (risen + 1).saturating_mul(rises_after)),
                hopeless: ledger.never(&demands[place]).is_some(),
            };
            line.facts.insert(place, facts);
        }
        line.count(ledger, quotas, now);
        line
    }

    fn kind(&mut self, ledger: &Ledger, quotas: &[Window], demand: &Demand) -> usize {
        let takes = takes(ledger, demand);
        if let Some(known) = self.known.get(&takes) {
            return *known;
        }
        let periods = takes.iter().filter_map(|(window, _)| quotas.get(*window)).map(|window| window.period);
        let rises_after = periods.max().unwrap_or(RISES_AFTER).max(1);
        self.known.insert(takes.clone(), self.kinds.len());
        self.kinds.push(Kind { takes, rises_after });
        self.kinds.len() - 1
    }

    /// What each channel that waits has of each window now.
    fn count(&mut self, ledger: &Ledger, quotas: &[Window], now: Timestamp) {
        self.used = vec![vec![0; self.channels.len()]; quotas.len()];
        self.open = vec![0; self.channels.len()];
        for (window, used) in quotas.iter().zip(&mut self.used) {
            let spent = window.in_force(now).map(|entry| (&entry.channel, entry.units));
            let reserved = window.reserved.iter().map(|reserved| (&reserved.channel, reserved.units));
            for (channel, units) in spent.chain(reserved) {
                if let Some(channel) = self.channels.get(&channel.as_deref()) {
                    used[*channel] = used[*channel].saturating_add(units);
                }
            }
        }
        for grant in &ledger.grants {
            if let Some(channel) = self.channels.get(&grant.channel.as_deref()) {
                self.open[*channel] += 1;
            }
        }
    }

    /// The next in order.
    pub fn next(&mut self) -> Option<usize> {
        if !self.sorted {
            let mut rest = std::mem::take(&mut self.rest);
            rest.make_contiguous().sort_by_cached_key(|place| self.key(*place));
            self.rest = rest;
            self.sorted = true;
        }
        self.rest.pop_front()
    }

    /// What a demand takes.
    #[must_use]
    pub fn takes(&self, place: usize) -> &Takes {
        &self.kinds[self.facts[&place].kind].takes
    }

    /// When a demand's priority rises next.
    #[must_use]
    pub fn rises_at(&self, place: usize) -> Timestamp {
        self.facts[&place].rises_at
    }

    /// Whether a demand can never be met.
    #[must_use]
    pub fn is_hopeless(&self, place: usize) -> bool {
        self.facts[&place].hopeless
    }

    /// A demand was met: its channel has more.
    pub fn served(&mut self, place: usize, grant: &Grant) {
        let facts = &self.facts[&place];
        for (window, each) in &self.kinds[facts.kind].takes {
            if let Some(used) = self.used.get_mut(*window) {
                let units = each.saturating_mul(grant.submissions.unwrap_or_default());
                used[facts.channel] = used[facts.channel].saturating_add(units);
            }
        }
        self.open[facts.channel] += 1;
        self.sorted = self.channels.len() < 2;
    }

    fn key(&self, place: usize) -> Key<'a> {
        let (facts, demand) = (&self.facts[&place], &self.demands[place]);
        let takes = &self.kinds[facts.kind].takes;
        let part = |window: &usize| {
            let used = self.used.get(*window)?[facts.channel];
            Some(i128::from(used) * WHOLE / i128::from(self.limits[*window].max(1)))
        };
        // Of several windows the one of which the channel has most.
        let part = takes.iter().filter_map(|(window, _)| part(window)).max().unwrap_or_default();
        let holder = &demand.holder;
        (
            Reverse(facts.priority),
            part,
            self.open[facts.channel],
            demand.left,
            demand.created,
            &holder.uid,
            holder.attempt,
        )
    }
}
