//! The items of a backup as text: no more of them is kept than is taken.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::bounds::MAX_ITEMS;
use super::error::ReadBackupError;

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
