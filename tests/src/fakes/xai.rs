//! xAI: clips by submission and poll, pictures at once.
//!
//! Its errors come in three shapes, and each is used here by some refusal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call, Product};
use super::faults::{Effect, Shape};
use super::limits::{Exceeded, Kind};
use super::media;
use super::protocol::{Misread, Protocol, Refused, whole_seconds};
use super::results::{download, of_result, picture_of, with};
use super::service::{Operation, Service};

const INVALID: &str = "Client specified an invalid argument";
const TEAM: &str = "11111111-2222-3333-4444-555555555555";
/// One US dollar has so many.
const TICKS: u64 = 10_000_000_000;
const USUAL_SECONDS: u64 = 8;
const MAX_SECONDS: u64 = 15;

pub(crate) struct Xai;

impl Protocol for Xai {
    fn read(state: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let (operation, id) = match (method, path.as_slice()) {
            ("POST", ["v1", "videos", "generations"]) => (Operation::Video, ""),
            ("POST", ["v1", "images", "generations" | "edits"]) => (Operation::Image, ""),
            ("GET", ["v1", "videos", id]) => (Operation::Poll, *id),
            ("GET", ["v1", "api-key" | "models"]) => (Operation::Health, ""),
            ("GET", ["results", file]) => (Operation::Download, *file),
            _ => return Err(Misread::NoRoute),
        };
        let ask = Ask::new(Service::Xai, operation, call.bearer().unwrap_or_default());
        if operation == Operation::Download {
            return Ok(of_result(state, ask, id));
        }
        if ask.key.is_empty() {
            return Err(Misread::refused(ask, Refused::NoKey));
        }
        match operation {
            Operation::Video => read_video(call, ask),
            Operation::Image => read_image(call, ask),
            _ => Ok(of_result(state, ask.clone(), id).named(&ask.key)),
        }
    }

    fn refuse(ask: &Ask, why: &Refused) -> Answer {
        let coded =
            |status, code: &str, error: &str| Answer::json(status, json!({"code": code, "error": error}));
        match why {
            Refused::NoKey => {
                coded(401, "unauthenticated:no-credentials", "No credentials were provided with the request.")
            }
            Refused::WrongKey | Refused::TokenRevoked => {
                coded(400, INVALID, &format!("Incorrect API key provided: {}***", head(&ask.key)))
            }
            Refused::Forbidden => coded(403, "permission-denied", "The team may not use this model."),
            Refused::NotFound(what) => coded(404, "Some requested entity was not found", what),
            Refused::Invalid(what) => coded(400, INVALID, what),
            Refused::CreditsUsedUp => coded(
                429,
                "resource-exhausted",
                &format!(
                    "Your team {TEAM} has either used all available credits or reached its monthly spending limit. \
                     To continue, purchase more credits or raise the limit."
                ),
            ),
            Refused::Moderated => Answer::json(
                400,
                json!({"error": {
                    "message": "The prompt was rejected by content moderation.",
                    "type": "invalid_request_error", "code": "imagine:content-moderated",
                }}),
            ),
            Refused::Status(code) | Refused::Loading(code) => {
                Answer::json(*code, json!({"error": "The service is temporarily unavailable. Please retry."}))
            }
            Refused::RateLimited(shape, wait) => {
                let exact =
                    if *shape == Shape::PerSecond { " Requests per Second (actual/limit): 2/2" } else { "" };
                let text = format!(
                    "Too many requests for team {TEAM} and model {}. Please retry later.{exact}",
                    ask.model
                );
                let answer = coded(429, "resource-exhausted", &text);
                match (shape, whole_seconds(*wait)) {
                    (_, 0) | (Shape::Plain, _) | (Shape::PerSecond, 2..) => answer,
                    (_, seconds) => answer.with(RETRY_AFTER, seconds.to_string()),
                }
            }
        }
    }

    fn shape(_: &Ask, exceeded: &Exceeded) -> Shape {
        if exceeded.limit.kind == Kind::Pace { Shape::PerSecond } else { Shape::RetryAfter }
    }

