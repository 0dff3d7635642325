//! Our own last writes, as long as the cache shows something older: a reconcile always reads its own writes.

use std::collections::{HashMap, HashSet};

use kube::ResourceExt;
use parking_lot::Mutex;

/// The last written version of each object, by UID.
#[derive(Debug)]
pub struct OwnWrites<K> {
    last: Mutex<HashMap<String, K>>,
}

impl<K> Default for OwnWrites<K> {
    fn default() -> Self {
        Self { last: Mutex::new(HashMap::new()) }
    }
}

impl<K: ResourceExt + Clone> OwnWrites<K> {
    /// The newer one of the cached object and what was written last.
    #[must_use]
    pub fn newest(&self, cached: &K) -> K {
        let uid = cached.uid().unwrap_or_default();
        let mut last = self.last.lock();
        if let Some(written) = last.get(&uid) {
            if version(written) > version(cached) {
                return written.clone();
            }
            last.remove(&uid);
        }
        cached.clone()
    }

    /// An answer of the API server: the object as it is now.
    pub fn record_write(&self, object: K) {
        let uid = object.uid().unwrap_or_default();
        let mut last = self.last.lock();
        if last.get(&uid).is_none_or(|before| version(before) < version(&object)) {
            last.insert(uid, object);
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.last.lock().remove(uid);
    }

    /// Only these objects are left.
    pub fn keep_only(&self, uids: &HashSet<String>) {
        self.last.lock().retain(|uid, _| uids.contains(uid));
    }
}

/// An object's resourceVersion as a number, which is what the API server's are; 0 if it has none.
#[must_use]
pub fn version(object: &impl ResourceExt) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    fn object(uid: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    #[test]
    fn what_was_written_goes_before_an_older_cache() {
        let written = OwnWrites::default();
        written.record_write(object("a", "10"));
        assert_eq!(version(&written.newest(&object("a", "9"))), 10);
        assert_eq!(version(&written.newest(&object("a", "10"))), 10);
    }

    #[test]
    fn a_newer_cache_goes_before_what_was_written() {
        let written = OwnWrites::default();
        written.record_write(object("a", "10"));
        assert_eq!(version(&written.newest(&object("a", "11"))), 11);
        assert_eq!(version(&written.newest(&object("a", "9"))), 9, "what was overtaken is forgotten");
    }

    #[test]
    fn an_object_made_again_under_the_same_name_is_another() {
        let written = OwnWrites::default();
        written.record_write(object("a", "10"));
        assert_eq!(version(&written.newest(&object("b", "3"))), 3);
    }
}
