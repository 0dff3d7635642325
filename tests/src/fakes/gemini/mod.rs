//! Google Gemini: scripts, pictures and speech by `generateContent`, clips by Veo's long-running operations.

mod content;
mod veo;

use std::time::Duration;

use serde_json::{Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::protocol::{Misread, Protocol, Refused};
use super::results::{download, of_result};
use super::service::{Operation, Service};

const A_DAY: f64 = 86_400.0;
const MODELS: [&str; 5] = [
    "gemini-3.8-flash",
    "gemini-3.7-flash",
    "gemini-3.1-flash-image",
    "gemini-3.8-flash-tts",
    "veo-3.1-generate-preview",
];

pub(crate) struct Gemini;

impl Protocol for Gemini {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let named = call.query.get("key").map_or(call.header("x-goog-api-key"), String::as_str);
        let ask = |operation| Ask::new(Service::Gemini, operation, named);
        let keyed = |ask: Ask| {
            if ask.key.is_empty() { Err(Misread::refused(ask, Refused::NoKey)) } else { Ok(ask) }
        };
        match (method, path.as_slice()) {
            ("POST", ["v1beta", "models", rest]) => match rest.split_once(':') {
                Some((model, "generateContent")) => {
                    content::read(call, keyed(ask(content::operation(call)))?.with_model(model))
                }
                Some((model, "predictLongRunning")) => {
                    veo::read(call, keyed(ask(Operation::Video))?.with_model(model))
                }
                _ => Err(Misread::NoRoute),
            },
            ("GET", ["v1beta", "models"]) => keyed(ask(Operation::Health)),
            ("GET", ["v1beta", "models", model]) => {
                let ask = keyed(ask(Operation::Health))?.with_model(model);
                known(&ask, &["gemini-", "veo-"], "getModel")?;
                Ok(ask)
            }
            ("GET", ["v1beta", "models", _, "operations", id]) => {
                Ok(of_result(state, keyed(ask(Operation::Poll))?, id).named(named))
            }
            ("GET", ["v1beta", "files", file]) if file.ends_with(":download") => {
                let id = file.trim_end_matches(":download");
                Ok(of_result(state, keyed(ask(Operation::Download))?, id).named(named))
            }
            _ => Err(Misread::NoRoute),
        }
    }

    fn refuse(ask: &Ask, why: &Refused) -> Answer {
        match why {
            Refused::NoKey => error(
                403,
                "PERMISSION_DENIED",
                "Method doesn't allow unregistered callers (callers without established identity). Please use API \
                 Key or other form of API consumer identity to call this API.",
                None,
            ),
            Refused::WrongKey | Refused::TokenRevoked => error(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                Some(json!([{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"},
                }])),
            ),
            Refused::Forbidden => {
                error(403, "PERMISSION_DENIED", "The caller does not have permission", None)
            }
            Refused::NotFound(what) => error(404, "NOT_FOUND", what, None),
            Refused::Invalid(what) => error(400, "INVALID_ARGUMENT", what, None),
            Refused::CreditsUsedUp => error(
                429,
                "RESOURCE_EXHAUSTED",
                "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
                None,
            ),
            Refused::Moderated if ask.operation == Operation::Video => error(
                400,
                "INVALID_ARGUMENT",
                "The prompt could not be submitted. It contains words that violate Google's content policies.",
                None,
            ),
            Refused::Moderated => Answer::json(
                200,
                json!({
                    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": ask.model,
                    "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12},
                }),
            ),
            Refused::Status(code) | Refused::Loading(code) => {
                error(*code, status_of(*code), "The model is overloaded. Please try again later.", None)
            }
            Refused::RateLimited(shape, wait) => exhausted(&ask.model, *shape, *wait),
        }
    }

    fn shape(_: &Ask, exceeded: &Exceeded) -> Shape {
        match (exceeded.limit.window_seconds >= A_DAY, exceeded.limit.retry_after) {
            (true, _) => Shape::PerDay,
            (false, true) => Shape::RetryInfo,
            (false, false) => Shape::Plain,
        }
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        Ok(match (ask.operation, work) {
            (Operation::Video, Some(work)) => veo::submitted(work),
            (_, Some(work)) => content::write(call, work, fault),
            (Operation::Poll, None) => veo::poll(state, call, ask, fault),
            (Operation::Download, None) => own_download(state, call, ask, fault),
            _ if ask.model.is_empty() => {
                Answer::json(200, json!({"models": MODELS.map(model_resource).to_vec()}))
            }
            _ => Answer::json(200, model_resource(&ask.model)),
        })
    }
}

/// A result, to the account alone that it was made for.
fn own_download(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let mine = state.store.open().work(&ask.id).is_some_and(|work| work.ask.key == ask.key);
    if mine {
        download(state, call, ask, fault)
    } else {
        let what = "You do not have permission to access the File, or it does not exist.";
        error(403, "PERMISSION_DENIED", what, None)
    }
}

fn model_resource(name: &str) -> Value {
    json!({
        "name": format!("models/{name}"), "displayName": name, "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": [if name.starts_with("veo-") { "predictLongRunning" } else { "generateContent" }],
    })
}

/// Refuses a model whose name begins with none of these.
fn known(ask: &Ask, families: &[&str], method: &str) -> Result<(), Misread> {
    if families.iter().any(|family| ask.model.starts_with(family)) {
        return Ok(());
    }
    let what = format!(
        "models/{} is not found for API version v1beta, or is not supported for {method}. Call ListModels to see \
         the list of available models and their supported methods.",
        ask.model
    );
    Err(Misread::refused(ask.clone(), Refused::NotFound(what)))
}

fn error(code: u16, status: &str, message: &str, details: Option<Value>) -> Answer {
    let mut error = json!({"code": code, "message": message, "status": status});
    if let Some(details) = details {
        error["details"] = details;
    }
    Answer::json(code, json!({"error": error}))
}

fn exhausted(model: &str, shape: Shape, wait: Duration) -> Answer {
    let quota = if shape == Shape::PerDay { "PerDay" } else { "PerMinute" };
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": format!("GenerateRequests{quota}PerProjectPerModel-FreeTier"),
            "quotaDimensions": {"location": "global", "model": model}, "quotaValue": "20",
        }],
    })];
    let reports = !wait.is_zero() && shape != Shape::Plain;
    if reports {
        let delay = format!("{}.{:03}s", wait.as_secs(), wait.subsec_millis());
        let delay = delay.replace(".000s", "s");
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    let message = "You exceeded your current quota, please check your plan and billing details.";
    let details = (reports || shape == Shape::PerDay).then(|| details.into());
    error(429, "RESOURCE_EXHAUSTED", message, details)
}

fn status_of(code: u16) -> &'static str {
    match code {
        400 => "INVALID_ARGUMENT",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
