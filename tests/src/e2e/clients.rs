//! Programs of others that ask the HTTP API, as `tests/run` has installed them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{plugin, site, wait};

/// A program of the Python that has them.
pub fn python(program: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(site::python_clients()?.join("bin").join(program));
    // They ask of this machine and of the cluster alone.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    Ok(command)
}

/// The folder of what they are given: their settings, and the programs that drive them.
#[must_use]
pub fn folder() -> PathBuf {
    crate::root().join("tests/http")
}

/// The browser.
pub fn chromium() -> anyhow::Result<PathBuf> {
    site::program("chromium").or_else(|_| site::program("google-chrome"))
}

/// A program of [`folder`] that drives a browser.
pub fn browser(program: &str) -> anyhow::Result<Command> {
    let mut command = python("python")?;
    command
        .arg(folder().join(program))
        .arg("--chromium")
        .arg(chromium()?)
        .arg("--chromedriver")
        .arg(site::program("chromedriver")?);
    Ok(command)
}

/// What a program prints, as JSON.
pub async fn report(command: &mut Command, limit: Duration) -> anyhow::Result<Value> {
    let printed = run(command, limit).await?;
    serde_json::from_str(&printed).with_context(|| format!("it printed no JSON: {printed}"))
}

/// Standard output of a program that must succeed, within this time.
pub async fn run(command: &mut Command, limit: Duration) -> anyhow::Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(limit, command.output())
        .await
        .with_context(|| format!("{program} does not end within {} s", limit.as_secs()))?
        .with_context(|| format!("failed to start {program}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "{program} ended with {}: {out}\n{err}", output.status);
    Ok(out)
}

/// `kubectl videofactory proxy`, until it is dropped.
pub struct Proxy {
    /// Its port on localhost.
    pub port: u16,
    /// What a browser shows to it.
    pub token: String,
    _process: Child,
}

impl Proxy {
    /// The address that lets a browser in, with the path of the page that it opens first.
    #[must_use]
    pub fn entry(&self, path: &str) -> String {
        format!("http://localhost:{}{path}?token={}", self.port, self.token)
    }

    /// Starts it on a free port, as whom `KUBECONFIG` names.
    pub async fn start() -> anyhow::Result<Self> {
        let mut process = Command::new(plugin::program()?)
            .args(["proxy", "--port", "0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the plugin")?;
        let mut lines = BufReader::new(process.stderr.take().context("it has no output")?).lines();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once("For a browser: http://localhost:") {
                    return Ok(address.to_owned());
                }
            }
            anyhow::bail!("the proxy ended and printed no address")
        };
        let address = timeout(wait::TIMEOUT, address).await.context("the proxy prints no address")??;
        let (port, token) = address.split_once("/docs?token=").context("its address holds no token")?;
        Ok(Self { port: port.parse()?, token: token.trim().to_owned(), _process: process })
    }
}
