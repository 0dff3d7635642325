//! What of an object is another when it is made again: UID, generation, owner. Pure.
//!
//! A status speaks of all three. Of the generations what matters is whether the spec was edited since; of the UIDs, whose
//! the open grants of an account are. Where a policy was Ready says nothing of where it is now: that is asked again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::api::{DynamicObject, ObjectMeta};
use serde_json::{Value, json};
use videofactory_crds::restoring::LABELS_OF_OTHERS;
use videofactory_crds::{condition, requests};
use videofactory_pipeline::Digest;

use crate::backup::Kind;

/// A generation before the present one.
const EARLIER: i64 = 0;

/// The UIDs that objects of the backup have now, by those that they had.
pub type Uids = BTreeMap<String, String>;

/// An object of a backup as it is made: held, and without what the API server or others give to it. A finalizer goes too:
/// who wants one puts it on again, and one that is held can be deleted. `from`: the backup's digest.
#[must_use]
pub fn to_make(
    kind: Kind,
    object: &DynamicObject,
    namespace: &str,
    from: &Digest,
    now: Timestamp,
) -> DynamicObject {
    let of = &object.metadata;
    let mut labels = of.labels.clone().unwrap_or_default();
    labels.retain(|name, _| !LABELS_OF_OTHERS.contains(&name.as_str()));
    let mut annotations = of.annotations.clone().unwrap_or_default();
    for name in [requests::RESTORING, requests::RESTORED_FROM] {
        annotations.remove(name);
    }
    if kind.has_status() {
        annotations.extend(hold(from, now));
    }
    let mut data = object.data.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
    }
    DynamicObject {
        types: object.types.clone(),
        metadata: ObjectMeta {
            name: of.name.clone(),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels).filter(|labels| !labels.is_empty()),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..ObjectMeta::default()
        },
        data,
    }
}

/// The annotations by which an object is held that is restored from a backup with this digest.
#[must_use]
pub fn hold(from: &Digest, now: Timestamp) -> BTreeMap<String, String> {
    let hold = [(requests::RESTORING, whole_seconds(now)), (requests::RESTORED_FROM, from.to_string())];
    hold.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A time as the annotation has it.
fn whole_seconds(now: Timestamp) -> String {
    condition::whole_seconds(now).0.to_string()
}

/// What an object is now that was made again.
#[derive(Clone, Copy, Debug)]
pub struct Renewed<'a> {
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The UIDs of today.
    pub uids: &'a Uids,
    /// The present time.
    pub now: Timestamp,
}

/// The status of an object of a backup, as it is true of the one that was made of it. None: it had none.
#[must_use]
pub fn status(kind: Kind, object: &DynamicObject, renewed: Renewed<'_>) -> Option<Value> {
    let Renewed { generation, uids, now } = renewed;
    let mut status = object.data.get("status").filter(|status| status.is_object())?.clone();
    let before = object.metadata.generation;
    for field in ["observedGeneration", "publishedGeneration"] {
        renumber(&mut status[field], before, generation);
    }
    for condition in list(&mut status, "conditions") {
        renumber(&mut condition["observedGeneration"], before, generation);
        if kind == Kind::StoragePolicy {
            condition["observedGeneration"] = json!(EARLIER);
        }
    }
    if kind == Kind::StoragePolicy {
        arrive(&mut status, now);
    }
    for holder in list(&mut status, "grants").map(|grant| &mut grant["holder"]) {
        rename(holder, uids);
    }
    for holder in list(&mut status, "expired") {
        rename(holder, uids);
    }
    remove_nulls(&mut status);
    Some(status)
}

/// A policy has come to its place again: files of jobs that are not there yet are as young as that, and what it had begun
/// does not continue. The backup that was being written is this one: written again, it would hold something else.
fn arrive(status: &mut Value, now: Timestamp) {
    if let Some(place) = status.get_mut("place").and_then(Value::as_object_mut) {
        place.insert("since".to_owned(), json!(whole_seconds(now)));
    }
    if status["backup"]["outcome"].is_null() {
        status["backup"] = Value::Null;
    }
}

fn list<'a>(status: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    status.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// A generation that was the spec's is the spec's; an earlier one is an earlier one. -1 says that nobody has looked.
fn renumber(number: &mut Value, before: Option<i64>, now: Option<i64>) {
    let Some(seen) = number.as_i64().filter(|seen| *seen >= 0) else { return };
    *number = json!(if Some(seen) == before { now.unwrap_or(EARLIER) } else { EARLIER });
}

fn rename(holder: &mut Value, uids: &Uids) {
    let uid = holder.get("uid").and_then(Value::as_str).and_then(|uid| uids.get(uid));
    if let Some(uid) = uid {
        holder["uid"] = json!(uid);
    }
}

