//! A server that speaks OpenAI's protocol, as those do that people run themselves. They know more or less of it, and so
//! does this one, by parts of the model's name:
//!
//! | the name has | then |
//! |---|---|
//! | `no-schema` | `response_format` may be `json_object`, and nothing else |
//! | `no-format` | `response_format` may not be given |
//! | `prose` | JSON comes in a code block, after thinking aloud |
//! | `by-bytes`, `by-url` | a picture comes in one way whatever is asked for |
//! | `relative`, `internal` | a picture's URL is a path only, or has a host that nobody else knows |
//! | `breaks` | a picture's `response_format` is an error of the server |
//!
//! No key is needed: without one, the account is `anonymous`. Below `/openai/lite` it has no list of models and reports no
//! words' times.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{ALLOW, RETRY_AFTER};
use serde_json::{Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call, Product};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::protocol::{Misread, Protocol, Refused, whole_seconds};
use super::results::{download, of_result};
use super::service::{Operation, Service};
use super::{media, schema};

/// Whoever brings no key.
const ANONYMOUS: &str = "anonymous";
/// What it has; further parts of a name say what it lacks.
const MODELS: [&str; 3] = ["writer", "flux", "kokoro"];
const LARGEST_SIDE: u32 = 4096;

pub(crate) struct OpenAi;

impl Protocol for OpenAi {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let ask = |operation| Ask::new(Service::OpenAi, operation, call.bearer().unwrap_or(ANONYMOUS));
        let below = path.strip_prefix(&["lite"]).unwrap_or(&path);
        let is_whole = below.len() == path.len();
        match (method, below) {
            ("POST", ["v1", "chat", "completions"]) => read_chat(call, ask(Operation::Script)),
            ("POST", ["v1", "images", "generations"]) => read_image(call, ask(Operation::Image)),
            ("POST", ["v1", "audio", "speech"]) => read_speech(call, ask(Operation::Speech)),
            ("POST", ["dev", "captioned_speech"]) if is_whole => read_speech(call, ask(Operation::Speech)),
            ("GET", ["v1", "models"] | ["dev", "captioned_speech"]) if is_whole => Ok(ask(Operation::Health)),
            ("GET", ["results", file]) => Ok(of_result(state, ask(Operation::Download), file)),
            _ => Err(Misread::NoRoute),
        }
    }

    fn refuse(_: &Ask, why: &Refused) -> Answer {
        let error = |status: u16, kind: &str, message: &str| {
            Answer::json(
                status,
                json!({"error": {"message": message, "type": kind, "param": null, "code": kind}}),
            )
        };
        match why {
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => {
                error(401, "invalid_api_key", "Incorrect API key provided.")
            }
            Refused::Forbidden => error(403, "permission_denied", "You may not use this model."),
            // As Ollama writes it.
            Refused::NotFound(what) => Answer::json(404, json!({"error": what})),
            Refused::Invalid(what) => error(400, "invalid_request_error", what),
            Refused::CreditsUsedUp => {
                error(429, "insufficient_quota", "You exceeded your current quota, please check your plan.")
            }
            Refused::Moderated => {
                error(400, "content_policy_violation", "Your request was rejected by our safety system.")
            }
            // As llama.cpp's server writes it.
            Refused::Loading(code) => Answer::json(
                *code,
                json!({"error": {"code": code, "message": "Loading model", "type": "unavailable_error"}}),
            ),
            Refused::Status(code) => error(*code, "server_error", "The server had an error."),
            Refused::RateLimited(shape, wait) => {
                let answer = error(429, "rate_limit_exceeded", "Rate limit reached.");
                match (shape, whole_seconds(*wait)) {
                    (_, 0) | (Shape::Plain, _) => answer,
                    (_, seconds) => answer.with(RETRY_AFTER, seconds.to_string()),
                }
            }
        }
    }

    /// It does not say for how long.
    fn shape(_: &Ask, _: &Exceeded) -> Shape {
        Shape::Plain
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        Ok(match (ask.operation, work) {
            _ if fault == Some(&Effect::NoOutput) => {
                Answer::json(200, json!({"error": {"message": "CUDA out of memory", "type": "server_error"}}))
            }
            (Operation::Script, Some(work)) => chat(call, work, fault),
            (Operation::Image, Some(work)) => picture(call, work),
            (Operation::Speech, Some(work)) => speech(call, work),
            (Operation::Download, _) => download(state, call, ask, fault),
            _ if call.path.first().is_some_and(|first| first == "dev") => {
                Answer::json(405, json!({"detail": "Method Not Allowed"})).with(ALLOW, "POST")
            }
            _ => {
                let models: Vec<Value> = MODELS
                    .iter()
                    .map(|id| json!({"id": id, "object": "model", "owned_by": "library"}))
                    .collect();
                Answer::json(200, json!({"object": "list", "data": models}))
            }
        })
    }
}

/// The body, if it names a model that there is.
fn body_of(call: &Call, ask: Ask) -> Result<(Value, Ask), Misread> {
    let Some(body) = call.json() else { return Err(Misread::invalid(ask, "The body is not JSON.")) };
    let model = body["model"].as_str().unwrap_or_default();
    let ask = ask.with_model(model);
    if !MODELS.iter().any(|known| model.starts_with(known)) {
        let what = format!("model '{model}' not found");
        return Err(Misread::refused(ask, Refused::NotFound(what)));
    }
    Ok((body, ask))
}

