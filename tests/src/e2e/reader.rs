//! Somebody who follows a page of the documentation: pastes its blocks into one shell, from the first to the last.
//!
//! The shell is at the root of the repository, as far as that can be seen: what the blocks write stays out of it. A
//! line that fails ends the page, and so does an HTTP answer that is an error, which curl alone would not mind.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::{kubectl, plugin, wait};
use crate::docs::{self, Action, Commands};

/// What makes an error of the API an error of the line that asked for it, as a reader sees it.
const CURL_SETTINGS: &str = "fail-with-body\nsilent\nshow-error\n";
/// What of the repository a page does not speak of: where things are built.
const NOT_SHOWN: [&str; 2] = ["target", "demo"];
/// Folder of the shell's own, where it is.
const REPOSITORY: &str = "repository";
/// What ends with the shell, however that ends: what a page has left running, in the shell's own process group.
const FIRST_LINE: &str = "trap 'kill 0' EXIT\n";
/// Longest time that a shell may take to end once nothing more is pasted.
const ENDING: Duration = Duration::from_secs(30);

/// Follows a page, `name` from the root of the repository, on the cluster under test.
pub async fn follow(name: &str) -> anyhow::Result<()> {
    let root = crate::root();
    let text = fs::read_to_string(root.join(name)).with_context(|| format!("failed to read {name}"))?;
    let programs = [("kubectl", kubectl::program()?), ("kubectl-videofactory", plugin::program()?)];
    paste(name, &text, &root, &programs).await
}

/// Follows a page with these programs, by the names that it has for them.
async fn paste(name: &str, page: &str, root: &Path, programs: &[(&str, PathBuf)]) -> anyhow::Result<()> {
    let page = docs::read(page).map_err(|faults| anyhow::anyhow!("{name}: {}", faults.join("; ")))?;
    let mut shell = Shell::open(root, programs).await?;
    for step in &page.steps {
        let place = format!("{name}:{}", step.line);
        match &step.action {
            Action::Save { file, text } => {
                let path = shell.workdir.path().join(REPOSITORY).join(file);
                fs::write(path, text).with_context(|| format!("{place}: failed to write {file}"))?;
            }
            Action::Run(commands) => shell.run(&place, commands).await?,
        }
    }
    shell.close().await
}

/// A shell into which blocks are pasted.
struct Shell {
    /// Everything that it needs and writes: the folder where it is, programs, curl's settings, and a script and an output
    /// for each block.
    workdir: TempDir,
    bash: Child,
    stdin: ChildStdin,
    /// Says the number of each block that has ended well.
    said: Lines<BufReader<ChildStdout>>,
    pasted: usize,
}

