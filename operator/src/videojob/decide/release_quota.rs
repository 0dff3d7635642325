//! What goes back to the accounts once it is known how all steps stand: what was asked for and not begun with, what nobody can
//! account for, and what is recorded.

use videofactory_crds::StepName;
use videofactory_crds::condition::{StepState, VideoJobReason};
use videofactory_crds::units::Money;
use videofactory_crds::videojob::{Demand, StepStatus};

use super::super::model::Account;
use super::demands::{count_as_spent, paid, withdraw};
use super::draft::Draft;
use super::grants::grant_for;
use crate::provideraccount::is_unopened;

/// A step that is not at work, and has not asked for anything in this look, holds nothing of an account: neither a grant
/// that it has not begun with, nor one that it has, unless it looks after that itself at a time that is set. An account
/// that is gone holds nothing for it.
pub(super) fn release(draft: &mut Draft<'_>) {
    let (now, wake_at, asking) = (draft.now, draft.wake_at, std::mem::take(&mut draft.asking));
    let accounts = &draft.observed.accounts;
    let is_there = |demand: &Demand| matches!(accounts.get(&demand.account), Some(Account::External(_)));
    for step in &mut draft.status.steps {
        if step.state == Some(StepState::Running) || asking.contains(&step.name) {
            continue;
        }
        let retry_at = step.retry_at.as_ref().map(|at| at.0).filter(|at| *at > now);
        if retry_at.is_none_or(|at| wake_at.is_none_or(|wake| wake > at)) {
            count_as_spent(step, now, is_there);
        }
        withdraw(step);
    }
}

/// Writes down what the run has cost.
pub(super) fn report_paid(draft: &mut Draft<'_>) {
    let paid = paid(&draft.status);
    if paid != Money::ZERO {
        draft.status.cost.get_or_insert_default().actual = Some(paid);
    }
}

/// Drops what is recorded of the steps that ask for nothing more: from then on they cost their accounts nothing. Since when
/// the others have been asking is kept with what they asked for.
pub(super) fn drop_recorded(draft: &mut Draft<'_>) {
    let done = |step: &&StepStatus| {
        matches!(step.state, Some(StepState::Succeeded | StepState::Failed | StepState::Skipped))
            || step.reason == Some(VideoJobReason::PreviewReady)
    };
    let names: Vec<StepName> = draft.status.steps.iter().filter(done).map(|step| step.name).collect();
    for name in names {
        let mut demands = std::mem::take(&mut draft.step_mut(name).demands);
        demands.retain(|demand| demand.settled != Some(true) || !is_recorded(draft, name, demand));
        draft.step_mut(name).demands = demands;
    }
}

/// Whether the account exists, has a ledger, and has closed the grant.
fn is_recorded(draft: &Draft<'_>, name: StepName, demand: &Demand) -> bool {
    let account = draft.observed.accounts.get(&demand.account);
    matches!(account, Some(Account::External(account)) if !is_unopened(&account.status))
        && grant_for(draft, name, demand).is_none()
}
