//! Scripts that are bought: judged as they would be spoken, and asked for again with what is wrong.

use std::sync::Arc;

use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_pipeline::{ExitCode, Storyboard};
use videofactory_providers::{ProviderError, Script, ScriptScene};

use crate::fake_service::FakeService;
use crate::support::Studio;
use crate::work::{ACCOUNT, Film, spent};

fn bought() -> Value {
    json!({"providers": {"script": {"accountRef": {"name": ACCOUNT}}}, "sceneCount": 3})
}

/// A script of three scenes, which say this sentence so many times over, each time with another number.
fn written(title: &str, times: usize) -> Script {
    let scene = |place: usize| {
        let said =
            (0..times).map(|n| format!("Far down, it is dark and cold, as was told {place} and {n} times."));
        ScriptScene {
            narration: said.collect::<Vec<_>>().join(" "),
            image_prompt: "the sea".to_owned(),
            ..ScriptScene::default()
        }
    };
    Script {
        title: title.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        scenes: (1..=3).map(scene).collect(),
    }
}

fn film_of<'a>(studio: &'a Studio, service: &FakeService) -> Film<'a> {
    let mut film = Film::new(studio, Arc::new(service.clone()), &bought());
    film.production.given.scenes.clear();
    film
}

/// What is wrong, as the writer was shown with each request.
fn faults_shown(service: &FakeService) -> Vec<Vec<String>> {
    let faults = |revision: &videofactory_providers::Revision| revision.faults.clone();
    let recorded = service.recorded();
    recorded.scripts.iter().map(|request| request.revision.as_ref().map(faults).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_script_of_the_wrong_length_is_asked_for_again_with_what_is_wrong() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    service.recorded().written.extend([Ok(written("Too short", 1)), Ok(written("Too long", 12))]);
    let mut film = film_of(&studio, &service);
    let made = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&made), made.message.as_str()), (3, "the storyboard has 3 scenes"));
    let shown = faults_shown(&service);
    assert_eq!((shown.len(), shown[0].len(), shown[1].len(), shown[2].len()), (3, 0, 1, 1), "{shown:?}");
    assert!(shown[1][0].contains("too short") && shown[2][0].contains("too long"), "{shown:?}");
    let storyboard: Storyboard = film.document(StepName::WriteScript).await;
    assert!(!storyboard.title.starts_with("Too "), "{}", storyboard.title);

    film.production.given.overrides = serde_json::from_value(json!([{"id": "s2", "skip": true}])).unwrap();
    assert_eq!(spent(&film.make(StepName::WriteScript).await), 0, "an override asks the writer again");
}

#[tokio::test]
async fn after_two_more_versions_the_best_is_taken_and_what_is_wrong_with_it_reported() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let versions =
        [("first", 12), ("second", 2), ("third", 1)].map(|(title, times)| Ok(written(title, times)));
    service.recorded().written.extend(versions);
    let mut film = film_of(&studio, &service);
    let made = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&made), service.recorded().scripts.len()), (3, 3));
    assert!(
        made.message.starts_with("the storyboard has 3 scenes; the script is too short"),
        "{}",
        made.message
    );
    let storyboard: Storyboard = film.document(StepName::WriteScript).await;
    assert_eq!(storyboard.title, "second");
}

#[tokio::test]
async fn another_version_waits_for_quota_of_its_own_and_what_was_bought_is_not_bought_again() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    service.recorded().written.push_back(Ok(written("Too short", 1)));
    let mut film = film_of(&studio, &service);
    film.allowance.submissions = 1;
    let first = film.run(StepName::WriteScript).await;
    assert_eq!((first.exit, spent(&first)), (ExitCode::TryLater, 1), "{}", first.message);
    assert_eq!(first.scenes.unwrap().left, Some(1), "the operator does not learn that one more is needed");
    let second = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&second), service.recorded().scripts.len()), (1, 2));
    assert!(faults_shown(&service)[1][0].contains("too short"), "{:?}", faults_shown(&service));
    assert_eq!(second.scenes.unwrap().left, None, "another script would be taken for bought");
}

