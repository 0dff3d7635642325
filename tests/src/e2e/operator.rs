//! The operator under test: killed as a crash would, stopped, and asked what it has done and said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::DeleteParams;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use tokio::sync::Mutex;
use videofactory_pipeline::clock;

use super::finally::finally;
use super::{kubectl, site, wait};

const SELECTOR: &str = "app.kubernetes.io/name=videofactory,app.kubernetes.io/component=operator";
const PROGRAM: &str = "videofactory-operator";
const LEASE: &str = "videofactory-operator";
/// How often somebody asks a replica while they are replaced.
const BEAT: Duration = Duration::from_millis(50);
/// Port of the Service by which pods reach the API server.
const API_SERVER_PORT: u16 = 443;

/// Kills the operator's process with SIGKILL, then puts a new pod in its place at once: Kubernetes would restart the
/// container of the same pod, but later and later with each crash. The new one need not wait until the dead one's Lease has
/// run out, which would only take time. Returns when the new one runs.
pub async fn kill(client: &Client) -> anyhow::Result<()> {
    TargetReplica::find(client).await?.kill().await
}

/// How often the Lease has passed from one operator to another since it was made.
pub async fn lease_transitions(client: &Client) -> anyhow::Result<i32> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), site::SYSTEM);
    let spec = leases.get(LEASE).await?.spec.unwrap_or_default();
    Ok(spec.lease_transitions.unwrap_or_default())
}

/// The name of the replica that leads.
pub async fn leader(client: &Client) -> anyhow::Result<String> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), site::SYSTEM);
    wait::until(&leases, wait::named(LEASE), "a replica to lead", |all| {
        all.values().next()?.spec.as_ref()?.holder_identity.clone().filter(|holder| !holder.is_empty())
    })
    .await
}

/// Waits until whoever leads has renewed its Lease since now.
pub async fn renewal(client: &Client) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), site::SYSTEM);
    let renewed = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.renew_time.clone());
    let before = renewed(&leases.get(LEASE).await?);
    wait::until(&leases, wait::named(LEASE), "a renewal of the Lease", |all| {
        (renewed(all.values().next()?) != before).then_some(())
    })
    .await
}

/// Waits until the Lease was not renewed for longer than this, the most that its holder leaves between two renewals: it has
/// sent the next one by then, whether that arrives or not. Supposes that the holder's clock is right.
pub async fn renewal_overdue(client: &Client, longest: Duration) -> anyhow::Result<()> {
    let longest = longest.as_secs_f64();
    wait::asked("a renewal of the Lease to be overdue", async || {
        Ok((last_renewal_ahead(client).await? < -longest).then_some(()))
    })
    .await
}

/// How many seconds the clock of whoever leads is ahead of this one, by its next renewal of the Lease.
pub async fn leader_is_ahead(client: &Client) -> anyhow::Result<f64> {
    renewal(client).await?;
    last_renewal_ahead(client).await
}

/// By how many seconds the time that the holder has written into the Lease is ahead of this machine's; below zero, where both
/// clocks are right.
async fn last_renewal_ahead(client: &Client) -> anyhow::Result<f64> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), site::SYSTEM);
    let spec = leases.get(LEASE).await?.spec.unwrap_or_default();
    let renewed = spec.renew_time.context("the Lease does not say when it was renewed")?.0;
    Ok(renewed.duration_since(clock::now()).as_secs_f64())
}

/// Asks whichever replica there is, on a new connection each time, until there is no answer; why.
pub async fn until_refused() -> anyhow::Error {
    let ask = async || -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/ready", site::operator_url()?);
        client.get(url).send().await?.error_for_status()?;
        Ok(())
    };
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        if let Err(refused) = ask().await {
            return refused;
        }
    }
}

/// Runs something beside so many replicas, and goes back to one, whatever came of it.
pub async fn beside_replicas<T>(
    client: &Client,
    replicas: usize,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let work = async {
        scale(client, replicas).await?;
        work.await
    };
    finally(work, scale(client, 1)).await
}

async fn scale(client: &Client, replicas: usize) -> anyhow::Result<()> {
    kubectl::ask(&["-n", site::SYSTEM, "scale", "deployment", PROGRAM, &format!("--replicas={replicas}")])
        .await?;
    self::replicas(client, replicas).await.map(drop)
}

/// The pods of all replicas, once there are so many and no more, and all are ready.
pub async fn replicas(client: &Client, many: usize) -> anyhow::Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), site::SYSTEM);
    let which = watcher::Config::default().labels(SELECTOR);
    wait::until(&pods, which, &format!("{many} replicas of the operator"), |all| {
        (all.len() == many && all.values().all(is_ready)).then(|| all.values().cloned().collect())
    })
    .await
}

/// The URL of a replica's own HTTP server.
pub fn url_of(replica: &Pod) -> anyhow::Result<String> {
    let ip = replica.status.as_ref().and_then(|status| status.pod_ip.clone());
    Ok(format!("http://{}:8000", ip.context("the pod has no address")?))
}

