//! What the cluster holds, as far as the controllers need it: kept by watches, stripped to the fields that are read.
//!
//! Every change, a deletion too, is mapped to the objects that it concerns and put into their queue. Secrets are
//! known by their metadata alone: their content is never kept.

mod accounts;
mod claims;
mod merge_watches;
mod own_writes;
mod owned;
mod unwatched;
mod watched_namespaces;
mod watches;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;
use videofactory_api::changes::ChangeFeed;
use videofactory_crds::{Channel, Phase, ProviderAccount, StoragePolicy, VideoJob};
use videofactory_net::{ALLOWED_HOSTS_ANNOTATION, AllowedHosts};

pub use claims::ClaimIndex;
pub use own_writes::{OwnWrites, version};
pub use owned::{CachedObject, Owned, OwnedCache, OwnerKey};
pub use unwatched::Unwatched;
pub use watched_namespaces::Scope;

use crate::config::Watched;
use crate::videojob::model::{JobFacts, PodFacts};

/// An object of ours, readable or not: one that cannot be read does not break the watch of all others.
pub type Guarded<K> = DeserializeGuard<K>;

/// A pod of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct PodRecord {
    /// What a decision may know of it.
    pub facts: PodFacts,
    pub namespace: String,
    /// Name of its `VideoJob`.
    pub job: String,
    /// When we first saw that it has ended.
    pub ended_seen: Option<Instant>,
}

/// Hosts that a Secret with these annotations lets its keys be sent to.
#[must_use]
pub fn allowed_hosts(annotations: &BTreeMap<String, String>) -> AllowedHosts {
    annotations.get(ALLOWED_HOSTS_ANNOTATION).map(|text| AllowedHosts::parse(text)).unwrap_or_default()
}

/// Everything that is watched.
#[derive(Debug)]
pub struct Caches {
    /// `VideoJob`s.
    pub videojobs: Store<Guarded<VideoJob>>,
    /// Which of them change, for those who follow them from outside.
    pub changes: ChangeFeed,
    pub channels: Store<Guarded<Channel>>,
    /// `StoragePolicy`s.
    pub policies: Store<Guarded<StoragePolicy>>,
    /// `ProviderAccount`s.
    pub accounts: Store<Guarded<ProviderAccount>>,
    /// Secrets, by name only.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    /// Jobs of steps.
    pub jobs: OwnedCache<JobFacts>,
    /// Pods of steps.
    pub pods: OwnedCache<PodRecord>,
    /// Namespaces that are not watched although they should be, because the operator may not read them.
    pub unwatched: Unwatched,
    /// `VideoJob`s that may continue: however many have ended, they cost nothing when something changes for the others.
    unended: Mutex<HashSet<ObjectRef<Guarded<VideoJob>>>>,
    /// What `VideoJob`s say of accounts.
    pub claims: ClaimIndex,
    /// `VideoJob`s as we wrote them last.
    pub written_jobs: OwnWrites<VideoJob>,
    /// `StoragePolicy`s as we wrote them last.
    pub written_policies: OwnWrites<StoragePolicy>,
    /// `ProviderAccount`s as we wrote them last.
    pub written_accounts: OwnWrites<ProviderAccount>,
    /// `VideoJob`s to look at.
    pub videojob_queue: Queue<Guarded<VideoJob>>,
    /// `StoragePolicy`s to look at.
    pub policy_queue: Queue<Guarded<StoragePolicy>>,
    /// `ProviderAccount`s to look at.
    pub account_queue: Queue<Guarded<ProviderAccount>>,
}

/// The work that keeps the caches.
pub struct Watches {
    /// Never ends.
    pub keep: BoxFuture<'static, ()>,
    /// What is watched, once that is known.
    pub scope: oneshot::Receiver<Scope>,
}

impl Caches {
    /// With these stores, and nothing else known yet.
    fn new(
        videojobs: Store<Guarded<VideoJob>>,
        channels: Store<Guarded<Channel>>,
        policies: Store<Guarded<StoragePolicy>>,
        accounts: Store<Guarded<ProviderAccount>>,
        secrets: Store<PartialObjectMeta<Secret>>,
    ) -> Self {
        Self {
            videojobs,
            changes: ChangeFeed::default(),
            channels,
            policies,
            accounts,
            secrets,
            jobs: OwnedCache::default(),
            pods: OwnedCache::default(),
            unwatched: Unwatched::default(),
            unended: Mutex::default(),
            claims: ClaimIndex::default(),
            written_jobs: OwnWrites::default(),
            written_policies: OwnWrites::default(),
            written_accounts: OwnWrites::default(),
            videojob_queue: Queue::default(),
            policy_queue: Queue::default(),
            account_queue: Queue::default(),
        }
    }

