//! Namespaces that the operator may not read.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{FILMS, Harness, ROOT, made};

/// The namespace of the caller [`FILMS`], and of a job that the API server knows, is left out.
async fn left_out() -> Harness {
    let harness = Harness::new().await;
    harness.know(made());
    harness.leave_out("films");
    harness
}

#[tokio::test]
async fn what_names_a_namespace_that_is_not_watched_is_not_answered_as_if_it_were_empty() {
    let harness = left_out().await;
    for path in [
        "/jobs?namespace=films",
        "/jobs/films/ocean",
        "/jobs/films/ocean/logs",
        "/jobs/films/ocean/events",
        "/jobs/films/ocean/artifacts",
        "/stream?namespace=films",
        "/accounts?namespace=films",
        "/storage/stats?namespace=films",
    ] {
        let answer = harness.ask("GET", path, FILMS, &[]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let reported = answer.json();
        assert!(
            reported["detail"].as_str().unwrap().contains("may not read the namespace films"),
            "{path}: {reported}"
        );
        assert!(reported["hint"].as_str().unwrap().contains("permissions"), "{path}: {reported}");
    }
    assert_eq!(harness.ask("GET", "/jobs", ROOT, &[]).await.status, StatusCode::OK, "of all namespaces");
}

#[tokio::test]
async fn nothing_is_written_where_nobody_acts_on_it() {
    let harness = left_out().await;
    let new = json!({"namespace": "films", "topic": "rivers"});
    let many = json!({"action": "suspend", "filter": {"namespace": "films"}});
    for (path, body) in [
        ("/jobs", &new),
        ("/jobs/films/ocean/suspend", &json!({})),
        ("/jobs/actions", &many),
        ("/jobs/force-stop-all?namespace=films", &json!({})),
        ("/storage/cleanup?namespace=films", &json!({})),
    ] {
        let answer = harness.send("POST", path, FILMS, &[], &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {answer:?}");
    }
    assert_eq!(*harness.cluster.changed.lock(), [""; 0]);
}

#[tokio::test]
async fn who_may_not_read_a_namespace_does_not_learn_that_it_is_not_watched() {
    let harness = left_out().await;
    harness.leave_out("news");
    for path in ["/jobs?namespace=news", "/jobs/news/secret"] {
        assert_eq!(harness.ask("GET", path, FILMS, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn each_of_them_is_a_failed_check() {
    let harness = left_out().await;
    let answer = harness.get("/health/full").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = answer.json()["checks"].clone();
    let failed = |check: &&Value| check["healthy"] == false;
    let names: Vec<&Value> =
        checks.as_array().unwrap().iter().filter(failed).map(|check| &check["name"]).collect();
    assert!(names.contains(&&json!("namespace:films")), "{checks}");
}
