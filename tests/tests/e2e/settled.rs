//! What the operator writes: nothing for a settled object, and little for a film. Both by the API server's own log.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::json;
use videofactory_crds::VideoJobReason;
use videofactory_tests::e2e::audit::{self, Entry};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::metrics::Metrics;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, wait};

/// How often the operator has looked at films.
async fn looks() -> anyhow::Result<f64> {
    Metrics::scrape().await?.sum("videofactory_reconcile_total", ("kind", "VideoJob"))
}

/// The operator's writes in this namespace, by resource.
fn writes(entries: &[Entry], namespace: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.by_operator() && entry.is_write() && entry.namespace() == namespace)
    {
        *counts.entry(format!("{} {}", entry.verb, entry.resource())).or_default() += 1;
    }
    counts
}

/// Waits until the operator has looked at films so often. One that has just started may not answer yet, or have looked
/// at none.
async fn has_reconciled(at_least: f64) -> anyhow::Result<()> {
    wait::asked(&format!("{at_least} looks at films"), async || {
        Ok(looks().await.is_ok_and(|looks| looks >= at_least).then_some(()))
    })
    .await
}

#[tokio::test]
async fn serial_local_another_reconcile_of_a_settled_object_writes_nothing() {
    in_test_env("a_settled_object", async |env: TestEnv| {
        let done = env.create_film(NewFilm::of(1)).await?;
        let waiting = env
            .create_film(NewFilm::of(1).named("waiting").with(json!({"storageRef": {"name": "none"}})))
            .await?;
        let reviewed = env.create_film(NewFilm::of(1).named("reviewed").reviewed()).await?;
        // The Event is the last that is written of a state.
        done.reported(VideoJobReason::Completed).await?;
        waiting.reported(VideoJobReason::ConfigurationInvalid).await?;
        reviewed.reported(VideoJobReason::AwaitingReview).await?;
        env.wait_for_others().await?;
        let mut versions = Vec::new();
        let mark = audit::mark()?;
        for film in [&done, &waiting, &reviewed] {
            let before = looks().await?;
            film.annotate("example.com/touched", "yes").await?;
            has_reconciled(before + 1.0).await?;
            versions.push((film, film.now().await?.metadata.resource_version));
        }
        // A new operator knows nothing, and looks at everything again.
        operator::kill(&env.client).await?;
        has_reconciled(3.0).await?;
        let mut written = writes(&audit::since(mark, &env.client).await?, &env.namespace);
        // What the films wrote to the bucket is reported by its policy within half a minute.
        written.retain(|what, _| !what.contains("storagepolicies"));
        ensure!(written.is_empty(), "it wrote {written:?}");
        for (film, version) in versions {
            ensure!(film.now().await?.metadata.resource_version == version, "{} was written", film.name);
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn serial_local_a_film_of_six_steps_costs_at_most_14_writes() {
    in_test_env("writes_of_a_film", async |env: TestEnv| {
        env.policy_says("default", "True", "Available").await?;
        let mark = audit::mark()?;
        let begun = std::time::Instant::now();
        let film = env.create_film(NewFilm::of(3)).await?;
        film.succeeded().await?;
        // Progress of each of at most two steps at once enters the status every 30 s, which only a slow machine sees.
        let progress = 2 * usize::try_from(begun.elapsed().as_secs() / 30)?;
        let entries = audit::since(mark, &env.client).await?;
        let mut counts = writes(&entries, &env.namespace);
        let scenes = counts.remove("create configmaps").unwrap_or_default();
        let policy: usize = counts.iter().filter(|(what, _)| what.contains("storagepolicies")).map(|(_, count)| count).sum();
        counts.retain(|what, _| !what.contains("storagepolicies"));
        let total: usize = counts.values().sum();
        let elsewhere = |resource: &str| {
            entries.iter().filter(|entry| entry.by_operator() && entry.is_write() && entry.resource() == resource).count()
        };
        println!(
            "writes of a film of six steps: {total} ({counts:?}); apart: ConfigMap {scenes}, StoragePolicy {policy}, Lease {}, \
             TokenReview {}, progress at most {progress}",
            elsewhere("leases"),
            elsewhere("tokenreviews")
        );
        let events = entries.iter().find(|entry| entry.by_operator() && entry.resource() == "events");
        events.context("no Event was written, so the log does not show them")?;
        ensure!(total <= 14 + progress, "{total} writes: {counts:?}");
        Ok(())
    })
    .await;
}
