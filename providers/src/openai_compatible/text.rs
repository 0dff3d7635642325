//! Scripts by chat: the request in the forms that servers take, and the text of an answer.

use serde_json::{Value, json};

use super::{PROVIDER, fault, unexpected};
use crate::capability::{Model, ScriptRequest};
use crate::error::ProviderError;
use crate::http::{Answer, Complaint, shown, taken};
use crate::script;

/// Settings that the reading of answers depends on.
pub(super) const RESERVED: [&str; 4] = ["model", "messages", "n", "stream"];
/// The parameter by which the account's user settles the form.
const FORMAT: &str = "response_format";

/// How the answer's form is asked for, besides by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON of the script's schema.
    Schema,
    /// Any JSON.
    Object,
    /// By words alone, or as the parameters have it.
    Words,
}

impl Form {
    /// The form that is tried first.
    pub fn first(model: &Model) -> Self {
        if model.parameters.contains_key(FORMAT) { Self::Words } else { Self::Schema }
    }

    /// The form to be tried if the server does not know this one.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Schema => Some(Self::Object),
            Self::Object => Some(Self::Words),
            Self::Words => None,
        }
    }
}

/// The body of a request. The words ask for JSON whatever the form: some servers take a form and ignore it.
pub(super) fn body(model: &str, request: &ScriptRequest, form: Form) -> Value {
    let schema = script::schema(request.scene_count);
    let content = format!(
        "{}Answer with one JSON object of this JSON schema and with nothing else, no comment and no code block:\n{schema}",
        script::prompt(request)
    );
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
    match form {
        Form::Schema => {
            body[FORMAT] =
                json!({"type": "json_schema", "json_schema": {"name": "script", "schema": schema}});
        }
        Form::Object => body[FORMAT] = json!({"type": "json_object"}),
        Form::Words => {}
    }
    body
}

/// The text of an answer. It was given, so one that cannot be read has failed; it is not unknown.
pub(super) fn read(answer: &Answer) -> Result<String, ProviderError> {
    let value = answer.json(PROVIDER, false).map_err(taken)?;
    let choice = &value["choices"][0];
    let message = &choice["message"];
    if let Some(refusal) = message["refusal"].as_str().filter(|text| !text.trim().is_empty()) {
        let why = if answer.is_foreign { "the model refuses" } else { refusal };
        return Err(ProviderError::Refused { provider: PROVIDER, why: shown(why) });
    }
    let text = content(&message["content"]);
    match choice["finish_reason"].as_str() {
        Some("content_filter") => {
            let message = "the answer was withheld by the server's content filter".to_owned();
            Err(fault::refused(&Complaint { code: String::new(), message }))
        }
        Some("length") => Err(unexpected(
            "the script is cut off at the most tokens that the server allows; raise them (max_tokens among the \
             parameters, or the server's context size)"
                .to_owned(),
        )),
        _ if text.trim().is_empty() => Err(fault::stray(answer, &value)),
        _ => Ok(text),
    }
}

/// A message's text, whole or in parts.
fn content(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    content.as_str().map_or_else(|| parts.collect(), str::to_owned)
}
