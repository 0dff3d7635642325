//! Who may do what, what those read who may not or cannot, and the local API as either kubeconfig serves it.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::plugin::Plugin;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::http;

#[tokio::test]
async fn what_cannot_be_done_is_reported_with_the_next_step() {
    in_test_env("plugin_refused", async |env: TestEnv| {
        let admin = Plugin::with_certificate(&env).await?;
        let viewer = Plugin::with_token(&env, "viewer", "view").await?;
        env.create_film(NewFilm::of(1).suspended()).await?;
        let (missing, forbidden) = (missing(&admin).await, forbidden(&viewer).await);
        viewer.as_expected(admin.as_expected(missing).and(forbidden))
    })
    .await;
}

async fn missing(plugin: &Plugin) -> anyhow::Result<()> {
    for verb in ["status", "logs", "artifacts", "download", "list"] {
        plugin
            .says(
                &format!("{verb} moon"),
                1,
                "",
                "error: failed to get VideoJob NS/moon: videojobs.videofactory.dev \"moon\" not found\n\
                 `kubectl videofactory list -A` shows what there is\n",
            )
            .await?;
    }
    plugin
        .says(
            "download film",
            1,
            "",
            "error: NS/film has no video yet\nnext: resume it: `kubectl videofactory resume film -n NS`\n",
        )
        .await?;
    plugin.says("artifacts film", 0, "", "NS/film has no finished files yet.\n").await?;
    plugin.says("logs film", 0, "", "NS/film has no log yet: no step has been begun.\n").await?;
    plugin
        .shows("list --unknown", 2, &[], &["error: unexpected argument '--unknown' found\n", "try '--help'"])
        .await?;
    plugin.shows("lst", 2, &[], &["error: unrecognized subcommand 'lst'\n", "try '--help'"]).await?;
    plugin
        .says(
            "status Moon",
            2,
            "",
            "error: \"Moon\" names no VideoJob\n\
             a name has lower-case letters, digits and dashes; `kubectl videofactory list` shows them\n",
        )
        .await?;
    plugin
        .shows(
            "list --context moon",
            1,
            &[],
            &["error: the kubeconfig cannot be used: ", "kubectl config get-contexts"],
        )
        .await?;
    plugin.says("list -n moon", 0, "", "There are no jobs in namespace moon.\n").await?;
    plugin.write("nobody.json", &unreachable())?;
    plugin
        .shows(
            "list --kubeconfig nobody.json",
            1,
            &[],
            &[
                "error: failed to list the videojobs of default: ",
                "can it be reached? --context chooses another one\n",
            ],
        )
        .await?;
    plugin
        .shows("doctor --kubeconfig nobody.json", 3, &["ERROR   Kubernetes   "], &["1 error, 0 warnings.\n"])
        .await
}

/// A cluster that is not there.
fn unreachable() -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
    })
    .to_string()
}

async fn forbidden(plugin: &Plugin) -> anyhow::Result<()> {
    plugin.shows("list --no-headers", 0, &["film   Suspended   "], &[]).await?;
    let ask =
        "ask for a role with that right, such as edit; `kubectl videofactory doctor` shows what you may do";
    let patch = "error: you may not patch videojobs in namespace NS";
    plugin.says("restart film", 3, "", &format!("{patch}; {ask}\n")).await?;
    plugin
        .says(
            "stop-all --yes",
            3,
            "",
            &format!(
                "{patch}\nNot all requests were made: `kubectl videofactory doctor` shows what you may do, and what is wrong.\n"
            ),
        )
        .await?;
    plugin
        .says(
            "approve film",
            1,
            "",
            "error: you may not approve videojobs in namespace NS\n\
             ask for a role with the verb approve on videojobs.videofactory.dev in that namespace, such as videofactory-edit\n",
        )
        .await?;
    plugin
        .says(
            "create Tides --name tides",
            1,
            "",
            &format!("error: you may not create videojobs in namespace NS\n{ask}\n"),
        )
        .await?;
    plugin
        .says("list -A", 1, "", &format!("error: you may not list videojobs in all namespaces\n{ask}\n"))
        .await?;
    plugin
        .says("cleanup", 1, "", &format!("error: you may not patch storagepolicies in namespace NS\n{ask}\n"))
        .await?;
    plugin
        .says(
            "proxy --port 0",
            1,
            "",
            "error: you may not list pods in namespace videofactory-system\n\
             ask for the Role videofactory-port-forward in namespace videofactory-system; --operator-namespace \
             names another namespace\n",
        )
        .await?;
    plugin
        .shows(
            "doctor",
            0,
            &[
                "you may not, in namespace NS: create videojobs.videofactory.dev (for create)",
                "ask for the Role videofactory-port-forward",
            ],
            &["0 errors, "],
        )
        .await
}

