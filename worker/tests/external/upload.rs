//! Films that are uploaded to a site.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::contract::{Artifact, Artifacts, StepOutcome, Upstream};
use videofactory_pipeline::documents::{self, Film as FilmDocument};
use videofactory_pipeline::keys::CaptionFormat;
use videofactory_pipeline::storyboard::Storyboard;
use videofactory_pipeline::{Digest, ExitCode};
use videofactory_providers::youtube::Privacy;
use videofactory_storage::PutOptions;
use videofactory_worker::outcome::{CutShort, of_attempt};

use crate::site::{Site, Trouble};
use crate::support::Studio;
use crate::work::{ACCOUNT, Film, spent};

/// Two chunks and a bit.
const SIZE: usize = 16 * 1024 * 1024 + 5;
const NOON: i64 = 1_790_000_000;

fn target(extra: &Value) -> Value {
    let mut target = json!({"name": "tube", "type": "YouTube", "accountRef": {"name": ACCOUNT}});
    target.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"publish": {"targets": [target]}})
}

/// A film that is ready to be published, without having been made.
pub async fn ready<'a>(studio: &'a Studio, site: &Site, settings: &Value) -> Film<'a> {
    let mut film = Film::new(studio, Arc::new(site.clone()), settings);
    film.provider = Provider::YouTube;
    film.now = Some(Arc::new(AtomicI64::new(NOON)));
    let keys = film.production.input(StepName::PublishVideo).job.keys();
    let digest = Digest::of_bytes(b"in");
    let text = PutOptions::of_type("text/plain");
    let stored = studio.bucket.put(&keys.film(&digest), bytes(), &text).await.unwrap();
    let artifact = |key: String, size| Artifact { key, size, seconds: 0.0 };
    let captions = keys.captions(&digest, CaptionFormat::Srt);
    studio.bucket.put(&keys.thumbnail(&digest), "jpeg", &text).await.unwrap();
    studio.bucket.put(&captions, "1", &text).await.unwrap();
    let made = FilmDocument {
        sha256: stored.sha256,
        artifacts: Artifacts {
            video: Some(artifact(keys.film(&digest), i64::try_from(SIZE).unwrap())),
            thumbnail: Some(artifact(keys.thumbnail(&digest), 4)),
            captions: vec![artifact(captions, 1)],
        },
        ..FilmDocument::default()
    };
    let storyboard =
        Storyboard { title: "The deep sea".to_owned(), language: "en".to_owned(), ..Storyboard::default() };
    for (step, document, output) in [
        (StepName::WriteScript, json!(storyboard), documents::digest_of(&storyboard)),
        (StepName::AssembleVideo, json!(made), documents::digest_of(&made)),
    ] {
        let input = Digest::of_bytes(step.as_str().as_bytes());
        studio.bucket.put_json_once(&keys.document(step, &input), &document).await.unwrap();
        film.production.results.insert(step, Upstream { input, output });
    }
    film
}

fn bytes() -> Vec<u8> {
    (0..SIZE).map(|place| u8::try_from(place % 251).unwrap()).collect()
}

/// Runs attempts, each cut off where the site says so, until one ends.
async fn until_it_ends(film: &mut Film<'_>, site: &Site) -> StepOutcome {
    loop {
        let (pod, _root) = film.pod(StepName::PublishVideo);
        if let Some(result) = site.run(&pod).await {
            return of_attempt(&pod.input, result, CutShort::No, &pod.progress, &pod.usage);
        }
    }
}

#[tokio::test]
async fn a_film_is_uploaded_once_with_what_belongs_to_it() {
    let (studio, site) = (Studio::open().await, Site::default());
    let settings =
        target(&json!({"title": "{{title}}!", "tags": ["sea"], "playlist": "PL1", "visibility": "Unlisted"}));
    let mut film = ready(&studio, &site, &settings).await;
    let outcome = film.make(StepName::PublishVideo).await;
    assert_eq!((spent(&outcome), outcome.publications.len()), (1, 1));
    let publication = &outcome.publications[0];
    assert_eq!((publication.state, publication.id.as_str()), (PublicationState::Published, "video-1"));
    assert_eq!(publication.url, "https://www.youtube.com/watch?v=video-1");
    {
        let state = site.state();
        let (_, upload, sent) = &state.films[0];
        assert!(*sent == bytes(), "other bytes came");
        assert_eq!((upload.title.as_str(), upload.marker.as_str()), ("The deep sea!", "vf-3f9c2a1e-r1-tube"));
        assert_eq!((upload.tags.clone(), upload.privacy), (vec!["sea".to_owned()], Privacy::Unlisted));
        let all = ["thumbnail of video-1", "captions in en of video-1", "video-1 in PL1"];
        assert_eq!(state.added, all);
    }
    let calls = site.state().calls;
    assert_eq!(film.make(StepName::PublishVideo).await.publications, outcome.publications);
    assert_eq!(site.state().calls, calls, "the record was not asked first");
}

#[tokio::test]
async fn wherever_an_upload_is_cut_off_there_is_one_film_in_the_end_with_the_right_bytes() {
    for trouble in [Trouble::CutBefore, Trouble::CutAfter] {
        // begin, stored, send, send, send, thumbnail, captions.
        for call in 0..7 {
            let (studio, site) = (Studio::open().await, Site::default());
            let mut film = ready(&studio, &site, &target(&json!({}))).await;
            site.state().trouble.push_back((call, trouble));
            let outcome = until_it_ends(&mut film, &site).await;
            assert_eq!(outcome.exit, ExitCode::Done, "call {call}: {}", outcome.message);
            let state = site.state();
            assert_eq!(state.films.len(), 1, "{trouble:?} at call {call}");
            assert!(state.films[0].2 == bytes(), "{trouble:?} at call {call}: other bytes came");
        }
    }
}

