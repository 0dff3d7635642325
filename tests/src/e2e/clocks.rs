//! The clocks of the operator's replicas, each moved by itself while it runs. libfaketime, which they are started with,
//! shifts the time of day; how time passes (`CLOCK_MONOTONIC`) it leaves alone, as where somebody sets a clock.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use kube::Client;
use serde_json::{Value, json};

use super::finally::finally;
use super::kubectl::ask;
use super::operator::TargetReplica;
use super::{operator, site};

const DEPLOYMENT: &str = "deployment/videofactory-operator";
/// The library as Debian has it, and the name of the `ConfigMap` and the volume by which it comes into the pods.
const LIBRARY: &str = "libfaketimeMT.so.1";
const NAME: &str = "faketime";
/// Where it is in the pods.
const FOLDER: &str = "/faketime";
/// Where the program looks how far its clock is off: `+60`. Without this file it is right. All containers of a pod
/// have this folder in common, and can write there.
const OFFSET: &str = "/dev/shm/clock-offset";

/// Runs something beside two replicas whose clocks can be moved, and gives the operator back as it was, whatever came of it.
pub async fn beside_movable_clocks<T>(
    client: &Client,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    // A run that was killed may have left all of it.
    restore().await?;
    let moved = async {
        let file = format!("--from-file={LIBRARY}={}", library()?.display());
        ask(&["-n", site::SYSTEM, "create", "configmap", NAME, &file]).await?;
        patch(&with_library()).await?;
        let work = async {
            rolled_out().await?;
            work.await
        };
        operator::beside_replicas(client, 2, work).await
    };
    finally(moved, restore()).await
}

/// Takes the library out of the operator's pods, and then away: a pod that names it does not start without it.
async fn restore() -> anyhow::Result<()> {
    patch(&without_library()).await?;
    rolled_out().await?;
    ask(&["-n", site::SYSTEM, "delete", "configmap", NAME, "--ignore-not-found"]).await.map(drop)
}

async fn patch(patch: &Value) -> anyhow::Result<()> {
    ask(&["-n", site::SYSTEM, "patch", DEPLOYMENT, "--patch", &patch.to_string()]).await.map(drop)
}

/// Lets the clock of a replica be so many seconds ahead of the machine's; less than none is behind. It is so a second
/// later at most.
pub async fn set_ahead(client: &Client, replica: &str, seconds: i32) -> anyhow::Result<()> {
    let file = TargetReplica::named(client, replica).await?.path(OFFSET)?;
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

/// The variables by which the program is started with the library.
fn variables() -> [(&'static str, String); 4] {
    [
        ("LD_PRELOAD", format!("{FOLDER}/{LIBRARY}")),
        ("FAKETIME_TIMESTAMP_FILE", OFFSET.to_owned()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// What makes the operator's pods start with the library.
fn with_library() -> Value {
    let variables = variables().map(|(name, value)| json!({"name": name, "value": value}));
    of_pods(
        &json!(variables),
        &json!({"name": NAME, "mountPath": FOLDER, "readOnly": true}),
        &json!({"name": NAME, "configMap": {"name": NAME}}),
    )
}

/// What takes all of that back, as far as it is there.
fn without_library() -> Value {
    let variables = variables().map(|(name, _)| json!({"name": name, "$patch": "delete"}));
    of_pods(
        &json!(variables),
        &json!({"mountPath": FOLDER, "$patch": "delete"}),
        &json!({"name": NAME, "$patch": "delete"}),
    )
}

/// A strategic merge patch of the operator's pods.
fn of_pods(variables: &Value, mount: &Value, volume: &Value) -> Value {
    json!({"spec": {"template": {"spec": {
        "containers": [{"name": "operator", "env": variables, "volumeMounts": [mount]}],
        "volumes": [volume],
    }}}})
}
