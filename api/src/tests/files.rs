//! Films, logs and events.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use axum::http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::{Digest, Keys};

use crate::testing::{DIGEST, FILMS, Harness, ROOT, UID, made, policy};

fn film() -> Vec<u8> {
    (0..200_u8).collect()
}

async fn harness() -> Harness {
    let mut harness = Harness::new().await;
    harness.put(made());
    harness.files.put(&format!("videos/films/ocean-3f9c2a1e/r1/{DIGEST}.mp4"), film());
    harness
}

const FILM: &str = "/jobs/films/ocean/artifacts/video";

#[tokio::test]
async fn artifacts_are_listed_with_where_to_get_them() {
    let harness = harness().await;
    let reported = harness.get("/jobs/films/ocean/artifacts").await.json();
    let first = &reported["items"][0];
    assert_eq!((&first["name"], &first["url"]), (&json!("video"), &json!(FILM)));
    assert_eq!((&first["contentType"], &first["sizeBytes"]), (&json!("video/mp4"), &json!(200)));
    let names: Vec<&str> =
        reported["items"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["video", "thumbnail", "captions.srt", "captions.vtt"]);
}

#[tokio::test]
async fn a_restore_learns_which_files_are_in_the_bucket_as_they_were() {
    let harness = harness().await;
    let keys = Keys::new("films", "ocean", "3f9c2a1e", 1);
    let digest = |text: &str| Digest::from_hex(text).unwrap();
    let document = keys.document(StepName::WriteScript, &digest(DIGEST));
    harness.files.put(&document, "{\"scenes\": 3}");
    let (here, gone) = (keys.film(&digest(DIGEST)), keys.film(&digest(&DIGEST.replace('0', "f"))));
    let body = json!({"namespace": "films", "policy": "default", "files": [
        {"key": here}, {"key": gone}, {"key": document, "digest": DIGEST},
    ]});
    let answer = harness.send("POST", "/storage/check", FILMS, &[], &body.to_string()).await;
    let missing = json!({"items": [{"key": gone}, {"key": document, "digest": DIGEST}]});
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, missing));
}