/// Deletes a replica, as a node does that is drained; returns when its process has ended and its pod is gone.
pub async fn stop(client: &Client, replica: &str) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), site::SYSTEM);
    pods.delete(replica, &DeleteParams::default()).await?;
    wait::until(&pods, wait::named(replica), "a replica to be gone", |all| all.is_empty().then_some(())).await
}

/// Kills a replica's process with SIGKILL and takes its pod away, as when a node is lost: its Lease stays.
pub async fn crash(client: &Client, replica: &str) -> anyhow::Result<()> {
    let target = TargetReplica::named(client, replica).await?;
    sigkill(&target.processes)?;
    target.take_away().await
}

/// Waits until another replica leads than this one; its name.
pub async fn leader_after(client: &Client, replica: &str) -> anyhow::Result<String> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), site::SYSTEM);
    wait::until(&leases, wait::named(LEASE), "another replica to lead", |all| {
        let holder = all.values().next()?.spec.as_ref()?.holder_identity.clone()?;
        (!holder.is_empty() && holder != replica).then_some(holder)
    })
    .await
}

/// Kills it likewise, but the dead one's Lease stays, as after a crash: the new one does nothing before it has run out.
pub async fn kill_keeping_lease(client: &Client) -> anyhow::Result<()> {
    let target = TargetReplica::find(client).await?;
    sigkill(&target.processes)?;
    target.replace().await
}

/// Serializes kills: concurrent tests kill the same operator, and while one dies and its
/// successor starts, there is none that could be found.
static KILL_LOCK: Mutex<()> = Mutex::const_new(());

/// A replica that is to be killed at an exact moment: its processes are known beforehand.
pub struct TargetReplica {
    client: Client,
    /// Name of its pod.
    pub name: String,
    /// Address of its pod.
    pub address: String,
    uid: String,
    /// How often its container was started again.
    restarts: i32,
    processes: Vec<String>,
}

/// A process that is paused, as on an overloaded machine; it continues when this is dropped.
pub struct PausedProcess(Vec<String>);

impl Drop for PausedProcess {
    fn drop(&mut self) {
        // Whom the kubelet has killed meanwhile, nobody can wake.
        let _ = signal("-CONT", &self.0);
    }
}

impl TargetReplica {
    /// The one that runs.
    pub async fn find(client: &Client) -> anyhow::Result<Self> {
        let _lock = KILL_LOCK.lock().await;
        Self::running(client).await
    }

    async fn running(client: &Client) -> anyhow::Result<Self> {
        Self::among(client, watcher::Config::default().labels(SELECTOR)).await
    }

    /// The one of this name.
    pub async fn named(client: &Client, name: &str) -> anyhow::Result<Self> {
        Self::among(client, wait::named(name)).await
    }

    async fn among(client: &Client, which: watcher::Config) -> anyhow::Result<Self> {
        let pods: Api<Pod> = Api::namespaced(client.clone(), site::SYSTEM);
        let found = wait::until(&pods, which, "a running operator", |all| {
            all.values().find(|pod| is_running(pod)).cloned()
        })
        .await?;
        let uid = found.uid().unwrap_or_default();
        let processes = processes_of(&uid, PROGRAM)?;
        let address = found.status.as_ref().and_then(|status| status.pod_ip.clone());
        let address = address.context("the pod has no address")?;
        let restarts = container_of(&found).map_or(0, |container| container.restart_count);
        Ok(Self { client: client.clone(), name: found.name_any(), address, uid, restarts, processes })
    }

    /// Stops its process by SIGSTOP. What it has handed to the kernel is sent all the same.
    pub fn pause(&self) -> anyhow::Result<PausedProcess> {
        signal("-STOP", &self.processes)?;
        Ok(PausedProcess(self.processes.clone()))
    }

    /// Waits until its process has ended by itself, and its container runs again; when it had ended.
    pub async fn restarted(&self) -> anyhow::Result<Timestamp> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), site::SYSTEM);
        wait::until(&pods, wait::named(&self.name), &format!("{} to start again", self.name), |all| {
            let container = container_of(all.get(&self.name)?)?;
            let ended = container.last_state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0;
            (container.restart_count > self.restarts).then_some(ended)
        })
        .await
    }

    /// Whether it has sent something to the API server that has not been received there yet.
    pub fn is_unheard(&self) -> anyhow::Result<bool> {
        let connections = fs::read_to_string(self.folder()?.join("net/tcp"))?;
        Ok(holds_unreceived(&connections, API_SERVER_PORT))
    }

    /// A path of its container's file system, as this machine reaches it.
    pub fn path(&self, path: &str) -> anyhow::Result<PathBuf> {
        Ok(self.folder()?.join("root").join(path.trim_start_matches('/')))
    }

    /// Its process in /proc.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        Ok(Path::new("/proc").join(self.processes.first().context("the operator has no process")?))
    }

    /// Kills it at once and puts another in its place, which need not wait for the dead one's Lease. Where another test
    /// has killed it meanwhile, its successor dies.
    pub async fn kill(self) -> anyhow::Result<()> {
        let _lock = KILL_LOCK.lock().await;
        let target = if self.lives() { self } else { Self::running(&self.client).await? };
        sigkill(&target.processes)?;
        let leases: Api<Lease> = Api::namespaced(target.client.clone(), site::SYSTEM);
        absent_is_fine(leases.delete(LEASE, &DeleteParams::default()).await.map(drop))?;
        target.replace().await
    }

    fn lives(&self) -> bool {
        self.processes.iter().any(|process| is_in(&Path::new("/proc").join(process), &self.uid))
    }

    /// Its pod goes without an end of its own.
    async fn take_away(&self) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), site::SYSTEM);
        let now = DeleteParams::default().grace_period(0);
        Ok(absent_is_fine(pods.delete(&self.name, &now).await.map(drop))?)
    }

    async fn replace(self) -> anyhow::Result<()> {
        self.take_away().await?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), site::SYSTEM);
        let which = watcher::Config::default().labels(SELECTOR);
        wait::until(&pods, which, "a new operator", |all| {
            all.values()
                .find(|pod| is_running(pod) && pod.uid().as_deref() != Some(self.uid.as_str()))
                .map(drop)
        })
        .await
    }
}

