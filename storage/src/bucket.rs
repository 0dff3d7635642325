//! The handle to a bucket: clients, names, and how its calls are named in errors.
//!
//! Making one does no I/O. Cloning one is cheap and shares connections.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::config::BucketConfig;
use crate::error::{Result, StorageError};
use crate::key::{self, KeySpace};
use crate::reach::{self, Access, Addressing};
use crate::retry::{R2Codes, TimeoutProfile, stalled_streams};
use crate::tally::{Tally, Written};
use crate::translate::translate;

/// One bucket, seen through its prefix.
#[derive(Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    small: Client,
    bulk: Client,
    probe: Client,
    once: Client,
    public: Client,
    name: String,
    endpoint: String,
    keys: KeySpace,
    tally: Tally,
    /// Set once the server has refused a batch delete for want of a Content-MD5.
    single_deletes: AtomicBool,
}

impl Bucket {
    /// The bucket, for who trusts its endpoint: nothing is asked of the network's rules, and no proxy is used.
    pub fn connect(config: &BucketConfig) -> Result<Self> {
        Self::make(config, Addressing::Path, |endpoint| Ok(http_client(endpoint)))
    }

    /// The bucket of somebody else's configuration: its endpoint is called only if it may be.
    pub fn connect_over(config: &BucketConfig, access: &Access) -> Result<Self> {
        Self::make(config, access.addressing, |endpoint| reach::http_client(endpoint, &access.network))
    }

    /// Checks the configuration and makes a handle; nothing is sent yet (see [`Bucket::probe`]).
    fn make(
        config: &BucketConfig,
        addressing: Addressing,
        http_client: impl FnOnce(&str) -> Result<SharedHttpClient>,
    ) -> Result<Self> {
        let endpoint = checked_url("endpoint", &config.endpoint)?;
        let public = match &config.public_endpoint {
            Some(url) => checked_url("public endpoint", url)?,
            None => endpoint.clone(),
        };
        let missing = [
            ("bucket's name", config.bucket.as_str()),
            ("access key", config.access_key.reveal()),
            ("secret key", config.secret_key.reveal()),
        ];
        for (what, value) in missing {
            if value.is_empty()
                || value.trim() != value
                || value.contains(['/', '\n']) && what == "bucket's name"
            {
                return Err(StorageError::InvalidRequest {
                    what: format!("the {what} is empty or has characters that do not belong there"),
                    remedy: format!("give the {what} without spaces or line ends around it"),
                });
            }
        }
        let common =
            common_config(config, http_client(&endpoint)?).force_path_style(addressing == Addressing::Path);
        let client = |profile: TimeoutProfile, endpoint: &str| {
            Client::from_conf(
                common
                    .clone()
                    .endpoint_url(endpoint)
                    .retry_config(profile.retries())
                    .timeout_config(profile.timeouts())
                    .build(),
            )
        };
        let inner = Inner {
            small: client(TimeoutProfile::Small, &endpoint),
            bulk: client(TimeoutProfile::Bulk, &endpoint),
            probe: client(TimeoutProfile::Probe, &endpoint),
            once: client(TimeoutProfile::Once, &endpoint),
            public: client(TimeoutProfile::Small, &public),
            name: config.bucket.clone(),
            endpoint,
            keys: KeySpace::new(&config.prefix)?,
            tally: Tally::default(),
            single_deletes: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The prefix that all keys are under: empty, or ending in a slash.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.inner.keys.prefix()
    }

    pub(crate) fn small(&self) -> &Client {
        &self.inner.small
    }

    pub(crate) fn bulk(&self) -> &Client {
        &self.inner.bulk
    }

    pub(crate) fn public(&self) -> &Client {
        &self.inner.public
    }

    pub(crate) fn keys(&self) -> &KeySpace {
        &self.inner.keys
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.inner.tally
    }

    /// What this handle and its clones have written so far, by the first part of the keys.
    #[must_use]
    pub fn written(&self) -> BTreeMap<String, Written> {
        self.tally().sums()
    }

    /// The same bucket with the short time-outs of a probe for every call.
    #[must_use]
    pub fn with_short_timeouts(&self) -> Self {
        self.with(&self.inner.probe)
    }

    /// The same bucket for who looks again before a call is repeated: each is one request, of at most 30 s.
    #[must_use]
    pub fn once(&self) -> Self {
        self.with(&self.inner.once)
    }

    /// The same bucket with this client for every call.
    fn with(&self, client: &Client) -> Self {
        let inner = &self.inner;
        Self {
            inner: Arc::new(Inner {
                small: client.clone(),
                bulk: client.clone(),
                probe: client.clone(),
                once: client.clone(),
                public: inner.public.clone(),
                name: inner.name.clone(),
                endpoint: inner.endpoint.clone(),
                keys: inner.keys.clone(),
                tally: Tally::default(),
                single_deletes: AtomicBool::new(self.deletes_singly()),
            }),
        }
    }

    pub(crate) fn deletes_singly(&self) -> bool {
        self.inner.single_deletes.load(Ordering::Relaxed)
    }

    pub(crate) fn delete_singly_from_now_on(&self) {
        self.inner.single_deletes.store(true, Ordering::Relaxed);
    }

    /// How a call reads in an error: `put work/a in bucket films at http://s3:9000`.
    pub(crate) fn tried(&self, verb: &str, key: &str) -> String {
        let Inner { name, endpoint, .. } = &*self.inner;
        let space = if key.is_empty() { "" } else { " " };
        format!("{verb}{space}{} in bucket {name} at {endpoint}", key::shown(key))
    }

    pub(crate) fn failed<E>(&self, verb: &str, key: &str, error: &SdkError<E, HttpResponse>) -> StorageError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        translate(self.tried(verb, key), error)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bucket")
            .field("name", &self.inner.name)
            .field("endpoint", &self.inner.endpoint)
            .field("prefix", &self.prefix())
            .finish_non_exhaustive()
    }
}

