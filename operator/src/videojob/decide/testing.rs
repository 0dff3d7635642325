//! A harness for decisions: a small cluster that does what a decision asks for, and lets pods end as a test says.

mod pods;
pub mod spans;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use videofactory_client::backup::Kind;
use videofactory_client::restore::identity::{Renewed, Uids, status, to_make};
use videofactory_crds::condition::{ConditionType, Phase, get, whole_seconds};
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::videojob::StepStatus;
use videofactory_crds::{StepName, VideoJob, requests};
use videofactory_pipeline::contract::{BucketRef, ExitCode, Spent, StepInput, StepOutcome};
use videofactory_pipeline::{Digest, Tombstone};
use videofactory_traces::Span;

use super::super::attempts::outcomes_to_look_up;
use super::super::model::{Action, BucketFill, Decision, Found, Made, Measured, Namesake, Observed, Storage};
use super::super::names::FINALIZER;
use super::super::tombstones::key_to_ask_for;
use super::super::trace::spans_of;
use super::decide;
use crate::config::SideEffects;
use crate::events::EventReason;
use crate::usage_deltas::Changes;

/// Scenes of every film here.
pub const SCENES: u32 = 3;

/// A Monday's distance of weeks after the epoch's, and later than the times of the requests that tests make.
const NOW: i64 = 1_829_915_200;

/// One job and what is at work for it.
#[derive(Clone)]
pub struct Harness {
    pub observed: Observed,
    pub now: Timestamp,
    /// The input that each attempt was started with.
    pub inputs: BTreeMap<(StepName, i32), StepInput>,
    /// What attempts have spent so far.
    pub spent: BTreeMap<(StepName, i32), Vec<Spent>>,
    /// Outcomes in the bucket.
    bucket: BTreeMap<(StepName, i32), StepOutcome>,
    /// Tombstones in the bucket, by their keys.
    pub tombstones: BTreeMap<String, Tombstone>,
    /// Attempts that have begun with something that is paid for.
    pub fencing_tokens: BTreeSet<(StepName, i32)>,
    /// All notes of Events, in order.
    pub events: Vec<String>,
    /// Attempts that were begun, in order.
    pub begun: Vec<(StepName, i32)>,
    /// What was counted for the bucket's policy.
    pub counted: Vec<Changes>,
    /// How often it was reported that its server has no room.
    pub reported_full: usize,
    /// What the metrics were given.
    pub measured: Vec<Measured>,
    /// What was reported in traces.
    pub traced: Vec<Span>,
    pub last: Option<Decision>,
}

