//! What `VideoJob`s own, by the owner's UID: as the watch shows it, with our own writes laid over it.
//!
//! A watch is always a little behind. What was just created counts as there, and what was just deleted counts as
//! leaving, until the watch has caught up: a stale view never leads to the same write again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How long a write of ours counts without the watch having shown it; after that it was lost or undone.
pub const UNSEEN_FOR: Duration = Duration::from_mins(1);

/// Which `VideoJob` something belongs to: its namespace and its UID. A namespace has only its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerKey(String);

impl OwnerKey {
    /// The key of the `VideoJob` with this UID.
    #[must_use]
    pub fn new(namespace: &str, uid: &str) -> Self {
        Self(format!("{namespace}/{uid}"))
    }

    /// The key of this `VideoJob`.
    #[must_use]
    pub fn of(job: &impl ResourceExt) -> Self {
        Self::new(&job.namespace().unwrap_or_default(), &job.uid().unwrap_or_default())
    }
}

/// An object that a `VideoJob` owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned<T> {
    /// The `VideoJob`.
    pub owner: OwnerKey,
    /// Its own UID.
    pub uid: String,
    /// Its resourceVersion.
    pub version: u64,
    /// What matters of it.
    pub facts: T,
}

/// An object as it is known here.
#[derive(Clone, Debug)]
pub struct CachedObject<T> {
    pub object: Arc<Owned<T>>,
    /// We have deleted it: it is on its way out, whatever the watch still says.
    pub terminating: bool,
    /// We have written it, and the watch has not shown it yet.
    unseen: Option<Instant>,
}

impl<T> CachedObject<T> {
    /// We have written it so long ago that the watch would have shown it.
    fn is_lost(&self) -> bool {
        self.unseen.is_some_and(|since| since.elapsed() > UNSEEN_FOR)
    }
}

/// All objects of one kind.
#[derive(Debug)]
pub struct OwnedCache<T> {
    tables: RwLock<Tables<T>>,
}

#[derive(Debug)]
struct Tables<T> {
    by_owner: HashMap<OwnerKey, HashMap<String, CachedObject<T>>>,
    owner_of: HashMap<String, OwnerKey>,
    /// What we wrote, the oldest first. With several namespaces no relist removes a lost object (`merge_watches.rs`),
    /// so the next write does.
    written: VecDeque<(Instant, String)>,
    /// What a running relist has shown so far.
    listed: HashMap<String, Owned<T>>,
    ready: bool,
}

impl<T> Default for OwnedCache<T> {
    fn default() -> Self {
        let tables = Tables {
            by_owner: HashMap::new(),
            owner_of: HashMap::new(),
            written: VecDeque::new(),
            listed: HashMap::new(),
            ready: false,
        };
        Self { tables: RwLock::new(tables) }
    }
}

impl<T> OwnedCache<T> {
    /// Everything that this `VideoJob` owns.
    #[must_use]
    pub fn of(&self, owner: &OwnerKey) -> Vec<CachedObject<T>> {
        let tables = self.tables.read();
        let known = tables.by_owner.get(owner).into_iter().flat_map(HashMap::values);
        known
            .filter(|known| !known.is_lost())
            .map(|known| CachedObject { object: Arc::clone(&known.object), ..*known })
            .collect()
    }

    /// The object with this UID.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<Arc<Owned<T>>> {
        let tables = self.tables.read();
        let owner = tables.owner_of.get(uid)?;
        tables.by_owner.get(owner)?.get(uid).map(|known| Arc::clone(&known.object))
    }

    /// Whether something of this owner was written and may still be shown by the watch.
    #[must_use]
    pub fn has_unseen(&self, owner: &OwnerKey) -> bool {
        let tables = self.tables.read();
        let awaited = |known: &CachedObject<T>| known.unseen.is_some() && !known.is_lost();
        tables.by_owner.get(owner).is_some_and(|known| known.values().any(awaited))
    }

    /// Whether the first list is complete.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.tables.read().ready
    }

    /// A relist begins.
    pub fn list_begins(&self) {
        self.tables.write().listed.clear();
    }

    /// A relist shows an object.
    pub fn listed(&self, object: Owned<T>) {
        self.tables.write().listed.insert(object.uid.clone(), object);
    }

    /// A relist is complete: what it did not show is gone, but for what we have just written.
    pub fn list_ends(&self) {
        let mut tables = self.tables.write();
        let listed = std::mem::take(&mut tables.listed);
        let gone: Vec<String> = tables
            .by_owner
            .values()
            .flat_map(HashMap::values)
            .filter(|known| !listed.contains_key(&known.object.uid))
            .filter(|known| known.unseen.is_none() || known.is_lost())
            .map(|known| known.object.uid.clone())
            .collect();
        for uid in gone {
            tables.remove(&uid);
        }
        for object in listed.into_values() {
            tables.insert(object, None);
        }
        tables.ready = true;
    }

    /// The watch shows an object.
    pub fn shown(&self, object: Owned<T>) {
        self.tables.write().insert(object, None);
    }

    /// The watch says that the object with this UID is gone.
    pub fn gone(&self, uid: &str) {
        self.tables.write().remove(uid);
    }

    /// We have written this object and read the answer.
    pub fn record_write(&self, object: Owned<T>) {
        let (mut tables, now) = (self.tables.write(), Instant::now());
        tables.forget_lost(now);
        tables.written.push_back((now, object.uid.clone()));
        tables.insert(object, Some(now));
    }

    /// We have deleted the object with this UID.
    pub fn deleted(&self, uid: &str) {
        let mut tables = self.tables.write();
        let Some(owner) = tables.owner_of.get(uid).cloned() else { return };
        if let Some(known) = tables.by_owner.get_mut(&owner).and_then(|known| known.get_mut(uid)) {
            known.terminating = true;
        }
    }
}

