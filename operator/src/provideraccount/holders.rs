//! Who asks an account, and what has become of those who hold its grants: what the caches show of them, whom of them to
//! read live before that is believed, and what follows. Pure.

use std::collections::BTreeMap;

use kube::ResourceExt;
use videofactory_crds::provideraccount::{Grant, Holder};
use videofactory_crds::{ProviderAccount, VideoJob};

use super::demand::{Claim, HolderState, claims, holder_state, same_attempt};
use super::reclaim::{is_begun_elsewhere, needs_live_read};

/// What a decision knows of them.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// What the `VideoJob`s of the namespace say of the account, as the cache shows them.
    pub claims: Vec<Claim>,
    /// What has become of the holders of grants, by a live read.
    pub holder_states: Vec<(Grant, HolderState)>,
    /// How the holders of the other grants stand, as the cache shows them.
    pub cached: Vec<(Grant, HolderState)>,
    /// Attempts that were begun with grants of which the ledger knows nothing, by a live read; of an account whose
    /// ledger was never opened, also those that have ended.
    pub unknown: Vec<Claim>,
}

impl Holders {
    /// What the caches show, and what is still to be read live, by the name of the `VideoJob`. A cache is not believed where
    /// it shows neither that a holder has begun nor that it still may, wherever a grant is closing, and of attempts of which
    /// the ledger knows nothing. Those that have ended are among these only as long as the ledger was never written: an
    /// account of the same name may have been deleted before it had recorded them, and their holders wait until this one has.
    #[must_use]
    pub fn of_caches(
        account: &ProviderAccount,
        open: Vec<Claim>,
        settled: &[Claim],
        cached: impl Fn(&Grant) -> HolderState,
    ) -> (Self, BTreeMap<String, PendingRead>) {
        let (mut known, mut doubts) = (Vec::new(), BTreeMap::<String, PendingRead>::new());
        for grant in account.status.iter().flat_map(|status| &status.grants) {
            let holder_state = cached(grant);
            if needs_live_read(grant, &holder_state) {
                doubts.entry(name(&grant.holder)).or_default().grants.push(grant.clone());
            } else {
                known.push((grant.clone(), holder_state));
            }
        }
        for claim in open.iter().chain(settled).filter(|claim| is_begun_elsewhere(account, claim)) {
            let holder = &claim.demand.holder;
            doubts.entry(name(holder)).or_default().attempts.push(holder.clone());
        }
        (Self { claims: open, cached: known, ..Self::default() }, doubts)
    }

    /// Takes over what a live read has shown.
    pub fn add(&mut self, read: ReadResult) {
        self.holder_states.extend(read.holder_states);
        self.unknown.extend(read.unknown);
    }
}

fn name(holder: &Holder) -> String {
    holder.name.clone().unwrap_or_default()
}

/// What is to be read live of one `VideoJob`.
#[derive(Clone, Debug, Default)]
pub struct PendingRead {
    grants: Vec<Grant>,
    attempts: Vec<Holder>,
}

/// The result of a live read of one `VideoJob`.
#[derive(Clone, Debug)]
pub struct ReadResult {
    holder_states: Vec<(Grant, HolderState)>,
    unknown: Vec<Claim>,
}

impl PendingRead {
    /// What this job, as the API server has it, says; none if there is none of its name.
    #[must_use]
    pub fn resolve(self, job: Option<&VideoJob>, account: &ProviderAccount) -> ReadResult {
        let of = account.name_any();
        let holder_states = self.grants.into_iter().map(|grant| {
            let holder_state = holder_state(&grant, job, &of);
            (grant, holder_state)
        });
        let said = job.map(|job| claims(job, &of)).unwrap_or_default();
        let still = |claim: &Claim| {
            let is = |holder: &Holder| same_attempt(&claim.demand.holder, holder);
            self.attempts.iter().any(is) && is_begun_elsewhere(account, claim)
        };
        ReadResult {
            holder_states: holder_states.collect(),
            unknown: said.into_iter().filter(still).collect(),
        }
    }
}
