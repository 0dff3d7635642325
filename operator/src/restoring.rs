//! Objects that are not all there yet, because they are being restored. Nothing acts upon them: no status is written, no
//! pod started, nothing granted, deleted or asked of a bucket. Pure.
//!
//! Our own restore holds what it makes, by annotation, until everything has its status; to take that annotation away from
//! what has none does not let it go, because it would begin as a new one. Other tools make an object first
//! and write its status some seconds later, on the version that they have made: one write of ours in between, and the
//! status is lost. So what carries the label of such a tool, and has no status, is left alone for a while.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::controller::Action as Requeue;
use kube::{Resource, ResourceExt};
use videofactory_crds::requests::{RESTORED_FROM, RESTORING};
use videofactory_crds::restoring::{LABELS_OF_OTHERS, is_observed, job_has_begun};
use videofactory_crds::{ProviderAccount, StoragePolicy, VideoJob};

use crate::events::{Event, EventReason, Publisher};

/// How long the status of an object may take that another tool has made.
pub const STATUS_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// How long a restore may take before an Event says how to continue.
const TOO_LONG: SignedDuration = SignedDuration::from_hours(1);
/// Least time between two looks that nothing but the clock asks for.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// An object that a restore may bring without its status.
pub trait Restorable: Resource<DynamicType = ()> {
    /// Whether anything has come of it yet; the API server gives a new one a status that says nothing.
    fn has_begun(&self) -> bool;
}

impl Restorable for VideoJob {
    fn has_begun(&self) -> bool {
        self.status.as_ref().is_some_and(|status| job_has_begun(status.id.as_deref()))
    }
}

impl Restorable for ProviderAccount {
    fn has_begun(&self) -> bool {
        self.status.as_ref().is_some_and(|status| is_observed(status.observed_generation))
    }
}

impl Restorable for StoragePolicy {
    fn has_begun(&self) -> bool {
        self.status.as_ref().is_some_and(|status| is_observed(status.observed_generation))
    }
}

/// Why nothing acts upon an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// For whoever waits for it.
    pub why: String,
    /// For people.
    pub event: Option<Event>,
    /// When to look again although nothing changed.
    pub wake_at: Option<Timestamp>,
}

/// Whether it was made from a backup by another tool.
#[must_use]
pub fn is_of_another_tool(meta: &ObjectMeta) -> bool {
    let labels = meta.labels.as_ref();
    labels.is_some_and(|labels| LABELS_OF_OTHERS.iter().any(|name| labels.contains_key(*name)))
}

/// Whether a restore has not ended: of what is so, nothing is believed.
#[must_use]
pub fn is_restoring<K: Restorable>(object: &K) -> bool {
    let annotations = object.annotations();
    annotations.contains_key(RESTORING) || annotations.contains_key(RESTORED_FROM) && !object.has_begun()
}

/// Whether, and why, nothing acts upon this object at `now`.
#[must_use]
pub fn held<K: Restorable>(object: &K, now: Timestamp) -> Option<Held> {
    let (meta, kind) = (object.meta(), K::kind(&()));
    if is_restoring(object) {
        return Some(being_restored(object, &kind, now));
    }
    let awaits = is_of_another_tool(meta) && !object.has_begun() && meta.deletion_timestamp.is_none();
    let until = later(made(meta, now), STATUS_WITHIN);
    (awaits && now < until).then(|| awaits_status(&kind, until))
}

fn being_restored<K: Restorable>(object: &K, kind: &str, now: Timestamp) -> Held {
    let meta = object.meta();
    let said = object.annotations().get(RESTORING);
    // A word that is no time holds it, too.
    let since = said.and_then(|since| since.parse().ok()).unwrap_or_else(|| made(meta, now));
    // Somebody has taken the annotation away, and hears at once why that was not all.
    let late = said.map_or(since, |_| later(since, TOO_LONG));
    let plural = format!("{}s", kind.to_ascii_lowercase());
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let way_out = if object.has_begun() {
        format!(
            "or, to have it as it stands: kubectl -n {namespace} annotate {plural} {name} {RESTORING}- {RESTORED_FROM}-"
        )
    } else {
        // Without its status a film would be paid for again, and an account know nothing of what was spent.
        format!(
            "it has no status yet, and begins as a new one only when it is deleted (kubectl -n {namespace} delete {plural} \
             {name}) and applied again"
        )
    };
    let note = format!(
        "it is being restored since {since:.0}, and nothing acts upon it. Restore the same backup again, which continues \
         where the restore was broken off; {way_out}"
    );
    Held {
        why: "it is being restored from a backup".to_owned(),
        event: (late <= now).then(|| event(true, EventReason::RestoreUnfinished, note)),
        wake_at: (now < late).then_some(late),
    }
}

fn awaits_status(kind: &str, until: Timestamp) -> Held {
    let note = format!(
        "another tool has restored this {kind} without its status: until {until:.0} nothing acts upon it, so that the status \
         can follow. Velero restores the status of what has the annotation velero.io/restore-status: \"true\""
    );
    Held {
        why: "another tool has restored it, and its status is still to come".to_owned(),
        event: Some(event(false, EventReason::AwaitingRestoredStatus, note)),
        wake_at: Some(until),
    }
}

fn event(warning: bool, reason: EventReason, note: String) -> Event {
    Event { warning, reason, action: "Restore".to_owned(), note }
}