    async fn perform(
        state: &State,
        call: &mut Call,
        ask: &Ask,
        work: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        Ok(match (ask.operation, work) {
            (Operation::Video, Some(work)) => Answer::json(200, json!({"request_id": work.id})),
            (Operation::Image, Some(work)) => pictures(call, work),
            (Operation::Poll, _) => poll(state, call, ask, fault),
            (Operation::Download, _) => download(state, call, ask, fault),
            _ if call.path.last().is_some_and(|last| last == "models") => Answer::json(
                200,
                json!({"object": "list", "data": [
                    {"id": "grok-imagine-video", "object": "model"}, {"id": "grok-imagine-image", "object": "model"},
                ]}),
            ),
            _ => Answer::json(
                200,
                json!({"redacted_api_key": format!("{}***", head(&ask.key)), "name": "fake", "team_id": TEAM,
                    "acls": ["api-key:model:*", "api-key:endpoint:*"], "api_key_blocked": false,
                    "api_key_disabled": false, "team_blocked": false}),
            ),
        })
    }
}

fn read_video(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let Some(body) = call.json() else { return Err(Misread::invalid(ask, "The body is not JSON.")) };
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let model = text("model");
    let ask = ask.with_model(model);
    if !model.starts_with("grok-imagine-video") {
        let what =
            format!("The model {model} does not exist or your team {TEAM} does not have access to it.");
        return Err(Misread::refused(ask, Refused::NotFound(what)));
    }
    let mut pictures = Vec::new();
    let references = body["reference_images"].as_array().into_iter().flatten();
    for picture in std::iter::once(&body["image"]).chain(references).filter(|picture| !picture.is_null()) {
        match picture_of(picture["url"].as_str().unwrap_or_default()) {
            Ok(bytes) => pictures.push(bytes),
            Err(what) => return Err(Misread::invalid(ask, format!("Invalid image: {what}."))),
        }
    }
    let ask = ask.about(text("prompt"), pictures.iter().map(Vec::as_slice));
    if ask.prompt.is_empty() && ask.pictures == 0 {
        return Err(Misread::invalid(ask, "A prompt or an image is required."));
    }
    let seconds = if body["duration"].is_null() { Some(USUAL_SECONDS) } else { body["duration"].as_u64() };
    let Some(seconds) = seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds)) else {
        return Err(Misread::invalid(ask, "duration must be an integer between 1 and 15."));
    };
    let ratio = body["aspect_ratio"].as_str().unwrap_or("16:9").to_owned();
    if !media::RATIOS.contains(&ratio.as_str()) {
        return Err(Misread::invalid(ask, format!("aspect_ratio {ratio} is not supported.")));
    }
    let resolution = body["resolution"].as_str().unwrap_or("480p");
    if per_second(model, resolution).is_none() {
        return Err(Misread::invalid(ask, format!("resolution {resolution} is not supported by {model}.")));
    }
    let seconds = u32::try_from(seconds).unwrap_or(0);
    Ok(ask.making(Product::Clip { seconds, ratio, resolution: resolution.to_owned() }))
}

fn read_image(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    let Some(body) = call.json() else { return Err(Misread::invalid(ask, "The body is not JSON.")) };
    let model = body["model"].as_str().unwrap_or_default();
    let ask = ask.with_model(model);
    if !model.starts_with("grok-imagine-image") && !model.starts_with("grok-2-image") {
        let what =
            format!("The model {model} does not exist or your team {TEAM} does not have access to it.");
        return Err(Misread::refused(ask, Refused::NotFound(what)));
    }
    let mut pictures = Vec::new();
    let several = body["images"].as_array().into_iter().flatten();
    for picture in std::iter::once(&body["image"]).chain(several).filter(|picture| !picture.is_null()) {
        match picture_of(picture["url"].as_str().unwrap_or_default()) {
            Ok(bytes) => pictures.push(bytes),
            Err(what) => return Err(Misread::invalid(ask, format!("Invalid image: {what}."))),
        }
    }
    let ask = ask.about(body["prompt"].as_str().unwrap_or_default(), pictures.iter().map(Vec::as_slice));
    if ask.prompt.is_empty() {
        return Err(Misread::invalid(ask, "A prompt is required."));
    }
    if !(1..=10).contains(&body["n"].as_u64().unwrap_or(1)) {
        return Err(Misread::invalid(ask, "n must be between 1 and 10."));
    }
    let side = if body["resolution"] == "2k" { 2048 } else { 1024 };
    let (width, height) = media::frame(body["aspect_ratio"].as_str().unwrap_or("1:1"), side);
    Ok(ask.making(Product::Picture { width, height }))
}

