//! Scripts and pictures by an external service.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_pipeline::ExitCode;
use videofactory_pipeline::documents::Images;
use videofactory_providers::{ProviderError, Resume};

use crate::fake_service::FakeService;
use crate::support::Studio;
use crate::work::{ACCOUNT, Film, spent};

fn account_settings() -> serde_json::Value {
    json!({"providers": {"images": {"accountRef": {"name": ACCOUNT}, "model": "ink"}}})
}

#[tokio::test]
async fn a_refused_scene_keeps_no_other_and_only_it_is_drawn_again_once_it_is_changed() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    "trench".clone_into(&mut service.recorded().refuses);
    let first = film.run(StepName::GenerateImages).await;
    assert_eq!((first.exit, spent(&first)), (ExitCode::ContentRefused, 3), "{}", first.message);
    assert!(first.message.contains("scene s2") && first.message.contains("forbid"), "{}", first.message);
    let report = first.scenes.unwrap();
    assert_eq!((report.completed.to_string().as_str(), report.refused.to_string().as_str()), ("0,2", "1"));
    assert_eq!(report.left, Some(0));
    // Two pictures at the service's price, and the refused one at the account's.
    let cost: i64 = first.spent.iter().map(|spent| spent.cost.micros()).sum();
    assert_eq!(cost, 2 * 2_000 + 10_000);
    assert_eq!(service.recorded().secrets.iter().cloned().collect::<Vec<_>>(), ["acme-very-secret"]);

    let again = film.run(StepName::GenerateImages).await;
    assert_eq!((again.exit, spent(&again)), (ExitCode::ContentRefused, 0));
    assert_eq!(again.scenes.unwrap().refused.to_string(), "1");

    film.production.given.overrides =
        serde_json::from_value(json!([{"id": "s2", "imagePrompt": "a dark canyon"}])).unwrap();
    film.make(StepName::WriteScript).await;
    let done = film.make(StepName::GenerateImages).await;
    assert_eq!((spent(&done), done.model.as_str()), (1, "ink"));
    assert_eq!(service.recorded().pictures.len(), 4);
}

#[tokio::test]
async fn a_grant_for_less_than_all_scenes_draws_the_first_ones_and_says_what_is_left() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    film.allowance.submissions = 2;
    let first = film.run(StepName::GenerateImages).await;
    assert_eq!((first.exit, first.interrupted, spent(&first)), (ExitCode::TryLater, false, 2));
    assert!(first.message.starts_with("1 of 3 scenes"), "{}", first.message);
    let report = first.scenes.unwrap();
    assert_eq!((report.completed.to_string().as_str(), report.left), ("0-1", Some(1)));
    assert_eq!(first.rate_limit, None);
    film.make(StepName::GenerateImages).await;
    assert_eq!(service.recorded().pictures.len(), 3);
    assert_eq!(film.document::<Images>(StepName::GenerateImages).await.scenes.len(), 3);
}

#[tokio::test]
async fn what_a_service_says_of_its_limits_and_keys_reaches_the_outcome() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    let provider = "Acme";
    let limited = ProviderError::RateLimited {
        provider,
        message: "25 of 25".to_owned(),
        resume: Resume::After(Duration::from_mins(10)),
    };
    let wrong_key = ProviderError::Credentials { provider, message: "the key is wrong".to_owned() };
    let away = ProviderError::Unavailable { provider, message: "cannot connect".to_owned() };
    let lost = ProviderError::OutcomeUnknown { provider, message: "reset".to_owned() };
    // A service that is away is asked some times more.
    for (error, exit, spends, asked) in [
        (limited, ExitCode::TryLater, 0, 1..=1),
        (wrong_key, ExitCode::Credentials, 0, 1..=1),
        (away, ExitCode::ProviderDown, 0, 2..=8),
        (lost, ExitCode::ProviderDown, 1, 1..=1),
    ] {
        service.recorded().errors = vec![error.clone(); 20];
        film.allowance.submissions = 1;
        let outcome = film.run(StepName::GenerateImages).await;
        assert_eq!((outcome.exit, spent(&outcome)), (exit, spends), "{}", outcome.message);
        assert_eq!(outcome.rate_limit.is_some(), exit == ExitCode::TryLater);
        assert!(outcome.message.contains(&error.to_string()), "{}", outcome.message);
        let times = 20 - service.recorded().errors.len();
        assert!(asked.contains(&times), "it was asked {times} times");
    }
    // The answer for the first scene is lost once more: then it is not known, and the others continue.
    service.recorded().errors = vec![ProviderError::OutcomeUnknown { provider, message: "reset".to_owned() }];
    film.allowance.submissions = 1;
    assert_eq!(film.run(StepName::GenerateImages).await.exit, ExitCode::ProviderDown);
    film.allowance.submissions = 100;
    let asks = film.run(StepName::GenerateImages).await;
    assert_eq!((asks.exit, spent(&asks)), (ExitCode::ContentRefused, 2), "{}", asks.message);
    let report = asks.scenes.unwrap();
    assert_eq!((report.unknown.to_string().as_str(), report.completed.to_string().as_str()), ("0", "1-2"));
    assert!(report.refused.is_empty() && asks.message.contains("request a retry"), "{}", asks.message);
    assert_eq!(asks.unresolved.len(), 1);
    film.allow(asks.unresolved);
    film.make(StepName::GenerateImages).await;
}