fn made(meta: &ObjectMeta, now: Timestamp) -> Timestamp {
    meta.creation_timestamp.as_ref().map_or(now, |at| at.0)
}

fn later(from: Timestamp, wait: SignedDuration) -> Timestamp {
    from.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Informs people of an object upon which nothing acts; when to look at it again. None: it may be acted upon.
pub fn wait<K: Restorable>(object: &K, events: &Publisher, now: Timestamp) -> Option<Requeue> {
    let Held { event, wake_at, .. } = held(object, now)?;
    if let Some(event) = event {
        events.publish(object.object_ref(&()), event);
    }
    tracing::debug!("it is being restored, and left alone");
    Some(wake_at.map_or_else(Requeue::await_change, |at| {
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
        Requeue::requeue(wait.max(MIN_WAIT))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const MADE: &str = "2026-11-29T08:00:00Z";

    fn at(second: i64) -> Timestamp {
        MADE.parse::<Timestamp>().unwrap().saturating_add(SignedDuration::from_secs(second)).unwrap()
    }

    fn job(change: impl FnOnce(&mut Value)) -> VideoJob {
        let mut job = json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "creationTimestamp": MADE},
            "spec": {"topic": "the sea"}, "status": {"observedGeneration": -1},
        });
        change(&mut job);
        serde_json::from_value(job).unwrap()
    }

    fn restoring(since: &str) -> VideoJob {
        job(|job| {
            job["metadata"]["annotations"] = json!({RESTORING: since});
            job["status"] = json!({"id": "3f9c2a1e"});
        })
    }

    fn by_velero(job: &mut Value) {
        job["metadata"]["labels"] = json!({"velero.io/restore-name": "r"});
    }

    #[test]
    fn what_is_being_restored_is_held_for_as_long_as_that_takes_and_after_an_hour_people_learn_how_to_continue()
     {
        let held_at = |second| held(&restoring(MADE), at(second)).unwrap();
        assert_eq!((held_at(0).event, held_at(0).wake_at), (None, Some(at(3_600))));
        let late = held_at(3_600);
        assert_eq!(late.wake_at, None, "it is reported once");
        let event = late.event.unwrap();
        assert!(
            event.warning && event.note.contains("kubectl -n films annotate videojobs ocean"),
            "{}",
            event.note
        );
        assert_eq!(held_at(1_000_000).event, Some(event), "the same words, so the same Event");
        assert!(held(&restoring("soon"), at(10)).is_some());
    }

    #[test]
    fn what_has_no_status_yet_is_held_also_without_the_annotation_and_nobody_is_advised_to_remove_it() {
        let bare = |annotations: Value| {
            job(|job| {
                job["metadata"]["annotations"] = annotations;
            })
        };
        let let_go = held(&bare(json!({RESTORED_FROM: "3f9c"})), at(1_000_000)).unwrap();
        let event = let_go.event.clone().unwrap();
        assert!(event.note.contains("Restore the same backup again") && !event.note.contains("annotate"));
        assert_eq!(let_go.wake_at, None);
        assert_eq!(
            held(&bare(json!({RESTORED_FROM: "3f9c"})), at(5)).unwrap().event,
            Some(event),
            "whoever has taken the annotation away hears it at once"
        );
        let stuck = held(&bare(json!({RESTORED_FROM: "3f9c", RESTORING: MADE})), at(3_600)).unwrap();
        assert!(!stuck.event.unwrap().note.contains("annotate"));
        let with_status = job(|job| {
            job["metadata"]["annotations"] = json!({RESTORED_FROM: "3f9c"});
            job["status"] = json!({"id": "3f9c2a1e"});
        });
        assert_eq!(held(&with_status, at(5)), None);
    }

    #[test]
    fn an_object_that_is_being_deleted_is_held_too() {
        let mut leaving = restoring(MADE);
        leaving.metadata.deletion_timestamp = serde_json::from_value(json!(MADE)).unwrap();
        assert!(held(&leaving, at(5)).is_some());
    }

    #[test]
    fn what_another_tool_has_made_waits_for_its_status_and_not_for_ever() {
        let waiting = held(&job(by_velero), at(599)).unwrap();
        assert_eq!(waiting.wake_at, Some(at(600)));
        assert!(waiting.event.unwrap().note.contains("restore-status"));
        assert_eq!(held(&job(by_velero), at(600)), None);
        let with_status = job(|job| {
            by_velero(job);
            job["status"] = json!({"id": "3f9c2a1e"});
        });
        assert_eq!(held(&with_status, at(5)), None);
        assert_eq!(held(&job(|_| ()), at(5)), None, "applied by a person");
    }

    #[test]
    fn accounts_and_policies_wait_for_their_ledgers() {
        let account = |status: Value| -> ProviderAccount {
            serde_json::from_value(json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "ProviderAccount",
                "metadata": {
                    "name": "grok", "namespace": "films", "creationTimestamp": MADE,
                    "labels": {"velero.io/backup-name": "b"},
                },
                "spec": {"provider": "XAI"}, "status": status,
            }))
            .unwrap()
        };
        for nothing in [json!(null), json!({}), json!({"observedGeneration": -1})] {
            assert!(held(&account(nothing), at(5)).is_some());
        }
        assert_eq!(held(&account(json!({"observedGeneration": 4})), at(5)), None);
    }
}
