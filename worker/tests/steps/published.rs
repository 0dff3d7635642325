//! What is published, and what stays published.

use super::support::*;
use super::*;

#[tokio::test]
async fn a_film_is_published_once_a_run_and_target_whatever_is_edited() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.settings.publish.targets =
        serde_json::from_value(json!([{"name": "main", "type": "Bucket"}])).unwrap();
    film.make_up_to(StepName::PublishVideo).await;
    let before = studio.keys("published/", "").await;
    let etags = studio.etags().await;

    film.settings.publish.targets =
        serde_json::from_value(json!([{"name": "main", "type": "Bucket", "title": "Another"}])).unwrap();
    let again = film.make(StepName::PublishVideo).await;
    let record: Publication = studio
        .bucket
        .get_json(before.iter().find(|key| key.ends_with("record.json")).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.publications, [record]);
    let after = studio.etags().await;
    assert!(before.iter().all(|key| after[key] == etags[key]));

    film.settings.publish.targets =
        serde_json::from_value(json!([{"name": "tube", "type": "YouTube", "accountRef": {"name": "a"}}]))
            .unwrap();
    refused(&film.run(StepName::PublishVideo).await, "needs accountRef");
}

#[tokio::test]
async fn an_edited_film_is_not_called_published_where_an_earlier_one_is() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes.truncate(1);
    film.settings.publish.targets =
        serde_json::from_value(json!([{"name": "main", "type": "Bucket"}])).unwrap();
    film.make_up_to(StepName::PublishVideo).await;
    let published = studio.keys("published/", "").await;
    let before = studio.etags().await;
    film.settings.captions.mode = videofactory_crds::settings::CaptionMode::None;
    film.make(StepName::AssembleVideo).await;
    refused(
        &film.run(StepName::PublishVideo).await,
        "target \"main\" has an earlier film of this run; request a restart",
    );
    let after = studio.etags().await;
    assert!(published.iter().all(|key| after[key] == before[key]), "a published film was replaced");
}

#[tokio::test]
async fn a_publication_that_is_stopped_leaves_no_record_so_that_an_edited_film_takes_its_place() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes.truncate(1);
    film.settings.publish.targets =
        serde_json::from_value(json!([{"name": "main", "type": "Bucket"}])).unwrap();
    film.make_up_to(StepName::AssembleVideo).await;
    let slow = Fault::always(Effect::Latency { ms: 3000 }).on("PutObject").for_keys("**/metadata.json");
    studio.proxy.set_faults(vec![slow]).unwrap();
    let running = film.start(StepName::PublishVideo);
    let thumbnail = || async { studio.keys("published/", "/thumbnail.jpg").await.len() == 1 };
    until("the thumbnail is there", thumbnail).await;
    running.terminate().await;
    let stopped = running.wait().await;
    assert_eq!((stopped.code, stopped.outcome.interrupted), (75, true), "{}", stopped.log);
    assert_eq!(studio.keys("published/", "/record.json").await, Vec::<String>::new());

    studio.proxy.set_faults(Vec::new()).unwrap();
    film.settings.captions.mode = videofactory_crds::settings::CaptionMode::None;
    film.make(StepName::AssembleVideo).await;
    film.make(StepName::PublishVideo).await;
    let edited: Film = document(&film, StepName::AssembleVideo, &studio).await;
    let key = studio.keys("published/", "/film.mp4").await.remove(0);
    assert_eq!(studio.bucket.head(&key).await.unwrap().unwrap().sha256, Some(edited.sha256));
}
