//! Prune runs on the cluster while something goes wrong: the operator dies, a job is edited, two policies have one place,
//! or there is nothing that may be deleted.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use videofactory_crds::condition::{self, ConditionType};
use videofactory_crds::requests::{CLEANUP, TAKE_OVER};
use videofactory_crds::storagepolicy::{PruneCause, PruneOutcome, PruneRun};
use videofactory_crds::{StoragePolicy, StoragePolicyStatus};
use videofactory_operator::storagepolicy::ownership::{MARKER_KEY, OwnershipMarker};
use videofactory_pipeline::clock;
use videofactory_storage::PutOptions;
use videofactory_tests::e2e::film::{NewFilm, unpublished};
use videofactory_tests::e2e::operator::TargetReplica;
use videofactory_tests::e2e::policy::{cleaned, edit, keys};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{policy, wait};
use videofactory_tests::r2_proxy::{Effect, Fault};

/// Clips go at once, and nothing holds them.
fn clips_go() -> Value {
    json!({
        "rules": [{"kinds": ["clips"], "olderThan": "1s"}], "grace": "1s",
        "brakes": {"maxPercent": 100, "maxObjects": 100_000},
    })
}

fn clip(env: &TestEnv, number: usize) -> String {
    format!("clips/{}/gone-3f9c2a1e/r1/clips/{number:032x}.mp4", env.namespace)
}

/// Clips of a job that is gone; the last of them is written after the others.
async fn clips_of_nobody(env: &TestEnv, count: usize) -> anyhow::Result<()> {
    // Files in a place that is nobody's yet would be another cluster's.
    env.policy_says("default", "True", "Available").await?;
    let put = async |number: usize| {
        let options = PutOptions::default();
        env.bucket_view.bucket().put(&clip(env, number), "a clip", &options).await.map(drop)
    };
    let first: Vec<_> = (0..count - 1).map(&put).collect();
    futures::stream::iter(first).buffer_unordered(16).try_collect::<()>().await?;
    // Its second must be another: what is pruned goes by age, and buckets give that in seconds.
    let before = clock::now().as_second();
    wait::asked("the next second", async || Ok((clock::now().as_second() > before).then_some(()))).await?;
    Ok(put(count - 1).await?)
}

/// Asks for a prune run without waiting for it.
async fn ask(env: &TestEnv, name: &str) -> anyhow::Result<()> {
    let patch = json!({"metadata": {"annotations": {CLEANUP: clock::now().to_string()}}});
    env.patch::<StoragePolicy>(name, &patch).await.map(drop)
}

async fn limit(env: &TestEnv, name: &str, reason: &str) -> anyhow::Result<String> {
    let what = format!("StoragePolicy {name} to say {reason}");
    wait::until(&env.api::<StoragePolicy>(), wait::named(name), &what, |all| {
        let conditions = &all.values().next()?.status.as_ref()?.conditions;
        let found = condition::get(conditions, ConditionType::WithinLimit)?;
        (found.reason == reason).then(|| found.message.clone())
    })
    .await
}

