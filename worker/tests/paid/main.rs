//! What is bought is bought once, whatever dies: the driver against a bucket and a service in memory, cut off
//! at every point at which it waits for either.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot continue may panic, in helpers too"
)]

mod crashes;
mod harness;
mod limits;
mod outages;
mod questions;
mod random;
mod service;
mod wire;
