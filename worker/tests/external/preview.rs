//! The preview: one scene is made and paid for before all others.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::documents::{Clips, Images, Voices};
use videofactory_pipeline::{Digest, ExitCode};
use videofactory_worker::steps;

use crate::fake_service::FakeService;
use crate::support::{Studio, until};
use crate::work::{ACCOUNT, Film, spent};

const PARTS: [StepName; 3] = [StepName::GenerateImages, StepName::NarrateScenes, StepName::AnimateScenes];

/// Pictures, voices and clips are bought.
fn account_settings() -> Value {
    let acme = json!({"accountRef": {"name": ACCOUNT}});
    json!({"providers": {"images": acme, "narration": acme, "animation": acme}})
}

/// The next attempts make this scene alone.
fn preview(film: &mut Film<'_>, scene: &'static str) {
    film.adjust = Box::new(move |input| {
        input.preview_scene = Some(scene.to_owned());
        input.input = Digest::of_bytes(format!("scene {scene} of {}", input.input).as_bytes());
    });
}

/// The next attempts make all scenes.
fn all(film: &mut Film<'_>) {
    film.adjust = Box::new(|_| {});
}

async fn documents(film: &Film<'_>) -> (Images, Voices, Clips) {
    (film.document(PARTS[0]).await, film.document(PARTS[1]).await, film.document(PARTS[2]).await)
}

#[tokio::test]
async fn a_scene_is_bought_alone_and_not_again_with_the_others() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;

    preview(&mut film, "s2");
    for step in PARTS {
        let outcome = film.make(step).await;
        let report = outcome.scenes.clone().unwrap();
        let reported = (report.total, report.completed.to_string(), report.made, report.left);
        assert_eq!((spent(&outcome), reported), (1, (3, "1".to_owned(), 1, Some(0))), "{step}");
    }
    {
        let recorded = service.recorded();
        assert_eq!((recorded.pictures.len(), recorded.narrations.len(), recorded.clips.len()), (1, 1, 1));
        assert_eq!(recorded.narrations[0].texts, ["It is dark down there."]);
    }
    let (image, voice, clip) = documents(&film).await;
    assert_eq!((image.scenes.len(), voice.scenes.len(), clip.scenes.len()), (1, 1, 1));

    all(&mut film);
    for (step, submissions) in PARTS.into_iter().zip([2, 1, 2]) {
        let outcome = film.make(step).await;
        let report = outcome.scenes.clone().unwrap();
        assert_eq!(
            (spent(&outcome), report.completed.to_string()),
            (submissions, "0-2".to_owned()),
            "{step}"
        );
    }
    {
        let recorded = service.recorded();
        assert_eq!((recorded.pictures.len(), recorded.clips.len()), (3, 3));
        assert_eq!(recorded.narrations[1].texts, ["The sea is deep.", "Some fish glow."]);
    }
    let (images, voices, clips) = documents(&film).await;
    assert_eq!(
        (&images.scenes[1], &voices.scenes[1], &clips.scenes[1]),
        (&image.scenes[0], &voice.scenes[0], &clip.scenes[0]),
        "what was looked at is what the film shows"
    );
}

#[tokio::test]
async fn another_text_of_the_scene_is_bought_alone_too_and_of_another_scene_nothing() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    preview(&mut film, "s2");
    film.make(StepName::NarrateScenes).await;
    let of_scene = json!({"id": "s2", "narration": "It is pitch-dark."});
    let of_another = json!({"id": "s3", "narration": "Some fish light up."});
    for (overrides, submissions) in [(json!([of_scene]), 1), (json!([of_scene, of_another]), 0)] {
        film.production.given.overrides = serde_json::from_value(overrides.clone()).unwrap();
        all(&mut film);
        film.make(StepName::WriteScript).await;
        preview(&mut film, "s2");
        assert_eq!(spent(&film.make(StepName::NarrateScenes).await), submissions, "{overrides}");
    }
    assert_eq!(service.recorded().narrations.len(), 2);
}

#[tokio::test]
async fn a_scene_that_is_not_there_is_named_and_nothing_is_bought() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    preview(&mut film, "s9");
    for step in [StepName::GenerateImages, StepName::NarrateScenes] {
        let ended = film.run(step).await;
        assert_eq!((ended.exit, spent(&ended)), (ExitCode::Configuration, 0), "{step}");
        assert!(
            ended.message.contains("\"s9\"") && ended.message.contains("s1, s2, s3"),
            "{}",
            ended.message
        );
    }
    // Without a name it is the first.
    preview(&mut film, "");
    let outcome = film.make(StepName::GenerateImages).await;
    assert_eq!((spent(&outcome), outcome.scenes.unwrap().completed.to_string().as_str()), (1, "0"));
}

/// All clips were submitted when somebody asked to see one scene first.
#[tokio::test]
async fn what_is_under_way_of_other_scenes_is_left_under_way() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    service.recorded().cancels = true;
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make_up_to(StepName::NarrateScenes).await;
    let (pod, _root) = film.pod(StepName::AnimateScenes);
    let running = tokio::spawn(async move { steps::run(&pod).await.map(drop) });
    until("all clips have ids", || async { studio.keys("work/", ".id.json").await.len() == 3 }).await;
    running.abort();
    assert!(running.await.is_err());

    preview(&mut film, "s2");
    assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 0);
    assert_eq!(service.recorded().cancelled, Vec::<String>::new());
    all(&mut film);
    assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 0);
    assert_eq!(service.recorded().clips.len(), 3);
}

/// All pictures were queued when somebody asked to see one scene first, and then another style.
#[tokio::test]
async fn the_queue_makes_no_picture_that_no_scene_wants_before_the_previewed_one() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    {
        let mut recorded = service.recorded();
        (recorded.queues, recorded.cancels) = (true, true);
    }
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    let (pod, _root) = film.pod(StepName::GenerateImages);
    let running = tokio::spawn(async move { steps::run(&pod).await.map(drop) });
    until("all pictures have ids", || async { studio.keys("work/", ".id.json").await.len() == 3 }).await;
    running.abort();
    assert!(running.await.is_err());

    preview(&mut film, "s2");
    assert_eq!(spent(&film.make(StepName::GenerateImages).await), 0);
    assert_eq!(service.recorded().cancelled, Vec::<String>::new(), "the others are wanted later");
    "noir".clone_into(&mut film.production.settings.style.suffix);
    assert_eq!(spent(&film.make(StepName::GenerateImages).await), 1);
    let recorded = service.recorded();
    let others = recorded.pictures[..3].iter().enumerate().filter(|(_, of)| of.prompt != "a dark trench");
    let others: BTreeSet<String> = others.map(|(place, _)| format!("picture-{}", place + 1)).collect();
    let cancelled: BTreeSet<String> = recorded.cancelled.iter().cloned().collect();
    assert_eq!((others.len(), cancelled), (2, others));
}
