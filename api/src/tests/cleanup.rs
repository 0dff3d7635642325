//! Requests to prune.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;
use tokio::sync::Barrier;

use crate::testing::{FILMS, Harness, Patching, ROOT, policy};

#[tokio::test]
async fn each_policy_answers_for_itself_when_all_are_asked_to_prune() {
    let harness = Harness::new().await;
    let put = |namespaces: &[&str]| {
        *harness.cluster.policies.lock() =
            namespaces.iter().map(|namespace| policy(namespace, &json!({}))).collect();
    };
    put(&["arts", "films", "news"]);
    let asked = harness.ask("POST", "/storage/cleanup?days=7", FILMS, &[]).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let answer = asked.json();
    assert_eq!(answer["counts"], json!({"requested": 1, "failed": 2}));
    let items: Vec<_> = answer["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        items.iter().map(|item| &item["outcome"]).collect::<Vec<_>>(),
        ["failed", "requested", "failed"]
    );
    assert!(items[1]["requestedAt"].is_string() && items[1]["id"] == "films/default", "{answer}");
    assert_eq!(items[2]["detail"], "you may not patch storagepolicies in namespace news");
    put(&["arts", "news"]);
    let none = harness.ask("POST", "/storage/cleanup", FILMS, &[]).await;
    assert_eq!(none.status, StatusCode::FORBIDDEN, "nothing was done");
    let hint = "ask for a role with the verb patch on storagepolicies.videofactory.dev in that namespace";
    assert_eq!(none.json()["hint"], hint);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_policy_unasked() {
    let harness = Harness::new().await;
    let namespaces = ["arts", "films", "news"];
    *harness.cluster.policies.lock() =
        namespaces.iter().map(|namespace| policy(namespace, &json!({}))).collect();
    let gate = Arc::new(Barrier::new(2));
    harness.cluster.patches.lock().push_back(Patching::Waits(gate.clone()));
    tokio::select! {
        answer = harness.ask("POST", "/storage/cleanup", ROOT, &[]) => panic!("{answer:?}"),
        _ = gate.wait() => {}
    }
    assert_eq!(harness.state.tasks.under_way(), 1);
    gate.wait().await;
    harness.state.tasks.ended().await;
    let path = |namespace: &str| {
        format!("/apis/videofactory.dev/v1alpha1/namespaces/{namespace}/storagepolicies/default")
    };
    assert_eq!(*harness.cluster.changed.lock(), namespaces.map(path));
}
