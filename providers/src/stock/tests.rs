//! What is searched for, what libraries answer, and what is chosen of it.

use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::http::any_body;

fn answer(status: u16, body: &str) -> Answer {
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.as_bytes().to_vec());
    Answer { status, headers: HeaderMap::new(), body, is_foreign: false }
}

fn words(prompt: &str) -> Vec<String> {
    query::words(prompt)
}

fn found(id: &str, size: (u32, u32), seconds: u32, about: &str) -> Found {
    Found {
        id: id.to_owned(),
        link: "l".to_owned(),
        width: size.0,
        height: size.1,
        seconds,
        about: about.to_owned(),
        credit: "c".to_owned(),
    }
}

#[test]
fn a_prompt_becomes_the_words_that_say_what_is_seen() {
    assert_eq!(
        words("A cinematic close-up of a humpback whale leaping over the dark sea at night, soft light"),
        ["humpback", "whale", "leaping", "dark"]
    );
    assert_eq!(words("the Whale's whale's a"), ["whale's"]);
    assert!(words("a wide shot, soft light").is_empty());
    let all = words("whale sea night");
    assert_eq!(query::narrowing(&all).map(<[_]>::len).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(query::narrowing(&words("whale")).count(), 1);
}

#[test]
fn searches_say_shape_and_words() {
    let portrait = Wanted::clip(1080, 1920, 5);
    assert_eq!(
        pexels::path("whale sea", &portrait),
        "/videos/search?query=whale%20sea&orientation=portrait&size=medium&per_page=40&page=1"
    );
    assert!(
        pexels::path("whale", &Wanted::picture(1920, 1080))
            .starts_with("/search?query=whale&orientation=landscape")
    );
    assert_eq!(pixabay::path("whale", &portrait), "/videos/?q=whale&per_page=50&safesearch=true");
    let square = pixabay::path("whale", &Wanted::picture(720, 720));
    assert!(square.starts_with("/?q=whale") && square.ends_with("orientation=all"), "{square}");
}

#[test]
fn of_pexels_clips_the_smallest_file_that_fills_the_frame_is_taken_and_no_stream() {
    let file = |width: Value, height: Value, kind: &str, link: &str| json!({"quality": "hd", "file_type": kind, "width": width, "height": height, "link": link});
    let body = json!({"videos": [{
        "id": 7, "duration": 12, "url": "https://www.pexels.com/video/a-whale-in-the-sea-7/", "user": {"name": "Ada"},
        "video_files": [
            file(json!(3840), json!(2160), "video/mp4", "4k"),
            file(json!(1920), json!(1080), "video/mp4", "hd"),
            file(json!(640), json!(360), "video/mp4", "sd"),
            file(json!(1280), json!(720), "video/webm", "webm"),
            file(Value::Null, Value::Null, "application/x-mpegURL", "hls"),
        ],
    }, {"id": 8, "video_files": []}]});
    let read = |wanted: &Wanted| pexels::read(&answer(200, &body.to_string()), wanted).unwrap();
    let [clip] = &read(&Wanted::clip(1280, 720, 5))[..] else { panic!("not one clip") };
    assert_eq!((clip.link.as_str(), clip.width, clip.seconds), ("hd", 1920, 12));
    assert!(clip.about.contains("whale in the sea"));
    assert_eq!(clip.credit, "Video by Ada on Pexels: https://www.pexels.com/video/a-whale-in-the-sea-7/");
    assert_eq!(read(&Wanted::clip(7680, 4320, 5))[0].link, "4k");
}

#[test]
fn of_pictures_those_are_taken_that_the_service_scales() {
    let pexels_body = json!({"photos": [{
        "id": 7, "width": 4000, "height": 6000, "url": "p", "photographer": "Ada", "alt": "A Whale",
        "src": {"original": "https://images.pexels.com/7.jpeg"},
    }]});
    let wanted = Wanted::picture(720, 1280);
    let photo = &pexels::read(&answer(200, &pexels_body.to_string()), &wanted).unwrap()[0];
    assert!(photo.link.starts_with("https://images.pexels.com/7.jpeg?") && photo.link.contains("w=2560"));
    assert_eq!(photo.about, "a whale");
    let pixabay_body = json!({"hits": [{
        "id": 9, "largeImageURL": "large", "imageWidth": 6000, "imageHeight": 4000, "tags": "whale, sea", "user": "Bo",
        "pageURL": "https://pixabay.com/photos/9/",
    }]});
    let photo = &pixabay::read(&answer(200, &pixabay_body.to_string()), &wanted).unwrap()[0];
    assert_eq!((photo.width, photo.height, photo.link.as_str()), (1280, 853, "large"));
    assert_eq!(photo.credit, "Photo by Bo on Pixabay: https://pixabay.com/photos/9/");
}

#[test]
fn of_pixabay_clips_the_file_is_chosen_by_the_frame() {
    let file = |url: &str, width: u32, height: u32| json!({"url": url, "width": width, "height": height});
    let body = json!({"hits": [{"id": 9, "duration": 20, "tags": "sea", "user": "Bo", "pageURL": "p", "videos": {
        "large": file("", 0, 0), "medium": file("m", 1920, 1080), "small": file("s", 1280, 720),
    }}]});
    let clip = &pixabay::read(&answer(200, &body.to_string()), &Wanted::clip(1280, 720, 5)).unwrap()[0];
    assert_eq!((clip.link.as_str(), clip.seconds), ("s", 20));
}

#[test]
fn the_best_shows_what_is_asked_for_in_the_frames_shape_and_lasts() {
    let wanted = Wanted::clip(1080, 1920, 6);
    let asked = words("whale sea");
    let best = |list: Vec<Found>| choice::best(list, &asked, &wanted).unwrap().id;
    let tall = (1080, 1920);
    assert_eq!(
        best(vec![found("first", tall, 9, ""), found("described", tall, 9, "a whale in the sea")]),
        "described"
    );
    assert_eq!(
        best(vec![found("wide", (1920, 1080), 9, "whale sea"), found("tall", tall, 9, "whale")]),
        "tall"
    );
    assert_eq!(best(vec![found("short", tall, 3, "whale"), found("long", tall, 9, "whale")]), "long");
    assert_eq!(best(vec![found("small", (270, 480), 9, "whale"), found("large", tall, 9, "whale")]), "large");
    assert_eq!(best(vec![found("first", tall, 9, "whale"), found("second", tall, 9, "whale")]), "first");
    assert_eq!(choice::best(Vec::new(), &asked, &wanted), None);
}

#[test]
fn nothing_is_in_a_film_twice() {
    let secrets = std::collections::BTreeMap::from([("apiKey".to_owned(), Secret::from("k"))]);
    let stock = Stock::pexels(&Connection { secrets, ..Connection::default() }).unwrap();
    let wanted = Wanted::clip(1080, 1920, 6);
    let list = || {
        vec![
            found("1", (1080, 1920), 9, ""),
            found("2", (1080, 1920), 9, ""),
            found("3", (1080, 1920), 9, ""),
        ]
    };
    let earlier = Chosen { id: "1".to_owned(), link: "l".to_owned(), credit: "Ada".to_owned() };
    let id = serde_json::to_string(&earlier).unwrap();
    Animator::avoid(&stock, &[id.clone(), "another service's".to_owned()]);
    let take = || stock.take(list(), &[], &wanted).map(|chosen| chosen.id);
    assert_eq!((take(), take(), take()), (Some("2".to_owned()), Some("3".to_owned()), None));
    assert_eq!((credit(&id).as_deref(), credit("another service's")), (Some("Ada"), None));
}

#[test]
fn a_wrong_key_and_a_used_up_window_are_distinguished() {
    let secrets = std::collections::BTreeMap::from([("apiKey".to_owned(), Secret::from("k"))]);
    let connection = Connection { secrets, ..Connection::default() };
    let (pexels, pixabay) = (Stock::pexels(&connection).unwrap(), Stock::pixabay(&connection).unwrap());
    let wrong = answer(400, "[ERROR 400] Invalid or missing API key");
    assert!(matches!(pixabay.fault(&wrong), ProviderError::Credentials { .. }));
    assert!(matches!(pexels.fault(&answer(401, "{}")), ProviderError::Credentials { .. }));
    let mut busy = answer(429, "");
    for (name, value) in
        [("x-ratelimit-limit", "200"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")]
    {
        busy.headers.insert(name, value.parse().unwrap());
    }
    let resume = crate::error::Resume::After(Duration::from_mins(1));
    assert!(
        matches!(pexels.fault(&busy), ProviderError::RateLimited { resume: reported, .. } if reported == resume)
    );
}

proptest! {
    #[test]
    fn any_answer_is_a_list_or_an_error(body in any_body(), prompt: String) {
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body, is_foreign: false };
        for wanted in [Wanted::picture(720, 1280), Wanted::clip(0, 0, 0)] {
            let _ = (pexels::read(&answer, &wanted), pixabay::read(&answer, &wanted));
            let _ = (pexels::path(&prompt, &wanted), query::words(&prompt));
        }
    }
}
