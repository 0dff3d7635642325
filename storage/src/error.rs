//! What can go wrong with a bucket, and what to do about it.
//!
//! Texts carry keys, codes and addresses, never a credential or a signed link.

/// Shorthand for this crate's results.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// A call to the bucket failed. `tried` reads like `put work/a in bucket films at http://s3:9000`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No connection, or no answer in time.
    #[error("{tried}: the server cannot be reached ({reason}); check the endpoint and that the server is up")]
    Unreachable {
        /// What was tried, on what.
        tried: String,
        /// Innermost cause.
        reason: String,
    },
    /// The server answers, but says that it cannot serve now.
    #[error("{tried}: the server is unavailable ({code}); try again later")]
    Unavailable {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
    },
    /// The access key, its secret or its permissions do not suffice.
    #[error("{tried}: the credentials were refused ({code}); {}", credentials_advice(.code))]
    Credentials {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
    },
    /// The bucket does not exist.
    #[error("{tried}: there is no such bucket; create it, or correct spec.bucket.name of the StoragePolicy")]
    NoSuchBucket {
        /// What was tried, on what.
        tried: String,
    },
    /// The object does not exist.
    #[error("{tried}: there is no such object")]
    NoSuchKey {
        /// What was tried, on what.
        tried: String,
    },
    /// The object exists, or was changed, and the call was to happen only otherwise.
    #[error("{tried}: the precondition does not hold; somebody else wrote this key")]
    PreconditionFailed {
        /// What was tried, on what.
        tried: String,
    },
    /// The server ignores preconditions, so that nothing can be written once.
    #[error(
        "bucket {bucket}: the server does not honour `If-None-Match: *` ({detail}); \
         use a server that does, such as Cloudflare R2 or versitygw"
    )]
    PreconditionsUnsupported {
        /// The bucket's name.
        bucket: String,
        /// What was seen.
        detail: String,
    },
    /// Refused for the rate of requests, also after waiting (R2: one write a second a key).
    #[error("{tried}: too many requests; write to one key at most once a second, and try again later")]
    TooManyRequests {
        /// What was tried, on what.
        tried: String,
    },
    /// The server has no space left, or a quota is used up.
    #[error("{tried}: no space left ({code}); delete something or raise the limit")]
    Full {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
    },
    /// The object is larger than the caller or the server allows.
    #[error("{tried}: too large ({detail})")]
    TooLarge {
        /// What was tried, on what.
        tried: String,
        /// Sizes in bytes, or the server's code.
        detail: String,
    },
    /// The byte range lies outside the object.
    #[error("{tried}: the range lies outside the object; ask for its size first")]
    InvalidRange {
        /// What was tried, on what.
        tried: String,
    },
    /// The content is not what was stored.
    #[error("{tried}: the content is damaged ({detail}); delete the object and make it again")]
    Corrupt {
        /// What was tried, on what.
        tried: String,
        /// The difference between what was stored and what was read, as words.
        detail: String,
    },
    /// A local file could not be read or written.
    #[error("{tried}: {reason}")]
    LocalFile {
        /// What was tried, on which path.
        tried: String,
        /// The operating system's text.
        reason: String,
    },
    /// The request cannot be sent as it is: configuration, key, metadata.
    #[error("{what}; {remedy}")]
    InvalidRequest {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The server wants the bucket's name elsewhere in the request, or the bucket is elsewhere.
    #[error(
        "{tried}: the server does not take requests addressed like this ({code}); in the StoragePolicy, set \
         spec.bucket.addressing to VirtualHost or Path, and check that spec.bucket.endpoint and spec.bucket.region are the \
         bucket's own{}",
        own_region(.region.as_deref())
    )]
    Addressing {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
        /// Where the bucket is, if the server says so.
        region: Option<String>,
    },
    /// The request was signed for another region than the bucket's.
    #[error("{tried}: the server refused the region ({code}); {}", region_advice(.expected.as_deref()))]
    Region {
        /// What was tried, on what.
        tried: String,
        /// The server's code.
        code: String,
        /// The region that the server expects, if it says so.
        expected: Option<String>,
    },
    /// Something else than an S3 server answers: a web page, for example.
    #[error(
        "{tried}: what answers is no S3 server ({code}); correct spec.bucket.endpoint of the StoragePolicy: scheme, host \
         and port of the S3 service itself, not of its web console"
    )]
    NotS3 {
        /// What was tried, on what.
        tried: String,
        /// The HTTP status.
        code: String,
    },
    /// The clocks of both sides differ by minutes.
    #[error(
        "{tried}: the server's clock and the clock of the node that asked differ by too much ({code}); set both by a time \
         server (NTP)"
    )]
    Clock {
        /// What was tried, on what.
        tried: String,
        /// The server's code.
        code: String,
    },
    /// Anything else.
    #[error("{tried}: {code}: {message}")]
    Other {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
        /// What is known of it, but for the server's own words.
        message: String,
    },
}

