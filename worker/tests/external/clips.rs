//! Clips by an external animator.

use std::sync::Arc;

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_pipeline::ExitCode;
use videofactory_pipeline::documents::{Clips, Voices};
use videofactory_worker::steps;

use crate::fake_service::FakeService;
use crate::support::{Studio, until};
use crate::work::{ACCOUNT, Film, spent};

fn account_settings() -> serde_json::Value {
    json!({"providers": {"animation": {"accountRef": {"name": ACCOUNT}}}})
}

async fn ready<'a>(studio: &'a Studio, service: &FakeService) -> Film<'a> {
    let mut film = Film::new(studio, Arc::new(service.clone()), &account_settings());
    film.make_up_to(StepName::NarrateScenes).await;
    film
}

#[tokio::test]
async fn clips_are_bought_as_long_as_the_scenes_rounded_up_to_what_is_sold() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.production.given.scenes[2].min_seconds = Some(6.5);
    film.make_up_to(StepName::NarrateScenes).await;
    let outcome = film.make(StepName::AnimateScenes).await;
    assert_eq!(spent(&outcome), 3);
    let cost: i64 = outcome.spent.iter().map(|spent| spent.cost.micros()).sum();
    assert_eq!(cost, 3 * 280_000, "the service says what it cost");
    let voices: Voices = film.document(StepName::NarrateScenes).await;
    assert!(voices.scenes.iter().all(|voice| voice.seconds < 3.0));
    let mut seconds: Vec<u32> = service.recorded().clips.iter().map(|clip| clip.seconds).collect();
    seconds.sort_unstable();
    assert_eq!(seconds, [4, 4, 8]);
    let prompts: Vec<String> = service.recorded().clips.iter().map(|clip| clip.prompt.clone()).collect();
    assert!(prompts.contains(&"a dark trench".to_owned()), "{prompts:?}");
    let clips: Clips = film.document(StepName::AnimateScenes).await;
    for clip in &clips.scenes {
        let bytes = studio.bucket.get(&clip.key, 1 << 20).await.unwrap();
        assert!(bytes.starts_with(b"the clip clip-"));
    }

    // A word more changes nothing that is bought.
    film.production.given.overrides =
        serde_json::from_value(json!([{"id": "s1", "narration": "The sea is very deep."}])).unwrap();
    film.make_up_to(StepName::NarrateScenes).await;
    assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 0);
    assert_eq!(service.recorded().clips.len(), 3);
}

#[tokio::test]
async fn a_clip_that_is_a_little_too_short_is_bought_again_only_if_asked_for() {
    for (fit, bought) in [("Slow", 0), ("Hold", 0), ("Regenerate", 1)] {
        let (studio, service) = (Studio::open().await, FakeService::default());
        let mut settings = account_settings();
        settings["providers"]["animation"]["fit"] = json!(fit);
        let mut film = Film::new(&studio, Arc::new(service.clone()), &settings);
        film.make_up_to(StepName::AnimateScenes).await;
        let before: Clips = film.document(StepName::AnimateScenes).await;

        // Four seconds are there.
        film.production.given.scenes[0].min_seconds = Some(4.2);
        film.make_up_to(StepName::NarrateScenes).await;
        assert_eq!(spent(&film.make(StepName::AnimateScenes).await), bought, "{fit}");
        let after: Clips = film.document(StepName::AnimateScenes).await;
        assert_eq!(before.scenes[0] == after.scenes[0], bought == 0, "{fit}");

        // They are far too few for this.
        film.production.given.scenes[0].min_seconds = Some(7.0);
        film.make_up_to(StepName::NarrateScenes).await;
        assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 1, "{fit}");
        assert_eq!(service.recorded().clips.last().map(|clip| clip.seconds), Some(8), "{fit}");
    }
}

