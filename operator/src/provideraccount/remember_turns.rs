//! Who had a turn is remembered, and forgotten again. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::calendar::{plus, whole};
use super::demand::Demand;
use super::grant::GrantBatch;
use super::last_turns::{Group, last_turn};
use super::ledger::Ledger;
use super::object_size;
use super::openings::last_opening;

/// Most groups that are remembered; of more, those whose turn was longest ago are forgotten.
const MAX_TURNS: usize = 200;
/// Least seconds for which a group is remembered that does not wait: a film between two attempts waits again soon.
const REMEMBERED_FOR: i64 = 3_600;

impl Ledger {
    /// Remembers who had a turn; forgets who does not wait and had his a good while ago.
    pub fn remember(&mut self, batch: &GrantBatch, demands: &[Demand], now: Timestamp) {
        for (grant, place) in batch.grants.iter().zip(&batch.granted) {
            let last = whole(last_opening(grant, now));
            let at = self.turns.entry(Group::of(&demands[*place])).or_insert(last);
            *at = last.max(*at);
        }
        let waiting: BTreeSet<Group> =
            batch.waiters.iter().map(|place| Group::of(&demands[*place])).collect();
        let periods = self.quotas.iter().map(|tally| tally.window.period);
        let long_ago = plus(now, -periods.max().unwrap_or_default().max(REMEMBERED_FOR));
        self.turns.retain(|group, at| *at > long_ago || waiting.contains(group));
        let mut turns: Vec<_> = std::mem::take(&mut self.turns).into_iter().collect();
        turns.sort_by(|(group, at), (other, other_at)| other_at.cmp(at).then_with(|| group.cmp(other)));
        turns.truncate(MAX_TURNS);
        let kept =
            object_size::first(turns.iter().map(|(group, at)| last_turn(group, *at)), object_size::TURNS)
                .len();
        self.turns = turns.into_iter().take(kept).collect();
    }
}
