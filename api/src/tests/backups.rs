//! Backups and restores, and what they take of the process.

use std::pin::pin;

use axum::http::StatusCode;
use serde_json::json;
use tokio::sync::oneshot;

use crate::testing::{FILMS, Harness, ROOT};

#[tokio::test]
async fn who_restores_names_the_namespace_or_may_list_jobs_in_all() {
    let harness = Harness::new().await;
    let ask = async |path: &str, token: &str, body: &str| harness.send("POST", path, token, &[], body).await;
    let refused = ask("/restore", FILMS, "{}").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.json()["hint"].as_str().unwrap().contains("?namespace="), "{refused:?}");
    assert_eq!(ask("/restore?namespace=news", FILMS, "{}").await.status, StatusCode::FORBIDDEN);
    for (path, token) in [("/restore?namespace=films", FILMS), ("/restore", ROOT)] {
        let read = ask(path, token, "{}").await;
        assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {read:?}");
    }
    let foreign = json!({"apiVersion": "videofactory.dev/v1alpha1", "kind": "Backup", "items": [{
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {"name": "secret", "namespace": "news"}, "spec": {"topic": "a"},
    }]});
    let refused = ask("/restore?namespace=films", FILMS, &foreign.to_string()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.json()["detail"].as_str().unwrap().contains("news"), "{refused:?}");
}

#[tokio::test]
async fn a_backup_that_comes_slowly_keeps_nobody_from_theirs() {
    let harness = Harness::new().await;
    let (waits, is_waiting) = oneshot::channel();
    let mut slow = pin!(harness.send_slowly("POST", "/restore", ROOT, waits));
    tokio::select! {
        answer = &mut slow => panic!("it is not complete: {answer:?}"),
        waiting = is_waiting => waiting.unwrap(),
    }
    let other = harness.send("POST", "/restore", ROOT, &[], "{}").await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{other:?}");
}
