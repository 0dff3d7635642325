//! What goes back to the accounts: what was asked for and not begun with, what nobody can account for, and what is booked.

use jiff::Timestamp;
use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, whole_seconds};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{Demand, SpentUnits, StepStatus, VideoJobStatus};

use super::super::model::Account;
use super::draft::Draft;
use super::hire::grant_for;
use super::step::Transitions;
use crate::provideraccount::is_unopened;

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

/// A step that is not at work, and has not asked for anything in this look, holds nothing of an account: neither a grant
/// that it has not begun with, nor one that it has, unless it looks after that itself at a time that is set. An account
/// that is gone holds nothing for it.
pub(super) fn release(draft: &mut Draft<'_>) {
    let (now, wake_at, asking) = (draft.now, draft.wake_at, std::mem::take(&mut draft.asking));
    let accounts = &draft.observed.accounts;
    let is_there = |demand: &Demand| matches!(accounts.get(&demand.account), Some(Account::Hired(_)));
    for step in &mut draft.status.steps {
        if step.state == Some(StepState::Running) || asking.contains(&step.name) {
            continue;
        }
        let retry_at = step.retry_at.as_ref().map(|at| at.0).filter(|at| *at > now);
        if retry_at.is_none_or(|at| wake_at.is_none_or(|wake| wake > at)) {
            settle_as_spent(step, now, is_there);
        }
        withdraw(step);
    }
}

/// What was granted to an attempt of which nobody can tell any more how much it has spent counts as spent, now.
pub(super) fn write_off(step: &mut StepStatus, now: Timestamp) {
    settle_as_spent(step, now, |_| true);
    withdraw(step);
}

fn settle_as_spent(step: &mut StepStatus, now: Timestamp, is_meant: impl Fn(&Demand) -> bool) {
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

/// Books what an attempt of this run has cost.
pub(super) fn add_cost(step: &mut StepStatus, cost: Money) {
    if cost != Money::ZERO {
        step.cost = Some(step.cost.unwrap_or_default().plus(cost));
    }
}

/// What the attempts of this run have cost, as far as it was told or written off.
pub(super) fn paid(status: &VideoJobStatus) -> Money {
    status.steps.iter().filter_map(|step| step.cost).sum()
}

/// Tells what the run has cost.
pub(super) fn tell_paid(draft: &mut Draft<'_>) {
    let paid = paid(&draft.status);
    if paid != Money::ZERO {
        draft.status.cost.get_or_insert_default().actual = Some(paid);
    }
}

/// Of an attempt that never was nothing is spent: its accounts have all back that they granted to it, once they have seen
/// it. Whether there was anything.
pub(super) fn give_back(step: &mut StepStatus) -> bool {
    let attempt = step.attempt;
    let mine = |demand: &&mut Demand| is_owed(demand) && demand.attempt == attempt;
    step.demands.iter_mut().filter(mine).map(|demand| demand.settled = Some(true)).count() > 0
}

/// Whether what a step holds of its accounts is held by an attempt of an earlier run: a restart takes the digest from what
/// is at work, and whatever asks or begins in the new run has one of its own.
pub(super) const fn is_of_earlier_run(step: &StepStatus) -> bool {
    step.input_digest.is_none()
}

/// Begun with, and what it has spent is not known.
pub(super) fn is_owed(demand: &Demand) -> bool {
    demand.granted.is_some() && demand.settled != Some(true)
}

/// Drops what is booked of the steps that ask for nothing more: from then on they cost their accounts nothing. Since when
/// the others have been asking is kept with what they asked for.
pub(super) fn drop_booked(draft: &mut Draft<'_>) {
    let done = |step: &&StepStatus| {
        matches!(step.state, Some(StepState::Succeeded | StepState::Failed | StepState::Skipped))
    };
    let names: Vec<StepName> = draft.status.steps.iter().filter(done).map(|step| step.name).collect();
    for name in names {
        let mut demands = std::mem::take(&mut draft.step_mut(name).demands);
        demands.retain(|demand| demand.settled != Some(true) || !is_booked(draft, name, demand));
        draft.step_mut(name).demands = demands;
    }
}

/// Whether the account is there, has opened its books, and has closed the grant.
fn is_booked(draft: &Draft<'_>, name: StepName, demand: &Demand) -> bool {
    let account = draft.observed.accounts.get(&demand.account);
    matches!(account, Some(Account::Hired(account)) if !is_unopened(&account.status))
        && grant_for(draft, name, demand).is_none()
}

/// Drops the demands that are settled and booked; since when the step has been asking.
pub(super) fn forget_booked(step: &mut StepStatus) -> Option<Timestamp> {
    let since = step.demands.iter().filter_map(|demand| demand.since.as_ref().map(|since| since.0)).min();
    step.demands.retain(|demand| demand.settled != Some(true));
    since
}
