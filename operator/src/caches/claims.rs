//! What `VideoJob`s say of accounts, by account: kept as they change, so that a look at an account costs what is asked of
//! it and under way, however many jobs have used it before.
//!
//! A claim that is settled is of interest only until its account has recorded it, and to an account whose ledger was
//! never opened. It is kept apart from the open ones, and its job drops it once it is recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use videofactory_crds::VideoJob;
use videofactory_crds::provideraccount::ProviderAccountStatus;

use super::Guarded;
use crate::namespaced_name::NamespacedName;
use crate::provideraccount::{Attempt, Claim, ClaimState, attempt, claims_by_account, is_unopened};

/// The claims of all jobs.
#[derive(Debug, Default)]
pub struct ClaimIndex {
    known: Mutex<Known>,
    complete: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<NamespacedName, OfAccount>,
    /// The names of the accounts of which a job says something.
    jobs: HashMap<NamespacedName, BTreeSet<String>>,
}

/// The claims on one account, by the name of the job.
#[derive(Debug, Default)]
struct OfAccount {
    /// What is asked for and under way.
    open: BTreeMap<String, Arc<[Claim]>>,
    /// What was spent, and may not be recorded yet.
    settled: BTreeMap<String, Arc<[Claim]>>,
    /// The jobs of these that do not know yet that it is recorded.
    unreported: BTreeSet<String>,
}

impl OfAccount {
    /// Takes over what a job says now; whether that is anything new.
    fn put(&mut self, job: &str, claims: Vec<Claim>) -> bool {
        let (settled, open): (Vec<Claim>, Vec<Claim>) =
            claims.into_iter().partition(|claim| matches!(claim.state, ClaimState::Settled(_)));
        let opened = replace(&mut self.open, job, open);
        let ended = replace(&mut self.settled, job, settled);
        if ended {
            self.unreported.insert(job.to_owned());
        }
        opened || ended
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.settled.is_empty()
    }
}

fn replace(claims: &mut BTreeMap<String, Arc<[Claim]>>, job: &str, now: Vec<Claim>) -> bool {
    if claims.get(job).map_or(&[][..], |before| before) == now.as_slice() {
        return false;
    }
    if now.is_empty() {
        claims.remove(job);
    } else {
        claims.insert(job.to_owned(), now.into());
    }
    true
}

impl ClaimIndex {
    /// A job as it is now; the names of the accounts of its namespace of which it says something else than before.
    pub fn shown(&self, object: &Guarded<VideoJob>) -> Vec<String> {
        let says = object.0.as_ref().map(claims_by_account).unwrap_or_default();
        self.known.lock().put(NamespacedName::of(object), says)
    }

    /// A job is gone; the names of the accounts of its namespace of which it said something.
    pub fn gone(&self, object: &Guarded<VideoJob>) -> Vec<String> {
        self.known.lock().put(NamespacedName::of(object), BTreeMap::new())
    }

    /// These are all jobs that there are.
    pub fn keep_only(&self, objects: &[Arc<Guarded<VideoJob>>]) {
        let mut known = Known::default();
        for object in objects {
            if let Ok(job) = &object.0 {
                known.put(NamespacedName::of(&**object), claims_by_account(job));
            }
        }
        *self.known.lock() = known;
        self.complete.store(true, Ordering::Release);
    }

    /// Whether all jobs were shown: an account must not open its ledger before.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// What is asked of an account, and what was begun and has not ended.
    #[must_use]
    pub fn open(&self, account: &NamespacedName) -> Vec<Claim> {
        self.all(account, |of| &of.open)
    }

    /// What was spent and may not be recorded yet.
    #[must_use]
    pub fn settled(&self, account: &NamespacedName) -> Vec<Claim> {
        self.all(account, |of| &of.settled)
    }

    fn all(
        &self,
        account: &NamespacedName,
        pick: impl Fn(&OfAccount) -> &BTreeMap<String, Arc<[Claim]>>,
    ) -> Vec<Claim> {
        let known = self.known.lock();
        let of = known.accounts.get(account);
        of.map(|of| pick(of).values().flat_map(|claims| claims.iter().cloned()).collect()).unwrap_or_default()
    }

    /// The names of the jobs that what an account says now lets continue: those that were granted something and have not
    /// begun with it, and, once, those whose spending is recorded. Nobody else's turn has come.
    pub fn turns(&self, account: &NamespacedName, status: &ProviderAccountStatus) -> BTreeSet<String> {
        let mut known = self.known.lock();
        let Some(of) = known.accounts.get_mut(account) else {
            return BTreeSet::new();
        };
        let holders = status.grants.iter().map(|grant| &grant.holder).chain(&status.expired);
        let answered: HashSet<Attempt<'_>> = holders.map(attempt).collect();
        // An attempt that has begun may wait for what becomes of a grant that was about to be closed.
        let held = status.grants.iter().filter(|grant| grant.state.is_none());
        let held: HashSet<(Attempt<'_>, Option<&str>)> =
            held.map(|grant| (attempt(&grant.holder), grant.id.as_deref())).collect();
        let has_turn = |claim: &Claim| match &claim.state {
            ClaimState::Asks => answered.contains(&attempt_of(claim)),
            ClaimState::Begun { grant, .. } => !held.contains(&(attempt_of(claim), grant.as_deref())),
            ClaimState::Idle | ClaimState::Settled(_) => false,
        };
        let open = of.open.iter().filter(|(_, claims)| claims.iter().any(has_turn));
        let mut jobs: BTreeSet<String> = open.map(|(job, _)| job.clone()).collect();
        if !is_unopened(status) {
            let listed: HashSet<Attempt<'_>> =
                status.grants.iter().map(|grant| attempt(&grant.holder)).collect();
            let is_recorded = |job: &String| {
                let claims = of.settled.get(job).map_or(&[][..], |claims| claims);
                claims.iter().all(|claim| !listed.contains(&attempt_of(claim)))
            };
            let (recorded, unreported): (BTreeSet<String>, _) =
                std::mem::take(&mut of.unreported).into_iter().partition(is_recorded);
            of.unreported = unreported;
            jobs.extend(recorded);
        }
        jobs
    }

    /// An account is gone, and its ledger with it: one that is made again opens its own.
    pub fn account_is_gone(&self, account: &NamespacedName) {
        if let Some(of) = self.known.lock().accounts.get_mut(account) {
            of.unreported = of.settled.keys().cloned().collect();
        }
    }
}

fn attempt_of(claim: &Claim) -> Attempt<'_> {
    attempt(&claim.demand.holder)
}