#[tokio::test]
async fn a_better_script_is_not_asked_for_where_the_budget_has_no_room_for_it() {
    for (room, bought) in [(Some(0), 1), (Some(1), 1), (Some(2), 2), (None, 3)] {
        let (studio, service) = (Studio::open().await, FakeService::default());
        service.recorded().written.extend([1, 2, 1].map(|times| Ok(written("Short", times))));
        let mut film = film_of(&studio, &service);
        film.adjust = Box::new(move |input| input.affordable_scripts = room);
        let made = film.make(StepName::WriteScript).await;
        assert_eq!(
            (spent(&made), faults_shown(&service).len()),
            (bought, usize::try_from(bought).unwrap()),
            "{room:?}"
        );
        assert!(made.message.contains("too short"), "{}", made.message);
    }
}

#[tokio::test]
async fn a_survey_takes_the_version_that_is_there_where_the_budget_has_room_for_no_other() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    service.recorded().written.push_back(Ok(written("Short", 1)));
    let mut film = film_of(&studio, &service);
    film.allowance.submissions = 1;
    assert_eq!(film.run(StepName::WriteScript).await.exit, ExitCode::TryLater);
    film.adjust = Box::new(|input| {
        input.survey = true;
        input.affordable_scripts = Some(0);
    });
    let made = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&made), service.recorded().scripts.len()), (0, 1));
    let storyboard: Storyboard = film.document(StepName::WriteScript).await;
    assert_eq!(storyboard.title, "Short");
}

#[tokio::test]
async fn a_writer_that_gives_no_better_version_costs_no_film() {
    for error in [
        ProviderError::Refused { provider: "Acme", why: "the guidelines forbid it".to_owned() },
        ProviderError::Unexpected { provider: "Acme", message: "no JSON".to_owned() },
        ProviderError::OutcomeUnknown { provider: "Acme", message: "the connection was closed".to_owned() },
        ProviderError::CreditsUsedUp { provider: "Acme", message: "no credits are left".to_owned() },
    ] {
        let (studio, service) = (Studio::open().await, FakeService::default());
        service.recorded().written.extend([Ok(written("Short", 2)), Err(error.clone())]);
        let mut film = film_of(&studio, &service);
        let made = film.make(StepName::WriteScript).await;
        assert_eq!(service.recorded().scripts.len(), 2, "{error}");
        assert!(made.message.contains("too short"), "{}", made.message);
        let storyboard: Storyboard = film.document(StepName::WriteScript).await;
        assert_eq!(storyboard.title, "Short");
    }
}

#[tokio::test]
async fn a_script_leaves_room_for_the_intro_and_the_outro_of_the_channel() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = film_of(&studio, &service);
    film.make(StepName::WriteScript).await;
    let clip = "assets/intro.mp4";
    studio.put_media("color=red:s=64x64:r=25:d=4", clip, &["-pix_fmt", "yuv420p"]).await;
    clip.clone_into(&mut film.production.brand.intro);
    film.production.topic.push_str(", and more");
    film.make(StepName::WriteScript).await;
    let longest: Vec<_> = service.recorded().scripts.iter().map(|request| request.max).collect();
    assert_eq!(longest[0], longest[1] + std::time::Duration::from_secs(4));
}

#[tokio::test]
async fn the_embedded_writer_says_where_it_knows_nothing_and_how_to_get_a_real_script() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    for (topic, known) in [("Three facts about the deep ocean", true), ("The history of tax law", false)] {
        let mut film = Film::new(&studio, Arc::new(service.clone()), &json!({"sceneCount": 3}));
        film.production.given.scenes.clear();
        topic.clone_into(&mut film.production.topic);
        let message = film.make(StepName::WriteScript).await.message;
        assert_eq!(message == "the storyboard has 3 scenes", known, "{message}");
        for way in ["providers.script.accountRef", "spec.scenes"] {
            assert_eq!(message.contains(way), !known, "{message}");
        }
    }
    let own = Film::new(&studio, Arc::new(service.clone()), &json!({})).make(StepName::WriteScript).await;
    assert_eq!(own.message, "the storyboard has 3 scenes");
}
