//! When each group was granted something last, which decides who has waited for long. Pure.
//!
//! The windows forget what was spent as soon as it is free again. Who waits for several windows, because there are more
//! channels than units or others have priority, is distinguished only by what is remembered here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::LastTurn;

use super::calendar::plus;
use super::demand::Demand;
use super::openings::{SPAN, START_UP};

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
pub type LastTurns = BTreeMap<Group, Timestamp>;

/// As the status has them. A time that a clock which was put back has left in the future holds nobody back.
#[must_use]
pub fn read(turns: &[LastTurn], now: Timestamp) -> LastTurns {
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
pub fn status(turns: &LastTurns) -> Vec<LastTurn> {
    turns.iter().map(|(group, at)| last_turn(group, *at)).collect()
}

/// A group's turn, as the status says it.
#[must_use]
pub fn last_turn(group: &Group, at: Timestamp) -> LastTurn {
    LastTurn {
        channel: group.channel.clone(),
        step: group.step,
        model: (!group.model.is_empty()).then(|| group.model.clone()),
        priority: (group.priority != 0).then_some(group.priority),
        at: Time(at),
    }
}
