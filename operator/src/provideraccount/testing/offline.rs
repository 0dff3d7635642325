//! A reconcile of an account without a cluster, for tests: with the caches and the live objects that a test has.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::{ProviderAccount, VideoJob};

use super::super::decide::{Decision, decide};
use super::super::demand::{Claim, ClaimState, claims, holder_state};
use super::super::holders::Holders;
use super::super::model::{Credentials, Health, Observed};

/// What the controller decides.
#[must_use]
pub fn reconcile(
    account: &ProviderAccount,
    cached: &[&VideoJob],
    live: &[&VideoJob],
    now: Timestamp,
) -> Decision {
    let of = account.name_any();
    let all = cached.iter().flat_map(|job| claims(job, &of));
    let is_settled = |claim: &Claim| matches!(claim.state, ClaimState::Settled(_));
    let (settled, open): (Vec<Claim>, Vec<Claim>) = all.partition(is_settled);
    let (mut holders, doubts) = Holders::of_caches(account, open, &settled, |grant| {
        holder_state(grant, by_name(cached, grant.holder.name.as_deref().unwrap_or_default()), &of)
    });
    for (name, pending) in doubts {
        holders.add(pending.resolve(by_name(live, &name), account));
    }
    let observed = Observed {
        account: account.clone(),
        holders,
        credentials: Credentials::Here,
        duplicate: None,
        health: Health::Unasked,
    };
    decide(&observed, now)
}

fn by_name<'a>(jobs: &[&'a VideoJob], name: &str) -> Option<&'a VideoJob> {
    jobs.iter().find(|job| job.name_any() == name).copied()
}
