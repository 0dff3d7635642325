//! Who follows the jobs is sent each change, for as long as they may and the process runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Progress;

use super::conforms::faults;
use crate::documented;
use crate::testing::{Events, FILMS, Harness, ROOT, UID, job, made};

/// The next event in short: its name and the job that it names.
async fn next(events: &mut Events) -> (String, String) {
    let (event, data) = events.next().await.expect("the stream has ended");
    let id = data["id"].as_str().map_or(data.to_string(), str::to_owned);
    (event, id)
}

fn event(name: &str, what: &str) -> (String, String) {
    (name.to_owned(), what.to_owned())
}

fn at_work() -> Value {
    let mut running = job(
        "films",
        "ocean",
        &json!({"phase": "Running", "run": 1, "currentStep": "animate-scenes",
                "steps": [{"name": "animate-scenes", "state": "Running", "attempt": 1}, {"name": "assemble-video"}]}),
    );
    running["metadata"]["uid"] = json!(UID);
    running
}

fn said(message: &str) -> Progress {
    Progress { message: message.to_owned(), fraction: 0.5, ..Progress::default() }
}

/// Lets time go by without a change of anything else.
async fn after(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_stream_begins_with_what_there_is_and_continues_with_what_changes() {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.put(job("films", "b", &json!({"phase": "Running"})));
    harness.put(job("news", "c", &Value::Null));
    let mut all = harness.follow("/stream", ROOT).await;
    let mut own = harness.follow("/stream?namespace=films&phase=Running", FILMS).await;
    let (_, first) = all.next().await.unwrap();
    let listed = harness.get("/jobs").await.json()["items"].clone();
    assert_eq!(first["live"], json!([]));
    for (field, value) in listed[0].as_object().unwrap() {
        assert_eq!(first[field], *value, "{field}");
    }
    assert_eq!(next(&mut all).await, event("job", "films/ocean"));
    assert_eq!(next(&mut all).await, event("job", "news/c"));
    assert_eq!(next(&mut all).await, event("synced", "{\"jobs\":3}"));
    assert_eq!(next(&mut own).await, event("job", "films/b"));
    assert_eq!(next(&mut own).await, event("synced", "{\"jobs\":1}"));
    harness.put(job("films", "b", &json!({"phase": "Failed"})));
    assert_eq!(next(&mut all).await, event("job", "films/b"));
    assert_eq!(next(&mut own).await, event("deleted", "films/b"));
    harness.remove(job("films", "b", &json!({"phase": "Failed"})));
    let (name, gone) = all.next().await.unwrap();
    assert_eq!(name, "deleted");
    assert_eq!(gone, json!({"id": "films/b", "uid": "uid-films-b", "namespace": "films", "name": "b"}));
}

#[tokio::test]
async fn what_a_worker_reports_is_sent_while_its_step_runs() {
    let mut harness = Harness::new().await;
    harness.put(at_work());
    let mut events = harness.follow("/stream", ROOT).await;
    assert_eq!(events.next().await.unwrap().1["live"], json!([]));
    assert_eq!(next(&mut events).await.0, "synced");
    harness.say(StepName::AnimateScenes, said("scene 3 of 4"));
    let live = json!([{"step": "animate-scenes", "fraction": 0.5, "message": "scene 3 of 4"}]);
    assert_eq!(events.next().await.unwrap().1["live"], live);
    // Of a step that is not at work nothing is sent, and what was sent already is not sent again.
    harness.say(StepName::AssembleVideo, said("late"));
    harness.say(StepName::AnimateScenes, said("scene 4 of 4"));
    assert_eq!(events.next().await.unwrap().1["live"][0]["message"], "scene 4 of 4");
}

#[tokio::test]
async fn who_may_not_list_and_watch_there_learns_nothing() {
    let mut harness = Harness::new().await;
    let denied = harness.ask("GET", "/stream?namespace=news", FILMS, &[]).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    harness.put(job("news", "secret", &Value::Null));
    let again = harness.ask("GET", "/stream?namespace=news", FILMS, &[]).await;
    assert_eq!((again.status, &again.body), (StatusCode::FORBIDDEN, &denied.body));
    let everywhere = harness.ask("GET", "/stream", FILMS, &[]).await;
    assert_eq!(everywhere.status, StatusCode::FORBIDDEN);
    assert!(everywhere.json()["hint"].as_str().unwrap().contains("?namespace="));
    harness.cluster.forbidden.lock().push(("watch".to_owned(), "videojobs".to_owned()));
    let unwatched = harness.ask("GET", "/stream?namespace=films", FILMS, &[]).await;
    assert_eq!(unwatched.status, StatusCode::FORBIDDEN);
    for query in ["namespace=A", "channel=a/b", "label_selector=a%3D%3D%3Db", "phase=Gone", "limit=1"] {
        let refused = harness.get(&format!("/stream?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_permission_that_is_taken_away_ends_the_stream_and_says_so() {
    let harness = Harness::new().await;
    let mut events = harness.follow("/stream?namespace=films", FILMS).await;
    assert_eq!(next(&mut events).await.0, "synced");
    harness.cluster.forbidden.lock().push(("list".to_owned(), "videojobs".to_owned()));
    after(Duration::from_secs(61)).await;
    let (name, problem) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["status"]), ("problem", &json!(403)));
    assert!(problem["detail"].as_str().unwrap().contains("namespace films"), "{problem}");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_token_that_has_expired_ends_the_stream_even_while_much_is_sent() {
    let mut harness = Harness::new().await;
    harness.put(job("films", "a", &json!({"phase": "Running"})));
    let mut events = harness.follow("/stream?namespace=films", FILMS).await;
    assert_eq!(next(&mut events).await.0, "job");
    assert_eq!(next(&mut events).await.0, "synced");
    harness.cluster.expired.lock().push(FILMS.to_owned());
    after(Duration::from_secs(61)).await;
    harness.put(job("films", "a", &json!({"phase": "Failed"})));
    let (name, problem) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["status"]), ("problem", &json!(401)));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_stream_outlasts_an_api_server_that_is_away_for_a_moment_only() {
    let mut harness = Harness::new().await;
    let mut events = harness.follow("/stream", ROOT).await;
    assert_eq!(next(&mut events).await.0, "synced");
    harness.cluster.is_away.store(true, Ordering::Relaxed);
    after(Duration::from_secs(61)).await;
    harness.put(job("films", "a", &Value::Null));
    assert_eq!(next(&mut events).await, event("job", "films/a"));
    after(Duration::from_mins(1)).await;
    let (name, problem) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["status"]), ("problem", &json!(503)));
}

