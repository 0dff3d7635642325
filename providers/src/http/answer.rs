//! Reads answers: pure functions of status, headers and bytes, which turn any bytes at all into a value or
//! an error. What a service says is shown to people only through [`shown`].

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER, VIA};
use serde_json::Value;

use super::shown::{shown, title};
use crate::error::{ProviderError, Resume};

/// No service's waiting time is believed beyond this: a month, the longest quota that there is.
const MAX_WAIT: Duration = Duration::from_hours(31 * 24);
/// Numbers from here on are seconds since 1970, not seconds from now.
const EPOCH_SECONDS: f64 = 1e9;
/// Numbers from here on are milliseconds since 1970.
const EPOCH_MILLISECONDS: f64 = 1e12;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// Somebody else than the provider answered: what it says is read, but not shown.
    pub is_foreign: bool,
}

/// What stands where a service's words would.
const NOT_SHOWN: &str =
    "its words are not shown, because nothing vouches for its host; they are in its own log";

impl Answer {
    /// Whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The content type in lower case without its parameters; empty if there is none.
    pub fn media_type(&self) -> String {
        media_type(&self.headers)
    }

    /// The content type with its parameters; empty if there is none.
    pub fn content_type(&self) -> String {
        header(&self.headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_owned()
    }

    /// The body as JSON. `pays`: the request may have cost something, so that an answer that cannot be read
    /// leaves its outcome unknown.
    pub fn json(&self, provider: &'static str, pays: bool) -> Result<Value, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = match page_title(self) {
                Some(page) => format!("it answered {} with a web page ({page})", self.status),
                None => format!("its answer {} is no whole JSON: {}", self.status, shown(&error.to_string())),
            };
            if pays {
                ProviderError::OutcomeUnknown { provider, message }
            } else if error.is_eof() || page_title(self).is_some() {
                ProviderError::Unavailable { provider, message }
            } else {
                ProviderError::Unexpected { provider, message }
            }
        })
    }

    /// What the service says went wrong, fit to be shown; empty if it says nothing.
    pub fn text(&self) -> String {
        if self.is_foreign {
            return if self.body.is_empty() { String::new() } else { NOT_SHOWN.to_owned() };
        }
        if let Some(page) = page_title(self) {
            return page;
        }
        match Complaint::read(&self.body) {
            Some(complaint) => shown(&complaint.to_string()),
            None => shown(&String::from_utf8_lossy(&self.body)),
        }
    }

    /// The status with the text.
    pub fn reported(&self) -> String {
        let text = self.text();
        if text.is_empty() { self.status.to_string() } else { format!("{} ({text})", self.status) }
    }

    /// When the service takes requests again.
    pub fn resume(&self) -> Resume {
        resume(&self.headers, &self.body)
    }

    /// What stands between us and a service answers in its place, also after it has passed a request on: with statuses
    /// such as these, which a service itself uses to say that it has taken nothing. They are believed of a request that
    /// costs something only in the service's own words; else nobody knows what became of it.
    pub fn doubt(&self, provider: &'static str, is_own: bool) -> Option<ProviderError> {
        let status = self.status.as_u16();
        let is_anybodys = matches!(status, 401 | 403 | 407 | 408 | 425 | 429 | 500..=599);
        (is_anybodys && !is_own).then(|| {
            let by = header(&self.headers, VIA.as_str()).map(|via| format!(" through {}", shown(via)));
            let by = by.unwrap_or_default();
            let message = format!(
                "it answered {}{by}, not in its own words; a proxy may have answered after it passed the request on",
                self.reported()
            );
            ProviderError::OutcomeUnknown { provider, message }
        })
    }

    /// What an answer that is no success means where the service has no rule of its own for it. `pays`: the
    /// request was one that costs something.
    pub fn error(&self, provider: &'static str, pays: bool) -> ProviderError {
        let reported = self.reported();
        match self.status.as_u16() {
            401 | 403 => ProviderError::Credentials {
                provider,
                message: format!(
                    "it answered {reported}; check the account's Secret, and what the key may do"
                ),
            },
            402 => credits_used_up(provider, &reported),
            404 => ProviderError::Configuration {
                provider,
                message: format!("it answered {reported}; check the model's name and the account's endpoint"),
            },
            429 => ProviderError::RateLimited { provider, message: reported, resume: self.resume() },
            408 | 425 => ProviderError::Unavailable { provider, message: format!("it answered {reported}") },
            400..=499 => ProviderError::Configuration {
                provider,
                message: format!("it answered {reported}; check the model and its parameters"),
            },
            500..=599 if pays && !NOT_TAKEN.contains(&self.status.as_u16()) => {
                ProviderError::OutcomeUnknown { provider, message: format!("it answered {reported}") }
            }
            500..=599 => ProviderError::Unavailable { provider, message: format!("it answered {reported}") },
            _ => ProviderError::Unexpected { provider, message: format!("it answered {reported}") },
        }
    }
}

