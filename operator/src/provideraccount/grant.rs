//! Who may spend what, and from when on. Pure.
//!
//! Demands are met one after the other in the order of [`WaitQueue`]; whoever is first takes what fits. What the first waits
//! for, nobody behind takes: of each limit that keeps it waiting nothing, of its others all but what it needs to begin,
//! unless what is lent comes back before its turn. So nobody starves, and no unit that somebody can use stays unused.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::provideraccount::{Grant, Opening};
use videofactory_crds::units::Money;

use super::calendar::plus;
use super::demand::{Attempt, Demand, attempt};
use super::ledger::{Ledger, QuotaUse};
use super::object_size::GrantSpace;
use super::openings::{MAX_OPENINGS, START_UP, span};
use super::wait_queue::WaitQueue;
use super::window::{Capacity, Reserved, Window};

/// Most submissions of one grant.
const MAX_SUBMISSIONS: i64 = 1_000;

/// What one reconcile grants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrantBatch {
    /// New grants, in order.
    pub grants: Vec<Grant>,
    /// Whom they are for, in the same order; places in the list of demands.
    pub granted: Vec<usize>,
    /// Who continues to wait, in order; places in the list of demands.
    pub waiters: Vec<usize>,
    /// When more may be granted by time alone.
    pub next_wake: Option<Timestamp>,
}

/// Grants what fits. Demands of attempts that hold a grant already are passed over.
#[must_use]
pub fn grant(ledger: &Ledger, demands: &[Demand], now: Timestamp) -> GrantBatch {
    let mut round = Round::new(ledger, now);
    let open: HashSet<Attempt<'_>> = ledger.grants.iter().map(|grant| attempt(&grant.holder)).collect();
    let asking = (0..demands.len())
        .filter(|place| demands[*place].submissions > 0 && !open.contains(&attempt(&demands[*place].holder)));
    let mut queue = WaitQueue::new(ledger, demands, asking, &round.windows, now);
    let mut batch = GrantBatch::default();
    while let Some(place) = queue.next() {
        let demand = &demands[place];
        match round.serve(demand, queue.quota_use(place)) {
            Some(grant) => {
                queue.served(place, &grant);
                batch.grants.push(grant);
                batch.granted.push(place);
            }
            None => batch.waiters.push(place),
        }
    }
    batch.next_wake = round.next_wake(&queue, &batch.waiters);
    batch
}

/// One round of granting: the ledger, and what was granted and kept in it.
struct Round<'a> {
    ledger: &'a Ledger,
    now: Timestamp,
    windows: Vec<Window>,
    /// By window, as it was when it was last asked for.
    capacities: BTreeMap<usize, Capacity>,
    /// Windows that an earlier waiter waits for.
    wanted: BTreeSet<usize>,
    /// What is kept for those who wait for something else.
    kept: Vec<(usize, Reserved)>,
    /// Grants that may be opened.
    free: i64,
    /// Room for them in the status.
    space: GrantSpace,
}

impl<'a> Round<'a> {
    fn new(ledger: &'a Ledger, now: Timestamp) -> Self {
        let windows = ledger.quotas.iter().map(|tally| &tally.window).chain(&ledger.spend).cloned().collect();
        Self {
            ledger,
            now,
            windows,
            capacities: BTreeMap::new(),
            wanted: BTreeSet::new(),
            kept: Vec::new(),
            free: ledger.most_grants().saturating_sub(ledger.open_grants()).max(0),
            space: GrantSpace::beside(&ledger.grants),
        }
    }

    fn soon(&self) -> Timestamp {
        plus(self.now, START_UP)
    }

    fn capacity(&mut self, window: usize) -> &Capacity {
        let (windows, now) = (&self.windows, self.now);
        self.capacities.entry(window).or_insert_with(|| windows[window].capacity(now))
    }

    /// When so many submissions fit, by each limit.
    fn opens(&mut self, quota_use: &QuotaUse, submissions: i64) -> Vec<(usize, Option<Timestamp>)> {
        quota_use
            .iter()
            .map(|(window, each)| {
                let need = each.saturating_mul(submissions);
                // What takes nothing fits also where too much was taken; a refusal it heeds.
                let refused = self.windows[*window].blocked_until;
                let free = Some(refused.map_or(self.now, |until| until.max(self.now)));
                (*window, if need == 0 { free } else { self.capacity(*window).when(need) })
            })
            .collect()
    }

    /// The earliest time for work of which these limits speak; `None` if it is not known.
    fn first_opening(&self, opens: &[(usize, Option<Timestamp>)]) -> Option<Timestamp> {
        let from = match self.ledger.refused_until {
            // What no quota of the service's describes is refused by the service itself.
            Some(until) if opens.iter().all(|(window, _)| *window == self.ledger.quotas.len()) => until,
            _ => self.now,
        };
        opens.iter().try_fold(from, |first, (_, at)| Some(first.max((*at)?)))
    }

