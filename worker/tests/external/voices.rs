//! Voices by an external narrator.

use std::sync::Arc;

use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::documents::{Voices, WordLevel, Words};

use crate::fake_service::FakeService;
use crate::support::Studio;
use crate::work::{ACCOUNT, Film, spent};

fn account_settings(grouping: &str) -> Value {
    json!({"providers": {"narration": {"accountRef": {"name": ACCOUNT}, "voice": "Kore", "grouping": grouping}}})
}

#[tokio::test]
async fn one_request_speaks_the_film_and_each_scene_gets_its_part() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings("Film"));
    film.make(StepName::WriteScript).await;
    let outcome = film.make(StepName::NarrateScenes).await;
    assert_eq!((spent(&outcome), service.recorded().narrations.len()), (1, 1));
    assert_eq!(outcome.scenes.as_ref().unwrap().left, Some(0));
    {
        let recorded = service.recorded();
        assert_eq!((recorded.narrations[0].texts.len(), recorded.narrations[0].voice.as_str()), (3, "Kore"));
    }
    let voices: Voices = film.document(StepName::NarrateScenes).await;
    for voice in &voices.scenes {
        assert!((0.5..4.0).contains(&voice.seconds), "{}: {} s", voice.id, voice.seconds);
        let words: Words = studio.bucket.get_json(&voice.words).await.unwrap().unwrap();
        assert_eq!(words.level, WordLevel::Aligned);
        assert!(words.words.len() >= 3 && words.words.iter().all(|word| word.end <= words.seconds));
    }

    // A voice that got lost is cut out again, and bought by nobody.
    studio.bucket.delete_one(&voices.scenes[1].words).await.unwrap();
    studio.bucket.delete_one(&voices.scenes[1].key).await.unwrap();
    film.allowance.submissions = 0;
    let again = film.make(StepName::NarrateScenes).await;
    assert_eq!((spent(&again), again.scenes.unwrap().made, service.recorded().narrations.len()), (0, 1, 1));
    assert_eq!(film.document::<Voices>(StepName::NarrateScenes).await, voices);

    // An override asks for that scene alone.
    film.production.given.overrides =
        serde_json::from_value(json!([{"id": "s3", "narration": "Some fish light up."}])).unwrap();
    film.make(StepName::WriteScript).await;
    let waits = film.run(StepName::NarrateScenes).await;
    assert_eq!((waits.exit.code(), waits.scenes.unwrap().left), (75, Some(1)));
    film.allowance.submissions = 1;
    film.make(StepName::NarrateScenes).await;
    assert_eq!(service.recorded().narrations[1].texts, ["Some fish light up."]);
}

#[tokio::test]
async fn scenes_asked_for_one_by_one_are_a_request_each_and_characters_keep_their_voices() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings("Scene"));
    film.make(StepName::WriteScript).await;
    assert_eq!(spent(&film.make(StepName::NarrateScenes).await), 3);

    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut settings = account_settings("Film");
    settings["characters"] = json!([{"name": "Ada", "voice": "Puck"}]);
    let mut film = Film::new(&studio, Arc::new(service.clone()), &settings);
    film.production.given.scenes[1].characters = Some(vec!["Ada".to_owned()]);
    film.make(StepName::WriteScript).await;
    film.make(StepName::NarrateScenes).await;
    let mut asked: Vec<(String, usize)> =
        service.recorded().narrations.iter().map(|asked| (asked.voice.clone(), asked.texts.len())).collect();
    asked.sort();
    assert_eq!(asked, [("Kore".to_owned(), 2), ("Puck".to_owned(), 1)]);
}
