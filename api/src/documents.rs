//! Result documents of steps that were read lately. A document is written once, under a name that says what it was made
//! from: what is kept stays right. Whoever looks at a job that works asks for the same ones every second, and many who begin
//! to look at the same time share one reading.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde_json::Value;
use tokio::time::timeout;
use videofactory_storage::Bucket;

/// Most bytes of JSON that are kept; in memory they are some times as large.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// How many documents that is, about.
const ITEMS: usize = 1_000;
/// Longest time that somebody waits for the reading of another. One that takes longer is of a bucket that is away: those who
/// wait for it would fail one after the other, each after the bucket's own limit.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// What the file of a bucket is kept under: other buckets may have a file with the same key.
#[must_use]
pub fn cache_key(bucket: &Bucket, key: &str) -> String {
    format!("{}/{}{key}", bucket.name(), bucket.prefix())
}

/// The documents. Those that nobody has asked for again make room for others.
#[derive(Debug)]
pub struct Documents(Cache<String, Kept, Bytes>);

#[derive(Clone, Debug)]
struct Kept {
    document: Arc<Value>,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<String, Kept> for Bytes {
    fn weight(&self, _: &String, kept: &Kept) -> u64 {
        kept.bytes
    }
}

impl Default for Documents {
    fn default() -> Self {
        // One shard: each would have its part of the room, and no document larger than that.
        let mut options = OptionsBuilder::new();
        let options = options.shards(1).weight_capacity(MAX_BYTES).estimated_items_capacity(ITEMS).build();
        let options = options.expect("all that has no default is set");
        Self(Cache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default()))
    }
}

impl Documents {
    /// The document with this key: as it is kept, or as it is read now. Whoever asks for the same one meanwhile waits for
    /// that reading, but for [`MAX_WAIT`] at most; if it fails, the next one reads.
    pub async fn get_or_read<E>(
        &self,
        key: &str,
        read: impl Future<Output = Result<Value, E>>,
    ) -> Result<Arc<Value>, E> {
        let guard = match timeout(MAX_WAIT, self.0.get_value_or_guard_async(key)).await {
            Ok(Ok(kept)) => return Ok(kept.document),
            Ok(Err(guard)) => Some(guard),
            Err(_) => None,
        };
        let document = Arc::new(read.await?);
        if let Some(guard) = guard {
            let bytes = u64::try_from(document.to_string().len()).unwrap_or(u64::MAX);
            drop(guard.insert(Kept { document: Arc::clone(&document), bytes }));
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use serde_json::json;
    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_stays_and_what_is_not_makes_room() {
        let documents = Documents::default();
        let third = usize::try_from(MAX_BYTES / 3).unwrap();
        // Reads what is not kept, and says whether it was kept.
        let was_kept = async |letter: &str| {
            let mut was_kept = true;
            let read = async {
                was_kept = false;
                Ok::<_, ()>(json!(letter.repeat(third)))
            };
            let found = documents.get_or_read(letter, read).await.unwrap();
            assert_eq!(*found, json!(letter.repeat(third)));
            was_kept
        };
        assert!(!was_kept("a").await);
        for other in ["b", "c", "d", "e", "f", "g", "h"] {
            was_kept(other).await;
            assert!(was_kept("a").await, "{other} has taken the room of what is asked for all the time");
            assert!(documents.0.weight() <= MAX_BYTES);
        }
        let mut reads = 0;
        while !was_kept("i").await {
            reads += 1;
            assert!(reads < 4, "what is asked for now never finds room");
        }
        let huge = json!("z".repeat(usize::try_from(MAX_BYTES).unwrap()));
        let read = documents.get_or_read("z", async { Ok::<_, ()>(huge.clone()) }).await;
        assert_eq!(*read.unwrap(), huge, "one that is larger than all that may be kept is read all the same");
        let again = documents.get_or_read("z", async { Err("read") }).await;
        assert_eq!(again, Err("read"), "and is not kept");
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_reading_and_a_failure_is_not_kept() {
        let (documents, reads, go) = (Documents::default(), AtomicUsize::new(0), Notify::new());
        let failed = documents.get_or_read("a", async { Err("the bucket is away") }).await;
        assert_eq!(failed, Err("the bucket is away"));
        let read = async || {
            reads.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            Ok::<_, ()>(json!(1))
        };
        let asking = join_all((0..40).map(|_| documents.get_or_read("a", read())));
        let (found, ()) = tokio::join!(asking, async {
            tokio::task::yield_now().await;
            go.notify_one();
        });
        assert!(found.iter().all(|found| found.as_deref() == Ok(&json!(1))));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_a_reading_of_another_that_does_not_end() {
        let documents = Documents::default();
        let stuck = documents.get_or_read("a", std::future::pending::<Result<Value, ()>>());
        let others = join_all((0..40).map(|_| documents.get_or_read("a", async { Err::<Value, _>("away") })));
        let begun = Instant::now();
        tokio::select! {
            biased;
            _ = stuck => unreachable!("it never ends"),
            failed = others => assert!(failed.iter().all(|failed| *failed == Err("away"))),
        }
        assert!(begun.elapsed() < MAX_WAIT * 2, "they waited for each other");
    }
}
