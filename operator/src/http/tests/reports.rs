//! Reports of workers: who may send them, and how much of the operator they take.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::Instant;
use videofactory_api::access::TokenReviewer;
use videofactory_api::body;
use videofactory_api::limits::Limits;
use videofactory_pipeline::contract::TOKEN_AUDIENCE;

use super::super::progress::{MAX_BYTES, Reports, TIMEOUT};
use super::super::progress_route;
use super::{OPERATOR, Replica, STRANGER, WAITS_FOR_THE_BODY, WORKER, served, status_line};
use crate::videojob::build::PROGRESS_PATH;

#[tokio::test]
async fn only_replicas_of_the_operator_receive_what_workers_report() {
    let leader = Replica::leading().await;
    for (token, status) in [
        (OPERATOR, StatusCode::OK),
        (WORKER, StatusCode::FORBIDDEN),
        (STRANGER, StatusCode::FORBIDDEN),
        ("unknown", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        let (answered, body) = leader.ask("GET", token, &Value::Null).await;
        assert_eq!(answered, status, "{token}: {body}");
    }
    std::fs::remove_file(&leader.context.config.token_file).unwrap();
    let (answered, _) = leader.ask("GET", OPERATOR, &Value::Null).await;
    assert_eq!(answered, StatusCode::SERVICE_UNAVAILABLE, "who has no token knows nobody by it");
}

#[tokio::test]
async fn an_unknown_method_is_reported_only_to_known_callers() {
    let replica = Replica::start().await;
    for (token, status) in [
        ("", StatusCode::UNAUTHORIZED),
        ("unknown", StatusCode::UNAUTHORIZED),
        (WORKER, StatusCode::METHOD_NOT_ALLOWED),
    ] {
        for method in ["PUT", "DELETE", "PATCH"] {
            let (answered, body) = replica.ask(method, token, &Value::Null).await;
            assert_eq!(answered, status, "{method} {token}: {body}");
            assert_eq!(body["status"], status.as_u16(), "{method} {token}: {body}");
        }
    }
}

#[tokio::test]
async fn the_report_of_who_is_no_pod_is_refused_before_its_body_has_come() {
    let replica = Replica::start().await;
    for token in ["", "unknown", STRANGER] {
        assert_eq!(replica.begin(PROGRESS_PATH, token).await.1, "HTTP/1.1 401 Unauthorized", "{token}");
    }
}

#[tokio::test]
async fn a_pod_that_sends_halves_of_reports_takes_its_share_alone() {
    let replica = Replica::leading().await;
    let mut held = Vec::new();
    let refused = loop {
        let (connection, said) = replica.begin(PROGRESS_PATH, WORKER).await;
        if said != WAITS_FOR_THE_BODY {
            break said;
        }
        held.push(connection);
    };
    assert_eq!(refused, "HTTP/1.1 429 Too Many Requests", "after {}", held.len());
    assert_eq!(replica.ask("GET", OPERATOR, &Value::Null).await.0, StatusCode::OK, "another caller");
}

#[tokio::test]
async fn a_pod_that_reports_too_often_is_refused_as_such() {
    let replica = Replica::leading().await;
    for _ in 0..2000 {
        let (status, answer) = replica.ask("POST", WORKER, &json!({})).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            return;
        }
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    }
    panic!("2000 reports at once are too many");
}

#[tokio::test]
async fn a_report_is_not_waited_for_as_long_as_what_people_send() {
    let replica = Replica::leading().await;
    let (mut connection, said) = replica.begin(PROGRESS_PATH, WORKER).await;
    assert_eq!(said, WAITS_FOR_THE_BODY);
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(status_line(&mut connection).await, "HTTP/1.1 408 Request Timeout");
    assert!(begun.elapsed() < body::TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn requests_of_workers_count_among_those_of_all() {
    let replica = Replica::start().await;
    let limits = Arc::new(Limits::default());
    let reports = Reports {
        context: replica.context.clone(),
        tokens: Arc::new(TokenReviewer::of_audience(replica.context.client.clone(), TOKEN_AUDIENCE)),
        relay: Arc::new(replica.relay()),
        limits: Arc::clone(&limits),
    };
    let address = served(progress_route(reports)).await;
    let ask = async || {
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        client.get(format!("http://{address}{PROGRESS_PATH}").parse().unwrap()).await.unwrap().status()
    };
    let held: Vec<_> = std::iter::from_fn(|| limits.request().ok()).collect();
    assert_eq!(ask().await, StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
}

#[test]
fn the_limits_of_reports_are_documented() {
    let page = include_str!("../../../../docs/operating.md");
    let (kib, seconds) = (MAX_BYTES >> 10, TIMEOUT.as_secs());
    let row = format!(
        "| A step's report of its progress, whose pod is a caller of its own | {kib} KiB, {seconds} s |"
    );
    assert!(page.contains(&row), "docs/operating.md has no row {row}");
}