    /// The caches of what is to be watched, and the work that keeps them. Namespaces that the operator may not read are left
    /// out, unless that is all of them.
    #[must_use]
    pub fn start(client: &Client, watched: &Watched) -> (Arc<Self>, Watches) {
        watches::start(client, watched)
    }

    /// Whether every first list is complete.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        let stores = [
            self.videojobs.wait_until_ready().now_or_never().is_some(),
            self.channels.wait_until_ready().now_or_never().is_some(),
            self.policies.wait_until_ready().now_or_never().is_some(),
            self.accounts.wait_until_ready().now_or_never().is_some(),
            self.secrets.wait_until_ready().now_or_never().is_some(),
        ];
        let followed = self.claims.is_complete() && self.jobs.is_ready() && self.pods.is_ready();
        stores.into_iter().all(|ready| ready) && followed
    }

    /// Whether a Secret of this name exists.
    #[must_use]
    pub fn has_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets.get(&ObjectRef::new(name).within(namespace)).is_some()
    }

    /// The version of a Secret, and the hosts that its keys may be sent to, if it exists.
    #[must_use]
    pub fn secret_terms(&self, namespace: &str, name: &str) -> Option<(String, AllowedHosts)> {
        let secret = self.secrets.get(&ObjectRef::new(name).within(namespace))?;
        Some((secret.resource_version()?, allowed_hosts(secret.annotations())))
    }

    /// The version of a Secret, if it exists.
    #[must_use]
    pub fn secret_version(&self, namespace: &str, name: &str) -> Option<String> {
        self.secrets.get(&ObjectRef::new(name).within(namespace))?.resource_version()
    }

    /// Puts the accounts that `concerned` picks into their queue.
    fn wake_accounts(&self, concerned: impl Fn(&ProviderAccount) -> bool) {
        for guarded in self.accounts.state() {
            if guarded.0.as_ref().is_ok_and(&concerned) {
                self.account_queue.push(ObjectRef::from_obj(&*guarded));
            }
        }
    }

    /// Puts the `VideoJob`s that may continue and that `concerned` picks into their queue.
    fn wake_jobs(&self, concerned: impl Fn(&VideoJob) -> bool) {
        for reference in self.unended.lock().iter() {
            let found = self.videojobs.get(reference);
            if found.is_some_and(|guarded| guarded.0.as_ref().is_ok_and(&concerned)) {
                self.videojob_queue.push(reference.clone());
            }
        }
    }

    /// Keeps in mind whether a `VideoJob` may continue.
    fn note_end(&self, object: &Guarded<VideoJob>) {
        let phase = object.0.as_ref().ok().and_then(|job| job.status.as_ref()?.phase);
        let reference = ObjectRef::from_obj(object);
        if phase.is_some_and(Phase::is_terminal) {
            self.unended.lock().remove(&reference);
        } else {
            self.unended.lock().insert(reference);
        }
    }
}

/// The UIDs of everything in a store.
fn uids<K: Resource<DynamicType = ()> + Clone + 'static>(store: &Store<K>) -> HashSet<String> {
    store.state().iter().filter_map(|object| object.uid()).collect()
}

/// Objects to reconcile. Disabled until this replica leads; enabling it enqueues every object.
#[derive(Debug)]
pub struct Queue<K: Resource<DynamicType = ()> + 'static> {
    sender: Mutex<Option<UnboundedSender<ObjectRef<K>>>>,
}

impl<K: Resource<DynamicType = ()> + 'static> Default for Queue<K> {
    fn default() -> Self {
        Self { sender: Mutex::new(None) }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Queue<K> {
    /// Asks for a look at an object.
    pub fn push(&self, object: ObjectRef<K>) {
        if let Some(sender) = &*self.sender.lock() {
            // The receiver is gone only when the process is about to end.
            let _ = sender.unbounded_send(object);
        }
    }

    /// Opens the queue, with everything in `store` in it.
    pub fn open(&self, store: &Store<K>) -> UnboundedReceiver<ObjectRef<K>> {
        let (sender, receiver) = unbounded();
        *self.sender.lock() = Some(sender);
        self.push_all(store);
        receiver
    }

    /// Asks for a look at everything in `store`.
    pub fn push_all(&self, store: &Store<K>) {
        for object in store.state() {
            self.push(ObjectRef::from_obj(&*object));
        }
    }
}
