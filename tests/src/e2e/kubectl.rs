//! kubectl, as people use it.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::site;

/// What kubectl said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether it exited with 0.
    pub well: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// kubectl, as it is given by `KUBECTL` or found.
pub fn program() -> anyhow::Result<PathBuf> {
    site::program(&env::var("KUBECTL").unwrap_or_else(|_| "kubectl".to_owned()))
}

/// Runs kubectl with these arguments and this standard input; a refusal is an answer, not an error.
pub async fn kubectl(arguments: &[&str], input: &str) -> anyhow::Result<Said> {
    let program = program()?;
    let mut child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to start {}", program.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { well: output.status.success(), out: text(output.stdout), err: text(output.stderr) })
}

/// Standard output of a kubectl that must succeed.
pub async fn ask(arguments: &[&str]) -> anyhow::Result<String> {
    let said = kubectl(arguments, "").await?;
    if !said.well {
        bail!("kubectl {} failed: {}", arguments.join(" "), said.err);
    }
    Ok(said.out)
}

/// Standard output of a bash script that is run in a pod, with these arguments, and must succeed.
pub async fn bash_in(namespace: &str, pod: &str, script: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let command = ["-n", namespace, "exec", pod, "--", "bash", "-c", script, "bash"];
    ask(&[&command as &[&str], arguments].concat()).await
}
