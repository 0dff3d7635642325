//! The inventory of a bucket: what is in our folders, and what is beside them.
//!
//! Folders are listed side by side, and what is listed goes at once into compact records or sums. A server that reports
//! of a key twice is believed once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;
use videofactory_storage::{Bucket, ObjectInfo, PROBES, StorageError};

use super::super::ownership::MARKER_KEY;
use super::super::plan::{Folder, Listing, NOBODY, Tally};
use super::report::{Measured, Unknown, Usage};

/// Keys in a row that were all listed before, after which a server is taken to list them for ever.
const MAX_REPEATED: u32 = 10_000;
/// Keys in order that are remembered, should one come out of order: more would take too much memory.
const MAX_REMEMBERED: usize = 2_000_000;
/// How many names a report gives as examples.
const EXAMPLES: usize = 20;

/// All that a run needs to know of the bucket.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// The objects of our folders.
    pub(super) listing: Listing,
    /// Names of what is not ours.
    pub(super) foreign: Vec<String>,
    /// Listings that it took.
    pub(super) lists: u64,
}

/// Why the bucket was not listed.
#[derive(Debug)]
pub(super) enum InventoryError {
    /// It holds more files than there is room for.
    FitMemory,
    /// It could not be listed.
    ListBucket(StorageError),
}

impl From<StorageError> for InventoryError {
    fn from(error: StorageError) -> Self {
        Self::ListBucket(error)
    }
}

/// Lists our folders into records, of which there may be so many.
pub(super) async fn take(bucket: &Bucket, most: u64) -> Result<Inventory, InventoryError> {
    let top_level = bucket.top_level();
    let mut shelves = JoinSet::new();
    let counted = Arc::new(AtomicU64::new(0));
    for folder in Folder::ALL {
        let (bucket, counted) = (bucket.clone(), Arc::clone(&counted));
        let list = async move {
            let mut listing = Listing::default();
            let lists = walk(&bucket, folder, |key, size, modified| {
                listing.add(folder, key, size, modified);
                counted.fetch_add(1, Ordering::Relaxed) < most
            });
            let (lists, whole) = lists.await?;
            if whole { Ok((lists, listing)) } else { Err(InventoryError::FitMemory) }
        };
        shelves.spawn(list.in_current_span());
    }
    let mut inventory = Inventory::default();
    let top = top_level.await?;
    let names = top.folders.iter().chain(&top.objects);
    let foreign = names.filter(|name| !is_ours(name));
    inventory.foreign = foreign.take(EXAMPLES).cloned().collect();
    inventory.lists += 1;
    while let Some(ended) = shelves.join_next().await {
        let (lists, listing) = joined(ended)??;
        inventory.lists += lists;
        inventory.listing.absorb(listing);
    }
    inventory.listing.shrink();
    Ok(inventory)
}

/// Lists our folders into sums.
pub(super) async fn measure(bucket: &Bucket) -> Result<Measured, StorageError> {
    let mut shelves = JoinSet::new();
    for folder in Folder::ALL {
        let bucket = bucket.clone();
        let list = async move {
            let mut sum = Tally::default();
            let count = |_: &str, size, _| {
                sum.add(size);
                true
            };
            let (lists, _) = walk(&bucket, folder, count).await?;
            Ok::<_, StorageError>((folder, lists, sum))
        };
        shelves.spawn(list.in_current_span());
    }
    let mut measured = Measured::default();
    while let Some(ended) = shelves.join_next().await {
        let (folder, lists, sum) = joined(ended)??;
        measured.lists += lists;
        measured.usage.total += sum;
        if let Folder::Kind(kind) = folder {
            measured.usage.by_kind.insert(kind, sum);
        }
    }
    Ok(measured)
}

/// What the listing comes to.
pub(super) fn usage(listing: &Listing) -> Usage {
    let (total, by_kind) = listing.sums();
    Usage { total, by_kind: by_kind.into() }
}

