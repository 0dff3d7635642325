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
use videofactory_operator::storagepolicy::claim::{MARK, Mark};
use videofactory_pipeline::clock;
use videofactory_storage::PutOptions;
use videofactory_tests::e2e::film::{Order, unpublished};
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::operator::Victim;
use videofactory_tests::e2e::policy::{cleaned, edit, keys};
use videofactory_tests::e2e::{policy, wait};
use videofactory_tests::r2_proxy::{Effect, Fault};

/// Clips go at once, and nothing holds them.
fn clips_go() -> Value {
    json!({
        "rules": [{"kinds": ["clips"], "olderThan": "1s"}], "grace": "1s",
        "brakes": {"maxPercent": 100, "maxObjects": 100_000},
    })
}

fn clip(lab: &Lab, number: usize) -> String {
    format!("clips/{}/gone-3f9c2a1e/r1/clips/{number:032x}.mp4", lab.namespace)
}

/// Clips of a job that is gone; the last of them is written after the others.
async fn clips_of_nobody(lab: &Lab, count: usize) -> anyhow::Result<()> {
    // Files in a place that is nobody's yet would be another cluster's.
    lab.policy_says("default", "True", "Available").await?;
    let put = async |number: usize| {
        let options = PutOptions::default();
        lab.shelf.bucket().put(&clip(lab, number), "a clip", &options).await.map(drop)
    };
    let first: Vec<_> = (0..count - 1).map(&put).collect();
    futures::stream::iter(first).buffer_unordered(16).try_collect::<()>().await?;
    // Its second must be another: what is pruned goes by age, and buckets tell that in seconds.
    let before = clock::now().as_second();
    wait::asked("the next second", async || Ok((clock::now().as_second() > before).then_some(()))).await?;
    Ok(put(count - 1).await?)
}

/// Asks for a prune run without waiting for it.
async fn ask(lab: &Lab, name: &str) -> anyhow::Result<()> {
    let patch = json!({"metadata": {"annotations": {CLEANUP: clock::now().to_string()}}});
    lab.patch::<StoragePolicy>(name, &patch).await.map(drop)
}

async fn limit(lab: &Lab, name: &str, reason: &str) -> anyhow::Result<String> {
    let what = format!("StoragePolicy {name} to say {reason}");
    wait::until(&lab.api::<StoragePolicy>(), wait::named(name), &what, |all| {
        let conditions = &all.values().next()?.status.as_ref()?.conditions;
        let found = condition::get(conditions, ConditionType::WithinLimit)?;
        (found.reason == reason).then(|| found.message.clone())
    })
    .await
}

