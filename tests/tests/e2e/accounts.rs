//! Accounts that are deleted, made again and changed while films spend from them.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{Phase, StepState, VideoJobReason};
use videofactory_net::ALLOWED_HOSTS_ANNOTATION;
use videofactory_tests::e2e::clips::clips_alone;
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::paid::{Account, quota};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, site};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

const STEP: StepName = StepName::AnimateScenes;

/// An account with two units in two hours, whose clips are not done as long as this fault is in force.
async fn of_two_units(env: &TestEnv, name: &str) -> anyhow::Result<Account> {
    let account = Account::new(env, name, Service::Xai).await?;
    account.open(quota(2, "2h")).await?;
    account.faults(&[Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
    Ok(account)
}

/// A film of so many clips, which this account pays for.
fn paid_by(account: &Account, scenes: usize, name: &str) -> NewFilm {
    let animation = json!({"providers": {"animation": {"accountRef": {"name": account.name}}}});
    clips_alone(scenes).with(animation).named(name)
}

/// Waits until the two scenes that there were units for are done, and the third waits for a unit.
async fn has_two_and_waits(film: &Film) -> anyhow::Result<()> {
    let status = film
        .until("two clips and a wait for the third", |status| {
            let scenes = status.step(STEP).and_then(|step| step.scenes.as_ref());
            let left = scenes.and_then(|scenes| scenes.left);
            status.phase == Some(Phase::Waiting) && status.resume_at.is_some() && left == Some(1)
        })
        .await?;
    let scenes = status.step(STEP).context("no step")?.scenes.clone().unwrap_or_default();
    ensure!(scenes.completed.as_deref() == Some("0-1"), "{scenes:?}");
    film.says(VideoJobReason::AwaitingQuota).await.map(drop)
}

#[tokio::test]
async fn an_account_deleted_and_made_again_in_mid_flight_exceeds_nothing_and_keeps_nobody() {
    in_test_env("an_account_made_again", async |env: TestEnv| {
        // One is made again while its film's attempt runs, one when the attempt has ended without it.
        let (soon, late) = (of_two_units(&env, "soon").await?, of_two_units(&env, "late").await?);
        let first = env.create_film(paid_by(&soon, 3, "first")).await?;
        let third = env.create_film(paid_by(&late, 3, "third")).await?;
        for account in [&soon, &late] {
            account.has_accepted(Operation::Video, 2).await?;
        }
        let second = env.create_film(paid_by(&soon, 1, "second")).await?;
        second.says(VideoJobReason::AwaitingQuota).await?;
        soon.delete().await?;
        late.delete().await?;
        second.says(VideoJobReason::ConfigurationInvalid).await?;
        soon.open(quota(2, "2h")).await?;
        soon.until("the open grant to be taken up", |account| {
            account.status.as_ref().is_some_and(|status| status.grants.len() == 1)
        })
        .await?;
        soon.faults(&[]).await?;
        late.faults(&[]).await?;
        third.says(VideoJobReason::ConfigurationInvalid).await?;
        late.open(quota(2, "2h")).await?;
        second.says(VideoJobReason::AwaitingQuota).await?;
        has_two_and_waits(&first).await?;
        has_two_and_waits(&third).await?;
        for account in [&soon, &late] {
            let paid = account.submissions(Operation::Video).await?.len();
            ensure!(paid == 2, "{} has paid for {paid} clips in a window of 2", account.name);
            account.open(quota(4, "2h")).await?;
        }
        for film in [&first, &second, &third] {
            film.step(STEP, StepState::Succeeded).await?;
        }
        for (account, clips) in [(&soon, 4), (&late, 3)] {
            let paid = account.submissions(Operation::Video).await?.len();
            ensure!(paid == clips, "{} has paid for {paid} of {clips} clips", account.name);
            account.usage_agrees("generations", Operation::Video).await?;
        }
        let panics = operator::panics().await?;
        ensure!(panics.is_empty(), "{panics:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_quota_renamed_and_a_secret_replaced_in_mid_flight_change_no_grant() {
    in_test_env("an_account_changed", async |env: TestEnv| {
        let grok = of_two_units(&env, "grok").await?;
        let film = env.create_film(paid_by(&grok, 3, "film")).await?;
        grok.has_accepted(Operation::Video, 2).await?;
        env.put(json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": {"apiKey": grok.key},
            "metadata": {"name": "new-keys", "annotations": {ALLOWED_HOSTS_ANNOTATION: site::fakes_host()}},
        }))
        .await?;
        let changed = |limit: i64| {
            json!({
                "secretRef": {"name": "new-keys"},
                "quotas": [{"name": "clips", "limit": limit, "period": "2h", "operations": ["animate"]}],
            })
        };
        grok.open(changed(2)).await?;
        env.api::<Secret>().delete("grok-keys", &DeleteParams::default()).await?;
        grok.faults(&[]).await?;
        has_two_and_waits(&film).await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 2, "more than there were units for");
        let message = film.says(VideoJobReason::AwaitingQuota).await?;
        ensure!(message.contains("\"clips\""), "the renamed quota is not in: {message}");
        grok.open(changed(3)).await?;
        film.step(STEP, StepState::Succeeded).await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 3, "not one each");
        grok.usage_agrees("clips", Operation::Video).await?;
        let panics = operator::panics().await?;
        ensure!(panics.is_empty(), "{panics:?}");
        Ok(())
    })
    .await;
}

/// A film whose pictures the account `grok` draws.
fn drawn_by_grok(name: &str) -> NewFilm {
    let images = json!({"providers": {"images": {"accountRef": {"name": "grok"}}}});
    NewFilm::of(1)
        .with(json!({"publish": null, "review": {"after": ["generate-images"]}}))
        .with(images)
        .named(name)
}

#[tokio::test]
async fn a_film_that_fails_in_a_parallel_step_does_not_block_an_account_that_serves_one_at_a_time() {
    in_test_env("failed_in_parallel", async |env: TestEnv| {
        let grok = Account::new(&env, "grok", Service::Xai).await?;
        grok.open(json!({"maxConcurrent": 1})).await?;
        grok.faults(&[Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
        let first = env.create_film(clips_alone(1).named("first")).await?;
        grok.has_accepted(Operation::Video, 1).await?;
        // A minute of speech in less memory than it needs, while it waits for its pictures.
        let hopeless = json!({
            "retry": {"limit": 0},
            "sceneOverrides": [{"id": "s1", "narration": "The sea is deep and dark and cold. ".repeat(28)}],
            "compute": {"steps": {"narrate-scenes": {"resources": {"limits": {"memory": "8Mi"}}}}},
        });
        let second = env.create_film(drawn_by_grok("second").with(hopeless)).await?;
        second
            .until("a demand for its pictures", |status| {
                status.step(StepName::GenerateImages).is_some_and(|step| !step.demands.is_empty())
            })
            .await?;
        second.phase(Phase::Failed).await?;
        let third = env.create_film(drawn_by_grok("third")).await?;
        third.says(VideoJobReason::AwaitingQuota).await?;
        grok.faults(&[]).await?;
        first.step(STEP, StepState::Succeeded).await?;
        third.step(StepName::GenerateImages, StepState::Succeeded).await?;
        grok.until("nothing to be held", |account| {
            account.status.as_ref().is_some_and(|status| status.grants.is_empty())
        })
        .await?;
        let status = second.status().await?;
        let asked =
            status.step(StepName::GenerateImages).map(|step| step.demands.clone()).unwrap_or_default();
        ensure!(asked.is_empty(), "the failed film still asks: {asked:?}");
        Ok(())
    })
    .await;
}
