//! Time-outs and retries, in one place.
//!
//! The SDK's standard strategy does the waiting (exponential, full jitter); a classifier of ours teaches it R2's
//! codes. A refusal for rate waits at least a second, because R2 takes one write a second a key; a terminal code
//! is never tried twice.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use aws_smithy_types::retry::ErrorKind;

use crate::xml::element;

/// What kind of call is limited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeoutProfile {
    /// Small requests and answers.
    Small,
    /// Bodies of films and parts; the stalled-stream guard catches what hangs.
    Bulk,
    /// Health probes, which must answer soon.
    Probe,
    /// Small requests that are sent once: whoever makes them looks again before the next.
    Once,
}

impl TimeoutProfile {
    pub(crate) fn timeouts(self) -> TimeoutConfig {
        let (attempt, whole) = match self {
            Self::Small => (30, 120),
            Self::Once => (30, 30),
            Self::Bulk => (600, 1800),
            Self::Probe => (5, 15),
        };
        TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(if matches!(self, Self::Probe) { 3 } else { 5 }))
            .operation_attempt_timeout(Duration::from_secs(attempt))
            .operation_timeout(Duration::from_secs(whole))
            .build()
    }

    pub(crate) fn retries(self) -> RetryConfig {
        let attempts = match self {
            Self::Once => 1,
            Self::Probe => 3,
            Self::Small | Self::Bulk => 7,
        };
        RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(Duration::from_millis(250))
            .with_max_backoff(Duration::from_secs(10))
    }
}

/// A body that moves less than a byte a second for 20 s has stalled.
pub(crate) fn stalled_streams() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled()
        .upload_enabled(true)
        .grace_period(Duration::from_secs(20))
        .build()
}

/// Shows the SDK which of R2's and S3's answers are worth another attempt.
#[derive(Debug, Default)]
pub(crate) struct R2Codes {
    jitter: RandomState,
}

impl ClassifyRetry for R2Codes {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let status = response.status().as_u16();
        if status < 400 {
            return RetryAction::NoActionIndicated;
        }
        let code = response.body().bytes().and_then(|body| element(body, "Code")).unwrap_or_default();
        match retry_rule(status, code) {
            RetryRule::WaitASecond => RetryAction::retryable_error_with_explicit_delay(
                ErrorKind::ThrottlingError,
                Duration::from_secs(1) + self.up_to_a_second(),
            ),
            RetryRule::TryAgain => RetryAction::transient_error(),
            RetryRule::GiveUp => RetryAction::RetryForbidden,
            RetryRule::AsTheSdkThinks => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "R2 codes"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

impl R2Codes {
    fn up_to_a_second(&self) -> Duration {
        Duration::from_millis(self.jitter.hash_one(tokio::time::Instant::now()) % 1000)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum RetryRule {
    WaitASecond,
    TryAgain,
    GiveUp,
    AsTheSdkThinks,
}

fn retry_rule(status: u16, code: &str) -> RetryRule {
    match code {
        "10058" | "TooManyRequests" | "SlowDown" => RetryRule::WaitASecond,
        "10001" | "10043" | "10054" | "InternalError" | "ServiceUnavailable" | "ClientDisconnect" => {
            RetryRule::TryAgain
        }
        // Two conditional writes at once on S3: the loser is asked to look again.
        "ConditionalRequestConflict" | "OperationAborted" => RetryRule::TryAgain,
        "10002" | "10003" | "10006" | "10035" | "10042" | "10069" => RetryRule::GiveUp,
        _ if status == 429 => RetryRule::WaitASecond,
        _ => RetryRule::AsTheSdkThinks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retryable_codes_are_tried_again_and_terminal_ones_never() {
        for code in ["10001", "10043", "10054", "OperationAborted"] {
            assert_eq!(retry_rule(400, code), RetryRule::TryAgain, "{code}");
        }
        for code in ["10002", "10003", "10006", "10035", "10042", "10069"] {
            assert_eq!(retry_rule(503, code), RetryRule::GiveUp, "{code}");
        }
        assert_eq!(retry_rule(429, "10058"), RetryRule::WaitASecond);
        assert_eq!(retry_rule(429, ""), RetryRule::WaitASecond);
        assert_eq!(retry_rule(412, "PreconditionFailed"), RetryRule::AsTheSdkThinks);
    }

    #[test]
    fn a_refusal_for_rate_waits_between_one_and_two_seconds() {
        let codes = R2Codes::default();
        for _ in 0..100 {
            assert!(codes.up_to_a_second() < Duration::from_secs(1));
        }
    }
}
