//! What an answer that is no success means.

use jiff::Timestamp;

use super::PROVIDER;
use crate::error::{ProviderError, Resume};
use crate::google::Failure;
use crate::http::{Answer, credits_used_up};

/// What Google says of an account that has paid in advance and has nothing left.
const CREDIT_WORDS: [&str; 3] = ["credits are depleted", "prepayment credits", "spend cap"];
/// What it says of a request whose content it will not have.
const CONTENT_WORDS: [&str; 3] = ["responsible ai", "sensitive words", "usage guidelines"];

/// The error of the answer. `pays`: the request was one that costs something.
pub(super) fn read(answer: &Answer, pays: bool, now: Timestamp) -> ProviderError {
    let failure = Failure::read(&answer.body);
    if let Some(doubt) = answer.doubt(PROVIDER, is_own(answer, &failure)).filter(|_| pays) {
        return doubt;
    }
    let message = failure.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let reported = answer.reported();
    match answer.status.as_u16() {
        429 if says(&CREDIT_WORDS) => credits_used_up(PROVIDER, &reported),
        429 if failure.without_quota => credentials(format!(
            "the key's project has no quota for this model: {reported}; enable billing for it, or choose another model"
        )),
        429 => ProviderError::RateLimited {
            provider: PROVIDER,
            message: reported,
            resume: resume(&failure, answer, now),
        },
        400 if failure.has(&["API_KEY_INVALID"]) || says(&["api key not valid", "api key expired"]) => {
            credentials(format!(
                "it answered {reported}; put a valid key into the account's Secret as apiKey"
            ))
        }
        400 if failure.status == "FAILED_PRECONDITION" => credentials(format!(
            "it answered {reported}; enable billing for the key's project, or use a key that may be used from here"
        )),
        400 if says(&CONTENT_WORDS) => ProviderError::Refused { provider: PROVIDER, why: reported },
        _ => answer.error(PROVIDER, pays),
    }
}

/// Whether the error has Google's shape: its sentence, with its name of the failure or the status once more.
fn is_own(answer: &Answer, failure: &Failure) -> bool {
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let whole = value.get(0).unwrap_or(&value);
    let code = whole["error"]["code"].as_u64();
    !failure.message.is_empty() && (!failure.status.is_empty() || code == Some(answer.status.as_u16().into()))
}

fn credentials(message: String) -> ProviderError {
    ProviderError::Credentials { provider: PROVIDER, message }
}

