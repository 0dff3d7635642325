//! The witness of "nothing runs twice at once": sees every step's pod from the first test to the last.
//!
//! It has a thread of its own, because each test has a runtime of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use videofactory_crds::StepName;

use super::site;

/// Label with the `VideoJob`'s UID.
pub const UID: &str = "videofactory.dev/uid";
const STEP: &str = "videofactory.dev/step";
const ATTEMPT: &str = "videofactory.dev/attempt";

/// What was seen of all pods.
#[derive(Debug, Default)]
struct Seen {
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
pub struct Witness(Arc<Mutex<Seen>>);

impl Witness {
    /// The one witness of this process. The first call returns when it has its first list.
    pub fn summon() -> Self {
        static WITNESS: OnceLock<Witness> = OnceLock::new();
        WITNESS.get_or_init(Self::start).clone()
    }

    fn start() -> Self {
        let witness = Self(Arc::default());
        let (ready, is_ready) = mpsc::channel();
        let seen = witness.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(watch(seen, ready));
            }
        });
        // If the thread died, the first test that asks for attempts says so.
        let _ = is_ready.recv();
        witness
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(witness: Witness, ready: mpsc::Sender<()>) {
    let client = match site::client().await {
        Ok(client) => client,
        Err(error) => return eprintln!("no witness of the pods: {error:#}"),
    };
    let config = watcher::Config::default().labels(UID);
    let events = kube::runtime::watcher(Api::<Pod>::all(client), config).default_backoff();
    pin_mut!(events);
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(pod)) => {
                listed.insert(pod.uid().unwrap_or_default());
                witness.seen().note(&pod);
            }
            Ok(Event::InitDone) => {
                witness.seen().retain(&listed);
                // Only the first list is awaited.
                let _ = ready.send(());
            }
            Ok(Event::Apply(pod)) => witness.seen().note(&pod),
            Ok(Event::Delete(pod)) => witness.seen().gone(&pod.uid().unwrap_or_default()),
            Err(error) => eprintln!("the witness of the pods lost its watch and goes on: {error}"),
        }
    }
}

impl Seen {
    fn note(&mut self, pod: &Pod) {
        let uid = pod.uid().unwrap_or_default();
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
    fn two_live_pods_of_a_step_are_told_and_a_pod_after_another_is_not() {
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
    fn a_pod_that_vanished_during_a_gap_is_not_alive() {
        let mut seen = Seen::default();
        seen.note(&pod("a", "Running"));
        seen.retain(&BTreeSet::new());
        seen.note(&pod("b", "Running"));
        assert!(seen.violations.is_empty());
    }
}
