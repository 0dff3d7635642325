//! What people ask of a job by annotation and by suspending it.

use anyhow::ensure;
use serde_json::{Value, json};
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_crds::{StepName, requests};
use videofactory_tests::e2e::bucket::{only, untouched};
use videofactory_tests::e2e::film::{NewFilm, attempts, fed};
use videofactory_tests::e2e::half_drawn::{SCENES, few_pictures, half_drawn, until_half_drawn};
use videofactory_tests::e2e::kubectl::kubectl;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

#[tokio::test]
async fn a_retry_continues_at_the_step_that_failed() {
    in_test_env("a_retry", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).starved().with(json!({"retry": {"limit": 0}}))).await?;
        let failed = film.phase(Phase::Failed).await?;
        film.says(VideoJobReason::RetriesExhausted).await?;
        let before = film.artifacts().await?;
        film.edit(fed()).await?;
        film.annotate(requests::RETRY, "2026-01-01T00:00:01Z").await?;
        let status = film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        ensure!(attempts(&status, StepName::NarrateScenes) == 1, "narrate-scenes ran again");
        let (first, last) =
            (attempts(&failed, StepName::GenerateImages), attempts(&status, StepName::GenerateImages));
        ensure!(last == first + 1, "generate-images failed in attempt {first} and ended in attempt {last}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_restart_begins_the_next_run_and_leaves_the_last_ones_files() {
    in_test_env("a_restart", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1)).await?;
        film.succeeded().await?;
        let before = film.artifacts().await?;
        film.annotate(requests::RESTART, "2026-01-01T00:00:01Z").await?;
        let again = |run: &Option<i64>| *run == Some(2);
        let status = film
            .until("run 2 to succeed", |status| again(&status.run) && status.phase == Some(Phase::Succeeded))
            .await?;
        let after = film.artifacts().await?;
        untouched(&before, &after)?;
        for part in ["/images/", "/voices/", "videos/", "published/"] {
            let (first, all) = (only(before.keys(), part).len(), only(after.keys(), part).len());
            ensure!(first > 0 && all == 2 * first, "{part}: {first} keys after run 1, {all} after run 2");
        }
        ensure!(attempts(&status, StepName::WriteScript) == 2, "attempts do not count on: {status:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_held_job_stops_survives_an_apply_and_continues_where_it_was() {
    in_test_env("a_held_job", async |env: TestEnv| {
        let manifest = NewFilm::of(SCENES).manifest().to_string();
        env.faults(vec![few_pictures()]).await?;
        apply(&env, &manifest).await?;
        let job = env.api::<videofactory_crds::VideoJob>().get("film").await?;
        let film = videofactory_tests::e2e::film::Film::new(env.clone(), &job);
        until_half_drawn(&film).await?;
        film.annotate(requests::HOLD, "the voice is too quick").await?;
        film.phase(Phase::Suspended).await?;
        let message = film.says(VideoJobReason::Held).await?;
        ensure!(message.contains("the voice is too quick"), "{message}");
        // Pictures are held until then, so that the pod cannot end well by itself.
        env.no_live_pods().await?;
        env.faults(Vec::new()).await?;
        let before = film.artifacts().await?;
        apply(&env, &manifest).await?;
        let status = film.phase(Phase::Suspended).await?;
        ensure!(status.resume_at.is_none(), "a held job has a time: {status:?}");
        film.annotate(requests::HOLD, Value::Null).await?;
        let status = film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_suspended_job_continues_from_its_checkpoint() {
    in_test_env("a_suspended_job", async |env: TestEnv| {
        let (film, before) = half_drawn(&env).await?;
        film.edit(json!({"suspend": true})).await?;
        film.phase(Phase::Suspended).await?;
        film.says(VideoJobReason::Suspended).await?;
        env.no_live_pods().await?;
        env.faults(Vec::new()).await?;
        film.edit(json!({"suspend": false})).await?;
        let status = film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        ensure!(attempts(&status, StepName::GenerateImages) == 2, "generate-images: {:?}", status.steps);
        Ok(())
    })
    .await;
}

async fn apply(env: &TestEnv, manifest: &str) -> anyhow::Result<()> {
    let said = kubectl(&["-n", &env.namespace, "apply", "-f", "-"], manifest).await?;
    ensure!(said.well, "{}", said.err);
    Ok(())
}
