//! The real controllers on an API server in memory, which counts their calls.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail the test, and it prints counts"
)]

mod account_cost;
mod many_jobs;
mod restoring;
mod support;
