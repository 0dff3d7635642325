//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use videofactory_client::backup::{Backup, Document, Kind};
use videofactory_client::restore::{Options, restore};

use super::conforms::faults;
use crate::access::public_paths::PUBLIC_PATHS;
use crate::documented;
use crate::testing::{Harness, ROOT, account, job, made, policy};
use crate::writes::check;

/// Method and path of each operation, with the document of each.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// A path with something in each place of it.
pub fn filled(path: &str) -> String {
    [
        ("{namespace}", "films"),
        ("{name}", "ocean"),
        ("{action}", "retry"),
        ("{artifact}", "video"),
        ("{scene}", "s1"),
        ("{part}", "image"),
        ("{policy}", "default"),
        ("{slot}", "2026-12-24T03:00:00Z"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (place, name)| path.replace(place, name))
}

#[tokio::test]
async fn every_operation_of_the_document_leads_to_a_handler() {
    let mut harness = Harness::new().await;
    harness.put(made());
    let (_, document) = documented(&harness.state);
    let operations = operations(&document);
    let expected = [
        "GET /health",
        "GET /health/full",
        "GET /ready",
        "GET /metrics",
        "GET /jobs",
        "POST /jobs",
        "POST /jobs/actions",
        "POST /jobs/force-stop-all",
        "GET /jobs/{namespace}/{name}",
        "DELETE /jobs/{namespace}/{name}",
        "POST /jobs/{namespace}/{name}/{action}",
        "GET /jobs/{namespace}/{name}/logs",
        "GET /jobs/{namespace}/{name}/events",
        "GET /jobs/{namespace}/{name}/artifacts",
        "GET /jobs/{namespace}/{name}/artifacts/{artifact}",
        "GET /jobs/{namespace}/{name}/scenes",
        "GET /jobs/{namespace}/{name}/scenes/{scene}/{part}",
        "PUT /jobs/{namespace}/{name}/scenes/{scene}",
        "POST /jobs/{namespace}/{name}/regenerate",
        "GET /storage/stats",
        "GET /storage/{namespace}/{policy}/plans/{slot}",
        "POST /storage/cleanup",
        "POST /storage/check",
        "GET /accounts",
        "GET /stream",
        "GET /openapi.json",
        "GET /docs",
        "GET /backup",
        "POST /restore",
    ];
    let reported: BTreeSet<String> =
        operations.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    for operation in expected {
        assert!(reported.contains(operation), "{operation} is not in the document");
    }
    assert!(reported.contains(&format!("POST {}", check::PATH)), "the plugin asks there");
    for (method, path, operation) in operations {
        let answer = harness.ask(&method, &filled(&path), ROOT, &[]).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("nothing at this path"), "{method} {path}: {text}");
        assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        let status = answer.status.as_u16().to_string();
        assert!(operation["responses"][&status].is_object(), "{method} {path} answers {status}: {text}");
        let media = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let contents = &operation["responses"][&status]["content"];
        let is_reported = contents[&media].is_object() || (contents.is_null() && answer.body.is_empty());
        assert!(is_reported, "{method} {path} answers {media:?}, not {contents}");
    }
}

#[tokio::test]
async fn every_route_is_documented() {
    let harness = Harness::new().await;
    let (routes, document) = documented(&harness.state);
    // axum shows its paths by Debug alone.
    let shown = format!("{routes:?}");
    let is_route = |part: &&str| part.len() > 1 && part.starts_with('/') && !part.contains("__private__");
    let there: BTreeSet<&str> = shown.split('"').filter(is_route).collect();
    let reported: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(there, reported);
}

#[tokio::test]
async fn the_document_fits_together() {
    let harness = Harness::new().await;
    let (_, document) = documented(&harness.state);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id.clone()), "{id} is there twice");
        assert!(operation["summary"].is_string(), "{method} {path} says nothing of itself");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].is_string(), "{method} {path} {status} is not described");
        }
        let is_open = operation["security"] == json!([{}]) || operation["security"] == json!([{"": []}]);
        assert_eq!(
            is_open,
            PUBLIC_PATHS.contains(&path.as_str()),
            "{method} {path}: {}",
            operation["security"]
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, is_path) = (&parameter["name"], parameter["in"] == "path");
            assert_eq!(parameter["required"] == true, is_path, "{method} {path}: {name}");
            assert!(parameter["description"].is_string(), "{method} {path}: {name} is not described");
        }
    }
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    assert!(!text.contains("null,") && !text.contains(":null"), "a schema holds nothing");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let is_ours = !name.starts_with("VideoJob");
        if is_ours && schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{name} is open");
        }
    }
}

/// What scripts of the system before this one read, by its names: the parts of `/health/full` and `/metrics`.
const OLDER: [&str; 5] = ["Check", "JobMetrics", "StorageTotals", "PolicyTotals", "QuotaMetrics"];

