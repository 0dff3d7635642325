//! Which models a server offers: whether it is there, and what a person may name instead of what it does not know.

use serde_json::Value;

use super::{PROVIDER, configuration, fault};
use crate::error::ProviderError;
use crate::http::Answer;

/// So many are named to a person.
const MAX_NAMED: usize = 8;
/// No model's name is longer.
const MAX_CHARACTERS: usize = 100;

/// The names in an answer; nothing if it is no list of models.
pub(super) fn read(answer: &Answer) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.is_success())?;
    let names = value["data"].as_array()?.iter().filter_map(|model| model["id"].as_str());
    // Only what is a name: this is shown to people whatever the host is.
    let is_name = |name: &&str| {
        (1..=MAX_CHARACTERS).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte))
    };
    Some(names.filter(is_name).map(str::to_owned).collect())
}

/// Whether the server is there and takes the key.
pub(super) fn health(answer: &Answer) -> Result<String, ProviderError> {
    match answer.status.as_u16() {
        200..=299 => {
            answer.json(PROVIDER, false)?;
            Ok(match read(answer) {
                Some(names) => format!("it answers; {} models are offered", names.len()),
                None => "it answers, and does not say which models it offers".to_owned(),
            })
        }
        // Some servers speak or draw only, and have no list.
        404 | 405 | 501 => Ok("it answers, and has no list of models".to_owned()),
        401 | 403 => Err(ProviderError::Credentials {
            provider: PROVIDER,
            message: format!(
                "it answered {}; check apiKey in the Secret that the account's secretRef names, or name one",
                answer.reported()
            ),
        }),
        // Nothing was asked for that costs anything, so that there is no doubt about it.
        429 | 500..=599 => Err(answer.error(PROVIDER, false)),
        _ => Err(fault::read(answer)),
    }
}

/// The error of a request without a model.
pub(super) fn unnamed(offered: Option<&[String]>) -> ProviderError {
    configuration(format!("no model is named; name one that the server has{}", list(offered)))
}

/// The error with what the server has instead of the model, if it does not have that.
pub(super) fn explained(error: ProviderError, model: &str, offered: Option<&[String]>) -> ProviderError {
    match (error, offered) {
        (ProviderError::Configuration { provider, message }, Some(names))
            if !names.is_empty() && !names.iter().any(|name| name == model) =>
        {
            let message = format!("{message}. It has no model {model:?}{}", list(offered));
            ProviderError::Configuration { provider, message }
        }
        (error, _) => error,
    }
}

fn list(offered: Option<&[String]>) -> String {
    let names = offered.unwrap_or_default();
    let first = names.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MAX_NAMED) {
        _ if names.is_empty() => String::new(),
        None | Some(0) => format!(": {first}"),
        Some(more) => format!(": {first} and {more} more"),
    }
}
