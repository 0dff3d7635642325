//! What programs of others get of the HTTP API: a fuzzer and a generated client, which go by its document, and a browser.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::process::Command;
use videofactory_crds::{StoragePolicy, VideoJob};
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::clients::{self, Proxy};
use videofactory_tests::e2e::film::{Film, NewFilm};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{site, wait};

/// Longest time of a program that does not fuzz for long.
const SOON: Duration = Duration::from_mins(10);
/// Longest time of one that does.
const LATE: Duration = Duration::from_mins(20);

#[tokio::test]
async fn requests_made_from_the_document_are_answered_as_it_says() {
    fuzz(10, SOON).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/run runs it with MEASURE=1"]
async fn bench_many_requests_made_from_the_document_are_answered_as_it_says() {
    fuzz(200, LATE).await;
}

/// Makes so many requests for each operation, as whoever may read all and as whoever may write in one namespace.
async fn fuzz(examples: u32, limit: Duration) {
    in_test_env("fuzz", async |env: TestEnv| {
        let (reads, writes) = (Caller::viewer().await?, Caller::with_role(&env, "editor", "edit").await?);
        env.create_film(NewFilm::of(1)).await?.succeeded().await?;
        for name in ["held", "doomed"] {
            env.create_film(NewFilm::of(1).named(name).with(json!({"suspend": true}))).await?;
        }
        nothing_more_runs(&env).await?;
        // Others share the reader's part of what a caller may ask for.
        let (read, written) = tokio::join!(
            fuzz_as(&env, &reads, "20/s", examples, limit),
            fuzz_as(&env, &writes, "40/s", examples, limit),
        );
        read.context("as a reader")?;
        written.context("as an editor")
    })
    .await;
}

async fn fuzz_as(
    env: &TestEnv,
    caller: &Caller,
    rate: &str,
    examples: u32,
    limit: Duration,
) -> anyhow::Result<()> {
    let folder = clients::folder();
    let workdir = tempfile::tempdir()?;
    let mut command = clients::python("schemathesis")?;
    command
        .arg("--config-file")
        .arg(folder.join("fuzz.toml"))
        .args(["run", &format!("{}/openapi.json", site::operator_url()?)])
        .args(["--max-examples", &examples.to_string()])
        .current_dir(workdir.path())
        .env("PYTHONPATH", folder)
        .env("FUZZ_TOKEN", caller.token())
        .env("FUZZ_RATE", rate)
        .env("FUZZ_NAMESPACE", &env.namespace)
        .env("FUZZ_JOBS", "film held doomed");
    clients::run(&mut command, limit).await.map(drop)
}

/// Lets jobs be made, but few, and none of them run: the machine is others' too.
async fn nothing_more_runs(env: &TestEnv) -> anyhow::Result<()> {
    env.put(json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "0", "count/videojobs.videofactory.dev": "30"}},
    }))
    .await?;
    wait::until(&env.api::<ResourceQuota>(), wait::named("few"), "the quota to be counted", |all| {
        let used = all.values().next()?.status.as_ref()?.used.as_ref()?;
        (used.len() == 2).then_some(())
    })
    .await
}

#[tokio::test]
async fn a_client_that_is_generated_from_the_document_compiles_and_works() {
    in_test_env("generated_client", async |env: TestEnv| {
        let packages = site::node_clients()?;
        let editor = Caller::with_role(&env, "editor", "edit").await?;
        let film = env.create_film(NewFilm::of(1)).await?;
        let document = editor.get("/openapi.json").await?.body;
        let workdir = tempfile::tempdir()?;
        compile(&document, workdir.path(), &packages).await?;
        film.succeeded().await?;
        let mut client = Command::new(site::program("node")?);
        client
            .arg("built/client.js")
            .current_dir(workdir.path())
            .env("API_URL", site::operator_url()?)
            .env("API_TOKEN", editor.token())
            .env("NAMESPACE", &env.namespace)
            .env("FILM", &film.name);
        clients::run(&mut client, SOON).await.map(drop)
    })
    .await;
}

