//! The operator under test: killed as a crash would, and asked what it has done.

use std::fs;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};

use super::{site, wait};

const SELECTOR: &str = "app.kubernetes.io/name=videofactory,app.kubernetes.io/component=operator";

/// Kills the operator's process with SIGKILL, then puts a new pod in its place at once: Kubernetes would restart the
/// container of the same pod, but later and later with each crash. Returns when the new one runs.
pub async fn kill(client: &Client) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), site::SYSTEM);
    let which = || watcher::Config::default().labels(SELECTOR);
    let victim = wait::until(&pods, which(), "a running operator", |all| {
        all.values().find(|pod| is_running(pod)).cloned()
    })
    .await?;
    let uid = victim.uid().unwrap_or_default();
    sigkill_in(&uid, "videofactory-operator")?;
    let now = DeleteParams::default().grace_period(0);
    pods.delete(&victim.name_any(), &now).await.map(drop).or_else(|error| match error {
        kube::Error::Api(status) if status.is_not_found() => Ok(()),
        other => Err(other),
    })?;
    wait::until(&pods, which(), "a new operator", |all| {
        all.values().find(|pod| is_running(pod) && pod.uid().as_deref() != Some(uid.as_str())).map(drop)
    })
    .await
}

fn is_running(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let ready = status
        .and_then(|status| status.container_statuses.as_ref())
        .is_some_and(|all| all.iter().all(|one| one.started == Some(true)));
    pod.metadata.deletion_timestamp.is_none() && ready
}

/// Kills a pod's program with SIGKILL: the processes in the pod's control group with its name.
pub fn sigkill_in(pod_uid: &str, program: &str) -> anyhow::Result<()> {
    let mut killed = 0;
    for process in fs::read_dir("/proc")?.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        let read = |file: &str| fs::read_to_string(process.path().join(file)).unwrap_or_default();
        if name.parse::<u32>().is_err()
            || !read("cgroup").contains(pod_uid)
            || !read("cmdline").contains(program)
        {
            continue;
        }
        let status = std::process::Command::new("kill")
            .args(["-KILL", &name])
            .status()
            .context("failed to run kill")?;
        killed += u32::from(status.success());
    }
    ensure!(killed > 0, "no {program} of pod {pod_uid} is on this machine");
    Ok(())
}

/// The operator's counter or gauge with this name and these labels, summed; 0 if it has none yet.
pub async fn metric(name: &str, label: &str) -> anyhow::Result<f64> {
    let text = crate::http::client()
        .get(format!("{}/metrics", site::operator_url()?))
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?;
    let of_name = |line: &&str| line.starts_with(name) && line.contains(label);
    Ok(text.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
