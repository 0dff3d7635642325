//! Events for people, through one publisher.
//!
//! The same sentence about the same object is told once: its Event's name is the digest of what it says, so that a
//! repeated decision, or another process, meets its own. Nothing waits for an Event and nothing depends on one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::Instant;
use videofactory_pipeline::{Digest, clock};

use crate::metrics::Metrics;
use videofactory_client::call::within;

/// Kubernetes' own limit on a note is ours on every text.
pub use videofactory_crds::bounds::{MOST_TEXT_BYTES, cut};
/// How long a sentence is remembered here; the API server keeps Events for an hour by default.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Events that may wait to be written.
const QUEUE: usize = 1000;

/// Who reports.
pub const CONTROLLER: &str = "videofactory.dev/operator";

/// An Event for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `Normal` or `Warning`.
    pub warning: bool,
    /// A stable word.
    pub reason: String,
    /// What is being done: the step's name, or `Reconcile`.
    pub action: String,
    /// The sentence.
    pub note: String,
}

/// Takes Events and forgets about them.
#[derive(Clone, Debug)]
pub struct Publisher {
    queue: mpsc::Sender<(ObjectReference, Event)>,
}

impl Publisher {
    /// A publisher and the work behind it, which ends when all clones of the publisher are gone.
    pub fn start(
        client: Client,
        instance: &str,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()> + use<>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let instance = instance.to_owned();
        (Self { queue: sender }, write_all(client, instance, metrics, receiver))
    }

    /// Tells people about an object. When too many wait, it is left out.
    pub fn tell(&self, about: ObjectReference, event: Event) {
        if let Err(error) = self.queue.try_send((about, event)) {
            tracing::warn!(%error, "an Event is left out");
        }
    }
}

async fn write_all(
    client: Client,
    instance: String,
    metrics: Arc<Metrics>,
    mut queue: mpsc::Receiver<(ObjectReference, Event)>,
) {
    let mut told: HashMap<String, Instant> = HashMap::new();
    while let Some((about, event)) = queue.recv().await {
        told.retain(|_, at| at.elapsed() < REMEMBERED);
        let built = build(&about, &event, &instance);
        let name = built.metadata.name.clone().unwrap_or_default();
        if told.contains_key(&name) {
            continue;
        }
        let api: Api<KubeEvent> =
            Api::namespaced(client.clone(), about.namespace.as_deref().unwrap_or("default"));
        metrics.wrote("Event");
        match within(format!("create Event {name}"), api.create(&PostParams::default(), &built)).await {
            Ok(_) => {}
            Err(error) if error.is_already_exists() => {}
            Err(error) => {
                tracing::warn!(%error, "an Event is left out");
                continue;
            }
        }
        told.insert(name, Instant::now());
    }
}

fn build(about: &ObjectReference, event: &Event, instance: &str) -> KubeEvent {
    let subject = about.name.as_deref().unwrap_or_default();
    let uid = about.uid.as_deref().unwrap_or_default();
    let said = [uid, &event.reason, &event.action, &event.note].join("\n");
    let digest = Digest::of_bytes(said.as_bytes());
    KubeEvent {
        metadata: ObjectMeta {
            name: Some(format!("{subject}.{}", &digest.as_str()[..16])),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        action: Some(event.action.clone()),
        reason: Some(event.reason.clone()),
        note: Some(cut(&event.note, MOST_TEXT_BYTES)),
        type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
        event_time: Some(MicroTime(clock::now())),
        regarding: Some(about.clone()),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(cut(instance, 128)),
        ..KubeEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(note: &str, uid: &str) -> String {
        let about = ObjectReference {
            name: Some("ocean".into()),
            uid: Some(uid.into()),
            ..ObjectReference::default()
        };
        let event = Event {
            warning: false,
            reason: "Waiting".into(),
            action: "write-script".into(),
            note: note.into(),
        };
        build(&about, &event, "me").metadata.name.unwrap()
    }

    #[test]
    fn the_same_sentence_has_the_same_name_and_another_has_another() {
        assert_eq!(named("one", "u1"), named("one", "u1"));
        assert_ne!(named("one", "u1"), named("two", "u1"));
        assert_ne!(named("one", "u1"), named("one", "u2"));
    }

    #[test]
    fn a_long_note_is_cut_where_a_character_ends() {
        let cut = cut(&"é".repeat(600), MOST_TEXT_BYTES);
        assert!(cut.len() <= MOST_TEXT_BYTES && cut.ends_with('…'));
    }
}
