//! Runs a speech program as a child process. Text goes in through standard input or a file, never through
//! a shell or an argument; the child dies with the future that awaits it, and never outlives its limit.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use videofactory_providers::error::ProviderError;
use videofactory_providers::wav::{self, Sound};

use crate::PROVIDER;

/// The longest that one run may take; both engines speak hundreds of times faster than real time.
const LIMIT: Duration = Duration::from_mins(2);

/// Runs `program`, feeds it `input` and returns its standard output.
pub(super) async fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    input: &[u8],
) -> Result<Vec<u8>, ProviderError> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(program, &error))?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program that closes its input early says why through its exit status.
            let _ = stdin.write_all(input).await;
        }
    };
    let work = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = tokio::time::timeout(LIMIT, work)
        .await
        .map_err(|_| {
            unexpected(format!("{program} did not end within {} s and was stopped", LIMIT.as_secs()))
        })?
        .map_err(|error| unexpected(format!("reading the output of {program}: {error}")))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("and said nothing");
        return Err(unexpected(format!("{program} ended with {}: {said}", output.status)));
    }
    Ok(output.stdout)
}

/// The sound in the file that `program` wrote.
pub(super) fn sound(program: &str, bytes: &[u8]) -> Result<Sound, ProviderError> {
    wav::read(bytes)
        .ok_or_else(|| unexpected(format!("{program} wrote {} bytes that are no WAV file", bytes.len())))
}

/// An error that is nobody's setting.
pub(super) fn unexpected(message: String) -> ProviderError {
    ProviderError::Unexpected { provider: PROVIDER, message }
}

/// An error that a changed setting or text fixes.
pub(super) fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}

fn not_started(program: &str, error: &std::io::Error) -> ProviderError {
    if error.kind() == std::io::ErrorKind::NotFound {
        configuration(format!(
            "the program {program} is not installed here; install the package {program}, or name an account that narrates"
        ))
    } else {
        unexpected(format!("starting {program}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_is_named_with_its_package() {
        let error = run("no-such-engine", &["-x"], b"").await.unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }));
        assert!(error.to_string().contains("install the package no-such-engine"), "{error}");
    }

    #[tokio::test]
    async fn a_failing_program_is_quoted() {
        let error = run("cat", &["/nowhere/at/all"], b"").await.unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
    }

    #[tokio::test]
    async fn text_reaches_the_program_unchanged_whatever_it_contains() {
        let text = "$(rm -rf /) `x` \"quoted\" ; Größe 海\n".repeat(20_000);
        assert_eq!(run("cat", &[""; 0], text.as_bytes()).await.unwrap(), text.as_bytes());
    }

    #[tokio::test]
    async fn a_program_dies_with_the_future_that_awaits_it() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 600", note.display());
        let started = tokio::spawn(async move { run("sh", &["-c", &script], b"").await });
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        let pid = loop {
            if let Some(pid) = std::fs::read_to_string(&note).ok().filter(|text| text.ends_with('\n')) {
                break pid.trim().to_owned();
            }
            assert!(std::time::Instant::now() < deadline, "the program never started");
            tokio::task::yield_now().await;
        };
        started.abort();
        let alive = || {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("sleep"))
        };
        while alive() {
            assert!(std::time::Instant::now() < deadline, "process {pid} is still alive");
            tokio::task::yield_now().await;
        }
    }
}
