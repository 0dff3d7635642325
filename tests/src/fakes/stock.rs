//! Libraries of pictures and clips that people have given away: Pexels and Pixabay. They find the same few things for the
//! same words, and nothing for words with `nothing` among them.

use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::State;
use super::accounts::Work;
use super::answer::Answer;
use super::call::{Ask, Call};
use super::faults::{Effect, Shape};
use super::limits::Exceeded;
use super::media;
use super::protocol::{Misread, Protocol, Refused, whole_seconds};
use super::service::{Operation, Service};

/// How much is found for any words.
const FOUND: u64 = 4;
/// Lengths of clips in seconds, in the order in which they are found.
const SECONDS: [u64; 4] = [12, 30, 8, 21];

pub(crate) struct Pexels;
pub(crate) struct Pixabay;

impl Protocol for Pexels {
    fn read(_: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        // The key itself, without a word before it.
        let ask = |operation| Ask::new(Service::Pexels, operation, call.header("authorization"));
        match (method, path.as_slice()) {
            ("GET", ["v1", "search"]) => read_search(call, ask(Operation::Search), "query"),
            ("GET", ["v1", "videos", "search"]) => {
                read_search(call, ask(Operation::Search).with_model("videos"), "query")
            }
            ("GET", ["files", file]) => Ok(ask(Operation::Download).after(file)),
            _ => Err(Misread::NoRoute),
        }
    }

    fn refuse(_: &Ask, why: &Refused) -> Answer {
        let error = |status: u16, code: &str| Answer::json(status, json!({"status": status, "code": code}));
        match why {
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => error(401, "Unauthorized"),
            Refused::Forbidden => error(403, "Forbidden"),
            Refused::NotFound(what) => error(404, what),
            Refused::Invalid(what) => error(400, what),
            Refused::CreditsUsedUp => error(402, "Payment Required"),
            Refused::Moderated => error(400, "Bad Request"),
            Refused::Loading(code) | Refused::Status(code) => error(*code, "Server Error"),
            Refused::RateLimited(shape, wait) => {
                window(error(429, "Too Many Requests"), *shape, whole_seconds(*wait))
            }
        }
    }

    fn shape(_: &Ask, _: &Exceeded) -> Shape {
        Shape::RateLimitHeader
    }

    async fn perform(
        _: &State,
        call: &mut Call,
        ask: &Ask,
        _: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        if ask.operation == Operation::Download {
            return Ok(file(&ask.id));
        }
        let (portrait, ids) =
            (call.query.get("orientation").is_some_and(|how| how == "portrait"), ids(ask, fault));
        let (width, height) = if portrait { (1080, 1920) } else { (1920, 1080) };
        let link = |name: String| format!("{}/pexels/files/{name}", call.origin);
        let words = ask.prompt.replace(' ', "-");
        let body = if ask.model == "videos" {
            let one = |(place, id): (usize, &u64)| {
                let seconds = SECONDS[place % SECONDS.len()];
                let mp4 = |scale: u32| {
                    let (width, height) = (width / scale, height / scale);
                    json!({
                        "id": id, "quality": "hd", "file_type": "video/mp4", "width": width, "height": height,
                        "link": link(clip_name(*id, seconds, portrait)),
                    })
                };
                // A stream has no size.
                let stream = json!({
                    "id": id, "quality": "hls", "file_type": "application/x-mpegURL", "width": null, "height": null,
                    "link": link("stream.m3u8".to_owned()),
                });
                json!({
                    "id": id, "width": width, "height": height, "duration": seconds,
                    "url": format!("https://www.pexels.com/video/{words}-{id}/"),
                    "user": {"id": 1, "name": "Ada Diver", "url": "https://www.pexels.com/@ada"},
                    "video_files": [stream, mp4(3), mp4(1)],
                })
            };
            json!({"page": 1, "per_page": FOUND, "videos": ids.iter().enumerate().map(one).collect::<Vec<_>>()})
        } else {
            let one = |id: &u64| {
                json!({
                    "id": id, "width": width, "height": height, "alt": ask.prompt,
                    "url": format!("https://www.pexels.com/photo/{words}-{id}/"), "photographer": "Bo Snapper",
                    "src": {"original": link(picture_name(*id, width, height))},
                })
            };
            json!({"page": 1, "per_page": FOUND, "photos": ids.iter().map(one).collect::<Vec<_>>()})
        };
        let answer = Answer::json(200, body).with_named("x-ratelimit-limit", "200");
        Ok(answer.with_named("x-ratelimit-remaining", "150").with_named("x-ratelimit-reset", "1900000000"))
    }
}

impl Protocol for Pixabay {
    fn read(_: &State, call: &Call) -> Result<Ask, Misread> {
        let (method, path) = call.route();
        let key = call.query.get("key").map(String::as_str).unwrap_or_default();
        let ask = |operation| Ask::new(Service::Pixabay, operation, key);
        match (method, path.as_slice()) {
            ("GET", ["api", ""] | ["api"]) => read_search(call, ask(Operation::Search), "q"),
            ("GET", ["api", "videos", ""] | ["api", "videos"]) => {
                read_search(call, ask(Operation::Search).with_model("videos"), "q")
            }
            ("GET", ["files", file]) => Ok(ask(Operation::Download).after(file)),
            _ => Err(Misread::NoRoute),
        }
    }

