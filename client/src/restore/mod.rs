//! Restoring a backup. Each object is made held (by the annotation `videofactory.dev/restoring`), is given its status, and
//! both are compared with the backup; only when that has gone well for all of them are they released. In between nothing
//! acts, so that no controller takes a job for a new one and pays for its film again.
//!
//! Whatever breaks a restore off, the next one continues where it was. What exists and is not held is left alone.

mod answer;
mod error;
mod files;
pub mod identity;
mod notes;
mod plan;
mod rights;
mod run;
mod verify;
mod work;

pub use answer::{Answer, ItemAnswer, Outcome};
pub use error::RestoreError;
pub use files::{Files, Wanted};
pub use run::{Options, restore};
