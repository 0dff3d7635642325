//! Whom each change concerns.

use std::collections::BTreeSet;
use std::iter;

use futures::channel::mpsc::UnboundedReceiver;
use serde_json::{Value, json};

use super::*;
use crate::videojob::model::PodFacts;

fn key() -> OwnerKey {
    OwnerKey::new("films", "vj")
}

fn caches() -> Arc<Caches> {
    with_jobs().0
}

/// Caches, and what writes the jobs into them.
fn with_jobs() -> (Arc<Caches>, Writer<Guarded<VideoJob>>) {
    let (videojobs, writer) = store();
    let caches = Caches::new(videojobs, store().0, store().0, store().0, store().0);
    (Arc::new(caches), writer)
}

fn object<K: DeserializeOwned>(controller: Option<&str>, phase: &str, version: u32) -> K {
    let owners: Vec<Value> = controller
        .map(|kind| json!({"apiVersion": "v", "kind": kind, "name": "n", "uid": "o", "controller": true}))
        .into_iter()
        .collect();
    serde_json::from_value(json!({
        "metadata": {
            "name": "x", "namespace": "films", "uid": "x", "resourceVersion": version.to_string(),
            "ownerReferences": owners,
            "labels": {
                "videofactory.dev/uid": "vj", "videofactory.dev/run": "1", "videofactory.dev/attempt": "1",
                "videofactory.dev/step": "write-script", "app.kubernetes.io/instance": "ocean",
            },
        },
        "status": {"phase": phase},
    }))
    .unwrap()
}

fn pods(caches: &Caches) -> Vec<PodFacts> {
    caches.pods.of(&key()).iter().map(|known| known.object.facts.facts.clone()).collect()
}

#[test]
fn a_pod_that_its_job_left_behind_is_followed_to_its_end() {
    let caches = caches();
    let mut follow = on_pod(Arc::clone(&caches));
    follow(Event::Apply(object(Some("Job"), "Running", 1)));
    follow(Event::Apply(object(None, "Failed", 2)));
    assert!(matches!(pods(&caches)[0].state, PodState::Ended(_)), "{:?}", pods(&caches));
    follow(Event::Init);
    follow(Event::InitApply(object(None, "Failed", 2)));
    follow(Event::InitDone);
    assert_eq!(pods(&caches).len(), 1);
    follow(Event::Delete(object(None, "Failed", 3)));
    assert_eq!(pods(&caches), []);
}

#[test]
fn a_job_that_its_owner_left_behind_is_gone_when_it_is_deleted() {
    let caches = caches();
    let mut follow = on_job(Arc::clone(&caches));
    follow(Event::Apply(object(Some("VideoJob"), "", 1)));
    follow(Event::Apply(object(None, "", 2)));
    assert_eq!(caches.jobs.of(&key()).len(), 1);
    follow(Event::Delete(object(None, "", 3)));
    assert_eq!(caches.jobs.of(&key()).len(), 0);
}

#[test]
fn a_policy_that_only_grew_wakes_no_job_and_a_new_level_wakes_them() {
    let says = |level: &str, bytes: i64| {
        let policy: Guarded<StoragePolicy> = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
            "metadata": {"name": "default", "namespace": "films", "uid": "p", "generation": 1},
            "spec": {
                "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
                "capacity": {"limit": "10G"},
            },
            "status": {"level": level, "usage": {"bytes": bytes}},
        }))
        .unwrap();
        said_to_jobs(&policy)
    };
    assert_eq!(says("Normal", 1), says("Normal", 2));
    assert_ne!(says("Normal", 1), says("Stopped", 1));
    assert!(says("Normal", 1).is_some());
}

#[test]
fn what_nobody_ever_controlled_is_none_of_ours() {
    let caches = caches();
    on_pod(Arc::clone(&caches))(Event::Apply(object(None, "Running", 1)));
    on_job(Arc::clone(&caches))(Event::Apply(object(None, "", 1)));
    assert!(pods(&caches).is_empty() && caches.jobs.of(&key()).is_empty());
}

/// An object of ours in this generation.
fn ours<K: DeserializeOwned>(kind: &str, name: &str, generation: i64, spec: &Value, status: &Value) -> K {
    serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "films", "uid": name, "generation": generation},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

