//! Clips of takes that were found lately by a listing (`reads/clip_takes.rs`). A player asks for a clip in many parts: the
//! first request looks for it, and those that continue it need no listing.

use std::collections::{BTreeSet, VecDeque};

use parking_lot::Mutex;

/// Most clips that are remembered.
const MAX_CLIPS: usize = 256;

/// Their keys, the one that was found last in front.
#[derive(Debug, Default)]
pub struct FoundClips(Mutex<VecDeque<String>>);

impl FoundClips {
    /// The one of these keys that was found last.
    #[must_use]
    pub fn among(&self, wanted: &BTreeSet<String>) -> Option<String> {
        self.0.lock().iter().find(|key| wanted.contains(*key)).cloned()
    }

    /// Remembers a key; the one that was found longest ago makes room for it.
    pub fn remember(&self, key: &str) {
        let mut found = self.0.lock();
        found.retain(|one| one != key);
        found.push_front(key.to_owned());
        found.truncate(MAX_CLIPS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_last_is_remembered_and_what_was_found_long_ago_is_not() {
        let found = FoundClips::default();
        let wanted: BTreeSet<String> = ["0", "1"].map(str::to_owned).into();
        assert_eq!(found.among(&wanted), None);
        for key in ["1", "0", "other"] {
            found.remember(key);
        }
        assert_eq!(found.among(&wanted).as_deref(), Some("0"));
        found.remember("1");
        assert_eq!(found.among(&wanted).as_deref(), Some("1"));
        for key in 0..MAX_CLIPS {
            found.remember(&format!("later-{key}"));
        }
        assert_eq!(found.among(&wanted), None);
    }
}
