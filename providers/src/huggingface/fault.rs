//! Why nothing came: models that are still loading, refusals in the words of those who do the work, and the
//! rest by status.

use std::time::Duration;

use serde_json::Value;

use super::{PROVIDER, unexpected};
use crate::error::{ProviderError, Resume};
use crate::http::{Answer, Complaint, shown};

/// No model loads for longer than this.
const MAX_LOAD: Duration = Duration::from_hours(1);
/// How refusals are worded.
const REFUSALS: [&str; 5] = ["nsfw", "content policy", "content_policy", "moderat", "flagged as"];

/// What an answer that is no success means.
pub(super) fn read(answer: &Answer, pays: bool) -> ProviderError {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(error) = loading(&value) {
        return error;
    }
    if let Some(doubt) = answer.doubt(PROVIDER, is_own(answer, &value)).filter(|_| pays) {
        return doubt;
    }
    let complaint = Complaint::of(&value);
    if answer.status.is_client_error() && is_refusal(&complaint) {
        return refused(&complaint);
    }
    answer.error(PROVIDER, pays)
}

/// What an answer that is called a success means if it holds no result.
pub(super) fn stray(value: &Value) -> ProviderError {
    if let Some(error) = loading(value) {
        return error;
    }
    let complaint = Complaint::of(value);
    if is_refusal(&complaint) {
        return refused(&complaint);
    }
    let text = shown(&complaint.to_string());
    let why = if text.is_empty() { String::new() } else { format!(": {text}") };
    unexpected(format!("it took the request, but its answer holds no result{why}"))
}

/// The model is not there yet, and nothing was begun; this is reported with any status.
fn loading(value: &Value) -> Option<ProviderError> {
    let wait = Duration::try_from_secs_f64(value.get("estimated_time")?.as_f64()?).ok()?.min(MAX_LOAD);
    let message =
        format!("{}; this takes about {} s", shown(&Complaint::of(value).to_string()), wait.as_secs());
    Some(ProviderError::RateLimited { provider: PROVIDER, message, resume: Resume::After(wait) })
}

/// Whether a refusal has one of the shapes of the router and of those who do the work. The router itself passes requests
/// on, so of one of them being away it knows as little as any proxy: only a model that loads is believed.
fn is_own(answer: &Answer, value: &Value) -> bool {
    let said = ["error", "detail"].iter().any(|name| !matches!(value[*name], Value::Null | Value::Bool(_)));
    // Limits are reported in a header of the Hub's.
    let limited = answer.headers.contains_key("ratelimit");
    // However long it says that this takes.
    let loads = value.get("estimated_time").is_some();
    (said && loads) || ((said || limited) && answer.status.is_client_error())
}

pub(super) fn is_refusal(complaint: &Complaint) -> bool {
    complaint.mentions(&REFUSALS)
}

pub(super) fn refused(complaint: &Complaint) -> ProviderError {
    ProviderError::Refused { provider: PROVIDER, why: shown(&complaint.to_string()) }
}
