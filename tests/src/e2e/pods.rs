//! Monitors that no step ever has two live pods: watches every step's pod from the first test to the last.
//!
//! It has a thread of its own, because each test has a runtime of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, anyhow, bail, ensure};
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use videofactory_crds::StepName;

use super::site;

/// Label with the `VideoJob`'s UID.
pub const UID: &str = "videofactory.dev/uid";
/// Label with the step.
pub const STEP: &str = "videofactory.dev/step";
const ATTEMPT: &str = "videofactory.dev/attempt";

/// What was seen of all pods.
#[derive(Debug, Default)]
struct Seen {
    /// UIDs of all pods.
    pods: BTreeSet<String>,
    /// Live pods by (UID of the `VideoJob`, step).
    alive: BTreeMap<(String, String), BTreeSet<String>>,
    /// Where each live pod stands in `alive`.
    places: BTreeMap<String, (String, String)>,
    /// Attempts that had a pod, by UID of the `VideoJob`.
    attempts: BTreeMap<String, BTreeSet<(StepName, i32)>>,
    /// Every time that two were alive at once: UID, and the sentence.
    violations: Vec<(String, String)>,
}

/// A handle on what was seen; cheap to clone.
#[derive(Clone, Debug)]
pub struct OverlapMonitor {
    seen: Arc<Mutex<Seen>>,
    thread: Arc<JoinHandle<()>>,
}

impl OverlapMonitor {
    /// The one monitor of this process. The first call returns when it has its first list; all fail if it never had
    /// one.
    pub fn shared() -> anyhow::Result<Self> {
        static MONITOR: OnceLock<Result<OverlapMonitor, String>> = OnceLock::new();
        let started = MONITOR.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        started.clone().map_err(|error| anyhow!("no monitor of the pods: {error}"))
    }

    fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (ready, is_ready) = mpsc::channel();
        let (noted, failed) = (Arc::clone(&seen), ready.clone());
        let thread = thread::spawn(move || {
            if let Err(error) = runtime.block_on(watch(&noted, &ready)) {
                eprintln!("the monitor of the pods has ended: {error:#}");
                // Nobody listens after the first list.
                let _ = failed.send(Err(error));
            }
        });
        is_ready.recv().context("its thread has died")??;
        Ok(Self { seen, thread: Arc::new(thread) })
    }

    /// Fails if nothing is seen any more, so that what it has not seen proves nothing.
    pub fn ensure_alive(&self) -> anyhow::Result<()> {
        ensure!(!self.thread.is_finished(), "the monitor of the pods has ended; the output says why");
        Ok(())
    }

    /// The names of those of these pods that it has not seen yet.
    #[must_use]
    pub fn unseen(&self, pods: &[Pod]) -> Vec<String> {
        let seen = self.seen();
        let is_unseen = |pod: &&Pod| !seen.pods.contains(&pod.uid().unwrap_or_default());
        pods.iter().filter(is_unseen).map(ResourceExt::name_any).collect()
    }

    /// The attempts of this job that had a pod, and how many per step.
    #[must_use]
    pub fn attempts(&self, uid: &str) -> BTreeMap<StepName, Vec<i32>> {
        let mut by_step: BTreeMap<StepName, Vec<i32>> = BTreeMap::new();
        for (step, attempt) in self.seen().attempts.get(uid).into_iter().flatten() {
            by_step.entry(*step).or_default().push(*attempt);
        }
        by_step
    }

    /// Every sentence about two pods of one step that were alive at once.
    #[must_use]
    pub fn violations(&self, uid: &str) -> Vec<String> {
        let seen = self.seen();
        seen.violations.iter().filter(|(of, _)| of == uid).map(|(_, sentence)| sentence.clone()).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        open(&self.seen)
    }
}