#[tokio::test]
async fn a_service_that_asks_for_no_key_is_given_none() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.adjust = Box::new(|input| input.accounts.values_mut().for_each(|access| access.keyless = true));
    film.make(StepName::WriteScript).await;
    film.make(StepName::GenerateImages).await;
    let recorded = service.recorded();
    assert_eq!((recorded.pictures.len(), recorded.secrets.len()), (3, 0));
}

#[tokio::test]
async fn a_script_is_bought_once_whatever_is_overridden() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let setting = json!({"providers": {"script": {"accountRef": {"name": ACCOUNT}}}, "sceneCount": 3});
    let mut film = Film::new(&studio, Arc::new(service.clone()), &setting);
    film.production.given.scenes.clear();
    let first = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&first), first.scenes.unwrap().total), (1, 3));
    film.production.given.overrides = serde_json::from_value(json!([{"id": "s2", "skip": true}])).unwrap();
    let second = film.make(StepName::WriteScript).await;
    assert_eq!((spent(&second), service.recorded().scripts.len()), (0, 1));
}

#[tokio::test]
async fn an_external_step_that_a_later_attempt_has_overtaken_submits_nothing() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut film = Film::new(&studio, Arc::new(service.clone()), &account_settings());
    film.make(StepName::WriteScript).await;
    let (early, _root) = film.pod(StepName::GenerateImages);
    film.adjust = Box::new(|input| input.survey = true);
    let survey = film.run(StepName::GenerateImages).await;
    assert_eq!((survey.exit, survey.interrupted), (ExitCode::TryLater, false), "{}", survey.message);
    assert_eq!(survey.scenes.unwrap().left, Some(3));
    let late = videofactory_worker::steps::run(&early).await.unwrap_err();
    assert_eq!((late.exit(), service.recorded().pictures.len()), (ExitCode::TryLater, 0), "{late}");
}

#[tokio::test]
async fn pictures_of_a_character_go_along_and_a_missing_one_is_named() {
    let (studio, service) = (Studio::open().await, FakeService::default());
    let mut setting = account_settings();
    setting["characters"] =
        json!([{"name": "Ada", "description": "a fox", "referenceImages": ["assets/ada.png"]}]);
    let mut film = Film::new(&studio, Arc::new(service.clone()), &setting);
    film.production.given.scenes[0].characters = Some(vec!["Ada".to_owned()]);
    film.make(StepName::WriteScript).await;
    let missing = film.run(StepName::GenerateImages).await;
    assert_eq!(missing.exit, ExitCode::Configuration);
    assert!(missing.message.contains("assets/ada.png"), "{}", missing.message);
    let drawn = studio.keys("clips/", "/images/").await[0].clone();
    let bytes = studio.bucket.get(&drawn, 1 << 20).await.unwrap();
    let options = videofactory_storage::PutOptions::of_type("image/png");
    studio.bucket.put("assets/ada.png", bytes, &options).await.unwrap();
    film.make(StepName::GenerateImages).await;
    let recorded = service.recorded();
    let with: Vec<usize> =
        recorded.pictures.iter().flat_map(|p| &p.characters).map(|c| c.references.len()).collect();
    assert_eq!((with, recorded.pictures.len()), (vec![1], 3));
}
