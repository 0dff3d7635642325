//! The proxy over the wire: its rules, its counters, its faults.

use serde_json::{Value, json};
use videofactory_tests::http::client;
use videofactory_tests::r2_proxy::{ProxyOptions, R2Proxy};

use super::{Site, text};

async fn json_of(url: String) -> Value {
    client().get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn counters_distinguish_classes_and_reset_forgets() {
    let site = Site::start().await;
    let bucket = site.bucket();
    bucket.put("a", "x", &text()).await.unwrap();
    bucket.head("a").await.unwrap();
    bucket.get("a", 10).await.unwrap();
    bucket.delete_one("a").await.unwrap();
    let counters = json_of(format!("{}/counters", site.proxy.admin_url())).await;
    assert_eq!(
        (&counters["class_a"], &counters["class_b"], &counters["free"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert_eq!(counters["writes"], json!({"studio/a": 1}));
    let reset = client().post(format!("{}/reset", site.proxy.admin_url())).send().await.unwrap();
    assert_eq!(reset.status(), 204);
    assert_eq!(json_of(format!("{}/counters", site.proxy.admin_url())).await["class_a"], 0);
}

#[tokio::test]
async fn faults_are_ordered_over_http() {
    let site = Site::start().await;
    let faults = format!("{}/faults", site.proxy.admin_url());
    let order = json!([{"effect": "out-of-space", "keys": "studio/clips/**"}]);
    let http = client();
    assert_eq!(http.post(&faults).json(&order).send().await.unwrap().status(), 204);
    assert_eq!(json_of(faults.clone()).await, order);
    let bucket = site.bucket();
    assert_eq!(bucket.put("clips/a/b", "x", &text()).await.unwrap_err().reason(), "Full");
    bucket.put("work/a", "x", &text()).await.unwrap();
    let wrong = http.post(&faults).json(&json!([{"effect": "earthquake"}])).send().await.unwrap();
    assert_eq!(wrong.status(), 422);
    let wrong =
        http.post(&faults).json(&json!([{"effect": "unavailable", "keys": "["}])).send().await.unwrap();
    assert!(wrong.text().await.unwrap().contains("is not a glob"));
}

#[tokio::test]
async fn what_r2_lacks_is_answered_without_asking_the_server() {
    let site = Site::start().await;
    let http = client();
    let answer =
        http.put(format!("{}/films/a?tagging", site.proxy.url())).body("<Tagging/>").send().await.unwrap();
    assert_eq!(answer.status(), 501);
    assert!(answer.text().await.unwrap().contains("<Code>NotImplemented</Code>"));
    let delete =
        http.delete(format!("{}/films/a", site.proxy.url())).header("if-match", "x").send().await.unwrap();
    assert_eq!(delete.status(), 501);
    let keys = "<Object><Key>a</Key></Object>".repeat(1001);
    let many = http.post(format!("{}/films?delete", site.proxy.url())).body(keys).send().await.unwrap();
    assert_eq!(many.status(), 400);
    assert_eq!(site.proxy.counters().refused["NotImplemented"], 2);
}

#[tokio::test]
async fn preconditions_cannot_be_ignored_without_keys() {
    let site = Site::start().await;
    let keyless = R2Proxy::start(ProxyOptions::before(site.server.url())).await.unwrap();
    let order = json!([{"effect": "ignore-preconditions"}]);
    let faults = format!("{}/faults", keyless.admin_url());
    let answer = client().post(faults).json(&order).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("start it with the server's access key"));
}
