//! What `kubectl apply` refuses, and the sentence with which it does.
//!
//! Each file of tests/refusals says in its first line `# refused: <part of the message>`; a second line
//! `# after: <file>` names what must exist before, for edits that are refused.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use videofactory_tests::e2e::kubectl::kubectl;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};

#[tokio::test]
async fn nonsense_is_refused_with_a_sentence() {
    in_test_env("nonsense_is_refused", async |env: TestEnv| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("refusals");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        ensure!(files.len() >= 20, "only {} files in {}", files.len(), folder.display());
        for base in fs::read_dir(folder.join("base"))?.flatten() {
            let said = apply(&env, &fs::read_to_string(base.path())?, false).await?;
            ensure!(said.is_none(), "{}: {said:?}", base.path().display());
        }
        let mut wrong = Vec::new();
        for path in &files {
            if let Err(error) = refused(&env, path).await {
                wrong.push(format!("{}: {error:#}", path.display()));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .await;
}

async fn refused(env: &TestEnv, path: &Path) -> anyhow::Result<()> {
    let manifest = fs::read_to_string(path)?;
    let sentence = manifest
        .lines()
        .find_map(|line| line.strip_prefix("# refused: "))
        .context("no line `# refused: …`")?;
    let said = apply(env, &manifest, true).await?.context("it was taken")?;
    ensure!(said.contains(sentence.trim()), "it was refused, but with: {said}");
    Ok(())
}

/// Applies a manifest; what kubectl said if it was refused.
async fn apply(env: &TestEnv, manifest: &str, dry: bool) -> anyhow::Result<Option<String>> {
    let dry = if dry { "--dry-run=server" } else { "--dry-run=none" };
    let said = kubectl(&["-n", &env.namespace, "apply", dry, "-f", "-"], manifest).await?;
    Ok((!said.well).then_some(said.err))
}
