//! Whom a change of a `ProviderAccount` concerns: those whose turn has come, those at the front of its wait queue, who are
//! shown what they wait for, and, where its spec or its condition Ready changes, those who may wait for a person. However
//! many wait for their turn, nobody else is woken.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::{Phase, ProviderAccount, StepName, VideoJobStatus};
use videofactory_pipeline::clock;

use super::{Caches, Guarded, uids};
use crate::namespaced_name::NamespacedName;
use crate::restoring;

/// What an account said last.
#[derive(Debug, Default)]
struct LastSeen {
    /// Its spec's generation, and whether it can be used.
    says: (Option<i64>, Option<Condition>),
    /// It is being restored: whoever needs it waits.
    is_held: bool,
    /// Who stood at the front of its wait queue.
    front: HashSet<(String, Option<StepName>)>,
}

impl LastSeen {
    fn of(account: &ProviderAccount) -> Self {
        let status = account.status.as_ref();
        let ready = status.and_then(|status| condition::get(&status.conditions, ConditionType::Ready));
        let waiters = status.iter().flat_map(|status| &status.waiters);
        Self {
            says: (account.metadata.generation, ready.cloned()),
            is_held: restoring::held(account, clock::now()).is_some(),
            front: waiters.map(|waiter| (waiter.name.clone(), waiter.step)).collect(),
        }
    }
}

/// Follows the accounts.
pub(super) fn on_account(caches: Arc<Caches>) -> impl FnMut(Event<Guarded<ProviderAccount>>) {
    let mut last_seen: HashMap<String, LastSeen> = HashMap::new();
    move |event| match event {
        Event::Apply(object) => {
            let namespace = object.namespace();
            caches.account_queue.push(ObjectRef::from_obj(&object));
            let Ok(account) = &object.0 else {
                wake_siblings(&caches, namespace.as_deref());
                caches.wake_jobs(|job| job.namespace() == namespace);
                return;
            };
            if is_new_to_us(account) {
                wake_siblings(&caches, namespace.as_deref());
            }
            let now = LastSeen::of(account);
            let before = last_seen.remove(&account.uid().unwrap_or_default()).unwrap_or_default();
            wake(&caches, account, &before, &now);
            last_seen.insert(account.uid().unwrap_or_default(), now);
        }
        Event::Delete(object) => {
            let namespace = object.namespace();
            let uid = object.uid().unwrap_or_default();
            caches.written_accounts.forget(&uid);
            last_seen.remove(&uid);
            caches.claims.account_is_gone(&NamespacedName::of(&object));
            caches.account_queue.push(ObjectRef::from_obj(&object));
            wake_siblings(&caches, namespace.as_deref());
            caches.wake_jobs(|job| job.namespace() == namespace);
        }
        // What was said while nobody listened is not known.
        Event::Init => last_seen.clear(),
        Event::InitApply(object) => {
            // Whoever waits for it must hear of its release.
            if let Ok(account) = &object.0
                && restoring::held(account, clock::now()).is_some()
            {
                let held = LastSeen { is_held: true, ..LastSeen::default() };
                last_seen.insert(account.uid().unwrap_or_default(), held);
            }
        }
        Event::InitDone => {
            caches.written_accounts.keep_only(&uids(&caches.accounts));
            caches.account_queue.push_all(&caches.accounts);
            caches.videojob_queue.push_all(&caches.videojobs);
        }
    }
}

/// The jobs that may continue, or have to say something else, because of what an account says now.
fn wake(caches: &Caches, account: &ProviderAccount, before: &LastSeen, now: &LastSeen) {
    let namespace = account.namespace().unwrap_or_default();
    let status = account.status.clone().unwrap_or_default();
    let mut jobs: BTreeSet<String> = caches.claims.turns(&NamespacedName::of(account), &status);
    for waiter in &status.waiters {
        let came = !before.front.contains(&(waiter.name.clone(), waiter.step));
        if came || knows_no_time(caches, &namespace, &waiter.name) {
            jobs.insert(waiter.name.clone());
        }
    }
    for job in jobs {
        caches.videojob_queue.push(ObjectRef::new(&job).within(&namespace));
    }
    if before.is_held && !now.is_held {
        caches.wake_jobs(|job| job.metadata.namespace.as_deref() == Some(namespace.as_str()));
    }
    if before.says != now.says {
        caches.wake_jobs(|job| {
            let is_here = job.metadata.namespace.as_deref() == Some(namespace.as_str());
            is_here && job.status.as_ref().is_some_and(may_wait_for_a_person)
        });
    }
}

/// Whether a step of a job may wait for what a person changes of an account. While another one is at work, that is what the
/// job says.
fn may_wait_for_a_person(job: &VideoJobStatus) -> bool {
    job.phase == Some(Phase::Running) || condition::is_true(&job.conditions, ConditionType::Stalled)
}

/// Whether a job waits for what depends on others. One that knows the time looks again by itself.
fn knows_no_time(caches: &Caches, namespace: &str, name: &str) -> bool {
    let found = caches.videojobs.get(&ObjectRef::new(name).within(namespace));
    let job = found.as_ref().and_then(|guarded| guarded.0.as_ref().ok());
    job.and_then(|job| job.status.as_ref()).is_some_and(|status| status.resume_at.is_none())
}

/// Whether its spec was not looked at yet.
fn is_new_to_us(account: &ProviderAccount) -> bool {
    let seen = account.status.as_ref().and_then(|status| status.observed_generation);
    seen != account.metadata.generation
}

/// The accounts of a namespace: of several with the same key only the oldest grants.
pub(super) fn wake_siblings(caches: &Caches, namespace: Option<&str>) {
    caches.wake_accounts(|account| account.namespace().as_deref() == namespace);
}
