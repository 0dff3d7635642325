//! Who asks an account, and what has become of those who hold its grants: what the caches show of them, whom of them to
//! read live before that is believed, and what follows. Pure.

use std::collections::BTreeMap;

use kube::ResourceExt;
use videofactory_crds::provideraccount::{Grant, Holder};
use videofactory_crds::{ProviderAccount, VideoJob};

use super::closing::{is_begun_elsewhere, needs_a_look};
use super::demand::{Claim, Standing, claims, same_attempt, standing};

/// What a decision knows of them.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// What the `VideoJob`s of the namespace say of the account, as the cache shows them.
    pub claims: Vec<Claim>,
    /// What has become of the holders of grants, by a live read.
    pub standings: Vec<(Grant, Standing)>,
    /// How the holders of the other grants stand, as the cache shows them.
    pub cached: Vec<(Grant, Standing)>,
    /// Attempts that were begun with grants of which the ledger knows nothing, by a live read; of an account whose books
    /// were never opened, also those that have ended.
    pub unknown: Vec<Claim>,
}

impl Holders {
    /// What the caches show, and what is still to be read live, by the name of the `VideoJob`. A cache is not believed where
    /// it shows neither that a holder has begun nor that it still may, wherever a grant is closing, and of attempts of which
    /// the ledger knows nothing. Those that have ended are among these only as long as the ledger was never written: an
    /// account of the same name may have been deleted before it had booked them, and their holders wait until this one has.
    #[must_use]
    pub fn of_caches(
        account: &ProviderAccount,
        open: Vec<Claim>,
        settled: &[Claim],
        cached: impl Fn(&Grant) -> Standing,
    ) -> (Self, BTreeMap<String, Doubt>) {
        let (mut known, mut doubts) = (Vec::new(), BTreeMap::<String, Doubt>::new());
        for grant in account.status.iter().flat_map(|status| &status.grants) {
            let standing = cached(grant);
            if needs_a_look(grant, &standing) {
                doubts.entry(name(&grant.holder)).or_default().grants.push(grant.clone());
            } else {
                known.push((grant.clone(), standing));
            }
        }
        for claim in open.iter().chain(settled).filter(|claim| is_begun_elsewhere(account, claim)) {
            let holder = &claim.demand.holder;
            doubts.entry(name(holder)).or_default().attempts.push(holder.clone());
        }
        (Self { claims: open, cached: known, ..Self::default() }, doubts)
    }

    /// Takes over what a live read has shown.
    pub fn add(&mut self, read: Read) {
        self.standings.extend(read.standings);
        self.unknown.extend(read.unknown);
    }
}

fn name(holder: &Holder) -> String {
    holder.name.clone().unwrap_or_default()
}

/// What only a live read of one `VideoJob` can tell.
#[derive(Clone, Debug, Default)]
pub struct Doubt {
    grants: Vec<Grant>,
    attempts: Vec<Holder>,
}

/// What a live read of one `VideoJob` has told.
#[derive(Clone, Debug)]
pub struct Read {
    standings: Vec<(Grant, Standing)>,
    unknown: Vec<Claim>,
}

impl Doubt {
    /// What this job, as the API server has it, tells; none if there is none of its name.
    #[must_use]
    pub fn resolve(self, job: Option<&VideoJob>, account: &ProviderAccount) -> Read {
        let of = account.name_any();
        let standings = self.grants.into_iter().map(|grant| {
            let standing = standing(&grant, job, &of);
            (grant, standing)
        });
        let said = job.map(|job| claims(job, &of)).unwrap_or_default();
        let still = |claim: &Claim| {
            let is = |holder: &Holder| same_attempt(&claim.demand.holder, holder);
            self.attempts.iter().any(is) && is_begun_elsewhere(account, claim)
        };
        Read { standings: standings.collect(), unknown: said.into_iter().filter(still).collect() }
    }
}
