//! Why nothing came. Errors have OpenAI's shape (`{"error": {"message", "type", "code"}}`), Ollama's (`{"error": "…"}`) or
//! that of FastAPI (`{"detail": …}`), and come with status 200, too. A waiting time is hardly ever reported.

use serde_json::Value;

use super::{PROVIDER, unexpected};
use crate::error::ProviderError;
use crate::http::{Answer, Complaint, credits_used_up, shown};

/// How refusals of content are worded.
const REFUSALS: [&str; 6] =
    ["content_policy", "content policy", "content_filter", "moderat", "safety system", "nsfw"];
/// How used-up credit is worded, with whatever status.
const NO_CREDIT: [&str; 3] = ["insufficient_quota", "insufficient credits", "exceeded your current quota"];
/// How it is worded that a form of the answer is not known.
const FORMS: [&str; 6] =
    ["response_format", "json_schema", "json_object", "structured output", "grammar", "guided"];

/// What an answer that is no success means; it was one to a request that may cost something.
pub(super) fn read(answer: &Answer) -> ProviderError {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(doubt) = answer.doubt(PROVIDER, is_own(&value)) {
        return doubt;
    }
    let complaint = Complaint::of(&value);
    if answer.status.is_client_error() && complaint.mentions(&REFUSALS) {
        return refused(&complaint);
    }
    if answer.status.is_client_error() && complaint.mentions(&NO_CREDIT) {
        return credits_used_up(PROVIDER, &answer.reported());
    }
    answer.error(PROVIDER, true)
}

/// What an answer that is called a success means if it holds no result: an error, mostly.
pub(super) fn stray(answer: &Answer, value: &Value) -> ProviderError {
    let complaint = Complaint::of(value);
    if is_own(value) && complaint.mentions(&REFUSALS) {
        return refused(&complaint);
    }
    let text = if is_own(value) { answer.text() } else { String::new() };
    let why = if text.is_empty() { String::new() } else { format!(": {text}") };
    unexpected(format!("it took the request, but its answer holds no result{why}"))
}

pub(super) fn refused(complaint: &Complaint) -> ProviderError {
    ProviderError::Refused { provider: PROVIDER, why: shown(&complaint.to_string()) }
}

/// Whether the server refuses the form in which it was to answer, and nothing else: then it has taken nothing.
pub(super) fn is_about_the_form(answer: &Answer) -> bool {
    let complaint = Complaint::read(&answer.body).unwrap_or_default();
    matches!(answer.status.as_u16(), 400 | 415 | 422) && complaint.mentions(&FORMS)
}

/// Whether the model's name may be what is wrong.
pub(super) fn may_miss_the_model(answer: &Answer) -> bool {
    let complaint = Complaint::read(&answer.body).unwrap_or_default();
    answer.status.as_u16() == 404 || complaint.mentions(&["model"])
}

/// Whether an error has a shape of such servers.
fn is_own(value: &Value) -> bool {
    let error = &value["error"];
    let said = error.as_str().or_else(|| error["message"].as_str()).or_else(|| value["detail"].as_str());
    said.is_some_and(|text| !text.trim().is_empty())
        || value["detail"].is_array()
        || value["detail"].is_object()
}
