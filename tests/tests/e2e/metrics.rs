//! What a running operator reports to Prometheus.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use videofactory_tests::e2e::api::Caller;
use videofactory_tests::e2e::clips::animated;
use videofactory_tests::e2e::paid::roomy;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

/// Series that are there once a film was bought, and were not asked for by anybody.
const OF_A_FILM: [&str; 5] = [
    "videofactory_jobs{phase=\"Succeeded\"}",
    "videofactory_job_duration_seconds_count",
    "videofactory_step_duration_seconds_bucket",
    "videofactory_provider_requests_total{provider=\"XAI\"",
    "videofactory_reconcile_total",
];

#[tokio::test]
async fn promtool_finds_no_fault_in_what_an_operator_reports_that_has_made_films() {
    in_test_env("promtool", async |env: TestEnv| {
        let _grok = roomy(&env).await?;
        env.create_film(animated(2)).await?.succeeded().await?;
        let text = Caller::viewer().await?.text("/metrics").await?;
        for series in OF_A_FILM {
            ensure!(text.lines().any(|line| line.starts_with(series)), "{series} is not in:\n{text}");
        }
        ensure!(text.contains(&format!("{}/grok", env.namespace)), "the account is not in:\n{text}");
        let said = promtool(&text).await?;
        ensure!(said.is_empty(), "{said}");
        // That it would find one.
        let said = promtool("videofactory_clips_milliseconds 1\n").await?;
        ensure!(said.contains("no help text"), "{said}");
        Ok(())
    })
    .await;
}

/// What Prometheus' own tool says of metrics; nothing if it has nothing to object.
async fn promtool(text: &str) -> anyhow::Result<String> {
    let program = std::env::var_os("PROMTOOL").context("PROMTOOL is not set; run tests/run")?;
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("failed to start promtool")?;
    let mut input = child.stdin.take().context("promtool has no input")?;
    input.write_all(text.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    // It exits with 3 for what it only objects to.
    ensure!(output.status.success() || !said.is_empty(), "promtool ended with {}", output.status);
    Ok(said)
}
