//! The second port.

use serde_json::{Value, json};
use videofactory_tests::http::client;

use super::xai::submit;
use super::{KEY, Site};

async fn order(site: &Site, path: &str, body: &Value) -> (u16, String) {
    let answer = client().post(format!("{}{path}", site.fakes.admin_url())).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn reported(site: &Site, path: &str) -> Value {
    client().get(format!("{}{path}", site.fakes.admin_url())).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn limits_and_faults_are_ordered_as_json() {
    let site = Site::start().await;
    let limit = json!([{
        "key": KEY, "service": "xai", "operation": "video", "kind": "anchored", "limit": 25, "windowSeconds": 7200.0,
        "retryAfter": true,
    }]);
    assert_eq!(order(&site, "/admin/limits", &limit).await.0, 204);
    let reported_limits = reported(&site, "/admin/limits").await;
    assert_eq!((&reported_limits[0]["limit"], &reported_limits[0]["key"]), (&json!(25), &json!("key-…cdef")));
    let fault = json!([{"effect": "lose-answer", "service": "xai", "prompt": "fox", "after": 2, "times": 1}]);
    assert_eq!(order(&site, &format!("/admin/faults?key={KEY}"), &fault).await.0, 204);
    let faults = reported(&site, "/admin/faults").await;
    assert_eq!((&faults[0]["after"], &faults[0]["key"]), (&json!(2), &json!(KEY)));
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_a_reason() {
    let site = Site::start().await;
    let cases = [
        ("/admin/limits", json!([{"limit": 1}]), "for no account"),
        ("/admin/limits?key=a", json!([{"key": "b", "limit": 1}]), "another account"),
        ("/admin/limits?key=a", json!([{"limit": 1, "windowSeconds": 0}]), "positive number"),
        ("/admin/faults", json!([{"effect": "reset", "times": 0}]), "0 times"),
        ("/admin/faults?key=a", json!([{"effect": "reset", "key": "b"}]), "another account"),
        ("/admin/faults", json!([{"effect": "earthquake"}]), "unknown variant"),
        ("/admin/settings", json!({"speed": 1}), "unknown field"),
    ];
    for (path, body, reason) in cases {
        let (status, text) = order(&site, path, &body).await;
        assert_eq!(status, 422, "{path} {body}");
        assert!(text.contains(reason), "{path} {body}: {text}");
    }
}

#[tokio::test]
async fn a_reset_forgets_one_account_or_all() {
    let site = Site::start().await;
    submit(&site, "a fox").await;
    assert_eq!(order(&site, "/admin/reset?key=another", &json!(null)).await.0, 204);
    assert_eq!(site.ledger().await.accepted("fox"), 1);
    site.admin().reset(KEY).await.unwrap();
    assert_eq!(site.ledger().await.accepted("fox"), 0);
    submit(&site, "a fox").await;
    order(&site, "/admin/reset", &json!(null)).await;
    assert_eq!(reported(&site, "/admin/ledger").await["submissions"], json!([]));
}

#[tokio::test]
async fn the_ledger_has_times_to_the_millisecond_and_no_whole_key() {
    let site = Site::start().await;
    submit(&site, "a fox").await;
    let ledger = reported(&site, "/admin/ledger").await;
    let at = ledger["submissions"][0]["at"].as_str().unwrap();
    assert_eq!((at.len(), &at[19..20], &at[23..]), (24, ".", "Z"), "{at}");
    assert!(!ledger.to_string().contains(KEY));
    assert_eq!(
        client().get(format!("{}/admin/health", site.fakes.admin_url())).send().await.unwrap().status(),
        200
    );
}
