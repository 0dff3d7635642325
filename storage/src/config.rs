//! Where a bucket is and what opens it.
//!
//! The keys are taken in, never given out: neither `Debug` nor `Serialize` shows them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret that no formatter shows; [`SecretText::reveal`] is the one way to read it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Never log or store what this returns.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "(empty)" } else { "(hidden)" })
    }
}

/// A bucket's address, the prefix inside it that is ours, and the credentials.
///
/// Serialised without the credentials, so that the rest may travel in a Job; deserialised with or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketConfig {
    /// URL of the S3 API, `http://host:port` or `https://host`, without the bucket's name.
    pub endpoint: String,
    /// URL under which people's browsers reach the same bucket; presigned links are made for it.
    /// Absent: the same as `endpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_endpoint: Option<String>,
    /// The bucket's name.
    pub bucket: String,
    /// Region that requests are signed for; R2 wants `auto`.
    #[serde(default = "default_region")]
    pub region: String,
    /// Everything of ours lies under this; empty means the whole bucket. A closing slash is added.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Access key id.
    #[serde(default, skip_serializing)]
    pub access_key: SecretText,
    /// Secret access key.
    #[serde(default, skip_serializing)]
    pub secret_key: SecretText,
}

fn default_region() -> String {
    "auto".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> BucketConfig {
        BucketConfig {
            endpoint: "http://127.0.0.1:9000".into(),
            public_endpoint: None,
            bucket: "films".into(),
            region: "auto".into(),
            prefix: "studio".into(),
            access_key: "the-access-key".into(),
            secret_key: "the-secret-key".into(),
        }
    }

    #[test]
    fn neither_debug_nor_json_shows_a_credential() {
        let shown = format!("{:?} {}", config(), serde_json::to_string(&config()).unwrap());
        assert!(!shown.contains("the-access-key") && !shown.contains("the-secret-key"), "{shown}");
        assert!(shown.contains("(hidden)"), "{shown}");
    }

    #[test]
    fn only_endpoint_and_bucket_must_be_given() {
        let read: BucketConfig =
            serde_json::from_str(r#"{"endpoint":"https://s3.example.com","bucket":"films"}"#).unwrap();
        assert_eq!((read.region.as_str(), read.prefix.as_str()), ("auto", ""));
        assert_eq!(read.secret_key, SecretText::default());
    }

    #[test]
    fn credentials_are_read_from_json() {
        let read: BucketConfig = serde_json::from_str(
            r#"{"endpoint":"http://s3:9000","bucket":"films","accessKey":"id","secretKey":"word"}"#,
        )
        .unwrap();
        assert_eq!((read.access_key.reveal(), read.secret_key.reveal()), ("id", "word"));
    }
}
