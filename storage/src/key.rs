//! Keys and the prefix they live under.
//!
//! The only place that adds or removes the prefix, and that decides what a key may look like: relative, without
//! empty, `.` or `..` segments, so that it means the same on R2 and on a server that keeps objects as files.

use std::borrow::Cow;

use crate::error::{Result, StorageError};

/// The folder in which a probe writes; what it writes, it deletes.
pub const PROBES: &str = "probes/";

/// Longest key that S3 and R2 take, in bytes, the prefix included.
const MAX_KEY_BYTES: usize = 1024;

/// The key as errors name it. Keys of probes are different each time and read the same: with one in it, the same trouble
/// would be reported again and again.
pub(crate) fn shown(key: &str) -> Cow<'_, str> {
    if key.starts_with(PROBES) { format!("{PROBES}…").into() } else { key.into() }
}

/// Translates between callers' keys and the bucket's.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    /// Empty, or ending in a slash.
    prefix: String,
}

impl KeySpace {
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let trimmed = prefix.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self { prefix: String::new() });
        }
        check_segments("prefix", trimmed)?;
        Ok(Self { prefix: format!("{trimmed}/") })
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The bucket's key for a caller's key.
    pub(crate) fn full(&self, key: &str) -> Result<String> {
        check_segments("key", key)?;
        let full = format!("{}{key}", self.prefix);
        if full.len() > MAX_KEY_BYTES {
            return Err(StorageError::InvalidRequest {
                what: format!("the key {key:.60}… is {} bytes long with its prefix", full.len()),
                remedy: format!("keep keys within {MAX_KEY_BYTES} bytes"),
            });
        }
        Ok(full)
    }

    /// The bucket's listing prefix for a caller's, which need not end at a slash.
    pub(crate) fn full_prefix(&self, prefix: &str) -> String {
        format!("{}{}", self.prefix, prefix.trim_start_matches('/'))
    }

    /// The caller's key for one of the bucket's; `None` outside the prefix.
    pub(crate) fn relative<'a>(&self, full: &'a str) -> Option<&'a str> {
        full.strip_prefix(&self.prefix).filter(|key| !key.is_empty())
    }
}

fn check_segments(what: &str, text: &str) -> Result<()> {
    let bad_segment = text.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if bad_segment || text.chars().any(char::is_control) {
        return Err(StorageError::InvalidRequest {
            what: format!("{text:?} is not a usable {what}"),
            remedy: "use slash-separated names, none of them empty, `.` or `..`, without control characters"
                .into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_always_ends_at_a_slash_so_that_films_does_not_cover_films2() {
        for prefix in ["films", "films/", "/films/"] {
            let keys = KeySpace::new(prefix).unwrap();
            assert_eq!(keys.full("work/a").unwrap(), "films/work/a");
            assert_eq!(keys.relative("films/work/a"), Some("work/a"));
            assert_eq!(keys.relative("films2/work/a"), None);
            assert_eq!(keys.relative("films/"), None);
        }
    }

    #[test]
    fn empty_prefix_leaves_keys_alone() {
        let keys = KeySpace::new("").unwrap();
        assert_eq!(keys.full("a/b").unwrap(), "a/b");
        assert_eq!(keys.relative("a/b"), Some("a/b"));
        assert_eq!(keys.full_prefix("a/"), "a/");
    }

    #[test]
    fn keys_that_climb_are_refused() {
        let keys = KeySpace::new("films").unwrap();
        for key in ["", "/a", "a//b", "a/", "../a", "a/../b", "a/./b", "a\nb"] {
            let refused = keys.full(key).unwrap_err();
            assert!(matches!(refused, StorageError::InvalidRequest { .. }), "{key:?}: {refused}");
        }
    }

    #[test]
    fn key_length_counts_the_prefix() {
        let keys = KeySpace::new("films").unwrap();
        assert!(keys.full(&"k".repeat(1024 - "films/".len())).is_ok());
        assert!(keys.full(&"k".repeat(1025 - "films/".len())).is_err());
    }
}
