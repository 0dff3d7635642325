//! Nothing paid for is made twice, whoever dies and whenever.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;
use videofactory_crds::StepName;
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_tests::e2e::clips::animated;
use videofactory_tests::e2e::film::{Film, attempts};
use videofactory_tests::e2e::operator;
use videofactory_tests::e2e::paid::{Account, roomy};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

/// Kills the worker of a step's pod with SIGKILL.
async fn kill_worker(film: &Film, step: StepName) -> anyhow::Result<()> {
    let pod = film.running_pod(step).await?;
    operator::sigkill_in(&pod.uid().unwrap_or_default(), "videofactory-worker")
}

/// Kills the worker when the service has seen so many requests of a kind, and finishes the film.
async fn killed_at(name: &str, fault: Fault, seen: &'static str, unknown: bool) {
    in_test_env(name, async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[fault]).await?;
        let film = env.create_film(animated(2).without_retries()).await?;
        videofactory_tests::e2e::wait::asked(seen, async || {
            let ledger = grok.ledger().await?;
            Ok((ledger.requests.get(seen).copied().unwrap_or_default() >= 1).then_some(()))
        })
        .await?;
        kill_worker(&film, StepName::AnimateScenes).await?;
        film.until("another attempt", |status| attempts(status, StepName::AnimateScenes) >= 2).await?;
        grok.faults(&[]).await?;
        film.succeeded().await?;
        let most = if unknown { 2 } else { 1 };
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == 2 && paid.values().all(|times| *times <= most), "paid: {paid:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_killed_before_it_is_answered_pays_at_most_twice() {
    let fault = Fault::always(Effect::HoldAnswer).of(Service::Xai).on(Operation::Video).times(1);
    killed_at("killed_before_answer", fault, "xai/video", true).await;
}

#[tokio::test]
async fn a_worker_killed_while_it_polls_pays_once() {
    let fault = Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll);
    killed_at("killed_while_polling", fault, "xai/poll", false).await;
}

#[tokio::test]
async fn a_worker_killed_in_a_download_pays_once() {
    let fault = Fault::always(Effect::HoldAnswer).of(Service::Xai).on(Operation::Download);
    killed_at("killed_in_download", fault, "xai/download", false).await;
}

#[tokio::test]
async fn a_pod_deleted_by_force_while_it_polls_pays_once() {
    in_test_env("forced_while_polling", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
        let film = env.create_film(animated(3)).await?;
        videofactory_tests::e2e::wait::asked("three submissions", async || {
            Ok((grok.submissions(Operation::Video).await?.len() == 3).then_some(()))
        })
        .await?;
        let pod = film.running_pod(StepName::AnimateScenes).await?;
        env.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
        film.until("another attempt", |status| attempts(status, StepName::AnimateScenes) >= 2).await?;
        grok.faults(&[]).await?;
        film.succeeded().await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 3, "a clip was paid for twice");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}