/// Memory that the operator has in use, in MiB.
pub async fn resident_mebibytes(client: &Client) -> anyhow::Result<f64> {
    mebibytes(client, "VmRSS:").await
}

/// The most that it has had in use since it was started.
pub async fn most_resident_mebibytes(client: &Client) -> anyhow::Result<f64> {
    mebibytes(client, "VmHWM:").await
}

/// What the kernel says of the operator's process under this name.
async fn mebibytes(client: &Client, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(TargetReplica::find(client).await?.folder()?.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("it has no {name}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

/// What is not there needs no deletion.
pub(super) fn absent_is_fine(done: kube::Result<()>) -> kube::Result<()> {
    done.or_else(|error| match error {
        kube::Error::Api(status) if status.is_not_found() => Ok(()),
        other => Err(other),
    })
}

/// The panics in its log: none, if all is well.
pub async fn panics() -> anyhow::Result<Vec<String>> {
    let log =
        kubectl::ask(&["-n", site::SYSTEM, "logs", "deployment/videofactory-operator", "--tail=-1"]).await?;
    Ok(log.lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect())
}

/// What the kubelet says of the operator's container, once it does.
fn container_of(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let says = |kind: &str| conditions.clone().any(|one| one.type_ == kind && one.status == "True");
    pod.metadata.deletion_timestamp.is_none() && says("Ready")
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
    sigkill(&processes_of(pod_uid, program)?)
}

/// A pod's processes of this program.
fn processes_of(pod_uid: &str, program: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc")?.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        let runs = |command: String| command.contains(program);
        if name.parse::<u32>().is_ok()
            && is_in(&process.path(), pod_uid)
            && fs::read_to_string(process.path().join("cmdline")).is_ok_and(runs)
        {
            found.push(name);
        }
    }
    ensure!(!found.is_empty(), "no {program} of pod {pod_uid} is on this machine");
    Ok(found)
}

/// Whether a process, by its folder in /proc, is in the pod's control group.
fn is_in(process: &Path, pod_uid: &str) -> bool {
    fs::read_to_string(process.join("cgroup")).is_ok_and(|groups| groups.contains(pod_uid))
}

fn sigkill(processes: &[String]) -> anyhow::Result<()> {
    signal("-KILL", processes)
}

fn signal(signal: &str, processes: &[String]) -> anyhow::Result<()> {
    let status = std::process::Command::new("kill").arg(signal).args(processes).status();
    ensure!(status.context("failed to run kill")?.success(), "{processes:?} took no {signal}");
    Ok(())
}

/// Whether one of the connections to this port holds bytes that its other end has not received. `connections`: the
/// kernel's table, as `/proc/net/tcp`.
fn holds_unreceived(connections: &str, port: u16) -> bool {
    const ESTABLISHED: &str = "01";
    let port = format!(":{port:04X}");
    connections.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(2);
        let (Some(remote), Some(state), Some(queues)) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        let unsent = queues.split_once(':').map_or("", |(sent, _)| sent);
        remote.ends_with(&port) && state == ESTABLISHED && unsent.bytes().any(|digit| digit != b'0')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 090012C6:DDD4 010013C6:01BB 01 00000000:00000007 00:00000000 00000000     0
   1: 090012C6:DDD5 020013C6:238C 01 00000003:00000000 01:0000003E 00000002     0
   2: 090012C6:DDD6 010013C6:01BB 02 00000001:00000000 01:0000003E 00000002     0
";

    #[test]
    fn what_is_sent_and_not_received_is_reported_by_port() {
        assert!(!holds_unreceived(TABLE, 443), "received, of another port, or not connected yet");
        assert!(holds_unreceived(TABLE, 9100));
        let one = TABLE.replace("01 00000000:00000007", "01 00000003:00000000");
        assert!(holds_unreceived(&one, 443));
        assert!(!holds_unreceived("", 443));
    }
}
