//! The `StoragePolicy` controller: whether the bucket is fit for use, how full it is, when it is pruned and backed up.
//!
//! What is to be deleted is decided in `plan`, and deleted in `prune`; here it is decided when.

pub mod backup;
mod conditions;
mod controller;
mod decide;
mod interrupted_run;
mod location;
mod observe;
mod overlapping_policies;
pub mod owed_since;
pub mod ownership;
pub mod plan;
pub mod prune;
mod requests;
mod run_history;
mod schedule;
mod task_registry;
mod tasks;
mod usage;

#[cfg(test)]
mod tests;

pub use controller::run;
pub use overlapping_policies::{covered_namespaces, protection, respected_peers};
