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

pub use percentile::percentile;
