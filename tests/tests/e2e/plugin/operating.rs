//! What whoever operates the installation asks: accounts, buckets, backups, health, a report, manifests.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use videofactory_crds::VideoJob;
use videofactory_crds::condition::Phase;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::kubectl::{ask, kubectl};
use videofactory_tests::e2e::paid::roomy;
use videofactory_tests::e2e::plugin::Plugin;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{site, wait};

use super::NOBODY_AGREES;

#[tokio::test]
async fn an_installation_is_inspected_pruned_and_backed_up_from_the_command_line() {
    in_test_env("plugin_operating", async |env: TestEnv| {
        let plugin = Plugin::with_certificate(&env).await?;
        roomy(&env)
            .await?
            .until("the account to answer", |account| {
                account
                    .status
                    .as_ref()
                    .is_some_and(|status| status.health.is_some() && !status.quotas.is_empty())
            })
            .await?;
        env.policy_says("default", "True", "Available").await?;
        env.create_film(NewFilm::of(1).suspended()).await?.phase(Phase::Suspended).await?;
        plugin.as_expected(operated(&env, &plugin).await)
    })
    .await;
}

async fn operated(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    accounts(plugin).await?;
    storage(plugin).await?;
    backups(env, plugin).await?;
    doctor(env, plugin).await?;
    manifests(plugin).await
}

async fn accounts(plugin: &Plugin) -> anyhow::Result<()> {
    let head = "NAME   PROVIDER   READY   QUOTA   USED   LIMIT   NEXT   WAITING   SPENT   EXPIRES";
    let row = "grok   XAI   True   generations   0   50   -   0   -   -";
    plugin.says("accounts", 0, &format!("{head}\n{row}\n"), "").await?;
    let wide = format!("{head}   HEALTHY   MESSAGE\n{row}   True (LATENCY)   ");
    plugin.shows("accounts grok -o wide", 0, &[&wide], &[]).await?;
    plugin.says("accounts -o name", 0, "provideraccount.videofactory.dev/grok\n", "").await?;
    plugin.says("accounts --no-headers", 0, &format!("{row}\n"), "").await?;
    let missing = "error: failed to get ProviderAccount NS/moon: provideraccounts.videofactory.dev \"moon\" not found\n";
    plugin.shows("accounts moon", 1, &[], &[missing]).await
}

async fn storage(plugin: &Plugin) -> anyhow::Result<()> {
    let head = "POLICY   OUTCOME   DELETED   SIZE   LEFT   MESSAGE\n";
    let planned = "NS/default   Completed (dry run)   0   SIZE   ";
    plugin.shows("cleanup --dry-run --wait", 0, &[head, planned], &[]).await?;
    let head = "NAME   BUCKET   LEVEL   USED   LIMIT   FULL   FILES   LAST RUN   NEXT   READY";
    let row = "default   videos   Normal   SIZE   SIZE   0%   ";
    let plain = format!("{head}\n{row}");
    plugin.shows("storage", 0, &[&plain, "   Completed AGE ago   ", "   True\n"], &[]).await?;
    let wide = format!("{head}   MESSAGE\n{row}");
    let runs = "\nRUN   CAUSE   OUTCOME   DELETED   SIZE   MESSAGE\n\
                AGE ago   Request   Completed (dry run)   0   SIZE   ";
    plugin.shows("storage default -o wide", 0, &[&wide, runs], &[]).await?;
    plugin.says("cleanup --older-than 2h", 2, "", &format!("NS/default\n{NOBODY_AGREES}")).await?;
    let completed = "NS/default   Completed   0   SIZE   ";
    plugin.shows("cleanup --older-than 2h --yes --wait", 0, &[completed], &[]).await?;
    plugin.shows("storage --no-headers", 0, &[row], &[]).await?;
    let waited = plugin.run("cleanup --dry-run --wait -o json").await?;
    let read: Value = serde_json::from_slice(&waited.out).with_context(|| format!("{waited:?}"))?;
    let item = &read["items"][0];
    ensure!(item["outcome"] == "requested" && item["run"]["outcome"] == "Completed", "{waited:?}");
    ensure!(read["dryRun"] == true && read["counts"] == json!({"requested": 1}), "{waited:?}");
    ensure!(item["run"]["dryRun"] == true && item["run"]["dueAt"].is_string(), "{waited:?}");
    plugin.says("cleanup", 0, "storagepolicy.videofactory.dev/default cleanup requested\n", "").await?;
    let missing =
        "error: failed to get StoragePolicy NS/moon: storagepolicies.videofactory.dev \"moon\" not found\n";
    plugin.shows("cleanup --policy moon", 1, &[], &[missing]).await
}

