//! The node goes down with everything on it, or is drained of it.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use videofactory_crds::StepName;
use videofactory_operator::leader::AFTER_AN_END;
use videofactory_operator::run::DRAIN;
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::half_drawn::{finishes_unharmed, half_drawn};
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::leader_terms::LeaderTerms;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{audit, operator, site};

/// A command of `cluster/cluster` for the instance under test.
async fn cluster(command: &str) -> anyhow::Result<()> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/cluster");
    let name = site::cluster_name()?;
    let ended = tokio::process::Command::new(program).args([command, "--name", &name]).status().await?;
    ensure!(ended.success(), "{program} {command}: {ended}");
    Ok(())
}

#[tokio::test]
async fn serial_local_a_rebooted_node_costs_no_finished_scene() {
    in_test_env("a_rebooted_node", async |env: TestEnv| {
        let (film, before) = half_drawn(&env).await?;
        cluster("reboot").await?;
        // The proxy was on that node: it has to be back before anything can be sent to it.
        site::proxy_is_back().await?;
        finishes_unharmed(&env, &film, &before).await
    })
    .await;
}

fn is_on(pod: &Pod, node: &str) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
}

/// Puts both replicas of the operator and a step at work on the node `second`, and drains it, so that all of them have to go
/// to the node `first`, where the tests' servers are.
async fn drained(env: &TestEnv, first: &str, second: &str) -> anyhow::Result<()> {
    ask(&["cordon", first]).await?;
    for replica in operator::replicas(&env.client, 2).await? {
        if is_on(&replica, first) {
            operator::stop(&env.client, &replica.name_any()).await?;
        }
    }
    let replicas = operator::replicas(&env.client, 2).await?;
    let (film, before) = half_drawn(env).await?;
    let step = film.running_pod(StepName::GenerateImages).await?;
    ensure!(replicas.iter().chain([&step]).all(|pod| is_on(pod, second)), "not all of them are on {second}");
    ask(&["uncordon", first]).await?;

    let mark = audit::mark()?;
    operator::renewal(&env.client).await?;
    let drain = ["drain", second, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s"];
    tokio::select! {
        drained = ask(&drain) => ensure!(drained?.contains("drained"), "{second} is not drained"),
        refused = operator::until_refused() => anyhow::bail!("a request was not answered in the drain: {refused:#}"),
    }
    let replicas = operator::replicas(&env.client, 2).await?;
    ensure!(replicas.iter().all(|pod| is_on(pod, first)), "a replica is left on {second}");
    finishes_unharmed(env, &film, &before).await?;
    let entries = audit::since(mark, &env.client).await?;
    let terms = LeaderTerms::of(&entries)?;
    terms.only_leaders_wrote(&entries)?;
    // From the last write of a Lease, which gives it up at most DRAIN after the replica was asked to stop.
    terms.follow_within((AFTER_AN_END - DRAIN).as_secs_f64()).map(drop)
}

/// The `PodDisruptionBudget` lets the second replica go when the first one's successor is ready on the other node.
#[tokio::test]
async fn timed_local_a_drained_node_with_both_replicas_and_a_step_costs_a_handover_and_no_finished_scene() {
    in_test_env("a_drained_node", async |env: TestEnv| {
        let first = site::cluster_name()?;
        let second = format!("{first}-second");
        let work = async {
            cluster("join").await?;
            operator::beside_replicas(&env.client, 2, drained(&env, &first, &second)).await
        };
        // The other tests find one node, which takes pods.
        let undo = async {
            let uncordoned = ask(&["uncordon", &first]).await;
            cluster("leave").await?;
            uncordoned.map(drop)
        };
        finally(work, undo).await
    })
    .await;
}
