//! The one translation from the SDK's errors, and from a server's answers, to ours.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use videofactory_net::{Refused, ResolveError, with_advice};

use crate::error::StorageError;
use crate::xml::element;

/// Longest piece of a text of others that is passed on, in characters.
const MAX_TEXT: usize = 200;
/// Longest code or region, in bytes: longer ones are none.
const MAX_NAME: usize = 64;

/// A server's answer to a call that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer<'a> {
    /// The HTTP status; 0 for one key of a batch, which has none.
    pub status: u16,
    /// The code of S3 or R2.
    pub code: Option<&'a str>,
    /// What the server says of it in its own words.
    pub words: Option<&'a str>,
    /// The region that it names.
    pub region: Option<&'a str>,
    /// Whether there was anything in its body.
    pub has_body: bool,
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
            let (code, words) = (service.err().code(), service.err().message());
            from_answer(tried, &Answer { code, words, ..answer(service.raw()) })
        }
        // The body is missing where the connection broke in the middle of it.
        SdkError::ResponseError(response) if response.raw().body().bytes().is_none() => {
            StorageError::Unreachable { tried, reason: "the answer broke off".to_owned() }
        }
        SdkError::ResponseError(response) => from_answer(tried, &answer(response.raw())),
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

/// What is known of an answer without its code and words. A region is in a header, or in the body of a refusal.
fn answer(response: &HttpResponse) -> Answer<'_> {
    let body = response.body().bytes().unwrap_or_default();
    let region = response.headers().get("x-amz-bucket-region").or_else(|| element(body, "Region"));
    let has_body = !body.trim_ascii().is_empty();
    Answer { status: response.status().as_u16(), region, has_body, ..Answer::default() }
}

/// Translates a server's answer. R2's numeric codes stand beside S3's names.
pub(crate) fn from_answer(tried: String, answer: &Answer<'_>) -> StorageError {
    let status = answer.status;
    let code = answer.code.filter(|code| is_name(code, b'.'));
    let name = code.map_or_else(|| format!("HTTP {status}"), ToOwned::to_owned);
    let region = answer.region.filter(|region| is_name(region, b'-')).map(ToOwned::to_owned);
    let message = unshown(&tried, answer.words);
    match (answer.code.unwrap_or_default(), status) {
        (
            "SecondLevelDomainForbidden"
            | "VirtualHostDomainRequired"
            | "PathStyleDomainForbidden"
            | "InvalidAddressingHeader"
            | "PermanentRedirect",
            _,
        )
        | (_, 301) => StorageError::Addressing { tried, code: name, region },
        ("", _) if is_no_s3_server(answer) => StorageError::NotS3 { tried, code: name },
        (
            "AuthorizationHeaderMalformed"
            | "InvalidRegionName"
            | "InvalidRegion"
            | "IllegalLocationConstraintException"
            | "IncorrectEndpoint",
            _,
        ) => StorageError::Region { tried, code: name, expected: region },
        ("RequestTimeTooSkewed", _) => StorageError::Clock { tried, code: name },
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
        (code, _) if refuses_credentials(code) => StorageError::Credentials { tried, code: name },
        (_, 401) | ("", 403) => StorageError::Credentials { tried, code: name },
        ("InternalError" | "ServiceUnavailable" | "ClientDisconnect" | "10001" | "10043" | "10054", _)
        | (_, 500 | 502 | 503 | 504) => StorageError::Unavailable { tried, code: name },
        _ => StorageError::Other { tried, code: name, message: message.to_owned() },
    }
}

fn refuses_credentials(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied"
            | "XAdminUserNotFound"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "Unauthorized"
            | "NotEntitled"
            | "NotSignedUp"
            | "AccountProblem"
            | "InvalidToken"
            | "ExpiredToken"
            | "10002"
            | "10003"
            | "10035"
            | "10042"
    )
}

/// Whether an answer without a code says that no S3 server has given it: it succeeds, leads elsewhere or refuses, and its
/// body is something else. Gateways in front of a server speak for themselves by other statuses: 502, 503, 429, 413.
fn is_no_s3_server(answer: &Answer<'_>) -> bool {
    answer.has_body && matches!(answer.status, 200..=299 | 302..=308 | 400..=404)
}

/// Whether it looks like a code or a region. What does not is not shown.
fn is_name(text: &str, mark: u8) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == mark;
    !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(belongs)
}

