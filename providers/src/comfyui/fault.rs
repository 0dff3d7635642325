//! Why the server did not do what it was asked for.

use serde_json::Value;

use super::PROVIDER;
use crate::error::ProviderError;
use crate::http::{Answer, shown};

/// What an answer that is no success means. A workflow that the server refuses has not been queued.
pub(super) fn read(answer: &Answer, pays: bool) -> ProviderError {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(doubt) = answer.doubt(PROVIDER, value["error"].is_object()).filter(|_| pays) {
        return doubt;
    }
    if answer.status.as_u16() == 400 && value["error"].is_object() {
        let why = if answer.is_foreign { answer.text() } else { refusal(&value) };
        return ProviderError::Configuration {
            provider: PROVIDER,
            message: format!(
                "it refuses the workflow: {why}; correct the workflow, or install what it needs"
            ),
        };
    }
    answer.error(PROVIDER, pays)
}

/// The sentence of a refusal, and the first node that it is about.
fn refusal(value: &Value) -> String {
    let error = &value["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let mut parts = vec![text(&error["message"]), text(&error["details"])];
    for (node, found) in value["node_errors"].as_object().into_iter().flatten().take(1) {
        let first = &found["errors"][0];
        parts.push(format!("node {node} ({})", text(&found["class_type"])));
        parts.extend([text(&first["message"]), text(&first["details"])]);
    }
    parts.retain(|part| !part.is_empty());
    shown(&parts.join(", "))
}
