//! The receiver of webhooks.

use serde_json::json;
use videofactory_tests::fakes::{Effect, Fault, Service};

use super::{KEY, Site, read};

#[tokio::test]
async fn calls_are_kept_as_they_came() {
    let site = Site::start().await;
    let url = site.url(Service::Webhook, &format!("/{KEY}"));
    for _ in 0..2 {
        let request =
            site.http.post(&url).header("Idempotency-Key", "run-1").header("X-Signature", "sha256=abc");
        assert_eq!(request.body(r#"{"film": 1}"#).send().await.unwrap().status(), 200);
    }
    let ledger = site.ledger().await;
    let [first, second] = ledger.deliveries.as_slice() else { panic!("{ledger:?}") };
    assert_eq!(
        (first.body.as_str(), first.headers["x-signature"].as_str()),
        (r#"{"film": 1}"#, "sha256=abc")
    );
    assert_eq!((first.repeated, second.repeated), (false, true));
    assert_eq!((second.idempotency_key.as_str(), ledger.submissions.len()), ("run-1", 2));
}

#[tokio::test]
async fn asking_whether_somebody_is_there_is_no_call() {
    let site = Site::start().await;
    let url = site.url(Service::Webhook, &format!("/{KEY}"));
    assert_eq!(site.http.head(url).send().await.unwrap().status(), 200);
    assert_eq!(site.ledger().await.deliveries.len(), 0);
}

#[tokio::test]
async fn a_call_can_be_refused_and_then_it_was_not_received() {
    let site = Site::start().await;
    site.fault(Fault::always(Effect::Status { code: 500 }).of(Service::Webhook).times(1)).await;
    let path = format!("/{KEY}");
    let (status, _) = read(site.posted(Service::Webhook, &path, &json!({})).await).await;
    assert_eq!((status, site.ledger().await.deliveries.len()), (500, 0));
    assert_eq!(site.posted(Service::Webhook, &path, &json!({})).await.status(), 200);
    assert_eq!(site.ledger().await.deliveries.len(), 1);
}
