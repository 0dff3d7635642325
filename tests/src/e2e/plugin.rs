//! `kubectl videofactory`, the program itself, as somebody with a kubeconfig runs it in a shell.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use kube::Api;
use parking_lot::Mutex;
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::api::Caller;
use super::test_env::TestEnv;
use super::{kubectl, site};

/// The Role of the operator's namespace by which people reach the operator.
const PORT_FORWARD: &str = "videofactory-port-forward";

/// Somebody at a shell, in a folder of their own. What is said otherwise than expected is collected, so that one run
/// says all of it.
pub struct Plugin {
    /// Where they are.
    workdir: TempDir,
    kubeconfig: PathBuf,
    path: String,
    namespace: String,
    differences: Mutex<Vec<String>>,
}

/// What a command has said, and how it ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

impl Plugin {
    /// The administrator, who shows a client certificate.
    pub async fn with_certificate(env: &TestEnv) -> anyhow::Result<Self> {
        let kubeconfig = own_kubeconfig(env).await?;
        ensure!(
            kubeconfig["users"][0]["user"]["client-certificate-data"].is_string(),
            "the kubeconfig of the tests holds no client certificate, which this test is about; use kind or cluster/"
        );
        Self::new(env, &kubeconfig)
    }

    /// A new `ServiceAccount`, which shows a token, with this `ClusterRole` in the test's namespace and nowhere else.
    pub async fn with_token(env: &TestEnv, name: &str, role: &str) -> anyhow::Result<Self> {
        let caller = Caller::with_role(env, name, role).await?;
        let mut kubeconfig = own_kubeconfig(env).await?;
        kubeconfig["users"][0]["user"] = json!({"token": caller.token()});
        Self::new(env, &kubeconfig)
    }

    /// Both kinds of people: the administrator, and an editor of the test's namespace who may reach the operator.
    pub async fn of_both_kinds(env: &TestEnv) -> anyhow::Result<[Self; 2]> {
        let editor = Self::with_token(env, "editor", "edit").await?;
        Self::may_reach_the_operator(env, "editor").await?;
        Ok([Self::with_certificate(env).await?, editor])
    }

    /// Lets the `ServiceAccount` of this name reach the operator, for as long as the test's namespace is there.
    pub async fn may_reach_the_operator(env: &TestEnv, name: &str) -> anyhow::Result<()> {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(env.client.clone());
        let owner = namespaces.get(&env.namespace).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {
                "name": format!("{}-{name}", env.namespace), "namespace": site::SYSTEM,
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Namespace", "name": env.namespace, "uid": owner.metadata.uid,
                }],
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": PORT_FORWARD},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": env.namespace}],
        });
        let said = kubectl::kubectl(&["create", "-f", "-"], &binding.to_string()).await?;
        ensure!(said.well, "failed to bind {PORT_FORWARD}: {}", said.err);
        Ok(())
    }

    fn new(env: &TestEnv, kubeconfig: &Value) -> anyhow::Result<Self> {
        let workdir = tempfile::tempdir()?;
        // JSON is YAML.
        let file = workdir.path().join("kubeconfig");
        fs::write(&file, kubeconfig.to_string())?;
        let folder = |program: PathBuf| program.parent().map(Path::to_path_buf).unwrap_or_default();
        let folders = [folder(program()?), folder(kubectl::program()?)];
        let old = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(folders.into_iter().chain(env::split_paths(&old)))?;
        Ok(Self {
            kubeconfig: file,
            path: path.to_string_lossy().into_owned(),
            namespace: env.namespace.clone(),
            differences: Mutex::default(),
            workdir,
        })
    }

    /// The file of this name where the person is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.workdir.path().join(name)
    }

    /// Writes a file where the person is.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.file(name), text).with_context(|| format!("failed to write {name}"))
    }

    /// A command of the shell that begins with `kubectl videofactory`. Its standard streams are pipes.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        // A shell's background jobs ignore SIGINT, and so does all that they start: tests may be among them.
        self.program("bash", &["-c", &format!("exec env --default-signal=INT kubectl videofactory {line}")])
    }

    fn program(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(name);
        command
            .args(words)
            .current_dir(self.workdir.path())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("PATH", &self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `kubectl videofactory` with this line of words, to its end.
    pub async fn run(&self, line: &str) -> anyhow::Result<Ran> {
        ended(self.command(line), "").await
    }

    /// Runs it at a terminal at which this is typed. What the terminal shows is standard error's.
    pub async fn at_terminal(&self, line: &str, typed: &str) -> anyhow::Result<Ran> {
        let inner = format!("exec kubectl videofactory {line} >standard-output");
        let ran = ended(self.program("script", &["-qec", &inner, "/dev/null"]), typed).await?;
        let shown = ran.text().replace('\r', "");
        // What is typed is there before it is asked for, and the terminal shows it at once.
        let err = shown.strip_prefix(typed).unwrap_or(&shown).to_owned();
        Ok(Ran { out: fs::read(self.file("standard-output"))?, err, ..ran })
    }

    /// Runs it, and compares all that it says. In what is expected, [`Self::masked`] stands for what differs from run to
    /// run.
    pub async fn says(&self, line: &str, code: i32, out: &str, err: &str) -> anyhow::Result<()> {
        let ran = self.run(line).await?;
        self.compare(line, &ran, code, out, err);
        Ok(())
    }

    /// Compares what a command has said.
    pub fn compare(&self, line: &str, ran: &Ran, code: i32, out: &str, err: &str) {
        let said = (ran.code, self.masked(&ran.text()), self.masked(&ran.err));
        if (said.0, said.1.as_str(), said.2.as_str()) != (code, out, err) {
            self.differs(format!(
                "$ kubectl videofactory {line}\n--- expected, {code}:\n{out}--- and on standard error:\n{err}--- said, \
                 {}:\n{}--- and on standard error:\n{}",
                said.0, said.1, said.2
            ));
        }
    }

    /// Runs it, and looks for these parts in what it says; a stream of which none is named is empty.
    pub async fn shows(&self, line: &str, code: i32, out: &[&str], err: &[&str]) -> anyhow::Result<()> {
        let ran = self.run(line).await?;
        self.look_for(line, &ran, code, out, err);
        Ok(())
    }

    /// Looks for parts in what a command has said; a stream of which none is named is empty.
    pub fn look_for(&self, line: &str, ran: &Ran, code: i32, out: &[&str], err: &[&str]) {
        let said = [self.masked(&ran.text()), self.masked(&ran.err)];
        let has = |text: &str, parts: &[&str]| {
            parts.iter().all(|part| text.contains(part)) && parts.is_empty() == text.is_empty()
        };
        if ran.code != code || !has(&said[0], out) || !has(&said[1], err) {
            self.differs(format!(
                "$ kubectl videofactory {line}\n--- expected, {code}: {out:?} and {err:?}; said, {}:\n{}",
                ran.code,
                said.join("--- and on standard error:\n")
            ));
        }
    }

    /// Reports something that is not as it should be.
    pub fn differs(&self, what: String) {
        self.differences.lock().push(what);
    }

    /// How a test has ended, with all that was not as it should be until then.
    pub fn as_expected(&self, ended: anyhow::Result<()>) -> anyhow::Result<()> {
        let mut faults = self.differences.lock().clone();
        faults.extend(ended.err().map(|error| format!("{error:#}")));
        ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        Ok(())
    }

    /// The text with a word in the place of what differs from run to run: `NS` the test's namespace, `WORKDIR` the folder,
    /// `TIME` a time, `AGE` a span, `HEX` a digest or an id, `SIZE` a number of bytes, `LENGTH` seconds of film, `LATENCY`
    /// milliseconds. Columns have three spaces between, whatever their widths.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        let workdir = self.workdir.path().display().to_string();
        let text = text.replace(&self.namespace, "NS").replace(&workdir, "WORKDIR");
        MASKS.iter().fold(text, |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
    }
}

/// What differs from run to run, and the word for it.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "HEX"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d{8}T\d{6}Z", "TIME"),
        (r"\b[0-9a-f]{8,64}\b", "HEX"),
        (r"-[0-9a-f]{6}\b", "-HEX"),
        (r"\b\d+(\.\d)? (B|kB|MB|GB)\b", "SIZE"),
        (r"\b\d+\.\d s\b", "LENGTH"),
        (r"\b\d+ ms\b", "LATENCY"),
        (r"\b(\d+[smhdy]){1,2}\b", "AGE"),
        (r" {3,}", "   "),
    ]
    .into_iter()
    .map(|(pattern, word)| (Regex::new(pattern).expect(pattern), word))
    .collect()
});

