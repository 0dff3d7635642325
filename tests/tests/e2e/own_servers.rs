//! Films by servers of one's own, without any key, and by what libraries give.

use anyhow::{Context as _, ensure};
use serde_json::json;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::paid::Account;
use videofactory_tests::e2e::site;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::fakes::{FakesAdmin, Operation, Service};

/// Whoever brings no key to the fakes.
const ANONYMOUS: &str = "anonymous";

#[tokio::test]
async fn a_film_is_made_without_any_cloud_or_key() {
    in_test_env("without_any_cloud", async |env: TestEnv| {
        let sample = include_str!("../../../manifests/samples/local/workflows/sdxl.json");
        let bindings = include_str!("../../../manifests/samples/local/workflows/sdxl.bindings.json");
        env.put(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "comfyui-workflows"},
            "data": {"sdxl.json": sample, "sdxl.bindings.json": bindings},
        }))
        .await?;
        let account = |name: &str, spec: serde_json::Value| {
            json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": name},
                "spec": spec,
            })
        };
        env.put(account(
            "ollama",
            json!({
                "provider": "OpenAICompatible", "endpoint": site::fakes_endpoint(Service::OpenAi),
                "prices": {"script": "0"},
            }),
        ))
        .await?;
        env.put(account(
            "comfyui",
            json!({
                "provider": "ComfyUI", "endpoint": site::fakes_endpoint(Service::ComfyUi),
                "workflowsRef": {"name": "comfyui-workflows"},
            }),
        ))
        .await?;
        let topic = format!("Why lighthouses had keepers {}", env.namespace);
        let new_film = NewFilm::of(0).with(json!({
            "scenes": null, "topic": topic, "sceneCount": 3, "length": {"target": "12s"}, "budget": {"limit": "1"},
            "providers": {
                "script": {"accountRef": {"name": "ollama"}, "model": "writer-no-schema-prose"},
                "images": {"accountRef": {"name": "comfyui"}, "model": "sdxl"},
            },
        }));
        env.create_film(new_film).await?.succeeded().await?;
        // Others may work without a key, too.
        let ledger = FakesAdmin::at(site::fakes_url()?).ledger(ANONYMOUS).await?;
        let scripts = ledger.submissions.iter().filter(|made| made.prompt.contains(&topic)).count();
        ensure!(scripts == 1, "{scripts} scripts");
        let drawn = ledger.submissions.iter().filter(|made| made.service == Service::ComfyUi);
        ensure!(drawn.filter(|made| made.operation == Operation::Image).count() >= 3, "not a picture each");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn footage_is_never_shown_twice_and_its_makers_are_thanked() {
    in_test_env("footage", async |env: TestEnv| {
        let pexels = Account::new(&env, "pexels", Service::Pexels).await?;
        pexels.open(json!({})).await?;
        let new_film = NewFilm::of(3).with(json!({
            "providers": {
                "images": {"accountRef": {"name": "pexels"}}, "animation": {"accountRef": {"name": "pexels"}},
            },
            "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
        }));
        let film = env.create_film(new_film).await?;
        let status = film.succeeded().await?;
        let publication = status.publications.first().context("nothing was published")?;
        // Where the film was copied to, its metadata lies beside it.
        let (folder, _) = publication.id.as_deref().and_then(|key| key.rsplit_once('/')).context("no key")?;
        let key = format!("{folder}/metadata.json");
        let metadata = env.bucket_view.bucket().get_json::<serde_json::Value>(&key).await?;
        let description =
            metadata.context("no metadata")?["description"].as_str().unwrap_or_default().to_owned();
        let thanked: std::collections::BTreeSet<&str> =
            description.lines().filter(|line| line.starts_with("Video by Ada Diver on Pexels")).collect();
        ensure!(thanked.len() == 3, "not a clip of its own each: {description}");
        Ok(())
    })
    .await;
}