fn pictures(call: &Call, work: &Work) -> Answer {
    let body = call.json().unwrap_or_default();
    let count = body["n"].as_u64().unwrap_or(1);
    let as_bytes = body["response_format"] == "b64_json";
    let one = if as_bytes {
        json!({"b64_json": STANDARD.encode(media::of(work).1)})
    } else {
        json!({"url": result_url(call, work, "png")})
    };
    let one = with(one, json!({"revised_prompt": "", "respect_moderation": true}));
    let data: Vec<Value> = (0..count).map(|_| one.clone()).collect();
    let cost = count * TICKS / 50;
    let answer = Answer::json(
        200,
        json!({"data": data, "model": work.ask.model, "usage": {"cost_in_usd_ticks": cost}}),
    );
    if as_bytes { answer.delivering(&work.id) } else { answer }
}

fn poll(state: &State, call: &Call, ask: &Ask, fault: Option<&Effect>) -> Answer {
    let now = state.clock.now();
    let (work, generation) = {
        let mut pages = state.store.open();
        let generation = pages.settings_of(&ask.key).generation();
        (pages.polled(ask), generation)
    };
    let Some(work) = work else {
        return Xai::refuse(ask, &Refused::NotFound(format!("There is no request {}.", ask.id)));
    };
    match fault {
        Some(Effect::Moderated) => {
            return Answer::json(
                400,
                json!({"code": "imagine:content-moderated", "error": "Generated video rejected by content moderation."}),
            );
        }
        Some(Effect::Expired) => return Answer::json(200, json!({"status": "expired"})),
        Some(Effect::Failed) => {
            return Answer::json(
                200,
                json!({"status": "failed", "error": {"code": "internal", "message": "The video could not be made."}}),
            );
        }
        _ => {}
    }
    let percent = work.percent(now, generation);
    if percent < 100 || fault == Some(&Effect::Pending) {
        // The first poll of each request is answered without a body.
        return match work.polls {
            1 => Answer::empty(202),
            _ => Answer::json(202, json!({"status": "pending", "progress": percent.min(99)})),
        };
    }
    done(call, &work, fault == Some(&Effect::EmptyUrl))
}

fn done(call: &Call, work: &Work, blocked: bool) -> Answer {
    let model = work.ask.model.as_str();
    let Product::Clip { resolution, .. } = &work.ask.product else { return Answer::empty(404) };
    let seconds = work.ask.seconds.unwrap_or_default();
    let pictures = u64::try_from(work.ask.pictures).unwrap_or(0);
    let ticks = per_second(model, resolution).unwrap_or(0) * u64::from(seconds) + pictures * TICKS * 2 / 1000;
    let url = if blocked { String::new() } else { result_url(call, work, "mp4") };
    let body = json!({
        "progress": 100, "model": model, "usage": {"cost_in_usd_ticks": ticks},
        "video": {"url": url, "duration": seconds, "respect_moderation": !blocked},
    });
    // Every second finished clip is reported without a status.
    let lacks_status = work.number.is_multiple_of(2) && !blocked;
    Answer::json(200, if lacks_status { body } else { with(body, json!({"status": "done"})) })
}

fn result_url(call: &Call, work: &Work, ending: &str) -> String {
    format!("{}/xai/results/{}.{ending}", call.origin, work.id)
}

/// Ticks for a second of clip; none if the model does not sell the resolution.
fn per_second(model: &str, resolution: &str) -> Option<u64> {
    let cents = match (model, resolution) {
        ("grok-imagine-video-1.5", "480p") => 8,
        ("grok-imagine-video-1.5", "720p") => 14,
        ("grok-imagine-video-1.5", "1080p") => 25,
        (_, "480p") => 5,
        (_, "720p") => 7,
        _ => return None,
    };
    Some(cents * TICKS / 100)
}

fn head(key: &str) -> String {
    key.chars().take(4).collect()
}