/// The local API, and where it says that it listens.
struct Proxy {
    /// Ends with this.
    child: Child,
    /// Kept open: a program whose messages nobody takes ends.
    _said: Lines<BufReader<ChildStderr>>,
    url: String,
}

impl Proxy {
    async fn of(plugin: &Plugin) -> anyhow::Result<Self> {
        let mut child = plugin.command("proxy --port 0").stdout(Stdio::null()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let first = said.next_line().await?.unwrap_or_default();
        let url = first.strip_prefix("Serving on ").and_then(|rest| rest.split(',').next());
        let url = url.with_context(|| first.clone())?.to_owned();
        Ok(Self { child, _said: said, url })
    }

    /// Ctrl-C ends it as it ends any program, which shells report as 130.
    async fn interrupted(mut self) -> anyhow::Result<()> {
        let process = self.child.id().context("it has ended by itself")?.to_string();
        let sent = tokio::process::Command::new("kill").args(["-INT", &process]).status().await?;
        ensure!(sent.success(), "it could not be interrupted");
        let ended = self.child.wait().await?;
        ensure!(ended.signal() == Some(2), "{ended}");
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<(StatusCode, String)> {
        let mut request = http::client().request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.text().await?))
    }
}

#[tokio::test]
async fn the_local_api_takes_curl_and_refuses_pages_of_other_sites() {
    in_test_env("plugin_proxy", async |env: TestEnv| {
        let people = Plugin::of_both_kinds(&env).await?;
        env.create_film(NewFilm::of(1).suspended()).await?;
        let film = format!("/jobs/{}/film", env.namespace);
        for plugin in &people {
            let proxy = Proxy::of(plugin).await?;
            let (status, body) = proxy.ask(Method::GET, &film, &[]).await?;
            ensure!(status == StatusCode::OK && body.contains("\"checkpoint\""), "{status}: {body}");
            let before = wishes(&env).await?;
            for headers in [
                [("origin", "https://evil.example")],
                [("origin", "null")],
                [("sec-fetch-site", "cross-site")],
            ] {
                for path in [format!("{film}/restart"), "/jobs/force-stop-all".to_owned()] {
                    let (status, body) = proxy.ask(Method::POST, &path, &headers).await?;
                    ensure!(status == StatusCode::FORBIDDEN, "{headers:?}: {status}: {body}");
                }
            }
            let rebound = [("host", "evil.example:8000")];
            let (status, body) = proxy.ask(Method::POST, &format!("{film}/restart"), &rebound).await?;
            ensure!(status == StatusCode::MISDIRECTED_REQUEST, "{status}: {body}");
            ensure!(wishes(&env).await? == before, "a page of another site has changed the film");
            let (status, body) = proxy.ask(Method::POST, &format!("{film}/suspend"), &[]).await?;
            ensure!(status.is_success(), "{status}: {body}");
            proxy.interrupted().await?;
        }
        Ok(())
    })
    .await;
}

/// What people have asked of the film.
async fn wishes(env: &TestEnv) -> anyhow::Result<Value> {
    let job = env.api::<videofactory_crds::VideoJob>().get("film").await?;
    Ok(json!({"annotations": job.metadata.annotations, "generation": job.metadata.generation}))
}
