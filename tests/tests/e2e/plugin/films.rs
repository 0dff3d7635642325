//! One film, from a storyboard to a file, and all that is read of it: by a certificate and by a token.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use videofactory_crds::StepName;
use videofactory_tests::e2e::ffprobe::check_film;
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::kubectl::{ask, kubectl};
use videofactory_tests::e2e::plugin::{Plugin, Ran};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;

const STEPS: [StepName; 6] = StepName::ALL;

#[tokio::test]
async fn a_storyboard_becomes_a_film_that_is_here_and_all_verbs_show_it() {
    in_test_env("plugin_films", async |env: TestEnv| {
        let people = Plugin::of_both_kinds(&env).await?;
        made(&env, &people[1]).await?;
        for plugin in &people {
            plugin.as_expected(read(&env, plugin).await)?;
        }
        Ok(())
    })
    .await;
}

async fn read(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    documents(env, plugin).await?;
    columns(plugin).await?;
    logs(plugin).await?;
    files(plugin).await
}

/// From a storyboard to the path of a film, while somebody follows what its steps write.
async fn made(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    plugin.write(
        "board.json",
        &NewFilm::of(1).with(json!({"captions": {"mode": "Both"}})).manifest().to_string(),
    )?;
    let line = "create --storyboard board.json --wait --download films --timeout 4m";
    let making = async { plugin.run(line).await };
    let following = async {
        let api = env.api();
        let job =
            wait::until(&api, wait::named("film"), "the film to be made", |all| all.get("film").cloned())
                .await?;
        // A pod of a small film is seen to run seldom: it has ended by then.
        let has_begun = |pod: &Pod| {
            pod.status
                .as_ref()
                .and_then(|status| status.phase.as_deref())
                .is_some_and(|phase| phase != "Pending")
        };
        Film::new(env.clone(), &job).pod(StepName::GenerateImages, "have begun", has_begun).await?;
        plugin.run("logs film --follow").await
    };
    let (made, followed) = tokio::try_join!(making, following)?;
    let reported = made.err.clone();
    plugin.compare(line, &Ran { err: String::new(), ..made }, 0, "films/film.mp4\n", "");
    tells_how_it_comes_about(plugin, &reported);
    ensure!((followed.code, followed.err.as_str()) == (0, ""), "{followed:?}");
    names_each_step(plugin, "logs film --follow", &followed.text());
    let seconds = probed_length(env).await?;
    check_film(&plugin.file("films/film.mp4"), seconds).await
}

async fn probed_length(env: &TestEnv) -> anyhow::Result<f64> {
    let job = env.api::<videofactory_crds::VideoJob>().get("film").await?;
    let artifacts = job.status.and_then(|status| status.artifacts).context("no artifacts")?;
    artifacts.video.and_then(|video| video.duration).context("no length")
}

/// Each step's end is reported, in order, and nothing else but the steps' beginnings, their scenes, and the film's own end.
/// Of what happens between two looks, the last alone is seen.
fn tells_how_it_comes_about(plugin: &Plugin, reported: &str) {
    let reported = plugin.masked(reported);
    let mut lines: Vec<&str> = reported.lines().collect();
    let done: BTreeSet<&str> = lines.iter().filter_map(|line| line.strip_suffix(" is done")).collect();
    let all: BTreeSet<String> = STEPS.iter().map(|step| format!("NS/film: {step}")).collect();
    lines.retain(|line| {
        !line.ends_with(" is done")
            && !line.ends_with(" runs")
            && !line.contains(" has made ")
            && !line.contains(": Waiting: StoragePolicy ")
    });
    if done != all.iter().map(String::as_str).collect()
        || lines != ["videojob.videofactory.dev/film created", "NS/film: Succeeded: published"]
    {
        plugin.differs(format!("create --wait reports on standard error:\n{reported}"));
    }
}

/// Lines of every step, as people read them.
fn names_each_step(plugin: &Plugin, line: &str, text: &str) {
    let text = plugin.masked(text);
    let missing = |step: &&StepName| !text.contains(&format!("TIME INFO {step}-1 "));
    let missing: Vec<&StepName> = STEPS.iter().filter(missing).collect();
    if !missing.is_empty() || text.lines().any(|line| !line.starts_with("TIME ")) {
        plugin.differs(format!("{line} has nothing of {missing:?}, or lines of another form:\n{text}"));
    }
}

/// What programs are given is what kubectl gives them.
async fn documents(env: &TestEnv, plugin: &Plugin) -> anyhow::Result<()> {
    let namespace = env.namespace.as_str();
    let theirs: Value =
        serde_json::from_str(&ask(&["-n", namespace, "get", "vj", "film", "-o", "json"]).await?)?;
    let read = async |line: &str| -> anyhow::Result<Value> {
        let ran = plugin.run(line).await?;
        ensure!((ran.code, ran.err.as_str()) == (0, ""), "{line}: {ran:?}");
        let json = if line.ends_with("yaml") && !line.starts_with("status") {
            let said = kubectl(&["create", "--dry-run=client", "-o", "json", "-f", "-"], &ran.text()).await?;
            ensure!(said.well, "{line}: {}: {}", said.err, ran.text());
            said.out
        } else {
            ran.text()
        };
        serde_json::from_str(&json).with_context(|| format!("{line}: {json}"))
    };
    ensure!(
        read("list film -o json").await? == theirs,
        "list film -o json is not what kubectl prints: {theirs}"
    );
    ensure!(
        read("get film -o yaml").await? == theirs,
        "list film -o yaml is not what kubectl prints: {theirs}"
    );
    ensure!(read("list -o json").await?["items"][0] == theirs);
    ensure!(read("status vj/film -o json").await? == theirs["status"]);
    let artifacts = read("artifacts film -o json").await?;
    ensure!(artifacts["items"][0]["key"] == theirs["status"]["artifacts"]["video"]["key"], "{artifacts}");
    Ok(())
}

