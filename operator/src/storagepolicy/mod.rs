//! The `StoragePolicy` controller: whether the bucket is fit for use, how full it is, when it is pruned and backed up.
//!
//! What is to be deleted is decided in `plan`, and deleted in `prune`; here it is decided when.

pub mod backup;
pub mod claim;
mod conditions;
mod controller;
mod decide;
mod desk;
pub mod due;
mod neighbours;
mod observe;
mod place;
pub mod plan;
pub mod prune;
mod requests;
mod runs;
mod schedule;
mod tasks;
mod usage;

#[cfg(test)]
mod tests;

pub use controller::run;
pub use neighbours::{covered_namespaces, heeded, protection};
