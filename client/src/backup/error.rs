//! Why a text is no backup, or not a whole one.

use super::API_VERSION;
use super::bounds::{MAX_ITEM_BYTES, MAX_ITEMS};
use crate::json::MAX_VALUES;

/// A text that is no backup, or not a whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackupError {
    /// It ends before it is complete.
    #[error("the backup ends in the middle, after {0} bytes: it was cut short; use the whole file")]
    ReadToEnd(usize),
    #[error("the backup cannot be read ({0}): it is one object of JSON, as it was written")]
    ParseJson(String),
    /// It is of another kind.
    #[error("this is no backup of Video Factory: its kind is {0:?}, and a backup's is \"Backup\"")]
    MatchKind(String),
    /// It was written by another version.
    #[error(
        "this backup is of version {0:?}, and this program reads {API_VERSION:?}: restore it with the release that wrote it"
    )]
    MatchVersion(String),
    /// There are more items or fewer than it says.
    #[error(
        "the backup says that it has {said} items, and has {found}: it was cut or changed; use it as it was written"
    )]
    MatchCount {
        /// By its own word.
        said: u64,
        /// In truth.
        found: usize,
    },
    /// There are more items than any cluster of ours has.
    #[error("the backup has {0} items, and at most {MAX_ITEMS} are taken; restore namespace by namespace")]
    BoundItems(usize),
    /// An item is larger than the API server takes an object.
    #[error(
        "item {0} of the backup has more than {MAX_ITEM_BYTES} bytes or {MAX_VALUES} values, which no object of Video \
         Factory has; use the backup as it was written"
    )]
    BoundItemSize(usize),
    /// Its digest is another one.
    #[error(
        "the backup was changed since it was written: its digest does not fit what it holds; use it as it was written"
    )]
    MatchDigest,
    /// Something in it is no object of ours.
    #[error(
        "item {number} of the backup is {what}, which is no object of Video Factory; use the backup as it was written"
    )]
    KnowItem {
        /// Counted from 1.
        number: usize,
        what: String,
    },
    /// An object in it cannot be read.
    #[error("item {number} of the backup cannot be read: {problem}")]
    ReadItem {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        problem: String,
    },
    /// An object of another namespace than that of the backup.
    #[error(
        "{item} is not of {namespace}, the backup's namespace: nothing is restored into another one; use the backup as it \
         was written"
    )]
    MatchNamespace {
        /// The object.
        item: String,
        /// The backup's.
        namespace: String,
    },
    /// Nothing in it is of the namespace that is wanted.
    #[error("nothing in this backup is of namespace {wanted}; it has objects of {}", .there.join(", "))]
    FindNamespace {
        /// The one that is wanted.
        wanted: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// Two objects of one kind and name.
    #[error("{0} stands in the backup twice; use the backup as it was written")]
    RepeatItem(String),
}