async fn backups(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    plugin.says("backup", 0, "backups/NS/default/TIME.json\n", "3 objects in bucket \"videos\"\n").await?;
    plugin
        .says("backup --no-wait", 0, "storagepolicy.videofactory.dev/default backup requested\n", "")
        .await?;
    plugin.says("backup --file films.json", 0, "films.json\n", "3 objects of NS, 1 of them jobs\n").await?;
    let unchanged = [
        "provideraccount.videofactory.dev/grok unchanged: it is still there\n",
        "storagepolicy.videofactory.dev/default unchanged: it is still there\n",
        "videojob.videofactory.dev/film unchanged: it is still there\n",
    ];
    plugin.shows("restore -f films.json", 0, &unchanged, &["3 unchanged\n"]).await?;
    let piped = plugin.run("backup --file -").await?;
    let whole: Value = serde_json::from_slice(&piped.out).with_context(|| format!("{piped:?}"))?;
    ensure!(whole["kind"] == "Backup" && piped.err.is_empty(), "{piped:?}");
    ask(&["-n", &env.namespace, "delete", "vj", "film", "--wait=false"]).await?;
    wait::until(&env.api::<VideoJob>(), wait::named("film"), "the film to be gone", |all| {
        all.is_empty().then_some(())
    })
    .await?;
    let foreseen = "videojob.videofactory.dev/film restored (dry run)\n";
    plugin.shows("restore -f films.json --dry-run", 0, &[foreseen], &["1 would be restored"]).await?;
    plugin
        .shows("restore -f - <films.json", 0, &["videojob.videofactory.dev/film restored\n"], &["1 restored"])
        .await?;
    plugin.shows("list film --no-headers", 0, &["film   Suspended   "], &[]).await?;
    let beginning: String = piped.text().chars().take(200).collect();
    plugin.write("cut.json", &beginning)?;
    plugin.shows("restore -f cut.json", 1, &[], &["use the whole file\n", "nothing was changed\n"]).await?;
    plugin.shows("restore -f moon.json", 1, &[], &["error: cannot read moon.json: "]).await
}

/// What is well in any case.
const WELL: [&str; 7] = [
    "STATE   NAME   MESSAGE\n",
    "ok   definitions   4 kinds, as this plugin knows them\n",
    "ok   operator pods   1 of 1 ready in videofactory-system",
    "ok   way to the operator   you may forward a port in namespace videofactory-system\n",
    "ok   operator routes   they answer\n",
    "ok   your rights   all that the verbs need, but for report and restore, in namespace NS\n",
    "ok   StoragePolicy NS/default   0% full\n",
];

async fn doctor(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    plugin.shows("doctor", 0, &WELL, &["All is well.\n"]).await?;
    let mut other = env.policy("other");
    other["spec"]["bucket"]["secretRef"]["name"] = json!("lost");
    other["spec"]["bucket"]["prefix"] = json!(format!("{}-other/", env.namespace));
    env.put(other).await?;
    env.policy_says("other", "False", "ConfigurationInvalid").await?;
    let ill =
        ["ERROR   StoragePolicy NS/other   Secret \"lost\" does not exist", "-> do what the message says"];
    plugin.shows("doctor", 3, &[WELL.as_slice(), &ill].concat(), &["1 error, 0 warnings.\n"]).await?;
    let read = plugin.run("doctor -o json").await?;
    let checks: Value = serde_json::from_slice(&read.out).with_context(|| format!("{read:?}"))?;
    let mut checks = checks["items"].as_array().into_iter().flatten();
    ensure!(checks.any(|one| one["state"] == "error" && one["hint"].is_string()), "{read:?}");
    Ok(())
}

