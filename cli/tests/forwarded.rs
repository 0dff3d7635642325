//! The way to the operator, over the wire: a server that forwards ports as a node does, and an operator behind it that
//! breaks off.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod harness;

use std::time::Duration;

use serde_json::json;

use self::harness::{FILM, Harness};

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_off_continues_where_it_was() {
    let harness = Harness::begin("{token: abc}").await;
    let file = harness.folder.path().join("film.mp4");
    let ended = harness.run(&["download", "ocean", "-F", file.to_str().unwrap()]).await;
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (0, format!("{}\n", file.display()).as_str()),
        "{}",
        ended.err
    );
    assert!(std::fs::read(&file).unwrap() == FILM, "it is the film, whole");
    let asked = harness.operator.asked();
    let films: Vec<_> = asked.iter().filter(|asked| asked.path.ends_with("/video")).collect();
    assert_eq!(films.iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(), ["HEAD", "GET", "GET"]);
    assert_eq!(films[1].range, None);
    let range = films[2].range.clone().unwrap();
    assert!(range.starts_with("bytes=") && range.ends_with('-') && range != "bytes=0-", "{range}");
    assert!(asked.iter().all(|asked| asked.authorization == "Bearer abc"), "{asked:?}");
    let left: Vec<_> =
        std::fs::read_dir(harness.folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_without_a_token_gets_one_for_readers() {
    let harness = Harness::begin("{}").await;
    let ended = harness.run(&["download", "ocean", "--file", "-"]).await;
    // Standard output cannot be continued: what came is the beginning, and the error says that it broke off.
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("broke off"), "{}", ended.err);
    let asked = harness.operator.asked();
    assert!(asked.iter().all(|asked| asked.authorization == "Bearer short"), "{asked:?}");
    let made = harness.api.asked("POST", "/serviceaccounts/videofactory-viewer/token");
    assert_eq!(made.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_nought_is_none() {
    let harness = Harness::begin("{token: abc}").await;
    let ended = harness.run(&["list", "--request-timeout=0"]).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_reads_at_the_operator_and_writes_at_the_api_server() {
    let harness = Harness::begin("{token: abc}").await;
    let proxy = harness.proxy().await;
    let health = proxy.ask("GET", "/health/full", &[]).await;
    assert_eq!((health.status, &health.json["healthy"]), (200, &json!(true)));
    let retry = proxy.ask("POST", "/jobs/films/ocean/retry", &[]).await;
    assert_eq!((retry.status, &retry.json["outcome"]), (202, &json!("requested")));
    assert_eq!(harness.api.asked("PATCH", "/videojobs/ocean").len(), 1);
    let stop = proxy.ask("POST", "/jobs/force-stop-all", &[("Origin", "https://evil.example")]).await;
    assert_eq!(stop.status, 403);
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let followed = proxy.ask("GET", "/stream", &[(name, value)]).await;
        assert_eq!(followed.status, 403, "{name}");
    }
    let rebound = proxy.ask("GET", "/health", &[("Host", "evil.example")]).await;
    assert_eq!(rebound.status, 421);
    assert_eq!(harness.api.asked("PATCH", "").len(), 1, "nothing else was changed");
    // A body that never ends is passed on as it comes.
    let first = tokio::time::timeout(Duration::from_mins(2), proxy.first_event("/stream")).await;
    assert_eq!(first.unwrap(), "data: hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_idea_to_the_path_of_a_film_is_one_command() {
    let harness = Harness::begin("{token: abc}").await;
    let ended = harness.run(&["create", "the ocean", "--name", "ocean", "--download", "films"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "films/ocean.mp4\n"), "{}", ended.err);
    assert!(ended.err.starts_with("videojob.videofactory.dev/ocean created\n"), "{}", ended.err);
    assert!(std::fs::read(harness.folder.path().join("films/ocean.mp4")).unwrap() == FILM);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_pods_are_gone_the_log_is_what_the_bucket_has_kept() {
    let harness = Harness::begin("{token: abc}").await;
    let ended = harness.run(&["logs", "ocean"]).await;
    let expected = "INFO write-script kept of write-script\nINFO generate-images kept of generate-images\n";
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, expected, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_films_are_completed() {
    let harness = Harness::begin("{token: abc}").await;
    let offered = harness.run(&["__complete", "status", "o"]).await;
    assert_eq!((offered.code, offered.out.as_str(), offered.err.as_str()), (0, "ocean\n:4\n", ""));
    let flag = harness.run(&["__complete", "--", "-n", "films", "status", "o"]).await;
    assert_eq!(flag.out, "ocean\n:4\n", "flags before the verb are no flags of the question");
    let elsewhere = harness.run(&["__complete", "--", "-n", "sea", "status", "o"]).await;
    assert_eq!(elsewhere.out, ":4\n");
    let other = harness.run(&["__complete", "retry", "-n", "films", "sea"]).await;
    assert_eq!(other.out, ":4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_refuses_is_reported_in_its_words() {
    let harness = Harness::begin("{token: stranger}").await;
    let ended = harness.run(&["download", "ocean"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.starts_with("error: the cluster does not know this token\nlog in"), "{}", ended.err);
}