impl<T> Tables<T> {
    /// Puts an object in, unless a newer version of it is known.
    fn insert(&mut self, object: Owned<T>, unseen: Option<Instant>) {
        let (owner, uid) = (object.owner.clone(), object.uid.clone());
        if self.owner_of.get(&uid).is_some_and(|before| *before != owner) {
            self.remove(&uid);
        }
        let present = self.by_owner.get(&owner).and_then(|known| known.get(&uid));
        if present.is_some_and(|known| known.object.version > object.version) {
            return;
        }
        let seen_already =
            present.is_some_and(|known| known.unseen.is_none() && known.object.version == object.version);
        let known = CachedObject {
            terminating: present.is_some_and(|known| known.terminating),
            unseen: unseen.filter(|_| !seen_already),
            object: Arc::new(object),
        };
        self.owner_of.insert(uid.clone(), owner.clone());
        self.by_owner.entry(owner).or_default().insert(uid, known);
    }

    /// Takes out what was written and never shown.
    fn forget_lost(&mut self, now: Instant) {
        while let Some((written, uid)) = self.written.pop_front() {
            if now.duration_since(written) <= UNSEEN_FOR {
                self.written.push_front((written, uid));
                return;
            }
            let owner = self.owner_of.get(&uid);
            let known = owner.and_then(|owner| self.by_owner.get(owner)?.get(&uid));
            if known.is_some_and(CachedObject::is_lost) {
                self.remove(&uid);
            }
        }
    }

    fn remove(&mut self, uid: &str) {
        let Some(owner) = self.owner_of.remove(uid) else { return };
        if let Some(known) = self.by_owner.get_mut(&owner) {
            known.remove(uid);
            if known.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vj() -> OwnerKey {
        OwnerKey::new("films", "vj")
    }

    fn object(uid: &str, version: u64) -> Owned<&'static str> {
        Owned { owner: vj(), uid: uid.into(), version, facts: "facts" }
    }

    fn uids(cache: &OwnedCache<&'static str>) -> Vec<String> {
        let mut uids: Vec<String> = cache.of(&vj()).iter().map(|known| known.object.uid.clone()).collect();
        uids.sort();
        uids
    }

    fn relist(cache: &OwnedCache<&'static str>, objects: &[Owned<&'static str>]) {
        cache.list_begins();
        objects.iter().cloned().for_each(|object| cache.listed(object));
        cache.list_ends();
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_just_created_counts_before_the_watch_shows_it() {
        let cache = OwnedCache::default();
        cache.record_write(object("a", 5));
        assert_eq!(uids(&cache), ["a"]);
        assert!(cache.has_unseen(&vj()));
        cache.shown(object("a", 5));
        assert!(!cache.has_unseen(&vj()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_older_than_our_write_does_not_take_it_away() {
        let cache = OwnedCache::default();
        cache.record_write(object("a", 5));
        relist(&cache, &[]);
        assert_eq!(uids(&cache), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_no_watch_ever_shows_is_forgotten() {
        let cache = OwnedCache::default();
        cache.record_write(object("a", 5));
        tokio::time::advance(UNSEEN_FOR + Duration::from_secs(1)).await;
        assert!(uids(&cache).is_empty());
        relist(&cache, &[]);
        assert!(cache.get("a").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_and_no_list_leaves_out_keeps_nobody_looking_and_goes_with_the_next_write() {
        let cache = OwnedCache::default();
        for uid in ["lost", "shown", "written-again"] {
            cache.record_write(object(uid, 5));
        }
        cache.shown(object("shown", 5));
        assert!(cache.has_unseen(&vj()));
        tokio::time::advance(UNSEEN_FOR / 2).await;
        cache.record_write(object("written-again", 6));
        tokio::time::advance(UNSEEN_FOR / 2 + Duration::from_secs(1)).await;
        assert!(cache.has_unseen(&vj()), "what was written later may still be shown");
        tokio::time::advance(UNSEEN_FOR).await;
        assert!(!cache.has_unseen(&vj()), "nobody waits for what is lost");
        cache.record_write(object("new", 9));
        assert_eq!(uids(&cache), ["new", "shown"]);
        let tables = cache.tables.read();
        assert_eq!((tables.owner_of.len(), tables.written.len()), (2, 1), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_does_not_make_a_shown_object_unseen_again() {
        let cache = OwnedCache::default();
        cache.shown(object("a", 5));
        cache.record_write(object("a", 5));
        assert!(!cache.has_unseen(&vj()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_object_stays_doomed_whatever_older_events_say() {
        let cache = OwnedCache::default();
        cache.shown(object("a", 5));
        cache.deleted("a");
        cache.shown(object("a", 6));
        assert!(cache.of(&vj())[0].terminating);
        cache.gone("a");
        assert!(uids(&cache).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_event_does_not_replace_a_newer_object() {
        let cache = OwnedCache::default();
        cache.shown(object("a", 7));
        cache.shown(object("a", 6));
        assert_eq!(cache.get("a").unwrap().version, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_relist_does_not_show_is_gone() {
        let cache = OwnedCache::default();
        cache.shown(object("a", 5));
        cache.shown(object("b", 6));
        assert!(!cache.is_ready());
        relist(&cache, &[object("b", 6), object("c", 7)]);
        assert_eq!(uids(&cache), ["b", "c"]);
        assert!(cache.is_ready());
    }
}
