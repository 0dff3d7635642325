//! The wait queue: who is granted something first. Pure.
//!
//! A group is the films of one channel that ask for the same work with the same priority. What rises is a group that
//! gets nothing: its priority, by one for each window since its last turn, or since its oldest film has asked. So many
//! films of one channel that wait together are no claim that grows, as long as some of them are served, and a film of
//! low priority behind a stream of its own channel's is raised in time.
//!
//! Between groups: by priority, so raised; then the channel with the smallest part of the current window, spent and
//! reserved; then whose turn was longest ago. Within a group: the film that has waited longest for each scene that it
//! has left, so that short films are quick and long ones get their turn.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use videofactory_crds::provideraccount::Grant;

use super::calendar::plus;
use super::demand::Demand;
use super::last_turns::Group;
use super::ledger::{Ledger, QuotaUse, quota_use};
use super::openings::{last_opening, span};
use super::window::Window;

/// Seconds after which a group's priority rises where no quota has a period.
const AGING_PERIOD: i64 = 3_600;
/// Windows that a film waits, within its group, before its wait alone counts.
const STARVATION_PERIODS: i64 = 8;
/// A whole window, as a channel's part of it; a second, as a film's wait for a scene.
const WHOLE: i128 = 1_000_000_000;

/// The demands that wait, in order. The order changes with each grant.
pub struct WaitQueue<'a> {
    demands: &'a [Demand],
    now: Timestamp,
    /// Of each demand that waits, by its place.
    facts: BTreeMap<usize, Facts>,
    kinds: Vec<Kind>,
    known: BTreeMap<QuotaUse, usize>,
    groups: Vec<WaitingGroup<'a>>,
    channels: Vec<Channel>,
    /// Limits of the windows; the money has no channels.
    limits: Vec<i64>,
    /// The groups in which somebody waits, in order.
    front: BTreeSet<(Rank<'a>, usize)>,
}

/// What is known of a demand.
#[derive(Clone, Copy)]
struct Facts {
    kind: usize,
    group: usize,
    unsatisfiable: bool,
}

/// Demands that take the same of the same limits.
struct Kind {
    quota_use: QuotaUse,
    /// The longest period of these limits.
    period: i64,
}

/// A group of demands that waits.
struct WaitingGroup<'a> {
    channel: usize,
    priority: i64,
    /// Places of demands, the first at the front.
    queue: VecDeque<usize>,
    /// Since when it gets nothing.
    since: Timestamp,
    /// Seconds after which its priority rises.
    rises_after: i64,
    /// Where it stands in front.
    rank: Option<Rank<'a>>,
}

/// What a channel has.
struct Channel {
    /// Units, by window.
    used: Vec<i64>,
    /// Open grants.
    open: i64,
    groups: Vec<usize>,
}

/// Priority; part of the window; open grants; since when it gets nothing; and of its first film: scenes left, age, name.
type Rank<'a> = (Reverse<i64>, i128, i64, Timestamp, i64, Timestamp, &'a str, Option<i32>);

