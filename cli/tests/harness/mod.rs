//! An API server on loopback that forwards ports, an operator behind it, and the plugin's binary in front.

mod api;
mod operator;
mod proxy;

use std::process::Command;

pub use self::operator::FILM;

use self::api::Api;
use self::operator::Operator;
use self::proxy::Proxy;

/// All of it.
pub struct Harness {
    /// The API server.
    pub api: Api,
    pub operator: Operator,
    /// Where the kubeconfig is, and where files may be put.
    pub folder: tempfile::TempDir,
}

/// How a command ended.
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What went to standard output.
    pub out: String,
    /// What went to standard error.
    pub err: String,
}

impl Harness {
    /// Begins, with a kubeconfig whose user is this.
    pub async fn begin(user: &str) -> Self {
        let operator = Operator::begin().await;
        let api = Api::begin(operator.port).await;
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts: [{{name: test, context: {{cluster: test, user: me, namespace: films}}}}]\n\
             clusters: [{{name: test, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n\
             users: [{{name: me, user: {user}}}]\n",
            api.port
        );
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        Self { api, operator, folder }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-videofactory"));
        command.args(words).current_dir(self.folder.path());
        command.env("KUBECONFIG", self.folder.path().join("kubeconfig"));
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, words: &[&str]) -> Ended {
        let mut command = self.command(words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a proxy, which ends with what is returned.
    pub async fn proxy(&self) -> Proxy {
        Proxy::start(self.command(&["proxy", "--port", "0"])).await
    }
}
