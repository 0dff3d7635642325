//! One look of an account's controller without a cluster, for tests: the same pure functions in the same order, with the
//! caches and the live objects that a test has.

use jiff::Timestamp;
use kube::ResourceExt;
use videofactory_crds::provideraccount::Grant;
use videofactory_crds::{ProviderAccount, VideoJob};

use super::closing::{is_begun_elsewhere, needs_a_look};
use super::conditions::Credentials;
use super::decide::{Decision, Health, Observed, decide};
use super::demand::{Claim, Standing, claims, same_attempt, standing};

/// A look under way: what the caches have shown.
#[derive(Clone, Debug)]
pub struct Look {
    /// The account, as it was read.
    pub account: ProviderAccount,
    claims: Vec<Claim>,
    cached: Vec<(Grant, Standing)>,
    looks: Vec<Grant>,
}

impl Look {
    /// Reads the caches.
    #[must_use]
    pub fn begin(account: &ProviderAccount, cached: &[&VideoJob]) -> Self {
        let name = account.name_any();
        let all = cached.iter().flat_map(|job| claims(job, &name)).collect();
        let (mut known, mut looks) = (Vec::new(), Vec::new());
        for grant in account.status.iter().flat_map(|status| &status.grants) {
            let standing = standing(grant, of(cached, &grant.holder.uid), &name);
            if needs_a_look(grant, &standing) {
                looks.push(grant.clone());
            } else {
                known.push((grant.clone(), standing));
            }
        }
        Self { account: account.clone(), claims: all, cached: known, looks }
    }

    /// Reads the holders live, and decides.
    #[must_use]
    pub fn end(self, live: &[&VideoJob], now: Timestamp) -> Decision {
        let name = self.account.name_any();
        let standings = self.looks.into_iter().map(|grant| {
            let standing = standing(&grant, of(live, &grant.holder.uid), &name);
            (grant, standing)
        });
        let begun = self.claims.iter().filter(|claim| is_begun_elsewhere(&self.account, claim));
        let still = |claim: &Claim| {
            let all = claims(of(live, &claim.demand.holder.uid)?, &name);
            all.into_iter().find(|live| {
                same_attempt(&live.demand.holder, &claim.demand.holder)
                    && is_begun_elsewhere(&self.account, live)
            })
        };
        let observed = Observed {
            standings: standings.collect(),
            unknown: begun.filter_map(still).collect(),
            cached: self.cached,
            claims: self.claims,
            credentials: Credentials::Here,
            twin: None,
            health: Health::Unasked,
            account: self.account,
        };
        decide(&observed, now)
    }
}

fn of<'a>(jobs: &[&'a VideoJob], uid: &str) -> Option<&'a VideoJob> {
    jobs.iter().find(|job| job.metadata.uid.as_deref() == Some(uid)).copied()
}
