//! Who is let in, who gets which answer, and how often.

use std::sync::atomic::Ordering;

use axum::http::header::HeaderName;
use axum::http::{Method, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;

use super::document::{filled, operations};
use crate::access::public_paths::PUBLIC_PATHS;
use crate::body::TIMEOUT;
use crate::testing::{Answer, FILMS, Harness, ROOT, UID, job, made};
use crate::{documented, known};

#[tokio::test]
async fn without_a_token_nothing_is_answered_but_the_probes() {
    let mut harness = Harness::new().await;
    harness.put(made());
    let (_, document) = documented(&harness.state);
    let paths = operations(&document).into_iter().map(|(method, path, _)| (method, filled(&path)));
    let others =
        [("GET", "/nowhere"), ("PUT", "/jobs"), ("GET", &format!("/jobs/{UID}")), ("GET", "/jobs/%ff/x")];
    let others = others.map(|(method, path)| (method.to_owned(), path.to_owned()));
    for (method, path) in paths.chain(others) {
        for token in ["", "unknown"] {
            let answer = harness.ask(&method, &path, token, &[]).await;
            if PUBLIC_PATHS.contains(&path.as_str()) {
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                continue;
            }
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            if method != "HEAD" {
                assert_eq!(answer.header("content-type"), "application/problem+json");
                assert!(answer.json()["hint"].as_str().unwrap().contains("kubectl"), "{method} {path}");
            }
        }
    }
}

/// What differs between two answers must reveal nothing: the request's own id and path alone may.
fn reported(answer: &Answer, name: &str) -> (StatusCode, String) {
    (answer.status, String::from_utf8_lossy(&answer.body).replace(name, "<name>"))
}

#[tokio::test]
async fn a_job_of_another_namespace_is_as_if_there_were_none() {
    let mut harness = Harness::new().await;
    let secret_uid = "ffffffff-24c3-4a11-9d59-7c1f8b2d6e00";
    let mut secret = job("news", "secret", &json!({"phase": "Running", "currentStep": "write-script"}));
    secret["metadata"]["uid"] = json!(secret_uid);
    harness.put(secret);
    for tail in ["", "/logs", "/events", "/artifacts", "/artifacts/video"] {
        let there = harness.ask("GET", &format!("/jobs/news/secret{tail}"), FILMS, &[]).await;
        let none = harness.ask("GET", &format!("/jobs/news/nothing{tail}"), FILMS, &[]).await;
        assert_eq!(there.status, StatusCode::FORBIDDEN, "{tail}");
        assert_eq!(reported(&there, "secret"), reported(&none, "nothing"), "{tail}");
        let (uid, other) = (secret_uid, "eeeeeeee-24c3-4a11-9d59-7c1f8b2d6e00");
        let there = harness.ask("GET", &format!("/jobs/{uid}{tail}"), FILMS, &[]).await;
        let none = harness.ask("GET", &format!("/jobs/{other}{tail}"), FILMS, &[]).await;
        assert_eq!(reported(&there, uid), reported(&none, other), "{tail}");
        assert_eq!(there.status, StatusCode::FORBIDDEN, "{tail}");
    }
    let all = harness.ask("GET", "/jobs", FILMS, &[]).await;
    assert_eq!(all.status, StatusCode::FORBIDDEN);
    let metrics = harness.ask("GET", "/metrics", FILMS, &[]).await;
    assert_eq!(metrics.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_namespace_callers_see_the_jobs_of_those_that_are_theirs() {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.put(job("news", "a", &json!({})));
    let own = harness.ask("GET", "/jobs", FILMS, &[]).await.json();
    let ids: Vec<_> = own["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!((ids, &own["remaining"]), (vec![json!("films/ocean")], &json!(0)));
    for number in 0..100 {
        harness.put(job(&format!("a-{number:03}"), "a", &json!({})));
    }
    let own = harness.ask("GET", "/jobs", FILMS, &[]).await.json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "however many come before it by name");
    for number in 100..500 {
        harness.put(job(&format!("a-{number:03}"), "a", &json!({})));
    }
    let many = harness.ask("GET", "/jobs", FILMS, &[]).await;
    assert_eq!(many.status, StatusCode::FORBIDDEN, "a part of them would look like all");
    assert!(many.json()["hint"].as_str().unwrap().contains("?namespace="), "{many:?}");
}

#[tokio::test]
async fn a_uid_leads_to_the_job_for_who_may_see_it() {
    let mut harness = Harness::new().await;
    harness.put(made());
    for token in [ROOT, FILMS] {
        let answer = harness.ask("GET", &format!("/jobs/{UID}"), token, &[]).await;
        assert_eq!(answer.json()["id"], "films/ocean");
    }
    let none = harness.get("/jobs/ffffffff-24c3-4a11-9d59-7c1f8b2d6e00").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.answered()[0].0, "/jobs/{namespace}/{name}");
}

#[tokio::test]
async fn how_long_it_takes_does_not_reveal_whether_a_uid_exists() {
    let mut harness = Harness::new().await;
    let secret_uid = "ffffffff-24c3-4a11-9d59-7c1f8b2d6e00";
    let mut secret = job("news", "secret", &json!({}));
    secret["metadata"]["uid"] = json!(secret_uid);
    harness.put(secret);
    let reviews = async |path: &str| {
        let before = harness.cluster.reviews.load(Ordering::Relaxed);
        let answer = harness.ask("GET", path, FILMS, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        harness.cluster.reviews.load(Ordering::Relaxed) - before
    };
    // From here on it is remembered that they may not.
    reviews("/jobs/news/secret").await;
    for _ in 0..2 {
        let there = reviews(&format!("/jobs/{secret_uid}")).await;
        let none = reviews("/jobs/eeeeeeee-24c3-4a11-9d59-7c1f8b2d6e00").await;
        assert_eq!((there, none), (2, 2));
    }
}

#[tokio::test]
async fn a_namespace_may_be_named_as_uids_are() {
    let mut harness = Harness::new().await;
    let namespace = "ffffffff-24c3-4a11-9d59-7c1f8b2d6e00";
    harness.put(job(namespace, "ocean", &json!({})));
    let found = harness.get(&format!("/jobs/{namespace}/ocean")).await;
    assert_eq!((found.status, &found.json()["id"]), (StatusCode::OK, &json!(format!("{namespace}/ocean"))));
    assert_eq!(harness.get(&format!("/jobs/{namespace}/lake")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        harness.get("/jobs/eeeeeeee-24c3-4a11-9d59-7c1f8b2d6e00/logs").await.status,
        StatusCode::NOT_FOUND
    );
    let there = harness.ask("GET", &format!("/jobs/{namespace}/ocean"), FILMS, &[]).await;
    let none = harness.ask("GET", "/jobs/eeeeeeee-24c3-4a11-9d59-7c1f8b2d6e00/ocean", FILMS, &[]).await;
    assert_eq!(there.status, StatusCode::FORBIDDEN);
    assert_eq!(reported(&there, "-"), reported(&none, "-"));
}

#[test]
fn words_that_are_no_methods_are_one_to_whoever_counts() {
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(known(&Method::from_bytes(method.as_bytes()).unwrap()), method);
    }
    for method in ["X1", "get", "TRACE"] {
        assert_eq!(known(&Method::from_bytes(method.as_bytes()).unwrap()), "other");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_the_callers_fault() {
    let harness = Harness::new().await;
    for path in [
        "/jobs?limit=0",
        "/jobs?limit=501",
        "/jobs?limit=x",
        "/jobs?phase=Dancing",
        "/jobs?limit=1&limit=2",
        "/jobs?unknown=1",
        "/jobs?label_selector=a%20b",
        "/jobs?label=team",
        "/stream?label=team",
        "/jobs?ended_after=yesterday",
        "/jobs?continue=x",
        "/jobs?namespace=A",
        "/jobs?channel=..%2F",
        "/jobs/%ff/ocean",
        "/jobs/Films/ocean",
        "/jobs/films/..%2f",
        "/storage/stats?namespace=..",
        "/accounts?namespace=&x=1",
    ] {
        let answer = harness.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    assert_eq!(harness.get("/jobs/films").await.status, StatusCode::NOT_FOUND);
    let put = harness.ask("PUT", "/jobs", ROOT, &[]).await;
    assert_eq!((put.status, put.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD,POST"));
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_the_callers_alone() {
    let harness = Harness::new().await;
    let id = HeaderName::from_static("x-request-id");
    let answer = harness.ask("GET", "/jobs", ROOT, &[(id.clone(), "my-id-1")]).await;
    assert_eq!(answer.header("x-request-id"), "my-id-1");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let long = "x".repeat(65);
    let refused = harness.ask("GET", "/jobs", "", &[(id, &long)]).await;
    assert_eq!(refused.header("x-request-id").len(), 36);
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn who_asks_too_often_learns_when_to_come_again() {
    let harness = Harness::new().await;
    let mut refused = None;
    for _ in 0..2000 {
        let answer = harness.ask("GET", "/openapi.json", FILMS, &[]).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("2000 requests at once are too many");
    assert_eq!(refused.header("retry-after"), "1");
    // Others have nothing to do with it.
    assert_eq!(harness.get("/openapi.json").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let harness = Harness::new().await;
    // Who calls is known from here on: the clock must not run on while the API server is asked.
    assert_eq!(harness.get("/jobs").await.status, StatusCode::OK);
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let status = harness.send_slowly("POST", "/jobs/actions", ROOT, oneshot::channel().0).await;
    assert_eq!((status, before.elapsed() >= TIMEOUT), (StatusCode::REQUEST_TIMEOUT, true));
}

#[tokio::test]
async fn more_at_once_than_there_is_room_for_are_turned_away_but_not_the_probes() {
    let harness = Harness::new().await;
    let mut held = Vec::new();
    while let Ok(place) = harness.state.limits.request() {
        held.push(place);
    }
    let refused = harness.get("/jobs").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(harness.ask("GET", "/ready", "", &[]).await.status, StatusCode::OK);
    drop(held);
    assert_eq!(harness.get("/jobs").await.status, StatusCode::OK);
}
