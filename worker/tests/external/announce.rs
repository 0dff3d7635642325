//! Films that somebody is informed of.

use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::provideraccount::Provider;
use videofactory_crds::videojob::PublicationState;
use videofactory_pipeline::ExitCode;

use crate::site::{Site, Trouble};
use crate::support::Studio;
use crate::upload::ready;
use crate::work::{ACCOUNT, spent};

#[tokio::test]
async fn a_film_is_announced_with_a_link_and_again_with_the_same_key_after_a_lost_answer() {
    let (studio, site) = (Studio::open().await, Site::default());
    let targets = json!({"publish": {"targets": [
        {"name": "social", "type": "Webhook", "accountRef": {"name": ACCOUNT}, "title": "News: {{title}}"},
        {"name": "home", "type": "Bucket"},
    ]}});
    let mut film = ready(&studio, &site, &targets).await;
    film.provider = Provider::Webhook;
    // The pod dies before it sees the first answer; then the receiver is away, for longer than is waited on the spot.
    site.state().trouble.push_back((0, Trouble::CutAfter));
    site.state().trouble.extend((1..20).map(|call| (call, Trouble::Away)));
    let (pod, _root) = film.pod(StepName::PublishVideo);
    assert!(site.run(&pod).await.is_none());
    let away = film.run(StepName::PublishVideo).await;
    assert_eq!(away.exit, ExitCode::ProviderDown, "{}", away.message);
    let home = away.publications.iter().find(|publication| publication.target == "home");
    assert_eq!(home.unwrap().state, PublicationState::Published, "one target held the other back");
    site.state().trouble.clear();

    let done = film.make(StepName::PublishVideo).await;
    assert_eq!((done.publications.len(), spent(&done)), (2, 1));
    let state = site.state();
    let keys: Vec<&str> = state.announced.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["vf-3f9c2a1e-r1-social"; 2]);
    let reported = &state.announced[0].0;
    assert_eq!((reported.title.as_str(), reported.target.as_str()), ("News: The deep sea", "social"));
    assert!(reported.film.url.contains("X-Amz-Signature") && reported.thumbnail.is_some());
}

#[tokio::test]
async fn a_service_that_cannot_do_what_is_asked_is_named() {
    let studio = Studio::open().await;
    let targets = json!({"publish": {"targets": [{"name": "tube", "type": "YouTube", "accountRef": {"name": ACCOUNT}}]}});
    let site = Site::default();
    let mut film = ready(&studio, &site, &targets).await;
    film.provider = Provider::Gemini;
    film.provider_factory = std::sync::Arc::new(crate::fake_service::FakeService::default());
    let outcome = film.run(StepName::PublishVideo).await;
    assert_eq!(outcome.exit, ExitCode::Configuration);
    assert!(outcome.message.contains("Gemini does not publish videos"), "{}", outcome.message);
}

#[tokio::test]
async fn a_link_that_leads_into_the_cluster_is_reported() {
    let (studio, site) = (Studio::open().await, Site::default());
    let targets = json!({"publish": {"targets": [
        {"name": "social", "type": "Webhook", "accountRef": {"name": ACCOUNT}},
        {"name": "home", "type": "Bucket"},
    ]}});
    let mut film = ready(&studio, &site, &targets).await;
    film.provider = Provider::Webhook;
    let reported = "published to social, home; social: its link to the film leads to http://127.0.0.1:";
    for (public, expected) in [("https://films.test", false), ("", true)] {
        film.adjust = Box::new(|input| input.bucket.public_endpoint = public.to_owned());
        // The second time it is published already, and the link is no better.
        let done = film.make(StepName::PublishVideo).await;
        assert_eq!(done.message.starts_with(reported), expected, "{public:?}: {}", done.message);
    }
}
