//! What an account knows of a step's attempt: what is asked of it, what it has granted, and what it has recorded.

use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::videojob::Demand;

use super::super::model::Account;
use super::draft::Draft;
use crate::provideraccount::{self as quota, claims, is_unopened};

/// What a step asks of an account.
pub(super) fn asked(draft: &Draft<'_>, name: StepName, account: &str) -> Option<quota::Demand> {
    let claims = claims(&draft.observed.job, account);
    Some(claims.into_iter().find(|claim| claim.demand.holder.step == Some(name))?.demand)
}

/// What an account has granted for a demand.
pub(super) fn grant_for<'a>(draft: &'a Draft<'_>, name: StepName, demand: &Demand) -> Option<&'a Grant> {
    let Some(Account::External(account)) = draft.observed.accounts.get(&demand.account) else { return None };
    let uid = draft.observed.job.metadata.uid.as_deref().unwrap_or_default();
    account.status.grants.iter().find(|grant| {
        let holder = &grant.holder;
        holder.uid == uid && holder.step == Some(name) && holder.attempt == demand.attempt
    })
}

/// An account that has not recorded yet what this step has spent: it still lists the grant, or was made again after another
/// had given it, and has not looked yet.
pub(super) fn unrecorded(draft: &Draft<'_>, name: StepName) -> Option<String> {
    let step = draft.step(name)?;
    step.demands
        .iter()
        .filter(|demand| demand.settled == Some(true))
        .find(|demand| grant_for(draft, name, demand).is_some() || has_no_ledger(draft, &demand.account))
        .map(|demand| demand.account.clone())
}

/// Whether the account has no ledger yet.
fn has_no_ledger(draft: &Draft<'_>, account: &str) -> bool {
    let account = draft.observed.accounts.get(account);
    matches!(account, Some(Account::External(account)) if is_unopened(&account.status))
}
