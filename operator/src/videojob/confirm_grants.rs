//! The last look before an attempt that is paid for begins: its status says by now that it begins with these grants, and
//! its accounts are asked once more, live, whether they are still its own. `provideraccount::closing` says why.

use kube::ResourceExt;
use videofactory_crds::provideraccount::Holder;
use videofactory_crds::videojob::Demand;
use videofactory_crds::{ProviderAccount, VideoJob};

use super::model::StartStep;
use super::writes::{ApplyError, path};
use crate::context::Context;
use crate::provideraccount::{GrantCheck, check_grant};

/// Whether every grant that the attempt was begun with is there and is not about to be closed.
pub(super) async fn confirm(
    context: &Context,
    owner: &VideoJob,
    start: &StartStep,
) -> Result<(), ApplyError> {
    for demand in &start.begun_with {
        let namespace = owner.namespace().unwrap_or_default();
        let account = context.live_accounts.get_opt(&namespace, &demand.account).await?;
        if !account.is_some_and(|account| is_open(&account, start, demand)) {
            return Err(ApplyError::AwaitGrant(path(owner, &demand.account)));
        }
    }
    Ok(())
}

/// Whether the account, by this look, still has for the attempt what it is begun with.
pub(super) fn is_open(account: &ProviderAccount, start: &StartStep, demand: &Demand) -> bool {
    let holder = Holder {
        uid: start.input.job.uid.clone(),
        step: Some(start.input.step),
        attempt: demand.attempt,
        ..Holder::default()
    };
    let uid = account.uid().unwrap_or_default();
    let status = account.status.clone().unwrap_or_default();
    matches!(check_grant(&uid, &status, &holder, demand.grant.as_deref()), GrantCheck::Open(_))
}
