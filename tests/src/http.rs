//! The tests' own HTTP client.

/// A client. Which TLS it speaks is named here: with several providers compiled in, rustls would refuse to choose.
#[must_use]
pub fn client() -> reqwest::Client {
    // It is there already if this is not the first client.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}
