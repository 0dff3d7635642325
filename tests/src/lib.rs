//! What the tests of Video Factory share: servers, proxies and helpers.

pub mod api_server;
pub mod docs;
pub mod e2e;
pub mod fakes;
pub mod http;
pub mod otlp;
mod percentile;
pub mod r2_proxy;
pub mod s3_server;

use std::path::{Path, PathBuf};

pub use percentile::percentile;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
