//! The `StoragePolicy` controller: finds out whether the bucket is fit for use, and says so. Nothing is pruned yet.

mod controller;
mod decide;
mod observe;

pub use controller::run;