fn common_config(config: &BucketConfig, http_client: SharedHttpClient) -> Builder {
    let credentials = Credentials::new(
        config.access_key.reveal(),
        config.secret_key.reveal(),
        None,
        None,
        "videofactory bucket configuration",
    );
    let region = if config.region.is_empty() { "auto".to_owned() } else { config.region.clone() };
    // Retries are bounded by attempts; a budget shared over buckets would let one's outage starve another.
    let budget = RetryPartition::custom("videofactory").token_bucket(TokenBucket::unlimited()).build();
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client)
        .region(Region::new(region))
        .credentials_provider(credentials)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(stalled_streams())
        .retry_partition(budget)
        .retry_classifier(R2Codes::default())
}

/// rustls with ring. Without TLS no certificate store is needed, so none is read.
fn http_client(endpoint: &str) -> SharedHttpClient {
    let trust = if endpoint.starts_with("https://") { TrustStore::default() } else { TrustStore::empty() };
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(trust).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        Err(_) => builder.build_https(),
    }
}

fn checked_url(what: &str, url: &str) -> Result<String> {
    let refuse = |problem: &str, remedy: &str| {
        Err(StorageError::InvalidRequest { what: format!("the {what} {problem}"), remedy: remedy.to_owned() })
    };
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(host) = host.map(|rest| rest.trim_end_matches('/')) else {
        return refuse(
            "does not begin with http:// or https://",
            "give it as https://host or http://host:port",
        );
    };
    if host.contains('@') {
        return refuse("has a user name in it", "give credentials as access key and secret key");
    }
    if host.is_empty() || host.contains(['/', '?', '#']) || host.chars().any(char::is_whitespace) {
        return refuse(
            "is not just a scheme, a host and a port",
            "leave out path, query and the bucket's name",
        );
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::object::PutOptions;

    fn config() -> BucketConfig {
        BucketConfig {
            endpoint: "http://127.0.0.1:9000/".into(),
            public_endpoint: None,
            bucket: "films".into(),
            region: String::new(),
            prefix: "studio".into(),
            access_key: "the-access-key".into(),
            secret_key: "the-secret-key".into(),
        }
    }

    /// What the connection says once `break_it` has spoilt the configuration.
    fn refusal(break_it: impl FnOnce(&mut BucketConfig)) -> String {
        let mut config = config();
        break_it(&mut config);
        Bucket::connect(&config).unwrap_err().to_string()
    }

    #[test]
    fn bad_configuration_is_refused_with_what_to_do() {
        assert!(refusal(|c| c.endpoint = "s3:9000".into()).contains("give it as https://"));
        assert!(refusal(|c| c.endpoint = "http://s3:9000/films".into()).contains("leave out path"));
        assert!(refusal(|c| c.endpoint = "http://".into()).contains("leave out path"));
        assert!(refusal(|c| c.public_endpoint = Some("ftp://x".into())).contains("public endpoint"));
        assert!(refusal(|c| c.bucket = String::new()).contains("bucket's name"));
        assert!(refusal(|c| c.bucket = "a/b".into()).contains("bucket's name"));
        assert!(refusal(|c| c.access_key = "".into()).contains("access key"));
        assert!(refusal(|c| c.secret_key = "word\n".into()).contains("secret key"));
        assert!(refusal(|c| c.prefix = "a/../b".into()).contains("prefix"));
    }

    #[test]
    fn refusals_and_debug_never_show_a_credential() {
        let endpoint = refusal(|c| c.endpoint = "http://id:the-secret-key@s3:9000".into());
        let spaced = refusal(|c| c.secret_key = " the-secret-key".into());
        let shown = format!("{endpoint} {spaced} {:?}", Bucket::connect(&config()).unwrap());
        assert!(!shown.contains("the-secret-key") && !shown.contains("the-access-key"), "{shown}");
    }

    #[test]
    fn the_same_trouble_reads_the_same_at_every_probe() {
        let bucket = Bucket::connect(&config()).unwrap();
        let tried = |key: &str| bucket.tried("put", key);
        assert_eq!(tried("probes/00ff"), tried("probes/ab12"));
        let reported = tried("probes/00ff");
        assert!(reported.starts_with("put probes/… in bucket films at http://127.0.0.1:9000"), "{reported}");
        assert!(tried("work/a").starts_with("put work/a in bucket films"));
    }

    #[test]
    fn every_call_can_be_awaited_on_any_thread() {
        fn sendable<T: Send>(_: T) {}
        let (bucket, path, options) =
            (Bucket::connect(&config()).unwrap(), Path::new("/film"), PutOptions::default());
        sendable(bucket.put("a", "x", &options));
        sendable(bucket.put_once("a", "x", &options));
        sendable(bucket.put_json_once("a", &1));
        sendable(bucket.put_file("a", path, &options));
        sendable(bucket.put_file_once("a", path, &options));
        sendable(bucket.get("a", 1));
        sendable(bucket.get_json::<u32>("a"));
        sendable(bucket.get_to_file("a", path));
        sendable(bucket.open("a", None));
        sendable(bucket.head("a"));
        sendable(bucket.list(""));
        sendable(bucket.list_pages(""));
        sendable(bucket.top_level());
        sendable(bucket.delete_one("a"));
        sendable(bucket.delete(&[]));
        sendable(bucket.abort_stale_uploads(|_| true, jiff::Timestamp::UNIX_EPOCH));
        sendable(bucket.presign_get("a", Duration::from_secs(1)));
        sendable(bucket.probe());
        sendable(bucket.check());
    }
}
