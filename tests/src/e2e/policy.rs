//! The `StoragePolicy` that each test has, called `default`.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::{Value, json};
use videofactory_crds::requests::CLEANUP;
use videofactory_crds::storagepolicy::{PruneCause, PruneRun};
use videofactory_crds::{StoragePolicy, StoragePolicyStatus};
use videofactory_pipeline::clock;
use videofactory_storage::PROBES;

use super::test_env::TestEnv;
use super::wait;

/// Waits until its status is so.
pub async fn until(
    env: &TestEnv,
    what: &str,
    mut so: impl FnMut(&StoragePolicyStatus) -> bool,
) -> anyhow::Result<StoragePolicyStatus> {
    wait::until(&env.api::<StoragePolicy>(), wait::named("default"), what, |all| {
        let status = all.values().next()?.status.clone()?;
        so(&status).then_some(status)
    })
    .await
}

/// Sets an annotation.
pub async fn annotate(env: &TestEnv, name: &str, value: String) -> anyhow::Result<()> {
    let patch = json!({"metadata": {"annotations": {name: value}}});
    env.patch::<StoragePolicy>("default", &patch).await.map(drop)
}

/// Changes its spec by a merge patch.
pub async fn edit(env: &TestEnv, spec: Value) -> anyhow::Result<()> {
    env.patch::<StoragePolicy>("default", &json!({"spec": spec})).await.map(drop)
}

/// Asks for a prune run, and waits for its end.
pub async fn cleaned(env: &TestEnv, dry_run: bool) -> anyhow::Result<PruneRun> {
    let before = env.api::<StoragePolicy>().get("default").await?.status.unwrap_or_default().runs;
    let at = clock::now().to_string();
    annotate(env, CLEANUP, json!({"at": at, "dryRun": dry_run}).to_string()).await?;
    let ours = |run: &&PruneRun| {
        run.cause == Some(PruneCause::Request)
            && run.dry_run.unwrap_or_default() == dry_run
            && run.outcome.is_some()
            && before.iter().all(|old| old.slot != run.slot)
    };
    let mut found = None;
    until(env, "a run to have ended", |status| {
        found = status.runs.iter().find(ours).cloned();
        found.is_some()
    })
    .await?;
    found.context("no run")
}

/// All files of the test in the bucket but plans, logs, and those by which the operator asks the bucket what it can do: an
/// edit of the policy makes it ask again, and for a moment there are some.
pub async fn keys(env: &TestEnv) -> anyhow::Result<BTreeSet<String>> {
    let passes =
        |key: &String| key.starts_with("plans/") || key.starts_with(PROBES) || key.contains("/logs/");
    let all = env.bucket_view.list("").await?;
    Ok(all.into_keys().filter(|key| !passes(key)).collect())
}
