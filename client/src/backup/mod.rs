//! Backups: all `Channel`s, `ProviderAccount`s, `StoragePolicy`s and `VideoJob`s of a namespace, or of the cluster, in one
//! document, with their status; never a Secret. Scheduled backups, the HTTP API and the plugin have this one format.
//!
//! The document is one object of JSON: `apiVersion`, `kind: Backup`, `createdAt`, `namespace` (absent: of all), `items`
//! (manifests), and at its end `itemCount` and `digest`, by which one that was cut or changed is recognized.
//! Earlier versions wrote neither of the two; their backups are read all the same.

mod bounds;
mod error;
mod export;
mod item;
mod kind;
mod raw_items;
mod read;
mod seal;
mod write;

pub use error::ReadBackupError;
pub use export::{Budget, export, export_within};
pub use item::Item;
pub use kind::Kind;
pub use read::Backup;
pub use write::{Document, Written};

/// The version of the format.
const API_VERSION: &str = "videofactory.dev/v1alpha1";
/// What a backup says that it is.
const KIND: &str = "Backup";
