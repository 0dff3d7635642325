//! Limits over the wire: refusals in each service's shape, and who could have avoided them.

use std::time::Duration;

use serde_json::json;
use videofactory_tests::fakes::{Kind, Limit, Operation, Service, Stranger};

use super::xai::{clip, submit};
use super::{KEY, Site, header, read};

const SUBMIT: &str = "/videos/generations";
const TWO_HOURS: Duration = Duration::from_hours(2);

#[tokio::test]
async fn above_the_limit_is_429_and_counted_as_avoidable() {
    let site = Site::start().await;
    site.limit(Limit::rolling(Service::Xai, 1, TWO_HOURS).saying_when()).await;
    submit(&site, "one").await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("two")).await;
    let wait: u64 = header(&answer, "retry-after").parse().unwrap();
    assert!((7100..=7200).contains(&wait), "{wait}");
    let (status, body) = read(answer).await;
    assert_eq!(status, 429);
    assert!(body["error"].as_str().unwrap().starts_with("Too many requests for team"), "{body}");
    let ledger = site.ledger().await;
    assert_eq!((ledger.avoidable429, ledger.refused("limit:rolling"), ledger.submissions.len()), (1, 1, 1));
}

#[tokio::test]
async fn without_retry_after_nothing_says_when() {
    let site = Site::start().await;
    site.limit(Limit::rolling(Service::Xai, 0, TWO_HOURS)).await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("one")).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (429, ""));
}

#[tokio::test]
async fn a_pace_speaks_of_requests_per_second() {
    let site = Site::start().await;
    site.limit(Limit::rolling(Service::Xai, 0, TWO_HOURS).of_kind(Kind::Pace)).await;
    let (status, body) = read(site.posted(Service::Xai, SUBMIT, &clip("one")).await).await;
    assert_eq!(status, 429);
    assert!(body["error"].as_str().unwrap().contains("Requests per Second (actual/limit)"), "{body}");
}

#[tokio::test]
async fn what_a_stranger_used_up_could_not_be_avoided() {
    let site = Site::start().await;
    site.limit(Limit::rolling(Service::Xai, 2, TWO_HOURS)).await;
    submit(&site, "one").await;
    let stranger =
        Stranger { key: KEY.to_owned(), service: Service::Xai, operation: Operation::Video, units: 1 };
    site.admin().spend(&stranger).await.unwrap();
    assert_eq!(site.posted(Service::Xai, SUBMIT, &clip("two")).await.status(), 429);
    let ledger = site.ledger().await;
    assert_eq!((ledger.avoidable429, ledger.refused("limit:rolling"), ledger.submissions.len()), (0, 1, 1));
}

#[tokio::test]
async fn each_service_refuses_in_its_own_shape() {
    let site = Site::start().await;
    let none = |service| Limit::rolling(service, 0, TWO_HOURS).of_kind(Kind::Anchored).saying_when();
    site.admin().set_limits(KEY, &[none(Service::Gemini), none(Service::HuggingFace)]).await.unwrap();
    let body = json!({"contents": [{"parts": [{"text": "a"}]}]});
    let path = "/models/gemini-3.8-flash:generateContent";
    let (status, answer) = read(site.posted(Service::Gemini, path, &body).await).await;
    assert_eq!((status, &answer["error"]["details"][1]["retryDelay"]), (429, &json!("7200s")));
    let path = "/hf-inference/models/a/flux";
    let answer = site.posted(Service::HuggingFace, path, &json!({"inputs": "a"})).await;
    assert_eq!(header(&answer, "ratelimit"), "\"api\";r=0;t=7200");
    assert_eq!(site.ledger().await.refused("limit:anchored"), 2);
}

#[tokio::test]
async fn an_account_is_limited_for_itself() {
    let site = Site::start().await;
    site.limit(Limit::rolling(Service::Xai, 0, TWO_HOURS)).await;
    let other = site.http.post(site.url(Service::Xai, SUBMIT)).bearer_auth("key-of-somebody-else");
    assert_eq!(other.json(&clip("one")).send().await.unwrap().status(), 200);
    assert_eq!(site.posted(Service::Xai, SUBMIT, &clip("one")).await.status(), 429);
    assert_eq!(site.ledger().await.submissions.len(), 0);
}