/// The objects under our folders of which we know nothing.
pub(super) fn unknown(listing: &Listing) -> Unknown {
    let mut unknown = Unknown::default();
    for object in listing.objects() {
        if matches!(object.folder, Folder::Kind(_)) && object.owner == NOBODY {
            unknown.tally.add(object.size);
            unknown.examples.push(listing.key(object));
            // The first by name, whatever the order of the listing.
            if unknown.examples.len() > 2 * EXAMPLES {
                unknown.examples.sort_unstable();
                unknown.examples.truncate(EXAMPLES);
            }
        }
    }
    unknown.examples.sort_unstable();
    unknown.examples.truncate(EXAMPLES);
    unknown
}

fn is_ours(name: &str) -> bool {
    [PROBES, MARKER_KEY].contains(&name) || Folder::ALL.iter().any(|folder| folder.prefix() == name)
}

fn joined<T>(ended: Result<T, JoinError>) -> Result<T, StorageError> {
    ended.map_err(|error| StorageError::Other {
        tried: "list the bucket".into(),
        code: "Bug".into(),
        message: error.to_string(),
    })
}

/// Gives every object of a folder to `take`, once each, for as long as that says yes; how many listings that took, and
/// whether it was all.
async fn walk(
    bucket: &Bucket,
    folder: Folder,
    mut take: impl FnMut(&str, u64, u32) -> bool,
) -> Result<(u64, bool), StorageError> {
    let mut pages = bucket.list_pages(folder.prefix());
    let mut once = Once::default();
    let mut lists = 0;
    while let Some(page) = pages.next().await {
        lists += 1;
        for object in page? {
            // A server that answers another question than ours lists other folders.
            let new = object.key.starts_with(folder.prefix()) && once.is_new(&object.key, bucket, folder)?;
            if new && !take(&object.key, object.size, written(&object)) {
                return Ok((lists, false));
            }
        }
    }
    Ok((lists, true))
}

/// When an object was last written, rounded up: it is never taken to be older than it is.
pub(super) fn written(object: &ObjectInfo) -> u32 {
    let seconds = object
        .modified
        .and_then(|time| u32::try_from(time.as_second() + i64::from(time.subsec_nanosecond() > 0)).ok());
    seconds.unwrap_or(u32::MAX)
}

/// Recognises keys that come again. As long as they come in order none can: no key is looked up.
#[derive(Default)]
struct Once {
    last: String,
    hasher: RandomState,
    hashes: Vec<u64>,
    /// There were more than are remembered.
    forgotten: bool,
    /// Filled when the order is broken for the first time.
    seen: Option<HashSet<u64>>,
    repeated: u32,
}

impl Once {
    fn is_new(&mut self, key: &str, bucket: &Bucket, folder: Folder) -> Result<bool, StorageError> {
        let hash = self.hasher.hash_one(key);
        if self.seen.is_none() {
            if key > self.last.as_str() {
                self.last.clear();
                self.last.push_str(key);
                if self.hashes.len() < MAX_REMEMBERED {
                    self.hashes.push(hash);
                } else {
                    self.forgotten = true;
                }
                return Ok(true);
            }
            if self.forgotten {
                return Err(bad_listing(bucket, folder, "the server lists very many keys, and out of order"));
            }
            tracing::warn!(bucket = bucket.name(), key, "the server lists keys out of order");
            self.seen = Some(std::mem::take(&mut self.hashes).into_iter().collect());
        }
        let new = self.seen.get_or_insert_default().insert(hash);
        self.repeated = if new { 0 } else { self.repeated + 1 };
        if self.repeated >= MAX_REPEATED {
            return Err(bad_listing(bucket, folder, "the server lists the same keys again and again"));
        }
        Ok(new)
    }
}

fn bad_listing(bucket: &Bucket, folder: Folder, what: &str) -> StorageError {
    StorageError::Other {
        tried: format!("list {} in bucket {}", folder.prefix(), bucket.name()),
        code: "BadListing".into(),
        message: format!("{what}; report it to whoever runs it"),
    }
}