/// Generates a client of the document, and compiles it with the program that uses it.
async fn compile(document: &Value, workdir: &Path, packages: &Path) -> anyhow::Result<()> {
    let given = clients::folder().join("node");
    for file in ["package.json", "tsconfig.json", "client.ts"] {
        fs::copy(given.join(file), workdir.join(file))?;
    }
    std::os::unix::fs::symlink(packages.join("node_modules"), workdir.join("node_modules"))?;
    fs::write(workdir.join("openapi.json"), document.to_string())?;
    for (program, arguments) in [
        // What has a default can be left out.
        (
            "openapi-typescript/bin/cli.js",
            &["openapi.json", "--output", "api.ts", "--default-non-nullable=false"] as &[&str],
        ),
        ("typescript/bin/tsc", &["--project", "."]),
    ] {
        let mut command = Command::new(site::program("node")?);
        command.arg(packages.join("node_modules").join(program)).args(arguments).current_dir(workdir);
        clients::run(&mut command, SOON).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_write_nor_read_through_the_proxy() {
    in_test_env("browser", async |env: TestEnv| {
        let film = env.create_film(NewFilm::of(1).with(json!({"suspend": true}))).await?;
        film.phase(videofactory_crds::Phase::Suspended).await?;
        env.policy_says("default", "True", "Available").await?;
        let before = wishes(&env).await?;
        let report = browse(&env, &film).await?;
        ensure!(wishes(&env).await? == before, "something was changed: {report}");

        let own = &report["own"];
        ensure!(own["title"].as_str().is_some_and(|title| title.contains("Video Factory")), "{own}");
        ensure!(!own["url"].as_str().unwrap_or("token").contains("token"), "{own}");
        ensure!((&own["listed"], &own["jobs"]) == (&json!(200), &json!(["film"])), "{own}");
        // A cookie reads; the token writes, and gets the job's answer.
        ensure!((&own["by_cookie"], &own["by_token"]) == (&json!(401), &json!(409)), "{own}");
        for origin in ["localhost", "127.0.0.1", "evil.example"] {
            let page = &report["attempts"][origin];
            for name in ["localhost", "127.0.0.1", "evil.example"] {
                ensure!(page[name]["read"] == json!({}), "{origin} reads of {name}: {}", page[name]);
            }
            arrives(&env, &film, &page["careless"]).context(origin)?;
        }
        let rebound = &report["rebound"];
        let read: Vec<&str> =
            rebound["read"].as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str()).collect();
        ensure!(!read.is_empty(), "the page is of the same origin and can read: {rebound}");
        for text in read.into_iter().chain(rebound["page"].as_str()) {
            ensure!(text.contains("this proxy is not") && !text.contains(&film.uid), "{text}");
        }
        Ok(())
    })
    .await;
}

/// What people have asked for in a namespace: jobs with what they say, and policies.
async fn wishes(env: &TestEnv) -> anyhow::Result<Value> {
    let jobs = env.api::<VideoJob>().list(&ListParams::default()).await?;
    let jobs: Vec<Value> =
        jobs.iter().map(|job| json!([job.name_any(), job.uid(), job.annotations(), job.spec])).collect();
    let policies = env.api::<StoragePolicy>().list(&ListParams::default()).await?;
    let policies: Vec<Value> =
        policies.iter().map(|policy| json!([policy.name_any(), policy.annotations()])).collect();
    Ok(json!([jobs, policies]))
}

/// Lets a browser open the proxy's page and then pages of others; what came of it.
async fn browse(env: &TestEnv, film: &Film) -> anyhow::Result<Value> {
    let proxy = Proxy::start().await?;
    let mut command = clients::browser("browser.py")?;
    command
        .args(["--proxy-port", &proxy.port.to_string(), "--token", &proxy.token])
        .args(["--namespace", &env.namespace, "--film", &film.name])
        .arg("--screenshot")
        .arg(site::logs()?.join("docs.png"));
    clients::report(&mut command, SOON).await
}

/// Whether all that a page tries arrives at a server that lets it.
fn arrives(env: &TestEnv, film: &Film, careless: &Value) -> anyhow::Result<()> {
    let asked: BTreeSet<&str> =
        careless["asked"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let job = format!("/jobs/{}/{}", env.namespace, film.name);
    for request in [
        "POST /jobs".to_owned(),
        "POST /jobs/force-stop-all".to_owned(),
        "POST /storage/cleanup".to_owned(),
        format!("POST {job}/suspend"),
        format!("DELETE {job}"),
        format!("OPTIONS {job}"),
        format!("GET {job}/suspend"),
        "GET /jobs".to_owned(),
        "GET /docs".to_owned(),
        "GET /stream".to_owned(),
    ] {
        ensure!(asked.contains(request.as_str()), "{request} does not arrive: {careless}");
    }
    for what in ["get", "stream", "post-form"] {
        ensure!(careless["read"][what].is_string(), "{what} is not read: {careless}");
    }
    Ok(())
}
