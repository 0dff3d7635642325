//! How much of a backup is taken: one that was made to fill the memory is refused before it does. Pure.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ReadBackupError;
use crate::json::{MAX_VALUES, values};

/// Most items: ten times the jobs that one cluster has.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Most bytes of an item: the API server keeps no object of more.
pub(super) const MAX_ITEM_BYTES: usize = 2 * 1024 * 1024;
/// Most bytes of a field that says what the rest is.
pub(super) const MAX_HEAD_BYTES: usize = 1024;
/// Most characters of somebody else's words in an error.
const MAX_TOLD: usize = 300;

/// The items of a backup, none of them read.
pub(super) struct RawItems<'a>(pub(super) Vec<&'a RawValue>);

impl<'a> RawItems<'a> {
    pub(super) fn of(items: Option<&'a RawValue>) -> Result<Self, ReadBackupError> {
        let not_json = |why: &str| ReadBackupError::ParseJson(why.to_owned());
        let list = items.map_or("", RawValue::get);
        if !list.starts_with('[') {
            return Err(not_json("it has no list of items"));
        }
        let Counted { first, count } =
            serde_json::from_str(list).map_err(|error| not_json(&error.to_string()))?;
        if count > MAX_ITEMS { Err(ReadBackupError::BoundItems(count)) } else { Ok(Self(first)) }
    }
}

/// A list of which no more is kept than is taken.
struct Counted<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

impl<'de> Deserialize<'de> for Counted<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counter)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = Counted<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        while first.len() < MAX_ITEMS {
            match items.next_element()? {
                Some(item) => first.push(item),
                None => return Ok(Counted { count: first.len(), first }),
            }
        }
        let mut count = first.len();
        while items.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Counted { first, count })
    }
}

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
