//! What can go wrong with a bucket, and the one translation from the SDK's errors.
//!
//! Texts carry keys, codes and addresses, never a credential or a signed link.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use videofactory_net::{Refused, ResolveError, with_advice};

/// Shorthand for this crate's results.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Longest piece of a server's own text that is passed on, in characters.
const MAX_SERVER_TEXT: usize = 200;

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
    #[error(
        "{tried}: the credentials were refused ({code}); check the access key and its secret, \
         and that they may list, read, write and delete in this bucket"
    )]
    Credentials {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
        code: String,
    },
    /// The bucket does not exist.
    #[error("{tried}: there is no such bucket; create it or correct its name")]
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
        "{tried}: the server does not take requests addressed like this ({code}); set bucket.addressing to VirtualHost \
         or Path, and check that bucket.endpoint and bucket.region are the bucket's own"
    )]
    Addressing {
        /// What was tried, on what.
        tried: String,
        /// The server's code, or the HTTP status.
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

/// Translates an SDK error; `tried` names the call.
pub(crate) fn translate<E>(tried: String, error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::TimeoutError(_) => {
            StorageError::Unreachable { tried, reason: "no answer in time".to_owned() }
        }
        SdkError::DispatchFailure(failure) => {
            if let Some(refused) = failure.as_connector_error().and_then(|cause| refusal(cause)) {
                let what = format!("{tried}: not sent");
                return StorageError::InvalidRequest { what, remedy: refused.to_string() };
            }
            let reason = if failure.is_timeout() {
                "no answer in time".to_owned()
            } else {
                failure
                    .as_connector_error()
                    .map_or_else(|| "connection failed".to_owned(), |cause| with_advice(innermost(cause)))
            };
            StorageError::Unreachable { tried, reason }
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let words = unshown(&tried, service.err().message());
            from_code(tried, status, service.err().code(), words)
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            from_code(tried, status, None, Some("the answer is not one of an S3 server"))
        }
        other => StorageError::Other { tried, code: "RequestNotSent".into(), message: innermost(other) },
    }
}

/// Why a server may not be called, if that is what the error is about.
fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Refused> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source()).find_map(
        |cause| match cause.downcast_ref::<ResolveError>() {
            Some(ResolveError::AllowAddress(refused)) => Some(refused),
            _ => cause.downcast_ref::<Refused>(),
        },
    )
}

/// What stands for a server's words, which go to the log alone: whoever names an endpoint would otherwise read in
/// conditions what hosts say that are not his.
pub(crate) fn unshown(tried: &str, words: Option<&str>) -> Option<&'static str> {
    let words = shorten(words?);
    tracing::debug!(tried, words, "a bucket's server refused a request");
    Some("the server refused the request")
}