#[tokio::test]
async fn files_of_others_are_not_looked_for() {
    let harness = harness().await;
    let ask = async |namespace: &str, key: &str| {
        let body = json!({"namespace": namespace, "policy": "default", "files": [{"key": key}]}).to_string();
        harness.send("POST", "/storage/check", FILMS, &[], &body).await.status
    };
    let of = |namespace: &str| format!("videos/{namespace}/ocean-3f9c2a1e/r1/{DIGEST}.mp4");
    assert_eq!(ask("films", &of("films")).await, StatusCode::OK);
    assert_eq!(ask("films", &of("shows")).await, StatusCode::BAD_REQUEST);
    assert_eq!(ask("films", "videofactory-cluster.json").await, StatusCode::BAD_REQUEST);
    assert_eq!(ask("shows", &of("shows")).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_film_is_given_whole_or_in_part() {
    let harness = harness().await;
    let whole = harness.get(FILM).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &film()[..]));
    for (name, value) in [
        ("content-type", "video/mp4"),
        ("content-length", "200"),
        ("accept-ranges", "bytes"),
        ("etag", "\"tag-1\""),
        ("content-disposition", "inline; filename=\"ocean.mp4\""),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    for (range, first, last) in [("bytes=0-9", 0, 9), ("bytes=190-", 190, 199), ("bytes=-5", 195, 199)] {
        let part = harness.ask("GET", FILM, ROOT, &[(RANGE, range)]).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(&part.body[..], &film()[first..=last], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/200"));
        assert_eq!(part.header("content-length"), (last - first + 1).to_string());
    }
    let outside = harness.ask("GET", FILM, ROOT, &[(RANGE, "bytes=200-")]).await;
    assert_eq!(
        (outside.status, outside.header("content-range")),
        (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */200")
    );
    let other = harness.ask("GET", FILM, ROOT, &[(RANGE, "bytes=0-9"), (IF_RANGE, "\"old\"")]).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, 200));
}

#[tokio::test]
async fn what_a_film_is_can_be_asked_without_its_bytes() {
    let harness = harness().await;
    let head = harness.ask("HEAD", FILM, ROOT, &[]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (StatusCode::OK, 0, "200"));
    let part = harness.ask("HEAD", FILM, ROOT, &[(RANGE, "bytes=0-9")]).await;
    assert_eq!((part.status, part.header("content-length")), (StatusCode::PARTIAL_CONTENT, "10"));
    let known = harness.ask("GET", FILM, ROOT, &[(IF_NONE_MATCH, "\"tag-1\"")]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn a_file_that_is_not_there_says_why() {
    let harness = harness().await;
    let vanished = harness.get("/jobs/films/ocean/artifacts/thumbnail").await;
    assert_eq!(vanished.status, StatusCode::GONE);
    assert!(vanished.json()["hint"].as_str().unwrap().contains("restart"));
    let unknown = harness.get("/jobs/films/ocean/artifacts/poster").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

fn pod(name: &str, attempt: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "films", "labels": {
        "videofactory.dev/uid": UID, "videofactory.dev/step": "assemble-video", "videofactory.dev/run": "1",
        "videofactory.dev/attempt": attempt}}})
}

#[tokio::test]
async fn a_log_is_of_the_last_attempts_pod() {
    let harness = harness().await;
    harness.cluster.pods.lock().extend([pod("p-1", "1"), pod("p-2", "2")]);
    let log = harness.ask("GET", "/jobs/films/ocean/logs?tail=5&follow=true", FILMS, &[]).await;
    assert_eq!((log.status, log.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert_eq!(&log.body[..], b"lines of p-2 [\"worker\", \"true\", \"5\"]\n");
    let other = harness.get("/jobs/films/ocean/logs?step=publish-video").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    for query in ["step=dance", "tail=0", "tail=10001", "follow=perhaps"] {
        let refused = harness.get(&format!("/jobs/films/ocean/logs?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_pod_that_has_not_begun_has_no_log_yet() {
    let harness = harness().await;
    let mut waiting = pod("p-2", "2");
    waiting["waits"] = json!(true);
    harness.cluster.pods.lock().push(waiting);
    let answer = harness.get("/jobs/films/ocean/logs").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::CONFLICT, "5"));
}

#[tokio::test]
async fn the_log_of_a_pod_that_is_gone_comes_from_the_bucket() {
    let harness = harness().await;
    let none = harness.get("/jobs/films/ocean/logs").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    for (chunk, lines) in [("00000", "one\ntwo\n"), ("00001", "three\n"), ("00002", "four\nfive\n")] {
        harness
            .files
            .put(&format!("work/films/ocean-3f9c2a1e/r1/logs/assemble-video-2/{chunk}.jsonl"), lines);
    }
    let all = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!(&all.body[..], b"one\ntwo\nthree\nfour\nfive\n");
    let last = harness.get("/jobs/films/ocean/logs?tail=3").await;
    assert_eq!(&last.body[..], b"three\nfour\nfive\n");
    let more = harness.get("/jobs/films/ocean/logs?tail=9").await;
    assert_eq!(&more.body[..], &all.body[..]);
}

#[tokio::test]
async fn a_log_in_the_bucket_that_no_worker_has_written_is_refused() {
    let harness = harness().await;
    let chunk = "work/films/ocean-3f9c2a1e/r1/logs/assemble-video-2/00000.jsonl";
    harness.files.put(chunk, vec![b'x'; 8 * 1024 * 1024 + 1]);
    for query in ["", "?tail=1"] {
        let refused = harness.get(&format!("/jobs/films/ocean/logs{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{query}");
    }
    harness.files.put(chunk, "a line\n");
    for number in 1..=10_000 {
        harness.files.put(&chunk.replace("00000", &format!("{number:05}")), "");
    }
    let refused = harness.get("/jobs/films/ocean/logs?tail=1").await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn who_may_read_neither_pods_logs_nor_kept_ones_gets_none() {
    let harness = harness().await;
    harness.files.put("work/films/ocean-3f9c2a1e/r1/logs/assemble-video-2/00000.jsonl", "secret\n");
    harness.cluster.forbidden.lock().push(("get".to_owned(), "pods/log".to_owned()));
    let kept = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!(kept.status, StatusCode::OK, "the right to kept logs is enough where no pod is left");
    harness.cluster.forbidden.lock().push(("get".to_owned(), "videojobs/log".to_owned()));
    let refused = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    harness.cluster.pods.lock().push(pod("p-2", "2"));
    let refused = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    harness.cluster.forbidden.lock().push(("list".to_owned(), "events".to_owned()));
    let refused = harness.ask("GET", "/jobs/films/ocean/events", FILMS, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_may_read_kept_logs_alone_sees_no_pods() {
    let harness = harness().await;
    harness.cluster.pods.lock().push(pod("p-2", "2"));
    harness.files.put("work/films/ocean-3f9c2a1e/r1/logs/assemble-video-2/00000.jsonl", "kept\n");
    let forbid =
        |verb: &str, what: &str| harness.cluster.forbidden.lock().push((verb.to_owned(), what.to_owned()));
    forbid("list", "pods");
    let kept = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!((kept.status, &kept.body[..]), (StatusCode::OK, &b"kept\n"[..]));
    forbid("get", "videojobs/log");
    let refused = harness.ask("GET", "/jobs/films/ocean/logs", FILMS, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

fn messages(events: &Value) -> Vec<&str> {
    let items = events["items"].as_array().unwrap();
    items.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn however_many_events_there_are_they_come_page_by_page_and_the_newest_are_shown() {
    let harness = harness().await;
    let event = |number: usize| {
        let name = if number.is_multiple_of(2) { "ocean-assemble-video-1-abc123-x" } else { "another" };
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("e{number}")},
               "involvedObject": {"kind": "Pod", "name": name, "uid": "p"}, "message": number.to_string(),
               "lastTimestamp": format!("2026-12-24T{:02}:{:02}:00Z", number / 60 % 24, number % 60)})
    };
    harness.cluster.events.lock().extend((0..1_400).rev().map(event));
    let reported = harness.ask("GET", "/jobs/films/ocean/events", FILMS, &[]).await.json();
    let messages = messages(&reported);
    let expected: Vec<String> = (400..1_400).step_by(2).map(|number| number.to_string()).collect();
    assert_eq!(messages, expected);
    assert!(harness.cluster.longest_page.load(Ordering::Relaxed) <= 500);
}

#[tokio::test]
async fn events_are_those_of_the_job_and_its_attempts_newest_last() {
    let harness = harness().await;
    let event = |kind: &str, name: &str, uid: &str, at: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{name}-{at}")},
               "involvedObject": {"kind": kind, "name": name, "uid": uid}, "reason": "Reported", "message": at,
               "type": "Normal", "lastTimestamp": format!("2026-12-24T18:{at}:00Z")})
    };
    harness.cluster.events.lock().extend([
        event("Pod", "ocean-assemble-video-1-abc123-x7k2p", "p", "03"),
        event("VideoJob", "ocean", UID, "01"),
        event("VideoJob", "ocean", "an earlier one", "00"),
        event("Job", "ocean-assemble-video-2-abc123", "j", "02"),
        event("Pod", "ocean-assemble-video-1-ffffff-x7k2p", "q", "04"),
        event("Node", "n", "n", "05"),
    ]);
    let reported = harness.ask("GET", "/jobs/films/ocean/events", FILMS, &[]).await.json();
    let messages = messages(&reported);
    assert_eq!(messages, ["01", "02", "03"]);
    assert_eq!(reported["items"][0]["object"], "VideoJob/ocean");
}

#[tokio::test]
async fn the_plan_of_a_run_is_given_to_who_may_see_its_policy() {
    let mut harness = harness().await;
    let run = |slot: &str, key: &str| json!({"slot": slot, "outcome": "Completed", "planKey": key});
    let runs = [
        run("2026-12-24T03:00:00Z", "plans/films/default/20261224T030000Z.jsonl.gz"),
        run("2026-12-23T03:00:00Z", "plans/films/default/20261223T030000Z.jsonl.gz"),
        run("2026-12-22T03:00:00Z", "plans/news/default/20261222T030000Z.jsonl.gz"),
    ];
    harness.put_policy(policy("films", &json!({"runs": runs})));
    harness.files.put("plans/films/default/20261224T030000Z.jsonl.gz", "compressed");
    harness.files.put("plans/news/default/20261222T030000Z.jsonl.gz", "another's");
    let plan = async |policy: &str, day: u8, token: &str| {
        harness.ask("GET", &format!("/storage/{policy}/plans/2026-12-{day}T03:00:00Z"), token, &[]).await
    };
    let reported = plan("films/default", 24, FILMS).await;
    assert_eq!((reported.status, &reported.body[..]), (StatusCode::OK, &b"compressed"[..]));
    assert_eq!(
        (reported.header("content-encoding"), reported.header("content-type")),
        ("gzip", "text/plain; charset=utf-8")
    );
    for (policy, day) in
        [("films/default", 23), ("films/default", 22), ("films/default", 21), ("films/other", 24)]
    {
        assert_eq!(plan(policy, day, FILMS).await.status, StatusCode::NOT_FOUND, "{policy} {day}");
    }
    assert_eq!(plan("news/default", 24, FILMS).await.status, StatusCode::FORBIDDEN);
}