impl Harness {
    /// A fresh job with this spec, and a bucket that works.
    #[expect(clippy::needless_pass_by_value, reason = "every caller writes the spec in place")]
    pub fn new(spec: Value) -> Self {
        let job: VideoJob = serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": "ocean", "namespace": "films", "uid": "3f9c2a1e-1111-2222", "generation": 1},
            "spec": spec,
        }))
        .unwrap();
        let observed = Observed {
            job,
            channel: Found::NotNamed,
            storage: storage_ready(),
            accounts: BTreeMap::new(),
            jobs: Vec::new(),
            pods: Vec::new(),
            recorded: BTreeMap::new(),
            fencing_tokens: BTreeSet::new(),
            bucket_trouble: None,
            live: BTreeMap::new(),
            refused: BTreeMap::new(),
            made: Made::NotAsked,
            namesake: Namesake::NotAsked,
            protected: false,
            side_effects: SideEffects::Allow,
            podless: BTreeMap::new(),
        };
        Self {
            observed,
            now: Timestamp::from_second(NOW).unwrap(),
            inputs: BTreeMap::new(),
            spent: BTreeMap::new(),
            bucket: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            fencing_tokens: BTreeSet::new(),
            events: Vec::new(),
            begun: Vec::new(),
            counted: Vec::new(),
            reported_full: 0,
            measured: Vec::new(),
            traced: Vec::new(),
            last: None,
        }
    }

    pub fn topic() -> Self {
        Self::new(json!({"topic": "the deep"}))
    }

    /// One reconcile; `crash` leaves the actions undone, as if the operator died after the status.
    pub fn reconcile_or_crash(&mut self, crash: bool) -> Decision {
        self.look_up();
        let decision = decide(&self.observed, self.now);
        let traced = spans_of(&self.observed, &decision.status, self.now);
        spans::check(&traced);
        self.observed.job.status = Some(decision.status.clone());
        if !crash {
            self.measured.extend(decision.measured.clone());
            self.traced.extend(traced);
            for action in decision.actions.clone() {
                self.act(action);
            }
        }
        self.last = Some(decision.clone());
        decision
    }

    /// Reconciles until nothing changes any more.
    pub fn converge(&mut self) {
        for _ in 0..12 {
            let before =
                (self.observed.job.status.clone(), self.observed.jobs.clone(), self.observed.pods.clone());
            let decision = self.reconcile_or_crash(false);
            let after =
                (self.observed.job.status.clone(), self.observed.jobs.clone(), self.observed.pods.clone());
            if before == after {
                // What is not followed is reported at every look: its Event is made once, by its name.
                let of_requests = [EventReason::RequestUnreadable, EventReason::RequestIgnored];
                let repeats = |action: &Action| matches!(action, Action::Event(event) if of_requests.contains(&event.reason));
                let mut wanted = decision.actions;
                wanted.retain(|action| !repeats(action));
                assert_eq!(wanted, Vec::new(), "a settled object still wants something");
                assert_eq!(decision.measured, Vec::new(), "what has ended is reported again");
                return;
            }
        }
        panic!("it never settles: {:?}", self.observed.job.status);
    }

    pub fn look_up(&mut self) {
        let reachable = matches!(self.observed.storage, Storage::Ready { .. });
        self.observed.fencing_tokens = if reachable { self.fencing_tokens.clone() } else { BTreeSet::new() };
        let status = self.observed.job.status.clone().unwrap_or_default();
        self.observed.recorded = outcomes_to_look_up(&status, &self.observed.jobs, &self.observed.pods)
            .into_iter()
            .filter(|_| reachable)
            .map(|attempt| (attempt, self.bucket.get(&attempt).cloned()))
            .collect();
        let key = key_to_ask_for(&self.observed.job).filter(|_| reachable);
        self.observed.made = key.map_or(Made::NotAsked, |key| {
            self.tombstones.get(&key).cloned().map_or(Made::Never, Made::Before)
        });
    }

    /// The same manifest is applied again, once its job is gone.
    pub fn apply_again(&mut self, uid: &str) {
        assert_eq!(self.events.last().map(String::as_str), Some("deleted"), "its job is still there");
        let metadata = &mut self.observed.job.metadata;
        metadata.uid = Some(uid.to_owned());
        metadata.generation = Some(1);
        self.observed.job.status = None;
        self.observed.jobs.clear();
        self.observed.pods.clear();
        self.bucket.clear();
        self.begun.clear();
        self.events.clear();
    }

    /// It is backed up, deleted and restored under another UID. What was at work for it is gone with it, and has reported
    /// to the bucket so, or not. `uids`: those of today by those of the backup.
    pub fn restore(&mut self, uid: &str, reports: bool, uids: &Uids) {
        while let Some(step) = self.at_work().first().copied().filter(|_| reports) {
            self.interrupt_pod(step);
        }
        self.observed.jobs.clear();
        self.observed.pods.clear();
        self.observed.refused.clear();
        let backed_up: DynamicObject =
            serde_json::from_value(serde_json::to_value(&self.observed.job).unwrap()).unwrap();
        let mut made =
            to_make(Kind::VideoJob, &backed_up, "films", &Digest::of_bytes(b"the backup"), self.now);
        let annotations = made.metadata.annotations.get_or_insert_default();
        for hold in [requests::RESTORING, requests::RESTORED_FROM] {
            assert!(annotations.remove(hold).is_some(), "{hold}");
        }
        made.metadata.uid = Some(uid.to_owned());
        made.metadata.generation = Some(1);
        made.metadata.creation_timestamp = Some(whole_seconds(self.now));
        let renewed = Renewed { generation: Some(1), uids, now: self.now };
        if let Some(status) = status(Kind::VideoJob, &backed_up, renewed) {
            made.data["status"] = status;
        }
        self.observed.job = serde_json::from_value(serde_json::to_value(made).unwrap()).unwrap();
    }

    pub fn act(&mut self, action: Action) {
        match action {
            Action::StartStep(start) => self.start(&start.input),
            Action::DeleteJob { name, uid } => self.delete_job(&name, &uid),
            Action::SetFinalizer(wanted) => {
                let names = wanted.then(|| FINALIZER.to_owned());
                self.observed.job.metadata.finalizers = Some(names.into_iter().collect());
            }
            Action::Retire { key, tombstone } => {
                self.tombstones.insert(key, *tombstone);
                self.events.push("deleted".to_owned());
            }
            Action::Count(changes) => self.counted.push(changes),
            Action::ReportFull(_) => self.reported_full += 1,
            Action::Event(event) => self.events.push(event.note),
        }
    }

    /// Lets every step succeed until nothing is at work.
    pub fn run_to_rest(&mut self) {
        self.converge();
        for _ in 0..40 {
            let Some(step) = self.at_work().first().copied() else { return };
            self.end(step, ExitCode::Done);
            self.converge();
        }
        panic!("it never comes to rest");
    }

    /// The policy's rules delete these kinds, as they may only once the job has ended.
    pub fn prune(&mut self, kinds: &[&str]) {
        if !self.phase().is_terminal() {
            return;
        }
        let Some(status) = &mut self.observed.job.status else { return };
        let pruned = &mut status.artifacts.get_or_insert_default().pruned;
        pruned.extend(kinds.iter().map(|kind| (*kind).to_owned()));
        pruned.sort();
        pruned.dedup();
    }

    /// What decides how it continues, but for the time and what is read again at each look.
    pub fn key(&self) -> String {
        let Observed { job, jobs, pods, .. } = &self.observed;
        let bucket = (&self.bucket, &self.tombstones, &self.fencing_tokens, &self.observed.refused);
        format!(
            "{:?}",
            (&job.metadata, &job.status, jobs, pods, &self.inputs, &self.spent, bucket, &self.begun)
        )
    }

    /// Drops what only tests read.
    pub fn forget(&mut self) {
        self.observed.accounts.clear();
        self.events.clear();
        self.counted.clear();
        self.measured.clear();
        self.traced.clear();
        self.last = None;
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    pub fn annotate(&mut self, name: &str, value: &str) {
        self.observed
            .job
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(name.to_owned(), value.to_owned());
    }

    pub fn strip(&mut self, name: &str) {
        self.observed.job.metadata.annotations.get_or_insert_default().remove(name);
    }

    pub fn edit(&mut self, change: impl FnOnce(&mut VideoJob)) {
        change(&mut self.observed.job);
        *self.observed.job.metadata.generation.get_or_insert_default() += 1;
    }

    pub fn phase(&self) -> Phase {
        self.observed.job.status.as_ref().and_then(|status| status.phase).unwrap_or_default()
    }

    pub fn step(&self, name: StepName) -> &StepStatus {
        self.observed.job.status.as_ref().and_then(|status| status.step(name)).expect("no such step")
    }

    pub fn reason(&self) -> String {
        let conditions = &self.observed.job.status.as_ref().expect("no status").conditions;
        get(conditions, ConditionType::Ready).expect("no Ready").reason.clone()
    }

    pub fn message(&self) -> String {
        let conditions = &self.observed.job.status.as_ref().expect("no status").conditions;
        get(conditions, ConditionType::Ready).expect("no Ready").message.clone()
    }

    pub fn has(&self, kind: ConditionType) -> bool {
        let conditions = &self.observed.job.status.as_ref().expect("no status").conditions;
        videofactory_crds::condition::is_true(conditions, kind)
    }
}

pub fn storage_ready() -> Storage {
    storage_at(StorageLevel::Normal, 10)
}

/// A bucket that can be used and is so full.
pub fn storage_at(level: StorageLevel, percent: i32) -> Storage {
    let bucket = BucketRef { name: "videos".to_owned(), ..BucketRef::default() };
    let fill = BucketFill { level, percent: Some(percent) };
    Storage::Ready { bucket, secret: "s3".to_owned(), since: None, fill }
}
