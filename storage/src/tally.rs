//! What was written through a handle and its clones: so a writer can say what it has added to the bucket without
//! asking the bucket, whose listings cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Objects of one folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many; one that took another's place counts like a new one.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Sums by the first part of the keys.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, Written>>);

impl Tally {
    pub(crate) fn count(&self, key: &str, bytes: u64) {
        let folder = key.split('/').next().unwrap_or_default();
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(folder.to_owned()).or_default();
        sum.objects = sum.objects.saturating_add(1);
        sum.bytes = sum.bytes.saturating_add(bytes);
    }

    pub(crate) fn sums(&self) -> BTreeMap<String, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_add_up_by_the_first_part_of_their_keys() {
        let tally = Tally::default();
        for (key, bytes) in [("clips/films/a-1/r1/x", 3), ("clips/films/a-1/r1/y", 4), ("work/films/z", 1)] {
            tally.count(key, bytes);
        }
        let sums = tally.sums();
        assert_eq!(sums["clips"], Written { objects: 2, bytes: 7 });
        assert_eq!(sums["work"], Written { objects: 1, bytes: 1 });
    }
}