fn resume(failure: &Failure, answer: &Answer, now: Timestamp) -> Resume {
    match failure.resume(now) {
        Resume::At(midnight) => Resume::At(midnight),
        // The headers may know what the body does not say.
        _ => answer.resume(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::http::any_body;

    fn error(status: u16, body: &str) -> ProviderError {
        let status = StatusCode::from_u16(status).unwrap();
        let answer =
            Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec(), is_foreign: false };
        read(&answer, true, "2026-10-05T20:00:00Z".parse().unwrap())
    }

    fn quota(id: &str, value: &str) -> String {
        format!(
            r#"{{"error":{{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota, please check your plan and billing details.","details":[{{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":
            [{{"quotaId":"{id}","quotaValue":"{value}"}}]}},{{"@type":"type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay":"26s"}}]}}}}"#
        )
    }

    #[test]
    fn a_days_quota_is_waited_for_until_midnight_and_a_minutes_as_long_as_it_says() {
        let day = error(429, &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20"));
        let midnight = "2026-10-06T07:00:00Z".parse().unwrap();
        assert!(matches!(day, ProviderError::RateLimited { resume: Resume::At(at), .. } if at == midnight));
        let minute = error(429, &quota("GenerateRequestsPerMinutePerProjectPerModel", "10"));
        let wait = Duration::from_secs(26);
        assert!(
            matches!(minute, ProviderError::RateLimited { resume: Resume::After(after), .. } if after == wait)
        );
        let bare = error(
            429,
            r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota)."}}"#,
        );
        assert!(matches!(bare, ProviderError::RateLimited { resume: Resume::Unknown, .. }));
    }

    #[test]
    fn a_quota_of_nothing_and_an_empty_purse_need_a_person() {
        let nothing = error(429, &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "0"));
        let empty = error(429, r#"{"error":{"code":429,"message":"Your prepayment credits are depleted."}}"#);
        assert!(matches!(nothing, ProviderError::Credentials { .. }), "{nothing}");
        assert!(matches!(empty, ProviderError::CreditsUsedUp { .. }), "{empty}");
    }

    /// What a plan without any quota for a model is answered: no violation has a value, only the sentence does.
    const WITHOUT_VALUES: &str = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED",
        "message":"You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-2.5-flash-preview-image\nPlease retry in 25.465784708s.",
        "details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
            {"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier"},
            {"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
            {"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"25s"}]}}"#;

    #[test]
    fn a_plan_without_quota_for_the_model_needs_a_person_although_no_violation_has_a_value() {
        let nothing = error(429, WITHOUT_VALUES);
        assert!(matches!(nothing, ProviderError::Credentials { .. }), "{nothing}");
        assert!(nothing.to_string().contains("no quota for this model"), "{nothing}");
        let some = error(429, &WITHOUT_VALUES.replace("limit: 0", "limit: 20"));
        assert!(matches!(some, ProviderError::RateLimited { resume: Resume::At(_), .. }), "{some}");
    }

    #[test]
    fn violations_of_a_minute_alone_are_waited_for_as_long_as_is_said() {
        let minute = WITHOUT_VALUES.replace("limit: 0", "limit: 10").replace("PerDay", "PerMinute");
        let wait = Duration::from_secs(25);
        assert!(
            matches!(error(429, &minute), ProviderError::RateLimited { resume: Resume::After(after), .. } if after == wait)
        );
    }

    #[test]
    fn wrong_keys_are_distinguished_from_wrong_requests() {
        let key = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert!(matches!(error(400, key), ProviderError::Credentials { .. }));
        let denied = r#"{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}"#;
        assert!(matches!(error(403, denied), ProviderError::Credentials { .. }));
        let argument =
            r#"{"error":{"code":400,"message":"Invalid value at 'x'","status":"INVALID_ARGUMENT"}}"#;
        assert!(matches!(error(400, argument), ProviderError::Configuration { .. }));
        let content = r#"{"error":{"code":400,"message":"The prompt contains words that violate Google's Responsible AI practices."}}"#;
        assert!(matches!(error(400, content), ProviderError::Refused { .. }));
        assert!(matches!(error(404, "{}"), ProviderError::Configuration { .. }));
    }

    #[test]
    fn a_broken_service_is_classified_by_whether_it_may_have_worked() {
        let overloaded =
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
        assert!(matches!(error(503, overloaded), ProviderError::Unavailable { .. }));
        assert!(matches!(error(500, "<html>"), ProviderError::OutcomeUnknown { .. }));
    }

    #[test]
    fn what_google_has_not_said_itself_leaves_it_open_whether_it_was_taken() {
        let gateway = r#"{"message":"An invalid response was received from the upstream server"}"#;
        let page = "<html><title>Access denied</title>";
        for status in [401, 403, 407, 408, 425, 429, 502, 503, 504] {
            for body in ["", "{}", page, gateway, "upstream connect error"] {
                assert!(
                    matches!(error(status, body), ProviderError::OutcomeUnknown { .. }),
                    "{status} {body}"
                );
            }
        }
        let free = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer {
                status,
                headers: HeaderMap::new(),
                body: page.as_bytes().to_vec(),
                is_foreign: false,
            };
            read(&answer, false, Timestamp::UNIX_EPOCH)
        };
        // What costs nothing is simply asked again.
        assert!(matches!(free(503), ProviderError::Unavailable { .. }));
    }

    proptest! {
        #[test]
        fn any_answer_is_an_error_and_no_panic(status in 300u16..600, body in any_body()) {
            let status = StatusCode::from_u16(status).unwrap();
            let _ = read(&Answer { status, headers: HeaderMap::new(), body, is_foreign: false }, false, Timestamp::UNIX_EPOCH);
        }
    }
}
