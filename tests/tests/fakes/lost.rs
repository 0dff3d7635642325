//! What is lost on the way: the ledger holds the truth whatever the client saw.

use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

use super::xai::{clip, poll, submit};
use super::{Site, read};

const SUBMIT: &str = "/videos/generations";

#[tokio::test]
async fn a_reset_before_acceptance_leaves_nothing() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Reset).on(Operation::Video).times(1)).await;
    assert!(site.post(Service::Xai, SUBMIT, &clip("a fox")).send().await.is_err());
    let ledger = site.ledger().await;
    assert_eq!((ledger.accepted("fox"), ledger.refused("fault:reset")), (0, 1));
    submit(&site, "a fox").await;
}

#[tokio::test]
async fn a_lost_answer_was_accepted_and_the_clip_is_made() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::LoseAnswer).on(Operation::Video).times(1)).await;
    assert!(site.post(Service::Xai, SUBMIT, &clip("a fox")).send().await.is_err());
    let ledger = site.ledger().await;
    assert_eq!((ledger.accepted("fox"), ledger.refusals.len()), (1, 0));
    assert!(!ledger.submissions[0].delivered);
    assert_eq!(poll(&site, &ledger.submissions[0].id).await.0, 200);
}

#[tokio::test]
async fn an_error_after_acceptance_was_accepted_too() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::StatusAfter { code: 500 }).on(Operation::Video).times(1)).await;
    assert_eq!(site.posted(Service::Xai, SUBMIT, &clip("a fox")).await.status(), 500);
    assert_eq!(site.ledger().await.accepted("fox"), 1);
}

#[tokio::test]
async fn a_proxys_page_after_acceptance_was_accepted_too() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::HtmlAfter { code: 503 }).on(Operation::Video).times(1)).await;
    let answer = site.posted(Service::Xai, SUBMIT, &clip("a fox")).await;
    assert_eq!(
        (answer.status().as_u16(), super::header(&answer, "via")),
        (503, "1.1 proxy.example".to_owned())
    );
    assert!(super::header(&answer, "content-type").starts_with("text/html"));
    let ledger = site.ledger().await;
    assert_eq!((ledger.accepted("fox"), ledger.refusals.len()), (1, 0));
}

#[tokio::test]
async fn a_held_request_is_accepted_once_it_is_let_go() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Hold).on(Operation::Video)).await;
    let held = tokio::spawn(site.post(Service::Xai, SUBMIT, &clip("a fox")).send());
    until(async || site.ledger().await.held == 1).await;
    assert_eq!(site.ledger().await.accepted("fox"), 0);
    site.fix().await;
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(site.ledger().await.accepted("fox"), 1);
}

#[tokio::test]
async fn who_gives_up_on_a_held_request_has_asked_for_nothing() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Hold).on(Operation::Video)).await;
    let held = tokio::spawn(site.post(Service::Xai, SUBMIT, &clip("a fox")).send());
    until(async || site.ledger().await.held == 1).await;
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    until(async || site.ledger().await.held == 0).await;
    site.fix().await;
    submit(&site, "a hen").await;
    let ledger = site.ledger().await;
    assert_eq!((ledger.accepted("fox"), ledger.accepted("hen")), (0, 1));
}

#[tokio::test]
async fn a_held_answer_was_accepted_before() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::HoldAnswer).on(Operation::Video)).await;
    let held = tokio::spawn(site.post(Service::Xai, SUBMIT, &clip("a fox")).send());
    until(async || site.ledger().await.held == 1).await;
    assert_eq!((site.ledger().await.accepted("fox"), held.is_finished()), (1, false));
    site.fix().await;
    let (status, body) = read(held.await.unwrap().unwrap()).await;
    assert_eq!((status, body["request_id"].is_string()), (200, true));
}

/// Asks again until it is so.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    while !so().await {
        tokio::task::yield_now().await;
    }
}
