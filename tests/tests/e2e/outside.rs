//! Films that outside services make and publish, from topic to channel.

use anyhow::{Context as _, ensure};
use serde_json::json;
use sha2::Digest as _;
use videofactory_crds::condition::VideoJobReason;
use videofactory_crds::videojob::{PublicationState, VideoJobStatus};
use videofactory_crds::{StepName, condition::StepState};
use videofactory_storage::PutOptions;
use videofactory_tests::e2e::film::{NewFilm, attempts};
use videofactory_tests::e2e::operator;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;
use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

/// Opens an account of this service under the service's name.
async fn open(env: &TestEnv, service: Service) -> anyhow::Result<Account> {
    let account = Account::new(env, service.name(), service).await?;
    account.open(json!({})).await?;
    Ok(account)
}

/// A film that is published to a channel.
fn for_a_channel(scenes: usize) -> NewFilm {
    NewFilm::of(scenes).with(json!({
        "publish": {"targets": [{"name": "main", "type": "YouTube", "accountRef": {"name": "youtube"}, "title": "{{title}}"}]},
    }))
}

fn publication(status: &VideoJobStatus, target: &str) -> anyhow::Result<Option<PublicationState>> {
    let found = status.publications.iter().find(|publication| publication.target == target);
    Ok(found.with_context(|| format!("no publication to {target}"))?.state)
}

