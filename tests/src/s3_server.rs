//! A real S3 server for tests: versitygw on a loopback address of its own, over a directory of its own.
//!
//! Stopped by the handle of its own process when dropped. The program is the one `VERSITYGW` names, else the one
//! that `tests/versitygw` builds and keeps in the user's cache.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;
use uuid::Uuid;
use videofactory_storage::BucketConfig;

const READY_WITHIN: Duration = Duration::from_mins(2);
const PORT: u16 = 9000;

/// A running versitygw.
#[derive(Debug)]
pub struct S3Server {
    program: PathBuf,
    address: SocketAddr,
    process: Option<Child>,
    directory: TempDir,
    access_key: String,
    secret_key: String,
}

impl S3Server {
    /// Starts a server with random keys and waits until it takes connections.
    pub async fn start() -> anyhow::Result<Self> {
        let mut server = Self {
            program: program()?,
            address: own_address(),
            process: None,
            directory: tempfile::Builder::new().prefix("videofactory-s3-").tempdir()?,
            access_key: Uuid::new_v4().simple().to_string(),
            secret_key: Uuid::new_v4().simple().to_string(),
        };
        server.resume().await?;
        Ok(server)
    }

    /// Starts the process again after [`S3Server::stop`], with the same address, keys and content.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let child = Command::new(&self.program)
            .arg("--port")
            .arg(self.address.to_string())
            .args(["--region", "auto", "--keep-alive", "--quiet", "posix"])
            .arg(self.directory.path())
            .env("ROOT_ACCESS_KEY", &self.access_key)
            .env("ROOT_SECRET_KEY", &self.secret_key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        self.process = Some(child);
        self.await_connection().await
    }

    /// Kills the process and waits for its end; its content stays.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Makes a bucket: to this server, a directory.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        std::fs::create_dir(self.directory.path().join(name))
            .with_context(|| format!("creating bucket {name}"))
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's root keys: access key and secret.
    #[must_use]
    pub fn keys(&self) -> (&str, &str) {
        (&self.access_key, &self.secret_key)
    }

    /// The process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Where the server keeps its buckets.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A configuration for a bucket of this server, seen at `endpoint` (its own URL or a proxy's).
    #[must_use]
    pub fn config(&self, endpoint: &str, bucket: &str, prefix: &str) -> BucketConfig {
        BucketConfig {
            endpoint: endpoint.to_owned(),
            public_endpoint: None,
            bucket: bucket.to_owned(),
            region: "auto".to_owned(),
            prefix: prefix.to_owned(),
            access_key: self.access_key.as_str().into(),
            secret_key: self.secret_key.as_str().into(),
        }
    }

    async fn await_connection(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().ok().flatten());
            anyhow::ensure!(ended.is_none(), "versitygw ended at once: {ended:?}");
            anyhow::ensure!(
                begun.elapsed() < READY_WITHIN,
                "versitygw takes no connections at {}",
                self.address
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A loopback address for each server alone, so that no outgoing connection takes its port while it is down.
fn own_address() -> SocketAddr {
    static SERVERS: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = SERVERS.fetch_add(1, Ordering::Relaxed).max(1);
    SocketAddr::from(([127, number, high, low], PORT))
}

/// The versitygw to run, built first if it has to be.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("VERSITYGW") {
        return Ok(path.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("versitygw");
    let built = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running {}", script.display()))?;
    anyhow::ensure!(built.status.success(), "{} failed; its reason stands above", script.display());
    Ok(String::from_utf8(built.stdout)?.trim().into())
}