#[tokio::test]
async fn a_site_that_is_away_for_a_moment_is_asked_what_it_has() {
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    site.state().trouble.extend([(2, Trouble::Away), (3, Trouble::Away)]);
    film.make(StepName::PublishVideo).await;
    assert!(site.state().films.len() == 1 && site.state().sessions.len() == 1);
}

#[tokio::test]
async fn a_session_that_is_gone_although_all_was_there_is_found_by_its_marker() {
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    site.state().trouble.push_back((4, Trouble::GoneWhenDone));
    let waits = film.run(StepName::PublishVideo).await;
    assert_eq!((waits.exit, waits.interrupted), (ExitCode::TryLater, false), "{}", waits.message);
    assert_eq!(waits.resume_at.map(jiff::Timestamp::as_second), Some(NOON + 15 * 60));
    assert_eq!(waits.rate_limit, None);
    site.state().listed = true;
    let found = film.make(StepName::PublishVideo).await;
    assert_eq!((found.publications[0].id.as_str(), spent(&found)), ("video-1", 0));
    assert_eq!(site.state().films.len(), 1);
}

#[tokio::test]
async fn a_lost_session_is_followed_by_one_more_and_then_by_a_question() {
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    let now = film.now.clone().unwrap();
    site.state().listed = true;
    // The first session is gone after a chunk.
    site.state().trouble.push_back((3, Trouble::Gone));
    assert_eq!(film.run(StepName::PublishVideo).await.exit, ExitCode::TryLater);
    now.fetch_add(14 * 60, Ordering::SeqCst);
    let early = film.run(StepName::PublishVideo).await;
    assert_eq!((early.exit, spent(&early)), (ExitCode::TryLater, 0));
    assert_eq!(site.state().sessions.len(), 0, "a second session before its time");
    now.fetch_add(2 * 60, Ordering::SeqCst);
    // So is the second.
    let calls = site.state().calls;
    site.state().trouble.push_back((calls + 3, Trouble::Gone));
    let second = film.run(StepName::PublishVideo).await;
    assert_eq!((second.exit, spent(&second)), (ExitCode::TryLater, 1), "{}", second.message);
    now.fetch_add(16 * 60, Ordering::SeqCst);
    let unknown = film.run(StepName::PublishVideo).await;
    assert_eq!((unknown.exit, spent(&unknown)), (ExitCode::ContentRefused, 0), "{}", unknown.message);
    assert!(unknown.message.contains("may or may not"), "{}", unknown.message);
    assert_eq!(unknown.publications[0].state, PublicationState::Unknown);
    // A person says: once more.
    film.allow(unknown.unresolved);
    film.make(StepName::PublishVideo).await;
    assert_eq!(site.state().films.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_added_to_a_film_is_a_note() {
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    site.state().trouble.extend([(5, Trouble::Declined), (6, Trouble::Away)]);
    let outcome = film.make(StepName::PublishVideo).await;
    assert!(outcome.message.contains("tube: the thumbnail could not be added: the channel may not"));
    assert!(outcome.message.contains("the captions could not be added"), "{}", outcome.message);
    assert_eq!(outcome.publications[0].state, PublicationState::Published);
}

#[tokio::test]
async fn without_a_grant_nothing_is_begun_and_what_was_begun_is_finished() {
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    film.allowance.submissions = 0;
    let waits = film.run(StepName::PublishVideo).await;
    assert_eq!((waits.exit, site.state().calls), (ExitCode::TryLater, 0), "{}", waits.message);
    film.allowance.submissions = 1;
    site.state().trouble.push_back((3, Trouble::CutAfter));
    let (pod, _root) = film.pod(StepName::PublishVideo);
    assert!(site.run(&pod).await.is_none());
    film.adjust = Box::new(|input| {
        input.survey = true;
        input.accounts_for = Some(input.attempt - 1);
    });
    let survey = film.make(StepName::PublishVideo).await;
    assert_eq!((spent(&survey), site.state().films.len()), (1, 1));
}

#[tokio::test]
async fn the_address_of_a_session_is_in_no_log_and_no_outcome() {
    // One subscriber for the process: with one of a thread's own, a line that another test's thread
    // reaches first is switched off for all.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| LogOfThread).init();
    LOGGED.with_borrow_mut(|logged| logged.replace(Vec::new()));
    let (studio, site) = (Studio::open().await, Site::default());
    let mut film = ready(&studio, &site, &target(&json!({}))).await;
    site.state().trouble.extend([(2, Trouble::Away), (5, Trouble::Gone)]);
    let outcome = film.run(StepName::PublishVideo).await;
    let text = String::from_utf8(LOGGED.take().unwrap()).unwrap();
    assert!(text.contains("session is given up"), "the log was not looked at");
    let ours: String = text.lines().filter(|line| line.contains("videofactory")).collect();
    assert!(!ours.contains("very-secret"), "{ours}");
    assert!(!outcome.to_message().contains("very-secret"));
    let kept: Value =
        studio.bucket.get_json(&studio.keys("published/", "session-1.json").await[0]).await.unwrap().unwrap();
    assert!(kept["uri"].as_str().unwrap().contains("very-secret"));
}

thread_local! {
    /// What was logged by this thread, if somebody wants to know.
    static LOGGED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct LogOfThread;

impl std::io::Write for LogOfThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.iter_mut().for_each(|logged| logged.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
