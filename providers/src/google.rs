//! What Google's services have in common: how they say why a request failed, and when their days begin.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::error::Resume;

/// The longest wait that is believed: whoever asks for more has sent nonsense.
const MAX_WAIT: f64 = 31.0 * 86_400.0;

/// California's clock since 2007.
const PACIFIC_RULE: &str = "PST8PDT,M3.2.0,M11.1.0";

/// What the body of a failed request says. Any part may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Failure {
    /// The sentence for people.
    pub message: String,
    /// Google's name of the failure, for example `RESOURCE_EXHAUSTED`.
    pub status: String,
    /// Finer names, for example `API_KEY_INVALID` or `quotaExceeded`.
    pub reasons: Vec<String>,
    /// The limits that are used up, for example `GenerateRequestsPerDayPerProjectPerModel-FreeTier`.
    pub quotas: Vec<String>,
    /// One of these limits is 0: waiting does not help.
    pub without_quota: bool,
    /// How long the service says to wait.
    pub retry_delay: Option<Duration>,
}

impl Failure {
    /// Reads a body as far as it is in one of Google's shapes; of any other, all parts are empty.
    pub(crate) fn read(body: &[u8]) -> Self {
        let Ok(mut whole) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        if let Some(first) = whole.get_mut(0) {
            whole = first.take();
        }
        let error = &whole["error"];
        if let Some(name) = error.as_str() {
            let message = text(&whole["error_description"]);
            return Self { message, reasons: vec![name.to_owned()], ..Self::default() };
        }
        let mut failure =
            Self { message: text(&error["message"]), status: text(&error["status"]), ..Self::default() };
        for entry in items(&error["errors"]) {
            failure.reasons.extend(entry["reason"].as_str().map(str::to_owned));
        }
        for detail in items(&error["details"]) {
            failure.read_detail(detail);
        }
        failure.read_message();
        failure
    }

    /// What only the sentence says: `* Quota exceeded for metric: …, limit: 0, model: …`, `Please retry in 25.4s.`
    fn read_message(&mut self) {
        let words_after = |words: &'static str| self.message.split(words).skip(1);
        let number = |text: &str| -> String {
            text.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect()
        };
        let of_nothing = words_after("limit: ").any(|rest| number(rest).trim_end_matches(['.', ',']) == "0");
        let wait = words_after("Please retry in ")
            .next()
            .and_then(|rest| seconds(rest.split_inclusive('s').next()?));
        self.without_quota |= of_nothing;
        self.retry_delay = self.retry_delay.or(wait);
    }

    fn read_detail(&mut self, detail: &Value) {
        self.reasons.extend(detail["reason"].as_str().map(str::to_owned));
        for violation in items(&detail["violations"]) {
            self.quotas.extend(violation["quotaId"].as_str().map(str::to_owned));
            self.without_quota |= violation["quotaValue"].as_str() == Some("0");
        }
        if let Some(delay) = detail["retryDelay"].as_str().and_then(seconds) {
            self.retry_delay = Some(delay);
        }
    }

    /// Whether one of `names` is among the reasons.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        self.reasons.iter().any(|reason| names.contains(&reason.as_str()))
    }

    /// When requests are taken again. A day's limit comes back at midnight in California, whatever shorter
    /// wait is named beside it.
    pub(crate) fn resume(&self, now: Timestamp) -> Resume {
        let daily = self.quotas.iter().any(|quota| quota.contains("PerDay"))
            || self.message.to_lowercase().contains("per day");
        match self.retry_delay {
            _ if daily => Resume::At(next_day(now)),
            Some(delay) => Resume::After(delay),
            None => Resume::Unknown,
        }
    }
}

/// The next midnight in California, where the days of Google's limits begin.
pub(crate) fn next_day(now: Timestamp) -> Timestamp {
    // Machines without a time zone database know at least the rule of today.
    let zone = TimeZone::get("America/Los_Angeles").or_else(|_| TimeZone::posix(PACIFIC_RULE));
    zone.and_then(|zone| midnight(now, zone)).unwrap_or(now)
}

fn midnight(now: Timestamp, zone: TimeZone) -> Result<Timestamp, jiff::Error> {
    Ok(now.to_zoned(zone).tomorrow()?.start_of_day()?.timestamp())
}

