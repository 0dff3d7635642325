//! Whatever is asked, nothing breaks: what cannot be served is the caller's fault, and reported as such.

use axum::http::header::{ACCEPT, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderName, StatusCode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::document::{filled, operations};
use crate::documented;
use crate::testing::{Answer, DIGEST, Harness, ROOT, made};

/// Requests to one harness: fewer than a caller may make at once.
const OF_ONE_WORLD: u32 = 90;

/// A piece of a path or query, as bytes that may stand there.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9-]{0,8}",
        "(%[0-9a-fA-F]{2}){1,4}",
        "[!$&'()*+,;=:@._~-]{1,5}",
        Just("..%2f..".to_owned()),
        Just("%00".to_owned()),
    ]
}

fn header() -> impl Strategy<Value = (HeaderName, String)> {
    let name = prop_oneof![Just(ACCEPT), Just(RANGE), Just(IF_RANGE), Just(IF_NONE_MATCH)];
    let value = prop_oneof![
        "[ -~]{0,20}",
        "bytes=[0-9]{0,25}-[0-9]{0,25}",
        "(bytes=)?([0-9]{0,3}-[0-9]{0,3},){0,4}",
        "(W/)?\"[a-z0-9-]{0,6}\"",
        "[a-z*]{1,9}/[a-z*]{1,9}(;q=[0-9.]{0,6}){0,2}",
    ];
    (name, value)
}

#[test]
fn no_request_breaks_the_server() {
    for _ in 0..4 {
        // That something is not healthy, it says by 503.
        abuse(async || harness().await, |_, path| path != "/health/full");
    }
}

#[test]
fn no_request_breaks_a_proxy_that_serves_the_same_routes() {
    let its_own = |method: &str, path: &str| matches!(method, "POST" | "PUT" | "DELETE") || path == "/backup";
    for _ in 0..2 {
        abuse(async || harness().await.through_a_proxy(), its_own);
    }
}

async fn harness() -> Harness {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.files.put(&format!("videos/films/ocean-3f9c2a1e/r1/{DIGEST}.mp4"), vec![7; 200]);
    harness
}

