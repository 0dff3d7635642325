//! What people ask of films, with the role edit in one namespace: all that they may do with it, and what it comes to.

use anyhow::ensure;
use serde_json::json;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Phase;
use videofactory_tests::e2e::film::{Film, Order};
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::plugin::Plugin;

async fn film(lab: &Lab, name: &str) -> anyhow::Result<Film> {
    Ok(Film::new(lab.clone(), &lab.api::<VideoJob>().get(name).await?))
}

#[tokio::test]
async fn what_is_asked_of_a_film_is_said_and_done() {
    in_lab("plugin_asked", async |lab: Lab| {
        let plugin = Plugin::with_token(&lab, "editor", "edit").await?;
        plugin.as_expected(asked(&lab, &plugin).await)
    })
    .await;
}

async fn asked(lab: &Lab, plugin: &Plugin) -> anyhow::Result<()> {
    created(lab, plugin).await?;
    let gate = film(lab, "gate").await?;
    gate.phase(Phase::Review).await?;
    reviewed(plugin, &gate).await?;
    held(plugin, &gate).await?;
    stopped(plugin, &gate).await
}

/// Films that cost little: two are suspended from the start, one waits for a review after its script, and one for an
/// account that is not there.
async fn created(lab: &Lab, plugin: &Plugin) -> anyhow::Result<()> {
    let gate =
        Order::of(1).named("gate").with(json!({"publish": null, "review": {"after": ["write-script"]}}));
    plugin.write("gate.json", &gate.manifest().to_string())?;
    plugin
        .says(
            "create --storyboard gate.json",
            0,
            "videojob.videofactory.dev/gate created\n",
            "`kubectl videofactory status gate -n NS --watch` shows how it comes about\n",
        )
        .await?;
    let refused =
        plugin.run("create -f - --set suspend=true --set format.fps=23 <<< $'Rivers\\nLakes'").await?;
    ensure!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    ensure!(refused.err.contains("fps"), "{refused:?}");
    plugin
        .says(
            "create 'Why tides' --name tides --scenes 2 --draft --dry-run=client",
            0,
            "\
apiVersion: videofactory.dev/v1alpha1
kind: VideoJob
metadata:
   name: tides
   namespace: NS
spec:
   mode: Draft
   sceneCount: 2
   topic: Why tides
",
            "",
        )
        .await?;
    plugin
        .says(
            "create 'Why tides' --name tides --dry-run=server -o name",
            0,
            "videojob.videofactory.dev/tides\n",
            "",
        )
        .await?;
    let listed = plugin.run("list -o name").await?;
    ensure!(
        listed.text() == "videojob.videofactory.dev/gate\n",
        "something was made by what made nothing: {listed:?}"
    );
    plugin.write("topics.txt", "# for June\nRivers\n\nLakes\n")?;
    plugin
        .says(
            "create -f topics.txt --set suspend=true --label team=films",
            0,
            "videojob.videofactory.dev/rivers-HEX created\nvideojob.videofactory.dev/lakes-HEX created\n",
            "",
        )
        .await?;
    let waits = Order::of(1)
        .named("waits")
        .with(json!({"providers": {"animation": {"accountRef": {"name": "none"}}}}));
    lab.order(waits).await?;
    Ok(())
}

async fn reviewed(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    plugin.says("status gate", 0, "", "").await?;
    plugin.says("list --phase review", 0, "", "").await?;
    plugin.says("retry gate", 3, "", "").await?;
    plugin.says("approve gate --result write-script@0000000000", 3, "", "").await?;
    plugin.says("approve", 2, "", "").await?;
    plugin.says("reject gate", 0, "NS/gate: reject requested\n", "").await?;
    gate.phase(Phase::Failed).await?;
    plugin.says("status gate", 0, "", "").await?;
    plugin.says("status gate --watch", 3, "", "").await?;
    plugin.says("reject gate", 3, "", "").await?;
    plugin.says("retry gate --dry-run", 0, "", "").await?;
    plugin.says("restart gate", 0, "NS/gate: restart requested\n", "").await?;
    gate.phase(Phase::Review).await?;
    plugin.says("approve gate", 0, "NS/gate: approve requested\n", "").await?;
    gate.until("the film to go on", |status| status.phase == Some(Phase::Running)).await.map(drop)
}

async fn held(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    plugin.says("suspend gate --reason lunch", 0, "NS/gate: suspend requested\n", "").await?;
    gate.phase(Phase::Suspended).await?;
    plugin.says("suspend gate", 0, "NS/gate: unchanged, it is held already\n", "").await?;
    plugin.says("status gate", 0, "", "").await?;
    plugin.says("retry gate", 3, "", "").await?;
    plugin.says("status gate --watch --timeout 1s", 4, "", "").await?;
    plugin.says("resume gate", 0, "NS/gate: resume requested\n", "").await?;
    plugin.says("resume gate", 0, "NS/gate: unchanged, it is not suspended\n", "").await?;
    plugin.says("suspend", 2, "", "").await?;
    plugin.says("retry waits", 0, "NS/waits: retry requested\n", "").await?;
    plugin.says("status waits", 0, "", "").await?;
    plugin.says("retry waits moon", 3, "NS/waits: retry requested\n", "").await
}

async fn stopped(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    plugin.says("stop-all", 2, "", "").await?;
    plugin.says("stop-all --dry-run", 0, "", "").await?;
    let line = "stop-all --reason 'the bill'";
    let declined = plugin.at_terminal(line, "n\n").await?;
    plugin.compare(line, &declined, 5, "", "");
    let agreed = plugin.at_terminal(line, "y\n").await?;
    plugin.compare(line, &agreed, 0, "", "");
    gate.phase(Phase::Suspended).await?;
    plugin.says("resume -l team=films --dry-run -o json", 0, "", "").await?;
    plugin.says("resume -l team=films --yes", 0, "", "").await?;
    plugin.says("stop-all --yes", 0, "", "").await
}
