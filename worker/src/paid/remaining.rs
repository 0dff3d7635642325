//! How many submissions are still to be made: reported only once every digest was checked, because a number that is too
//! small would be believed.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use videofactory_pipeline::Digest;

use crate::progress::Progress;

/// Counts for one account.
pub(super) struct Remaining {
    progress: Progress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    expected: BTreeSet<Digest>,
    checked: BTreeSet<Digest>,
    open: BTreeSet<Digest>,
}

impl Remaining {
    pub fn new(progress: Progress) -> Self {
        Self { progress, state: Mutex::default() }
    }

    /// Where it is reported.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is wanted in all.
    pub fn expect(&self, digests: BTreeSet<Digest>) {
        self.change(|state| state.expected = digests);
    }

    /// Whether this one is still to be submitted.
    pub fn set(&self, digest: &Digest, open: bool) {
        self.change(|state| {
            state.checked.insert(digest.clone());
            if open {
                state.open.insert(digest.clone())
            } else {
                state.open.remove(digest)
            };
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if state.checked.is_superset(&state.expected) {
            self.progress.left(u32::try_from(state.open.len()).unwrap_or(u32::MAX));
        }
    }
}
