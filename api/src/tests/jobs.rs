//! Lists of jobs, and one of them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::http::header::IF_NONE_MATCH;
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Progress;

use crate::testing::{FILMS, Harness, ROOT, UID, job, made};

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn page(harness: &Harness, query: &str) -> Value {
    let answer = harness.get(&format!("/jobs?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    answer.json()
}

#[tokio::test]
async fn pages_follow_each_other_while_jobs_come_and_go() {
    let mut harness = Harness::new().await;
    for name in ["b", "d", "f", "h"] {
        harness.put(job("films", name, &Value::Null));
    }
    let first = page(&harness, "limit=2").await;
    assert_eq!(
        (ids(&first), &first["remaining"]),
        (vec!["films/b".to_owned(), "films/d".to_owned()], &json!(2))
    );
    harness.put(job("films", "a", &Value::Null));
    harness.put(job("films", "e", &Value::Null));
    harness.remove(job("films", "d", &Value::Null));
    let token = first["continue"].as_str().unwrap();
    let second = page(&harness, &format!("limit=2&continue={token}")).await;
    assert_eq!(ids(&second), ["films/e", "films/f"]);
    let last = page(&harness, &format!("limit=2&continue={}", second["continue"].as_str().unwrap())).await;
    assert_eq!((ids(&last), last.get("continue")), (vec!["films/h".to_owned()], None));
    let other = harness.get(&format!("/jobs?phase=Failed&continue={token}")).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert!(other.json()["detail"].as_str().unwrap().contains("other filters"));
}

#[tokio::test]
async fn a_filter_takes_what_it_says() {
    let mut harness = Harness::new().await;
    let mut labelled = job("films", "b", &json!({"phase": "Running"}));
    labelled["metadata"]["labels"] = json!({"team": "films"});
    let mut other_channel = job("films", "c", &json!({"phase": "Running"}));
    other_channel["spec"]["channelRef"] = json!({"name": "space"});
    harness.put(made());
    harness.put(labelled);
    harness.put(other_channel);
    harness.put(job("news", "a", &Value::Null));
    for (query, expected) in [
        ("", &["films/b", "films/c", "films/ocean", "news/a"][..]),
        ("namespace=news", &["news/a"]),
        ("phase=Running", &["films/b", "films/c"]),
        ("phase=Pending", &["news/a"]),
        ("channel=space", &["films/c"]),
        ("label_selector=team%3Dfilms", &["films/b"]),
        ("label_selector=!team&namespace=films", &["films/c", "films/ocean"]),
        ("ended_after=2026-12-24T18:59:59Z", &["films/ocean"]),
        ("ended_after=2026-12-24T19:00:00Z", &[]),
        ("phase=Succeeded&channel=space", &[]),
    ] {
        assert_eq!(ids(&page(&harness, query).await), expected, "{query}");
    }
    let own = harness.ask("GET", "/jobs?namespace=films", FILMS, &[]).await;
    assert_eq!(ids(&own.json()).len(), 3);
    let others = harness.ask("GET", "/jobs?namespace=news", FILMS, &[]).await;
    assert_eq!(others.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let mut harness = Harness::new().await;
    harness.put(made());
    for path in ["/jobs", "/jobs/films/ocean"] {
        let first = harness.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = harness.ask("GET", path, ROOT, &[(IF_NONE_MATCH, &tag)]).await;
        assert_eq!(
            (again.status, again.body.len(), again.header("etag")),
            (StatusCode::NOT_MODIFIED, 0, tag.as_str())
        );
    }
    let tag = harness.get("/jobs").await.header("etag").to_owned();
    harness.put(job("films", "new", &Value::Null));
    let changed = harness.ask("GET", "/jobs", ROOT, &[(IF_NONE_MATCH, &tag)]).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_job_shows_what_it_made_and_what_it_cost() {
    let mut harness = Harness::new().await;
    harness.put(made());
    let reported = harness.get("/jobs/films/ocean").await.json();
    assert_eq!((&reported["id"], &reported["uid"]), (&json!("films/ocean"), &json!(UID)));
    assert_eq!(
        reported["video"],
        json!({"url": "/jobs/films/ocean/artifacts/video", "sizeBytes": 200, "durationSeconds": 12.5})
    );
    assert_eq!(reported["cost"], json!({"estimated": "1.90", "actual": "0.56"}));
    assert_eq!(reported["endedAt"], "2026-12-24T19:00:00Z");
    assert_eq!(
        (&reported["spec"]["topic"], &reported["status"]["id"]),
        (&json!("the ocean"), &json!("3f9c2a1e"))
    );
    assert_eq!(reported.get("error"), None);
    let in_list = page(&harness, "").await["items"][0].clone();
    let fields = in_list.as_object().unwrap();
    assert!(fields.iter().all(|(name, value)| reported[name] == *value), "{in_list}");
    let more: BTreeSet<&str> = reported.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(more.is_superset(&["spec", "status", "checkpoint"].into()));
}

#[tokio::test]
async fn a_job_at_work_shows_what_its_worker_reported_last() {
    let mut harness = Harness::new().await;
    let mut running = job(
        "films",
        "ocean",
        &json!({
            "phase": "Running", "run": 1, "currentStep": "animate-scenes",
            "steps": [{"name": "animate-scenes", "state": "Running", "attempt": 1, "scenes": {"total": 4, "completed": "0"}}],
        }),
    );
    running["metadata"]["uid"] = json!(UID);
    harness.put(running);
    let progress = Progress {
        completed: (0..3).collect(),
        fraction: 0.75,
        message: "scene 4 of 4".to_owned(),
        full: false,
    };
    harness.say(StepName::AnimateScenes, progress);
    let step = harness.get("/jobs/films/ocean").await.json()["checkpoint"]["steps"][0].clone();
    assert_eq!(step["live"], json!({"fraction": 0.75, "message": "scene 4 of 4"}));
    assert_eq!(step["scenes"], json!({"completed": 3, "refused": 0, "unknown": 0, "total": 4}));
}

#[tokio::test]
async fn a_job_that_waits_for_a_person_says_what_to_do() {
    let mut harness = Harness::new().await;
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": "OutcomeUnknown", "message": "was it paid?",
               "lastTransitionTime": "2026-12-24T18:00:00Z"})
    };
    let conditions = [condition("Ready", "False"), condition("Stalled", "True")];
    harness.put(job("films", "ocean", &json!({"phase": "Waiting", "conditions": conditions})));
    let error = harness.get("/jobs/films/ocean").await.json()["error"].clone();
    assert_eq!((&error["reason"], &error["message"]), (&json!("OutcomeUnknown"), &json!("was it paid?")));
    assert!(error["hint"].as_str().unwrap().contains("/jobs/films/ocean/retry"), "{error}");
    let none = harness.get("/jobs/films/none").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.json()["hint"].as_str().unwrap().contains("namespace=films"));
}

#[tokio::test]
async fn an_object_that_cannot_be_read_breaks_nothing_else() {
    let mut harness = Harness::new().await;
    harness.put(made());
    let mut newer = job("films", "newer", &Value::Null);
    newer["spec"]["mode"] = json!("Hologram");
    harness.put(newer);
    assert_eq!(ids(&page(&harness, "").await), ["films/ocean"]);
    let numbers = harness.get("/metrics").await.json();
    assert_eq!((&numbers["jobs"]["total"], &numbers["jobs"]["unreadable"]), (&json!(2), &json!(1)));
    let unreadable = harness.get("/jobs/films/newer").await;
    assert_eq!(unreadable.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(unreadable.json()["hint"].as_str().unwrap().contains("kubectl get videojob newer"));
}
