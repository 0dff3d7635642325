//! How much of the operator's memory listings may use: all together, and each.
//!
//! A run holds what it has listed until it ends. Small ones go side by side, a few at a time; a large one waits for the
//! large one before it. What is larger than the memory allows is not begun, or given up while it is listed.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes that a file takes in memory until its run ends: the record, its name, the verdict, the plan's file, and what
/// growing lists leave unused. `examples/plan.rs` measures it.
pub const BYTES_PER_FILE: u64 = 300;
/// The part of the operator's memory that listings may take, in per cent.
const SHARE: u64 = 60;
/// Files of a small listing.
pub const FEW: u64 = 50_000;
/// Small listings that are held at a time.
const SMALL_CONCURRENCY: usize = 4;
/// Most files of one listing where nothing limits the memory.
const MAX: u64 = 2_000_000;

/// Where control groups hold the limit of a container's memory, in their two versions.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The memory for listings.
#[derive(Debug)]
pub struct ListingMemory {
    most: u64,
    small: Semaphore,
    large: Semaphore,
}

/// A place in it, until it is dropped.
#[derive(Debug)]
pub struct ListingPermit<'a> {
    /// Most files that fit into it.
    pub most: u64,
    _permit: Option<SemaphorePermit<'a>>,
}

impl ListingMemory {
    /// Room in so many bytes of memory; `None`: nothing limits it.
    #[must_use]
    pub fn in_memory_of(bytes: Option<u64>) -> Self {
        let small = FEW * SMALL_CONCURRENCY as u64;
        let most = bytes.map_or(MAX, |bytes| (bytes / 100 * SHARE / BYTES_PER_FILE).saturating_sub(small));
        Self {
            most: most.clamp(FEW, MAX),
            small: Semaphore::new(SMALL_CONCURRENCY),
            large: Semaphore::new(1),
        }
    }

    /// Room in the memory of the container that this process is in.
    #[must_use]
    pub fn of_this_container() -> Self {
        let limit = LIMITS.iter().find_map(|path| std::fs::read_to_string(path).ok());
        // "max", and a number that no machine has, are no limit.
        Self::in_memory_of(limit.and_then(|text| text.trim().parse().ok()))
    }

    /// Most files that one run can hold.
    #[must_use]
    pub const fn most_files(&self) -> u64 {
        self.most
    }

    /// Waits for a place for a listing of so many files, as far as that is known.
    pub async fn acquire(&self, files: u64) -> ListingPermit<'_> {
        let (semaphore, most) = if files > FEW { (&self.large, self.most) } else { (&self.small, FEW) };
        // Nobody closes them.
        ListingPermit { most, _permit: semaphore.acquire().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn all_listings_together_take_their_share_of_the_memory_at_most() {
        for mib in [256, 512, 1_024] {
            let listing_memory = ListingMemory::in_memory_of(Some(mib * MIB));
            let files = listing_memory.most_files() + FEW * SMALL_CONCURRENCY as u64;
            assert!(files * BYTES_PER_FILE <= mib * MIB / 100 * SHARE, "{mib} MiB");
        }
        assert!(ListingMemory::in_memory_of(Some(512 * MIB)).most_files() >= 800_000);
        assert_eq!(ListingMemory::in_memory_of(Some(MIB)).most_files(), FEW);
        assert_eq!(ListingMemory::in_memory_of(None).most_files(), MAX);
        assert_eq!(ListingMemory::in_memory_of(Some(u64::MAX)).most_files(), MAX);
    }

    #[tokio::test]
    async fn of_two_large_listings_one_waits_and_small_ones_go_beside_it() {
        let listing_memory = ListingMemory::in_memory_of(None);
        let large = listing_memory.acquire(1_000_000).await;
        assert!(listing_memory.acquire(FEW + 1).now_or_never().is_none());
        let small: Vec<_> =
            (0..SMALL_CONCURRENCY).map(|_| listing_memory.acquire(FEW).now_or_never().unwrap()).collect();
        assert!(listing_memory.acquire(0).now_or_never().is_none());
        drop((large, small));
        assert!(
            listing_memory.acquire(FEW + 1).now_or_never().is_some()
                && listing_memory.acquire(0).now_or_never().is_some()
        );
    }
}
