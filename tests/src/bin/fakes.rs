//! The fakes of outside services as a program: see `videofactory_tests::fakes`.

use std::net::SocketAddr;

use clap::Parser;
use videofactory_tests::fakes::{Fakes, FakesOptions};

/// Speaks the protocols of xAI, Gemini, Hugging Face, OpenAI's likes, ComfyUI and `YouTube`, keeps a ledger of what it accepted, and fails on demand.
#[derive(Parser)]
struct Options {
    /// Where clients of the services connect.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Where limits and faults are ordered (POST /admin/limits, /admin/faults) and the ledger is read (GET
    /// /admin/ledger).
    #[arg(long, default_value = "127.0.0.1:9101")]
    admin: SocketAddr,
    /// A file to write both addresses into, for whoever took free ports: `http://HOST:PORT` twice, a line each.
    #[arg(long)]
    addresses: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let Options { listen, admin, addresses } = Options::parse();
    let mut fakes = Fakes::start(FakesOptions { listen, admin }).await?;
    if let Some(path) = addresses {
        let half = path.with_extension("half");
        std::fs::write(&half, format!("{}\n{}\n", fakes.url(), fakes.admin_url()))?;
        std::fs::rename(half, path)?;
    }
    tracing::info!(services = fakes.url(), admin = fakes.admin_url(), "ready");
    tokio::select! {
        () = fakes.wait() => anyhow::bail!("the fakes lost their listeners"),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
