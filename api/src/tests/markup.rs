//! No text that people or services have written becomes mark-up on a page.

use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_pipeline::contract::Progress;

use super::dashboard::{PAGES, html, leave_an_outcome};
use crate::testing::{Harness, UID, account, made, policy};

/// Texts that would be mark-up, a script, or an address of one, if they were not written as text. The test of the dashboard in
/// a browser has the same.
const PAYLOADS: &str = include_str!("../testing/payloads.txt");
/// One that cannot stand in a file.
const CONTROL: &str = "\u{202e}<script>\u{0}alert(1)";

/// A world in which all that people and services write is this text.
async fn world_of(text: &str) -> Harness {
    let mut harness = Harness::new().await;
    let condition = json!([{"type": "Ready", "status": "False", "reason": "ContentRefused", "message": text, "lastTransitionTime": "2026-12-24T18:00:00Z"},
                           {"type": "Stalled", "status": "True", "reason": "ContentRefused", "message": text, "lastTransitionTime": "2026-12-24T18:00:00Z"}]);
    let mut ocean = made();
    ocean["metadata"]["annotations"] = json!({"videofactory.dev/hold": text});
    ocean["spec"]["topic"] = json!(text);
    ocean["spec"]["scenes"] =
        json!([{"id": "s1", "narration": text, "imagePrompt": text, "motionPrompt": text}]);
    ocean["spec"]["sceneOverrides"] = json!([{"id": "s1", "narration": text}]);
    ocean["status"]["phase"] = json!("Waiting");
    ocean["status"]["preview"] = json!({"result": text});
    ocean["status"]["conditions"] = condition.clone();
    ocean["status"]["steps"][0]["message"] = json!(text);
    ocean["status"]["steps"][0]["model"] = json!(text);
    ocean["status"]["publications"] = json!([{"target": text, "state": "Refused", "url": text}]);
    harness.put(ocean);
    leave_an_outcome(&harness, text);
    harness.say(StepName::AssembleVideo, Progress { message: text.to_owned(), ..Progress::default() });
    let mut grok = account("films");
    grok["status"]["conditions"] = condition.clone();
    grok["status"]["health"] = json!({"healthy": false, "message": text});
    harness.put_account(grok);
    let run = json!({"slot": "2026-12-24T03:00:00Z", "message": text, "shortfall": text, "keptBecause": [{"reason": text, "objects": 1, "bytes": 1}]});
    harness.put_policy(policy("films", &json!({"conditions": condition, "runs": [run]})));
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": text, "message": text, "type": "Warning",
                       "involvedObject": {"kind": "VideoJob", "name": "ocean", "uid": UID}});
    harness.cluster.events.lock().push(event);
    harness
}

/// What a page has of tags, attributes and comments: everything that is no text.
fn marks(page: &str) -> Vec<String> {
    let mut marks = Vec::new();
    let mut rest = page;
    while let Some(begin) = rest.find('<') {
        let mut quote = None;
        let end = rest[begin..].char_indices().find(|(_, letter)| {
            match (quote, letter) {
                (None, '"') => quote = Some('"'),
                (Some('"'), '"') => quote = None,
                (None, '>') => return true,
                _ => {}
            }
            false
        });
        let Some((length, _)) = end else { break };
        let tag = &rest[begin..=begin + length];
        // Without what stands in quotes.
        let names: String = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"");
        marks.push(names);
        rest = &rest[begin + length + 1..];
    }
    marks
}

/// Where a page leads and what it loads, as it stands in its attributes.
fn addresses(page: &str) -> Vec<&str> {
    let attributes = ["href=\"", "src=\"", "poster=\"", "action=\""];
    let begins =
        attributes.iter().flat_map(|name| page.match_indices(name).map(|(at, name)| at + name.len()));
    begins.filter_map(|begin| page[begin..].split('"').next()).collect()
}

/// Whether a browser stays on this server, or goes to a page of the web.
fn is_harmless(address: &str) -> bool {
    let is_own = address.starts_with('/') && !address.starts_with("//");
    is_own || address.starts_with('#') || address.starts_with("https://") || address.starts_with("http://")
}

async fn all_marks(harness: &Harness) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for path in PAGES {
        let page = harness.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", html(&page));
        let page = html(&page);
        let harmful: Vec<&str> =
            addresses(&page).into_iter().filter(|address| !is_harmless(address)).collect();
        assert!(harmful.is_empty(), "{path} leads to {harmful:?}");
        all.push((path, marks(&page)));
    }
    all
}

#[tokio::test]
async fn no_text_becomes_mark_up() {
    // A publication's page is a link where it is one of the web, and text else.
    let plain =
        [all_marks(&world_of("a text").await).await, all_marks(&world_of("https://a.example").await).await];
    for payload in PAYLOADS.lines().chain([CONTROL]) {
        let plain = &plain[usize::from(payload.starts_with("https://"))];
        let reported = all_marks(&world_of(payload).await).await;
        for ((path, expected), (_, found)) in plain.iter().zip(&reported) {
            assert_eq!(expected, found, "{payload:?} changes what {path} consists of");
        }
    }
}

#[test]
fn whatever_the_text_a_page_consists_of_the_same() {
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plain = runtime.block_on(async { all_marks(&world_of("a text").await).await });
    // A text of at least one letter, of all that can end a text, an attribute or a tag.
    let text = "[a-z][<>\"'&`=/ !a-z\\-\\[\\]{}%;:#(){}]{1,40}";
    runner
        .run(&text, |text| {
            let reported = runtime.block_on(async { all_marks(&world_of(&text).await).await });
            prop_assert_eq!(&plain, &reported);
            Ok(())
        })
        .unwrap();
}