async fn ended(mut command: Command, input: &str) -> anyhow::Result<Ran> {
    let mut child = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = tokio::time::timeout(super::wait::TIMEOUT, child.wait_with_output())
        .await
        .with_context(|| format!("{command:?} does not end"))??;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Ran { code: output.status.code().unwrap_or(-1), out: output.stdout, err })
}

/// The kubeconfig of the tests, whose context has the test's namespace.
async fn own_kubeconfig(env: &TestEnv) -> anyhow::Result<Value> {
    let shown = kubectl::ask(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]).await?;
    let mut kubeconfig: Value = serde_json::from_str(&shown)?;
    kubeconfig["contexts"][0]["context"]["namespace"] = json!(env.namespace);
    Ok(kubeconfig)
}

/// The plugin, which is built beside the tests.
pub fn program() -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    let folder = this.ancestors().nth(2).context("the tests are not where cargo puts them")?;
    let plugin = folder.join("kubectl-videofactory");
    ensure!(plugin.is_file(), "{} is not built: make build", plugin.display());
    Ok(plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_has_a_word_for_it() {
        let plugin = Plugin {
            workdir: tempfile::tempdir().unwrap(),
            kubeconfig: PathBuf::new(),
            path: String::new(),
            namespace: "e2e-1".to_owned(),
            differences: Mutex::default(),
        };
        let text = "e2e-1/film   5m3s       videos/e2e-1/film-3f9c2a1e/r1/3f9c2a1e3f9c2a1e.mp4 (12.4 MB, 3.2 s) 360p\n";
        assert_eq!(
            plugin.masked(text),
            "NS/film   AGE   videos/NS/film-HEX/r1/HEX.mp4 (SIZE, LENGTH) 360p\n"
        );
        let ran = Ran { code: 0, out: b"a\n".to_vec(), err: String::new() };
        plugin.compare("list", &ran, 0, "a\n", "");
        assert!(plugin.as_expected(Ok(())).is_ok());
        plugin.compare("list", &ran, 1, "a\n", "");
        let reported = plugin.as_expected(Err(anyhow::anyhow!("no film"))).unwrap_err().to_string();
        assert!(
            reported.contains("$ kubectl videofactory list") && reported.ends_with("\nno film"),
            "{reported}"
        );
    }
}
