//! Events for people, through one publisher.
//!
//! The same sentence about the same object is reported once: its Event's name is the digest of what it says, so that a
//! repeated decision, or another process, meets its own. Nothing waits for an Event and nothing depends on one.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::Instant;
use videofactory_crds::{ProviderAccountReason, VideoJobReason};
use videofactory_pipeline::{Digest, clock};

use crate::metrics::Metrics;
use videofactory_client::call::within;

/// Kubernetes' own limit on a note is ours on every text.
pub use videofactory_crds::bounds::{MAX_TEXT_BYTES, cut};
/// How long a sentence is remembered here; the API server keeps Events for an hour by default.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Events that may wait to be written.
const QUEUE: usize = 1000;

/// `reportingController` of every Event.
pub const CONTROLLER: &str = "videofactory.dev/operator";

/// An Event for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `Normal` or `Warning`.
    pub warning: bool,
    /// The Event's reason.
    pub reason: EventReason,
    /// What is being done: the step's name, or `Reconcile`.
    pub action: String,
    /// The sentence.
    pub note: String,
}

/// Why an Event is reported: the reason of a condition or step, or one of these. The names are stable: people
/// filter by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    /// A condition or a step of a `VideoJob` has this reason now.
    VideoJob(VideoJobReason),
    /// A condition of a `ProviderAccount` has this reason now.
    ProviderAccount(ProviderAccountReason),
    /// An object was restored, and its status may follow.
    AwaitingRestoredStatus,
    /// A backup is in the bucket.
    BackedUp,
    /// A backup could not be written.
    BackupFailed,
    /// The Channel cannot be taken into the run.
    ChannelNotRefreshed,
    /// A pod goes without something that its job asks for.
    ComputeIgnored,
    /// All files of a deleted job are gone.
    FilesDeleted,
    /// Files of a deleted job stay on purpose.
    FilesKept,
    /// Files of a deleted job stay because there is no way to them.
    FilesLeftBehind,
    /// The API server does not take the finalizer.
    FinalizerRefused,
    /// A step asks an account for more than it ever grants.
    NeverGranted,
    /// A prune run would delete too much at once.
    PruneBraked,
    /// A prune run was interrupted and does not continue.
    PruneCancelled,
    /// A prune run failed.
    PruneFailed,
    /// A prune run was interrupted.
    PruneInterrupted,
    /// A prune run says what it would delete.
    PrunePlanned,
    /// A prune run has ended.
    Pruned,
    /// A service refuses again and again.
    QuotaDoubtful,
    /// A request is not followed, because it is old, early or makes no sense.
    RequestIgnored,
    /// A request cannot be followed now.
    RequestRefused,
    /// A request cannot be read.
    RequestUnreadable,
    /// A new run begins on request.
    RestartRequested,
    /// A restore takes long.
    RestoreUnfinished,
    /// Steps are tried again on request.
    RetryRequested,
    /// The bucket is filled to its limit.
    StorageFull,
    /// The bucket is filled to the water mark `stop`.
    StorageStopped,
    /// The bucket is filled to the water mark `warn`.
    StorageWarning,
    /// A step has left out a part of a text.
    TextLeftOut,
    /// A job whose time to live has passed cannot leave its tombstone.
    TombstoneNotWritten,
    /// A trace that is handed in cannot be read.
    TraceparentUnreadable,
    /// An object cannot be read.
    Unreadable,
}

impl From<VideoJobReason> for EventReason {
    fn from(reason: VideoJobReason) -> Self {
        Self::VideoJob(reason)
    }
}

impl From<ProviderAccountReason> for EventReason {
    fn from(reason: ProviderAccountReason) -> Self {
        Self::ProviderAccount(reason)
    }
}

impl fmt::Display for EventReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VideoJob(reason) => fmt::Display::fmt(reason, f),
            Self::ProviderAccount(reason) => fmt::Display::fmt(reason, f),
            named => fmt::Debug::fmt(named, f),
        }
    }
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

    /// Informs people about an object. When too many wait, it is left out.
    pub fn publish(&self, about: ObjectReference, event: Event) {
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
    let mut reported: HashMap<String, Instant> = HashMap::new();
    while let Some((about, event)) = queue.recv().await {
        reported.retain(|_, at| at.elapsed() < REMEMBERED);
        let built = build(&about, &event, &instance);
        let name = built.metadata.name.clone().unwrap_or_default();
        if reported.contains_key(&name) {
            continue;
        }
        let api: Api<KubeEvent> =
            Api::namespaced(client.clone(), about.namespace.as_deref().unwrap_or("default"));
        metrics.record_write("Event");
        match within(format!("create Event {name}"), api.create(&PostParams::default(), &built)).await {
            Ok(_) => {}
            Err(error) if error.is_already_exists() => {}
            Err(error) => {
                tracing::warn!(%error, "an Event is left out");
                continue;
            }
        }
        reported.insert(name, Instant::now());
    }
}

fn build(about: &ObjectReference, event: &Event, instance: &str) -> KubeEvent {
    let subject = about.name.as_deref().unwrap_or_default();
    let uid = about.uid.as_deref().unwrap_or_default();
    let reason = event.reason.to_string();
    let said = [uid, &reason, &event.action, &event.note].join("\n");
    let digest = Digest::of_bytes(said.as_bytes());
    KubeEvent {
        metadata: ObjectMeta {
            name: Some(format!("{subject}.{}", &digest.as_str()[..16])),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        action: Some(event.action.clone()),
        reason: Some(reason),
        note: Some(cut(&event.note, MAX_TEXT_BYTES)),
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
            reason: EventReason::Pruned,
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
    fn a_reason_is_called_as_its_condition_says_or_by_its_own_name() {
        assert_eq!(EventReason::from(VideoJobReason::RateLimited).to_string(), "RateLimited");
        let duplicate = EventReason::from(ProviderAccountReason::DuplicateAccount);
        assert_eq!(duplicate.to_string(), "DuplicateAccount");
        assert_eq!(EventReason::FilesKept.to_string(), "FilesKept");
    }

    #[test]
    fn a_long_note_is_cut_where_a_character_ends() {
        let cut = cut(&"é".repeat(600), MAX_TEXT_BYTES);
        assert!(cut.len() <= MAX_TEXT_BYTES && cut.ends_with('…'));
    }
}