/// What stands for a server's words, which go to the log alone: whoever names an endpoint would otherwise read in
/// conditions what hosts say that are not his.
fn unshown(tried: &str, words: Option<&str>) -> &'static str {
    let Some(words) = words else { return "the server gave no reason" };
    tracing::debug!(tried, words = shorten(words), "a bucket's server refused a request");
    "the server refused the request; look up the code in the server's documentation"
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
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: Option<&str>) -> StorageError {
        from_answer("put a".into(), &Answer { status, code, ..Answer::default() })
    }

    #[test]
    fn every_code_has_its_kind() {
        let cases: &[(u16, &str, &str)] = &[
            (500, "10001", "Unavailable"),
            (503, "10043", "Unavailable"),
            (400, "10054", "Unavailable"),
            (429, "10058", "TooManyRequests"),
            (401, "10002", "CredentialsRefused"),
            (403, "10003", "CredentialsRefused"),
            (403, "10035", "CredentialsRefused"),
            (403, "10042", "CredentialsRefused"),
            (403, "InvalidAccessKeyId", "CredentialsRefused"),
            (400, "ExpiredToken", "CredentialsRefused"),
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
            (400, "AuthorizationHeaderMalformed", "RegionRefused"),
            (400, "InvalidRegionName", "RegionRefused"),
            (403, "RequestTimeTooSkewed", "ClockSkew"),
        ];
        for (status, code, reason) in cases {
            assert_eq!(of(*status, Some(code)).reason(), *reason, "{code}");
        }
    }

    #[test]
    fn answers_without_a_body_are_classified_by_status() {
        for (status, reason) in [(403, "CredentialsRefused"), (404, "NoSuchKey"), (503, "Unavailable")] {
            assert_eq!(of(status, None).reason(), reason);
        }
    }

    #[test]
    fn a_page_is_no_answer_of_an_s3_server_unless_a_gateway_says_why() {
        for (status, reason) in [
            (200, "NotS3"),
            (302, "NotS3"),
            (400, "NotS3"),
            (403, "NotS3"),
            (404, "NotS3"),
            (413, "TooLarge"),
            (429, "TooManyRequests"),
            (502, "Unavailable"),
        ] {
            let answer = Answer { status, has_body: true, ..Answer::default() };
            assert_eq!(from_answer("put a".into(), &answer).reason(), reason, "{status}");
        }
    }

    fn answered(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpResponse {
        let mut response = HttpResponse::new(status.try_into().unwrap(), body.into());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        response
    }

    #[test]
    fn the_region_that_a_server_names_is_read_from_its_answer() {
        let shown = |response: &HttpResponse, code: &'static str| {
            let answer = Answer { code: Some(code), ..answer(response) };
            from_answer("list".into(), &answer).to_string()
        };
        let malformed = "AuthorizationHeaderMalformed";
        let in_body = answered(400, &[], "<Error><Region>eu-west-1</Region></Error>");
        let named = shown(&in_body, malformed);
        assert!(named.ends_with("set spec.bucket.region of the StoragePolicy to eu-west-1"), "{named}");
        let in_header = answered(301, &[("x-amz-bucket-region", "eu-west-1")], "");
        let moved = shown(&in_header, "PermanentRedirect");
        assert!(moved.ends_with("(the bucket is in the region eu-west-1)"), "{moved}");
        let words = answered(400, &[], "<Error><Region>the db is at 10.1.2.3</Region></Error>");
        let hidden = shown(&words, malformed);
        assert!(hidden.contains("spec.bucket.region") && !hidden.contains("10.1.2.3"), "{hidden}");
    }

    #[test]
    fn what_a_server_says_is_not_shown_unless_it_is_a_code() {
        let words = "the inner database is at 10.1.2.3";
        for code in [None, Some("Odd"), Some("<b>secret</b>"), Some(words)] {
            let answer = Answer { status: 400, code, words: Some(words), ..Answer::default() };
            let shown = from_answer("put a".into(), &answer).to_string();
            assert!(!shown.contains("database") && !shown.contains("secret"), "{shown}");
        }
        let shown = of(403, Some("SecondLevelDomainForbidden")).to_string();
        assert!(shown.contains("(SecondLevelDomainForbidden); in the StoragePolicy, set"), "{shown}");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shorten(&"é".repeat(1000)).chars().count(), MAX_TEXT + 1);
    }
}