#[tokio::test]
async fn a_process_that_is_about_to_end_says_so_and_ends_its_streams() {
    let harness = Harness::new().await;
    let mut events = harness.follow("/stream", ROOT).await;
    assert_eq!(next(&mut events).await.0, "synced");
    assert_eq!(harness.ask("GET", "/ready", "", &[]).await.status, StatusCode::OK);
    harness.state.stop.cancel();
    let (name, problem) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["status"]), ("problem", &json!(503)));
    assert_eq!(problem["hint"], "connect again");
    assert_eq!(events.next().await, None);
    assert_eq!(harness.ask("GET", "/ready", "", &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(harness.ask("GET", "/health", "", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_reader_who_was_away_for_long_is_sent_each_job_once() {
    let mut harness = Harness::new().await;
    let mut events = harness.follow("/stream", ROOT).await;
    assert_eq!(next(&mut events).await.0, "synced");
    // More changes than are kept for anybody.
    for round in 0..2000 {
        for name in ["a", "b"] {
            harness.put(job(
                "films",
                name,
                &json!({"phase": "Running", "progress": format!("{round}/2000")}),
            ));
        }
    }
    for expected in ["films/a", "films/b"] {
        let (name, reported) = events.next().await.unwrap();
        assert_eq!(
            (name.as_str(), &reported["id"], &reported["progress"]),
            ("job", &json!(expected), &json!("1999/2000"))
        );
    }
    harness.put(job("films", "c", &Value::Null));
    assert_eq!(next(&mut events).await, event("job", "films/c"));
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_is_alive() {
    let harness = Harness::new().await;
    let mut events = harness.follow("/stream", ROOT).await;
    assert_eq!(next(&mut events).await.0, "synced");
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let comment = events.piece().await.unwrap();
    assert!(comment.starts_with(':'), "{comment}");
    assert!(begun.elapsed() <= Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_who_follows_often_keeps_nobody_else_out() {
    let harness = Harness::new().await;
    let mut all = Vec::new();
    for _ in 0..16 {
        all.push(harness.follow("/stream", ROOT).await);
    }
    let refused = harness.get("/stream").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let other = harness.ask("GET", "/stream?namespace=films", FILMS, &[]).await;
    assert_eq!(other.status, StatusCode::OK);
    all.pop();
    assert_eq!(harness.get("/stream").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_event_is_what_the_document_says() {
    let mut harness = Harness::new().await;
    let (_, document) = documented(&harness.state);
    let operation = &document["paths"]["/stream"]["get"];
    let schema = &operation["responses"]["200"]["content"]["text/event-stream"]["schema"];
    harness.put(at_work());
    harness.say(StepName::AnimateScenes, said("scene 3 of 4"));
    let mut events = harness.follow("/stream", ROOT).await;
    let mut names = Vec::new();
    for step in 0..4 {
        let (name, data) = events.next().await.unwrap();
        let reported = json!({"event": name, "data": data});
        assert_eq!(faults(&document, schema, &reported), [""; 0], "{reported}");
        names.push(name);
        match step {
            1 => harness.remove(at_work()),
            2 => harness.state.stop.cancel(),
            _ => {}
        }
    }
    assert_eq!(names, ["job", "synced", "deleted", "problem"]);
}
