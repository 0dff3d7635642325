//! A test harness: one policy, and its controller.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use videofactory_crds::condition::{ConditionType, is_true, whole_seconds};
use videofactory_crds::storagepolicy::{ObjectKind, PruneOutcome, PruneRun, StorageLevel, StorageUsage};
use videofactory_crds::{StoragePolicy, StoragePolicyReason};

use super::super::observe::Finding;
use super::super::ownership::OwnedLocation;
use super::super::plan::RunRequest;
use super::super::run_history;
use super::{Action, Decision, Observed, Report, RunningTask, Snapshot, decide};
use crate::config::SideEffects;

/// Thursday, midnight; the next slot is at 03:00.
const MIDNIGHT: &str = "2026-01-01T00:00:00Z";
pub const GB: i64 = 1_000_000_000;

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

pub fn rules() -> Value {
    json!([{"kinds": ["clips"], "olderThan": "7d"}])
}

pub fn unfit(reason: StoragePolicyReason) -> Finding {
    Finding::Unfit { reason, answered: Some(true), message: "no".into() }
}

pub fn policy(spec: &Value) -> StoragePolicy {
    let mut policy = json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": "StoragePolicy",
        "metadata": {"name": "default", "namespace": "films", "uid": "p", "generation": 3},
        "spec": {
            "bucket": {"endpoint": "http://s3:9000", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"}, "rules": rules(),
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        policy["spec"][field] = value.clone();
    }
    serde_json::from_value(policy).unwrap()
}

/// A policy and the one that looks after it: writes what is decided, does nothing by itself.
pub struct Harness {
    pub observed: Observed,
    pub now: Timestamp,
    pub writes: usize,
    pub begun: Vec<Action>,
    pub reported: Vec<String>,
}

impl Harness {
    pub fn new(spec: &Value) -> Self {
        let now = at(MIDNIGHT);
        let observed = Observed {
            policy: policy(spec),
            finding: Finding::Fit,
            owned: Some(OwnedLocation { cluster: "c".into(), marker: Some("m".into()) }),
            older: None,
            snapshot: Snapshot::default(),
            most_files: 1_000_000,
            started: now,
            stopping: false,
            side_effects: SideEffects::Allow,
        };
        Self { observed, now, writes: 0, begun: Vec::new(), reported: Vec::new() }
    }

    /// One that was measured and holds so many bytes.
    pub fn holding(spec: &Value, bytes: i64) -> Self {
        let mut harness = Self::new(spec);
        harness.reconcile();
        harness.measured(bytes);
        harness.reconcile();
        harness
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Looks as the controller does: status first, then the action.
    pub fn reconcile(&mut self) -> Decision {
        let decision = decide(&self.observed, self.now);
        if self.observed.policy.status.as_ref() != Some(&decision.status) {
            self.observed.policy.status = Some(decision.status.clone());
            self.writes += 1;
            if decision.reported {
                self.observed.snapshot.usage_reported = Some(self.now);
            }
        }
        if decision.reported {
            self.observed.snapshot.changes.clear();
        }
        self.observed.snapshot.report = None;
        self.reported.extend(decision.events.iter().map(|event| event.reason.to_string()));
        if let Some(action) = decision.action.clone() {
            assert_eq!(self.observed.snapshot.running, None, "one thing at a time");
            let generation = self.observed.policy.metadata.generation;
            self.observed.snapshot.running = Some(match action {
                Action::Measure => RunningTask::Measuring,
                Action::Prune(_) => RunningTask::Pruning(generation),
                Action::BackUp { .. } => RunningTask::BackingUp,
            });
            self.begun.push(action);
        }
        decision
    }

    pub fn usage(&self, bytes: i64) -> StorageUsage {
        let measured_at = Some(whole_seconds(self.now));
        StorageUsage { bytes: Some(bytes), objects: Some(10), measured_at, ..StorageUsage::default() }
    }

    pub fn measured(&mut self, bytes: i64) {
        assert_eq!(self.observed.snapshot.running.take(), Some(RunningTask::Measuring));
        self.observed.snapshot.report = Some(Report::Measured(Some(self.usage(bytes))));
    }

    /// The run under way ends so, with so many bytes left.
    pub fn pruned(&mut self, outcome: PruneOutcome, bytes: Option<i64>, shortfall: Option<&str>) {
        assert!(matches!(self.observed.snapshot.running.take(), Some(RunningTask::Pruning(_))));
        let run = PruneRun {
            outcome: Some(outcome),
            bytes_after: bytes,
            shortfall: shortfall.map(str::to_owned),
            ..run_history::begun(&self.last_run_request())
        };
        self.observed.snapshot.report =
            Some(Report::Pruned(Box::new(run), bytes.map(|bytes| self.usage(bytes))));
    }

    pub fn last_run_request(&self) -> RunRequest {
        let orders = self.begun.iter().rev().filter_map(|action| match action {
            Action::Prune(run_request) => Some(run_request.clone()),
            Action::Measure | Action::BackUp { .. } => None,
        });
        orders.take(1).next().expect("nothing was pruned")
    }

    /// Another process takes over: it knows the status alone.
    pub fn restart(&mut self) {
        self.observed.snapshot.running = None;
        self.observed.snapshot.report = None;
        self.observed.snapshot.changes.clear();
        self.observed.snapshot.usage_reported = None;
        self.observed.started = self.now;
    }

    pub fn annotate(&mut self, name: &str, value: &str) {
        let annotations = self.observed.policy.metadata.annotations.get_or_insert_default();
        annotations.insert(format!("videofactory.dev/{name}"), value.to_owned());
    }

    pub fn edit(&mut self, field: &str, value: Value) {
        let mut object = serde_json::to_value(&self.observed.policy).unwrap();
        object["spec"][field] = value;
        object["metadata"]["generation"] = (object["metadata"]["generation"].as_i64().unwrap() + 1).into();
        self.observed.policy = serde_json::from_value(object).unwrap();
    }

    pub fn write_files(&mut self, bytes: i64) {
        let change = self.observed.snapshot.changes.entry(ObjectKind::Clips).or_default();
        change.bytes += bytes;
        change.objects += 1;
    }

    pub fn condition(&self, kind: &str) -> (String, String, String) {
        let status = self.observed.policy.status.as_ref().unwrap();
        let found = status.conditions.iter().find(|condition| condition.type_ == kind).unwrap();
        (found.status.clone(), found.reason.clone(), found.message.clone())
    }

    /// Whether it says that it takes a person.
    pub fn is_stalled(&self) -> bool {
        let status = self.observed.policy.status.as_ref().unwrap();
        is_true(&status.conditions, ConditionType::Stalled)
    }

    pub fn within_limit(&self) -> (String, String) {
        let (status, reason, _) = self.condition("WithinLimit");
        (status, reason)
    }

    pub fn runs(&self) -> &[PruneRun] {
        &self.observed.policy.status.as_ref().unwrap().runs
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.observed.policy.status.as_ref().unwrap().next_run_at.as_ref().map(|next| next.0)
    }

    pub fn level(&self) -> Option<StorageLevel> {
        self.observed.policy.status.as_ref().unwrap().level
    }
}