impl Shell {
    async fn open(root: &Path, programs: &[(&str, PathBuf)]) -> anyhow::Result<Self> {
        let workdir = tempfile::tempdir()?;
        let (bin, repository) = (workdir.path().join("bin"), workdir.path().join(REPOSITORY));
        fs::create_dir(&bin)?;
        for (program, file) in programs {
            symlink(file, bin.join(program))?;
        }
        fs::create_dir(&repository)?;
        for entry in fs::read_dir(root)? {
            let name = entry?.file_name();
            let shown = name.to_string_lossy();
            if !shown.starts_with('.') && !NOT_SHOWN.contains(&&*shown) {
                symlink(root.join(&name), repository.join(&name))?;
            }
        }
        fs::write(workdir.path().join(".curlrc"), CURL_SETTINGS)?;
        let path = env::var("PATH").context("there is no PATH")?;
        let mut bash = Command::new("bash")
            .args(["--noprofile", "--norc", "-euo", "pipefail", "-s"])
            .current_dir(&repository)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("CURL_HOME", workdir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("failed to start bash")?;
        let stdin = bash.stdin.take().context("bash has no input")?;
        let stdout = bash.stdout.take().context("bash has no output")?;
        let mut shell = Self { workdir, bash, stdin, said: BufReader::new(stdout).lines(), pasted: 0 };
        shell.stdin.write_all(FIRST_LINE.as_bytes()).await?;
        Ok(shell)
    }

    /// Pastes a block, and waits until it has ended, or can be left running.
    async fn run(&mut self, place: &str, commands: &Commands) -> anyhow::Result<()> {
        self.pasted += 1;
        let number = self.pasted.to_string();
        let file = |extension: &str| self.workdir.path().join(&number).with_extension(extension);
        let (script, output, ended) = (file("sh"), file("out"), file("ended"));
        fs::write(&script, &commands.text)?;
        let here = |path: &Path| format!("'{}'", path.display());
        let sourced = format!("source {}", here(&script));
        let redirected = format!("</dev/null >{} 2>&1", here(&output));
        let line = if commands.stays.is_some() {
            let report = format!("trap 'touch {}' EXIT", ended.display());
            format!("({report}; {sourced}) {redirected} & echo {number}\n")
        } else {
            format!("{sourced} {redirected}; echo {number}\n")
        };
        self.stdin
            .write_all(line.as_bytes())
            .await
            .with_context(|| format!("{place}: the shell has ended"))?;
        let said = timeout(wait::TIMEOUT, self.said.next_line()).await;
        let printed = || fs::read_to_string(&output).unwrap_or_default();
        let about = || format!("{place}\n{}it printed:\n{}", commands.text, printed());
        let Ok(said) = said else { bail!("not within {} s: {}", wait::TIMEOUT.as_secs(), about()) };
        // A line that fails ends the shell, which then says nothing.
        ensure!(said?.as_deref() == Some(number.as_str()), "a line fails: {}", about());
        if let Some(sign) = &commands.stays {
            wait::asked(&format!("{sign} in the output of {place}"), async || {
                let is_there = sign.is_match(&printed());
                ensure!(is_there || !ended.exists(), "it ended without {sign}: {}", about());
                Ok(is_there.then_some(()))
            })
            .await?;
        }
        let missing = commands.missing(&printed());
        ensure!(missing.is_empty(), "{missing:?} is not in the output: {}", about());
        Ok(())
    }

    /// Nothing more is pasted: what was left running ends.
    async fn close(mut self) -> anyhow::Result<()> {
        self.stdin.write_all(b"exit\n").await?;
        timeout(ENDING, self.bash.wait()).await.context("the shell does not end")?.map(drop)?;
        Ok(())
    }
}

impl Drop for Shell {
    /// Ends the shell, if it has not ended, and what it has started.
    fn drop(&mut self) {
        if let Some(id) = self.bash.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pasted(page: &str) -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        fs::create_dir(root.path().join("manifests"))?;
        fs::write(root.path().join("manifests/a.yaml"), "a: b\n")?;
        let cat = PathBuf::from("/bin/cat");
        paste("PAGE.md", page, root.path(), &[("kubectl", cat)]).await
    }

    async fn fault(page: &str) -> String {
        format!("{:#}", pasted(page).await.unwrap_err())
    }

    #[tokio::test]
    async fn what_a_block_sets_and_writes_is_there_for_the_next() {
        let page = concat!(
            "```bash\nnamespace=demo\necho \"$namespace\" > own\n```\n",
            "<!-- save as: film.yaml -->\n```yaml\nc: d\n```\n",
            "<!-- expect: (?s)^a: b.*c: d.*demo\\ndemo\\n$ -->\n",
            "```console\n$ kubectl manifests/a.yaml film.yaml own; echo \"$namespace\"\nshown only\n```\n",
        );
        pasted(page).await.unwrap();
    }

    #[tokio::test]
    async fn a_line_that_fails_is_reported_with_its_place_and_output() {
        for failing in
            ["echo first\nfalse\necho never", "echo first; ls nowhere | cat", "echo first \"$unset\""]
        {
            let reported = fault(&format!("text\n\n```bash\n{failing}\n```\n")).await;
            assert!(reported.starts_with("a line fails: PAGE.md:3\n"), "{reported}");
            assert!(!reported.ends_with("never\n"), "{reported}");
        }
    }

    #[tokio::test]
    async fn output_that_is_not_as_expected_is_reported() {
        let reported = fault("<!-- expect: \\bok\\b -->\n```bash\necho broken\n```\n").await;
        assert!(reported.contains("\\\\bok\\\\b") && reported.ends_with("broken\n"), "{reported}");
    }

    #[tokio::test]
    async fn an_error_of_the_api_is_an_error_of_the_line() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jobs", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno such j").unwrap();
        });
        let reported = fault(&format!("```bash\ncurl {url} | cat\n```\n")).await;
        assert!(reported.contains("no such j"), "{reported}");
    }

    #[tokio::test]
    async fn what_does_not_end_by_itself_runs_until_the_page_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let page = format!(
            "<!-- stays: serving -->\n```bash\necho $BASHPID > {0}; echo serving; exec tail -f /dev/null\n```\n\
             ```bash\nkill -0 \"$(cat {0})\"\n```\n",
            file.display()
        );
        pasted(&page).await.unwrap();
        let process = PathBuf::from("/proc").join(fs::read_to_string(file).unwrap().trim());
        wait::asked("the process to be gone", async || Ok((!process.exists()).then_some(()))).await.unwrap();
        let reported = fault("<!-- stays: serving -->\n```bash\necho port is taken; false\n```\n").await;
        assert!(
            reported.contains("it ended without serving") && reported.ends_with("port is taken\n"),
            "{reported}"
        );
    }
}
