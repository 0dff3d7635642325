//! Scenes: what is shown of them, their files, and edits.

use axum::http::StatusCode;
use axum::http::header::RANGE;
use serde_json::{Value, json};
use videofactory_client::JobRef;
use videofactory_crds::{StepName, VideoJob};
use videofactory_pipeline::Digest;
use videofactory_pipeline::inputs::{clip_digest, image_digest};
use videofactory_pipeline::storyboard::Scene;

use super::dashboard::{harness as filmed, html};
use crate::reads::storyboard::{keys_of, settings_of};
use crate::testing::{Answer, DIGEST, FILMS, Harness, ROOT, job, made};

#[tokio::test]
async fn scenes_are_shown_with_what_was_made_of_them() {
    let harness = filmed().await;
    let listed = harness.ask("GET", "/jobs/films/ocean/scenes", FILMS, &[]).await.json();
    assert_eq!(
        (&listed["items"][0]["id"], &listed["items"][0]["image"]["state"]),
        (&json!("s1"), &json!("pending"))
    );
    let mut harness = filmed().await;
    let mut ocean = made();
    ocean["status"]["steps"] = json!([
        {"name": "write-script", "state": "Succeeded", "attempt": 1, "inputDigest": DIGEST},
        {"name": "generate-images", "state": "Succeeded", "attempt": 1, "inputDigest": DIGEST},
    ]);
    harness.put(ocean);
    let work = "work/films/ocean-3f9c2a1e/r1/documents";
    let storyboard = json!({"title": "The deep", "scenes": [{"id": "s1", "narration": "Down there."}]});
    harness.files.put(&format!("{work}/write-script/{DIGEST}.json"), storyboard.to_string());
    let key = format!("clips/films/ocean-3f9c2a1e/r1/images/{DIGEST}.png");
    let images = json!({"scenes": [{"id": "s1", "digest": DIGEST, "key": key}]});
    harness.files.put(&format!("{work}/generate-images/{DIGEST}.json"), images.to_string());
    harness.files.put(&key, "a picture");
    let listed = harness.get("/jobs/films/ocean/scenes").await.json();
    assert_eq!(
        (&listed["title"], &listed["items"][0]["image"]["url"]),
        (&json!("The deep"), &json!("/jobs/films/ocean/scenes/s1/image"))
    );
    let picture = harness.get("/jobs/films/ocean/scenes/s1/image").await;
    assert_eq!((picture.header("content-type"), &picture.body[..]), ("image/png", &b"a picture"[..]));
    for path in ["s1/voice", "s1/clip", "s9/image", "s1/poster", "s1/image?take=7"] {
        let missing = harness.get(&format!("/jobs/films/ocean/scenes/{path}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(harness.get("/jobs/films/ocean/scenes/s1/image?take=0").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(harness.ask("GET", "/jobs/news/ocean/scenes", FILMS, &[]).await.status, StatusCode::FORBIDDEN);
    let page = html(&harness.get("/dashboard/jobs/films/ocean").await);
    assert!(
        page.contains("src=\"/jobs/films/ocean/scenes/s1/image\"") && page.contains("Down there."),
        "{page}"
    );
}

#[tokio::test]
async fn what_was_paid_for_a_picture_stands_beside_it() {
    let mut harness = filmed().await;
    let mut ocean = made();
    ocean["spec"]["scenes"] = json!([{"id": "s1"}]);
    ocean["status"]["steps"] = json!([{"name": "generate-images", "state": "Succeeded", "attempt": 1, "inputDigest": DIGEST, "cost": "0.07"}]);
    harness.put(ocean.clone());
    let job: VideoJob = serde_json::from_value(ocean).unwrap();
    let keys = keys_of(&JobRef::of(&job), &job).unwrap();
    let (step, digest) = (StepName::GenerateImages, Digest::from_hex(DIGEST).unwrap());
    let images = json!({"scenes": [{"id": "s1", "digest": DIGEST, "key": "clips/a"}]});
    harness.files.put(&keys.document(step, &digest), images.to_string());
    // Of the first one nobody knows what became.
    let lost =
        json!({"attempt": 1, "pod": "p", "account": "grok", "at": "2026-12-24T18:00:00Z", "cost": "0.01"});
    harness.files.put(&keys.slot(step, &digest, 1), lost.to_string());
    for (number, how, cost) in [(2, "Failed", "0.02"), (3, "Delivered", "0.04")] {
        let end = json!({"end": how, "at": "2026-12-24T18:00:00Z", "cost": cost});
        harness.files.put(&keys.slot_end(step, &digest, number), end.to_string());
    }
    for path in ["/dashboard/jobs/films/ocean", "/dashboard/jobs/films/ocean/scenes/s1"] {
        let page = html(&harness.get(path).await);
        assert!(page.contains("picture $0.07"), "{path}: {page}");
        // What has been read once is kept.
        harness.files.remove_all();
    }
}

#[tokio::test]
async fn a_picture_of_another_job_is_shown_to_nobody() {
    let mut harness = filmed().await;
    let mut ocean = made();
    ocean["spec"]["scenes"] = json!([{"id": "s1"}]);
    ocean["status"]["steps"] =
        json!([{"name": "generate-images", "state": "Succeeded", "attempt": 1, "inputDigest": DIGEST}]);
    harness.put(ocean);
    let key = format!("clips/news/secret-3f9c2a1e/r1/images/{DIGEST}.png");
    let images = json!({"scenes": [{"id": "s1", "digest": DIGEST, "key": key}]});
    harness.files.put(
        &format!("work/films/ocean-3f9c2a1e/r1/documents/generate-images/{DIGEST}.json"),
        images.to_string(),
    );
    harness.files.put(&key, "a secret");
    assert_eq!(harness.get("/jobs/films/ocean/scenes/s1/image").await.status, StatusCode::NOT_FOUND);
}

/// With a job at the API server that differs from its storyboard.
async fn editable() -> Harness {
    let harness = Harness::new().await;
    let mut ocean = job("films", "ocean", &json!({"phase": "Running", "run": 1}));
    ocean["metadata"]["resourceVersion"] = json!("7");
    ocean["spec"]["sceneOverrides"] = json!([{"id": "s1", "narration": "One."}]);
    harness.know(ocean);
    harness
}

async fn edit(harness: &Harness, query: &str, body: &Value) -> Answer {
    harness.send("PUT", &format!("/jobs/films/ocean/scenes/s1{query}"), FILMS, &[], &body.to_string()).await
}

#[tokio::test]
async fn an_edit_says_what_it_makes_again_before_it_is_saved() {
    let harness = editable().await;
    let wish = json!({"scene": {"narration": "One.", "imagePrompt": "a whale"}});
    let tried = edit(&harness, "?dry_run=true", &wish).await;
    assert_eq!(
        (tried.status, &tried.json()["outcome"]),
        (StatusCode::OK, &json!("would_request")),
        "{tried:?}"
    );
    let steps: Vec<Value> =
        tried.json()["remade"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["generate-images", "animate-scenes", "assemble-video"]);
    assert_eq!(
        harness.known("films", "ocean")["spec"]["sceneOverrides"],
        json!([{"id": "s1", "narration": "One."}])
    );
    let saved = edit(&harness, "", &wish).await;
    assert_eq!(saved.status, StatusCode::ACCEPTED, "{saved:?}");
    assert_eq!(
        harness.known("films", "ocean")["spec"]["sceneOverrides"],
        json!([{"id": "s1", "narration": "One.", "imagePrompt": "a whale"}])
    );
    let again = edit(&harness, "", &wish).await;
    assert_eq!((again.status, &again.json()["outcome"]), (StatusCode::OK, &json!("unchanged")));
}

#[tokio::test]
async fn of_two_who_edit_a_scene_the_second_learns_of_the_first() {
    let harness = editable().await;
    let seen = json!({"narration": "One."});
    let first = edit(&harness, "", &json!({"scene": {"narration": "First."}, "seen": seen})).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{first:?}");
    let second = edit(&harness, "", &json!({"scene": {"narration": "Second."}, "seen": seen})).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(
        second.json()["detail"].as_str().unwrap().contains("somebody else has changed the scene s1"),
        "{second:?}"
    );
    assert_eq!(harness.known("films", "ocean")["spec"]["sceneOverrides"][0]["narration"], "First.");
    for wrong in [
        json!({}),
        json!({"scene": {"color": "red"}}),
        json!({"scene": ["x"]}),
        json!({"scene": {"take": "x"}}),
    ] {
        assert_eq!(edit(&harness, "", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn what_a_scene_cannot_hold_is_refused_also_where_it_is_only_tried() {
    let harness = editable().await;
    let long = |length: usize| "é".repeat(length);
    for wrong in [
        json!({"narration": long(1001)}),
        json!({"imagePrompt": long(1001)}),
        json!({"motionPrompt": long(401)}),
        json!({"take": 0}),
        json!({"take": 1001}),
        json!({"assets": {"clip": format!("assets/{}", "a".repeat(250))}}),
    ] {
        for body in [json!({"scene": wrong}), json!({"scene": {}, "seen": wrong})] {
            assert_eq!(
                edit(&harness, "?dry_run=true", &body).await.status,
                StatusCode::BAD_REQUEST,
                "{body}"
            );
        }
    }
    let fits = json!({"scene": {"narration": long(1000), "motionPrompt": long(400), "take": 1000}});
    assert_eq!(edit(&harness, "?dry_run=true", &fits).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_take_is_asked_for_as_the_operator_reads_it() {
    let harness = editable().await;
    let ask = async |body: Value| {
        harness.send("POST", "/jobs/films/ocean/regenerate", FILMS, &[], &body.to_string()).await
    };
    let asked = ask(json!({"scenes": ["s1"], "what": "clip"})).await;
    assert_eq!(
        (asked.status, &asked.json()["outcome"]),
        (StatusCode::ACCEPTED, &json!("requested")),
        "{asked:?}"
    );
    let annotations = harness.known("films", "ocean")["metadata"]["annotations"].clone();
    let text = annotations["videofactory.dev/regenerate-requested"].as_str().unwrap();
    assert!(text.contains("\"scenes\":[\"s1\"]") && text.contains("\"what\":\"clip\""), "{text}");
    for wrong in [
        json!({}),
        json!({"scenes": [], "what": "clip"}),
        json!({"scenes": ["s1"]}),
        json!({"scenes": ["s1"], "what": "film"}),
    ] {
        assert_eq!(ask(wrong.clone()).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn an_earlier_take_of_a_clip_is_found_although_nothing_names_it() {
    let mut harness = filmed().await;
    let mut ocean = made();
    ocean["spec"]["scenes"] = json!([{"id": "s1", "imagePrompt": "a whale"}]);
    ocean["spec"]["providers"] = json!({"animation": {"accountRef": {"name": "grok"}}});
    ocean["status"]["takes"] = json!([{"scene": "s1", "clip": 2}]);
    ocean["status"]["steps"] = json!([
        {"name": "write-script", "state": "Succeeded", "attempt": 1, "inputDigest": DIGEST},
        {"name": "animate-scenes", "state": "Running", "attempt": 1, "inputDigest": DIGEST}]);
    harness.put(ocean.clone());
    let storyboard = json!({"scenes": [{"id": "s1", "imagePrompt": "a whale", "takes": {"image": 1, "voice": 1, "clip": 2}}]});
    let document = format!("work/films/ocean-3f9c2a1e/r1/documents/write-script/{DIGEST}.json");
    harness.files.put(&document, storyboard.to_string());
    let job: VideoJob = serde_json::from_value(ocean).unwrap();
    let settings = settings_of(&job).unwrap();
    let scene = Scene { id: "s1".to_owned(), image_prompt: "a whale".to_owned(), ..Scene::default() };
    let image = image_digest(1, &settings, &scene);
    let keys = keys_of(&JobRef::of(&job), &job).unwrap();
    let key = |seconds: u32| keys.clip(&clip_digest(1, &settings, &scene, &image, seconds));
    let (key, later) = (key(6), (7..180).map(key).find(|other| *other > key(6)).unwrap());
    harness.files.put(&key, "a clip");
    let take = "/jobs/films/ocean/scenes/s1/clip?take=1";
    let clip = harness.get(take).await;
    assert_eq!((clip.header("content-type"), &clip.body[..]), ("video/mp4", &b"a clip"[..]), "{clip:?}");
    // What continues it is of the same clip, without another look at what is there.
    harness.files.put(&later, "another");
    let part = harness.ask("GET", take, ROOT, &[(RANGE, "bytes=2-3")]).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"cl"[..]), "{part:?}");
    assert_eq!(&harness.get(take).await.body[..], b"another");
    harness.files.remove(&later);
    let part = harness.ask("GET", take, ROOT, &[(RANGE, "bytes=2-3")]).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"cl"[..]), "{part:?}");
    let missing = harness.get("/jobs/films/ocean/scenes/s1/clip?take=2").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let page = html(&harness.get("/dashboard/jobs/films/ocean/scenes/s1").await);
    assert!(page.contains("src=\"/jobs/films/ocean/scenes/s1/clip?take=1\""), "{page}");
}