#[tokio::test]
async fn serial_local_a_run_that_dies_with_its_operator_is_finished_by_the_next() {
    in_lab("dies_with_its_operator", async |lab: Lab| {
        clips_of_nobody(&lab, 1_101).await?;
        let victim = Victim::find(&lab.client).await?;
        edit(&lab, clips_go()).await?;
        lab.policy_says("default", "True", "Available").await?;
        // The second batch is held before it is deleted.
        let last = clip(&lab, 1_100);
        lab.faults(vec![Fault::always(Effect::Hold).for_keys(&last).on("HeadObject")]).await?;
        ask(&lab, "default").await?;
        lab.holds(&[&last]).await?;
        wait::asked("the first batch to be deleted", async || {
            Ok((lab.shelf.list("clips/").await?.len() == 101).then_some(()))
        })
        .await?;
        victim.strike().await?;
        lab.faults(Vec::new()).await?;
        let ended =
            |status: &StoragePolicyStatus| status.runs.first().is_some_and(|run| run.outcome.is_some());
        let resumed =
            |status: &StoragePolicyStatus| ended(status) && status.runs[0].cause == Some(PruneCause::Resumed);
        let status = policy::until(&lab, "the run to be finished", resumed).await?;
        let [second, first] = status.runs.as_slice() else { anyhow::bail!("{:?}", status.runs) };
        ensure!(
            (second.outcome, second.slot.0) == (Some(PruneOutcome::Completed), first.slot.0),
            "{second:?}"
        );
        ensure!(first.outcome == Some(PruneOutcome::Interrupted), "{first:?}");
        ensure!(first.deleted_objects.is_none(), "what the dead one did is claimed to be known: {first:?}");
        ensure!(second.deleted_objects == Some(101), "{second:?}");
        let left = lab.shelf.list("").await?;
        ensure!(!left.keys().any(|key| key.starts_with("clips/")), "{left:?}");
        let ours = left.keys().filter(|key| !key.starts_with("probes/") && key.as_str() != MARK).count();
        let counted = status.usage.and_then(|usage| usage.objects).unwrap_or_default();
        ensure!(counted == i64::try_from(ours)?, "{counted} files are counted of {left:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_edited_while_a_run_is_about_to_delete_its_files_keeps_them() {
    in_lab("edited_while_pruned", async |lab: Lab| {
        let film = lab.order(unpublished("film")).await?;
        film.succeeded().await?;
        edit(&lab, clips_go()).await?;
        let before = keys(&lab).await?;
        lab.faults(vec![Fault::always(Effect::Hold).for_keys("clips/**").on("HeadObject")]).await?;
        ask(&lab, "default").await?;
        lab.holds(&[".png"]).await?;
        // It wants a word of its captions changed: the clips stay good, and are needed again.
        film.edit(json!({"captions": {"mode": "None"}})).await?;
        lab.faults(Vec::new()).await?;
        let ended = |run: &PruneRun| run.outcome.is_some();
        let status =
            policy::until(&lab, "the run to end", |status| status.runs.first().is_some_and(ended)).await?;
        let run = &status.runs[0];
        ensure!(run.deleted_objects == Some(0), "{run:?}");
        let reasons: BTreeSet<&str> = run.kept_because.iter().map(|kept| kept.reason.as_str()).collect();
        ensure!(reasons.contains("job changed after the plan"), "{reasons:?}");
        let status = film.succeeded().await?;
        ensure!(status.artifacts.is_some_and(|files| files.pruned.is_empty()), "files are said to be gone");
        let after = keys(&lab).await?;
        let gone: Vec<&String> = before.difference(&after).collect();
        ensure!(gone.is_empty(), "{gone:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn of_two_policies_with_one_place_the_older_prunes_and_the_younger_says_so() {
    in_lab("two_policies", async |lab: Lab| {
        clips_of_nobody(&lab, 3).await?;
        lab.policy_says("default", "True", "Available").await?;
        // A part of the other's place is enough.
        let mut younger = lab.policy("younger");
        let prefix = format!("{}/clips/", lab.namespace);
        younger["spec"]["bucket"]["prefix"] = prefix.into();
        for (field, value) in clips_go().as_object().into_iter().flatten() {
            younger["spec"][field] = value.clone();
        }
        lab.put(younger).await?;
        let message = limit(&lab, "younger", "DuplicatePolicy").await?;
        ensure!(message.contains(&format!("{}/default", lab.namespace)), "{message}");
        ask(&lab, "younger").await?;
        wait::until(
            &lab.api::<StoragePolicy>(),
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
        let left = lab.shelf.list("clips/").await?;
        ensure!(
            left.keys().filter(|key| !key.ends_with(MARK)).count() == 3,
            "something was deleted: {left:?}"
        );
        edit(&lab, clips_go()).await?;
        let run = cleaned(&lab, false).await?;
        ensure!(run.deleted_objects == Some(3), "{run:?}");
        lab.api::<StoragePolicy>().delete("default", &DeleteParams::default()).await?;
        limit(&lab, "younger", "Available").await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn what_keeps_a_bucket_from_being_pruned_is_told_and_nothing_is_deleted() {
    in_lab("nothing_is_deleted", async |lab: Lab| {
        clips_of_nobody(&lab, 3).await?;
        edit(&lab, clips_go()).await?;
        // More is protected than the target allows.
        edit(&lab, json!({"capacity": {"limit": "10"}, "protect": {"keys": ["clips/**"]}})).await?;
        let run = cleaned(&lab, false).await?;
        let shortfall = run.shortfall.clone().context("no shortfall")?;
        ensure!(shortfall.contains("protected"), "{shortfall}");
        limit(&lab, "default", "NothingPrunable").await?;
        // No rule matches anything.
        let rule = json!([{"kinds": ["videos"], "olderThan": "90d"}]);
        edit(&lab, json!({"rules": rule, "protect": null, "capacity": {"limit": "10G"}})).await?;
        let run = cleaned(&lab, false).await?;
        ensure!(run.outcome == Some(PruneOutcome::Completed), "{run:?}");
        ensure!(run.deleted_objects == Some(0) && !run.kept_because.is_empty(), "{run:?}");
        // A zone that does not exist, a bucket that does not, keys that do not open it.
        edit(&lab, clips_go()).await?;
        let refused =
            edit(&lab, json!({"timeZone": "Mars/Olympus"})).await.err().context("it is accepted")?;
        ensure!(refused.to_string().contains("unknown time zone Mars/Olympus"), "{refused:#}");
        edit(&lab, json!({"bucket": {"name": "nowhere"}})).await?;
        lab.policy_says("default", "False", "ConfigurationInvalid").await?;
        // A place that another cluster has, until a person gives it to this one.
        let mark = json!({"cluster": "another", "policy": "films/default", "since": "2026-01-01T00:00:00Z"});
        lab.shelf.bucket().put(MARK, mark.to_string(), &PutOptions::default()).await?;
        edit(&lab, json!({"bucket": {"name": videofactory_tests::e2e::site::BUCKET}})).await?;
        wait::until(
            &lab.api::<StoragePolicy>(),
            wait::named("default"),
            "the other cluster to be named",
            |all| {
                let conditions = &all.values().next()?.status.as_ref()?.conditions;
                let ready = condition::get(conditions, ConditionType::Ready)?;
                ready.message.contains("is another cluster's since 2026-01-01").then_some(())
            },
        )
        .await?;
        let word = serde_json::from_value::<Mark>(mark)?.identity();
        let given = json!({"metadata": {"annotations": {TAKE_OVER: word}}});
        lab.patch::<StoragePolicy>("default", &given).await?;
        lab.policy_says("default", "True", "Available").await?;
        lab.put(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong"},
            "stringData": {"accessKeyId": "nobody", "secretAccessKey": "nothing"},
        }))
        .await?;
        edit(&lab, json!({"bucket": {"secretRef": {"name": "wrong"}}})).await?;
        lab.policy_says("default", "False", "CredentialsInvalid").await?;
        ask(&lab, "default").await?;
        // With the right ones the request, which has waited, is followed; and all three are still there.
        edit(&lab, json!({"bucket": {"secretRef": {"name": videofactory_tests::e2e::site::SECRET}}})).await?;
        let three = |run: &PruneRun| run.deleted_objects == Some(3);
        policy::until(&lab, "the run that was asked for", |status| status.runs.first().is_some_and(three))
            .await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_has_no_room_fills_the_level_and_files_are_deleted_for_it() {
    in_lab("has_no_room", async |lab: Lab| {
        clips_of_nobody(&lab, 3).await?;
        lab.policy_says("default", "True", "Available").await?;
        lab.faults(vec![Fault::always(Effect::OutOfSpace).for_keys("work/**")]).await?;
        let film = lab.order(Order::of(1)).await?;
        film.says(videofactory_crds::VideoJobReason::StorageFull).await?;
        let message = limit(&lab, "default", "NothingPrunable").await?;
        ensure!(message.contains("its server has no room"), "{message}");
        lab.faults(Vec::new()).await?;
        edit(&lab, clips_go()).await?;
        let three = |run: &PruneRun| run.deleted_objects == Some(3);
        let status =
            policy::until(&lab, "a run for its sake", |status| status.runs.first().is_some_and(three))
                .await?;
        ensure!(status.runs[0].cause == Some(PruneCause::WarnCrossed), "{:?}", status.runs);
        film.succeeded().await.map(drop)
    })
    .await;
}