/// What people read.
async fn columns(plugin: &Plugin) -> anyhow::Result<()> {
    let head = "NAME   PHASE   STEP   PROGRESS   RESUME   AGE";
    plugin.says("list", 0, &format!("{head}\nfilm   Succeeded   -   6/6   -   AGE\n"), "").await?;
    plugin
        .says(
            "list -o wide",
            0,
            &format!(
                "{head}   COST   READY   MESSAGE\n\
                 film   Succeeded   -   6/6   -   AGE   -   True   published\n"
            ),
            "",
        )
        .await?;
    plugin.says("ls -o name --phase succeeded", 0, "videojob.videofactory.dev/film\n", "").await?;
    plugin.says("list --no-headers film", 0, "film   Succeeded   -   6/6   -   AGE\n", "").await?;
    plugin.says("list --phase Failed", 0, "", "There are no such jobs in namespace NS.\n").await?;
    let status = "\
Job:   NS/film
Age:   AGE
Phase:   Succeeded (Completed)
Progress:   6/6
Film:   videos/NS/film-HEX/r1/HEX.mp4 (SIZE, LENGTH)
Message:   published

STEP   STATE   SCENES   ATTEMPT   TOOK   COST   REASON
write-script   Succeeded   1   1   AGE   -   -
generate-images   Succeeded   1/1   1   AGE   -   -
narrate-scenes   Succeeded   1/1   1   AGE   -   -
animate-scenes   Succeeded   1/1   1   AGE   -   -
assemble-video   Succeeded   -   1   AGE   -   -
publish-video   Succeeded   -   1   AGE   -   -

TARGET   STATE   AT   WHERE
main   Published   TIME   published/NS/film-HEX/r1/main/film.mp4

Next: watch it: `kubectl videofactory download film -n NS`
";
    plugin.says("status film", 0, status, "").await?;
    plugin.says("status film --watch", 0, status, "").await?;
    plugin
        .says(
            "artifacts film",
            0,
            "\
NAME   SIZE   LENGTH   KEY
video   SIZE   LENGTH   videos/NS/film-HEX/r1/HEX.mp4
thumbnail   SIZE   -   thumbnails/NS/film-HEX/r1/HEX.jpg
captions.srt   SIZE   -   captions/NS/film-HEX/r1/HEX.srt
captions.vtt   SIZE   -   captions/NS/film-HEX/r1/HEX.vtt
",
            "",
        )
        .await
}

async fn logs(plugin: &Plugin) -> anyhow::Result<()> {
    let script = [
        "TIME INFO write-script-1 the attempt begins input=HEX\n",
        "TIME INFO write-script-1 the step is done outcome=the storyboard has 1 scenes",
    ];
    plugin.shows("logs film --step write-script", 0, &script, &[]).await?;
    let whole = plugin.run("logs film").await?;
    ensure!((whole.code, whole.err.as_str()) == (0, ""), "{whole:?}");
    names_each_step(plugin, "logs film", &whole.text());
    let followed = plugin.run("logs film -f").await?;
    ensure!(followed.out == whole.out, "what has ended is followed to its end, and no further: {followed:?}");
    let raw = plugin.run("logs film --raw --step publish-video --tail 1").await?;
    let line: Value = serde_json::from_str(&raw.text()).with_context(|| format!("{raw:?}"))?;
    ensure!(line["level"] == "INFO", "{line}");
    Ok(())
}

async fn files(plugin: &Plugin) -> anyhow::Result<()> {
    plugin.says("download film", 0, "./film.mp4\n", "").await?;
    plugin.says("download film --what captions", 0, "./film.srt\n./film.vtt\n", "").await?;
    plugin.says("download film --what thumbnail --file still.jpg", 0, "still.jpg\n", "").await?;
    let piped = plugin.run("download film --file -").await?;
    ensure!((piped.code, piped.err.as_str()) == (0, ""), "{}", piped.err);
    ensure!(piped.out == std::fs::read(plugin.file("film.mp4"))?, "another film is piped than is written");
    let still = std::fs::read(plugin.file("still.jpg"))?;
    ensure!(still.starts_with(&[0xff, 0xd8]), "the thumbnail is no JPEG");
    let captions = std::fs::read_to_string(plugin.file("film.srt"))?;
    ensure!(captions.contains("scene number"), "{captions}");
    plugin
        .says(
            "download film --what captions -F one.srt",
            2,
            "",
            "error: NS/film has captions in 2 formats\nleave --file out: each is written beside the others\n",
        )
        .await
}
