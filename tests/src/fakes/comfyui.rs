//! `ComfyUI`: workflows that are queued under an id, which may be the client's own, and files that are fetched by name.
//!
//! The history is empty for what waits as for what is unknown; it is answered for one id only, since the whole may have
//! hundreds of megabytes. Nobody needs a key: without one, the account is `anonymous`. Below `/comfyui/old` it does not know
//! `/api/jobs` yet.

use serde_json::{Map, Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call, Product};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::protocol::{Misread, Protocol, Refused};
use super::results::{download, of_result};
use super::service::{Operation, Service};

/// Whoever brings no key.
const ANONYMOUS: &str = "anonymous";
/// Nodes that save or show something: a workflow needs one.
const OUTPUTS: [&str; 4] = ["SaveImage", "PreviewImage", "SaveVideo", "VHS_VideoCombine"];
/// Frames a second of its clips.
const FPS: u64 = 16;

pub(crate) struct ComfyUi;

impl Protocol for ComfyUi {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let key = call.bearer().unwrap_or(ANONYMOUS);
        let ask = |operation| Ask::new(Service::ComfyUi, operation, key);
        let below = path.strip_prefix(&["old"]).unwrap_or(&path);
        let is_new = below.len() == path.len();
        match (method, below) {
            ("POST", ["prompt"]) => read_prompt(call, ask(Operation::Image)),
            ("POST", ["upload", "image"]) => Ok(ask(Operation::File)),
            ("GET", ["queue"]) | ("POST", ["queue" | "interrupt"]) => Ok(ask(Operation::Poll)),
            ("GET", ["history", id]) => Ok(of_result(state, ask(Operation::Poll), id).named(key)),
            ("GET", ["api", "jobs", id]) if is_new => {
                Ok(of_result(state, ask(Operation::Poll), id).named(key))
            }
            ("GET", ["view"]) => {
                let name = call.query.get("filename").map(String::as_str).unwrap_or_default();
                Ok(of_result(state, ask(Operation::Download), name))
            }
            ("GET", ["system_stats"]) => Ok(ask(Operation::Health)),
            _ => Err(Misread::NoRoute),
        }
    }

    fn refuse(_: &Ask, why: &Refused) -> Answer {
        let error = |kind: &str, message: &str| {
            let error = json!({"type": kind, "message": message, "details": "", "extra_info": {}});
            Answer::json(400, json!({"error": error, "node_errors": {}}))
        };
        match why {
            // As a proxy in front of it says it: it has no keys itself.
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => Answer::html(401),
            Refused::Forbidden => Answer::html(403),
            Refused::NotFound(what) => Answer::json(404, json!({"error": what})),
            Refused::Invalid(what) => error("invalid_prompt", what),
            Refused::Moderated => error("invalid_prompt", "The prompt is not allowed here."),
            Refused::CreditsUsedUp => Answer::html(402),
            Refused::Loading(code) | Refused::Status(code) => Answer::html(*code),
            Refused::RateLimited(..) => Answer::html(429),
        }
    }

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
        let below = usize::from(call.path.first().is_some_and(|first| first == "old"));
        Ok(match (ask.operation, call.path.get(below).map(String::as_str)) {
            (Operation::Download, _) => download(state, call, ask, fault),
            (Operation::Health, _) => Answer::json(
                200,
                json!({"system": {"os": "posix", "comfyui_version": "0.9.2"}, "devices": []}),
            ),
            (Operation::File, _) => upload(call),
            (_, Some("queue")) if call.route().0 == "POST" => delete(state, call),
            (_, Some("interrupt")) => interrupt(state, call, below == 0),
            (_, Some("queue")) => queue(state, fault),
            (_, Some("history")) => history(state, ask, fault),
            (_, Some("api")) => job(state, ask, fault),
            _ => {
                let (id, number) = work.map_or((ask.id.as_str(), 0), |work| (work.id.as_str(), work.number));
                Answer::json(200, json!({"prompt_id": id, "number": number, "node_errors": {}}))
            }
        })
    }
}

fn read_prompt(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let body = call.json().unwrap_or_default();
    let ask = ask.after(body["prompt_id"].as_str().unwrap_or_default());
    if !ask.id.is_empty() && !is_uuid(&ask.id) {
        return Err(Misread::invalid(ask, "prompt_id must be a UUID in lower case"));
    }
    let Some(nodes) = body["prompt"].as_object().filter(|nodes| !nodes.is_empty()) else {
        return Err(Misread::invalid(ask, "No prompt provided"));
    };
    if nodes.values().any(|node| !node["class_type"].is_string()) {
        let what = "Cannot execute because a node is missing the class_type property.";
        return Err(Misread::invalid(ask, what));
    }
    let of = |classes: &[&str]| {
        nodes.values().find(|node| node["class_type"].as_str().is_some_and(|name| classes.contains(&name)))
    };
    if of(&OUTPUTS).is_none() {
        return Err(Misread::invalid(ask, "Prompt has no outputs"));
    }
    let picture = of(&["LoadImage"]).and_then(|node| node["inputs"]["image"].as_str()).map(str::as_bytes);
    let ask = ask.about(&input_of(nodes, "text"), picture);
    let number = |name: &str| nodes.values().find_map(|node| node["inputs"][name].as_u64());
    let side = |name: &str| u32::try_from(number(name).unwrap_or(512)).unwrap_or(512);
    let (width, height) = (side("width"), side("height"));
    if of(&["SaveVideo", "VHS_VideoCombine"]).is_none() {
        return Ok(ask.making(Product::Picture { width, height }));
    }
    let seconds = number("length").unwrap_or(81).div_ceil(FPS);
    let ratio = match width.cmp(&height) {
        std::cmp::Ordering::Less => "9:16",
        std::cmp::Ordering::Equal => "1:1",
        std::cmp::Ordering::Greater => "16:9",
    };
    let clip = Product::Clip {
        seconds: u32::try_from(seconds).unwrap_or(1),
        ratio: ratio.to_owned(),
        resolution: "480p".to_owned(),
    };
    Ok(Ask { operation: Operation::Video, ..ask.making(clip) })
}

