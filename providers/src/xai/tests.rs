//! The service's answers, as they are documented and as they were seen, and what is sent.

use std::time::Duration;

use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::answer::{Done, Polled, read_models, read_picture, read_poll, read_submission};
use super::*;
use crate::capability::Character;
use crate::error::{Resume, kind};
use crate::http::{Answer, File, any_body};

const CONTENT_MODERATED: &str =
    r#"{"code":"imagine:content-moderated","error":"Generated video rejected by content moderation."}"#;
const PER_SECOND: &str = r#"{"code":"c","error":"Too many requests for team 4f0e and model grok-imagine-video. Requests per Second (actual/limit): 2/2"}"#;
const NO_CREDITS: &str = r#"{"code":"c","error":"Your team 4f0e has either used all available credits or reached its monthly spending limit. Buy more."}"#;
const WRONG_KEY: &str = r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***. You can obtain one."}"#;

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec(), is_foreign: false }
}

fn submission(status: u16, body: &str) -> ProviderError {
    read_submission(&answer(status, body)).unwrap_err()
}

fn poll(status: u16, body: &str) -> Result<Polled, ProviderError> {
    read_poll(&answer(status, body), false)
}

fn picture() -> Picture {
    Picture {
        bytes: vec![1, 2, 3],
        media_type: "image/png".to_owned(),
        width: 720,
        height: 1280,
        cost_micros: None,
    }
}

fn clip(parameters: &Value) -> ClipRequest {
    let parameters = serde_json::from_value(parameters.clone()).unwrap();
    ClipRequest {
        model: Model { name: String::new(), parameters },
        prompt: " the whale dives ".to_owned(),
        picture: picture(),
        seconds: 8,
        width: 720,
        height: 1280,
    }
}

fn drawing(references: usize) -> PictureRequest {
    let hero = Character {
        name: "Ada".to_owned(),
        description: "a fox".to_owned(),
        references: vec![picture(); references],
    };
    PictureRequest {
        model: Model::default(),
        prompt: "A whale".to_owned(),
        style: "ink".to_owned(),
        width: 720,
        height: 1280,
        seed: 7,
        characters: vec![hero],
    }
}

#[test]
fn a_clip_is_asked_for_with_its_picture_nested() {
    let expected = json!({
        "model": "grok-imagine-video",
        "prompt": "the whale dives",
        "image": {"url": "data:image/png;base64,AQID"},
        "duration": 8,
        "aspect_ratio": "9:16",
        "resolution": "720p",
    });
    assert_eq!(body::of_clip(&clip(&json!({}))).unwrap(), expected);
    let chosen = body::of_clip(&clip(&json!({"resolution": "480p", "generate_audio": true}))).unwrap();
    assert_eq!((&chosen["resolution"], &chosen["generate_audio"]), (&json!("480p"), &json!(true)));
}

#[test]
fn what_was_agreed_cannot_be_replaced_by_parameters() {
    for name in ["model", "prompt", "image", "duration"] {
        let error = body::of_clip(&clip(&json!({name: "x"}))).unwrap_err();
        assert!(
            matches!(&error, ProviderError::Configuration { message, .. } if message.contains(name)),
            "{error}"
        );
    }
}

#[test]
fn only_lengths_that_are_sold_are_asked_for() {
    for (seconds, sold) in [(0, false), (1, true), (15, true), (16, false)] {
        assert_eq!(body::of_clip(&ClipRequest { seconds, ..clip(&json!({})) }).is_ok(), sold, "{seconds}");
    }
}

#[test]
fn a_picture_is_asked_for_or_edited_from_one_reference() {
    let (path, body) = body::of_picture(&drawing(0)).unwrap();
    assert_eq!((path, &body["n"], &body["resolution"]), ("/images/generations", &json!(1), &json!("2k")));
    assert_eq!((&body["prompt"], body.get("image")), (&json!("A whale. Ada: a fox. ink"), None));
    let (path, body) = body::of_picture(&drawing(1)).unwrap();
    assert_eq!((path, &body["image"]["url"]), ("/images/edits", &json!("data:image/png;base64,AQID")));
    let error = body::of_picture(&drawing(2)).unwrap_err();
    assert!(
        matches!(&error, ProviderError::Configuration { message, .. } if message.contains("Ada")),
        "{error}"
    );
}