#[tokio::test]
async fn serial_local_a_run_that_dies_with_its_operator_is_finished_by_the_next() {
    in_test_env("dies_with_its_operator", async |env: TestEnv| {
        clips_of_nobody(&env, 1_101).await?;
        let target = TargetReplica::find(&env.client).await?;
        edit(&env, clips_go()).await?;
        env.policy_says("default", "True", "Available").await?;
        // The second batch is held before it is deleted.
        let last = clip(&env, 1_100);
        env.faults(vec![Fault::always(Effect::Hold).for_keys(&last).on("HeadObject")]).await?;
        ask(&env, "default").await?;
        env.holds(&[&last]).await?;
        wait::asked("the first batch to be deleted", async || {
            Ok((env.bucket_view.list("clips/").await?.len() == 101).then_some(()))
        })
        .await?;
        target.kill().await?;
        env.faults(Vec::new()).await?;
        let ended =
            |status: &StoragePolicyStatus| status.runs.first().is_some_and(|run| run.outcome.is_some());
        let resumed =
            |status: &StoragePolicyStatus| ended(status) && status.runs[0].cause == Some(PruneCause::Resumed);
        let status = policy::until(&env, "the run to be finished", resumed).await?;
        let [second, first] = status.runs.as_slice() else { anyhow::bail!("{:?}", status.runs) };
        ensure!(
            (second.outcome, second.slot.0) == (Some(PruneOutcome::Completed), first.slot.0),
            "{second:?}"
        );
        ensure!(first.outcome == Some(PruneOutcome::Interrupted), "{first:?}");
        ensure!(first.deleted_objects.is_none(), "what the dead one did is claimed to be known: {first:?}");
        ensure!(second.deleted_objects == Some(101), "{second:?}");
        let left = env.bucket_view.list("").await?;
        ensure!(!left.keys().any(|key| key.starts_with("clips/")), "{left:?}");
        let ours =
            left.keys().filter(|key| !key.starts_with("probes/") && key.as_str() != MARKER_KEY).count();
        let counted = status.usage.and_then(|usage| usage.objects).unwrap_or_default();
        ensure!(counted == i64::try_from(ours)?, "{counted} files are counted of {left:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_edited_while_a_run_is_about_to_delete_its_files_keeps_them() {
    in_test_env("edited_while_pruned", async |env: TestEnv| {
        let film = env.create_film(unpublished("film")).await?;
        film.succeeded().await?;
        edit(&env, clips_go()).await?;
        let before = keys(&env).await?;
        env.faults(vec![Fault::always(Effect::Hold).for_keys("clips/**").on("HeadObject")]).await?;
        ask(&env, "default").await?;
        env.holds(&[".png"]).await?;
        // It wants a word of its captions changed: the clips stay good, and are needed again.
        film.edit(json!({"captions": {"mode": "None"}})).await?;
        env.faults(Vec::new()).await?;
        let ended = |run: &PruneRun| run.outcome.is_some();
        let status =
            policy::until(&env, "the run to end", |status| status.runs.first().is_some_and(ended)).await?;
        let run = &status.runs[0];
        ensure!(run.deleted_objects == Some(0), "{run:?}");
        let reasons: BTreeSet<&str> = run.kept_because.iter().map(|kept| kept.reason.as_str()).collect();
        ensure!(reasons.contains("job changed after the plan"), "{reasons:?}");
        let status = film.succeeded().await?;
        ensure!(status.artifacts.is_some_and(|files| files.pruned.is_empty()), "files are said to be gone");
        let after = keys(&env).await?;
        let gone: Vec<&String> = before.difference(&after).collect();
        ensure!(gone.is_empty(), "{gone:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn of_two_policies_with_one_place_the_older_prunes_and_the_younger_says_so() {
    in_test_env("two_policies", async |env: TestEnv| {
        clips_of_nobody(&env, 3).await?;
        env.policy_says("default", "True", "Available").await?;
        // A part of the other's place is enough.
        let mut younger = env.policy("younger");
        let prefix = format!("{}/clips/", env.namespace);
        younger["spec"]["bucket"]["prefix"] = prefix.into();
        for (field, value) in clips_go().as_object().into_iter().flatten() {
            younger["spec"][field] = value.clone();
        }
        env.put(younger).await?;
        let message = limit(&env, "younger", "DuplicatePolicy").await?;
        ensure!(message.contains(&format!("{}/default", env.namespace)), "{message}");
        ask(&env, "younger").await?;
        wait::until(
            &env.api::<StoragePolicy>(),
            wait::named("younger"),
            "the request to be refused",
            |all| {
                let status = all.values().next()?.status.as_ref()?;
                status.handled.as_ref()?.cleanup.as_ref().map(|_| status.runs.is_empty())
            },
        )
        .await
        .and_then(|no_run| {
            ensure!(no_run, "the younger one pruned");
            Ok(())
        })?;
        // Beside the mark that says that the younger one's place is this cluster's.
        let left = env.bucket_view.list("clips/").await?;
        ensure!(
            left.keys().filter(|key| !key.ends_with(MARKER_KEY)).count() == 3,
            "something was deleted: {left:?}"
        );
        edit(&env, clips_go()).await?;
        let run = cleaned(&env, false).await?;
        ensure!(run.deleted_objects == Some(3), "{run:?}");
        env.api::<StoragePolicy>().delete("default", &DeleteParams::default()).await?;
        limit(&env, "younger", "Available").await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn what_keeps_a_bucket_from_being_pruned_is_reported_and_nothing_is_deleted() {
    in_test_env("nothing_is_deleted", async |env: TestEnv| {
        clips_of_nobody(&env, 3).await?;
        edit(&env, clips_go()).await?;
        // More is protected than the target allows.
        edit(&env, json!({"capacity": {"limit": "10"}, "protect": {"keys": ["clips/**"]}})).await?;
        let run = cleaned(&env, false).await?;
        let shortfall = run.shortfall.clone().context("no shortfall")?;
        ensure!(shortfall.contains("protected"), "{shortfall}");
        limit(&env, "default", "NothingPrunable").await?;
        // No rule matches anything.
        let rule = json!([{"kinds": ["videos"], "olderThan": "90d"}]);
        edit(&env, json!({"rules": rule, "protect": null, "capacity": {"limit": "10G"}})).await?;
        let run = cleaned(&env, false).await?;
        ensure!(run.outcome == Some(PruneOutcome::Completed), "{run:?}");
        ensure!(run.deleted_objects == Some(0) && !run.kept_because.is_empty(), "{run:?}");
        // A zone that does not exist, a bucket that does not, keys that do not open it.
        edit(&env, clips_go()).await?;
        let refused =
            edit(&env, json!({"timeZone": "Mars/Olympus"})).await.err().context("it is accepted")?;
        ensure!(refused.to_string().contains("unknown time zone Mars/Olympus"), "{refused:#}");
        edit(&env, json!({"bucket": {"name": "nowhere"}})).await?;
        env.policy_says("default", "False", "ConfigurationInvalid").await?;
        // A place that another cluster has, until a person gives it to this one.
        let mark = json!({"cluster": "another", "policy": "films/default", "since": "2026-01-01T00:00:00Z"});
        env.bucket_view.bucket().put(MARKER_KEY, mark.to_string(), &PutOptions::default()).await?;
        edit(&env, json!({"bucket": {"name": videofactory_tests::e2e::site::BUCKET}})).await?;
        wait::until(
            &env.api::<StoragePolicy>(),
            wait::named("default"),
            "the other cluster to be named",
            |all| {
                let conditions = &all.values().next()?.status.as_ref()?.conditions;
                let ready = condition::get(conditions, ConditionType::Ready)?;
                ready.message.contains("is another cluster's since 2026-01-01").then_some(())
            },
        )
        .await?;
        let word = serde_json::from_value::<OwnershipMarker>(mark)?.identity();
        let given = json!({"metadata": {"annotations": {TAKE_OVER: word}}});
        env.patch::<StoragePolicy>("default", &given).await?;
        env.policy_says("default", "True", "Available").await?;
        env.put(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong"},
            "stringData": {"accessKeyId": "nobody", "secretAccessKey": "nothing"},
        }))
        .await?;
        edit(&env, json!({"bucket": {"secretRef": {"name": "wrong"}}})).await?;
        env.policy_says("default", "False", "CredentialsInvalid").await?;
        ask(&env, "default").await?;
        // With the right ones the request, which has waited, is followed; and all three are still there.
        edit(&env, json!({"bucket": {"secretRef": {"name": videofactory_tests::e2e::site::SECRET}}})).await?;
        let three = |run: &PruneRun| run.deleted_objects == Some(3);
        policy::until(&env, "the run that was asked for", |status| status.runs.first().is_some_and(three))
            .await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_has_no_room_fills_the_level_and_files_are_deleted_for_it() {
    in_test_env("has_no_room", async |env: TestEnv| {
        clips_of_nobody(&env, 3).await?;
        env.policy_says("default", "True", "Available").await?;
        env.faults(vec![Fault::always(Effect::OutOfSpace).for_keys("work/**")]).await?;
        let film = env.create_film(NewFilm::of(1)).await?;
        film.says(videofactory_crds::VideoJobReason::StorageFull).await?;
        let message = limit(&env, "default", "NothingPrunable").await?;
        ensure!(message.contains("its server has no room"), "{message}");
        env.faults(Vec::new()).await?;
        edit(&env, clips_go()).await?;
        let three = |run: &PruneRun| run.deleted_objects == Some(3);
        let status =
            policy::until(&env, "a run for its sake", |status| status.runs.first().is_some_and(three))
                .await?;
        ensure!(status.runs[0].cause == Some(PruneCause::WarnCrossed), "{:?}", status.runs);
        film.succeeded().await.map(drop)
    })
    .await;
}
