//! The page of a job in a browser that nobody touches, and when it shows what.

use std::process::Stdio;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;
use videofactory_crds::Phase;

use super::{clients, wait};

/// A page. When it is dropped, its browser ends by itself.
pub struct LivePage {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl LivePage {
    /// Lets a browser in at this address, and waits until the page of this path follows its job.
    pub async fn open(entry: &str, path: &str) -> anyhow::Result<Self> {
        let mut process = clients::browser("live.py")?
            .args(["--entry", entry, "--path", path])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start live.py")?;
        let input = process.stdin.take().context("it has no input")?;
        let output = BufReader::new(process.stdout.take().context("it has no output")?).lines();
        let mut page = Self { input, output };
        page.is_live().await?;
        Ok(page)
    }

    /// Waits until the page follows its job, again.
    pub async fn is_live(&mut self) -> anyhow::Result<()> {
        self.ask("live".to_owned()).await.map(drop)
    }

    /// When it has shown this phase, since what it was asked before.
    pub async fn shows(&mut self, phase: Phase) -> anyhow::Result<Timestamp> {
        self.time(format!("shows {phase}")).await
    }

    /// When it has shown another phase than this, since what it was asked before.
    pub async fn leaves(&mut self, phase: Phase) -> anyhow::Result<Timestamp> {
        self.time(format!("leaves {phase}")).await
    }

    async fn time(&mut self, question: String) -> anyhow::Result<Timestamp> {
        let answer = self.ask(question).await?;
        let seconds = answer.as_f64().with_context(|| format!("{answer} is no time"))?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
        let milliseconds = (seconds * 1000.0) as i64;
        Ok(Timestamp::from_millisecond(milliseconds)?)
    }

    async fn ask(&mut self, question: String) -> anyhow::Result<Value> {
        self.input.write_all(format!("{question}\n").as_bytes()).await?;
        let answer = timeout(wait::TIMEOUT, self.output.next_line()).await;
        let answer = answer.with_context(|| format!("{question}: no answer"))??;
        let answer =
            answer.with_context(|| format!("{question}: the browser has ended; its words are above"))?;
        Ok(serde_json::from_str(&answer)?)
    }
}
