//! Hugging Face: its own inference, the providers that its router leads to, and what clients ask of the Hub.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call, Product};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::media;
use super::protocol::{Misread, Protocol, Refused, whole_seconds};
use super::results::{download, of_result, picture_of};
use super::service::{Operation, Service};

const USUAL_SIDE: u64 = 1024;
const LARGEST_SIDE: u64 = 4096;

pub(crate) struct HuggingFace;

/// Who does the work, by the first part of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    HfInference,
    FalAi,
    Nscale,
    Replicate,
}

impl Protocol for HuggingFace {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let key = call.bearer().unwrap_or_default();
        let ask = |operation| Ask::new(Service::HuggingFace, operation, key);
        let (via, model) = match (method, path.as_slice()) {
            ("POST", ["hf-inference", "models", model @ ..]) if !model.is_empty() => {
                (Via::HfInference, model.join("/"))
            }
            ("POST", ["fal-ai", model @ ..]) if !model.is_empty() => (Via::FalAi, model.join("/")),
            ("POST", ["nscale", "v1", "images", "generations"]) => (Via::Nscale, String::new()),
            ("POST", ["replicate", "v1", "models", owner, name, "predictions"]) => {
                (Via::Replicate, format!("{owner}/{name}"))
            }
            ("POST", ["replicate", "v1", "predictions"]) => (Via::Replicate, String::new()),
            ("GET", ["api", "whoami-v2"]) => {
                let ask = ask(Operation::Health);
                return if key.is_empty() { Err(Misread::refused(ask, Refused::NoKey)) } else { Ok(ask) };
            }
            ("GET", ["api", "models", model @ ..]) => {
                return Ok(ask(Operation::Health).with_model(&model.join("/")));
            }
            ("GET", ["results", file]) => return Ok(of_result(state, ask(Operation::Download), file)),
            _ => return Err(Misread::NoRoute),
        };
        let body = call.json().unwrap_or_default();
        let (operation, prompt) = wanted(via, &model, &body);
        let model = if model.is_empty() {
            let named = body["model"].as_str().or(body["version"].as_str());
            named.unwrap_or_default().to_owned()
        } else {
            model
        };
        read_work(via, &body, ask(operation).with_model(&model), &prompt)
    }

    fn refuse(ask: &Ask, why: &Refused) -> Answer {
        let refused = |status, text: &str| Answer::json(status, json!({"error": text}));
        match why {
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked
                if ask.operation == Operation::Health =>
            {
                refused(401, "Invalid username or password.")
            }
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => {
                refused(401, "Invalid credentials in Authorization header")
            }
            Refused::Forbidden => refused(
                403,
                "This authentication method does not have sufficient permissions to call Inference Providers on behalf \
                 of user fake",
            ),
            Refused::NotFound(what) => refused(404, what),
            Refused::Invalid(what) => refused(400, what),
            Refused::CreditsUsedUp => refused(
                402,
                "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x \
                 more monthly included credits.",
            ),
            Refused::Moderated => Answer::json(
                422,
                json!({"detail": [{
                    "loc": ["body", "prompt"], "type": "content_policy_violation",
                    "msg": "The content could not be processed because it was flagged by a content checker.",
                }]}),
            ),
            Refused::Status(code) => refused(*code, "Service temporarily unavailable, please try again."),
            Refused::Loading(code) => Answer::json(
                *code,
                json!({"error": format!("Model {} is currently loading", ask.model), "estimated_time": 20.0}),
            ),
            Refused::RateLimited(shape, wait) => {
                let answer = refused(429, "Too many requests. Please retry later.");
                let seconds = whole_seconds(*wait);
                match shape {
                    Shape::Plain => answer,
                    _ if wait.is_zero() => answer,
                    Shape::RateLimitHeader => answer
                        .with_named("ratelimit", format!("\"api\";r=0;t={seconds}"))
                        .with_named("ratelimit-policy", "\"fixed window\";\"api\";q=500;w=300"),
                    _ => answer.with(RETRY_AFTER, seconds.to_string()),
                }
            }
        }
    }

    fn shape(_: &Ask, _: &Exceeded) -> Shape {
        Shape::RateLimitHeader
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        Ok(match (work, ask.operation) {
            (Some(work), _) => result(call, work, fault == Some(&Effect::NoOutput)),
            (None, Operation::Download) => download(state, call, ask, fault),
            _ if ask.model.is_empty() => whoami(),
            _ => Answer::json(200, on_the_hub(&ask.model)),
        })
    }
}

fn via(call: &Call) -> Via {
    match call.path.first().map(String::as_str) {
        Some("fal-ai") => Via::FalAi,
        Some("nscale") => Via::Nscale,
        Some("replicate") => Via::Replicate,
        _ => Via::HfInference,
    }
}

/// What is wanted, and the text that it is wanted for.
fn wanted(via: Via, model: &str, body: &Value) -> (Operation, String) {
    let input = if via == Via::Replicate { &body["input"] } else { body };
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    if let Some(text) = text("inputs").filter(|_| via == Via::HfInference) {
        return (if speaks(model) { Operation::Speech } else { Operation::Image }, text);
    }
    match (text("prompt"), text("text")) {
        (prompt, Some(text)) if prompt.is_none() || speaks(model) => (Operation::Speech, text),
        (prompt, _) => (Operation::Image, prompt.unwrap_or_default()),
    }
}

