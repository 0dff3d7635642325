//! Pods that are stopped, lost or starved, and an operator that crashes: the film is finished, and no scene that was
//! done is made again.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DeleteParams;
use videofactory_crds::StepName;
use videofactory_crds::condition::StepState;
use videofactory_tests::e2e::bucket::{Artifacts, untouched};
use videofactory_tests::e2e::film::{NewFilm, attempts, fed};
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::half_drawn::{finishes_unharmed, half_drawn};
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::operator;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

#[tokio::test]
async fn a_deleted_pod_costs_no_finished_scene() {
    in_test_env("a_deleted_pod", async |env: TestEnv| {
        let (film, before) = half_drawn(&env).await?;
        let pod = film.running_pod(StepName::GenerateImages).await?;
        env.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await?;
        finishes_unharmed(&env, &film, &before).await
    })
    .await;
}

#[tokio::test]
async fn a_force_deleted_pod_costs_no_finished_scene() {
    in_test_env("a_force_deleted_pod", async |env: TestEnv| {
        let (film, before) = half_drawn(&env).await?;
        let pod = film.running_pod(StepName::GenerateImages).await?;
        let at_once = DeleteParams::default().grace_period(0);
        env.api::<Pod>().delete(&pod.name_any(), &at_once).await?;
        finishes_unharmed(&env, &film, &before).await
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_ran_out_of_memory_is_a_failure_and_is_tried_again() {
    in_test_env("out_of_memory", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).starved()).await?;
        let status = film
            .until("a failure of generate-images", |status| {
                status.step(StepName::GenerateImages).is_some_and(|step| step.failures.is_some())
            })
            .await?;
        let message =
            status.step(StepName::GenerateImages).and_then(|step| step.message.clone()).unwrap_or_default();
        ensure!(message.contains("memory"), "the message does not speak of memory: {message}");
        let before = film.artifacts().await?;
        film.edit(fed()).await?;
        let status = film.succeeded().await?;
        untouched(&before, &film.artifacts().await?)?;
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_pod_deleted_in_each_step_costs_that_attempt_only() {
    in_test_env("a_pod_deleted_in_each_step", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(2).without_retries()).await?;
        let mut before = Artifacts::new();
        for step in StepName::ALL {
            let pod = film.pod(step, "appear", |_| true).await?;
            // It may have ended meanwhile: the Job's record of it goes all the same.
            drop(env.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await);
            film.step(step, StepState::Succeeded).await?;
            let now = film.artifacts().await?;
            untouched(&before, &now)?;
            before = now;
        }
        let status = film.succeeded().await?;
        for step in StepName::ALL {
            ensure!(attempts(&status, step) <= 2, "{step} took {} attempts", attempts(&status, step));
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn disruptive_a_drained_pod_costs_no_finished_scene() {
    in_test_env("a_drained_pod", async |env: TestEnv| {
        let (film, before) = half_drawn(&env).await?;
        let pod = film.running_pod(StepName::GenerateImages).await?;
        let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
        let selector = format!("--pod-selector=videofactory.dev/uid={}", film.uid);
        let drain = ["drain", &node, &selector, "--ignore-daemonsets", "--delete-emptydir-data", "--force"];
        let drained = finally(ask(&drain), async { ask(&["uncordon", &node]).await.map(drop) }).await?;
        ensure!(drained.contains("evicting"), "nothing was evicted");
        finishes_unharmed(&env, &film, &before).await
    })
    .await;
}

#[tokio::test]
async fn disruptive_local_an_operator_killed_at_each_step_loses_nothing() {
    in_test_env("an_operator_killed", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(3)).await?;
        let mut before = Artifacts::new();
        for step in StepName::ALL {
            film.pod(step, "appear", |_| true).await?;
            operator::kill(&env.client).await?;
            film.step(step, StepState::Succeeded).await?;
            let now = film.artifacts().await?;
            untouched(&before, &now)?;
            before = now;
        }
        let status = film.succeeded().await?;
        for step in StepName::ALL {
            ensure!(attempts(&status, step) == 1, "{step} took {} attempts", attempts(&status, step));
        }
        let pods = env.monitor.attempts(&film.uid);
        ensure!(
            pods.values().all(|attempts| attempts == &[1]),
            "pods of several attempts were seen: {pods:?}"
        );
        Ok(())
    })
    .await;
}
