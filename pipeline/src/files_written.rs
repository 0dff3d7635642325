//! What an attempt has added to the bucket, by kind of file: it keeps the policy's usage current between two
//! measurements.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use videofactory_crds::storagepolicy::ObjectKind;

/// Files of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesWritten {
    /// Number of files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// By kind; a kind of which nothing was written is not there.
pub type FilesWrittenByKind = BTreeMap<ObjectKind, FilesWritten>;
