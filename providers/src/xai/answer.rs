//! What comes back: answers to submissions and polls, and errors in the service's three shapes.

use std::time::Duration;

use serde_json::Value;

use super::{PROVIDER, unexpected};
use crate::error::{ProviderError, Resume};
use crate::http::{Answer, Complaint, File, credits_used_up, shown, taken};
use crate::request::{from_base64, segment};

/// Ticks of the bill in a millionth of a dollar: a tick is 1e-10 USD.
const TICKS: f64 = 10_000.0;

/// How far a clip is.
#[derive(Debug, PartialEq)]
pub(super) enum Polled {
    Pending { percent: Option<u8> },
    Done(Done),
}

/// Where a clip is to be fetched, at once: the link does not last.
#[derive(Debug, PartialEq)]
pub(super) struct Done {
    pub url: String,
    pub cost_micros: Option<i64>,
}

/// The id of what was submitted.
pub(super) fn read_submission(answer: &Answer) -> Result<String, ProviderError> {
    if !answer.is_success() {
        return Err(failure(answer, true));
    }
    let value = answer.json(PROVIDER, true)?;
    if let Some(id) = value["request_id"].as_str().filter(|id| segment(id).is_some()) {
        return Ok(id.to_owned());
    }
    let complaint = Complaint::of(&value);
    if is_moderated(&complaint) {
        return Err(refused(&complaint.to_string()));
    }
    let message = format!("it answered {} without the request's id", answer.reported());
    Err(ProviderError::OutcomeUnknown { provider: PROVIDER, message })
}

/// How far a clip is. `is_young`: it has been polled for a short time only. `Unexpected` says that nothing
/// will come of it, in the service's own words; all errors but this and `Refused` leave it as it is.
pub(super) fn read_poll(answer: &Answer, is_young: bool) -> Result<Polled, ProviderError> {
    if !answer.is_success() {
        return Err(poll_failure(answer, is_young));
    }
    if answer.body.trim_ascii().is_empty() {
        return Ok(Polled::Pending { percent: None });
    }
    let value = answer.json(PROVIDER, false).map_err(ProviderError::into_transient)?;
    let state = value["status"].as_str().unwrap_or_default();
    let video = &value["video"];
    let url = video["url"].as_str();
    if video["respect_moderation"].as_bool() == Some(false) {
        return Err(refused("the clip was rejected by content moderation"));
    }
    match (state, url) {
        ("failed", _) => Err(failed(&value)),
        ("expired", _) => Err(unexpected("the request expired before the clip was made".to_owned())),
        (_, Some(url)) if !url.trim().is_empty() => {
            Ok(Polled::Done(Done { url: url.trim().to_owned(), cost_micros: cost(&value) }))
        }
        // Seen for clips that moderation blocked.
        (_, Some(_)) => Err(refused("the clip was withheld: its link is empty")),
        ("done", None) => Err(unexpected("the clip is called done, but there is none".to_owned())),
        ("", None) if value.get("error").is_some() => Err(stray(&value)),
        _ => Ok(Polled::Pending { percent: percent(&value) }),
    }
}

/// A picture and its price.
pub(super) fn read_picture(answer: &Answer) -> Result<(File, Option<i64>), ProviderError> {
    if !answer.is_success() {
        return Err(failure(answer, true));
    }
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let first = &value["data"][0];
    if first["respect_moderation"].as_bool() == Some(false) {
        return Err(refused("the picture was rejected by content moderation"));
    }
    let file = match (first["b64_json"].as_str(), first["url"].as_str()) {
        (Some(text), _) if !text.is_empty() => from_base64(text).map(File::Here),
        (_, Some(link)) if !link.trim().is_empty() => File::of_link(link),
        (_, Some(_)) => return Err(refused("the picture was withheld: its link is empty")),
        _ => None,
    };
    let complaint = Complaint::of(&value);
    match file {
        Some(file) => Ok((file, cost(&value))),
        None if is_moderated(&complaint) => Err(refused(&complaint.to_string())),
        None => Err(unexpected("it took the request, but its answer holds no picture".to_owned())),
    }
}

/// That the key is good.
pub(super) fn read_models(answer: &Answer) -> Result<String, ProviderError> {
    if !answer.is_success() {
        return Err(failure(answer, false));
    }
    let value = answer.json(PROVIDER, false)?;
    let count = value["data"].as_array().map_or(0, Vec::len);
    Ok(format!("the key is good; {count} models are offered"))
}