#[tokio::test]
async fn scenes_without_a_submission_left_move_as_pictures_if_they_may_not_wait() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = ready(&studio, &service).await;
    film.allowance.submissions = 2;
    film.adjust = Box::new(|input| input.still_motion = true);
    let outcome = film.make(StepName::AnimateScenes).await;
    assert_eq!((spent(&outcome), outcome.message.as_str()), (2, "2 scenes have a clip, 1 move as pictures"));
    let clips: Clips = film.document(StepName::AnimateScenes).await;
    let still: Vec<bool> = clips.scenes.iter().map(|clip| clip.key.is_empty()).collect();
    assert_eq!(still, [false, false, true]);
    assert_eq!(outcome.scenes.unwrap().left, Some(0));
}

#[tokio::test]
async fn a_clip_under_way_that_an_edit_has_made_unwanted_is_cancelled_and_made_again_if_it_is_wanted_again() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    service.recorded().cancels = true;
    let mut film = ready(&studio, &service).await;
    let (pod, _root) = film.pod(StepName::AnimateScenes);
    let running = tokio::spawn(async move { steps::run(&pod).await.map(drop) });
    until("all clips have ids", || async { studio.keys("work/", ".id.json").await.len() == 3 }).await;
    running.abort();
    assert!(running.await.is_err());
    let old = service.recorded().clips.iter().position(|clip| clip.prompt == "a dark trench").unwrap() + 1;

    let motion = json!([{"id": "s2", "motionPrompt": "a slow descent"}]);
    film.production.given.overrides = serde_json::from_value(motion).unwrap();
    film.make_up_to(StepName::NarrateScenes).await;
    assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 1);
    assert_eq!(service.recorded().cancelled, [format!("clip-{old}")]);

    film.production.given.overrides.clear();
    film.make_up_to(StepName::NarrateScenes).await;
    assert_eq!(spent(&film.make(StepName::AnimateScenes).await), 1, "what was taken back is waited for");
    assert_eq!(service.recorded().cancelled.len(), 1);
}

#[tokio::test]
async fn a_pod_that_dies_while_it_polls_is_followed_by_one_that_fetches_without_a_grant() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = ready(&studio, &service).await;
    let (pod, _root) = film.pod(StepName::AnimateScenes);
    let running = tokio::spawn(async move { steps::run(&pod).await.map(drop) });
    let ids = || async { studio.keys("work/", ".id.json").await.len() == 3 };
    until("all clips have ids", ids).await;
    running.abort();
    assert!(running.await.is_err());

    film.adjust = Box::new(|input| {
        input.survey = true;
        input.accounts_for = Some(input.attempt - 1);
        input.accounts.values_mut().for_each(|access| access.allowance.submissions = 0);
    });
    let survey = film.make(StepName::AnimateScenes).await;
    assert_eq!((spent(&survey), service.recorded().clips.len()), (3, 3));
    assert_eq!(survey.scenes.unwrap().left, Some(0));
}

#[tokio::test]
async fn a_stopped_pod_leaves_ids_and_says_what_it_has_spent() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = ready(&studio, &service).await;
    film.allowance.requests_per_second = Some(0.2);
    let (pod, _root) = film.pod(StepName::AnimateScenes);
    let (stop, usage, progress) = (pod.stop.clone(), pod.usage.clone(), pod.progress.clone());
    let input = pod.input.clone();
    let running = tokio::spawn(async move { steps::run(&pod).await });
    until("a clip has an id", || async { !studio.keys("work/", ".id.json").await.is_empty() }).await;
    stop.cancel();
    let result = running.await.unwrap();
    let cut = videofactory_worker::outcome::CutShort::Interrupted;
    let outcome = videofactory_worker::outcome::of_attempt(&input, result, cut, &progress, &usage);
    assert_eq!((outcome.exit, outcome.interrupted), (ExitCode::TryLater, true), "{}", outcome.message);
    assert_eq!((spent(&outcome), service.recorded().clips.len()), (1, 1));
    assert_eq!(outcome.scenes.unwrap().left, Some(2));
}
