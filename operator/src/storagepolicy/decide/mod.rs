//! Decide: what was observed becomes the policy's next status, and at most one thing to do. Pure.
//!
//! What is begun stands in the status first, so that whoever comes after a crash continues with it. While something is
//! under way nothing else begins.

mod backup;
mod location;
mod measure;
mod prune;
mod prune_early;
mod storage_level;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use videofactory_crds::condition::{self, ConditionState};
use videofactory_crds::storagepolicy::{BackupRun, PruneRun, StorageUsage, WaterMarks};
use videofactory_crds::{StoragePolicy, StoragePolicyReason, StoragePolicySpec, StoragePolicyStatus};

use super::conditions::{self, Barrier};
use super::observe::{Finding, can_prune};
use super::ownership::OwnedLocation;
use super::plan::RunRequest;
use super::schedule::Schedule;
use super::{interrupted_run, requests, run_history};
use crate::config::SideEffects;
use crate::events::{Event, EventReason};
use crate::usage_deltas::Changes;

/// Everything that one decision may know.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The policy, as the API server had it.
    pub policy: StoragePolicy,
    /// What is known of its bucket.
    pub finding: Finding,
    /// Its place, if it is known to be this cluster's.
    pub owned: Option<OwnedLocation>,
    /// An older policy that has the same bucket or a part of it: its namespace and name.
    pub older: Option<String>,
    /// What this process knows beside the status.
    pub snapshot: Snapshot,
    /// Most files that a prune run can hold in memory.
    pub most_files: u64,
    /// When this process began to look after policies.
    pub started: Timestamp,
    /// Nothing may begin any more.
    pub stopping: bool,
    /// What the operator may do outside the cluster.
    pub side_effects: SideEffects,
}

/// What this process knows of a policy beside its status.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What is under way.
    pub running: Option<RunningTask>,
    /// Another policy with the same place lists it for this one too.
    pub is_listed: bool,
    /// What has ended, and is not in the status yet.
    pub report: Option<Report>,
    /// Files that jobs wrote and deleted, and the status does not contain yet.
    pub changes: Changes,
    /// Which count `changes` belong to.
    pub epoch: u64,
    /// When the usage was last written by this process.
    pub usage_reported: Option<Timestamp>,
    /// Before this time nothing is measured, because it failed a short while ago.
    pub measure_from: Option<Timestamp>,
    /// What is known of the usage is that of another bucket.
    pub other_bucket: bool,
    /// Another policy has deleted files here since they were listed.
    pub outdated: bool,
    /// When the bucket's server last refused a file for want of room, if nothing was deleted since.
    pub refused_at: Option<Timestamp>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningTask {
    /// Listing the bucket.
    Measuring,
    /// A prune run, by the spec of this generation.
    Pruning(Option<i64>),
    /// Writing a backup.
    BackingUp,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// What the bucket holds; nothing, if that could not be found out.
    Measured(Option<StorageUsage>),
    /// A prune run, and what the bucket holds after it, if it got so far.
    Pruned(Box<PruneRun>, Option<StorageUsage>),
    /// A backup.
    BackedUp(BackupRun),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// List the bucket.
    Measure,
    Prune(RunRequest),
    BackUp {
        /// The slot, which names the backup.
        slot: Timestamp,
    },
}

/// What is to be written, done and reported.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status, to be written if it differs.
    pub status: StoragePolicyStatus,
    /// To be begun once the status is written.
    pub action: Option<Action>,
    /// What is under way is to stop: it follows a spec that is no more.
    pub cancel: bool,
    /// Whether the status contains all changes.
    pub reported: bool,
    /// For people; once the status is written.
    pub events: Vec<Event>,
    /// When to look again although nothing changed.
    pub wake_at: Option<Timestamp>,
}

/// Decides about one policy.
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    Draft::new(observed, now).decide()
}

struct Draft<'a> {
    observed: &'a Observed,
    spec: &'a StoragePolicySpec,
    marks: WaterMarks,
    now: Timestamp,
    before: StoragePolicyStatus,
    status: StoragePolicyStatus,
    events: Vec<Event>,
    action: Option<Action>,
    /// The usage came with a report.
    measured: bool,
    /// The policy has come to its place in this look: nothing is deleted before that is written, for other policies to
    /// see.
    came: bool,
    wakes: Vec<Timestamp>,
}

impl<'a> Draft<'a> {
    fn new(observed: &'a Observed, now: Timestamp) -> Self {
        let spec = &observed.policy.spec;
        let before = observed.policy.status.clone().unwrap_or_default();
        Self {
            observed,
            spec,
            marks: spec.capacity.water_marks(),
            now,
            status: before.clone(),
            before,
            events: Vec::new(),
            action: None,
            measured: false,
            came: false,
            wakes: Vec::new(),
        }
    }