impl<'a> WaitQueue<'a> {
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
        let mut queue = Self {
            demands,
            now,
            facts: BTreeMap::new(),
            kinds: Vec::new(),
            known: BTreeMap::new(),
            groups: Vec::new(),
            channels: Vec::new(),
            limits: quotas.iter().map(|window| window.limit).collect(),
            front: BTreeSet::new(),
        };
        let mut channels: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let mut groups: BTreeMap<Group, usize> = BTreeMap::new();
        for place in asking {
            let demand = &demands[place];
            let channel = match channels.get(&demand.channel.as_deref()) {
                Some(known) => *known,
                None => queue.new_channel(demand, quotas.len(), &mut channels),
            };
            let next = queue.groups.len();
            let group = *groups.entry(Group::of(demand)).or_insert(next);
            if group == next {
                queue.new_group(channel, demand);
            }
            queue.join(group, place, ledger, quotas);
        }
        queue.count(ledger, quotas, &channels);
        for (group, index) in groups {
            queue.groups[index].rests(ledger.turns.get(&group).copied());
            queue.sort(index);
            queue.rank(index);
        }
        queue
    }

    fn new_channel(
        &mut self,
        demand: &'a Demand,
        windows: usize,
        channels: &mut BTreeMap<Option<&'a str>, usize>,
    ) -> usize {
        let index = self.channels.len();
        channels.insert(demand.channel.as_deref(), index);
        self.channels.push(Channel { used: vec![0; windows], open: 0, groups: Vec::new() });
        index
    }

    fn new_group(&mut self, channel: usize, demand: &Demand) {
        self.channels[channel].groups.push(self.groups.len());
        self.groups.push(WaitingGroup {
            channel,
            priority: i64::from(demand.priority),
            queue: VecDeque::new(),
            since: demand.since,
            rises_after: 1,
            rank: None,
        });
    }

    fn join(&mut self, group: usize, place: usize, ledger: &Ledger, quotas: &[Window]) {
        let demand = &self.demands[place];
        let kind = self.kind(ledger, quotas, demand);
        let waiting = &mut self.groups[group];
        waiting.queue.push_back(place);
        waiting.since = waiting.since.min(demand.since);
        waiting.rises_after = waiting.rises_after.max(self.kinds[kind].period);
        self.facts
            .insert(place, Facts { kind, group, unsatisfiable: ledger.why_unsatisfiable(demand).is_some() });
    }

    fn kind(&mut self, ledger: &Ledger, quotas: &[Window], demand: &Demand) -> usize {
        let quota_use = quota_use(ledger, demand);
        if let Some(known) = self.known.get(&quota_use) {
            return *known;
        }
        let periods =
            quota_use.iter().filter_map(|(window, _)| quotas.get(*window)).map(|window| window.period);
        let period = periods.max().unwrap_or(AGING_PERIOD).max(1);
        self.known.insert(quota_use.clone(), self.kinds.len());
        self.kinds.push(Kind { quota_use, period });
        self.kinds.len() - 1
    }

    /// What each channel that waits has of each window now.
    fn count(&mut self, ledger: &Ledger, quotas: &[Window], channels: &BTreeMap<Option<&str>, usize>) {
        let index = |channel: &Option<String>| channels.get(&channel.as_deref()).copied();
        for (place, window) in quotas.iter().enumerate() {
            let spent = window.in_force(self.now).map(|entry| (&entry.channel, entry.units));
            let reserved = window.reserved.iter().map(|reserved| (&reserved.channel, reserved.units));
            for (channel, units) in spent.chain(reserved) {
                if let Some(channel) = index(channel) {
                    let used = &mut self.channels[channel].used[place];
                    *used = used.saturating_add(units);
                }
            }
        }
        for channel in ledger.grants.iter().filter_map(|grant| index(&grant.channel)) {
            self.channels[channel].open += 1;
        }
    }

    /// Within a group: who has waited longest for each scene that is left. Where more comes than can be served that
    /// alone would leave long films behind for ever: who has waited for very long goes before all who have not.
    fn sort(&mut self, group: usize) {
        let mut queue = std::mem::take(&mut self.groups[group].queue);
        let very_long = self.groups[group].rises_after.saturating_mul(STARVATION_PERIODS).max(1);
        queue.make_contiguous().sort_by_cached_key(|place| {
            let demand = &self.demands[*place];
            let waited = self.now.duration_since(demand.since).as_secs().max(0);
            let each = (i128::from(waited) + 1) * WHOLE / i128::from(demand.left.max(1));
            let holder = &demand.holder;
            (
                Reverse(waited / very_long),
                Reverse(each),
                demand.left,
                demand.created,
                &holder.uid,
                holder.attempt,
            )
        });
        self.groups[group].queue = queue;
    }

    /// Puts a group in its place in front.
    fn rank(&mut self, group: usize) {
        let waiting = &self.groups[group];
        let rank = waiting.queue.front().map(|place| {
            let (demand, channel) = (&self.demands[*place], &self.channels[waiting.channel]);
            let part = |window: usize| {
                let used = i128::from(*channel.used.get(window)?);
                Some(used * WHOLE / i128::from(self.limits[window].max(1)))
            };
            // Of several windows the one of which the channel has most.
            let part = self.quota_use(*place).iter().filter_map(|(window, _)| part(*window)).max();
            let (raised, holder) = (waiting.priority.saturating_add(waiting.risen(self.now)), &demand.holder);
            (
                Reverse(raised),
                part.unwrap_or_default(),
                channel.open,
                waiting.since,
                demand.left,
                demand.created,
                holder.uid.as_str(),
                holder.attempt,
            )
        });
        if let Some(before) = self.groups[group].rank.take() {
            self.front.remove(&(before, group));
        }
        self.front.extend(rank.map(|rank| (rank, group)));
        self.groups[group].rank = rank;
    }

    /// The next in order.
    pub fn next(&mut self) -> Option<usize> {
        let (_, group) = *self.front.first()?;
        let place = self.groups[group].queue.pop_front();
        self.rank(group);
        place
    }

    /// What a demand takes.
    #[must_use]
    pub fn quota_use(&self, place: usize) -> &QuotaUse {
        &self.kinds[self.facts[&place].kind].quota_use
    }

    /// When the priority of a demand's group rises next.
    #[must_use]
    pub fn rises_at(&self, place: usize) -> Timestamp {
        let waiting = &self.groups[self.facts[&place].group];
        let next = waiting.risen(self.now).saturating_add(1);
        plus(waiting.since, next.saturating_mul(waiting.rises_after))
    }

    /// Whether a demand can never be met.
    #[must_use]
    pub fn is_unsatisfiable(&self, place: usize) -> bool {
        self.facts[&place].unsatisfiable
    }

    /// A demand was met: its channel has more, and its group has had a turn.
    pub fn served(&mut self, place: usize, grant: &Grant) {
        let Facts { kind, group, .. } = self.facts[&place];
        let waiting = &mut self.groups[group];
        waiting.rests(Some(last_opening(grant, self.now)));
        let channel = &mut self.channels[waiting.channel];
        for (window, each) in &self.kinds[kind].quota_use {
            if let Some(used) = channel.used.get_mut(*window) {
                let units = each.saturating_mul(grant.submissions.unwrap_or_default());
                *used = used.saturating_add(units);
            }
        }
        channel.open += 1;
        for group in channel.groups.clone() {
            self.rank(group);
        }
    }
}

impl WaitingGroup<'_> {
    /// The group has had a turn: what that gives is spent by the end of its span.
    fn rests(&mut self, turn: Option<Timestamp>) {
        let over = turn.map(|turn| plus(turn, span(self.rises_after)));
        self.since = over.map_or(self.since, |over| over.max(self.since));
    }

    /// Windows in which the group got nothing.
    fn risen(&self, now: Timestamp) -> i64 {
        now.duration_since(self.since).as_secs().max(0) / self.rises_after
    }
}
