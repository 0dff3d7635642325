//! What is asked of jobs, one and many, and answers that are lost on the way.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::testing::{Answer, FILMS, Harness, Patching, ROOT, job, merge};

const HOLD: &str = "videofactory.dev/hold";
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESTART: &str = "videofactory.dev/restart-requested-at";

/// With a job at the API server, in its second run.
async fn harness() -> Harness {
    let harness = Harness::new().await;
    let mut ocean = job("films", "ocean", &json!({"phase": "Running", "run": 2}));
    ocean["metadata"]["resourceVersion"] = json!("7");
    harness.know(ocean);
    harness
}

async fn act(harness: &Harness, action: &str, becomes: Patching) -> Answer {
    harness.cluster.patches.lock().push_back(becomes);
    harness.send("POST", &format!("/jobs/films/ocean/{action}"), FILMS, &[], "{}").await
}

fn annotation(harness: &Harness, name: &str) -> Value {
    harness.known("films", "ocean")["metadata"]["annotations"][name].clone()
}

#[tokio::test]
async fn a_restart_that_was_made_counts_also_where_its_answer_is_lost() {
    let harness = harness().await;
    let answer = act(&harness, "restart", Patching::AnswerLost).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (StatusCode::ACCEPTED, &json!("requested")));
    assert!(annotation(&harness, RESTART).is_string());
}

#[tokio::test]
async fn who_does_not_know_whether_a_restart_was_made_is_advised_to_look_and_not_to_try_again() {
    let harness = harness().await;
    let answer = act(&harness, "restart", Patching::Fails).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "");
    let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("look whether run 3 of films/ocean has begun before you ask again"), "{hint}");
    let held = act(&harness, "suspend", Patching::Fails).await;
    assert!(
        held.status.is_server_error() && held.json()["hint"].is_null(),
        "it can be asked again: {held:?}"
    );
}

#[tokio::test]
async fn of_many_each_restart_that_may_have_been_made_says_where_to_look() {
    for (becomes, outcome) in [(Patching::AnswerLost, "requested"), (Patching::Fails, "failed")] {
        let harness = harness().await;
        harness.cluster.patches.lock().push_back(becomes);
        let wish = json!({"action": "restart", "filter": {"namespace": "films"}}).to_string();
        let answer = harness.send("POST", "/jobs/actions", FILMS, &[], &wish).await;
        let item = &answer.json()["items"][0];
        assert_eq!((&item["id"], &item["outcome"]), (&json!("films/ocean"), &json!(outcome)), "{answer:?}");
        let detail = item["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("run 3 of films/ocean"), outcome == "failed", "{detail}");
    }
}

/// Holds `films/ocean` for this reason, in another version.
fn hold(harness: &Harness, reason: &str, version: &str) {
    let mut ocean = harness.known("films", "ocean");
    let hold = json!({"resourceVersion": version, "annotations": {HOLD: reason}});
    merge(&mut ocean, &json!({"metadata": hold}));
    harness.know(ocean);
}

async fn resume_the_bill(harness: &Harness) -> Answer {
    harness.send("POST", "/jobs/films/ocean/resume", FILMS, &[], r#"{"reason": "the bill"}"#).await
}

#[tokio::test]
async fn a_resume_for_a_reason_leaves_a_hold_for_another_one_that_came_meanwhile() {
    let harness = harness().await;
    hold(&harness, "the bill", "8");
    let met = Arc::new(Barrier::new(2));
    harness.cluster.patches.lock().push_back(Patching::Waits(met.clone()));
    let other = async {
        met.wait().await;
        hold(&harness, "do not publish: rights", "9");
        met.wait().await;
    };
    let (answer, ()) = tokio::join!(resume_the_bill(&harness), other);
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("another reason"), "{answer:?}");
    assert_eq!(annotation(&harness, HOLD), "do not publish: rights");
}

#[tokio::test]
async fn a_resume_for_a_reason_says_if_the_job_stays_suspended() {
    let harness = harness().await;
    hold(&harness, "the bill", "8");
    let mut ocean = harness.known("films", "ocean");
    ocean["spec"]["suspend"] = json!(true);
    harness.know(ocean);
    let answer = resume_the_bill(&harness).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (StatusCode::ACCEPTED, &json!("requested")));
    assert!(answer.json()["detail"].as_str().unwrap().contains("spec.suspend"), "{answer:?}");
    assert_eq!(annotation(&harness, HOLD), Value::Null);
    assert_eq!(harness.known("films", "ocean")["spec"]["suspend"], true, "it was suspended for itself");
}