/// Most characters of an `Idempotency-Key`, as the document says it.
fn longest_key(harness: &Harness) -> usize {
    let (_, document) = documented(&harness.state);
    let mut parameters = document["paths"]["/jobs"]["post"]["parameters"].as_array().unwrap().iter();
    let key = parameters.find(|parameter| parameter["name"] == "Idempotency-Key").unwrap();
    usize::try_from(key["schema"]["maxLength"].as_u64().unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_longer_than_the_document_says_is_refused() {
    let harness = harness().await;
    let suspend = "/jobs/films/ocean/suspend";
    let of_all =
        |reason: String| json!({"action": "suspend", "filter": {"namespace": "films"}, "reason": reason});
    for (path, body) in [
        (suspend, json!({"reason": "é".repeat(1025)})),
        ("/jobs/films/ocean/approve", json!({"result": "é".repeat(129)})),
        ("/jobs/actions", of_all("é".repeat(1025))),
    ] {
        let answer = harness.send("POST", path, ROOT, &[], &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {answer:?}");
    }
    let fits = json!({"reason": "é".repeat(1024)}).to_string();
    assert_ne!(harness.send("POST", suspend, ROOT, &[], &fits).await.status, StatusCode::BAD_REQUEST);
    let film = json!({"namespace": "films", "topic": "rivers"}).to_string();
    let longest = longest_key(&harness);
    for (length, is_refused) in [(0, true), (1, false), (longest, false), (longest + 1, true)] {
        let key = "k".repeat(length);
        let header = (HeaderName::from_static("idempotency-key"), key.as_str());
        let answer = harness.send("POST", "/jobs?dry_run=true", ROOT, &[header], &film).await;
        assert_eq!(answer.status == StatusCode::BAD_REQUEST, is_refused, "{length}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_was_made_to_fill_the_memory_is_not_read() {
    let harness = harness().await;
    let film = |values: usize| {
        json!({"namespace": "films", "topics": ["rivers"], "spec": {"scenes": vec![0; values]}}).to_string()
    };
    let reported = |answer: Answer| answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    for path in ["/jobs", "/jobs?dry_run=true"] {
        let answer = harness.send("POST", path, ROOT, &[], &film(20_000)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(reported(answer), "the body has more than 20000 values");
    }
    let fits = harness.send("POST", "/jobs?dry_run=true", ROOT, &[], &film(19_000)).await;
    assert_ne!(reported(fits), "the body has more than 20000 values");
}

#[tokio::test]
async fn answers_that_nobody_reads_count_as_under_way() {
    let harness = harness().await;
    let mut held = Vec::new();
    let refused = loop {
        let (status, body) = harness.unread("/jobs", ROOT).await;
        if status != StatusCode::OK {
            break status;
        }
        held.push(body);
        assert!(held.len() <= 64, "a caller has no more under way");
    };
    assert_eq!((refused, held.len()), (StatusCode::TOO_MANY_REQUESTS, 64));
    drop(held);
    assert_eq!(harness.unread("/jobs", ROOT).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_array_is_no_object() {
    let harness = harness().await;
    let bulk = json!({"action": "retry", "filter": ["films", "Failed", null, null]}).to_string();
    for (path, body) in [
        ("/jobs/films/ocean/retry", "[null, null]"),
        ("/jobs/actions", bulk.as_str()),
        ("/jobs", r#" ["films", null, "rivers", [], {}, {}]"#),
        ("/restore", "[]"),
    ] {
        let answer = harness.send("POST", path, ROOT, &[], body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {answer:?}");
    }
}

/// Sends whatever may be sent: to these operations, and to paths that are none. Nothing may break, and what the document
/// says of an operation holds.
fn abuse(harness: impl AsyncFnOnce() -> Harness, is_meant: impl Fn(&str, &str) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let harness = runtime.block_on(harness());
    let (_, document) = documented(&harness.state);
    let known = operations(&document).into_iter().filter(|(method, path, _)| is_meant(method, path));
    let known: Vec<(String, String, Value)> = known
        .map(|(method, path, operation)| (method, filled(&path), operation["responses"].clone()))
        .collect();
    let path = proptest::collection::vec(piece(), 0..5).prop_map(|parts| format!("/{}", parts.join("/")));
    let target = prop_oneof![
        3 => proptest::sample::select(known),
        1 => ("(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS)", path).prop_map(undocumented),
        1 => ("(GET|POST)", path_under_jobs()).prop_map(undocumented),
    ];
    let query = proptest::collection::vec((parameter(), piece()), 0..3);
    let headers = proptest::collection::vec(header(), 0..3);
    let mut runner =
        TestRunner::new(Config { cases: OF_ONE_WORLD, failure_persistence: None, ..Config::default() });
    let outcome =
        runner.run(&(target, query, headers, body()), |((method, path, responses), query, headers, body)| {
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let uri = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
            let headers: Vec<(HeaderName, &str)> =
                headers.iter().map(|(name, value)| (name.clone(), value.as_str())).collect();
            let answer = runtime.block_on(harness.send(&method, &uri, ROOT, &headers, &body));
            prop_assert!(answer.status.as_u16() < 500, "{} {} {}: {:?}", method, uri, body, answer);
            let is_reported = responses.is_null() || responses[answer.status.as_str()].is_object();
            prop_assert!(is_reported, "{} {} {}: {:?} is not in the document", method, uri, body, answer);
            if answer.status.is_client_error() {
                prop_assert_eq!(
                    answer.header("content-type"),
                    "application/problem+json",
                    "{} {}",
                    method,
                    uri
                );
            }
            Ok(())
        });
    outcome.unwrap();
}

/// What the document does not know.
fn undocumented((method, path): (String, String)) -> (String, String, Value) {
    (method, path, Value::Null)
}

/// A body: none, something that is no JSON, or an object of fields of ours with values of any kind.
fn body() -> impl Strategy<Value = String> {
    let fields = [
        "action",
        "filter",
        "reason",
        "result",
        "namespace",
        "name",
        "topic",
        "topics",
        "spec",
        "labels",
        "phase",
        "scene",
        "seen",
        "scenes",
        "what",
    ];
    let word = prop_oneof![
        proptest::sample::select(vec![
            "films", "ocean", "retry", "suspend", "Failed", "a/b", "../..", "a=b,!c", "\0"
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ];
    let scalar =
        prop_oneof![word.prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
    let value = scalar.prop_recursive(2, 8, 3, move |inner| {
        let name = proptest::sample::select(fields.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            3 => proptest::collection::btree_map(name, inner.clone(), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            1 => proptest::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    });
    prop_oneof![1 => Just(String::new()), 1 => ".{0,20}", 4 => value.prop_map(|value| value.to_string())]
}

fn path_under_jobs() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 1..5).prop_map(|parts| format!("/jobs/{}", parts.join("/")))
}

/// Names of parameters, ours and others.
fn parameter() -> impl Strategy<Value = String> {
    let ours = [
        "phase",
        "channel",
        "namespace",
        "label_selector",
        "ended_after",
        "limit",
        "continue",
        "step",
        "follow",
        "tail",
        "days",
        "dry_run",
    ];
    prop_oneof![4 => proptest::sample::select(ours.to_vec()).prop_map(str::to_owned), 1 => piece()]
}