fn open(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes all pods; ends by an error alone.
async fn watch(seen: &Mutex<Seen>, ready: &mpsc::Sender<anyhow::Result<()>>) -> anyhow::Result<()> {
    let client = site::client().await?;
    let config = watcher::Config::default().labels(UID);
    let events = kube::runtime::watcher(Api::<Pod>::all(client), config).default_backoff();
    pin_mut!(events);
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(pod)) => {
                listed.insert(pod.uid().unwrap_or_default());
                open(seen).note(&pod);
            }
            Ok(Event::InitDone) => {
                open(seen).retain(&listed);
                // Only the first list is awaited.
                let _ = ready.send(Ok(()));
            }
            Ok(Event::Apply(pod)) => open(seen).note(&pod),
            Ok(Event::Delete(pod)) => open(seen).gone(&pod.uid().unwrap_or_default()),
            Err(error) => eprintln!("the monitor of the pods lost its watch and continues: {error}"),
        }
    }
    bail!("the watch ended")
}

impl Seen {
    fn note(&mut self, pod: &Pod) {
        let uid = pod.uid().unwrap_or_default();
        self.pods.insert(uid.clone());
        let label = |name: &str| pod.labels().get(name).cloned().unwrap_or_default();
        if let (Ok(step), Ok(attempt)) = (label(STEP).parse::<StepName>(), label(ATTEMPT).parse()) {
            self.attempts.entry(label(UID)).or_default().insert((step, attempt));
        }
        if is_over(pod) {
            return self.gone(&uid);
        }
        let place = (label(UID), label(STEP));
        self.places.insert(uid.clone(), place.clone());
        let together = self.alive.entry(place.clone()).or_default();
        if together.insert(uid) && together.len() > 1 {
            let sentence = format!(
                "{} pods of {} were alive at once, {} among them",
                together.len(),
                place.1,
                pod.name_any()
            );
            self.violations.push((place.0, sentence));
        }
    }

    fn gone(&mut self, pod: &str) {
        if let Some(place) = self.places.remove(pod)
            && let Some(together) = self.alive.get_mut(&place)
        {
            together.remove(pod);
        }
    }

    fn retain(&mut self, listed: &BTreeSet<String>) {
        let gone: Vec<String> = self.places.keys().filter(|pod| !listed.contains(*pod)).cloned().collect();
        for pod in gone {
            self.gone(&pod);
        }
    }
}

/// Whether it runs, as this attempt.
#[must_use]
pub fn is_running_as(pod: &Pod, attempt: i32) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.labels().get(ATTEMPT) == Some(&attempt.to_string())
}

/// Whether its process has ended; the kubelet shows that a second before the end of the pod.
fn is_over(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let ended = |state: &ContainerState| state.terminated.is_some();
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
        || !containers.is_empty() && containers.iter().all(|one| one.state.as_ref().is_some_and(ended))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, phase: &str) -> Pod {
        let labels = json!({UID: "job", STEP: "write-script", ATTEMPT: "1"});
        serde_json::from_value(
            json!({"metadata": {"name": uid, "uid": uid, "labels": labels}, "status": {"phase": phase}}),
        )
        .unwrap()
    }

    #[test]
    fn two_live_pods_of_a_step_are_reported_and_a_pod_after_another_is_not() {
        let mut seen = Seen::default();
        seen.note(&pod("a", "Running"));
        seen.note(&pod("a", "Running"));
        seen.note(&pod("a", "Succeeded"));
        seen.note(&pod("b", "Pending"));
        assert!(seen.violations.is_empty());
        seen.note(&pod("c", "Pending"));
        assert_eq!(seen.violations.len(), 1);
    }

    #[test]
    fn a_pod_that_was_never_seen_and_a_thread_that_has_ended_are_reported() {
        let mut seen = Seen::default();
        seen.note(&pod("a", "Succeeded"));
        let (end, is_to_end) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let _ = is_to_end.recv();
        });
        let monitor = OverlapMonitor { seen: Arc::new(Mutex::new(seen)), thread: Arc::new(thread) };
        assert_eq!(monitor.unseen(&[pod("a", "Succeeded"), pod("b", "Running")]), ["b"]);
        monitor.ensure_alive().unwrap();
        drop(end);
        while !monitor.thread.is_finished() {
            thread::yield_now();
        }
        monitor.ensure_alive().unwrap_err();
    }

    #[test]
    fn a_pod_that_vanished_during_a_gap_is_not_alive() {
        let mut seen = Seen::default();
        seen.note(&pod("a", "Running"));
        seen.retain(&BTreeSet::new());
        seen.note(&pod("b", "Running"));
        assert!(seen.violations.is_empty());
    }
}
