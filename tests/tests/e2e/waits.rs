//! What a job needs and does not find: it says so, loses nothing, and continues when it is there.

use anyhow::ensure;
use serde_json::json;
use videofactory_crds::VideoJobStatus;
use videofactory_crds::condition::{Phase, VideoJobReason};
use videofactory_tests::e2e::film::{Film, NewFilm, ready};
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, site};
use videofactory_tests::r2_proxy::{Effect, Fault};

/// The job says that its configuration is wrong, names what is missing, and has started nothing.
async fn misses(film: &Film, named: &str) -> anyhow::Result<()> {
    let message = film.says(VideoJobReason::ConfigurationInvalid).await?;
    ensure!(message.contains(named), "the message does not name {named}: {message}");
    let started = film.jobs().await?;
    ensure!(started == 0, "{started} Jobs were started");
    Ok(())
}

#[tokio::test]
async fn a_job_without_its_storage_policy_waits_for_it() {
    in_test_env("without_its_storage_policy", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).with(json!({"storageRef": {"name": "later"}}))).await?;
        misses(&film, "later").await?;
        env.put(env.policy("later")).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_without_its_channel_waits_for_it() {
    in_test_env("without_its_channel", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).with(json!({"channelRef": {"name": "deep-sea"}}))).await?;
        misses(&film, "deep-sea").await?;
        env.put(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "deep-sea"},
            "spec": {"defaults": {"style": {"suffix": "in blue"}}},
        }))
        .await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_without_its_account_waits_for_it() {
    in_test_env("without_its_account", async |env: TestEnv| {
        let script = json!({"script": {"accountRef": {"name": "writer"}}});
        let film = env.create_film(NewFilm::of(1).with(json!({"providers": script}))).await?;
        misses(&film, "writer").await?;
        env.put(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "writer"},
            "spec": {"provider": "Embedded"},
        }))
        .await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_without_the_buckets_secret_waits_for_it_and_for_its_keys() {
    in_test_env("without_the_secret", async |env: TestEnv| {
        let mut policy = env.policy("other");
        policy["spec"]["bucket"]["secretRef"]["name"] = "later".into();
        env.put(policy).await?;
        let film = env.create_film(NewFilm::of(1).with(json!({"storageRef": {"name": "other"}}))).await?;
        misses(&film, "later").await?;
        env.put(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "stringData": {"accessKeyId": "half"},
        }))
        .await?;
        let status = film.until("the missing key to be named", |status| ready(status).1.contains("secretAccessKey")).await?;
        ensure!(status.phase == Some(Phase::Waiting), "{status:?}");
        let secret: k8s_openapi::api::core::v1::Secret = env.api().get(site::SECRET).await?;
        let data = serde_json::to_value(secret.data)?;
        env.patch::<k8s_openapi::api::core::v1::Secret>("later", &json!({"data": data})).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_begun_while_the_bucket_is_out_of_reach_starts_by_itself() {
    in_test_env("begun_out_of_reach", async |env: TestEnv| {
        env.faults(vec![Fault::always(Effect::Unavailable)]).await?;
        env.put(env.policy("down")).await?;
        let film = env.create_film(NewFilm::of(1).with(json!({"storageRef": {"name": "down"}}))).await?;
        env.policy_says("down", "False", "StorageUnavailable").await?;
        film.says(VideoJobReason::StorageUnavailable).await?;
        ensure!(film.jobs().await? == 0, "a Job was started");
        env.faults(Vec::new()).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_bucket_that_ignores_preconditions_is_not_used() {
    in_test_env("ignores_preconditions", async |env: TestEnv| {
        env.faults(vec![Fault::always(Effect::IgnorePreconditions)]).await?;
        env.put(env.policy("careless")).await?;
        let film = env.create_film(NewFilm::of(1).with(json!({"storageRef": {"name": "careless"}}))).await?;
        env.policy_says("careless", "False", "PreconditionsUnsupported").await?;
        misses(&film, "careless").await
    })
    .await;
}

/// Waits until a job says that no node takes its pod, why, and what to do.
async fn finds_no_node(film: &Film) -> anyhow::Result<()> {
    let says = |status: &VideoJobStatus| {
        let (_, message) = ready(status);
        message.contains("no node takes its pod yet (the scheduler says: 0/")
            && message.ends_with("if none ever will, change compute or the nodes")
    };
    film.until("the message to speak of a node", says).await.map(drop)
}

#[tokio::test]
async fn a_pod_that_finds_no_node_is_reported_and_starts_when_there_is_one() {
    in_test_env("finds_no_node", async |env: TestEnv| {
        let label = format!("videofactory.dev/{}", env.namespace);
        let film = env
            .create_film(NewFilm::of(1).with(json!({"compute": {"nodeSelector": {label.as_str(): "yes"}}})))
            .await?;
        finds_no_node(&film).await?;
        let nodes = ask(&["get", "nodes", "-o", "name"]).await?;
        let node = nodes.lines().next().unwrap_or_default();
        ask(&["label", node, &format!("{label}=yes")]).await?;
        let ended = film.succeeded().await;
        ask(&["label", node, &format!("{label}-")]).await?;
        ended.map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_compute_is_fixed_leaves_the_pod_that_found_no_node() {
    in_test_env("compute_is_fixed", async |env: TestEnv| {
        let film = env
            .create_film(NewFilm::of(1).with(json!({"compute": {"nodeSelector": {"no-such": "node"}}})))
            .await?;
        finds_no_node(&film).await?;
        film.edit(json!({"compute": {"nodeSelector": null}})).await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn settings_too_large_for_a_pod_template_go_beside_it() {
    in_test_env("settings_too_large", async |env: TestEnv| {
        let characters: Vec<_> = (0..20)
            .map(|number| json!({"name": format!("c{number}"), "description": "海".repeat(950)}))
            .collect();
        let targets: Vec<_> = ["a", "b"]
            .map(|name| json!({"name": name, "type": "Bucket", "description": "深".repeat(5000)}))
            .into();
        let film = env
            .create_film(
                NewFilm::of(1).with(json!({"characters": characters, "publish": {"targets": targets}})),
            )
            .await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn serial_a_worker_image_that_cannot_be_pulled_is_reported() {
    in_test_env("image_cannot_be_pulled", async |env: TestEnv| {
        let deployment = "deployment/videofactory-operator";
        let image = ask(&["-n", site::SYSTEM, "set", "env", deployment, "--list"]).await?;
        let image = image
            .lines()
            .find_map(|line| line.strip_prefix("VIDEOFACTORY_WORKER_IMAGE="))
            .unwrap_or_default()
            .to_owned();
        ensure!(!image.is_empty(), "the operator has no VIDEOFACTORY_WORKER_IMAGE");
        let waits_for_image = async {
            set_image(deployment, "localhost/no-such-image:none").await?;
            let film = env.create_film(NewFilm::of(1)).await?;
            let message = film.says(VideoJobReason::ConfigurationInvalid).await?;
            ensure!(message.contains("image cannot be pulled"), "{message}");
            anyhow::Ok(film)
        };
        let film = finally(waits_for_image, set_image(deployment, &image)).await?;
        film.annotate(videofactory_crds::requests::RETRY, "2026-01-01T00:00:01Z").await?;
        film.succeeded().await.map(drop)
    })
    .await;
}

async fn set_image(deployment: &str, image: &str) -> anyhow::Result<()> {
    ask(&["-n", site::SYSTEM, "set", "env", deployment, &format!("VIDEOFACTORY_WORKER_IMAGE={image}")])
        .await?;
    ask(&["-n", site::SYSTEM, "rollout", "status", deployment, "--timeout=120s"]).await?;
    // The one before may still lead while it ends.
    operator::replicas(&site::client().await?, 1).await.map(drop)
}