/// A duration as protobuf writes it in JSON: `26s`, `0.5s`.
fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s')?.parse().ok()?;
    (0.0..=MAX_WAIT).contains(&number).then(|| Duration::from_secs_f64(number))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::any_body;

    const DAILY: &str = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota",
        "details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m",
        "quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"20"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"26s"}]}}"#;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_days_limit_comes_back_at_midnight_in_california_whatever_shorter_wait_is_named() {
        let failure = Failure::read(DAILY.as_bytes());
        let resume = failure.resume(at("2026-10-05T20:00:00Z"));
        assert_eq!(resume, Resume::At(at("2026-10-06T07:00:00Z")));
        assert_eq!(failure.status, "RESOURCE_EXHAUSTED");
        assert!(!failure.without_quota);
    }

    #[test]
    fn a_minutes_limit_comes_back_after_the_wait_that_is_named() {
        let failure = Failure::read(DAILY.replace("PerDay", "PerMinute").as_bytes());
        assert_eq!(failure.resume(Timestamp::UNIX_EPOCH), Resume::After(Duration::from_secs(26)));
    }

    #[test]
    fn a_limit_that_says_nothing_comes_back_at_an_unknown_time() {
        let bare = br#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(Failure::read(bare).resume(Timestamp::UNIX_EPOCH), Resume::Unknown);
    }

    #[test]
    fn a_limit_of_nothing_is_known_as_such() {
        assert!(Failure::read(DAILY.replace("\"20\"", "\"0\"").as_bytes()).without_quota);
    }

    #[test]
    fn what_only_the_sentence_says_is_heard() {
        let failure = |sentence: &str| {
            let body = serde_json::json!({"error": {"code": 429, "message": sentence}});
            Failure::read(body.to_string().as_bytes())
        };
        let exceeded =
            |limit: &str| format!("You exceeded your quota.\n* Quota exceeded for metric: m, limit: {limit}");
        for nothing in [
            "0",
            "0, model: gemini",
            "0.",
            "0\nPlease retry in 25.4s.",
            "20, model: a\n* metric: n, limit: 0",
        ] {
            assert!(failure(&exceeded(nothing)).without_quota, "{nothing}");
        }
        for some in ["20", "0.5", "01", "20, model: a", "unknown", ""] {
            assert!(!failure(&exceeded(some)).without_quota, "{some}");
        }
        let wait = failure("Please retry in 25.465784708s.").retry_delay;
        assert_eq!(wait.map(|wait| wait.as_millis()), Some(25_465));
        for odd in ["Please retry in a while.", "Please retry in s", "Please retry in -5s."] {
            assert_eq!(failure(odd).retry_delay, None, "{odd}");
        }
    }

    #[test]
    fn midnights_follow_daylight_saving() {
        for (now, midnight) in [
            ("2026-01-15T07:59:59Z", "2026-01-15T08:00:00Z"),
            ("2026-01-15T08:00:00Z", "2026-01-16T08:00:00Z"),
            // Clocks go forward on 8 March and back on 1 November.
            ("2026-03-08T12:00:00Z", "2026-03-09T07:00:00Z"),
            ("2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
        ] {
            assert_eq!(next_day(at(now)), at(midnight), "{now}");
            let by_rule = super::midnight(at(now), TimeZone::posix(PACIFIC_RULE).unwrap());
            assert_eq!(by_rule.unwrap(), at(midnight), "{now}");
        }
    }

    #[test]
    fn the_shapes_of_oauth_and_of_the_older_services_are_read() {
        let oauth = Failure::read(
            br#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
        );
        assert!(oauth.has(&["invalid_grant"]) && oauth.message.starts_with("Token"));
        let older = Failure::read(
            br#"{"error":{"code":403,"message":"m","errors":[{"domain":"youtube.quota","reason":"quotaExceeded"}]}}"#,
        );
        assert!(older.has(&["quotaExceeded"]));
        let listed = Failure::read(br#"[{"error":{"code":400,"message":"in a list"}}]"#);
        assert_eq!(listed.message, "in a list");
    }

    #[test]
    fn odd_waits_are_not_believed() {
        for odd in ["", "s", "-1s", "NaNs", "infs", "1e300s", "26", "26m"] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
        assert_eq!(seconds("0.5s"), Some(Duration::from_millis(500)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in any_body(), now in 0i64..4_000_000_000) {
            let now = Timestamp::from_second(now).unwrap();
            let _ = Failure::read(&body).resume(now);
            let midnight = next_day(now);
            prop_assert!(midnight > now && midnight.as_second() - now.as_second() <= 25 * 3_600);
        }
    }
}
