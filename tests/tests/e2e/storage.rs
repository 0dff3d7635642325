//! A bucket that is pruned, backed up, full, and left by deleted jobs.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_crds::requests::{BACKUP, RETRY};
use videofactory_crds::storagepolicy::{BackupOutcome, PruneOutcome, StorageLevel};
use videofactory_crds::{StoragePolicy, StoragePolicyStatus, VideoJob};
use videofactory_pipeline::clock;
use videofactory_tests::e2e::film::{NewFilm, unpublished};
use videofactory_tests::e2e::policy::{cleaned, edit, keys};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{policy, wait};

#[tokio::test]
async fn a_run_deletes_what_was_foretold_and_what_it_deleted_is_not_made_again_without_asking() {
    in_test_env("a_run_deletes", async |env: TestEnv| {
        let film = env.create_film(unpublished("film")).await?;
        let kept = env.create_film(unpublished("kept")).await?;
        kept.patch(json!({"metadata": {"labels": {"keep": "true"}}})).await?;
        film.succeeded().await?;
        kept.succeeded().await?;
        edit(
            &env,
            json!({
                "rules": [{"kinds": ["clips"], "olderThan": "1s"}], "grace": "1s",
                "brakes": {"maxPercent": 100}, "protect": {"jobs": {"matchLabels": {"keep": "true"}}},
            }),
        )
        .await?;
        let before = keys(&env).await?;
        let foretold = cleaned(&env, true).await?;
        let planned = keys(&env).await?;
        let changed: Vec<&String> = before.symmetric_difference(&planned).collect();
        ensure!(changed.is_empty(), "a run that only plans changed something: {changed:?}");
        let run = cleaned(&env, false).await?;
        ensure!(run.outcome == Some(PruneOutcome::Completed), "{run:?}");
        ensure!(
            run.deleted_objects == foretold.deleted_objects,
            "{run:?} is not what was foretold: {foretold:?}"
        );
        let after = keys(&env).await?;
        let gone: Vec<&String> = before.difference(&after).collect();
        ensure!(gone.iter().all(|key| key.starts_with("clips/") && key.contains("/film-")), "{gone:?}");
        ensure!(
            i64::try_from(gone.len())? == run.deleted_objects.unwrap_or_default() && gone.len() > 2,
            "{gone:?}"
        );
        ensure!(!after.iter().any(|key| key.starts_with("clips/") && key.contains("/film-")), "{after:?}");

        let status = film.succeeded().await?;
        ensure!(status.artifacts.is_some_and(|files| files.pruned == ["clips"]), "the job does not know");
        film.edit(json!({"captions": {"mode": "None"}})).await?;
        let message = film.says(VideoJobReason::ArtifactsPruned).await?;
        ensure!(message.contains("retry"), "the message names no way out: {message}");
        film.annotate(RETRY, clock::now().to_string()).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_backup_holds_what_the_namespace_has_but_no_secret() {
    in_test_env("a_backup", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).with(json!({"suspend": true}))).await?;
        film.says(VideoJobReason::Suspended).await?;
        env.policy_says("default", "True", "Available").await?;
        policy::annotate(&env, BACKUP, clock::now().to_string()).await?;
        let done = |status: &StoragePolicyStatus| {
            status.backup.as_ref().is_some_and(|backup| backup.outcome == Some(BackupOutcome::Completed))
        };
        let status = policy::until(&env, "a backup", done).await?;
        let key = status.backup.and_then(|backup| backup.key).context("no key")?;
        let bytes = env.bucket_view.bucket().get(&key, 1 << 20).await?;
        let backup: Value = serde_json::from_slice(&bytes)?;
        let items = backup["items"].as_array().context("no items")?;
        let kinds: BTreeSet<&str> = items.iter().filter_map(|item| item["kind"].as_str()).collect();
        ensure!(kinds == BTreeSet::from(["StoragePolicy", "VideoJob"]), "{kinds:?}");
        let job = items.iter().find(|item| item["kind"] == "VideoJob").context("no job")?;
        ensure!(job["metadata"]["name"] == "film" && job["status"]["id"].is_string(), "{job}");
        let secret = env
            .api::<k8s_openapi::api::core::v1::Secret>()
            .get(videofactory_tests::e2e::site::SECRET)
            .await?;
        for value in secret.data.unwrap_or_default().into_values() {
            let value = String::from_utf8(value.0)?;
            ensure!(!String::from_utf8_lossy(&bytes).contains(&value), "a secret is in the backup");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_files_of_a_deleted_job_go_first_where_it_says_so_and_nobody_elses() {
    in_test_env("files_of_a_deleted_job", async |env: TestEnv| {
        let delete = json!({"artifacts": {"onDelete": "Delete"}});
        let film = env.create_film(unpublished("film").with(delete.clone())).await?;
        let other = env.create_film(unpublished("film-2")).await?;
        film.succeeded().await?;
        other.succeeded().await?;
        let jobs: Api<VideoJob> = env.api();
        jobs.delete("film", &DeleteParams::default()).await?;
        film.gone().await?;
        let left = env.bucket_view.list("").await?;
        let of = |part: &str| left.keys().filter(|key| key.contains(part)).count();
        // One name is the beginning of the other.
        ensure!(of("/film-2-") > 5 && of("/film-") == of("/film-2-"), "left: {:?}", left.keys());

        // Without a policy there is no way to the files: the job goes all the same.
        let stray = env.create_film(unpublished("stray").with(delete).with(json!({"suspend": true}))).await?;
        stray.until("a finalizer", |status| status.phase == Some(Phase::Suspended)).await?;
        env.api::<StoragePolicy>().delete("default", &DeleteParams::default()).await?;
        wait::until(&env.api::<StoragePolicy>(), wait::named("default"), "no policy", |all| {
            all.is_empty().then_some(())
        })
        .await?;
        jobs.delete("stray", &DeleteParams::default()).await?;
        stray.gone().await
    })
    .await;
}

#[tokio::test]
async fn new_jobs_wait_while_the_bucket_is_full_and_continue_automatically() {
    in_test_env("a_full_bucket", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1)).await?;
        film.succeeded().await?;
        edit(&env, json!({"capacity": {"limit": "1k"}})).await?;
        policy::until(&env, "a full bucket", |status| status.level == Some(StorageLevel::Full)).await?;
        let waiting = env.create_film(NewFilm::of(1).named("waiting")).await?;
        let message = waiting.says(VideoJobReason::StorageFull).await?;
        ensure!(waiting.jobs().await? == 0, "something was begun: {message}");
        edit(&env, json!({"capacity": {"limit": "10G"}})).await?;
        waiting.succeeded().await.map(drop)
    })
    .await;
}