#[tokio::test]
async fn fields_are_in_camel_case_and_lists_are_items_of_an_object() {
    let harness = Harness::new().await;
    let (_, document) = documented(&harness.state);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(name, _)| !OLDER.contains(&name.as_str())) {
        for field in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
            assert!(!field.contains('_'), "{name}.{field}");
        }
    }
    let fields = |name: &str| schemas[name]["properties"].as_object().unwrap();
    for list in [
        "JobList",
        "AccountList",
        "EventList",
        "ArtifactList",
        "StorageStats",
        "CreateAnswer",
        "BulkAnswer",
        "CleanupAnswer",
        "CheckAnswer",
        "Backup",
        "RestoreAnswer",
    ] {
        let arrays = fields(list).iter().filter(|(_, field)| field["items"].is_object());
        let names: Vec<&String> = arrays.map(|(name, _)| name).collect();
        assert!(names.iter().any(|name| *name == "items"), "{list}: {names:?}");
    }
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let bodies = response["content"].as_object().into_iter().flat_map(Map::values);
            for body in bodies {
                assert_ne!(body["schema"]["type"], "array", "{method} {path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.put_account(account("films"));
    let run = json!({
        "slot": "2026-12-24T03:00:00Z", "cause": "Request", "outcome": "Completed", "olderThan": "7d", "duration": "12s",
        "bytesAfter": 9, "keptBecause": [{"reason": "younger than 7d", "objects": 2, "bytes": 9}],
    });
    let backup = json!({"slot": "2026-12-24T04:00:00Z", "outcome": "Completed", "items": 9, "bytes": 4_096});
    harness.put_policy(policy("films", &json!({"runs": [run], "backup": backup})));
    let (_, document) = documented(&harness.state);
    let mut seen = 0;
    for (method, path, operation) in operations(&document) {
        let answer = harness.ask(&method, &filled(&path), ROOT, &[]).await;
        let media = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        if media.ends_with("json") && method != "HEAD" {
            let status = answer.status.as_u16().to_string();
            let schema = &operation["responses"][&status]["content"][&media]["schema"];
            assert_eq!(faults(&document, schema, &answer.json()), [""; 0], "{method} {path}");
            seen += 1;
        }
    }
    assert!(seen > 10);
}

/// What a dry run answers of a backup of a Channel.
async fn restored(harness: &Harness) -> Value {
    let now = "2026-12-24T18:00:00Z".parse().unwrap();
    let mut document = Document::begin(now, None);
    let channel = json!({"metadata": {"name": "sea", "namespace": "films"}, "spec": {}});
    document.add(Kind::Channel, serde_json::from_value(channel).unwrap());
    let text = String::from_utf8(document.end().text).unwrap();
    let options = Options { dry_run: true, partial: false, manager: "test".to_owned(), now };
    let client = harness.state.clients.of_token(ROOT).unwrap();
    let answer = restore(&client, &Backup::read(&text).unwrap(), &options, None).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

#[tokio::test]
async fn results_are_what_the_document_says() {
    let harness = Harness::new().await;
    harness.know(job("films", "ocean", &json!({"phase": "Running"})));
    *harness.cluster.policies.lock() = vec![policy("films", &json!({}))];
    let (_, document) = documented(&harness.state);
    let restart = json!({"action": "restart", "filter": {"namespace": "films"}}).to_string();
    let mut all = vec![("/restore", "200", "restore", restored(&harness).await)];
    for (path, status, action, body) in [
        ("/jobs/actions", "200", "restart", restart.as_str()),
        ("/jobs/force-stop-all", "200", "suspend", "{}"),
        ("/storage/cleanup", "202", "cleanup", "{}"),
    ] {
        let answer = harness.send("POST", &format!("{path}?dry_run=true"), ROOT, &[], body).await;
        assert_eq!(answer.status.as_str(), status, "{path}: {answer:?}");
        all.push((path, status, action, answer.json()));
    }
    for (path, status, action, reported) in all {
        let schema =
            &document["paths"][path]["post"]["responses"][status]["content"]["application/json"]["schema"];
        assert_eq!(faults(&document, schema, &reported), [""; 0], "{path}: {reported}");
        assert_eq!((&reported["action"], &reported["dryRun"]), (&json!(action), &json!(true)), "{path}");
        let counts = reported["counts"].as_object().unwrap().values().filter_map(Value::as_u64);
        assert_eq!(
            (counts.sum::<u64>(), reported["items"].as_array().unwrap().len()),
            (1, 1),
            "{path}: {reported}"
        );
    }
}

#[tokio::test]
async fn the_page_needs_nothing_but_itself() {
    let harness = Harness::new().await;
    let page = harness.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    for outside in ["<script", "<link", "<img", "src=", "style=\"", "onclick", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("<style>").count(), 1);
    let (_, document) = documented(&harness.state);
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{method} {path}");
    }
    assert!(html.contains("http://localhost:8000/jobs/demo/ocean-facts/retry"), "{html}");
    assert!(!html.contains("{namespace}/artifacts</pre>"));
    // Every link within the page leads somewhere.
    for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
    }
}
