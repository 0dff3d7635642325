//! Metrics, buckets and accounts.

use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use serde_json::{Value, json};

use crate::testing::{FILMS, Harness, ROOT, account, job, made, policy};

#[tokio::test]
async fn metrics_are_json_for_curl_and_text_for_prometheus() {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.put(job("news", "a", &json!({"phase": "Failed"})));
    harness.put_policy(policy("films", &json!({"usage": {"bytes": 5_000_000_000_i64}, "level": "Normal"})));
    harness.put_account(account("films"));
    let numbers = harness.ask("GET", "/metrics", ROOT, &[(ACCEPT, "*/*")]).await.json();
    assert_eq!((&numbers["jobs"]["total"], &numbers["jobs"]["by_phase"]["Failed"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&numbers["storage"]["percent"], &numbers["storage"]["policies"][0]["level"]),
        (&json!(50), &json!("Normal"))
    );
    let quota = &numbers["quota"][0];
    assert_eq!(
        (&quota["account"], &quota["remaining"], &quota["unit"]),
        (&json!("grok"), &json!(0), &json!("Requests"))
    );
    for (accept, media, body) in [
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", "text/plain; version=0.0.4; charset=utf-8", "Prometheus"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "OpenMetrics",
        ),
    ] {
        let answer = harness.ask("GET", "/metrics", ROOT, &[(ACCEPT, accept)]).await;
        assert_eq!((answer.header("content-type"), answer.header("vary")), (media, "accept"));
        assert_eq!(String::from_utf8_lossy(&answer.body), body);
    }
    let none = harness.ask("GET", "/metrics", ROOT, &[(ACCEPT, "image/png")]).await;
    assert_eq!(none.status, StatusCode::NOT_ACCEPTABLE);
}

fn namespaces(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["namespace"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn buckets_and_accounts_are_shown_to_who_may_see_them() {
    let mut harness = Harness::new().await;
    harness.put_policy(policy("news", &json!({})));
    harness.put_account(account("films"));
    harness.put_account(account("news"));
    for path in ["/storage/stats", "/accounts"] {
        let all = harness.get(path).await.json();
        assert_eq!(namespaces(&all), ["films", "news"], "{path}");
        let own = harness.ask("GET", path, FILMS, &[]).await.json();
        assert_eq!(namespaces(&own), ["films"], "{path}");
        let named = harness.get(&format!("{path}?namespace=news")).await.json();
        assert_eq!(namespaces(&named), ["news"], "{path}");
        let others = harness.ask("GET", &format!("{path}?namespace=news"), FILMS, &[]).await;
        let none = harness.ask("GET", &format!("{path}?namespace=void"), FILMS, &[]).await;
        assert_eq!((others.status, none.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN), "{path}");
    }
}

#[tokio::test]
async fn who_may_see_nothing_is_refused_whatever_there_is() {
    let mut harness = Harness::new().await;
    harness.put_account(account("news"));
    let refused = harness.ask("GET", "/accounts", FILMS, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
