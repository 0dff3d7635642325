//! Running ffmpeg and ffprobe: niced, with bounded threads, killed when nobody waits for them any
//! more, what they write passed on as it comes and the end of their complaints kept.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::available_parallelism;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::error::FilmError;
use super::sniff::Format;

/// Lines of complaint that an error carries.
const LAST_LINES: usize = 6;

/// Whatever a file says, no other is opened for it, and nothing is fetched.
const ALONE: [&str; 2] = ["-protocol_whitelist", "file"];
/// What a program that decodes knows of the pod: nothing of what the step works with.
const PASSED_ON: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "XDG_CACHE_HOME", "TZ"];

/// How programs that decode are started; set once, before the first.
static LAUNCHER: OnceLock<Vec<OsString>> = OnceLock::new();

/// Has every program that decodes started by this one, which is given the program and its arguments.
pub fn launch_by(launcher: Vec<OsString>) {
    // Whoever was first has said it for the whole process.
    let _ = LAUNCHER.set(launcher);
}

/// A program that decodes: files from outside may take it over, so that it gets no environment but the
/// little that it needs, and is started by the launcher if there is one.
pub fn command(program: &str) -> Command {
    let mut command = match LAUNCHER.get().map(Vec::as_slice) {
        Some([launcher, args @ ..]) => {
            let mut command = Command::new(launcher);
            command.args(args).arg(program);
            command
        }
        _ => Command::new(program),
    };
    command.env_clear().env("HOME", "/tmp").env("LC_ALL", "C.UTF-8");
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// An ffmpeg command in the making.
pub struct Ffmpeg {
    task: String,
    command: Command,
}

/// Threads for one codec or filter graph: as many as there are processors to use.
#[must_use]
pub fn threads() -> String {
    available_parallelism().map_or(1, usize::from).min(16).to_string()
}

impl Ffmpeg {
    /// An ffmpeg that works in `dir`; `task` completes "failed to …".
    #[must_use]
    pub fn new(task: impl Into<String>, dir: &Path) -> Self {
        // `nice` becomes ffmpeg itself, so that killing the child kills ffmpeg.
        let mut command = command("nice");
        command.args(["-n", "5", "ffmpeg", "-hide_banner", "-nostdin", "-y", "-loglevel", "error"]);
        command.args(["-filter_threads", &threads(), "-filter_complex_threads", &threads()]);
        command.current_dir(dir).stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        Self { task: task.into(), command }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds an input, read as this format and with these options.
    #[must_use]
    pub fn input(self, options: &[&str], format: Format, path: &Path) -> Self {
        // ffmpeg works in a directory of its own. What is absolute cannot be taken for a protocol either.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.args(ALONE).args(["-f", format.name]).args(options).args(["-i"]).args([path])
    }

    /// Runs it to its end.
    pub async fn run(mut self) -> Result<(), FilmError> {
        let mut child = self.start()?;
        let complaints = Complaints::of(&mut child);
        self.end(child, complaints).await
    }

    /// Runs it to its end; `take` gets each whole block of `size` bytes that it writes to its output.
    pub async fn blocks(mut self, size: usize, mut take: impl FnMut(&[u8])) -> Result<(), FilmError> {
        let mut child = self.start()?;
        let complaints = Complaints::of(&mut child);
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
            let mut block = vec![0; size];
            while fill(&mut stdout, &mut block).await {
                take(&block);
            }
        }
        self.end(child, complaints).await
    }

    fn start(&mut self) -> Result<Child, FilmError> {
        let spawned = self.command.stdout(Stdio::piped()).spawn();
        spawned.map_err(|source| FilmError::StartProgram { program: "ffmpeg", source })
    }

    async fn end(self, mut child: Child, complaints: Complaints) -> Result<(), FilmError> {
        let last_words = complaints.read().await;
        let status = child.wait().await;
        let status = status.map_err(|source| FilmError::StartProgram { program: "ffmpeg", source })?;
        check(&self.task, status, last_words)
    }
}

/// What ffprobe writes as JSON for these arguments and this file of this format.
pub async fn probe(args: &[&str], format: Format, path: &Path) -> Result<serde_json::Value, FilmError> {
    let output = command("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(ALONE)
        .args(["-f", format.name])
        .args(args)
        .arg(path)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| FilmError::StartProgram { program: "ffprobe", source })?;
    let complaints = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    check(&format!("probe {}", path.display()), output.status, complaints)?;
    serde_json::from_slice(&output.stdout).map_err(|error| FilmError::KeepPromise {
        task: format!("read what ffprobe says of {}", path.display()),
        why: error.to_string(),
    })
}

fn check(task: &str, status: ExitStatus, last_words: String) -> Result<(), FilmError> {
    if status.success() {
        return Ok(());
    }
    Err(FilmError::RunFfmpeg { task: task.to_owned(), status: status.to_string(), last_words })
}

/// Whether a whole block came.
async fn fill(source: &mut (impl AsyncRead + Unpin), block: &mut [u8]) -> bool {
    source.read_exact(block).await.is_ok()
}

/// The end of what a child says on its standard error, read while it runs: a full pipe would stop it.
struct Complaints(Option<tokio::task::JoinHandle<VecDeque<String>>>);

impl Complaints {
    fn of(child: &mut Child) -> Self {
        Self(child.stderr.take().map(|stderr| tokio::spawn(last_lines(stderr))))
    }

    async fn read(self) -> String {
        let lines = match self.0 {
            Some(task) => task.await.unwrap_or_default(),
            None => VecDeque::new(),
        };
        Vec::from(lines).join(" | ")
    }
}

async fn last_lines(stderr: ChildStderr) -> VecDeque<String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut last = VecDeque::with_capacity(LAST_LINES);
    while let Ok(Some(line)) = lines.next_line().await {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    last
}