/// Statuses from 500 on by which a service says that it takes no request. From anybody else they say nothing; see
/// [`Answer::doubt`].
const NOT_TAKEN: [u16; 3] = [501, 503, 505];

/// The error of an account without money, in the service's own words.
pub(crate) fn credits_used_up(provider: &'static str, reported: &str) -> ProviderError {
    ProviderError::CreditsUsedUp {
        provider,
        message: format!(
            "its credits are used up: {reported}; add credit with the service, or use another account"
        ),
    }
}

/// The content type in lower case without its parameters; empty if there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// If the body is a web page, its title.
fn page_title(answer: &Answer) -> Option<String> {
    let start = answer.body.get(..512).unwrap_or(&answer.body).trim_ascii_start().to_ascii_lowercase();
    let is_page = answer.media_type() == "text/html"
        || start.starts_with(b"<!doctype html")
        || start.starts_with(b"<html");
    let reported = || {
        if answer.is_foreign {
            return NOT_SHOWN.to_owned();
        }
        title(&String::from_utf8_lossy(&answer.body))
    };
    is_page.then(reported)
}

/// An error as services write it in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The machine-readable part: a code, a type or a status; may be empty.
    pub code: String,
    /// The sentence; may be empty.
    pub message: String,
}

impl Complaint {
    /// Reads `{code, error: "…"}`, `{error: "…"}`, `{error: {message, type, code, status}}`,
    /// `{error, error_description}`, `{message}`, `{detail}`, `{errors: […]}`.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let found = Self::of(&value);
        (found != Self::default()).then_some(found)
    }

    /// The same of JSON that is read already.
    pub fn of(value: &Value) -> Self {
        let object = match value {
            Value::Array(list) => return list.first().map(Self::of).unwrap_or_default(),
            Value::String(text) => return Self { code: String::new(), message: text.clone() },
            Value::Object(object) => object,
            _ => return Self::default(),
        };
        let word = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        // A word says more than a number, which is mostly the status again.
        let code = ["code", "type", "status"].map(word).into_iter().find(|text| !text.is_empty());
        let number = || object.get("code").and_then(Value::as_i64).map(|code| code.to_string());
        let code = code.or_else(number).unwrap_or_default();
        if !word("error_description").is_empty() {
            return Self { code: word("error"), message: word("error_description") };
        }
        for key in ["error", "errors", "detail", "message", "msg", "title"] {
            let inner = object.get(key).map(Self::of).unwrap_or_default();
            if inner != Self::default() {
                let code = if inner.code.is_empty() { code } else { inner.code };
                return Self { code, message: inner.message };
            }
        }
        Self { code, message: String::new() }
    }

    /// Whether `code` or `message` holds one of the words, whatever their case.
    pub fn mentions(&self, words: &[&str]) -> bool {
        let all = format!("{} {}", self.code, self.message).to_lowercase();
        words.iter().any(|word| all.contains(word))
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.message.is_empty(), self.code.is_empty()) {
            (true, _) => f.write_str(&self.code),
            (false, true) => f.write_str(&self.message),
            (false, false) => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

/// When the service takes requests again: `Retry-After` if it is there, else the latest of Google's
/// `RetryInfo`, `RateLimit` and `x-ratelimit-reset*`. Dates are counted from the answer's own date, so that
/// it does not matter how the clocks differ.
pub(crate) fn resume(headers: &HeaderMap, body: &[u8]) -> Resume {
    if let Some(found) = header(headers, RETRY_AFTER.as_str()).and_then(|text| retry_after(headers, text)) {
        return found;
    }
    let waits = [rate_limit(headers), retry_info(body)].into_iter().flatten();
    match waits.max() {
        Some(wait) => Resume::After(wait.min(MAX_WAIT)),
        None => ratelimit_reset(headers),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, text: &str) -> Option<Resume> {
    if let Some(wait) = seconds(text) {
        return Some(Resume::After(wait.min(MAX_WAIT)));
    }
    Some(moment(headers, http_date(text)?))
}

/// The moment as a wait if the answer says what time it is there.
fn moment(headers: &HeaderMap, at: Timestamp) -> Resume {
    let Some(date) = header(headers, DATE.as_str()).and_then(http_date) else { return Resume::At(at) };
    let wait = Duration::try_from(at.duration_since(date)).unwrap_or_default();
    Resume::After(wait.min(MAX_WAIT))
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// `RateLimit: "api";r=0;t=55`, if nothing remains.
fn rate_limit(headers: &HeaderMap) -> Option<Duration> {
    let policies = headers.get_all("ratelimit").iter().filter_map(|value| value.to_str().ok());
    policies.flat_map(|text| text.split(',')).filter_map(used_up_policy).max()
}

fn used_up_policy(policy: &str) -> Option<Duration> {
    let parameter = |name: &str| {
        policy.split(';').find_map(|part| part.trim().strip_prefix(name)?.trim_start().strip_prefix('='))
    };
    let remains = parameter("r").is_some_and(|rest| rest.trim() != "0");
    if remains { None } else { seconds(parameter("t")?.trim()) }
}

/// The latest `x-ratelimit-reset…` whose `x-ratelimit-remaining…` is 0 or not there.
fn ratelimit_reset(headers: &HeaderMap) -> Resume {
    let mut wait: Option<Duration> = None;
    let mut until: Option<Timestamp> = None;
    for (name, value) in headers {
        let Some(kind) = name.as_str().strip_prefix("x-ratelimit-reset") else { continue };
        let remaining = header(headers, &format!("x-ratelimit-remaining{kind}"));
        if remaining.is_some_and(|text| text != "0") {
            continue;
        }
        let text = value.to_str().unwrap_or_default().trim();
        match text.parse::<f64>() {
            Ok(number) if number >= EPOCH_SECONDS => {
                let seconds = if number >= EPOCH_MILLISECONDS { number / 1000.0 } else { number };
                until = until.max(epoch(seconds));
            }
            Ok(_) => wait = wait.max(seconds(text)),
            Err(_) => wait = wait.max(span(text)),
        }
    }
    match (until, wait) {
        (Some(at), _) => moment(headers, at),
        (None, Some(wait)) => Resume::After(wait.min(MAX_WAIT)),
        (None, None) => Resume::Unknown,
    }
}

fn epoch(seconds: f64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?).ok()
}

/// `1m30.5s`, `26s`, `120ms`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// `error.details[]` with `@type` …`RetryInfo` and `retryDelay: "26s"`.
fn retry_info(body: &[u8]) -> Option<Duration> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
    let details = value.get("error")?.get("details")?.as_array()?;
    let is_retry = |detail: &&Value| {
        detail.get("@type").and_then(Value::as_str).is_some_and(|name| name.ends_with("google.rpc.RetryInfo"))
    };
    details.iter().filter(is_retry).filter_map(|detail| span(detail.get("retryDelay")?.as_str()?)).max()
}

#[cfg(test)]
pub(super) mod tests;
