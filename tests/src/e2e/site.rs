//! Where the cluster under test is, as `tests/run` says by environment.

use std::env;
use std::path::PathBuf;
use std::sync::Once;

use anyhow::Context as _;
use kube::{Client, Config};

use crate::fakes::Service;

/// Namespace of the operator, the S3 server and the proxy before it.
pub const SYSTEM: &str = "videofactory-system";
/// A namespace in which one test lets the operator have no right: what it is refused there is no fault.
pub const FORBIDDEN: &str = "forbidden-to-the-operator";
/// URL of the proxy as pods reach it.
pub const ENDPOINT: &str = "http://r2.videofactory-system:9000";
/// The one bucket; each test has a prefix of its own in it.
pub const BUCKET: &str = "videos";
/// The Secret that opens it.
pub const SECRET: &str = "s3-credentials";

/// A program of this name, or at this path.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).map(|folder| folder.join(name));
    candidates
        .find(|file| file.is_file())
        .with_context(|| format!("there is no program {name}; see scripts/setup"))
}

/// URL of the proxy as the tests reach it: `E2E_S3_URL`.
pub fn s3_url() -> anyhow::Result<String> {
    required("E2E_S3_URL")
}

/// URL where the proxy's faults are ordered: `E2E_PROXY_URL`.
pub fn proxy_url() -> anyhow::Result<String> {
    required("E2E_PROXY_URL")
}

/// URL of the operator's HTTP server: `E2E_OPERATOR_URL`.
pub fn operator_url() -> anyhow::Result<String> {
    required("E2E_OPERATOR_URL")
}

/// URL of the fakes' second port: `E2E_FAKES_URL`.
pub fn fakes_url() -> anyhow::Result<String> {
    required("E2E_FAKES_URL")
}

/// What a `ProviderAccount` of this service has for its endpoint, to reach the fakes.
#[must_use]
pub fn fakes_endpoint(service: Service) -> String {
    format!("http://{}{}", fakes_host(), service.base_path())
}

/// Host and port of the fakes, as Secrets allow them.
#[must_use]
pub fn fakes_host() -> String {
    format!("fakes.{SYSTEM}.svc:9100")
}

/// The API server's audit log: `E2E_AUDIT_LOG`.
pub fn audit_log() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_AUDIT_LOG")?.into())
}

/// Name of the instance of `cluster/`: `CLUSTER_NAME`.
pub fn cluster_name() -> anyhow::Result<String> {
    required("CLUSTER_NAME")
}

/// Folder for what is known of failed tests: `E2E_LOGS`.
pub fn logs() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_LOGS")?.into())
}

/// Folder for pictures of the dashboard: `E2E_SCREENSHOTS`, or else beside what is known of failed tests.
pub fn screenshots() -> anyhow::Result<PathBuf> {
    let named = env::var_os("E2E_SCREENSHOTS").filter(|folder| !folder.is_empty());
    named.map_or_else(|| Ok(logs()?.join("dashboard")), |folder| Ok(folder.into()))
}

/// The Python that has the clients of `tests/http`: `E2E_PYTHON_CLIENTS`.
pub fn python_clients() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_PYTHON_CLIENTS")?.into())
}

/// The packages of Node.js of `tests/http`: `E2E_NODE_CLIENTS`.
pub fn node_clients() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_NODE_CLIENTS")?.into())
}

/// oauth2-proxy: `E2E_OAUTH2_PROXY`.
pub fn oauth2_proxy() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_OAUTH2_PROXY")?.into())
}

/// The packages of Node.js that judge pages: `E2E_LIGHTHOUSE`.
pub fn lighthouse() -> anyhow::Result<PathBuf> {
    Ok(required("E2E_LIGHTHOUSE")?.into())
}

/// A client of the cluster that `KUBECONFIG` names.
pub async fn client() -> anyhow::Result<Client> {
    static PROVIDER: Once = Once::new();
    // Named here, because with several providers compiled in, rustls would refuse to choose.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let config = Config::infer().await.context("failed to find a cluster: set KUBECONFIG")?;
    Client::try_from(config).context("failed to make a client of the API server")
}

fn required(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not set: start the end-to-end tests with tests/run"))
}

/// Waits until the proxy answers, after its node was down.
pub async fn proxy_is_back() -> anyhow::Result<()> {
    let url = format!("{}/faults", proxy_url()?);
    super::wait::asked("the proxy to be back", async || {
        let answer = crate::http::client().get(&url).timeout(std::time::Duration::from_secs(2)).send().await;
        Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
    })
    .await
}
