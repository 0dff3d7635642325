//! What is asked of jobs, one and many, and answers that are lost on the way.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{Answer, FILMS, Patching, World, job};

const RESTART: &str = "videofactory.dev/restart-requested-at";

/// With a job at the API server, in its second run.
async fn world() -> World {
    let world = World::new().await;
    let mut ocean = job("films", "ocean", &json!({"phase": "Running", "run": 2}));
    ocean["metadata"]["resourceVersion"] = json!("7");
    world.know(ocean);
    world
}

async fn act(world: &World, action: &str, becomes: Patching) -> Answer {
    world.cluster.patches.lock().push_back(becomes);
    world.send("POST", &format!("/jobs/films/ocean/{action}"), FILMS, &[], "{}").await
}

fn annotation(world: &World, name: &str) -> Value {
    world.known("films", "ocean")["metadata"]["annotations"][name].clone()
}

#[tokio::test]
async fn a_restart_that_was_made_counts_also_where_its_answer_is_lost() {
    let world = world().await;
    let answer = act(&world, "restart", Patching::IsNotTold).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (StatusCode::ACCEPTED, &json!("requested")));
    assert!(annotation(&world, RESTART).is_string());
}

#[tokio::test]
async fn who_does_not_know_whether_a_restart_was_made_is_told_to_look_and_not_to_try_again() {
    let world = world().await;
    let answer = act(&world, "restart", Patching::Fails).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "");
    let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("look whether run 3 of films/ocean has begun before you ask again"), "{hint}");
    let held = act(&world, "suspend", Patching::Fails).await;
    assert!(
        held.status.is_server_error() && held.json()["hint"].is_null(),
        "it can be asked again: {held:?}"
    );
}

#[tokio::test]
async fn of_many_each_restart_that_may_have_been_made_says_where_to_look() {
    for (becomes, outcome) in [(Patching::IsNotTold, "requested"), (Patching::Fails, "failed")] {
        let world = world().await;
        world.cluster.patches.lock().push_back(becomes);
        let wish = json!({"action": "restart", "filter": {"namespace": "films"}}).to_string();
        let answer = world.send("POST", "/jobs/actions", FILMS, &[], &wish).await;
        let item = &answer.json()["items"][0];
        assert_eq!((&item["job"], &item["outcome"]), (&json!("films/ocean"), &json!(outcome)), "{answer:?}");
        let detail = item["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("run 3 of films/ocean"), outcome == "failed", "{detail}");
    }
}
