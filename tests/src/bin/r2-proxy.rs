//! The R2-rule proxy as a program: see `videofactory_tests::r2_proxy`.

use std::net::SocketAddr;

use clap::Parser;
use videofactory_tests::r2_proxy::{Keys, ProxyOptions, R2Proxy};

/// Makes any S3 server as strict as Cloudflare R2, counts what R2 would charge, and fails on demand.
#[derive(Parser)]
struct Options {
    /// Where clients of S3 connect.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Where counters are read (GET /counters), cleared (POST /reset) and faults ordered (POST /faults).
    #[arg(long, default_value = "127.0.0.1:9001")]
    admin: SocketAddr,
    /// The server behind, as http://host:port.
    #[arg(long)]
    upstream: String,
    /// The server's access key, needed only to ignore preconditions.
    #[arg(long, env = "ROOT_ACCESS_KEY", requires = "secret_key")]
    access_key: Option<String>,
    /// The secret that belongs to it.
    #[arg(long, env = "ROOT_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let Options { listen, admin, upstream, access_key, secret_key } = Options::parse();
    let keys = access_key.zip(secret_key).map(|(access_key, secret_key)| Keys { access_key, secret_key });
    let mut proxy = R2Proxy::start(ProxyOptions { listen, admin, upstream, keys }).await?;
    tracing::info!(s3 = proxy.url(), admin = proxy.admin_url(), "ready");
    tokio::select! {
        () = proxy.wait() => anyhow::bail!("the proxy lost its listeners"),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
