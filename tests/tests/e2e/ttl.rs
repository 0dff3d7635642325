//! Jobs that go by themselves and are applied again, and jobs whose files are another cluster's.

use anyhow::ensure;
use k8s_openapi::api::events::v1::Event;
use kube::api::DeleteParams;
use kube::runtime::watcher;
use serde_json::json;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::{self, ConditionType, VideoJobReason};
use videofactory_operator::storagepolicy::ownership::MARKER_KEY;
use videofactory_pipeline::keys::TOMBSTONES;
use videofactory_storage::PutOptions;
use videofactory_tests::e2e::bucket::written;
use videofactory_tests::e2e::film::{Film, NewFilm, unpublished};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;

/// What git holds.
fn manifest() -> NewFilm {
    NewFilm::of(1).with(json!({"ttlAfterFinished": "1s"}))
}

async fn tombstones(env: &TestEnv) -> anyhow::Result<usize> {
    Ok(env.bucket_view.list(TOMBSTONES).await?.len())
}

/// Applied again: it says that it was made before, is healthy, and begins nothing.
async fn already_made(film: &Film) -> anyhow::Result<()> {
    let message = film.says(VideoJobReason::AlreadyMade).await?;
    ensure!(message.contains("restart-requested-at"), "no way out: {message}");
    let status = film.succeeded().await?;
    for kind in [ConditionType::Ready, ConditionType::Succeeded] {
        ensure!(condition::is_true(&status.conditions, kind), "{kind} is not True: {:?}", status.conditions);
    }
    ensure!(film.jobs().await? == 0, "something was begun");
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_applied_again_after_its_time_to_live_is_made_and_published_once() {
    in_test_env("applied_again", async |env: TestEnv| {
        env.create_film(manifest()).await?.gone().await?;
        ensure!(tombstones(&env).await? == 1, "no tombstone");
        let before = env.bucket_view.list("").await?;
        ensure!(before.keys().any(|key| key.starts_with("published/")), "it was not published");
        let again = env.create_film(manifest()).await?;
        already_made(&again).await?;
        // Deleted by a person, and applied again: no tombstone more, and none less.
        env.api::<VideoJob>().delete(&again.name, &DeleteParams::default()).await?;
        again.gone().await?;
        let again = env.create_film(manifest()).await?;
        already_made(&again).await?;
        let after = env.bucket_view.list("").await?;
        ensure!(written(&before, &after).is_empty(), "made again: {:?}", written(&before, &after));
        again.edit(json!({"sceneOverrides": [{"id": "s1", "narration": "Another word."}]})).await?;
        again.gone().await?;
        ensure!(tombstones(&env).await? == 2, "the changed film left no tombstone");
        let after = written(&before, &env.bucket_view.list("").await?);
        ensure!(after.iter().any(|key| key.starts_with("published/")), "the changed film: {after:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_job_deletes_no_file_in_a_place_that_is_another_clusters() {
    in_test_env("anothers_files", async |env: TestEnv| {
        let spec = json!({"artifacts": {"onDelete": "Delete"}, "ttlAfterFinished": "365d"});
        let film = env.create_film(unpublished("film").with(spec)).await?;
        film.succeeded().await?;
        let mark = json!({"cluster": "first", "policy": "films/default", "since": "2026-01-01T00:00:00Z"});
        env.bucket_view.bucket().put(MARKER_KEY, mark.to_string(), &PutOptions::default()).await?;
        let before = film.artifacts().await?;
        env.policy_says("default", "True", "Available").await?;
        // Its time to live passes before anybody has noticed whose the place is.
        film.edit(json!({"ttlAfterFinished": "1s"})).await?;
        event(&env, &film, "TombstoneNotWritten").await?;
        env.api::<VideoJob>().delete(&film.name, &DeleteParams::default()).await?;
        event(&env, &film, "FilesKept").await?;
        film.gone().await?;
        ensure!(film.artifacts().await? == before, "another cluster's files were touched");
        ensure!(tombstones(&env).await? == 0, "a tombstone was left in another's place");
        Ok(())
    })
    .await;
}

/// Waits until an Event says so.
async fn event(env: &TestEnv, film: &Film, reason: &str) -> anyhow::Result<()> {
    let uid = Some(film.uid.as_str());
    wait::until(&env.api::<Event>(), watcher::Config::default(), &format!("an Event {reason}"), |all| {
        let about = |event: &Event| event.regarding.as_ref().and_then(|object| object.uid.as_deref()) == uid;
        all.values().any(|event| about(event) && event.reason.as_deref() == Some(reason)).then_some(())
    })
    .await
}