/// What an error means. Codes and statuses are not to be relied on: a wrong key comes as a 400, and used-up
/// credits as a 429.
fn failure(answer: &Answer, pays: bool) -> ProviderError {
    if let Some(doubt) = answer.doubt(PROVIDER, is_own(answer)).filter(|_| pays) {
        return doubt;
    }
    let complaint = Complaint::read(&answer.body).unwrap_or_default();
    let reported = answer.reported();
    if is_moderated(&complaint) {
        return refused(&complaint.to_string());
    }
    match answer.status.as_u16() {
        400..=499 if complaint.mentions(&["available credits", "spending limit", "have any credits"]) => {
            credits_used_up(PROVIDER, &reported)
        }
        429 => {
            let resume = match answer.resume() {
                Resume::Unknown if complaint.mentions(&["requests per second"]) => {
                    Resume::After(Duration::from_secs(1))
                }
                Resume::Unknown if complaint.mentions(&["requests per minute"]) => {
                    Resume::After(Duration::from_mins(1))
                }
                resume => resume,
            };
            ProviderError::RateLimited { provider: PROVIDER, message: reported, resume }
        }
        400 | 422 if complaint.mentions(&["api key", "unauthenticated"]) => ProviderError::Credentials {
            provider: PROVIDER,
            message: format!("it answered {reported}; check apiKey in the account's Secret"),
        },
        _ => answer.error(PROVIDER, pays),
    }
}

/// Whether an error has one of the service's shapes: `{code, error: "…"}`, `{error: "…"}` or `{error: {message, …}}`.
fn is_own(answer: &Answer) -> bool {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &value["error"];
    let text = error.as_str().or_else(|| error["message"].as_str()).unwrap_or_default();
    !text.trim().is_empty()
}

fn poll_failure(answer: &Answer, is_young: bool) -> ProviderError {
    let is_own = is_own(answer);
    match failure(answer, false) {
        ProviderError::Configuration { .. } if is_young || !is_own => ProviderError::Unavailable {
            provider: PROVIDER,
            message: format!("asked for a clip, it answered {}", answer.reported()),
        },
        ProviderError::Configuration { .. } => ProviderError::NotFound {
            provider: PROVIDER,
            message: format!("asked for a clip, it answered {}", answer.reported()),
        },
        error => error.into_transient(),
    }
}

/// The end of a clip that was not made.
fn failed(value: &Value) -> ProviderError {
    let complaint = Complaint::of(&value["error"]);
    if is_moderated(&complaint) {
        return refused(&complaint.to_string());
    }
    let why = shown(&complaint.to_string());
    unexpected(format!("the clip failed: {}", if why.is_empty() { "no reason is given" } else { &why }))
}

/// An error in an answer that is called a success.
fn stray(value: &Value) -> ProviderError {
    let complaint = Complaint::of(value);
    if is_moderated(&complaint) {
        return refused(&complaint.to_string());
    }
    let message = format!("asked for a clip, it answered: {}", shown(&complaint.to_string()));
    ProviderError::Unavailable { provider: PROVIDER, message }
}

fn refused(why: &str) -> ProviderError {
    ProviderError::Refused { provider: PROVIDER, why: shown(why) }
}

/// `content moderated`, `content-moderation` and the like, in code or message.
fn is_moderated(complaint: &Complaint) -> bool {
    if complaint.mentions(&["usage guidelines"]) {
        return true;
    }
    let text = format!("{} {}", complaint.code, complaint.message).to_lowercase();
    text.match_indices("content").any(|(at, word)| {
        let rest = &text[at + word.len()..];
        let mut after_one = rest.chars();
        after_one.next();
        rest.starts_with("moderat") || after_one.as_str().starts_with("moderat")
    })
}

/// What it cost, in millionths of a dollar, rounded up.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and no bill comes near")]
fn cost(value: &Value) -> Option<i64> {
    let ticks = value["usage"]["cost_in_usd_ticks"].as_f64().filter(|ticks| *ticks >= 0.0)?;
    Some((ticks / TICKS).ceil() as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
fn percent(value: &Value) -> Option<u8> {
    value["progress"].as_f64().map(|progress| progress.clamp(0.0, 100.0) as u8)
}
