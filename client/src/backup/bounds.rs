//! How much of a backup is taken: one that was made to fill the memory is refused before it does. Pure.

use crate::json::{MAX_VALUES, values};

/// Most items: ten times the jobs that one cluster has.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Most bytes of an item: the API server keeps no object of more.
pub(super) const MAX_ITEM_BYTES: usize = 2 * 1024 * 1024;
/// Most bytes of a field that says what the rest is.
pub(super) const MAX_HEAD_BYTES: usize = 1024;
/// Most characters of somebody else's words in an error.
const MAX_TOLD: usize = 300;

/// Whether an item is no larger than an object can be, as text and in memory.
pub(super) fn is_an_objects(text: &str) -> bool {
    text.len() <= MAX_ITEM_BYTES && values(text.as_bytes()) <= MAX_VALUES
}

/// The beginning of somebody else's words.
pub(super) fn cut(words: &str) -> String {
    words.chars().take(MAX_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_documented() {
        let page = include_str!("../../../docs/operating.md");
        let values = format!("{} MiB and {},000 values", MAX_ITEM_BYTES >> 20, MAX_VALUES / 1000);
        let row = format!("| One item of a backup; all items | {values}; {},000 |", MAX_ITEMS / 1000);
        assert!(page.contains(&row), "docs/operating.md has no row {row}");
    }
}