    fn serve(&mut self, demand: &Demand, quota_use: &QuotaUse) -> Option<Grant> {
        if self.is_full() || self.ledger.why_unsatisfiable(demand).is_some() {
            return None;
        }
        let behind = quota_use.iter().any(|(window, each)| *each > 0 && self.wanted.contains(window));
        if behind {
            return None;
        }
        let opens = self.opens(quota_use, 1);
        let first = self.first_opening(&opens);
        if let Some(first) = first.filter(|first| *first <= self.soon()) {
            return Some(self.give(demand, quota_use, first));
        }
        self.keep(quota_use, &opens, first);
        None
    }

    /// As many submissions as open within the span of one batch.
    fn give(&mut self, demand: &Demand, quota_use: &QuotaUse, first: Timestamp) -> Grant {
        let mut openings: Vec<Opening> = Vec::new();
        let mut given = 0;
        while given < demand.submissions.min(MAX_SUBMISSIONS) {
            let opens = self.opens(quota_use, given + 1);
            let late = |(window, at): &(usize, Option<Timestamp>)| {
                at.is_none_or(|at| at > plus(first, span(self.windows[*window].period)))
            };
            if opens.iter().any(late) {
                break;
            }
            let Some(at) = self.first_opening(&opens) else { break };
            let is_full = openings.len() == MAX_OPENINGS;
            match openings.last_mut() {
                Some(last) if last.at.0 == at => last.submissions += 1,
                _ if is_full => break,
                _ => openings.push(Opening { at: Time(at), submissions: 1 }),
            }
            given += 1;
        }
        for (window, each) in quota_use {
            let reserved = openings.iter().map(|opening| Reserved {
                from: opening.at.0,
                units: each.saturating_mul(opening.submissions),
                channel: demand.channel.clone(),
            });
            self.windows[*window].reserved.extend(reserved);
            self.capacities.remove(window);
        }
        self.free -= 1;
        let quotas = quota_use.iter().filter_map(|(window, each)| {
            let tally = self.ledger.quotas.get(*window)?;
            Some((tally.quota.name.clone(), each.saturating_mul(given)))
        });
        let price = demand.price_each.times(given);
        let grant = Grant {
            holder: demand.holder.clone(),
            units: quotas.collect(),
            submissions: Some(given),
            openings,
            price: (price != Money::ZERO).then_some(price),
            requests_per_second: self.ledger.pace(),
            channel: demand.channel.clone(),
            ..Grant::default()
        };
        self.space.take(&grant);
        grant
    }

    /// Whether no further grant can be opened.
    fn is_full(&self) -> bool {
        self.free <= 0 || !self.space.takes_another()
    }

    /// Keeps for a waiter what it waits for, and of its other limits what it needs to begin.
    fn keep(&mut self, quota_use: &QuotaUse, opens: &[(usize, Option<Timestamp>)], first: Option<Timestamp>) {
        let soon = self.soon();
        let lacks = |window: usize| {
            let at = opens.iter().find(|(place, _)| *place == window).and_then(|(_, at)| *at);
            at.is_none_or(|at| at > soon)
        };
        for (window, each) in quota_use {
            if lacks(*window) {
                self.wanted.insert(*window);
                continue;
            }
            let spent_by = plus(self.now, span(self.windows[*window].period).saturating_mul(2));
            let back = self.windows[*window].back(spent_by);
            if *each > 0 && first.is_none_or(|first| first < back) {
                let kept = Reserved { from: self.now, units: *each, channel: None };
                self.windows[*window].reserved.push(kept.clone());
                self.kept.push((*window, kept));
                self.capacities.remove(window);
            }
        }
    }

    /// The earliest moment at which time alone may let somebody begin: when what he needs opens, were he the first; or,
    /// if it is open and kept for another, when his turn may come by his having waited longer.
    fn next_wake(&mut self, queue: &WaitQueue<'_>, waiters: &[usize]) -> Option<Timestamp> {
        if self.is_full() {
            return None;
        }
        for (window, kept) in std::mem::take(&mut self.kept) {
            let reserved = &mut self.windows[window].reserved;
            if let Some(place) = reserved.iter().position(|reserved| *reserved == kept) {
                reserved.remove(place);
            }
            self.capacities.remove(&window);
        }
        let mut known: BTreeMap<&QuotaUse, Option<Timestamp>> = BTreeMap::new();
        let mut wakes = Vec::new();
        for place in waiters.iter().filter(|place| !queue.is_unsatisfiable(**place)) {
            let quota_use = queue.quota_use(*place);
            let opens = *known.entry(quota_use).or_insert_with(|| {
                let opens = self.opens(quota_use, 1);
                self.first_opening(&opens)
            });
            wakes.extend(opens.map(|at| match plus(at, -START_UP) {
                wake if wake > self.now => wake,
                _ => queue.rises_at(*place),
            }));
        }
        wakes.into_iter().filter(|wake| *wake > self.now).min()
    }
}

#[cfg(test)]
mod tests;