/// With jobs that wait, and one at work whose name is the last.
async fn many() -> Harness {
    let harness = Harness::new().await;
    for number in 0..40 {
        harness.know(job("films", &format!("film-{number:02}"), &json!({"phase": "Pending"})));
    }
    let step = json!({"name": "animate-scenes", "state": "Running"});
    harness.know(job("films", "zebra", &json!({"phase": "Running", "steps": [step]})));
    harness
}

fn held(harness: &Harness, name: &str) -> Value {
    harness.known("films", name)["metadata"]["annotations"][HOLD].clone()
}

#[tokio::test]
async fn a_stop_of_all_begins_with_what_is_at_work_and_does_not_end_with_its_caller() {
    let harness = many().await;
    let patched = Arc::new(Barrier::new(2));
    harness.cluster.patches.lock().extend([Patching::Works, Patching::Waits(patched.clone())]);
    tokio::select! {
        answer = harness.ask("POST", "/jobs/force-stop-all?namespace=films", FILMS, &[]) => panic!("{answer:?}"),
        _ = patched.wait() => {}
    }
    patched.wait().await;
    harness.state.tasks.ended().await;
    let left = (0..40).filter(|number| held(&harness, &format!("film-{number:02}")).is_null()).count();
    assert_eq!(left, 0, "it continues without its caller");
    assert_eq!(held(&harness, "zebra"), "stop-all");

    let harness = many().await;
    let answer = harness.ask("POST", "/jobs/force-stop-all", ROOT, &[]).await;
    assert_eq!(
        (&answer.json()["items"][0]["id"], &answer.json()["counts"]["requested"]),
        (&json!("films/zebra"), &json!(41))
    );
}

#[tokio::test]
async fn a_stop_of_all_leaves_the_reason_of_a_hold_that_came_meanwhile_and_stops_what_has_begun_meanwhile() {
    for (meanwhile, outcome, reason) in [
        (json!({"metadata": {"annotations": {HOLD: "wrong script"}}}), "unchanged", "wrong script"),
        (json!({"status": {"phase": "Review"}}), "requested", "stop-all"),
    ] {
        let harness = harness().await;
        let met = Arc::new(Barrier::new(2));
        harness.cluster.patches.lock().push_back(Patching::Waits(met.clone()));
        let other = async {
            met.wait().await;
            let mut ocean = harness.known("films", "ocean");
            merge(&mut ocean, &meanwhile);
            ocean["metadata"]["resourceVersion"] = json!("8");
            harness.know(ocean);
            met.wait().await;
        };
        let stop = harness.ask("POST", "/jobs/force-stop-all?namespace=films", FILMS, &[]);
        let (answer, ()) = tokio::join!(stop, other);
        assert_eq!(answer.json()["items"][0]["outcome"], outcome, "{answer:?}");
        assert_eq!(annotation(&harness, HOLD), reason);
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let harness = harness().await;
    let suspend = "/jobs/films/ocean/suspend";
    for headers in [
        vec![(SITE, "cross-site")],
        vec![(SITE, "same-site")],
        vec![(ORIGIN, "https://evil.example"), (HOST, "films.example")],
        vec![(ORIGIN, "null"), (HOST, "films.example")],
    ] {
        // What an authenticating proxy adds to it, is there.
        let answer = harness.ask("POST", suspend, FILMS, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert!(harness.cluster.changed.lock().is_empty());
    let own = harness.ask("POST", suspend, FILMS, &[(SITE, "same-origin")]).await;
    assert_eq!(own.status, StatusCode::ACCEPTED, "{own:?}");
}
