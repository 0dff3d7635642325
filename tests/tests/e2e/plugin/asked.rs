//! What people ask of films, with the role edit in one namespace: all that they may do with it, and what it comes to.

use anyhow::ensure;
use serde_json::json;
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Phase;
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::plugin::Plugin;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

use super::NOBODY_AGREES;

async fn film(env: &TestEnv, name: &str) -> anyhow::Result<Film> {
    Ok(Film::new(env.clone(), &env.api::<VideoJob>().get(name).await?))
}

#[tokio::test]
async fn what_is_asked_of_a_film_is_said_and_done() {
    in_test_env("plugin_asked", async |env: TestEnv| {
        let plugin = Plugin::with_token(&env, "editor", "edit").await?;
        plugin.as_expected(asked(&env, &plugin).await)
    })
    .await;
}

async fn asked(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    created(env, plugin).await?;
    let gate = film(env, "gate").await?;
    gate.phase(Phase::Review).await?;
    reviewed(plugin, &gate).await?;
    retried(plugin).await?;
    held(plugin, &gate).await?;
    stopped(plugin, &gate).await
}

/// Films that cost little: two are suspended from the start, one waits for a review after its script, and one for an
/// account that is not there.
async fn created(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    let gate =
        NewFilm::of(1).named("gate").with(json!({"publish": null, "review": {"after": ["write-script"]}}));
    plugin.write("gate.json", &gate.manifest().to_string())?;
    plugin
        .says(
            "create --storyboard gate.json",
            0,
            "videojob.videofactory.dev/gate created\n",
            "`kubectl videofactory status gate -n NS --watch` shows its progress\n",
        )
        .await?;
    let refused =
        plugin.run("create -f - --set suspend=true --set format.fps=23 <<< $'Rivers\\nLakes'").await?;
    ensure!(refused.code == 1 && refused.out.is_empty(), "{refused:?}");
    ensure!(refused.err.contains("fps"), "{refused:?}");
    plugin
        .says(
            "create 'Why tides' --name tides --scenes 2 --draft --dry-run=client -o yaml",
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
        .shows(
            "create 'Why tides' --name tides --dry-run=server -o name",
            0,
            &["videojob.videofactory.dev/tides\n"],
            &["Expected cost of the film: $0.00\n"],
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
    let no_account =
        json!({"scenes": null, "topic": "Tides", "providers": {"script": {"accountRef": {"name": "none"}}}});
    let waits = env.create_film(NewFilm::of(1).named("waits").with(no_account)).await?;
    waits.phase(Phase::Waiting).await?;
    for name in plugin.run("list -o name -l team=films").await?.text().lines() {
        film(env, name.rsplit('/').next().unwrap_or_default()).await?.phase(Phase::Suspended).await?;
    }
    Ok(())
}

/// What has been made is looked at, rejected, made again and approved.
async fn reviewed(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    let waits = "write-script waits for approval: kubectl annotate -n NS vj gate --overwrite \
                 videofactory.dev/approved=write-script@HEX";
    let decide = "decide: `kubectl videofactory approve gate -n NS --result write-script@HEX` or `kubectl videofactory \
                  reject gate -n NS --result write-script@HEX`";
    plugin
        .says("status gate", 0, &status("Review (AwaitingReview)", waits, "AwaitingReview", decide), "")
        .await?;
    plugin
        .says(
            "list --phase review",
            0,
            "NAME   PHASE   STEP   PROGRESS   RESUME   AGE\ngate   Review   write-script   1/5   -   AGE\n",
            "",
        )
        .await?;
    plugin
        .says("retry gate", 3, "", "error: NS/gate waits for a review; approve or reject what it has made\n")
        .await?;
    plugin
        .says(
            "approve gate --result write-script@0123456789",
            3,
            "",
            "error: NS/gate has made something else since: write-script@HEX is under review, not write-script@HEX; look \
             at it first\n",
        )
        .await?;
    plugin.says("reject gate", 0, "videojob.videofactory.dev/gate rejected\n", "").await?;
    gate.phase(Phase::Failed).await?;
    let failed = "write-script was rejected; edit the job, take the annotation videofactory.dev/rejected off to decide \
                  again, or request a restart";
    let again = "change what was rejected: `kubectl edit vj gate -n NS`; or make all again: `kubectl videofactory \
                 restart gate -n NS`";
    let rejected = status("Failed (Rejected)", failed, "Rejected", again);
    plugin.says("status gate", 0, &rejected, "").await?;
    plugin.says("status gate --watch", 3, &rejected, "").await?;
    plugin.says("reject gate", 3, "", "error: NS/gate has nothing under review\n").await?;
    plugin
        .says(
            "retry gate",
            3,
            "",
            "error: NS/gate was rejected, which no retry undoes; change it, or ask for a restart to make it again\n",
        )
        .await?;
    plugin.says("restart gate", 0, "videojob.videofactory.dev/gate restarted\n", "").await?;
    gate.phase(Phase::Review).await?;
    plugin.says("approve gate", 0, "videojob.videofactory.dev/gate approved\n", "").await?;
    gate.until("the film to continue", |status| status.phase == Some(Phase::Running)).await.map(drop)
}

/// What `status gate` says, of which nothing but the script is made.
fn status(phase: &str, message: &str, reason: &str, next: &str) -> String {
    format!(
        "\
Job:   NS/gate
Age:   AGE
Phase:   {phase}
Progress:   1/5
Message:   {message}

STEP   STATE   SCENES   ATTEMPT   TOOK   COST   REASON
write-script   Succeeded   1   1   AGE   -   {reason}
generate-images   Pending   -   -   -   -   -
narrate-scenes   Pending   -   -   -   -   -
animate-scenes   Pending   -   -   -   -   -
assemble-video   Pending   -   -   -   -   -
publish-video   Skipped   -   -   -   -   -

Next: {next}
"
    )
}

/// What is held does nothing until it is let go.
async fn held(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    plugin.says("suspend gate --reason lunch", 0, "videojob.videofactory.dev/gate suspended\n", "").await?;
    gate.phase(Phase::Suspended).await?;
    plugin
        .says("suspend gate", 0, "videojob.videofactory.dev/gate unchanged: it is suspended already\n", "")
        .await?;
    let status = plugin.masked(&plugin.run("status gate").await?.text());
    for part in [
        "Phase:   Suspended (Held)\n",
        "Message:   held: lunch; remove the annotation to continue\n",
        "Next: resume it: `kubectl videofactory resume gate -n NS`",
    ] {
        if !status.contains(part) {
            plugin.differs(format!("status gate has no {part}{status}"));
        }
    }
    plugin
        .says("retry gate", 3, "", "error: NS/gate is suspended; to continue it, ask for a resume\n")
        .await?;
    plugin
        .shows(
            "status gate --watch --timeout 1s",
            4,
            &[],
            // What ends meanwhile is told between the two.
            &[
                "NS/gate: Suspended: held: lunch; remove the annotation to continue\n",
                "error: the time is over and not all have ended: NS/gate\n\
                 it continues all the same: `kubectl videofactory status <name> --watch` follows it further\n",
            ],
        )
        .await
}

/// What needs a person who has read why may be asked to continue.
async fn retried(plugin: &Plugin) -> anyhow::Result<()> {
    let waits = [
        "Phase:   Waiting (ConfigurationInvalid)\n",
        "ProviderAccount \"none\" does not exist in this namespace: create it, or correct accountRef\n",
        "Next: do what the message says; if the job does not continue then: `kubectl videofactory retry waits -n NS`\n",
    ];
    plugin.shows("status waits", 0, &waits, &[]).await?;
    plugin.says("retry waits", 0, "videojob.videofactory.dev/waits retried\n", "").await?;
    plugin
        .says(
            "retry waits moon",
            3,
            "videojob.videofactory.dev/waits retried\n",
            "error: failed to get VideoJob NS/moon: videojobs.videofactory.dev \"moon\" not found; `kubectl \
             videofactory list -A` shows what there is\n",
        )
        .await
}

/// What is listed before all of it is stopped.
const UNFINISHED: [&str; 4] = [
    "JOB   PHASE   PROGRESS\n",
    "NS/lakes-HEX   Suspended",
    "NS/rivers-HEX   Suspended",
    "NS/waits   Waiting",
];

/// All at once, after a list of them and a yes. What is held already is left as it is.
async fn stopped(plugin: &Plugin, gate: &Film) -> anyhow::Result<()> {
    plugin.shows("stop-all", 2, &[], &[UNFINISHED.as_slice(), &[NOBODY_AGREES]].concat()).await?;
    plugin
        .says(
            "stop-all --dry-run",
            0,
            "videojob.videofactory.dev/gate unchanged: it is suspended already\n\
             videojob.videofactory.dev/lakes-HEX suspended (dry run)\n\
             videojob.videofactory.dev/rivers-HEX suspended (dry run)\n\
             videojob.videofactory.dev/waits suspended (dry run)\n",
            "",
        )
        .await?;
    let line = "stop-all --reason 'the bill'";
    let declined = plugin.at_terminal(line, "n\n").await?;
    let question = [UNFINISHED.as_slice(), &["\nSuspend 3 jobs? [y/N] "]].concat();
    plugin.look_for(line, &declined, 5, &[], &[question.as_slice(), &["Nothing was changed.\n"]].concat());
    let agreed = plugin.at_terminal(line, "y\n").await?;
    let held = [
        "videojob.videofactory.dev/gate unchanged: it is suspended already\n",
        "videojob.videofactory.dev/lakes-HEX suspended\n",
        "videojob.videofactory.dev/rivers-HEX suspended\n",
        "videojob.videofactory.dev/waits suspended\n",
    ];
    plugin.look_for(line, &agreed, 0, &held, &question);
    let resumed = |film: &str| {
        format!(
            "videojob.videofactory.dev/{film} resumed (dry run): NS/{film} stays suspended by its spec.suspend: to resume \
             it, name it and give no reason\n"
        )
    };
    let both = format!("{}{}", resumed("lakes-HEX"), resumed("rivers-HEX"));
    plugin.says("resume -l team=films --dry-run", 0, &both, "").await?;
    plugin.says("resume gate", 0, "videojob.videofactory.dev/gate resumed\n", "").await?;
    gate.until("the film to continue", |status| status.phase != Some(Phase::Suspended)).await?;
    plugin.says("resume gate", 0, "videojob.videofactory.dev/gate unchanged: it is not suspended\n", "").await
}
