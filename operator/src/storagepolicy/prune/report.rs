//! What a run reports of itself: the truth, however it ended.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneOutcome};

use super::super::plan::{RunRequest, Tally};

/// How a run ended. What did not happen is never counted.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// When it was due.
    pub slot: Timestamp,
    /// Why it took place.
    pub cause: PruneCause,
    /// Whether it only planned.
    pub dry_run: bool,
    /// Files that are gone; where it only planned, files that a run would delete.
    pub deleted: Tally,
    /// Files that were to be deleted and are still there, or of which nothing is known.
    pub failed: Tally,
    /// Files that were kept, by reason, most bytes first.
    pub kept: Vec<Kept>,
    /// How long it took.
    pub duration: Duration,
    /// In a word.
    pub outcome: PruneOutcome,
    /// Key of the plan in the bucket, without its prefix. `None`: it was not written.
    pub plan_key: Option<String>,
    /// What a person should know, and do; empty if all went well.
    pub message: String,
    /// What the bucket holds now. `None`: it could not be listed.
    pub usage: Option<Usage>,
    /// Files under our folders whose keys are none of ours: left alone.
    pub unknown: Unknown,
    /// Folders and files beside ours under the prefix, by name, at most 20: not looked into.
    pub foreign: Vec<String>,
    /// If the bucket stays above its target: what holds the space, and what would free it.
    pub shortfall: Option<String>,
    /// Unfinished uploads that were aborted. `None`: the server cannot list them, or it only planned.
    pub aborted_uploads: Option<u64>,
    /// Calls to the bucket.
    pub calls: Calls,
}

impl RunReport {
    /// The report of a run that has done nothing yet.
    pub(super) fn begun(run_request: &RunRequest) -> Self {
        Self {
            slot: run_request.slot,
            cause: run_request.cause,
            dry_run: run_request.dry_run,
            deleted: Tally::default(),
            failed: Tally::default(),
            kept: Vec::new(),
            duration: Duration::ZERO,
            outcome: PruneOutcome::Interrupted,
            plan_key: None,
            message: String::new(),
            usage: None,
            unknown: Unknown::default(),
            foreign: Vec::new(),
            shortfall: None,
            aborted_uploads: None,
            calls: Calls::default(),
        }
    }

    /// Adds what was kept, by reason.
    pub(super) fn keep(&mut self, sums: HashMap<&'static str, Tally>) {
        for (reason, tally) in sums {
            match self.kept.iter_mut().find(|kept| kept.reason == reason) {
                Some(kept) => kept.tally += tally,
                None => self.kept.push(Kept { reason: reason.to_owned(), tally }),
            }
        }
        self.kept.sort_unstable_by(|one, other| {
            other.tally.bytes.cmp(&one.tally.bytes).then_with(|| one.reason.cmp(&other.reason))
        });
    }
}

/// Files that were kept for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The reason, in a few words.
    pub reason: String,
    pub tally: Tally,
}

/// What the bucket holds under the prefix, in our folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Everything: all kinds, backups, plans and assets.
    pub total: Tally,
    /// The kinds that rules speak of.
    pub by_kind: BTreeMap<ObjectKind, Tally>,
}

/// Files under our folders whose keys are none of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    pub tally: Tally,
    /// Some of their keys.
    pub examples: Vec<String>,
}

/// Calls to the bucket; what R2 charges for them is in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Listings (class A).
    pub lists: u64,
    /// Writes (class A).
    pub puts: u64,
    /// Looks at single files (class B).
    pub heads: u64,
    /// Deletions (free).
    pub deletes: u64,
}

/// What was measured without planning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// What the bucket holds.
    pub usage: Usage,
    /// Listings that it took (class A).
    pub lists: u64,
}
