//! Answers that are not what they should be: pages, halves, drips, redirects.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service, Shape};

use super::xai::{clip, poll, submit};
use super::{KEY, Site, header, read};

const SUBMIT: &str = "/videos/generations";

async fn film_url(site: &Site) -> String {
    let id = submit(site, "a fox").await;
    poll(site, &id).await.1["video"]["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn errors_are_json_in_the_second_shape_or_pages() {
    let site = Site::start().await;
    for code in [500, 502, 503] {
        site.fault(Fault::always(Effect::Status { code })).await;
        let (status, body) = read(site.posted(Service::Xai, SUBMIT, &clip("a fox")).await).await;
        assert_eq!((status, body["error"].is_string(), body["code"].is_null()), (code, true, true));
        site.fault(Fault::always(Effect::Html { code })).await;
        let answer = site.posted(Service::Xai, SUBMIT, &clip("a fox")).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (code, "text/html; charset=UTF-8".into())
        );
        assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    }
    let ledger = site.ledger().await;
    assert_eq!(
        (ledger.submissions.len(), ledger.refused("fault:status"), ledger.refused("fault:html")),
        (0, 3, 3)
    );
}

#[tokio::test]
async fn credits_used_up_look_like_a_rate_limit_of_another_kind() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::CreditsUsedUp)).await;
    let (status, body) = read(site.posted(Service::Xai, SUBMIT, &clip("a fox")).await).await;
    assert_eq!(status, 429);
    assert!(body["error"].as_str().unwrap().contains("used all available credits"), "{body}");
    site.fault(Fault::always(Effect::RateLimited { shape: Shape::RetryAfter, seconds: 30 })).await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("a fox")).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (429, "30"));
}

#[tokio::test]
async fn half_an_answer_is_no_json_and_a_cut_one_no_answer() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Truncated).on(Operation::Video)).await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("a fox")).await;
    assert_eq!(answer.status(), 200);
    assert!(serde_json::from_str::<Value>(&answer.text().await.unwrap()).is_err());
    site.fault(Fault::always(Effect::CutAnswer).on(Operation::Video)).await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("a fox")).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
    assert_eq!(site.ledger().await.accepted("fox"), 2, "both were accepted");
}

#[tokio::test]
async fn half_a_film_was_not_delivered_and_a_slow_one_was() {
    let site = Site::start().await;
    let whole = site.http.get(film_url(&site).await).send().await.unwrap().bytes().await.unwrap().len();
    let url = film_url(&site).await;
    let fetch = async || site.http.get(&url).send().await.unwrap().bytes().await;
    site.fault(Fault::always(Effect::Truncated).on(Operation::Download)).await;
    assert!(fetch().await.unwrap().len() < whole);
    site.fault(Fault::always(Effect::CutAnswer).on(Operation::Download)).await;
    assert!(fetch().await.is_err());
    assert!(!site.ledger().await.submissions[1].delivered);
    site.fault(Fault::always(Effect::SlowBody { ms: 200 }).on(Operation::Download)).await;
    let begun = Instant::now();
    assert_eq!(fetch().await.unwrap().len(), whole);
    assert!(begun.elapsed() >= Duration::from_millis(180), "{:?}", begun.elapsed());
    assert!(site.ledger().await.submissions[1].delivered);
}

#[tokio::test]
async fn a_result_can_be_at_another_origin_which_sees_what_credentials_come_along() {
    let site = Site::start().await;
    let url = film_url(&site).await;
    site.fault(Fault::always(Effect::Redirect)).await;
    // The client drops its credentials, because host or port changes.
    let film = site.http.get(&url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(film.url().port(), site.fakes.admin_url().rsplit_once(':').unwrap().1.parse().ok());
    assert_eq!(&film.bytes().await.unwrap()[4..8], b"ftyp");
    let again = site.http.get(film_at(&url, &site)).header("x-goog-api-key", KEY).send().await.unwrap();
    assert_eq!(again.status(), 200);
    let strays: Vec<Vec<String>> =
        site.ledger().await.strays.into_iter().map(|stray| stray.credentials).collect();
    assert_eq!(strays, [vec![], vec!["x-goog-api-key".to_owned()]]);
}

/// Where the other origin has what is at this URL.
fn film_at(url: &str, site: &Site) -> String {
    let name = url.rsplit_once('/').unwrap().1.trim_end_matches(".mp4");
    format!("{}/elsewhere/{name}", site.fakes.admin_url())
}

#[tokio::test]
async fn paths_that_no_service_has_are_404() {
    let site = Site::start().await;
    for path in ["/", "/nowhere", "/xai/v2/videos/generations", "/gemini/v1beta/models/a:countTokens"] {
        let answer =
            site.http.post(format!("{}{path}", site.fakes.url())).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}