/// The first text of this input.
fn input_of(nodes: &Map<String, Value>, name: &str) -> String {
    let texts = nodes.values().filter_map(|node| node["inputs"][name].as_str());
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
}

fn is_uuid(id: &str) -> bool {
    uuid::Uuid::parse_str(id).is_ok_and(|uuid| uuid.hyphenated().to_string() == id)
}

/// Takes a file of a form in; it is called as it was.
fn upload(call: &Call) -> Answer {
    let head = String::from_utf8_lossy(call.body.get(..1024).unwrap_or(&call.body)).into_owned();
    let name =
        head.split_once("filename=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    match name {
        Some(name) => Answer::json(200, json!({"name": name, "subfolder": "", "type": "input"})),
        None => Answer::empty(400),
    }
}

fn queue(state: &State, fault: Option<&Effect>) -> Answer {
    let waiting = if fault == Some(&Effect::Forgotten) {
        Vec::new()
    } else {
        state.store.open().unfinished(Service::ComfyUi, state.clock.now())
    };
    let entries: Vec<Value> =
        waiting.iter().map(|work| json!([work.number, work.id, {}, {"client_id": "a"}, ["9"]])).collect();
    let (running, pending) = entries.split_at(entries.len().min(1));
    Answer::json(200, json!({"queue_running": running, "queue_pending": pending}))
}

/// Takes requests out of the queue; what is being made is in it no more.
fn delete(state: &State, call: &Call) -> Answer {
    let body = call.json().unwrap_or_default();
    let ids: Vec<&str> = body["delete"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut accounts = state.store.open();
    for work in accounts.unfinished(Service::ComfyUi, state.clock.now()).iter().skip(1) {
        if ids.contains(&work.id.as_str()) {
            accounts.cancel(&work.id);
        }
    }
    Answer::empty(200)
}

/// Stops what is being made: the request that is named, where the server reads that; else whatever it is.
fn interrupt(state: &State, call: &Call, reads_ids: bool) -> Answer {
    let body = call.json().unwrap_or_default();
    let named = body["prompt_id"].as_str().filter(|_| reads_ids);
    let mut accounts = state.store.open();
    let running = accounts.unfinished(Service::ComfyUi, state.clock.now()).into_iter().next();
    if let Some(work) = running.filter(|work| named.is_none_or(|id| id == work.id)) {
        accounts.cancel(&work.id);
    }
    Answer::empty(200)
}

/// The work that is asked after, unless it is forgotten; whether it is done.
fn found(state: &State, ask: &Ask, fault: Option<&Effect>) -> Option<(Work, bool)> {
    let now = state.clock.now();
    let work = state.store.open().polled(ask).filter(|_| fault != Some(&Effect::Forgotten))?;
    let is_done = work.done <= now.instant && fault != Some(&Effect::Pending);
    Some((work, is_done))
}

fn job(state: &State, ask: &Ask, fault: Option<&Effect>) -> Answer {
    match found(state, ask, fault) {
        None => Answer::json(404, json!({"error": "Job not found"})),
        Some((work, false)) => Answer::json(200, json!({"id": work.id, "status": "in_progress"})),
        Some((work, true)) => Answer::json(200, json!({"id": work.id, "status": "completed"})),
    }
}

fn history(state: &State, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let Some((work, true)) = found(state, ask, fault) else { return Answer::json(200, json!({})) };
    let ending = if matches!(work.ask.product, Product::Clip { .. }) { "mp4" } else { "png" };
    let file = json!({"filename": format!("{}.{ending}", work.id), "subfolder": "", "type": "output"});
    let (outputs, status) = match fault {
        Some(Effect::Failed) => {
            let error =
                json!({"node_id": "3", "node_type": "KSampler", "exception_message": "CUDA out of memory"});
            let messages = json!([["execution_start", {}], ["execution_error", error]]);
            (json!({}), json!({"status_str": "error", "completed": false, "messages": messages}))
        }
        Some(Effect::EmptyUrl) => (json!({}), success()),
        _ => (json!({"9": {"images": [file]}}), success()),
    };
    let id = work.id;
    Answer::json(200, json!({id: {"prompt": [], "outputs": outputs, "status": status, "meta": {}}}))
}

fn success() -> Value {
    json!({"status_str": "success", "completed": true, "messages": []})
}
