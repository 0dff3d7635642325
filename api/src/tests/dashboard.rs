//! The dashboard's pages: who sees what, what stands in them, and that no text becomes mark-up.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::contract::{Progress, VERSION};

use crate::testing::{Answer, DIGEST, FILMS, Harness, ROOT, UID, account, job, made, policy};

/// Every page, of a world with the job `films/ocean`.
pub const PAGES: [&str; 11] = [
    "/dashboard",
    "/dashboard?phase=Failed&text=x",
    "/dashboard/jobs/films/ocean",
    "/dashboard/jobs/films/ocean/events",
    "/dashboard/jobs/films/ocean/logs",
    "/dashboard/jobs/films/ocean/yaml",
    "/dashboard/jobs/films/ocean/scenes/s1",
    "/dashboard/new",
    "/dashboard/storage",
    "/dashboard/accounts",
    "/dashboard/health",
];

/// The text of a page.
pub fn html(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// With a film and an account.
pub async fn harness() -> Harness {
    let mut harness = Harness::new().await;
    let mut ocean = made();
    ocean["spec"]["scenes"] =
        json!([{"id": "s1", "narration": "Down there."}, {"id": "s2", "imagePrompt": "a whale"}]);
    harness.put(ocean);
    harness.put_account(account("films"));
    harness
}

#[tokio::test]
async fn every_page_is_whole_and_loads_nothing_from_elsewhere() {
    let harness = harness().await;
    for path in PAGES {
        let page = harness.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", html(&page));
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        for part in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{path}: {policy}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin", "{path}");
        let text = html(&page);
        assert!(text.starts_with("<!doctype html>") && text.trim_end().ends_with("</html>"), "{path}");
        for inline in ["style=\"", "onclick", "onerror", "javascript:", "<style"] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
        for (place, _) in text.match_indices("src=\"") {
            assert_eq!(&text[place + 5..=place + 5], "/", "{path} loads something from elsewhere");
        }
        assert_eq!(text.matches("<h1").count(), 1, "{path} has one heading");
        assert!(text.contains("<html lang=\"en\">") && text.contains("id=\"main\""), "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_by_browsers_under_an_address_with_their_version() {
    let harness = harness().await;
    let page = html(&harness.get("/dashboard").await);
    for (name, media) in [
        ("dashboard.css", "text/css; charset=utf-8"),
        ("api.js", "text/javascript; charset=utf-8"),
        ("dashboard.js", "text/javascript; charset=utf-8"),
    ] {
        let begin = page.find(&format!("/dashboard/assets/{name}?version=")).expect(name);
        let address = page[begin..].split('"').next().unwrap();
        let asset = harness.get(address).await;
        assert_eq!((asset.status, asset.header("content-type")), (StatusCode::OK, media));
        assert!(asset.header("cache-control").contains("immutable"));
    }
    assert_eq!(harness.get("/dashboard/assets/other.js").await.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.get("/").await.header("location"), "/dashboard");
}

#[tokio::test]
async fn a_stranger_learns_how_to_log_in_and_nothing_else() {
    let harness = harness().await;
    for path in PAGES.into_iter().chain(["/", "/dashboard/nowhere"]) {
        let page = harness.ask("GET", path, "", &[]).await;
        assert_eq!(
            (page.status, page.header("www-authenticate")),
            (StatusCode::UNAUTHORIZED, "Bearer"),
            "{path}"
        );
        let text = html(&page);
        assert!(text.contains("kubectl videofactory dashboard") && !text.contains("ocean"), "{path}");
        assert!(
            !text.contains("<script") && !text.contains("<link"),
            "what is beside the page, a stranger does not get"
        );
        let policy = page.header("content-security-policy");
        assert!(policy.contains("style-src 'sha256-") && !policy.contains("script-src"), "{policy}");
    }
    let stream = harness.ask("GET", "/dashboard/stream?of=jobs", "", &[]).await;
    assert_eq!(stream.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn what_is_there_and_cannot_be_read_is_shown_with_the_reason() {
    let mut harness = harness().await;
    let spoilt = |mut object: Value| {
        object["spec"] = json!("nothing");
        object
    };
    harness.put_policy(spoilt(policy("films", &json!({}))));
    harness.put_account(spoilt(account("films")));
    for (path, id, none) in [
        ("/dashboard/storage", "films/default", "There is no StoragePolicy"),
        ("/dashboard/accounts", "films/grok", "There is no ProviderAccount"),
    ] {
        let page = html(&harness.ask("GET", path, FILMS, &[]).await);
        assert!(page.contains(id) && page.contains("The operator cannot read it"), "{path}: {page}");
        assert!(!page.contains(none), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_page_that_somebody_may_not_see_says_what_to_ask_for() {
    let mut harness = harness().await;
    harness.put(job("news", "secret", &json!({})));
    for path in [
        "/dashboard/jobs/news/secret",
        "/dashboard/jobs/news/nothing",
        "/dashboard?namespace=news",
        "/dashboard/health",
    ] {
        let page = harness.ask("GET", path, FILMS, &[]).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (StatusCode::FORBIDDEN, "text/html; charset=utf-8"),
            "{path}"
        );
        let text = html(&page);
        assert!(text.contains("you may not") && text.contains("ask for a"), "{path}: {text}");
    }
    let own = html(&harness.ask("GET", "/dashboard", FILMS, &[]).await);
    assert!(own.contains("/dashboard/jobs/films/ocean") && !own.contains("secret"), "{own}");
    let fragment = harness.ask("GET", "/dashboard/jobs/news/secret?fragment=job", FILMS, &[]).await;
    assert_eq!(fragment.header("content-type"), "application/problem+json", "the script reads it");
    let wrong = harness.get("/dashboard?phase=Dancing").await;
    assert_eq!(
        (wrong.status, wrong.header("content-type")),
        (StatusCode::BAD_REQUEST, "text/html; charset=utf-8")
    );
    assert_eq!(harness.get("/dashboard/jobs/films/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_can_be_shared_by_its_address_and_hides_nothing() {
    let mut harness = Harness::new().await;
    for number in 0..60 {
        let phase = if number % 2 == 0 { "Failed" } else { "Running" };
        harness.put(job("films", &format!("film-{number:02}"), &json!({"phase": phase})));
    }
    let page = html(&harness.get("/dashboard?phase=Failed&sort=name").await);
    assert!(page.contains("1–25 of 30 jobs") && page.contains("phase: Failed"), "{page}");
    assert!(
        page.contains("href=\"/dashboard?phase=Failed&#38;sort=name&#38;page=2\"")
            || page.contains("phase=Failed&amp;sort=name&amp;page=2"),
        "{page}"
    );
    assert!(page.contains("film-00") && !page.contains("film-01"), "{page}");
    let next = html(&harness.get("/dashboard?phase=Failed&sort=name&page=2").await);
    assert!(next.contains("26–30 of 30 jobs") && next.contains("film-58"), "{next}");
    let all = html(&harness.get("/dashboard").await);
    assert!(all.contains("of 60 jobs") && !all.contains("class=\"chips\""), "nothing is filtered by default");
    let fragment = html(&harness.get("/dashboard?phase=Failed&fragment=jobs").await);
    assert!(fragment.contains("<table") && !fragment.contains("<html"), "{fragment}");
}

#[tokio::test]
async fn a_scene_that_waits_for_a_person_is_shown_with_what_the_rest_costs_and_how_to_have_it() {
    let mut harness = harness().await;
    let mut ocean = made();
    ocean["spec"]["scenes"] =
        json!([{"id": "s1", "narration": "Down there."}, {"id": "s2", "narration": "Up here."}]);
    ocean["spec"]["preview"] = json!({"scene": "s2"});
    ocean["spec"]["providers"] = json!({"animation": {"accountRef": {"name": "grok"}}});
    ocean["status"]["artifacts"] = Value::Null;
    ocean["status"]["phase"] = json!("Review");
    ocean["status"]["preview"] = json!({"result": "narrate-scenes@0a"});
    ocean["status"]["steps"] =
        json!([{"name": "write-script", "state": "Succeeded", "scenes": {"total": 2}}]);
    harness.put(ocean);
    let page = html(&harness.get("/dashboard/jobs/films/ocean").await);
    for shown in [
        "Preview: one scene, before the others are made",
        "2. s2",
        "<figcaption class=\"bottom\">Up here.</figcaption>",
        "It takes 2 units of the quota generations of grok: 0 are left",
        "Approve and make the other scenes",
        "data-path=\"/jobs/films/ocean/approve\"",
        "curl -X POST localhost:8000/jobs/films/ocean/approve",
        "kubectl videofactory approve ocean -n films",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert_eq!(page.matches("Approve and make the other scenes").count(), 1, "it is asked once");
    harness.cluster.forbidden.lock().push(("list".to_owned(), "provideraccounts".to_owned()));
    let page = html(&harness.ask("GET", "/dashboard/jobs/films/ocean", FILMS, &[]).await);
    assert!(page.contains("The rest costs about $") && !page.contains("of the quota"), "{page}");
}

#[tokio::test]
async fn what_the_rest_costs_is_not_known_without_its_account() {
    let mut harness = harness().await;
    let mut ocean = made();
    ocean["spec"]["preview"] = json!({});
    ocean["spec"]["providers"] = json!({"animation": {"accountRef": {"name": "gone"}}});
    ocean["status"]["phase"] = json!("Review");
    ocean["status"]["preview"] = json!({"result": "narrate-scenes@0a"});
    ocean["status"]["steps"] =
        json!([{"name": "write-script", "state": "Succeeded", "scenes": {"total": 2}}]);
    harness.put(ocean.clone());
    let mut unreadable = account("films");
    unreadable["metadata"]["name"] = json!("odd");
    unreadable["spec"]["provider"] = json!("Tomorrow");
    harness.put_account(unreadable);
    for (account, why) in
        [("gone", "does not exist in this namespace"), ("odd", "this version of the operator cannot read")]
    {
        ocean["spec"]["providers"]["animation"]["accountRef"]["name"] = json!(account);
        harness.put(ocean.clone());
        let page = html(&harness.get("/dashboard/jobs/films/ocean").await);
        assert!(
            page.contains("What the rest costs is not known:") && page.contains(why),
            "{account}: {page}"
        );
    }
}

#[tokio::test]
async fn a_job_that_waits_says_why_until_when_and_who_is_ahead() {
    let mut harness = Harness::new().await;
    let ready = json!([{"type": "Ready", "status": "Unknown", "reason": "AwaitingQuota", "message": "grok has no unit left",
                        "lastTransitionTime": "2026-12-24T18:00:00Z"}]);
    let step = json!({"name": "animate-scenes", "state": "Waiting", "reason": "AwaitingQuota", "demands": [{"account": "grok"}]});
    let status =
        json!({"phase": "Waiting", "resumeAt": "2026-12-24T20:00:00Z", "conditions": ready, "steps": [step]});
    harness.put(job("films", "ocean", &status));
    let mut grok = account("films");
    grok["status"]["waiters"] = json!([{"name": "tides"}, {"name": "ocean"}]);
    harness.put_account(grok);
    for path in ["/dashboard", "/dashboard/jobs/films/ocean"] {
        let page = html(&harness.get(path).await);
        for reported in ["grok has no unit left", "2nd in line for grok, after tides", "2026-12-24T20:00:00Z"]
        {
            assert!(page.contains(reported), "{path} does not say {reported}: {page}");
        }
    }
}

#[tokio::test]
async fn a_page_learns_that_it_has_changed_and_begins_by_being_fetched_again() {
    let mut harness = harness().await;
    let mut of_job = harness.follow("/dashboard/stream?of=job&namespace=films&name=ocean", FILMS).await;
    let mut of_list = harness.follow("/dashboard/stream?of=jobs", ROOT).await;
    for stream in [&mut of_job, &mut of_list] {
        assert!(stream.piece().await.unwrap().contains("event: resync"));
    }
    harness.put(job("films", "other", &Value::Null));
    assert_eq!(of_list.piece().await.unwrap(), "event: changed\ndata: jobs");
    harness.say(StepName::AssembleVideo, Progress::default());
    assert_eq!(of_job.piece().await.unwrap(), "event: changed\ndata: job");
    for query in ["", "of=film", "of=job&namespace=films", "of=jobs&name=x", "of=jobs&namespace=A"] {
        let refused = harness.get(&format!("/dashboard/stream?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let denied = harness.ask("GET", "/dashboard/stream?of=jobs&namespace=news", FILMS, &[]).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_list_of_all_namespaces_follows_those_in_which_its_reader_may_list() {
    let mut harness = harness().await;
    let mut stream = harness.follow("/dashboard/stream?of=jobs", FILMS).await;
    assert!(stream.piece().await.unwrap().contains("event: resync"));
    harness.put(job("news", "secret", &Value::Null));
    let silence = tokio::time::timeout(Duration::from_secs(1), stream.piece()).await;
    assert!(silence.is_err(), "it hears of another namespace: {silence:?}");
    harness.put(job("films", "other", &Value::Null));
    assert_eq!(stream.piece().await.unwrap(), "event: changed\ndata: jobs");
}

#[tokio::test]
async fn what_a_worker_reports_is_on_the_page() {
    let mut harness = Harness::new().await;
    let mut running = job(
        "films",
        "ocean",
        &json!({"phase": "Running", "run": 1, "steps": [{"name": "animate-scenes", "state": "Running", "attempt": 1}]}),
    );
    running["metadata"]["uid"] = json!(UID);
    harness.put(running);
    let said = Progress { message: "scene 3 of 4".to_owned(), fraction: 0.5, ..Progress::default() };
    harness.say(StepName::AnimateScenes, said);
    let page = html(&harness.get("/dashboard/jobs/films/ocean?fragment=job").await);
    assert!(page.contains("scene 3 of 4") && page.contains("value=\"50\""), "{page}");
}

/// Leaves the outcome of the first attempt of the step that made the film of [`made`].
pub fn leave_an_outcome(harness: &Harness, message: &str) {
    let outcome = json!({"version": VERSION, "step": "assemble-video", "attempt": 1, "input": DIGEST,
                         "exit": "Storage", "message": message});
    let key = "work/films/ocean-3f9c2a1e/r1/outcomes/assemble-video-1.json";
    harness.files.put(key, outcome.to_string());
}

#[tokio::test]
async fn an_earlier_attempt_says_when_it_ended_and_why() {
    let harness = harness().await;
    leave_an_outcome(&harness, "the bucket did not answer");
    for _ in 0..2 {
        let page = html(&harness.get("/dashboard/jobs/films/ocean").await);
        assert!(page.contains("attempt 1: in line 19 min 59 s, worked 1 s; bucket out of reach"), "{page}");
        assert!(page.contains("the bucket did not answer"), "{page}");
        // What has been read once is kept.
        harness.files.remove_all();
    }
}

#[tokio::test]
async fn the_time_of_a_step_can_be_shown_alone_by_a_link() {
    let mut harness = Harness::new().await;
    let mut ocean = made();
    ocean["status"]["steps"] = json!([{"name": "assemble-video", "state": "Succeeded", "attempt": 1, "cost": "0.02",
        "startedAt": "2026-12-24T18:30:00Z", "finishedAt": "2026-12-24T18:40:00Z"}]);
    harness.put(ocean);
    let page = html(&harness.get("/dashboard/jobs/films/ocean").await);
    assert!(page.contains("href=\"/dashboard/jobs/films/ocean?zoom=assemble-video#run\""), "{page}");
    let zoomed = html(&harness.get("/dashboard/jobs/films/ocean?zoom=assemble-video").await);
    assert!(
        zoomed.contains("The time of the step Film alone.") && zoomed.contains("Show the whole run"),
        "{zoomed}"
    );
    let wrong = harness.get("/dashboard/jobs/films/ocean?zoom=nothing").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
