//! What the documentation gives people to paste works as it stands, in the order in which it stands.
//!
//! The pages speak of the namespace `demo`, which is these tests' own, and of `localhost:8000`, where the plugin's proxy
//! listens; the runbook stops all films of the cluster. So each page is followed when nothing else runs.

use anyhow::ensure;
use videofactory_tests::e2e::reader;
use videofactory_tests::e2e::test_env::{TestEnv, in_named_test_env};
use videofactory_tests::{docs, root};

const README: &str = "README.md";
const RUNBOOK: &str = "docs/runbook.md";

/// The namespace of which the pages speak, as of the demo's.
async fn in_demo(name: &str, test: impl AsyncFnOnce() -> anyhow::Result<()>) {
    in_named_test_env("demo".to_owned(), name, async |env: TestEnv| {
        env.ensure_no_others().await?;
        env.policy_says("default", "True", "Available").await?;
        test().await
    })
    .await;
}

#[tokio::test]
async fn serial_the_readme_can_be_followed() {
    in_demo("the_readme_can_be_followed", async || reader::follow(README).await).await;
}

#[tokio::test]
async fn serial_the_runbook_can_be_followed() {
    in_demo("the_runbook_can_be_followed", async || reader::follow(RUNBOOK).await).await;
}

#[tokio::test]
async fn serial_the_other_pages_can_be_followed() {
    in_demo("the_other_pages_can_be_followed", async || {
        let root = root();
        let mut faults = Vec::new();
        for page in docs::pages(&root)? {
            let name = page.strip_prefix(&root)?.display().to_string();
            if [README, RUNBOOK].contains(&name.as_str()) {
                continue;
            }
            if let Err(fault) = reader::follow(&name).await {
                faults.push(format!("{fault:#}"));
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    })
    .await;
}
