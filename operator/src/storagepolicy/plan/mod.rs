//! What a prune run deletes, and why each file stays or goes. Pure: no client, no clock.

mod always_kept;
mod apply_rules;
mod explain;
mod file_verdict;
mod listing;
mod references;
mod rules;
mod run_request;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;

pub use apply_rules::{PrunePlan, plan};
pub use explain::{kept, shortfall, size};
pub use file_verdict::{FileVerdict, Why};
pub use listing::{Folder, Listing, NOBODY, Object, Owner, OwnerIndex};
pub use references::{JobLifecycle, JobReference, Owned, References, VideoJobFacts};
pub use rules::{ReadRulesError, Rules};
pub use run_request::{RunRequest, SLOT, of_plan};

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    /// One more file of this size.
    pub fn add(&mut self, bytes: u64) {
        *self += Self { objects: 1, bytes };
    }

    /// So much less; never below nothing.
    pub fn take(&mut self, less: Self) {
        self.objects = self.objects.saturating_sub(less.objects);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.objects = self.objects.saturating_add(more.objects);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}