/// Translates a server's answer. R2's numeric codes stand beside S3's names.
pub(crate) fn from_code(
    tried: String,
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
) -> StorageError {
    // What does not look like a code is none of an S3 server.
    let is_code = |code: &&str| {
        code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    let name = code.filter(is_code).map_or_else(|| format!("HTTP {status}"), ToOwned::to_owned);
    match (code.unwrap_or_default(), status) {
        (
            "SecondLevelDomainForbidden"
            | "VirtualHostDomainRequired"
            | "PathStyleDomainForbidden"
            | "InvalidAddressingHeader"
            | "PermanentRedirect",
            _,
        )
        | (_, 301) => StorageError::Addressing { tried, code: name },
        ("NoSuchBucket" | "10006", _) => StorageError::NoSuchBucket { tried },
        ("NoSuchKey" | "NotFound" | "10007", _) | ("", 404) => StorageError::NoSuchKey { tried },
        ("PreconditionFailed" | "ConditionalRequestConflict" | "10031", _) | (_, 412) => {
            StorageError::PreconditionFailed { tried }
        }
        ("TooManyRequests" | "SlowDown" | "10058", _) | (_, 429) => StorageError::TooManyRequests { tried },
        (
            "InsufficientStorage"
            | "InsufficientCapacity"
            | "QuotaExceeded"
            | "XMinioStorageFull"
            | "XMinioAdminBucketQuotaExceeded",
            _,
        )
        | (_, 507) => StorageError::Full { tried, code: name },
        ("EntityTooLarge" | "10100", _) | (_, 413) => StorageError::TooLarge { tried, detail: name },
        ("InvalidRange" | "10039", _) | (_, 416) => StorageError::InvalidRange { tried },
        (
            "AccessDenied"
            | "XAdminUserNotFound"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "Unauthorized"
            | "NotEntitled"
            | "10002"
            | "10003"
            | "10035"
            | "10042",
            _,
        )
        | (_, 401)
        | ("", 403) => StorageError::Credentials { tried, code: name },
        ("InternalError" | "ServiceUnavailable" | "ClientDisconnect" | "10001" | "10043" | "10054", _)
        | (_, 500 | 502 | 503 | 504) => StorageError::Unavailable { tried, code: name },
        _ => StorageError::Other {
            tried,
            code: name,
            message: shorten(message.unwrap_or("the server gave no reason")),
        },
    }
}

/// The text of an error's last source, which names the cause (`Connection refused (os error 111)`).
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    shorten(&last.to_string())
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MAX_SERVER_TEXT {
        return text.to_owned();
    }
    text.chars().take(MAX_SERVER_TEXT).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_r2_has_its_kind() {
        let cases: &[(u16, &str, &str)] = &[
            (500, "10001", "Unavailable"),
            (503, "10043", "Unavailable"),
            (400, "10054", "Unavailable"),
            (429, "10058", "TooManyRequests"),
            (401, "10002", "CredentialsRefused"),
            (403, "10003", "CredentialsRefused"),
            (403, "10035", "CredentialsRefused"),
            (403, "10042", "CredentialsRefused"),
            (404, "10006", "NoSuchBucket"),
            (404, "10007", "NoSuchKey"),
            (404, "XAdminUserNotFound", "CredentialsRefused"),
            (412, "10031", "PreconditionFailed"),
            (403, "10069", "Other"),
            (507, "InsufficientStorage", "Full"),
            (400, "XMinioAdminBucketQuotaExceeded", "Full"),
            (400, "EntityTooLarge", "TooLarge"),
            (416, "InvalidRange", "InvalidRange"),
            (503, "SlowDown", "TooManyRequests"),
            (501, "NotImplemented", "Other"),
            (403, "SecondLevelDomainForbidden", "AddressingRefused"),
            (403, "VirtualHostDomainRequired", "AddressingRefused"),
            (301, "PermanentRedirect", "AddressingRefused"),
        ];
        for (status, code, reason) in cases {
            assert_eq!(from_code("put a".into(), *status, Some(code), None).reason(), *reason, "{code}");
        }
    }

    #[test]
    fn answers_without_a_body_are_classified_by_status() {
        for (status, reason) in [(403, "CredentialsRefused"), (404, "NoSuchKey"), (503, "Unavailable")] {
            assert_eq!(from_code("head a".into(), status, None, None).reason(), reason);
        }
    }

    #[test]
    fn what_a_server_says_is_not_shown_unless_it_is_a_code() {
        let words = "the inner database is at 10.1.2.3";
        for code in [None, Some("Odd"), Some("<b>secret</b>"), Some(words)] {
            let shown = from_code("put a".into(), 400, code, unshown("put a", Some(words))).to_string();
            assert!(!shown.contains("database") && !shown.contains("secret"), "{shown}");
        }
        let shown = from_code("put a".into(), 403, Some("SecondLevelDomainForbidden"), None).to_string();
        assert!(shown.contains("(SecondLevelDomainForbidden); set bucket.addressing"), "{shown}");
    }

    #[test]
    fn long_server_text_is_cut() {
        let long = "é".repeat(1000);
        let StorageError::Other { message, .. } = from_code("put a".into(), 400, Some("Odd"), Some(&long))
        else {
            panic!("wrong kind")
        };
        assert_eq!(message.chars().count(), MAX_SERVER_TEXT + 1);
    }
}
