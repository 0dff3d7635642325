//! Sets of scenes by their place in the storyboard, written as intervals (`0-4,7`) as the Job API
//! writes completed indexes: 200 scenes fit in a termination message and in a status.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// More scenes than any video has; a text that names a higher place is refused.
const MAX: u32 = 10_000;

/// A set of scene places, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneSet(BTreeSet<u32>);

/// A text that is no list of ascending intervals such as `0-4,7`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("failed to read {0:?} as a list of scenes; write ascending places such as 0-4,7")]
pub struct ParseSceneSet(String);

impl SceneSet {
    /// All places below `total`.
    #[must_use]
    pub fn first(total: u32) -> Self {
        Self((0..total).collect())
    }

    /// Whether no scene is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scenes are in it.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether this place is in it.
    #[must_use]
    pub fn contains(&self, place: u32) -> bool {
        self.0.contains(&place)
    }

    /// Adds a place.
    pub fn insert(&mut self, place: u32) {
        self.0.insert(place);
    }

    /// The places, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    /// Those here that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }
}

impl FromIterator<u32> for SceneSet {
    fn from_iter<T: IntoIterator<Item = u32>>(places: T) -> Self {
        Self(places.into_iter().collect())
    }
}

impl fmt::Display for SceneSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut places = self.iter().peekable();
        while let Some(start) = places.next() {
            let mut end = start;
            while places.peek() == Some(&(end + 1)) {
                end += 1;
                places.next();
            }
            if !text.is_empty() {
                text.push(',');
            }
            if start == end {
                write!(text, "{start}")?;
            } else {
                write!(text, "{start}-{end}")?;
            }
        }
        f.write_str(&text)
    }
}

impl FromStr for SceneSet {
    type Err = ParseSceneSet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseSceneSet(text.to_owned());
        let mut set = BTreeSet::new();
        let mut after = 0;
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (start, end) = part.split_once('-').unwrap_or((part, part));
            let (start, end): (u32, u32) =
                (start.parse().map_err(|_| refuse())?, end.parse().map_err(|_| refuse())?);
            if start < after || end < start || end >= MAX {
                return Err(refuse());
            }
            set.extend(start..=end);
            after = end + 1;
        }
        Ok(Self(set))
    }
}

impl Serialize for SceneSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SceneSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_are_joined() {
        let set: SceneSet = [0, 1, 2, 4, 6, 7].into_iter().collect();
        assert_eq!(set.to_string(), "0-2,4,6-7");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a", "3-1", "1,1", "2,0-1", "-", "0-99999999", "1,,2", " 1"] {
            assert!(text.parse::<SceneSet>().is_err(), "{text:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(places in proptest::collection::btree_set(0u32..300, 0..80)) {
            let set: SceneSet = places.into_iter().collect();
            prop_assert_eq!(set.to_string().parse::<SceneSet>().unwrap(), set);
        }
    }
}
