//! xAI's clips and pictures.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Settings};

use super::{KEY, Site, read};

const SUBMIT: &str = "/videos/generations";

pub(super) fn clip(prompt: &str) -> Value {
    json!({
        "model": "grok-imagine-video", "prompt": prompt, "image": {"url": "data:image/png;base64,cGljdHVyZQ=="},
        "duration": 8, "aspect_ratio": "9:16", "resolution": "720p",
    })
}

pub(super) async fn submit(site: &Site, prompt: &str) -> String {
    let (status, body) = read(site.posted(Service::Xai, SUBMIT, &clip(prompt)).await).await;
    assert_eq!(status, 200, "{body}");
    body["request_id"].as_str().unwrap().to_owned()
}

pub(super) async fn poll(site: &Site, id: &str) -> (u16, Value) {
    read(site.get(Service::Xai, &format!("/videos/{id}")).send().await.unwrap()).await
}

#[tokio::test]
async fn a_clip_is_submitted_polled_and_fetched() {
    let site = Site::start().await;
    let id = submit(&site, "a fox runs").await;
    let (status, done) = poll(&site, &id).await;
    assert_eq!((status, &done["status"]), (200, &json!("done")));
    assert_eq!(done["usage"]["cost_in_usd_ticks"], 5_620_000_000_u64, "8 s at $0.07 and a picture at $0.002");
    assert_eq!(done["video"]["duration"], 8);
    assert!(!site.ledger().await.submissions[0].delivered);

    let film = site.http.get(done["video"]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(film.headers()["content-type"], "video/mp4");
    assert_eq!(&film.bytes().await.unwrap()[4..8], b"ftyp");
    let ledger = site.ledger().await;
    let [made] = ledger.submissions.as_slice() else { panic!("{ledger:?}") };
    assert_eq!(
        (made.service, made.operation, made.id.as_str()),
        (Service::Xai, Operation::Video, id.as_str())
    );
    assert_eq!((made.key.as_str(), made.seconds, made.pictures), ("key-…cdef", Some(8), 1));
    assert_eq!(made.digest, hex::encode(Sha256::digest(b"a fox runspicture")));
    assert!(made.delivered);
    assert_eq!((ledger.refusals.len(), ledger.asked(Service::Xai, Operation::Poll)), (0, 1));
}

#[tokio::test]
async fn a_clip_takes_its_time_and_the_first_poll_has_no_body() {
    let site = Site::start().await;
    let slow = Settings { generation_milliseconds: Some(3_600_000), ..Settings::default() };
    site.admin().set(KEY, slow).await.unwrap();
    let id = submit(&site, "a fox").await;
    assert_eq!(poll(&site, &id).await, (202, Value::Null));
    assert_eq!(poll(&site, &id).await, (202, json!({"status": "pending", "progress": 0})));
}

#[tokio::test]
async fn every_second_finished_clip_lacks_its_status() {
    let site = Site::start().await;
    let (first, second) = (submit(&site, "one").await, submit(&site, "two").await);
    assert!(poll(&site, &first).await.1["status"].is_string());
    let (_, body) = poll(&site, &second).await;
    assert!(body["status"].is_null() && body["video"]["url"].is_string(), "{body}");
}

#[tokio::test]
async fn polls_can_say_that_nothing_will_come() {
    let site = Site::start().await;
    let id = submit(&site, "a fox").await;
    let cases = [
        (Effect::Moderated, 400, "/code", json!("imagine:content-moderated")),
        (Effect::EmptyUrl, 200, "/video", json!({"url": "", "duration": 8, "respect_moderation": false})),
        (Effect::Expired, 200, "", json!({"status": "expired"})),
        (Effect::Failed, 200, "/status", json!("failed")),
        (Effect::Pending, 202, "/status", json!("pending")),
    ];
    for (effect, status, place, expected) in cases {
        site.fault(Fault::always(effect.clone()).on(Operation::Poll).saying("fox")).await;
        let answer = poll(&site, &id).await;
        assert_eq!((answer.0, answer.1.pointer(place)), (status, Some(&expected)), "{effect:?}");
    }
    assert_eq!(site.ledger().await.refused("fault:moderated"), 1);
}

#[tokio::test]
async fn a_moderated_prompt_is_refused_in_the_third_shape_and_not_accepted() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Moderated).on(Operation::Video).saying("blood")).await;
    let (status, body) = read(site.posted(Service::Xai, SUBMIT, &clip("blood")).await).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("imagine:content-moderated")));
    submit(&site, "flowers").await;
    let ledger = site.ledger().await;
    assert_eq!((ledger.accepted("blood"), ledger.accepted("flowers")), (0, 1));
}

#[tokio::test]
async fn keys_are_asked_for_and_can_be_wrong() {
    let site = Site::start().await;
    let url = site.url(Service::Xai, SUBMIT);
    let (status, body) = read(site.http.post(url).json(&clip("a")).send().await.unwrap()).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthenticated:no-credentials")));
    site.fault(Fault::always(Effect::WrongKey)).await;
    let (status, body) = read(site.get(Service::Xai, "/api-key").send().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (400, &json!("Incorrect API key provided: key-***")));
    site.fix().await;
    let (status, body) = read(site.get(Service::Xai, "/api-key").send().await.unwrap()).await;
    assert_eq!((status, &body["api_key_blocked"]), (200, &json!(false)));
}

#[tokio::test]
async fn what_the_service_does_not_sell_is_refused() {
    let site = Site::start().await;
    for (field, value) in [
        ("duration", json!(16)),
        ("duration", json!(7.5)),
        ("aspect_ratio", json!("21:9")),
        ("resolution", json!("1080p")),
        ("image", json!({"url": "picture.png"})),
        ("image", json!({"url": "data:image/png;base64,%"})),
    ] {
        let mut body = clip("a fox");
        body[field] = value.clone();
        let (status, answer) = read(site.posted(Service::Xai, SUBMIT, &body).await).await;
        assert_eq!((status, answer["code"].is_string()), (400, true), "{field}: {value}: {answer}");
    }
    let mut body = clip("a fox");
    body["model"] = json!("grok-2");
    assert_eq!(site.posted(Service::Xai, SUBMIT, &body).await.status(), 404);
    assert_eq!(poll(&site, "unknown").await.0, 404);
    assert!(site.ledger().await.submissions.is_empty());
}

#[tokio::test]
async fn a_flat_image_url_is_silently_ignored() {
    let site = Site::start().await;
    let body =
        json!({"model": "grok-imagine-video", "prompt": "a", "image_url": "https://example.com/a.png"});
    assert_eq!(site.posted(Service::Xai, SUBMIT, &body).await.status(), 200);
    assert_eq!(site.ledger().await.submissions[0].pictures, 0);
}

#[tokio::test]
async fn pictures_come_as_bytes_or_by_a_url() {
    let site = Site::start().await;
    let mut body = json!({
        "model": "grok-imagine-image", "prompt": "a fox", "n": 1, "aspect_ratio": "16:9",
        "response_format": "b64_json",
    });
    let (status, answer) = read(site.posted(Service::Xai, "/images/generations", &body).await).await;
    assert_eq!(status, 200);
    assert!(answer["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    body["response_format"] = json!("url");
    body["image"] = json!({"url": "data:image/png;base64,cGljdHVyZQ=="});
    let (_, answer) = read(site.posted(Service::Xai, "/images/edits", &body).await).await;
    let picture = site.http.get(answer["data"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    let ledger = site.ledger().await;
    assert_eq!((ledger.submissions[0].delivered, ledger.submissions[1].pictures), (true, 1));
}
