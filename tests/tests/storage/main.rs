//! The bucket against a real S3 server, behind a proxy that is as strict as R2.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod multipart;
mod objects;
mod outage;
mod probe;
mod proxy;
mod write_once;

use std::time::Duration;

use videofactory_storage::{Bucket, PutOptions};
use videofactory_tests::r2_proxy::{Keys, ProxyOptions, R2Proxy};
use videofactory_tests::s3_server::S3Server;

const BUCKET: &str = "films";
const PREFIX: &str = "studio";
const MIB: usize = 1024 * 1024;

/// A server with one bucket, and the proxy before it.
struct Site {
    server: S3Server,
    proxy: R2Proxy,
}

impl Site {
    async fn start() -> Self {
        let server = S3Server::start().await.unwrap();
        server.create_bucket(BUCKET).unwrap();
        let (access_key, secret_key) = server.keys();
        let keys = Keys { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() };
        let options = ProxyOptions { keys: Some(keys), ..ProxyOptions::before(server.url()) };
        let proxy = R2Proxy::start(options).await.unwrap();
        Self { server, proxy }
    }

    /// The bucket through the proxy.
    fn bucket(&self) -> Bucket {
        Bucket::connect(&self.server.config(&self.proxy.url(), BUCKET, PREFIX)).unwrap()
    }

    /// The bucket without R2's rules.
    fn direct(&self) -> Bucket {
        Bucket::connect(&self.server.config(&self.server.url(), BUCKET, PREFIX)).unwrap()
    }

    /// How many requests of an operation came.
    fn operations(&self, name: &str) -> u64 {
        self.proxy.counters().operations.get(name).copied().unwrap_or_default()
    }
}

fn text() -> PutOptions {
    PutOptions::of_type("text/plain")
}

/// Bytes that differ from place to place, the same for the same seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Far enough in the past and in the future for any upload of these tests.
fn long_ago() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn far_future() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH + Duration::from_hours(24 * 365 * 200)
}
