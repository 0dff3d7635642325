//! The steps as a pod runs them: the program itself, against a real S3 server behind the proxy that
//! keeps R2's rules.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot continue may panic, in helpers too"
)]

#[path = "steps/bucket.rs"]
mod bucket;
#[path = "steps/confined.rs"]
mod confined;
#[path = "steps/film.rs"]
mod film;
#[path = "steps/preflight.rs"]
mod preflight;
#[path = "steps/published.rs"]
mod published;
mod support;
#[path = "steps/traced.rs"]
mod traced;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use videofactory_crds::StepName;
use videofactory_crds::settings::CheckAction;
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::contract::{Progress, Publication};
use videofactory_pipeline::documents::{CheckOutcome, Film, Images, Voices};
use videofactory_pipeline::inputs::image_digest;
use videofactory_pipeline::{ExitCode, StepOutcome, Storyboard};
use videofactory_storage::PutOptions;
use videofactory_tests::r2_proxy::{Effect, Fault};

use support::{Ended, Production, Running, Studio, command, pod_files, settings, until};

fn made(outcome: &StepOutcome) -> u32 {
    outcome.scenes.as_ref().map_or(0, |scenes| scenes.made)
}

fn completed(outcome: &StepOutcome) -> String {
    outcome.scenes.as_ref().map(|scenes| scenes.completed.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn six_steps_make_and_publish_a_film_and_a_second_run_of_each_makes_nothing() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.settings = settings(json!({
        "format": {"aspectRatio": "1:1", "resolution": "360p", "fps": 24},
        "captions": {"mode": "Both"},
        "publish": {"targets": [{"name": "main", "type": "Bucket", "title": "{{title}}: a film", "tags": ["sea"]}]},
    }));
    let published = film.make_up_to(StepName::PublishVideo).await;

    assert_eq!(published.publications.len(), 1);
    assert_eq!(published.publications[0].state, PublicationState::Published);
    assert!(published.publications[0].url.starts_with("http://films.test/films/studio/published/tests/"));
    let files: Vec<String> = studio.keys("published/", "/main/").await;
    let names: Vec<&str> = files.iter().filter_map(|key| key.rsplit('/').next()).collect();
    let all = ["captions.srt", "captions.vtt", "film.mp4", "metadata.json", "record.json", "thumbnail.jpg"];
    assert_eq!(names, all);
    let metadata: serde_json::Value = studio.bucket.get_json(&files[3]).await.unwrap().unwrap();
    assert_eq!(metadata["title"], "The deep sea: a film");
    assert_eq!(metadata["tags"], json!(["sea"]));

    let before = studio.etags().await;
    let results = film.results.clone();
    for step in StepName::ALL {
        let again = film.make(step).await;
        assert_eq!(made(&again), 0, "{step} made something again");
        assert_eq!(film.results[&step], results[&step], "{step} has another result");
    }
    assert_eq!(studio.etags().await, before);
}

#[tokio::test]
async fn another_narration_makes_one_voice_and_no_picture() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::NarrateScenes).await;
    let before = studio.etags().await;

    film.given.overrides =
        serde_json::from_value(json!([{"id": "s2", "narration": "It is pitch-dark."}])).unwrap();
    film.make(StepName::WriteScript).await;
    let images = film.make(StepName::GenerateImages).await;
    let voices = film.make(StepName::NarrateScenes).await;
    assert_eq!((made(&images), completed(&images).as_str()), (0, "0-2"));
    assert_eq!((made(&voices), completed(&voices).as_str()), (1, "0-2"));
    let after = studio.etags().await;
    assert!(before.iter().all(|(key, etag)| after.get(key) == Some(etag)), "something was written again");
    let new = after.keys().filter(|key| key.starts_with("clips/") && !before.contains_key(*key)).count();
    assert_eq!(new, 2, "a voice and its words");
}

#[tokio::test]
async fn an_override_never_asks_the_script_writer_again() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes.clear();
    let first = film.make(StepName::WriteScript).await;
    assert_eq!(first.scenes.unwrap().total, 6);
    let scripts = studio.keys("work/", "/scripts/").await;
    assert_eq!(scripts.len(), 1);
    let before = studio.etags().await;

    film.given.overrides = serde_json::from_value(json!([{"id": "s2", "skip": true}])).unwrap();
    let second = film.make(StepName::WriteScript).await;
    assert_eq!(second.scenes.unwrap().total, 5);
    assert_eq!(studio.keys("work/", "/scripts/").await, scripts);
    assert_eq!(studio.etags().await[&scripts[0]], before[&scripts[0]]);
}

