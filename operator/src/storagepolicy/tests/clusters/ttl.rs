//! Jobs that go by themselves once their time to live is over: as the operator decides it, of an object that stands as
//! the job of the model does.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;
use videofactory_crds::VideoJob;
use videofactory_pipeline::contract::BucketRef;

use super::super::super::overlapping_policies::protection;
use super::super::super::plan::testing::{DAY, at};
use super::super::super::plan::{JobLifecycle, JobReference};
use super::{Cluster, Harness, TestEvent};
use crate::config::SideEffects;
use crate::videojob::decide::decide;
use crate::videojob::model::{Action, BucketFill, Found, Made, Namesake, Observed, Storage};

impl Harness {
    /// A job's time to live may be over.
    pub(super) fn expire(&mut self, cluster: usize, which: usize) {
        let policies = self.all(cluster);
        let Cluster { jobs, .. } = &self.clusters[cluster];
        if jobs.is_empty() {
            return;
        }
        let place = which % jobs.len();
        let job = &jobs[place];
        let mut own = self.clusters[cluster].policies.iter();
        let own = own.find(|policy| policy.namespace().as_deref() == Some(job.namespace.as_str())).unwrap();
        let protected = protection(&policies, own).unwrap().protects_job(&job.facts.labels);
        if goes(job, protected, at(self.now)) {
            self.clusters[cluster].jobs.remove(place);
        }
    }
}

/// Whether a job with an hour to live goes now.
fn goes(job: &JobReference, protected: bool, now: Timestamp) -> bool {
    let (secret, fill) = ("s3".to_owned(), BucketFill::default());
    let observed = Observed {
        job: object(job),
        channel: Found::NotNamed,
        storage: Storage::Ready { bucket: BucketRef::default(), secret, since: None, fill },
        accounts: BTreeMap::new(),
        jobs: Vec::new(),
        pods: Vec::new(),
        recorded: BTreeMap::new(),
        fencing_tokens: BTreeSet::new(),
        bucket_trouble: None,
        live: BTreeMap::new(),
        refused: BTreeMap::new(),
        podless: BTreeMap::new(),
        made: Made::NotAsked,
        namesake: Namesake::NotAsked,
        protected,
        side_effects: SideEffects::Allow,
    };
    decide(&observed, now).actions.iter().any(|action| matches!(action, Action::Retire { .. }))
}

/// The object that a plan is given, as it stands.
fn object(job: &JobReference) -> VideoJob {
    let ended = |phase: &str, reason: &str, published: &str, ended: Timestamp| {
        json!({
            "observedGeneration": 1, "id": job.facts.id, "run": 1, "phase": phase,
            "steps": [{
                "name": "publish-video", "state": phase, "reason": reason, "finishedAt": ended.to_string(),
            }],
            "publications": [{"target": "main", "state": published}],
            "conditions": [{
                "type": "Succeeded", "status": if phase == "Failed" { "False" } else { "True" }, "reason": reason,
                "message": "", "lastTransitionTime": ended.to_string(),
            }],
        })
    };
    let status = match job.facts.lifecycle {
        JobLifecycle::Live | JobLifecycle::Deleting => json!({"observedGeneration": 1, "phase": "Running"}),
        JobLifecycle::Finished { at } => ended("Succeeded", "Completed", "Published", at),
        JobLifecycle::Failed { awaits_publication: true } => {
            ended("Failed", "RetriesExhausted", "Pending", at(0))
        }
        JobLifecycle::Failed { awaits_publication: false } => ended("Failed", "Rejected", "Pending", at(0)),
    };
    let object: VideoJob = serde_json::from_value(json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
        "metadata": {
            "name": job.name, "namespace": job.namespace, "uid": job.facts.uid, "generation": 1,
            "creationTimestamp": at(0).to_string(), "labels": job.facts.labels,
        },
        "spec": {
            "topic": "x", "ttlAfterFinished": "1h",
            "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
        },
        "status": status,
    }))
    .unwrap();
    let lifecycle = JobReference::of(&object).facts.lifecycle;
    assert_eq!(discriminant(&lifecycle), discriminant(&job.facts.lifecycle), "{lifecycle:?}");
    object
}

/// Runs one job with these events after it has written; whether it is still there a few days later, and how many of
/// its three files are gone then.
fn after(events: &[TestEvent]) -> (bool, usize) {
    use TestEvent as E;
    let mut harness = Harness::new();
    let begun = [E::Passes(3 * DAY), E::Begins(0, 0, 0), E::Writes(0, 0)];
    let later = [E::Passes(3 * DAY), E::Expires(0, 0), E::Passes(3 * DAY), E::Prunes(0, 0), E::Prunes(0, 1)];
    begun.iter().chain(events).chain(&later).for_each(|event| harness.apply(event));
    (!harness.clusters[0].jobs.is_empty(), harness.deleted)
}

/// What the model is worth: who goes by himself, and what goes after him.
#[test]
fn a_time_to_live_ends_only_where_nothing_protects_and_nothing_is_awaited() {
    use TestEvent as E;
    // The newest film of a namespace stays.
    assert_eq!(after(&[E::Ends(0, 0)]), (false, 2));
    assert_eq!(after(&[E::IsLabelled(0, 0), E::Ends(0, 0)]), (true, 0));
    assert_eq!(after(&[E::Fails(0, 0, true)]), (true, 2));
    assert_eq!(after(&[E::Fails(0, 0, false)]), (true, 3));
    assert_eq!(after(&[E::Ends(0, 0), E::Suspends(0, 0, true)]), (false, 0));
    assert_eq!(after(&[]), (true, 0));
}