    /// In plain words, all of them.
    fn refuse(_: &Ask, why: &Refused) -> Answer {
        let error = |status: u16, what: &str| {
            Answer::bytes("text/plain", format!("[ERROR {status}] {what}")).with_status(status)
        };
        match why {
            Refused::NoKey | Refused::WrongKey | Refused::TokenRevoked => {
                error(400, "Invalid or missing API key (https://pixabay.com/api/docs/).")
            }
            Refused::Forbidden => error(403, "Forbidden"),
            Refused::NotFound(what) => error(404, what),
            Refused::Invalid(what) => error(400, what),
            Refused::CreditsUsedUp => error(402, "Payment required"),
            Refused::Moderated => error(400, "Not allowed"),
            Refused::Loading(code) | Refused::Status(code) => error(*code, "Server error"),
            Refused::RateLimited(shape, wait) => {
                window(error(429, "API rate limit exceeded"), *shape, whole_seconds(*wait))
            }
        }
    }

    fn shape(_: &Ask, _: &Exceeded) -> Shape {
        Shape::RateLimitHeader
    }

    async fn perform(
        _: &State,
        call: &mut Call,
        ask: &Ask,
        _: Option<&Work>,
        fault: Option<&Effect>,
    ) -> anyhow::Result<Answer> {
        if ask.operation == Operation::Download {
            return Ok(file(&ask.id));
        }
        let link = |name: String| format!("{}/pixabay/files/{name}", call.origin);
        let one = |(place, id): (usize, &u64)| {
            let seconds = SECONDS[place % SECONDS.len()];
            let said = json!({
                "id": id, "user": "Cy Sailor", "tags": ask.prompt.replace(' ', ", "),
                "pageURL": format!("https://pixabay.com/id-{id}/"),
            });
            let more = if ask.model == "videos" {
                let size = |width: u32, height: u32| json!({"url": link(clip_name(*id, seconds, false)), "width": width, "height": height});
                let none = json!({"url": "", "width": 0, "height": 0});
                json!({"duration": seconds, "videos": {"large": none, "medium": size(1920, 1080), "small": size(1280, 720)}})
            } else {
                let large = link(picture_name(*id, 1280, 853));
                json!({"imageWidth": 6000, "imageHeight": 4000, "largeImageURL": large})
            };
            super::results::with(said, more)
        };
        let hits: Vec<Value> = ids(ask, fault).iter().enumerate().map(one).collect();
        Ok(Answer::json(200, json!({"total": hits.len(), "totalHits": hits.len(), "hits": hits})))
    }
}

fn read_search(call: &Call, ask: Ask, parameter: &str) -> Result<Ask, Misread> {
    let words = call.query.get(parameter).map(String::as_str).unwrap_or_default();
    let ask = ask.about(words, []);
    if ask.key.is_empty() || ask.key.starts_with("Bearer ") {
        return Err(Misread::refused(ask, Refused::WrongKey));
    }
    if ask.prompt.trim().is_empty() {
        return Err(Misread::invalid(ask, "A search needs words."));
    }
    Ok(ask)
}

/// What is found for the words of a search.
fn ids(ask: &Ask, fault: Option<&Effect>) -> Vec<u64> {
    if ask.prompt.contains("nothing") || fault == Some(&Effect::NoOutput) {
        return Vec::new();
    }
    let first = ask.digest.bytes().take(8).fold(0_u64, |number, byte| number * 7 + u64::from(byte % 7));
    (0..FOUND).map(|place| first * 10 + place + 1).collect()
}

/// Whether so many are left of the window, and when it is full again.
fn window(answer: Answer, shape: Shape, seconds: u64) -> Answer {
    let answer = answer.with_named("x-ratelimit-limit", "200").with_named("x-ratelimit-remaining", "0");
    if shape == Shape::Plain || seconds == 0 {
        return answer;
    }
    answer.with_named("x-ratelimit-reset", seconds.to_string())
}

fn clip_name(id: u64, seconds: u64, portrait: bool) -> String {
    format!("{id}-{seconds}-{}.mp4", if portrait { "9x16" } else { "16x9" })
}

fn picture_name(id: u64, width: u32, height: u32) -> String {
    format!("{id}-{width}-{height}.png")
}

/// The file that a name stands for.
fn file(name: &str) -> Answer {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let parts: Vec<&str> = stem.split('-').collect();
    match (ending, parts.as_slice()) {
        ("mp4", [id, seconds, ratio]) => {
            let seconds = seconds.parse().unwrap_or(1);
            Answer::bytes("video/mp4", media::clip(seconds, &ratio.replace('x', ":"), id))
        }
        ("png", [id, width, height]) => {
            let side = |text: &str| text.parse().unwrap_or(16);
            Answer::bytes("image/png", media::picture(side(width), side(height), id))
        }
        _ => Answer::empty(404).with(CONTENT_TYPE, "text/plain"),
    }
}