#[test]
fn a_submission_is_known_by_its_id() {
    assert_eq!(read_submission(&answer(200, r#"{"request_id":"d97-1"}"#)).unwrap(), "d97-1");
    for body in
        ["", "{}", "{\"request_id\":", r#"{"request_id":""}"#, r#"{"request_id":".."}"#, "<html>", "[]"]
    {
        assert_eq!(kind(&submission(200, body)), "unknown", "{body}");
    }
}

#[test]
fn errors_of_every_shape_mean_what_a_caller_can_do() {
    for (status, body, expected) in [
        (400, WRONG_KEY, "credentials"),
        (401, r#"{"code":"unauthenticated:no-credentials","error":"no auth"}"#, "credentials"),
        (400, r#"{"error":{"message":"Incorrect API key provided","type":"t","code":"c"}}"#, "credentials"),
        (429, NO_CREDITS, "credits"),
        (403, NO_CREDITS, "credits"),
        (429, PER_SECOND, "limited"),
        (429, r#"{"error":"slow down"}"#, "limited"),
        (400, CONTENT_MODERATED, "refused"),
        (400, r#"{"error":{"message":"Content moderated","code":"c"}}"#, "refused"),
        (403, r#"{"error":"Content violates usage guidelines."}"#, "refused"),
        (400, r#"{"error":"duration must be at most 15"}"#, "configuration"),
        (404, r#"{"code":"not-found","error":"The model grok-x does not exist"}"#, "configuration"),
        (503, r#"{"code":"unavailable","error":"The service is at capacity"}"#, "unavailable"),
        (503, "", "unknown"),
        (500, "<html><title>oops</title>", "unknown"),
        (504, "", "unknown"),
    ] {
        assert_eq!(kind(&submission(status, body)), expected, "{status} {body}");
    }
}

#[test]
fn what_a_proxy_may_have_said_leaves_it_open_whether_a_clip_or_picture_is_paid_for() {
    let bodies = [
        "",
        "{}",
        "<html><title>503 Service Temporarily Unavailable</title>",
        r#"{"message":"An invalid response was received from the upstream server"}"#,
        "upstream connect error or disconnect/reset before headers",
    ];
    for status in [401, 403, 407, 408, 425, 429, 502, 503, 504, 521, 522] {
        for body in bodies {
            assert_eq!(kind(&submission(status, body)), "unknown", "{status} {body}");
            assert_eq!(kind(&read_picture(&answer(status, body)).unwrap_err()), "unknown", "{status} {body}");
        }
    }
    let mut through = answer(503, "<html>");
    through.headers.insert("via", reqwest::header::HeaderValue::from_static("1.1 squid"));
    let reported = read_submission(&through).unwrap_err().to_string();
    assert!(reported.contains("through 1.1 squid") && reported.contains("may or may not"), "{reported}");
}

#[test]
fn a_limit_a_second_is_distinguished_from_others() {
    let resume = |body: &str| match submission(429, body) {
        ProviderError::RateLimited { resume, .. } => resume,
        error => panic!("{error}"),
    };
    assert_eq!(resume(PER_SECOND), Resume::After(Duration::from_secs(1)));
    assert_eq!(resume(r#"{"error":"Too many requests"}"#), Resume::Unknown);
}

#[test]
fn a_clip_that_is_being_made_is_waited_for() {
    for (status, body, percent) in [
        (202, "", None),
        (200, "  ", None),
        (202, r#"{"status":"pending","progress":40}"#, Some(40)),
        (200, r#"{"status":"pending","progress":130.5}"#, Some(100)),
        (200, r#"{"status":"queued"}"#, None),
        (200, "{}", None),
    ] {
        assert_eq!(poll(status, body).unwrap(), Polled::Pending { percent }, "{body}");
    }
}

#[test]
fn a_clip_that_is_done_has_a_link_and_a_price() {
    let whole = r#"{"status":"done","progress":100,"model":"grok-imagine-video","video":{"url":"https://vidgen.x.ai/a.mp4",
        "duration":8,"respect_moderation":true},"usage":{"cost_in_usd_ticks":5600000000}}"#;
    let without_status = r#"{"video":{"url":"https://vidgen.x.ai/a.mp4"}}"#;
    for (body, cost_micros) in [(whole, Some(560_000)), (without_status, None)] {
        let url = "https://vidgen.x.ai/a.mp4".to_owned();
        assert_eq!(poll(200, body).unwrap(), Polled::Done(Done { url, cost_micros }));
    }
}

#[test]
fn a_clip_that_was_blocked_is_refused() {
    for (status, body) in [
        (400, CONTENT_MODERATED),
        (200, r#"{"status":"done","video":{"url":"","respect_moderation":false}}"#),
        (200, r#"{"status":"done","video":{"url":"https://a.example/b.mp4","respect_moderation":false}}"#),
        (200, r#"{"status":"done","video":{"url":""}}"#),
        (200, r#"{"status":"failed","error":{"code":"content_moderation","message":"no"}}"#),
    ] {
        assert_eq!(kind(&poll(status, body).unwrap_err()), "refused", "{body}");
        assert_eq!(kind(&read_poll(&answer(status, body), true).unwrap_err()), "refused", "{body}");
    }
}

#[test]
fn a_clip_of_which_nothing_will_come_is_over() {
    for (status, body) in [
        (200, r#"{"status":"failed","error":{"code":"internal","message":"GPU lost"}}"#),
        (200, r#"{"status":"failed"}"#),
        (200, r#"{"status":"expired"}"#),
        (200, r#"{"status":"done"}"#),
    ] {
        assert_eq!(kind(&poll(status, body).unwrap_err()), "unexpected", "{body}");
    }
}

#[test]
fn that_a_clip_is_not_found_is_no_word_of_its_end() {
    // So answers a service to a key of another team, and any server to a path that it does not have.
    for status in [400, 404, 422] {
        for body in [r#"{"error":"bad"}"#, r#"{"code":"not-found","error":"not found"}"#] {
            assert_eq!(kind(&poll(status, body).unwrap_err()), "not found", "{status} {body}");
        }
        for body in ["", "<html><title>404 Not Found</title>", "404 page not found"] {
            assert_eq!(kind(&poll(status, body).unwrap_err()), "unavailable", "{status} {body}");
        }
    }
}

#[test]
fn what_says_nothing_of_the_clip_does_not_end_it() {
    for (status, body) in [
        (200, "{\"status\":"),
        (200, "<html><title>Maintenance</title>"),
        (200, "garbage"),
        (200, r#"{"error":"upstream"}"#),
        (302, ""),
        (408, ""),
        (500, ""),
        (502, "<html>"),
        (503, ""),
    ] {
        assert_eq!(kind(&poll(status, body).unwrap_err()), "unavailable", "{status} {body}");
    }
    for status in [400, 404, 422] {
        let error = read_poll(&answer(status, r#"{"error":"bad"}"#), true).unwrap_err();
        assert_eq!(kind(&error), "unavailable", "{status}");
    }
    assert_eq!(kind(&poll(429, PER_SECOND).unwrap_err()), "limited");
    assert_eq!(kind(&poll(401, "").unwrap_err()), "credentials");
}

#[tokio::test(start_paused = true)]
async fn refusals_pass_in_a_clips_first_half_minute_only() {
    let secrets = [("apiKey".to_owned(), crate::Secret::from("xai-key"))].into();
    let xai = Xai::new(&Connection { secrets, ..Connection::default() }).unwrap();
    assert!(xai.is_young("a"));
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(xai.is_young("a"));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!xai.is_young("a") && xai.is_young("b"));
}

#[test]
fn a_picture_comes_as_bytes_or_as_a_link() {
    let read = |body: &str| read_picture(&answer(200, body)).unwrap();
    let bytes = read(
        r#"{"data":[{"b64_json":"AQID","revised_prompt":"p"}],"usage":{"cost_in_usd_ticks":200000001}}"#,
    );
    assert_eq!(bytes, (File::Here(vec![1, 2, 3]), Some(20_001)));
    let prefixed = read(r#"{"data":[{"b64_json":"data:image/jpeg;base64,AQID"}]}"#);
    assert_eq!(prefixed, (File::Here(vec![1, 2, 3]), None));
    let link = read(r#"{"data":[{"url":"https://imgen.x.ai/a.jpg"}]}"#);
    assert_eq!(link, (File::At("https://imgen.x.ai/a.jpg".to_owned()), None));
}

#[test]
fn a_picture_that_was_taken_is_never_said_not_to_be() {
    for (body, expected) in [
        (r#"{"data":[{"url":"","respect_moderation":false}]}"#, "refused"),
        (r#"{"data":[{"url":""}]}"#, "refused"),
        (r#"{"data":[]}"#, "unexpected"),
        (r#"{"data":[{"b64_json":"!"}]}"#, "unexpected"),
        ("{\"data\":[{", "unexpected"),
        ("<html>", "unexpected"),
        ("", "unexpected"),
    ] {
        assert_eq!(kind(&read_picture(&answer(200, body)).unwrap_err()), expected, "{body}");
    }
}

#[test]
fn a_list_of_the_models_shows_whether_the_key_is_good() {
    let found = read_models(&answer(200, r#"{"data":[{"id":"a"},{"id":"b"}],"object":"list"}"#)).unwrap();
    assert_eq!(found, "the key is good; 2 models are offered");
    assert_eq!(kind(&read_models(&answer(400, WRONG_KEY)).unwrap_err()), "credentials");
    assert_eq!(kind(&read_models(&answer(502, "<html>")).unwrap_err()), "unavailable");
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_an_error(status in 100u16..1000, body in any_body(), is_young: bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), body, is_foreign: false };
        let _ = read_submission(&answer);
        let _ = read_poll(&answer, is_young);
        let _ = read_picture(&answer);
        let _ = read_models(&answer);
    }

    #[test]
    fn only_an_answer_that_says_so_ends_a_clip(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        // No JSON of such bytes holds a state.
        if let Err(error) = read_poll(&Answer { status: StatusCode::OK, headers: HeaderMap::new(), body, is_foreign: false }, false) {
            prop_assert_eq!(kind(&error), "unavailable");
        }
    }
}