impl StorageError {
    /// A short `CamelCase` name of the kind.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "Unreachable",
            Self::Unavailable { .. } => "Unavailable",
            Self::Credentials { .. } => "CredentialsRefused",
            Self::NoSuchBucket { .. } => "NoSuchBucket",
            Self::NoSuchKey { .. } => "NoSuchKey",
            Self::PreconditionFailed { .. } => "PreconditionFailed",
            Self::PreconditionsUnsupported { .. } => "PreconditionsUnsupported",
            Self::TooManyRequests { .. } => "TooManyRequests",
            Self::Full { .. } => "Full",
            Self::TooLarge { .. } => "TooLarge",
            Self::InvalidRange { .. } => "InvalidRange",
            Self::Corrupt { .. } => "Corrupt",
            Self::LocalFile { .. } => "LocalFile",
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::Addressing { .. } => "AddressingRefused",
            Self::Region { .. } => "RegionRefused",
            Self::NotS3 { .. } => "NotS3",
            Self::Clock { .. } => "ClockSkew",
            Self::Other { .. } => "Other",
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. } | Self::TooManyRequests { .. })
    }

    /// Whether there is no space left for what was to be written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the object asked for does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NoSuchKey { .. })
    }

    /// A local file problem.
    pub(crate) fn local(verb: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::LocalFile { tried: format!("{verb} {}", path.display()), reason: error.to_string() }
    }
}

/// What to do about credentials that were refused with this code.
fn credentials_advice(code: &str) -> &'static str {
    match code {
        "InvalidAccessKeyId" | "XAdminUserNotFound" => {
            "the server does not know the access key: correct accessKeyId in the Secret that spec.bucket.secretRef of the \
             StoragePolicy names"
        }
        "SignatureDoesNotMatch" | "10035" => {
            "the secret key is not the access key's: correct secretAccessKey in the Secret that spec.bucket.secretRef of \
             the StoragePolicy names"
        }
        "AccessDenied" | "10003" => {
            "let the access key list, read, write and delete in this bucket, or correct spec.bucket.name of the \
             StoragePolicy"
        }
        "InvalidToken" | "ExpiredToken" => {
            "temporary keys cannot be used: put keys that last into the Secret that spec.bucket.secretRef of the \
             StoragePolicy names"
        }
        "NotEntitled" | "10042" | "NotSignedUp" | "AccountProblem" => {
            "the account may not use the service: enable the service, or pay what the account owes, at its provider"
        }
        _ => {
            "check accessKeyId and secretAccessKey in the Secret that spec.bucket.secretRef of the StoragePolicy names, and \
             that they may list, read, write and delete in this bucket"
        }
    }
}

/// What to do about a region that was refused, where the server expects this one.
fn region_advice(expected: Option<&str>) -> String {
    match expected {
        Some(region) => format!("set spec.bucket.region of the StoragePolicy to {region}"),
        None => "set spec.bucket.region of the StoragePolicy to the region that the bucket's provider names for it".into(),
    }
}

/// The region of a bucket, where it is known, as the end of a sentence.
fn own_region(region: Option<&str>) -> String {
    region.map_or_else(String::new, |region| format!(" (the bucket is in the region {region})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of credentials that were refused with this code.
    fn refused(code: &str) -> String {
        StorageError::Credentials { tried: "list".to_owned(), code: code.to_owned() }.to_string()
    }

    #[test]
    fn refused_credentials_say_which_of_them_to_mend() {
        for (code, advice) in [
            ("InvalidAccessKeyId", "correct accessKeyId in the Secret"),
            ("SignatureDoesNotMatch", "correct secretAccessKey in the Secret"),
            ("AccessDenied", "let the access key list, read, write and delete"),
            ("ExpiredToken", "keys that last"),
            ("NotEntitled", "enable the service"),
            ("HTTP 403", "check accessKeyId and secretAccessKey"),
        ] {
            let shown = refused(code);
            assert!(shown.starts_with(&format!("list: the credentials were refused ({code}); ")), "{shown}");
            assert!(shown.contains(advice), "{shown}");
        }
    }

    #[test]
    fn a_wrong_region_names_its_field_and_the_region_that_is_expected() {
        let shown = |expected: Option<&str>| {
            let (tried, code) = ("list".to_owned(), "AuthorizationHeaderMalformed".to_owned());
            StorageError::Region { tried, code, expected: expected.map(ToOwned::to_owned) }.to_string()
        };
        assert_eq!(
            shown(Some("eu-west-1")),
            "list: the server refused the region (AuthorizationHeaderMalformed); set spec.bucket.region of the \
             StoragePolicy to eu-west-1"
        );
        assert!(
            shown(None).contains("set spec.bucket.region of the StoragePolicy to the region that"),
            "{}",
            shown(None)
        );
    }
}
