//! The clocks of the operator's replicas, each moved by itself while it runs. libfaketime, which they are started with,
//! shifts the time of day; how time passes (`CLOCK_MONOTONIC`) it leaves alone, as where somebody sets a clock.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use kube::Client;
use serde_json::json;

use super::kubectl::ask;
use super::operator::Victim;
use super::{operator, site};

const DEPLOYMENT: &str = "deployment/videofactory-operator";
/// The library as Debian has it, and the `ConfigMap` by which it comes into the pods.
const LIBRARY: &str = "libfaketimeMT.so.1";
const CONFIG_MAP: &str = "faketime";
/// Where the program looks how far its clock is off: `+60`. Without this file it is right. All containers of a pod
/// have this folder in common, and can write there.
const OFFSET: &str = "/dev/shm/clock-offset";

/// Runs something beside two replicas whose clocks can be moved, and gives the operator back as it was, whatever came of it.
pub async fn beside_movable_clocks<T>(
    client: &Client,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let file = format!("--from-file={LIBRARY}={}", library()?.display());
    // A run that was broken off may have left one.
    ask(&["-n", site::SYSTEM, "delete", "configmap", CONFIG_MAP, "--ignore-not-found"]).await?;
    ask(&["-n", site::SYSTEM, "create", "configmap", CONFIG_MAP, &file]).await?;
    ask(&["-n", site::SYSTEM, "patch", DEPLOYMENT, "--patch", &preloaded()]).await?;
    let done = operator::beside_replicas(client, 2, async {
        rolled_out().await?;
        work.await
    })
    .await;
    ask(&["-n", site::SYSTEM, "rollout", "undo", DEPLOYMENT]).await?;
    ask(&["-n", site::SYSTEM, "delete", "configmap", CONFIG_MAP]).await?;
    rolled_out().await?;
    done
}

/// Lets the clock of a replica be so many seconds ahead of the machine's; less than none is behind. It is so a second
/// later at most.
pub async fn set_ahead(client: &Client, replica: &str, seconds: i32) -> anyhow::Result<()> {
    let file = Victim::named(client, replica).await?.path(OFFSET)?;
    // Nobody reads half of it.
    let whole = file.with_extension("new");
    fs::write(&whole, format!("{seconds:+}\n"))
        .with_context(|| format!("failed to write {}", whole.display()))?;
    fs::set_permissions(&whole, fs::Permissions::from_mode(0o644))?;
    Ok(fs::rename(&whole, &file)?)
}

async fn rolled_out() -> anyhow::Result<()> {
    ask(&["-n", site::SYSTEM, "rollout", "status", DEPLOYMENT, "--timeout=180s"]).await.map(drop)
}

/// The library, in the folder of this machine's architecture.
fn library() -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime").join(LIBRARY));
    found.find(|file| file.is_file()).with_context(|| format!("there is no {LIBRARY}; see scripts/setup"))
}

/// What makes the operator's pods start with the library.
fn preloaded() -> String {
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({"spec": {"template": {"spec": {
        "containers": [{
            "name": "operator",
            "env": [
                variable("LD_PRELOAD", &format!("/faketime/{LIBRARY}")),
                variable("FAKETIME_TIMESTAMP_FILE", OFFSET),
                variable("FAKETIME_CACHE_DURATION", "1"),
                variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ],
            "volumeMounts": [{"name": "faketime", "mountPath": "/faketime", "readOnly": true}],
        }],
        "volumes": [{"name": "faketime", "configMap": {"name": CONFIG_MAP}}],
    }}}})
    .to_string()
}