    fn decide(mut self) -> Decision {
        self.status.observed_generation = self.observed.policy.metadata.generation;
        self.update_location();
        self.record_reports();
        let current = self.current_usage();
        self.show(current.as_ref());

        let schedules = self.schedules();
        let barrier = self.barrier(&schedules);
        let finding = &self.observed.finding;
        let [ready, healthy] = conditions::of_finding(&self.spec.bucket.name, finding, barrier.as_ref());
        let generation = self.observed.policy.metadata.generation;
        condition::set_ready(&mut self.status.conditions, ready, generation, self.now);
        self.set(healthy);
        let (pending, unreadable) = requests::pending(&self.observed.policy, self.now);
        self.events.extend(unreadable);
        let schedule = schedules.as_ref().ok().map(|schedules| &schedules.prune);
        self.prune(barrier.as_ref(), schedule, &pending, current.as_ref());
        let backups = schedules.as_ref().ok().and_then(|schedules| schedules.backup.as_ref());
        self.back_up(backups, &pending);
        self.measure(current.as_ref());
        if self.measured {
            self.estimate(schedule, backups);
        }

        let reported = self.report_usage(current);
        let limit = conditions::within_limit(self.spec, &self.status, barrier.as_ref(), self.now);
        self.set(limit);
        self.report_level();
        let stops = barrier.is_some() || matches!(self.observed.finding, Finding::Others { .. });
        let cancel = matches!(self.observed.snapshot.running, Some(RunningTask::Pruning(of)) if of != generation || stops);
        Decision {
            status: self.status,
            action: self.action,
            cancel,
            reported,
            events: self.events,
            wake_at: self.wakes.into_iter().min(),
        }
    }

    fn set(&mut self, state: ConditionState<StoragePolicyReason>) {
        let generation = self.observed.policy.metadata.generation;
        condition::set(&mut self.status.conditions, state, generation, self.now);
    }

    /// Records what has ended; what was begun and is not known any more was interrupted.
    fn record_reports(&mut self) {
        let measured = match &self.observed.snapshot.report {
            Some(Report::Measured(usage)) => usage.clone(),
            Some(Report::Pruned(run, usage)) => {
                self.events.push(run_history::end(&mut self.status, (**run).clone(), self.spec.history));
                usage.clone()
            }
            Some(Report::BackedUp(run)) => {
                self.events.push(run_history::event_of_backup(run));
                self.status.backup = Some(run.clone());
                None
            }
            None => None,
        };
        if self.observed.snapshot.running.is_none() {
            interrupted_run::reconcile_runs(&mut self.status);
        }
        if let Some(measured) = measured.filter(|_| self.status.place.is_some()) {
            self.status.usage = Some(measured);
            self.measured = true;
        }
    }

    fn schedules(&self) -> Result<Schedules, String> {
        let read = |fields| Schedule::read(fields, &self.spec.time_zone).map_err(|error| error.to_string());
        Ok(Schedules {
            prune: read(&self.spec.schedule)?,
            backup: self.spec.backup.as_ref().map(|backup| read(&backup.schedule)).transpose()?,
        })
    }

    fn barrier(&self, schedules: &Result<Schedules, String>) -> Option<Barrier> {
        match (schedules, &self.observed.older) {
            (Err(problem), _) => Some(Barrier::Misconfigured(problem.clone())),
            (_, Some(older)) => Some(Barrier::Older(older.clone())),
            _ => self.suspension().or_else(|| self.too_many_files()),
        }
    }

    /// Why nothing is pruned or backed up, by the word of whoever runs the operator, or of the policy itself.
    fn suspension(&self) -> Option<Barrier> {
        let suspended = self.spec.suspend.then_some(Barrier::Suspended);
        let everywhere = self.observed.side_effects.are_suspended();
        everywhere.then_some(Barrier::SideEffectsSuspended).or(suspended)
    }

    fn too_many_files(&self) -> Option<Barrier> {
        let files = self.status.usage.as_ref()?.objects?;
        let most = i64::try_from(self.observed.most_files).unwrap_or(i64::MAX);
        (files > most).then_some(Barrier::TooManyFiles(files, most))
    }

    /// Whether something may begin now.
    fn is_free(&self) -> bool {
        self.observed.snapshot.running.is_none()
            && !self.observed.stopping
            && !self.came
            && self.action.is_none()
            && can_prune(&self.observed.finding)
    }
}

/// The schedules of a policy.
struct Schedules {
    prune: Schedule,
    backup: Option<Schedule>,
}

fn refused(action: &str, why: &str) -> Event {
    Event {
        warning: true,
        reason: EventReason::RequestRefused,
        action: action.to_owned(),
        note: format!("the request is not followed: {why}"),
    }
}
