//! No text that people or services have written becomes mark-up on a page.

use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::dashboard::{PAGES, html, leave_an_outcome};
use crate::testing::{Harness, UID, account, made, policy};

/// Texts that would be mark-up, or a script, if they were not written as text.
const PAYLOADS: [&str; 31] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "` onload=alert(1) `",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre><iframe src=javascript:alert(1)>",
    "<!--<script>alert(1)</script>-->",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example><input name=x>",
    "<object data=//evil.example>",
    "<embed src=//evil.example>",
    "<math><mtext></mtext><mglyph><svg><mtext></mtext>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u{202e}<script>\u{0}alert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "<scr\u{131}pt>alert(1)</scr\u{131}pt>",
];

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

async fn all_marks(harness: &Harness) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for path in PAGES {
        let page = harness.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", html(&page));
        all.push((path, marks(&html(&page))));
    }
    all
}

#[tokio::test]
async fn no_text_becomes_mark_up() {
    let plain = all_marks(&world_of("a text").await).await;
    for payload in PAYLOADS {
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
