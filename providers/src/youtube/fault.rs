//! What an answer that is no success means.

use std::time::Duration;

use jiff::Timestamp;

use super::PROVIDER;
use crate::error::{ProviderError, Resume};
use crate::google::{Failure, next_day};
use crate::http::Answer;

/// The day's quota is used up.
const DAY_REASONS: [&str; 2] = ["quotaExceeded", "dailyLimitExceeded"];
/// Too many requests in a short time.
const RATE_REASONS: [&str; 3] = ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"];
/// A channel that has uploaded too much may do so again after this.
const CHANNEL_WAITS: Duration = Duration::from_hours(24);

/// The error of the answer.
pub(super) fn read(answer: &Answer, now: Timestamp) -> ProviderError {
    let failure = Failure::read(&answer.body);
    let reported = answer.reported();
    let limited =
        |resume| ProviderError::RateLimited { provider: PROVIDER, message: reported.clone(), resume };
    match answer.status.as_u16() {
        400 | 403 if failure.has(&["uploadLimitExceeded"]) => limited(Resume::After(CHANNEL_WAITS)),
        403 | 429 if failure.has(&DAY_REASONS) => limited(Resume::At(next_day(now))),
        403 if failure.has(&RATE_REASONS) => limited(resume(&failure, answer, now)),
        429 => limited(resume(&failure, answer, now)),
        401 | 403 => ProviderError::Credentials {
            provider: PROVIDER,
            message: format!(
                "it answered {reported}; sign in again as the channel's owner with all permissions that the guide names, and \
                 put the new refreshToken into the account's Secret"
            ),
        },
        404 => ProviderError::Configuration {
            provider: PROVIDER,
            message: format!(
                "it answered {reported}; check that the video and the account's endpoint are there"
            ),
        },
        400 => ProviderError::Configuration {
            provider: PROVIDER,
            message: format!(
                "it answered {reported}; check the target's title, description, tags and publishAt"
            ),
        },
        _ => answer.error(PROVIDER, false),
    }
}

fn resume(failure: &Failure, answer: &Answer, now: Timestamp) -> Resume {
    match failure.resume(now) {
        Resume::At(midnight) => Resume::At(midnight),
        _ => answer.resume(),
    }
}

/// Why something is not added to a video that is there, if that is no reason to stop.
pub(super) fn declined(answer: &Answer) -> Option<String> {
    let failure = Failure::read(&answer.body);
    let is_limit = failure.has(&DAY_REASONS) || failure.has(&RATE_REASONS);
    let is_no = matches!(answer.status.as_u16(), 400 | 403 | 413) && !is_limit;
    is_no.then(|| format!("YouTube answered {}", answer.reported()))
}
