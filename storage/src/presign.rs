//! Links that carry their own permission, for people's browsers and for outside services.
//!
//! Made without asking the server, for the public endpoint. A link is a secret while it is valid: do not log it.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;

use crate::bucket::Bucket;
use crate::error::{Result, StorageError};

/// Longest time that a link may be valid, by S3's rule: seven days.
pub const MAX_LINK: Duration = Duration::from_hours(7 * 24);

/// A presigned URL. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedLink {
    /// The URL with its signature.
    pub url: String,
}

impl fmt::Debug for PresignedLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PresignedLink(hidden)")
    }
}

impl Bucket {
    /// A link by which anybody can read one object for a time of at most [`MAX_LINK`].
    pub async fn presign_get(&self, key: &str, valid_for: Duration) -> Result<PresignedLink> {
        let terms = terms(valid_for)?;
        let request = self.public().get_object().bucket(self.name()).key(self.keys().full(key)?);
        let signed = request.presigned(terms).await;
        signed
            .map(|request| PresignedLink { url: request.uri().to_owned() })
            .map_err(|error| self.failed("presign", key, &error))
    }
}

fn terms(valid_for: Duration) -> Result<PresigningConfig> {
    let refused = || StorageError::InvalidRequest {
        what: format!("a link cannot be valid for {} s", valid_for.as_secs()),
        remedy: "ask for one second to seven days".into(),
    };
    if valid_for.as_secs() == 0 {
        return Err(refused());
    }
    PresigningConfig::expires_in(valid_for).map_err(|_| refused())
}