/// Other tests take a dead operator's Lease away, to save time.
#[tokio::test]
async fn serial_local_an_operator_that_waits_for_a_dead_ones_lease_pays_nothing_twice() {
    in_test_env("waits_for_the_lease", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        let film = env.create_film(animated(2)).await?;
        film.running_pod(StepName::AnimateScenes).await?;
        let before = operator::lease_transitions(&env.client).await?;
        operator::kill_keeping_lease(&env.client).await?;
        film.succeeded().await?;
        let after = operator::lease_transitions(&env.client).await?;
        ensure!(after == before + 1, "the Lease passed on {} times, not once", after - before);
        ensure!(grok.submissions(Operation::Video).await?.len() == 2, "not one each");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_named_and_the_film_continues_when_it_is_fixed() {
    in_test_env("a_wrong_key", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::WrongKey).of(Service::Xai).on(Operation::Video)]).await?;
        let film = env.create_film(animated(1)).await?;
        let message = film.says(VideoJobReason::CredentialsInvalid).await?;
        ensure!(!message.contains(&grok.key), "the message holds the key");
        let other = env.create_film(videofactory_tests::e2e::film::NewFilm::of(1).named("other")).await?;
        other.succeeded().await?;
        grok.faults(&[]).await?;
        grok.renew_key().await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_refused_scene_waits_for_another_prompt_and_the_others_are_made() {
    in_test_env("a_refused_scene", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Moderated).of(Service::Xai).on(Operation::Poll).saying("blood")])
            .await?;
        let scenes = json!([
            {"id": "s1", "narration": "One.", "imagePrompt": "a", "motionPrompt": "slow waves"},
            {"id": "s2", "narration": "Two.", "imagePrompt": "b", "motionPrompt": "blood everywhere"},
            {"id": "s3", "narration": "Three.", "imagePrompt": "c", "motionPrompt": "a gull"},
        ]);
        let film = env.create_film(animated(3).with(json!({"scenes": scenes}))).await?;
        film.says(VideoJobReason::ContentRefused).await?;
        let status = film.phase(Phase::Waiting).await?;
        let scenes =
            status.step(StepName::AnimateScenes).and_then(|step| step.scenes.clone()).unwrap_or_default();
        ensure!(
            scenes.refused.as_deref() == Some("1") && scenes.completed.as_deref() == Some("0,2"),
            "{scenes:?}"
        );
        film.edit(json!({"sceneOverrides": [{"id": "s2", "motionPrompt": "calm water"}]})).await?;
        film.succeeded().await?;
        let all = grok.submissions(Operation::Video).await?;
        ensure!(all.len() == 4, "{} submissions", all.len());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_scene_refused_when_it_is_submitted_keeps_neither_the_others_nor_another_film() {
    in_test_env("refused_at_submission", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Moderated)
            .of(Service::Xai)
            .on(Operation::Video)
            .saying("blood")])
            .await?;
        let scenes = json!([
            {"id": "s1", "narration": "One.", "imagePrompt": "a", "motionPrompt": "blood everywhere"},
            {"id": "s2", "narration": "Two.", "imagePrompt": "b", "motionPrompt": "slow waves"},
        ]);
        let film = env.create_film(animated(2).with(json!({"scenes": scenes}))).await?;
        let other = env.create_film(animated(1).named("other")).await?;
        let message = film.says(VideoJobReason::ContentRefused).await?;
        ensure!(message.contains("s1") && message.contains("content moderation"), "{message}");
        other.succeeded().await?;
        let status = film.phase(Phase::Waiting).await?;
        let scenes =
            status.step(StepName::AnimateScenes).and_then(|step| step.scenes.clone()).unwrap_or_default();
        let (refused, done) = (scenes.refused.as_deref(), scenes.completed.as_deref());
        ensure!(refused == Some("0") && done == Some("1"), "{scenes:?}");
        film.edit(json!({"sceneOverrides": [{"id": "s1", "motionPrompt": "calm water"}]})).await?;
        film.succeeded().await?;
        let paid = grok.paid(Operation::Video).await?;
        ensure!(paid.len() == 3 && paid.values().all(|times| *times == 1), "{paid:?}");
        // What is refused when it is submitted counts at the service, too.
        grok.usage_exceeds("generations", Operation::Video, 1).await
    })
    .await;
}

#[tokio::test]
async fn used_up_credits_are_named_and_the_film_continues_automatically_when_there_are_some_again() {
    in_test_env("used_up_credits", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::CreditsUsedUp).of(Service::Xai).on(Operation::Video)]).await?;
        let film = env.create_film(animated(2).without_retries()).await?;
        let spare = Account::new(&env, "spare", Service::Xai).await?;
        spare.open(json!({})).await?;
        let by_spare = json!({"providers": {"animation": {"accountRef": {"name": "spare"}}}});
        let other = env.create_film(animated(1).named("other").with(by_spare)).await?;
        let message = film.says(VideoJobReason::CredentialsInvalid).await?;
        ensure!(message.contains("credits are used up"), "{message}");
        other.succeeded().await?;
        // Nothing changes but at the service: neither the account nor its Secret, nor the film.
        grok.faults(&[]).await?;
        film.succeeded().await?;
        ensure!(grok.submissions(Operation::Video).await?.len() == 2, "not one each");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_down_is_waited_for() {
    in_test_env("a_service_down", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Status { code: 503 }).of(Service::Xai)]).await?;
        let film = env.create_film(animated(1).without_retries()).await?;
        film.says(VideoJobReason::ProviderUnavailable).await?;
        grok.faults(&[]).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn no_key_is_in_any_log_event_or_status() {
    in_test_env("no_key_anywhere", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Status { code: 400 }).of(Service::Xai).times(1)]).await?;
        let film = env.create_film(animated(1)).await?;
        film.until("the attempt to end", |status| {
            status.step(StepName::AnimateScenes).is_some_and(|step| step.finished_at.is_some())
        })
        .await?;
        let text = env.evidence().await;
        ensure!(text.contains("animate-scenes"), "nothing was gathered");
        ensure!(!text.contains(&grok.key), "the key is in a log, an Event or a status");
        Ok(())
    })
    .await;
}
