//! What is costly to open, kept for a minute: whoever plays a film asks for one part of it after the other.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long at most what has changed unseen counts as it was: certificates that a `caRef` names are not watched.
const TTL: Duration = Duration::from_mins(1);

/// Things by the UID of the object that they belong to, each good as long as the object is of one version.
pub struct VersionedCache<V, T> {
    kept: Mutex<HashMap<String, Kept<V, T>>>,
}

struct Kept<V, T> {
    version: V,
    since: Instant,
    thing: T,
}

impl<V, T> Default for VersionedCache<V, T> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<V: PartialEq, T: Clone> VersionedCache<V, T> {
    /// What was opened lately of this version, or else what opens now; a failure is not kept.
    pub async fn get<E>(
        &self,
        uid: &str,
        version: V,
        open: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let known = self
            .kept
            .lock()
            .get(uid)
            .filter(|kept| kept.version == version && kept.is_good())
            .map(|kept| kept.thing.clone());
        if let Some(thing) = known {
            return Ok(thing);
        }
        // What changes while it is opened may be in it or not.
        let since = Instant::now();
        let thing = open.await?;
        let mut kept = self.kept.lock();
        kept.retain(|_, kept| kept.is_good());
        kept.insert(uid.to_owned(), Kept { version, since, thing: thing.clone() });
        Ok(thing)
    }
}

impl<V, T> Kept<V, T> {
    fn is_good(&self) -> bool {
        self.since.elapsed() < TTL
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What counts how often it is opened.
    #[derive(Default)]
    struct Counted {
        cache: VersionedCache<u32, usize>,
        opened: AtomicUsize,
    }

    impl Counted {
        async fn get(&self, uid: &str, version: u32) -> usize {
            let open = async { Ok::<_, ()>(self.opened.fetch_add(1, Ordering::Relaxed)) };
            self.cache.get(uid, version, open).await.unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_opened_once_a_minute() {
        let counted = Counted::default();
        assert_eq!((counted.get("a", 1).await, counted.get("a", 1).await), (0, 0));
        assert_eq!(counted.get("b", 1).await, 1, "each object has its own");
        tokio::time::advance(TTL).await;
        assert_eq!(counted.get("a", 1).await, 2);
        assert_eq!(counted.cache.kept.lock().len(), 1, "what is not good any more is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn another_version_counts_at_once_and_the_one_before_is_forgotten() {
        let counted = Counted::default();
        assert_eq!((counted.get("a", 1).await, counted.get("a", 2).await), (0, 1));
        assert_eq!(counted.get("a", 1).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_kept() {
        let cache = VersionedCache::<u32, u32>::default();
        assert_eq!(cache.get("a", 1, async { Err("no Secret") }).await, Err("no Secret"));
        assert_eq!(cache.get("a", 1, async { Ok::<_, &str>(7) }).await, Ok(7));
    }
}
