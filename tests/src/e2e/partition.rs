//! Packets between a pod and the API server that are lost on their way. By rules in the network of the instance of
//! `cluster/`, in which the tests run as well.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// The rules' own table. There is one partition at a time. `tests/run` deletes the table too, before the tests: one that was
/// killed leaves it.
const TABLE: &str = "videofactory-partition";

/// A pod that is cut off from the API server, until this is dropped.
#[derive(Debug)]
pub struct Partition(());

impl Partition {
    /// Nothing that the pod at this address sends to the API server arrives; what the API server sends does.
    pub fn one_way(address: &str) -> anyhow::Result<Self> {
        Self::by(&sent(address))
    }

    /// Nothing arrives, in neither direction.
    pub fn both_ways(address: &str) -> anyhow::Result<Self> {
        Self::by(&format!("{}\n{}", sent(address), received(address)))
    }

    fn by(chains: &str) -> anyhow::Result<Self> {
        // Whatever an earlier run has left is replaced.
        nft(&format!("add table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n{chains}\n}}\n"))?;
        Ok(Self(()))
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        if let Err(error) = nft(&format!("delete table ip {TABLE}\n")) {
            eprintln!(
                "the pod stays cut off from the API server until its instance is taken down: {error:#}"
            );
        }
    }
}

/// Before the address of the API server's Service is translated, so under either.
fn sent(address: &str) -> String {
    format!(
        "chain sent {{\n type filter hook prerouting priority raw; policy accept;\n \
         ip saddr {address} tcp dport {{ 443, 6443 }} drop\n}}"
    )
}

fn received(address: &str) -> String {
    format!(
        "chain received {{\n type filter hook output priority raw; policy accept;\n \
         ip daddr {address} tcp sport 6443 drop\n}}"
    )
}

fn nft(rules: &str) -> anyhow::Result<()> {
    let mut nft =
        Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().context("failed to run nft")?;
    nft.stdin.take().context("nft takes no rules")?.write_all(rules.as_bytes())?;
    let status = nft.wait()?;
    ensure!(status.success(), "nft: {status}, for\n{rules}");
    Ok(())
}
