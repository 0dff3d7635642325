//! What a step holds of its accounts: what it asks for, what it was begun with, and what that has cost.

use jiff::Timestamp;
use videofactory_crds::condition::{StepState, whole_seconds};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{CostStatus, Demand, SpentUnits, StepStatus, VideoJobStatus};

use super::step::Transitions;

/// Begun with, and what it has spent is not known.
pub(super) fn is_owed(demand: &Demand) -> bool {
    demand.granted.is_some() && demand.settled != Some(true)
}

/// Takes back what was asked for and not begun with: the account frees what it may have granted.
pub(super) fn withdraw(step: &mut StepStatus) {
    let asked = step.demands.len();
    step.demands.retain(|demand| demand.granted.is_some());
    let waited = step.state == Some(StepState::Waiting) && step.retry_at.is_none();
    if waited && step.demands.len() < asked {
        // It waited for its account's answer, and for nothing else.
        step.pending();
    }
}

/// What was granted to an attempt of which nobody knows any more how much it has spent counts as spent, now.
pub(super) fn write_off(step: &mut StepStatus, now: Timestamp) {
    count_as_spent(step, now, |_| true);
    withdraw(step);
}

/// Writes off what the attempts of a job that is being deleted have spent and never reported, and takes back what it asks
/// for: while its files wait for their bucket, others shall have it.
pub(in crate::videojob) fn write_off_all(status: &mut VideoJobStatus, now: Timestamp) {
    status.steps.iter_mut().for_each(|step| write_off(step, now));
}

/// Settles the demands that are meant, of which nobody knows what was spent: all of it, now.
pub(super) fn count_as_spent(step: &mut StepStatus, now: Timestamp, is_meant: impl Fn(&Demand) -> bool) {
    let mut cost = Money::ZERO;
    for demand in step.demands.iter_mut().filter(|demand| is_owed(demand) && is_meant(demand)) {
        let granted = demand.granted.unwrap_or_default();
        let price = demand.price_each.map(|each| each.times(granted));
        demand.spent = vec![SpentUnits {
            at: whole_seconds(now),
            submissions: granted,
            seconds: demand.seconds_each.map(|each| each * granted),
            cost: price,
        }];
        demand.settled = Some(true);
        cost = cost.plus(price.unwrap_or_default());
    }
    add_cost(step, cost);
}

/// Of an attempt that never was nothing is spent: its accounts have all back that they granted to it, once they have seen
/// it. Whether there was anything.
pub(super) fn give_back(step: &mut StepStatus) -> bool {
    let attempt = step.attempt;
    let mine = |demand: &&mut Demand| is_owed(demand) && demand.attempt == attempt;
    step.demands.iter_mut().filter(mine).map(|demand| demand.settled = Some(true)).count() > 0
}

/// Drops the demands that are settled and recorded; since when the step has been asking.
pub(super) fn forget_recorded(step: &mut StepStatus) -> Option<Timestamp> {
    let since = step.demands.iter().filter_map(|demand| demand.since.as_ref().map(|since| since.0)).min();
    step.demands.retain(|demand| demand.settled != Some(true));
    since
}

/// Adds what an attempt of this run has cost.
pub(super) fn add_cost(step: &mut StepStatus, cost: Money) {
    if cost != Money::ZERO {
        step.cost = Some(step.cost.unwrap_or_default().plus(cost));
    }
}

/// What the attempts of this run have cost, as far as it was reported or written off.
pub(super) fn paid(status: &VideoJobStatus) -> Money {
    status.steps.iter().filter_map(|step| step.cost).sum()
}

/// What is kept of the cost when a new run begins: what was paid.
pub(super) fn of_earlier_runs(status: &VideoJobStatus) -> Option<CostStatus> {
    let before = status.cost.as_ref().and_then(|cost| cost.earlier_runs).unwrap_or_default();
    let paid = before.plus(paid(status));
    (paid != Money::ZERO).then(|| CostStatus { earlier_runs: Some(paid), ..CostStatus::default() })
}