fn read_chat(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let (body, ask) = body_of(call, ask)?;
    let messages = body["messages"].as_array().into_iter().flatten();
    let said: Vec<&str> = messages.filter_map(|message| message["content"].as_str()).collect();
    let ask = ask.about(&said.join("\n"), []);
    if ask.prompt.trim().is_empty() {
        return Err(Misread::invalid(ask, "messages must not be empty."));
    }
    let form = body["response_format"]["type"].as_str();
    let lacks = |what: &str| ask.model.contains(what);
    match form {
        Some(_) if lacks("no-format") => {
            Err(Misread::invalid(ask, "response_format is not supported by this server."))
        }
        Some("json_schema") if lacks("no-schema") => {
            Err(Misread::invalid(ask, "'response_format.type' must be 'json_object' or 'text'."))
        }
        _ => Ok(ask),
    }
}

fn read_image(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let (body, ask) = body_of(call, ask)?;
    let ask = ask.about(body["prompt"].as_str().unwrap_or_default(), []);
    if ask.prompt.trim().is_empty() {
        return Err(Misread::invalid(ask, "prompt must not be empty."));
    }
    if ask.model.contains("breaks") && !body["response_format"].is_null() {
        return Err(Misread::refused(ask, Refused::Status(500)));
    }
    let size = body["size"].as_str().unwrap_or("1024x1024");
    let sides = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let Some((width @ 1..=LARGEST_SIDE, height @ 1..=LARGEST_SIDE)) = sides else {
        return Err(Misread::invalid(ask, format!("size {size} is not possible.")));
    };
    Ok(ask.making(Product::Picture { width, height }))
}

fn read_speech(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let (body, ask) = body_of(call, ask)?;
    let ask = ask.about(body["input"].as_str().unwrap_or_default(), []);
    if ask.prompt.trim().is_empty() {
        return Err(Misread::invalid(ask, "input must not be empty."));
    }
    if !matches!(body["response_format"].as_str(), None | Some("wav")) {
        return Err(Misread::invalid(ask, "This server speaks wav only."));
    }
    Ok(ask.making(Product::Speech))
}

fn chat(call: &Call, work: &Work, fault: Option<&Effect>) -> Answer {
    let body = call.json().unwrap_or_default();
    // A model reads the schema also where it stands in the words alone.
    let reported: Option<Value> =
        work.ask.prompt.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    let wanted = match &body["response_format"]["json_schema"]["schema"] {
        Value::Null => reported.unwrap_or_default(),
        schema => schema.clone(),
    };
    let mut text = match wanted {
        Value::Object(_) => schema::example(&wanted, &work.ask.prompt).to_string(),
        _ => "Water carries the light of the morning down to the sea.".to_owned(),
    };
    if work.ask.model.contains("prose") {
        text = format!("<think>They want {{JSON}}.</think>\nHere it is:\n```json\n{text}\n```\nEnjoy!");
    }
    let mut reason = "stop";
    match fault {
        Some(Effect::Say { text: said }) => text.clone_from(said),
        Some(Effect::FinishReason { reason: given }) => {
            reason = given;
            text = text.chars().take(text.chars().count() / 2).collect();
        }
        _ => {}
    }
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason});
    Answer::json(
        200,
        json!({
            "id": work.id, "object": "chat.completion", "created": 1_780_000_000, "model": work.ask.model,
            "choices": [choice],
            "usage": {"prompt_tokens": 12, "completion_tokens": 120, "total_tokens": 132},
        }),
    )
    .delivering(&work.id)
}

fn picture(call: &Call, work: &Work) -> Answer {
    let body = call.json().unwrap_or_default();
    let has = |what: &str| work.ask.model.contains(what);
    let as_bytes = has("by-bytes") || (!has("by-url") && body["response_format"] == "b64_json");
    let path = format!("/openai/results/{}.png", work.id);
    let one = if as_bytes {
        json!({"b64_json": STANDARD.encode(media::of(work).1)})
    } else if has("relative") {
        json!({"url": path})
    } else if has("internal") {
        json!({"url": format!("http://localhost:8080{path}")})
    } else {
        json!({"url": format!("{}{path}", call.origin)})
    };
    let answer = Answer::json(200, json!({"created": 1_780_000_000, "data": [one]}));
    if as_bytes { answer.delivering(&work.id) } else { answer }
}

fn speech(call: &Call, work: &Work) -> Answer {
    let samples = media::speech(&work.ask.prompt);
    let file = streamed(media::wav(&samples));
    if call.path.first().is_none_or(|first| first != "dev") {
        return Answer::bytes("audio/wav", file).delivering(&work.id);
    }
    let body = call.json().unwrap_or_default();
    let is_normalised = body["normalization_options"]["normalize"] != false;
    let words = work.ask.prompt.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
    let stamps = words.zip(media::spans(&samples)).map(|(word, (start, end))| {
        // Numbers are written out before they are spoken.
        let is_number = word.chars().any(|letter| letter.is_ascii_digit());
        let spoken = if is_number && is_normalised { "number" } else { word };
        json!({"word": spoken, "start_time": start, "end_time": end})
    });
    let stamps: Vec<Value> = stamps.collect();
    Answer::json(
        200,
        json!({"audio": STANDARD.encode(&file), "audio_format": "audio/wav", "timestamps": stamps}),
    )
    .delivering(&work.id)
}

/// The same file as it is streamed: its header was sent before anybody knew its sizes.
fn streamed(mut file: Vec<u8>) -> Vec<u8> {
    for place in [4..8, 40..44] {
        file[place].fill(0xff);
    }
    file
}