#[tokio::test]
async fn what_is_not_spoken_is_named_by_its_scene_and_in_no_storyboard() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes[0].narration = Some("**The sea** is deep.".to_owned());
    film.given.scenes[2].narration = Some("# Fish\nSome <b>glow</b>.".to_owned());
    let outcome = film.make(StepName::WriteScript).await;
    let named = ["s1", "s2", "s3"].map(|id| outcome.note.contains(&format!("scene {id}: ")));
    assert_eq!(named, [true, false, true], "{}", outcome.note);
    let storyboard: Storyboard = document(&film, StepName::WriteScript, &studio).await;
    let spoken: Vec<&str> = storyboard.scenes.iter().map(|scene| scene.narration.as_str()).collect();
    assert_eq!(spoken, ["The sea is deep.", "It is dark down there.", "Fish\nSome glow."]);
}

#[tokio::test]
async fn a_picture_that_is_gone_is_missed_by_assembling_and_only_it_is_made_again() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::AnimateScenes).await;
    let key = document::<Images>(&film, StepName::GenerateImages, &studio).await.scenes[1].key.clone();
    studio.bucket.delete_one(&key).await.unwrap();

    let missed = film.run(StepName::AssembleVideo).await;
    assert_eq!((missed.code, missed.outcome.exit), (66, ExitCode::MissingInput));
    assert_eq!(missed.outcome.missing_from, Some(StepName::GenerateImages));
    assert!(missed.outcome.message.contains(&key), "{}", missed.outcome.message);

    let before = studio.etags().await;
    let images = film.make(StepName::GenerateImages).await;
    assert_eq!((made(&images), completed(&images).as_str()), (1, "0-2"));
    let after = studio.etags().await;
    let new: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert_eq!(new, [&key]);
    film.make(StepName::AssembleVideo).await;
}

#[tokio::test]
async fn a_result_that_is_not_what_it_was_is_missed() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make(StepName::WriteScript).await;
    let key = studio.keys("work/", "/documents/").await.remove(0);
    studio.bucket.put(&key, "{\"scenes\":[]}", &PutOptions::of_type("application/json")).await.unwrap();
    let ended = film.run(StepName::GenerateImages).await;
    assert_eq!((ended.code, ended.outcome.missing_from), (66, Some(StepName::WriteScript)));
}

#[tokio::test]
async fn a_pod_that_is_stopped_keeps_what_it_has_and_the_next_continues() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes = many_scenes(6);
    film.make(StepName::WriteScript).await;
    // The pictures from the fourth on hang on their way to the bucket.
    let input = film.input(StepName::GenerateImages);
    let storyboard: Storyboard = document(&film, StepName::WriteScript, &studio).await;
    let hang = storyboard.scenes[3..].iter().map(|scene| {
        let picture = image_digest(1, &input.settings, scene);
        Fault::always(Effect::Latency { ms: 60_000 })
            .on("PutObject")
            .for_keys(format!("**/images/{picture}.*"))
    });
    studio.proxy.set_faults(hang.collect()).unwrap();
    let running = film.start(StepName::GenerateImages);
    until("three pictures are stored", || async { studio.keys("clips/", "/images/").await.len() == 3 }).await;
    running.terminate().await;
    let stopped = running.wait().await;
    assert_eq!((stopped.code, stopped.outcome.exit), (75, ExitCode::TryLater), "{}", stopped.log);
    assert!(stopped.outcome.interrupted);
    assert_eq!(stopped.outcome.output, None);
    let kept = stopped.outcome.scenes.clone().unwrap();
    assert_eq!((kept.total, kept.completed.to_string().as_str(), kept.made), (6, "0-2", 3));
    assert_recorded(&film, &studio, &stopped).await;

    studio.proxy.set_faults(Vec::new()).unwrap();
    let before = studio.etags().await;
    let continued = film.make(StepName::GenerateImages).await;
    assert_eq!((completed(&continued).as_str(), made(&continued)), ("0-5", 3));
    let after = studio.etags().await;
    assert!(before.iter().all(|(key, etag)| after.get(key) == Some(etag)), "a picture was written again");
}

#[tokio::test]
async fn an_attempt_ends_at_its_deadline_with_what_it_has() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make(StepName::WriteScript).await;
    film.adjust = |input| input.deadline_seconds = 1;
    let hang = Fault::always(Effect::Latency { ms: 60_000 }).on("PutObject").for_keys("**/images/*");
    studio.proxy.set_faults(vec![hang]).unwrap();
    let ended = film.run(StepName::GenerateImages).await;
    assert_eq!((ended.code, ended.outcome.exit, ended.outcome.interrupted), (70, ExitCode::Bug, false));
    assert!(ended.outcome.message.contains("within 1 s"), "{}", ended.outcome.message);
    assert_eq!(ended.outcome.scenes.unwrap().total, 3);
}