#[tokio::test]
async fn outside_services_make_a_film_from_a_topic_and_publish_it() {
    in_test_env("outside_services", async |env: TestEnv| {
        let gemini = open(&env, Service::Gemini).await?;
        let pictures = open(&env, Service::HuggingFace).await?;
        let clips = open(&env, Service::Xai).await?;
        let channel = open(&env, Service::YouTube).await?;
        let hook = open(&env, Service::Webhook).await?;
        let new_film = NewFilm::of(0).with(json!({
            "scenes": null, "topic": "Why whales sing", "sceneCount": 3, "length": {"target": "12s"},
            "providers": {
                "script": {"accountRef": {"name": "gemini"}}, "images": {"accountRef": {"name": "huggingface"}},
                "animation": {"accountRef": {"name": "xai"}}, "narration": {"accountRef": {"name": "gemini"}, "voice": "Kore"},
            },
            "publish": {"targets": [
                {"name": "main", "type": "YouTube", "accountRef": {"name": "youtube"}},
                {"name": "networks", "type": "Webhook", "accountRef": {"name": "webhook"}},
            ]},
        }));
        let film = env.create_film(new_film).await?;
        let status = film.succeeded().await?;
        ensure!(gemini.submissions(Operation::Script).await?.len() == 1, "not one script");
        ensure!(gemini.submissions(Operation::Speech).await?.len() == 1, "not one request for all the narration");
        ensure!(pictures.submissions(Operation::Image).await?.len() == 3, "not a picture each");
        ensure!(clips.submissions(Operation::Video).await?.len() == 3, "not a clip each");
        for target in ["main", "networks"] {
            let state = publication(&status, target)?;
            ensure!(state == Some(PublicationState::Published), "{target}: {state:?}");
        }
        let uploads = channel.ledger().await?.uploads;
        ensure!(uploads.len() == 1 && uploads[0].complete, "{uploads:?}");
        ensure!(hook.ledger().await?.deliveries.len() == 1, "not one call of the webhook");
        ensure!(status.cost.and_then(|cost| cost.actual).is_some(), "no cost was recorded");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_is_cut_again_and_again_is_one_video_in_the_end() {
    in_test_env("an_upload_that_is_cut", async |env: TestEnv| {
        let channel = open(&env, Service::YouTube).await?;
        channel
            .faults(&[
                Fault::always(Effect::CutUpload { bytes: 20_000 }).on(Operation::Chunk).times(1),
                Fault::always(Effect::Status { code: 503 }).on(Operation::Chunk).after(1).times(1),
                Fault::always(Effect::NoRange).on(Operation::Query).times(1),
                Fault::always(Effect::LoseAnswer).on(Operation::Chunk).after(2).times(1),
            ])
            .await?;
        let film = env.create_film(for_a_channel(2)).await?;
        let status = film.succeeded().await?;
        let complete: Vec<_> =
            channel.ledger().await?.uploads.into_iter().filter(|upload| upload.complete).collect();
        ensure!(complete.len() == 1, "{} videos are on the channel", complete.len());
        let key = status.artifacts.and_then(|artifacts| artifacts.video).context("no film")?.key;
        let bytes = env.bucket_view.bucket().get(&key, 1 << 28).await?;
        ensure!(complete[0].bytes == bytes.len() as u64, "the video has other bytes than the film");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_killed_in_an_upload_leaves_one_video() {
    in_test_env("killed_in_an_upload", async |env: TestEnv| {
        let channel = open(&env, Service::YouTube).await?;
        channel.faults(&[Fault::always(Effect::HoldAnswer).on(Operation::Chunk).times(1)]).await?;
        let film = env.create_film(for_a_channel(2)).await?;
        wait::asked("a part of the upload", async || {
            let seen = channel.ledger().await?.requests.get("youtube/chunk").copied().unwrap_or_default();
            Ok((seen >= 1).then_some(()))
        })
        .await?;
        let pod = film.running_pod(StepName::PublishVideo).await?;
        operator::sigkill_in(&pod.metadata.uid.unwrap_or_default(), "videofactory-worker")?;
        film.until("another attempt", |status| attempts(status, StepName::PublishVideo) >= 2).await?;
        channel.faults(&[]).await?;
        film.succeeded().await?;
        let uploads = channel.ledger().await?.uploads;
        ensure!(uploads.iter().filter(|upload| upload.complete).count() == 1, "{uploads:?}");
        Ok(())
    })
    .await;
}

/// A picture that no encoder can make small: a film of a few seconds of it is uploaded in several parts.
fn noise() -> anyhow::Result<Vec<u8>> {
    let (width, height) = (1536, 864);
    let mut seed = 1_u64;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    })
    .take(width * height * 3)
    .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// A film of some 20 MB; the uploader sends 8 MiB at a time.
async fn large(env: &TestEnv) -> anyhow::Result<NewFilm> {
    let key = "assets/noise.png";
    env.bucket_view.bucket().put(key, noise()?, &PutOptions::of_type("image/png")).await?;
    let scene = |number: i32| json!({"id": format!("s{number}"), "narration": "Noise.", "minSeconds": 3});
    let own = |number: i32| json!({"id": format!("s{number}"), "assets": {"image": key}});
    Ok(for_a_channel(2).with(json!({
        "scenes": [scene(1), scene(2)], "sceneOverrides": [own(1), own(2)],
        "format": {"resolution": "720p"},
    })))
}

/// What of the one upload has arrived, and how much there is.
async fn arrived(channel: &Account) -> anyhow::Result<(u64, u64)> {
    let uploads = channel.ledger().await?.uploads;
    ensure!(uploads.len() == 1, "{} sessions were opened", uploads.len());
    Ok((uploads[0].bytes, uploads[0].total.context("no total was announced")?))
}

#[tokio::test]
async fn an_upload_whose_every_part_is_cut_and_whose_pod_is_killed_each_time_is_one_video() {
    const PART: u64 = 8 * 1024 * 1024;
    in_test_env("every_part_is_cut", async |env: TestEnv| {
        let channel = open(&env, Service::YouTube).await?;
        // Each attempt asks how far the upload is; when it asks again, because a part was cut, it is held there.
        let held = Fault::always(Effect::Hold).on(Operation::Query).after(1);
        let cut = Fault::always(Effect::CutUpload { bytes: 300_000 }).on(Operation::Chunk).times(1);
        let lost = Fault::always(Effect::LoseAnswer).on(Operation::Chunk).times(1);
        channel.faults(&[cut.clone(), held.clone()]).await?;
        let film = env.create_film(large(&env).await?).await?;
        // Noise takes its time.
        film.step(StepName::AssembleVideo, StepState::Succeeded).await?;
        let mut attempt = 1;
        loop {
            channel.holds(1).await?;
            let (there, total) = arrived(&channel).await?;
            film.kill_attempt(StepName::PublishVideo, attempt).await?;
            attempt += 1;
            if there == total {
                break;
            }
            // The next attempt continues where this one was cut, and the part after that is cut; of the last part, all
            // arrives and nobody learns of it.
            let next = if total - there > PART { cut.clone().after(1) } else { lost.clone() };
            channel.faults(&[next, held.clone()]).await?;
            film.until("another attempt", |status| attempts(status, StepName::PublishVideo) >= attempt)
                .await?;
        }
        ensure!(attempt > 4, "the film is too small: {} attempts were killed", attempt - 1);
        channel.faults(&[]).await?;
        let status = film.succeeded().await?;
        let uploads = channel.ledger().await?.uploads;
        ensure!(uploads.len() == 1 && uploads[0].complete, "{uploads:?}");
        let key = status.artifacts.and_then(|artifacts| artifacts.video).context("no film")?.key;
        let bytes = env.bucket_view.bucket().get(&key, 1 << 28).await?;
        let digest = hex::encode(sha2::Sha256::digest(&bytes));
        ensure!(uploads[0].sha256.as_ref() == Some(&digest), "the video has other bytes than the film");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_is_named_and_the_film_is_published_with_a_new_one() {
    in_test_env("a_revoked_token", async |env: TestEnv| {
        let channel = open(&env, Service::YouTube).await?;
        channel.faults(&[Fault::always(Effect::TokenRevoked).on(Operation::Token)]).await?;
        let film = env.create_film(for_a_channel(1)).await?;
        film.says(VideoJobReason::CredentialsInvalid).await?;
        channel.set_key("another").await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_budget_holds_before_anything_is_paid_and_is_raised() {
    in_test_env("a_budget", async |env: TestEnv| {
        let clips = open(&env, Service::Xai).await?;
        let new_film = NewFilm::of(2).with(json!({
            "providers": {"animation": {"accountRef": {"name": "xai"}}}, "publish": null, "budget": {"limit": "0.01"},
        }));
        let film = env.create_film(new_film).await?;
        film.says(VideoJobReason::BudgetExceeded).await?;
        ensure!(clips.submissions(Operation::Video).await?.is_empty(), "something was paid for");
        film.edit(json!({"budget": {"limit": "50"}})).await?;
        let step = film.step(StepName::AnimateScenes, StepState::Succeeded).await?;
        ensure!(step.cost.is_some(), "no cost was recorded: {step:?}");
        film.succeeded().await.map(drop)
    })
    .await;
}
