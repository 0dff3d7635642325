//! Whose turn was when: what decides who has waited for long. Pure.
//!
//! The windows forget what was spent as soon as it is free again. Who waits for several windows, because there are more
//! channels than units or others have priority, is told apart only by what is remembered here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::LastTurn;

use super::demand::Demand;
use super::grant::{SPAN, START_UP, Turn, last_opening};
use super::ledger::Ledger;
use super::room;
use super::window::{plus, whole};

/// Most groups that are remembered; of more, those whose turn was longest ago are forgotten.
const MOST_TURNS: usize = 200;
/// Least seconds for which a group is remembered that does not wait: a film between two attempts waits again soon.
const REMEMBERED_FOR: i64 = 3_600;

/// The films of one channel that ask for the same work with the same priority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    channel: Option<String>,
    step: Option<StepName>,
    model: String,
    priority: i32,
}

impl Group {
    /// The group of a demand.
    #[must_use]
    pub fn of(demand: &Demand) -> Self {
        Self {
            channel: demand.channel.clone(),
            step: demand.holder.step,
            model: demand.model.clone(),
            priority: demand.priority,
        }
    }
}

/// When each group had its last turn.
pub type Turns = BTreeMap<Group, Timestamp>;

/// As the status has them. A time that a clock which was put back has left in the future holds nobody back.
#[must_use]
pub fn read(turns: &[LastTurn], now: Timestamp) -> Turns {
    let latest = plus(now, SPAN.0 + START_UP);
    let turns = turns.iter().map(|turn| {
        let group = Group {
            channel: turn.channel.clone(),
            step: turn.step,
            model: turn.model.clone().unwrap_or_default(),
            priority: turn.priority.unwrap_or_default(),
        };
        (group, turn.at.0.min(latest))
    });
    turns.collect()
}

/// As the status says them.
#[must_use]
pub fn status(turns: &Turns) -> Vec<LastTurn> {
    turns.iter().map(|(group, at)| last_turn(group, *at)).collect()
}

fn last_turn(group: &Group, at: Timestamp) -> LastTurn {
    LastTurn {
        channel: group.channel.clone(),
        step: group.step,
        model: (!group.model.is_empty()).then(|| group.model.clone()),
        priority: (group.priority != 0).then_some(group.priority),
        at: Time(at),
    }
}

impl Ledger {
    /// Remembers who had a turn; forgets who does not wait and had his a good while ago.
    pub fn remember(&mut self, turn: &Turn, demands: &[Demand], now: Timestamp) {
        for (grant, place) in turn.grants.iter().zip(&turn.granted) {
            let last = whole(last_opening(grant, now));
            let at = self.turns.entry(Group::of(&demands[*place])).or_insert(last);
            *at = last.max(*at);
        }
        let waiting: BTreeSet<Group> = turn.waiters.iter().map(|place| Group::of(&demands[*place])).collect();
        let periods = self.quotas.iter().map(|tally| tally.window.period);
        let long_ago = plus(now, -periods.max().unwrap_or_default().max(REMEMBERED_FOR));
        self.turns.retain(|group, at| *at > long_ago || waiting.contains(group));
        let mut turns: Vec<_> = std::mem::take(&mut self.turns).into_iter().collect();
        turns.sort_by(|(group, at), (other, other_at)| other_at.cmp(at).then_with(|| group.cmp(other)));
        turns.truncate(MOST_TURNS);
        let kept = room::first(turns.iter().map(|(group, at)| last_turn(group, *at)), room::TURNS).len();
        self.turns = turns.into_iter().take(kept).collect();
    }
}