/// To look at a field that is not there leaves null in its place.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "every caller writes the status in place")]
    fn object(generation: i64, status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {
                "name": "ocean", "namespace": "films", "uid": "old", "generation": generation, "resourceVersion": "7",
                "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": null,
                "finalizers": ["videofactory.dev/artifacts"],
                "ownerReferences": [{"apiVersion": "v1", "kind": "Set", "name": "s", "uid": "x"}],
                "labels": {"keep": "true", "velero.io/restore-name": "r", "velero.io/backup-name": "b"},
                "annotations": {
                    "videofactory.dev/hold": "", "videofactory.dev/restoring": "2020-01-01T00:00:00Z",
                    "videofactory.dev/restored-from": "another",
                },
            },
            "spec": {"topic": "the sea", "unheardOf": 1}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_made_is_held_and_has_nothing_of_what_the_api_server_gives() {
        let now = "2026-11-29T08:00:00.5Z".parse().unwrap();
        let from = Digest::of_bytes(b"the backup");
        let made = to_make(Kind::VideoJob, &object(5, json!({"id": "3f9c2a1e"})), "films", &from, now);
        assert_eq!(
            serde_json::to_value(made).unwrap(),
            json!({
                "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
                "metadata": {
                    "name": "ocean", "namespace": "films", "labels": {"keep": "true"},
                    "annotations": {
                        "videofactory.dev/hold": "", "videofactory.dev/restoring": "2026-11-29T08:00:00Z",
                        "videofactory.dev/restored-from": from.to_string(),
                    },
                },
                "spec": {"topic": "the sea", "unheardOf": 1},
            })
        );
        let channel = to_make(Kind::Channel, &object(5, json!(null)), "films", &from, now);
        assert_eq!(channel.metadata.annotations.unwrap().len(), 1, "nothing acts upon a Channel");
    }

    fn renumbered(kind: Kind, generation: i64) -> Value {
        let status = json!({
            "observedGeneration": 5, "publishedGeneration": 4, "resumeAt": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "observedGeneration": 5}, {"type": "Stalled", "observedGeneration": 3}],
        });
        status_of(kind, &object(generation, status))
    }

    fn status_of(kind: Kind, object: &DynamicObject) -> Value {
        let uids = Uids::from([("old".to_owned(), "new".to_owned())]);
        let now = "2026-11-29T08:00:00Z".parse().unwrap();
        status(kind, object, Renewed { generation: Some(1), uids: &uids, now }).unwrap()
    }

    #[test]
    fn whether_a_spec_was_edited_since_is_kept() {
        let seen = renumbered(Kind::VideoJob, 5);
        assert_eq!((&seen["observedGeneration"], &seen["publishedGeneration"]), (&json!(1), &json!(0)));
        assert_eq!(seen["conditions"][0]["observedGeneration"], 1);
        assert_eq!(seen["conditions"][1]["observedGeneration"], 0);
        let edited = renumbered(Kind::VideoJob, 6);
        assert_eq!(edited["observedGeneration"], 0, "the last edit was not looked at yet");
        let untouched = status_of(Kind::VideoJob, &object(1, json!({"observedGeneration": -1})));
        assert_eq!(untouched, json!({"observedGeneration": -1}));
        let none = object(1, json!(null));
        let renewed = Renewed { generation: Some(1), uids: &Uids::new(), now: Timestamp::UNIX_EPOCH };
        assert_eq!(status(Kind::VideoJob, &none, renewed), None);
    }

    #[test]
    fn that_a_bucket_was_fit_is_asked_again() {
        let policy = renumbered(Kind::StoragePolicy, 5);
        assert_eq!(policy["conditions"][0]["observedGeneration"], 0);
        assert_eq!(policy["observedGeneration"], 1);
    }

    #[test]
    fn a_policy_comes_to_its_place_again_and_continues_nothing_that_it_had_begun() {
        let place = json!({"bucket": "videos", "since": "2026-01-01T00:00:00Z"});
        let of = |outcome: Value| {
            let backup = json!({"slot": "2026-01-04T04:00:00Z", "outcome": outcome});
            let status = json!({"observedGeneration": 1, "place": place, "backup": backup});
            status_of(Kind::StoragePolicy, &object(1, status))
        };
        assert_eq!(of(json!(null))["place"], json!({"bucket": "videos", "since": "2026-11-29T08:00:00Z"}));
        assert_eq!(of(json!(null)).get("backup"), None, "it would be written again under the same name");
        assert_eq!(of(json!("Completed"))["backup"]["outcome"], "Completed");
    }

    #[test]
    fn the_open_grants_of_an_account_are_their_holders() {
        let status = status_of(
            Kind::ProviderAccount,
            &object(
                1,
                json!({
                    "grants": [
                        {"id": "account-7", "holder": {"uid": "old", "step": "animate-scenes", "attempt": 2}},
                        {"id": "account-8", "holder": {"uid": "of-a-job-that-is-gone"}},
                    ],
                    "expired": [{"uid": "old", "step": "write-script", "attempt": 1}],
                    "quotas": [{"name": "generations", "spent": [{"at": "2026-01-01T00:00:00Z", "units": 3}]}],
                }),
            ),
        );
        assert_eq!(status["grants"][0]["holder"]["uid"], "new");
        assert_eq!(status["grants"][0]["id"], "account-7", "by its id its holder knows it");
        assert_eq!(status["grants"][1]["holder"]["uid"], "of-a-job-that-is-gone");
        assert_eq!(status["expired"][0]["uid"], "new");
        assert_eq!(status["quotas"][0]["spent"][0]["units"], 3);
    }
}