async fn manifests(plugin: &Plugin) -> anyhow::Result<()> {
    let generated = plugin.run("install generate").await?;
    ensure!((generated.code, generated.err.as_str()) == (0, ""), "{generated:?}");
    let apply = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-"];
    let said = kubectl(&apply, &generated.text()).await?;
    ensure!(said.well, "{}", said.err);
    ensure!(
        said.out.lines().all(|line| line.ends_with(" serverside-applied (server dry run)")),
        "{}",
        said.out
    );
    ensure!(said.out.contains("deployment.apps/videofactory-operator "), "{}", said.out);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell", "kubectl"] {
        let script = plugin.run(&format!("completion {shell}")).await?;
        ensure!(
            (script.code, script.err.as_str()) == (0, "") && !script.out.is_empty(),
            "{shell}: {script:?}"
        );
    }
    plugin.shows("completion moon", 2, &[], &["error: invalid value 'moon' for '<SHELL>'\n"]).await?;
    plugin.says("__complete accounts g", 0, "grok\n:4\n", "").await?;
    plugin.says("__complete storage ''", 0, "default\nother\n:4\n", "").await?;
    plugin.says("__complete status ''", 0, "film\n:4\n", "").await
}

/// A word that stands in Secrets and `ConfigMap`s alone.
fn plant() -> String {
    format!("Planted{}", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn a_report_has_all_that_helps_and_no_secret() {
    in_test_env("plugin_report", async |env: TestEnv| {
        let plugin = Plugin::with_certificate(&env).await?;
        let grok = roomy(&env).await?;
        let planted = plant();
        for kind in ["Secret", "ConfigMap"] {
            let field = if kind == "Secret" { "stringData" } else { "data" };
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "plant"}, field: {"apiKey": planted}});
            // As people apply it, so that a copy stands in an annotation.
            let said = kubectl(&["-n", &env.namespace, "apply", "-f", "-"], &object.to_string()).await?;
            ensure!(said.well, "{}", said.err);
        }
        let film = env.create_film(NewFilm::of(1)).await?;
        // What has not begun to write has no log yet.
        film.succeeded().await?;
        let ran = plugin.run("report --file all.tar.gz").await?;
        ensure!((ran.code, ran.text().as_str()) == (0, "all.tar.gz\n"), "{ran:?}");
        let reported = plugin.masked(&ran.err);
        let (_, rest) = reported.split_once(' ').context("nothing is reported")?;
        ensure!(rest == "files, SIZE; look through it before you give it away\n", "{reported}");
        let folder = plugin.file("report");
        std::fs::create_dir(&folder)?;
        let unpacked = tokio::process::Command::new("tar")
            .args(["-xzf", "all.tar.gz", "-C", "report", "--strip-components=1"])
            .current_dir(plugin.file(""))
            .status()
            .await?;
        ensure!(unpacked.success(), "the archive cannot be unpacked");
        let files = files_below(&folder)?;
        let s3 = env.api::<k8s_openapi::api::core::v1::Secret>().get(site::SECRET).await?;
        let mut secrets = vec![planted, grok.key.clone()];
        let secret = s3.data.and_then(|mut data| data.remove("secretAccessKey")).context("no keys of the bucket")?;
        secrets.push(String::from_utf8(secret.0)?);
        for (name, text) in &files {
            let found = secrets.iter().position(|secret| text.contains(secret.as_str()));
            ensure!(found.is_none(), "secret {found:?} is in {name}");
        }
        for part in ["doctor.txt", "versions.txt", "/videojobs.yaml", "/events.yaml", "/pods.yaml"] {
            ensure!(files.iter().any(|(name, _)| name.ends_with(part)), "{part} is missing: {:?}", names(&files));
        }
        for log in ["operator", "write-script"] {
            let whole = |(name, text): &(String, String)| name.contains(log) && name.ends_with(".log") && !text.is_empty();
            ensure!(files.iter().any(whole), "there is no log of {log}: {:?}", names(&files));
        }
        plugin.as_expected(Ok(()))
    })
    .await;
}

fn names(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

/// All files below a folder, and what is in each.
fn files_below(folder: &std::path::Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), std::fs::read_to_string(&path)?));
            }
        }
    }
    Ok(found)
}