#[tokio::test]
async fn settings_that_cannot_be_followed_are_refused_by_name() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.overrides = serde_json::from_value(json!([{"id": "s9", "narration": "?"}])).unwrap();
    refused(&film.run(StepName::WriteScript).await, "s9");

    film.given.overrides = serde_json::from_value(json!([
        {"id": "s1", "assets": {"image": "assets/absent.png"}}
    ]))
    .unwrap();
    film.make(StepName::WriteScript).await;
    refused(&film.run(StepName::GenerateImages).await, "assets/absent.png");

    film.given.overrides.clear();
    film.make(StepName::WriteScript).await;
    film.settings.providers.images =
        Some(videofactory_pipeline::settings::Provider { model: "flux".to_owned(), ..Default::default() });
    refused(&film.run(StepName::GenerateImages).await, "flux");

    film.settings.providers.narration =
        Some(videofactory_pipeline::settings::Provider { voice: "Nobody".to_owned(), ..Default::default() });
    refused(&film.run(StepName::NarrateScenes).await, "Nobody");
}

#[tokio::test]
async fn an_input_of_another_version_is_refused_without_an_outcome() {
    let studio = Studio::open().await;
    let film = Production::new(&studio);
    let root = pod_files(&film.given, "a", "b");
    let mut input = serde_json::to_value(film.input(StepName::WriteScript)).unwrap();
    input["version"] = json!(99);
    let output = command(root.path()).env("VIDEOFACTORY_STEP", input.to_string()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let message = std::fs::read_to_string(root.path().join("dev/termination-log")).unwrap();
    assert!(message.contains("version 99") && message.contains("same release"), "{message}");
}

#[tokio::test]
async fn the_log_is_in_the_bucket_as_json_lines() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    let ended = film.run(StepName::WriteScript).await;
    let key = film.input(StepName::WriteScript).job.keys().log_chunk(StepName::WriteScript, 1, 0);
    let chunk = studio.bucket.get(&key, 1 << 20).await.unwrap();
    let chunk = String::from_utf8(chunk.to_vec()).unwrap();
    assert!(chunk.lines().count() >= 2);
    for line in chunk.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(ended.log.starts_with(&chunk), "the bucket's log is not what was printed");
}

#[tokio::test]
async fn progress_is_posted_with_the_mounted_token() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make(StepName::WriteScript).await;
    let slow = Fault::always(Effect::Latency { ms: 1500 }).on("PutObject").for_keys("**/images/*");
    studio.proxy.set_faults(vec![slow]).unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut input = film.input(StepName::GenerateImages);
    input.progress_url = format!("http://{}/progress", listener.local_addr().unwrap());
    let running = Running::start(&input, &film.given, studio.server.keys());
    let (ended, (head, progress)) = tokio::join!(running.wait(), one_post(listener));
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(head.starts_with("POST /progress "), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer progress-token\r\n"), "{head}");
    assert!((0.0..=1.0).contains(&progress.fraction));
    assert!(progress.message.contains("of 3 scenes"), "{}", progress.message);
}

/// The first request that comes, answered with 204: its head and its progress.
async fn one_post(listener: tokio::net::TcpListener) -> (String, Progress) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(progress) = serde_json::from_str(body) {
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (format!("{head}\r\n"), progress);
        }
    }
}

#[tokio::test]
async fn a_survey_makes_nothing_and_says_what_is_there() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::GenerateImages).await;
    let images: Images = document(&film, StepName::GenerateImages, &studio).await;
    studio.bucket.delete_one(&images.scenes[1].key).await.unwrap();
    let before = studio.etags().await;
    film.adjust = |input| input.survey = true;
    let survey = film.run(StepName::GenerateImages).await;
    assert_eq!((survey.code, survey.outcome.interrupted), (75, false), "{}", survey.outcome.message);
    assert_eq!((completed(&survey.outcome).as_str(), made(&survey.outcome)), ("0,2", 0));
    assert_eq!(studio.etags().await, before);
}

fn refused(ended: &Ended, names: &str) {
    assert_eq!((ended.code, ended.outcome.exit), (78, ExitCode::Configuration), "{}", ended.outcome.message);
    assert!(ended.outcome.message.contains(names), "{:?} does not name {names}", ended.outcome.message);
}

/// What a step wrote last.
async fn document<T: serde::de::DeserializeOwned>(
    film: &Production<'_>,
    step: StepName,
    studio: &Studio,
) -> T {
    let key = film.input(step).job.keys().document(step, &film.results[&step].input);
    studio.bucket.get_json(&key).await.unwrap().unwrap()
}

async fn assert_recorded(film: &Production<'_>, studio: &Studio, ended: &Ended) {
    let key = film.input(ended.outcome.step).job.keys().outcome(ended.outcome.step, ended.outcome.attempt);
    let recorded: StepOutcome =
        studio.bucket.get_json(&key).await.unwrap().expect("no outcome in the bucket");
    assert_eq!(recorded, ended.outcome);
}

/// Silent scenes with a picture each.
fn many_scenes(count: usize) -> Vec<videofactory_crds::videojob::Scene> {
    let scene =
        |place: usize| json!({"id": format!("s{place}"), "imagePrompt": format!("whale number {place}")});
    serde_json::from_value((1..=count).map(scene).collect()).unwrap()
}
