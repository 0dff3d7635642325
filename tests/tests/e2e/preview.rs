//! The preview: what is paid for until somebody approves it, and afterwards.

use anyhow::{Context as _, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;
use videofactory_crds::VideoJobStatus;
use videofactory_crds::condition::VideoJobReason;
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::bucket::untouched;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::{Operation, Service};

/// What is shown, as an approval names it.
fn shown(status: &VideoJobStatus) -> Option<String> {
    status.preview.as_ref()?.result.clone()
}

/// Four scenes, whose pictures and voices are paid for.
fn previewed() -> NewFilm {
    NewFilm::of(4).with(json!({
        "preview": {"scene": "s3"}, "publish": null,
        "providers": {
            "images": {"accountRef": {"name": "huggingface"}},
            "narration": {"accountRef": {"name": "gemini"}, "voice": "Kore"},
        },
    }))
}

#[tokio::test]
async fn a_scene_is_paid_for_alone_until_somebody_approves_it_and_not_again_with_the_others() {
    in_test_env("a_preview", async |env: TestEnv| {
        let artist = Account::new(&env, "huggingface", Service::HuggingFace).await?;
        let quota = json!({"name": "pictures", "limit": 50, "period": "2h", "operations": ["draw"]});
        artist.open(json!({"quotas": [quota]})).await?;
        let speaker = Account::new(&env, "gemini", Service::Gemini).await?;
        speaker.open(json!({})).await?;
        let has_paid = async |pictures: usize, voices: usize| -> anyhow::Result<()> {
            let drawn = artist.submissions(Operation::Image).await?.len();
            let spoken = speaker.submissions(Operation::Speech).await?.len();
            ensure!(
                (drawn, spoken) == (pictures, voices),
                "{drawn} pictures and {spoken} voices were paid for"
            );
            Ok(())
        };
        let film = env.create_film(previewed()).await?;
        film.says(VideoJobReason::PreviewReady).await?;
        has_paid(1, 1).await?;

        let first = shown(&film.status().await?).context("nothing is shown")?;
        let edit = json!([{"id": "s3", "narration": "Here the sea is darker than the night."}]);
        film.edit(json!({"sceneOverrides": edit})).await?;
        let status = film
            .until("another voice to be shown", |status| shown(status).is_some_and(|result| result != first))
            .await?;
        has_paid(1, 2).await?;

        let before = film.artifacts().await?;
        let (editor, viewer) = (
            Caller::with_role(&env, "editor", "edit").await?,
            Caller::with_role(&env, "viewer", "view").await?,
        );
        let path = format!("/jobs/{}/{}/approve", env.namespace, film.name);
        let seen = |result: &str| Some(json!({"result": result}));
        let result = shown(&status).context("nothing is shown")?;
        let forbidden = viewer.call(Method::POST, &path, seen(&result)).await?;
        ensure!(forbidden.status == StatusCode::FORBIDDEN, "{forbidden:?}");
        let outdated = editor.call(Method::POST, &path, seen(&first)).await?;
        ensure!(!outdated.status.is_success(), "an approval of what is not shown any more was taken");
        let approved = editor.call(Method::POST, &path, seen(&result)).await?;
        ensure!(approved.status.is_success(), "{approved:?}");
        film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        let pictures = artist.paid(Operation::Image).await?;
        ensure!(pictures.len() == 4 && pictures.values().all(|times| *times == 1), "{pictures:?}");
        // One request speaks all scenes that had no voice yet.
        has_paid(4, 3).await?;
        artist.usage_agrees("pictures", Operation::Image).await
    })
    .await;
}