/// A job that nothing moves by itself: it has failed, or waits for a person or for what it refers to.
fn stalled(name: &str, phase: &str) -> Guarded<VideoJob> {
    let condition = json!({
        "type": "Stalled", "status": "True", "reason": "ConfigurationInvalid", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let spec = json!({"topic": "x", "channelRef": {"name": "deep"}});
    ours("VideoJob", name, 1, &spec, &json!({"phase": phase, "conditions": [condition]}))
}

/// The jobs that were put into the queue since it was last asked.
fn queued(queue: &mut UnboundedReceiver<ObjectRef<Guarded<VideoJob>>>) -> BTreeSet<String> {
    iter::from_fn(|| queue.next().now_or_never().flatten()).map(|job| job.name).collect()
}

#[test]
fn what_a_job_refers_to_wakes_it_unless_it_has_ended_and_again_once_it_continues() {
    let (caches, mut writer) = with_jobs();
    let mut queue = caches.videojob_queue.open(&caches.videojobs);
    let mut on_job = on_videojob(Arc::clone(&caches));
    let mut show = |event: Event<Guarded<VideoJob>>| {
        writer.apply_watcher_event(&event);
        on_job(event);
    };
    let (mut on_account, mut on_channel, mut on_policy) =
        (on_account(Arc::clone(&caches)), on_channel(Arc::clone(&caches)), on_policy(Arc::clone(&caches)));
    let mut generation = 0;
    let mut expect = |queue: &mut UnboundedReceiver<_>, names: &[&str]| {
        queued(queue);
        generation += 1;
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let account = json!({"provider": "XAI", "secretRef": {"name": "k"}});
        on_account(Event::Apply(ours("ProviderAccount", "grok", generation, &account, &json!({}))));
        assert_eq!(queued(queue), names, "an account was edited");
        on_channel(Event::Apply(ours("Channel", "deep", generation, &json!({}), &Value::Null)));
        assert_eq!(queued(queue), names, "a channel was edited");
        let policy = json!({
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"},
        });
        on_policy(Event::Apply(ours("StoragePolicy", "default", generation, &policy, &json!({}))));
        assert_eq!(queued(queue), names, "a policy was edited");
    };
    show(Event::Apply(stalled("ended", "Failed")));
    show(Event::Apply(stalled("waits", "Waiting")));
    expect(&mut queue, &["waits"]);
    // A person has asked for a retry: its phase is another one.
    show(Event::Apply(stalled("ended", "Waiting")));
    expect(&mut queue, &["ended", "waits"]);
    show(Event::Apply(stalled("ended", "Failed")));
    show(Event::Delete(stalled("waits", "Waiting")));
    expect(&mut queue, &[]);
    // The watch has broken off, and all are listed again.
    show(Event::Init);
    for (name, phase) in [("ended", "Waiting"), ("made", "Succeeded"), ("new", "Waiting")] {
        show(Event::InitApply(stalled(name, phase)));
    }
    show(Event::InitDone);
    assert_eq!(queued(&mut queue).len(), 3, "what happened meanwhile is not known");
    expect(&mut queue, &["ended", "new"]);
}

#[test]
fn an_account_that_is_made_or_edited_wakes_jobs_at_work_too_and_none_that_wait_for_their_turn() {
    let (caches, mut writer) = with_jobs();
    let mut queue = caches.videojob_queue.open(&caches.videojobs);
    let mut on_job = on_videojob(Arc::clone(&caches));
    for (name, phase) in [("works", "Running"), ("waits", "Waiting")] {
        let status = json!({"phase": phase});
        let event = Event::Apply(ours("VideoJob", name, 1, &json!({"topic": "x"}), &status));
        writer.apply_watcher_event(&event);
        on_job(event);
    }
    let mut on_account = on_account(Arc::clone(&caches));
    let spec = json!({"provider": "YouTube", "secretRef": {"name": "k"}});
    for generation in [1, 2] {
        queued(&mut queue);
        on_account(Event::Apply(ours("ProviderAccount", "tube", generation, &spec, &json!({}))));
        assert_eq!(queued(&mut queue), ["works".to_owned()].into(), "generation {generation}");
    }
}

#[test]
#[expect(clippy::large_stack_arrays, reason = "objects of a test, seen once")]
fn who_follows_the_jobs_learns_of_each_that_comes_changes_or_goes() {
    let caches = caches();
    let mut follow = on_videojob(Arc::clone(&caches));
    let mut changes = caches.changes.subscribe();
    let ocean = Change::Job(JobRef { namespace: "films".to_owned(), name: "ocean".to_owned() });
    let film = || -> Guarded<VideoJob> {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "uid": "vj"}, "spec": {"topic": "the ocean"},
        }))
        .unwrap()
    };
    for (event, published) in [
        (Event::Apply(film()), Some(&ocean)),
        (Event::Delete(film()), Some(&ocean)),
        (Event::Init, None),
        (Event::InitApply(film()), None),
        (Event::InitDone, Some(&Change::All)),
    ] {
        follow(event);
        assert_eq!(changes.try_next().as_ref(), published);
    }
}
