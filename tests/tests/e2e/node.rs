//! The node goes down with everything on it.

use anyhow::ensure;
use videofactory_tests::e2e::half_drawn::{finishes_unharmed, half_drawn};
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::site;

#[tokio::test]
async fn alone_local_a_rebooted_node_costs_no_finished_scene() {
    in_lab("a_rebooted_node", async |lab: Lab| {
        let (film, before) = half_drawn(&lab).await?;
        let cluster = concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/cluster");
        let name = site::cluster_name()?;
        let reboot = tokio::process::Command::new(cluster).args(["reboot", "--name", &name]).status().await?;
        ensure!(reboot.success(), "{cluster} reboot: {reboot}");
        // The proxy was on that node: it has to be back before it can be told anything.
        site::proxy_is_back().await?;
        finishes_unharmed(&lab, &film, &before).await
    })
    .await;
}