/// Whether a model speaks, as far as its name says.
fn speaks(model: &str) -> bool {
    let name = model.to_lowercase();
    ["tts", "speech", "kokoro", "bark", "parler", "mms-", "orpheus", "csm"]
        .iter()
        .any(|part| name.contains(part))
}

fn read_work(via: Via, body: &Value, ask: Ask, prompt: &str) -> Result<Ask, Misread> {
    if ask.key.is_empty() {
        return Err(Misread::refused(ask, Refused::NoKey));
    }
    let input = if via == Via::Replicate { &body["input"] } else { body };
    let references = match references(input) {
        Ok(references) => references,
        Err(what) => return Err(Misread::invalid(ask, what)),
    };
    let ask = ask.about(prompt, references.iter().map(Vec::as_slice));
    if prompt.trim().is_empty() || ask.model.is_empty() {
        return Err(Misread::invalid(ask, "A model and a text are required."));
    }
    if ask.operation == Operation::Speech {
        return Ok(ask.making(Product::Speech));
    }
    if let Some(ratio) = input["aspect_ratio"].as_str().filter(|_| via == Via::Replicate) {
        let (width, height) = media::frame(ratio, 1024);
        return Ok(ask.making(Product::Picture { width, height }));
    }
    let wanted = match via {
        Via::HfInference => &body["parameters"],
        Via::FalAi => &body["image_size"],
        Via::Nscale => &body["size"],
        Via::Replicate => &body["input"],
    };
    let named = wanted.as_str().and_then(|size| size.split_once('x'));
    let side = |name: &str, text: Option<&str>| match text {
        Some(text) => text.parse().ok(),
        None if wanted[name].is_null() => Some(USUAL_SIDE),
        None => wanted[name].as_u64(),
    };
    let sides = (side("width", named.map(|size| size.0)), side("height", named.map(|size| size.1)));
    let (Some(width @ 1..=LARGEST_SIDE), Some(height @ 1..=LARGEST_SIDE)) = sides else {
        return Err(Misread::invalid(ask, "The size of the picture is not possible."));
    };
    let pixels = |side| u32::try_from(side).unwrap_or(1);
    Ok(ask.making(Product::Picture { width: pixels(width), height: pixels(height) }))
}

/// The pictures that came along, under whichever of the names that models have for them.
fn references(input: &Value) -> Result<Vec<Vec<u8>>, String> {
    let one = ["image_url", "input_image", "image"].into_iter().map(|name| &input[name]);
    let several = input["image_urls"].as_array().into_iter().flatten();
    one.chain(several).filter_map(Value::as_str).map(picture_of).collect()
}

fn result(call: &Call, work: &Work, nothing: bool) -> Answer {
    let speech = work.ask.operation == Operation::Speech;
    let url =
        format!("{}/huggingface/results/{}.{}", call.origin, work.id, if speech { "wav" } else { "png" });
    let picture = |field: &str| match &work.ask.product {
        Product::Picture { width, height } if !nothing => {
            json!({field: [{"url": url, "width": width, "height": height, "content_type": "image/png"}]})
        }
        _ => json!({field: []}),
    };
    match via(call) {
        Via::HfInference => {
            let (kind, bytes) = media::of(work);
            Answer::bytes(kind, if nothing { bytes::Bytes::new() } else { bytes }).delivering(&work.id)
        }
        Via::FalAi if speech => Answer::json(
            200,
            if nothing {
                json!({"audio": null})
            } else {
                json!({"audio": {"url": url, "content_type": "audio/wav", "file_name": "output.wav"}})
            },
        ),
        Via::FalAi => {
            let mut answer = picture("images");
            answer["seed"] = json!(42);
            answer["has_nsfw_concepts"] = json!([false]);
            answer["prompt"] = work.ask.prompt.clone().into();
            Answer::json(200, answer)
        }
        Via::Nscale if nothing => Answer::json(200, json!({"created": 1_780_000_000, "data": []})),
        Via::Nscale => {
            let data = STANDARD.encode(media::of(work).1);
            Answer::json(200, json!({"created": 1_780_000_000, "data": [{"b64_json": data}]}))
                .delivering(&work.id)
        }
        Via::Replicate => {
            let output = if nothing { Value::Null } else { json!([url]) };
            let status = if nothing { "processing" } else { "succeeded" };
            Answer::json(
                201,
                json!({
                    "id": work.id, "model": work.ask.model, "status": status, "output": output, "error": null,
                    "input": {"prompt": work.ask.prompt},
                }),
            )
        }
    }
}

fn whoami() -> Answer {
    Answer::json(
        200,
        json!({
            "type": "user", "id": "0123456789abcdef01234567", "name": "fake", "fullname": "Fake User", "isPro": false,
            "avatarUrl": "", "orgs": [],
            "auth": {"type": "access_token", "accessToken": {"displayName": "fake", "role": "fineGrained"}},
        }),
    )
}

/// What the Hub says of a model: every provider serves it.
fn on_the_hub(model: &str) -> Value {
    let task = if speaks(model) { "text-to-speech" } else { "text-to-image" };
    let served = |id: &str| json!({"status": "live", "providerId": id, "task": task});
    let own = format!("fal-ai/{}", model.rsplit('/').next().unwrap_or(model).to_lowercase());
    json!({
        "_id": "0123456789abcdef01234567", "id": model, "modelId": model, "pipeline_tag": task, "tags": [task],
        "inferenceProviderMapping": {
            "hf-inference": served(model), "fal-ai": served(&own), "nscale": served(model),
            "replicate": served(model),
        },
    })
}
