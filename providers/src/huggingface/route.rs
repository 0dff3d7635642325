//! Who does the work: Hugging Face itself, or one of those that it passes requests on to.

use serde_json::Value;

use super::{PROVIDER, configuration};
use crate::capability::Model;
use crate::error::ProviderError;
use crate::http::shown;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    HfInference,
    FalAi,
    Nscale,
    Replicate,
}

impl Via {
    const ALL: [Self; 4] = [Self::HfInference, Self::FalAi, Self::Nscale, Self::Replicate];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::HfInference => "hf-inference",
            Self::FalAi => "fal-ai",
            Self::Nscale => "nscale",
            Self::Replicate => "replicate",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == name)
    }
}

/// Who does the work, with which of their models and which parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    pub via: Via,
    /// The model by the name that those who run it give it, and its parameters without `provider`.
    pub model: Model,
}

/// Where a request goes: to the parameter `provider`, or to the one that the model's name begins with, or to
/// Hugging Face itself.
pub(super) fn choose(model: &Model, usual: &str) -> Result<Route, ProviderError> {
    let mut parameters = model.parameters.clone();
    let chosen = match parameters.remove("provider") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_str().and_then(Via::named).ok_or_else(|| unknown(&value))?),
    };
    let given = model.name.trim();
    let prefixed = |name: &str| {
        let (via, rest) = name.split_once('/')?;
        Some((Via::named(via)?, rest.to_owned()))
    };
    let (via, name) = match (chosen, given) {
        (None, "") => prefixed(usual).unwrap_or((Via::HfInference, usual.to_owned())),
        (None, given) => prefixed(given).unwrap_or((Via::HfInference, given.to_owned())),
        (Some(via), "") => match prefixed(usual) {
            Some((usual_via, name)) if usual_via == via => (via, name),
            _ => return Err(configuration(format!("there is no usual model of {}; name one", via.as_str()))),
        },
        (Some(via), given) => (via, given.to_owned()),
    };
    if !is_name(&name) {
        return Err(configuration(format!(
            "{:?} is no model's name; write one such as {usual}",
            shown(&name)
        )));
    }
    Ok(Route { via, model: Model { name, parameters } })
}

fn unknown(value: &Value) -> ProviderError {
    let known: Vec<&str> = Via::ALL.into_iter().map(Via::as_str).collect();
    ProviderError::Configuration {
        provider: PROVIDER,
        message: format!(
            "the parameter provider is {}; it may be {}",
            shown(&value.to_string()),
            known.join(", ")
        ),
    }
}

/// Whether the name may become part of a path: nothing in it leads elsewhere.
fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    name.split('/').all(|part| part.bytes().any(|byte| byte != b'.') && part.bytes().all(good))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USUAL: &str = "fal-ai/fal-ai/flux/schnell";

    fn chosen(name: &str, parameters: &Value) -> Result<(Via, String), ProviderError> {
        let parameters = serde_json::from_value(parameters.clone()).unwrap();
        let route = choose(&Model { name: name.to_owned(), parameters }, USUAL)?;
        assert!(!route.model.parameters.contains_key("provider"));
        Ok((route.via, route.model.name))
    }

    #[test]
    fn the_route_is_in_the_name_or_in_a_parameter() {
        for (name, provider, via, model) in [
            ("", Value::Null, Via::FalAi, "fal-ai/flux/schnell"),
            ("", json!("fal-ai"), Via::FalAi, "fal-ai/flux/schnell"),
            ("fal-ai/flux/dev", json!("fal-ai"), Via::FalAi, "fal-ai/flux/dev"),
            ("fal-ai/fal-ai/flux/dev", Value::Null, Via::FalAi, "fal-ai/flux/dev"),
            (
                "replicate/black-forest-labs/flux-dev",
                Value::Null,
                Via::Replicate,
                "black-forest-labs/flux-dev",
            ),
            ("black-forest-labs/FLUX.1-dev", json!("nscale"), Via::Nscale, "black-forest-labs/FLUX.1-dev"),
            ("stabilityai/sdxl-1.0", Value::Null, Via::HfInference, "stabilityai/sdxl-1.0"),
        ] {
            assert_eq!(
                chosen(name, &json!({"provider": provider, "seed": 1})).unwrap(),
                (via, model.to_owned())
            );
        }
    }

    #[test]
    fn a_route_that_leads_nowhere_is_reported() {
        for (name, provider) in [
            ("a/b", json!("together")),
            ("a/b", json!(1)),
            ("", json!("replicate")),
            ("a/../b", Value::Null),
            ("a//b", Value::Null),
            ("a?b", Value::Null),
            ("replicate/", Value::Null),
        ] {
            let error = chosen(name, &json!({"provider": provider})).unwrap_err();
            assert!(matches!(error, ProviderError::Configuration { .. }), "{name}: {error}");
        }
    }
}
