//! The `StoragePolicy` that each test has, called `default`.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::{Value, json};
use videofactory_crds::requests::CLEANUP;
use videofactory_crds::storagepolicy::{PruneCause, PruneRun};
use videofactory_crds::{StoragePolicy, StoragePolicyStatus};
use videofactory_pipeline::clock;
use videofactory_storage::PROBES;

use super::lab::Lab;
use super::wait;

/// Waits until its status is so.
pub async fn until(
    lab: &Lab,
    what: &str,
    mut so: impl FnMut(&StoragePolicyStatus) -> bool,
) -> anyhow::Result<StoragePolicyStatus> {
    wait::until(&lab.api::<StoragePolicy>(), wait::named("default"), what, |all| {
        let status = all.values().next()?.status.clone()?;
        so(&status).then_some(status)
    })
    .await
}

/// Sets an annotation.
pub async fn annotate(lab: &Lab, name: &str, value: String) -> anyhow::Result<()> {
    let patch = json!({"metadata": {"annotations": {name: value}}});
    lab.patch::<StoragePolicy>("default", &patch).await.map(drop)
}

/// Changes its spec by a merge patch.
pub async fn edit(lab: &Lab, spec: Value) -> anyhow::Result<()> {
    lab.patch::<StoragePolicy>("default", &json!({"spec": spec})).await.map(drop)
}

/// Asks for a prune run, and waits for its end.
pub async fn cleaned(lab: &Lab, dry_run: bool) -> anyhow::Result<PruneRun> {
    let before = lab.api::<StoragePolicy>().get("default").await?.status.unwrap_or_default().runs;
    let at = clock::now().to_string();
    annotate(lab, CLEANUP, json!({"at": at, "dryRun": dry_run}).to_string()).await?;
    let ours = |run: &&PruneRun| {
        run.cause == Some(PruneCause::Request)
            && run.dry_run.unwrap_or_default() == dry_run
            && run.outcome.is_some()
            && before.iter().all(|old| old.slot != run.slot)
    };
    let mut found = None;
    until(lab, "a run to have ended", |status| {
        found = status.runs.iter().find(ours).cloned();
        found.is_some()
    })
    .await?;
    found.context("no run")
}

/// All files of the test in the bucket but plans, logs, and those by which the operator asks the bucket what it can do: an
/// edit of the policy makes it ask anew, and for a moment there are some.
pub async fn keys(lab: &Lab) -> anyhow::Result<BTreeSet<String>> {
    let passes =
        |key: &String| key.starts_with("plans/") || key.starts_with(PROBES) || key.contains("/logs/");
    let all = lab.shelf.list("").await?;
    Ok(all.into_keys().filter(|key| !passes(key)).collect())
}