impl Known {
    fn put(&mut self, job: NamespacedName, mut says: BTreeMap<String, Vec<Claim>>) -> Vec<String> {
        let now: BTreeSet<String> = says.keys().cloned().collect();
        let before = self.jobs.get(&job).cloned().unwrap_or_default();
        let mut changed = Vec::new();
        for account in before.union(&now) {
            let key = NamespacedName::new(job.namespace.as_str(), account.as_str());
            let of = self.accounts.entry(key.clone()).or_default();
            if of.put(&job.name, says.remove(account).unwrap_or_default()) {
                changed.push(account.clone());
            }
            if of.is_empty() {
                self.accounts.remove(&key);
            }
        }
        if now.is_empty() {
            self.jobs.remove(&job);
        } else {
            self.jobs.insert(job, now);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(name: &str, demands: &Value) -> Guarded<VideoJob> {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": name, "namespace": "films", "uid": format!("uid-{name}")},
            "spec": {"topic": "x"},
            "status": {"run": 1, "steps": [{"name": "animate-scenes", "attempt": 1, "demands": demands}]},
        }))
        .unwrap()
    }

    fn grok(namespace: &str) -> NamespacedName {
        NamespacedName::new(namespace, "grok")
    }

    fn asks() -> Value {
        json!([{"account": "grok", "attempt": 1, "submissions": 3}])
    }

    fn settled() -> Value {
        json!([{"account": "grok", "attempt": 1, "submissions": 3, "granted": 3, "settled": true}])
    }

    fn status(holders: &[&str]) -> ProviderAccountStatus {
        let grants: Vec<Value> = holders
            .iter()
            .map(|name| {
                json!({"holder": {
                    "uid": format!("uid-{name}"), "name": name, "run": 1, "step": "animate-scenes", "attempt": 1,
                }})
            })
            .collect();
        serde_json::from_value(json!({"observedGeneration": 1, "grants": grants})).unwrap()
    }

    #[test]
    fn an_account_is_reconciled_only_when_a_job_says_something_else_of_it() {
        let index = ClaimIndex::default();
        assert_eq!(index.shown(&job("a", &asks())), ["grok"]);
        assert_eq!(index.shown(&job("a", &asks())), Vec::<String>::new(), "nothing new");
        assert_eq!(index.shown(&job("b", &json!([]))), Vec::<String>::new());
        let other = json!([{"account": "veo", "attempt": 2, "submissions": 3}]);
        assert_eq!(index.shown(&job("a", &other)), ["grok", "veo"], "one is left, the other asked");
        assert!(index.open(&grok("films")).is_empty());
        assert_eq!(index.gone(&job("a", &other)), ["veo"]);
        assert!(index.known.lock().accounts.is_empty() && index.known.lock().jobs.is_empty());
    }

    #[test]
    fn what_is_settled_is_kept_apart_from_what_is_open() {
        let index = ClaimIndex::default();
        index.shown(&job("a", &asks()));
        index.shown(&job("b", &settled()));
        let names = |claims: Vec<Claim>| -> Vec<String> {
            claims.into_iter().filter_map(|claim| claim.demand.holder.name).collect()
        };
        assert_eq!(names(index.open(&grok("films"))), ["a"]);
        assert_eq!(names(index.settled(&grok("films"))), ["b"]);
        assert!(index.open(&grok("others")).is_empty());
        index.keep_only(&[Arc::new(job("c", &asks()))]);
        assert_eq!(names(index.open(&grok("films"))), ["c"]);
        assert!(index.settled(&grok("films")).is_empty());
    }

    #[test]
    fn only_who_was_granted_something_or_whose_spending_is_recorded_has_his_turn() {
        let index = ClaimIndex::default();
        for name in ["a", "b"] {
            index.shown(&job(name, &asks()));
        }
        for name in ["c", "d"] {
            index.shown(&job(name, &settled()));
        }
        let turn = |status: &ProviderAccountStatus| -> Vec<String> {
            index.turns(&grok("films"), status).into_iter().collect()
        };
        assert_eq!(turn(&status(&["b", "c"])), ["b", "d"]);
        assert_eq!(turn(&status(&["b"])), ["b", "c"], "d was notified already");
        index.account_is_gone(&grok("films"));
        let unopened = ProviderAccountStatus { observed_generation: Some(-1), ..status(&["a"]) };
        assert_eq!(turn(&unopened), ["a"], "it has no ledger yet: nothing is recorded");
        assert_eq!(turn(&status(&[])), ["c", "d"]);
    }
}
