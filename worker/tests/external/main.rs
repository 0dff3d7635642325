//! The steps with external services: doubles that answer as configured, and a real S3 server behind the proxy that
//! keeps R2's rules.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot continue may panic, in helpers too"
)]

mod announce;
mod clips;
mod fake_service;
mod pictures;
mod preview;
mod scripts;
mod site;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "what runs the program itself is not needed here")]
mod support;
mod traced;
mod upload;
mod voices;
mod work;
