//! Decide: what was observed becomes the policy's next status, and at most one thing to do. Pure.
//!
//! What is begun stands in the status first, so that whoever comes after a crash goes on with it. While something is
//! under way nothing else begins.

mod level;
mod place;

#[cfg(test)]
mod level_tests;
#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod world;

use jiff::{SignedDuration, Timestamp};
use videofactory_crds::condition::{self, whole_seconds};
use videofactory_crds::storagepolicy::{
    BackupOutcome, BackupRun, PruneCause, PruneRun, StorageUsage, WaterMarks,
};
use videofactory_crds::{StoragePolicy, StoragePolicySpec, StoragePolicyStatus};

use super::claim::Claimed;
use super::conditions::{self, Barrier};
use super::observe::{Finding, can_prune};
use super::plan::Order;
use super::requests::{self, Pending};
use super::schedule::{Schedule, TOO_LATE};
use super::{runs, usage};
use crate::config::SideEffects;
use crate::events::Event;
use crate::meter::{self, Changes};

/// Least time between two writes that only tell of a few files more; a new level is told at once.
pub const TOLD_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// How long after its start an operator measures anew what its predecessor measured: what that one had counted is lost.
const AFTER_START: SignedDuration = SignedDuration::from_mins(5);

/// Everything that one decision may know.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The policy, as the API server had it.
    pub policy: StoragePolicy,
    /// What is known of its bucket.
    pub finding: Finding,
    /// Its place, if it is known to be this cluster's.
    pub claimed: Option<Claimed>,
    /// An older policy that has the same bucket or a part of it: its namespace and name.
    pub older: Option<String>,
    /// What this process knows beside the status.
    pub known: Known,
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
pub struct Known {
    /// What is under way.
    pub doing: Option<Doing>,
    /// Another policy with the same place lists it for this one too.
    pub is_listed: bool,
    /// What has ended, and is not in the status yet.
    pub report: Option<Report>,
    /// Files that jobs wrote and deleted, and the status does not tell of yet.
    pub changes: Changes,
    /// Which count `changes` belong to.
    pub epoch: u64,
    /// When the usage was last written by this process.
    pub usage_told: Option<Timestamp>,
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
pub enum Doing {
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
    /// Prune.
    Prune(Order),
    /// Back up.
    BackUp {
        /// The slot, which names the backup.
        slot: Timestamp,
    },
}

/// What is to be written, done and told.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The status, to be written if it differs.
    pub status: StoragePolicyStatus,
    /// To be begun once the status is written.
    pub action: Option<Action>,
    /// What is under way is to stop: it follows a spec that is no more.
    pub cancel: bool,
    /// Whether the status tells of all changes.
    pub told: bool,
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
        self.settle_place();
        self.book();
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

        let told = self.tell_usage(current);
        let limit = conditions::within_limit(self.spec, &self.status, barrier.as_ref(), self.now);
        self.set(limit);
        self.tell_level();
        let stops = barrier.is_some() || matches!(self.observed.finding, Finding::Others { .. });
        let cancel =
            matches!(self.observed.known.doing, Some(Doing::Pruning(of)) if of != generation || stops);
        Decision {
            status: self.status,
            action: self.action,
            cancel,
            told,
            events: self.events,
            wake_at: self.wakes.into_iter().min(),
        }
    }

    fn set(&mut self, state: condition::ConditionState) {
        let generation = self.observed.policy.metadata.generation;
        condition::set(&mut self.status.conditions, state, generation, self.now);
    }

    /// Books what has ended; what was begun and is not known any more was broken off.
    fn book(&mut self) {
        let measured = match &self.observed.known.report {
            Some(Report::Measured(usage)) => usage.clone(),
            Some(Report::Pruned(run, usage)) => {
                self.events.push(runs::end(&mut self.status, (**run).clone(), self.spec.history));
                usage.clone()
            }
            Some(Report::BackedUp(run)) => {
                self.events.push(runs::told_backup(run));
                self.status.backup = Some(run.clone());
                None
            }
            None => None,
        };
        if self.observed.known.doing.is_none() {
            runs::settle(&mut self.status);
        }
        if let Some(measured) = measured.filter(|_| self.status.place.is_some()) {
            self.status.usage = Some(measured);
            self.measured = true;
        }
    }

    /// What the bucket holds by all that is known.
    fn current_usage(&self) -> Option<StorageUsage> {
        let known = self.status.usage.as_ref()?;
        let mut usage = usage::with_changes(known, &self.observed.known.changes);
        usage.percent = usage.bytes.map(|bytes| usage::percent(bytes, self.marks.limit));
        Some(usage)
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
        self.observed.known.doing.is_none()
            && !self.observed.stopping
            && !self.came
            && self.action.is_none()
            && can_prune(&self.observed.finding)
    }

    fn prune(
        &mut self,
        barrier: Option<&Barrier>,
        schedule: Option<&Schedule>,
        pending: &Pending,
        current: Option<&StorageUsage>,
    ) {
        let (Some(schedule), None) = (schedule, barrier) else {
            self.status.next_run_at = None;
            self.events.extend(barrier.and_then(|_| runs::cancel(&mut self.status)));
            if let (Some(request), Some(barrier)) = (&pending.cleanup, barrier) {
                requests::handled_cleanup(&mut self.status.handled, request);
                self.events.push(refused("Prune", &barrier.words()));
            }
            return;
        };
        let turn = schedule.look(self.before.next_run_at.as_ref().map(|next| next.0), self.now);
        let due = turn.due.filter(|due| !self.is_slot_begun(*due));
        let order = self.is_free().then(|| self.order(due, schedule, pending, current)).flatten();
        // A slot that is due and cannot begin stays announced until it is too late for it.
        let begins = order.as_ref().is_some_and(|order| order.cause == PruneCause::Schedule);
        let waits = due.filter(|_| !begins);
        if let Some(waits) = waits {
            self.wakes.extend(waits.checked_add(TOO_LATE));
        }
        self.status.next_run_at = waits.or(turn.next).map(whole_seconds);
        self.wakes.extend(turn.next);
        if let Some(order) = order {
            if order.cause == PruneCause::Request
                && let Some(request) = &pending.cleanup
            {
                requests::handled_cleanup(&mut self.status.handled, request);
            }
            runs::begin(&mut self.status, &order, self.spec.history);
            self.action = Some(Action::Prune(order));
        }
    }

    fn is_slot_begun(&self, slot: Timestamp) -> bool {
        let of_schedule =
            |run: &&PruneRun| matches!(run.cause, None | Some(PruneCause::Schedule | PruneCause::Resumed));
        self.before.runs.iter().filter(of_schedule).any(|run| run.slot.0 == slot)
    }

    /// A slot for a run that no schedule asks for: now, or right after the last one if that was in the same second, since
    /// the slot is a run's name.
    fn own_slot(&self) -> Timestamp {
        let last = self.status.runs.iter().map(|run| run.slot.0).filter(|slot| *slot >= self.now).max();
        last.map_or(self.now, |last| last.checked_add(SignedDuration::from_secs(1)).unwrap_or(self.now))
    }

    /// What to prune now: first what was broken off, then what a person asks for, then what is due, then what the level
    /// asks for.
    fn order(
        &mut self,
        due: Option<Timestamp>,
        schedule: &Schedule,
        pending: &Pending,
        current: Option<&StorageUsage>,
    ) -> Option<Order> {
        let slot = self.own_slot();
        let order = |slot, cause| Order { slot, cause, dry_run: false, older_than: None };
        let mut order = if let Some(resumed) = runs::to_resume(&self.status, schedule, self.now) {
            resumed
        } else if let Some(request) = &pending.cleanup {
            Order {
                dry_run: request.dry_run,
                older_than: request.older_than,
                ..order(slot, PruneCause::Request)
            }
        } else if let Some(due) = due {
            order(due, PruneCause::Schedule)
        } else if self.level_asks(current) {
            order(slot, PruneCause::WarnCrossed)
        } else {
            return None;
        };
        order.dry_run |= self.spec.dry_run;
        Some(order)
    }

    fn back_up(&mut self, schedule: Option<&Schedule>, pending: &Pending) {
        if let Some(barrier) = self.suspension() {
            self.status.next_backup_at = None;
            if let Some(request) = &pending.backup {
                requests::handled_backup(&mut self.status.handled, request);
                self.events.push(refused("BackUp", &barrier.words()));
            }
            return;
        }
        let announced = self.before.next_backup_at.as_ref().map(|next| next.0);
        let turn = schedule.map(|schedule| schedule.look(announced, self.now));
        let due = turn.and_then(|turn| turn.due);
        let next = turn.and_then(|turn| turn.next);
        let mut waits = due;
        if let Some((slot, resumed)) = self.is_free().then(|| self.backup_slot(due, pending)).flatten() {
            if !resumed && let Some(request) = &pending.backup {
                requests::handled_backup(&mut self.status.handled, request);
            }
            waits = None;
            self.status.backup =
                Some(BackupRun { resumed: resumed.then_some(true), ..runs::backup_begun(slot) });
            self.action = Some(Action::BackUp { slot });
        }
        if let Some(waits) = waits {
            self.wakes.extend(waits.checked_add(TOO_LATE));
        }
        self.status.next_backup_at = waits.or(next).map(whole_seconds);
        self.wakes.extend(next);
    }

    /// The slot to back up now, and whether it is one that was broken off: that is tried once more.
    fn backup_slot(&mut self, due: Option<Timestamp>, pending: &Pending) -> Option<(Timestamp, bool)> {
        if let Some(lost) = self.status.backup.as_mut().filter(|run| run.outcome.is_none()) {
            // Of a policy that was restored: the backup may be the one that it comes from, and is not written over.
            let made = self.observed.policy.metadata.creation_timestamp.as_ref();
            let is_restored = made.is_some_and(|made| lost.slot.0 < made.0);
            if lost.resumed != Some(true) && !is_restored {
                return Some((lost.slot.0, true));
            }
            lost.outcome = Some(BackupOutcome::Interrupted);
            let why = if is_restored {
                "it was under way when this policy was backed up, which was restored since"
            } else {
                "the operator ended in the middle of it, twice"
            };
            lost.message = Some(why.to_owned());
        }
        if pending.backup.is_some() { Some((self.now, false)) } else { due.map(|due| (due, false)) }
    }

    fn measure(&mut self, current: Option<&StorageUsage>) {
        let known = &self.observed.known;
        if known.doing.is_some() || known.is_listed || self.action.is_some() {
            return;
        }
        let due = match current {
            _ if self.observed.known.other_bucket || self.observed.known.outdated => self.now,
            Some(StorageUsage { measured_at: Some(at), objects, .. }) => {
                let every = usage::interval(objects.unwrap_or_default());
                let due = at.0.checked_add(every).unwrap_or(Timestamp::MAX);
                let after_start = self.observed.started.checked_add(AFTER_START).unwrap_or(Timestamp::MAX);
                if at.0 < self.observed.started { due.min(after_start) } else { due }
            }
            _ => self.now,
        };
        let due = due.max(self.observed.known.measure_from.unwrap_or(due));
        if due > self.now {
            self.wakes.push(due);
        } else if self.may_measure() {
            self.action = Some(Action::Measure);
        }
    }

    /// Whether the bucket may be listed now: also in the look in which the policy has come to it.
    fn may_measure(&self) -> bool {
        !self.observed.stopping && can_prune(&self.observed.finding)
    }

    fn estimate(&mut self, prunes: Option<&Schedule>, backups: Option<&Schedule>) {
        let objects = self.status.usage.as_ref().and_then(|usage| usage.objects).unwrap_or_default();
        let prunes = prunes.filter(|_| self.status.next_run_at.is_some());
        let backups = backups.filter(|_| self.status.next_backup_at.is_some());
        let counter = usage::counted(self.status.operations.as_ref(), &Changes::new(), self.now);
        self.status.operations = Some(usage::estimated(&counter, objects, prunes, backups, self.now));
    }

    /// Puts the current usage into the status if that is written anyway or due; whether it tells of all changes.
    fn tell_usage(&mut self, current: Option<StorageUsage>) -> bool {
        let Some(current) = current else { return false };
        let nothing = meter::is_nothing(&self.observed.known.changes);
        let due_at = self.observed.known.usage_told.and_then(|told| told.checked_add(TOLD_EVERY).ok());
        let due = due_at.is_none_or(|due| due <= self.now);
        if !nothing && !due && self.status == self.before {
            self.wakes.extend(due_at);
            return false;
        }
        self.status.usage = Some(current);
        if !nothing {
            let counted =
                usage::counted(self.status.operations.as_ref(), &self.observed.known.changes, self.now);
            self.status.operations = Some(counted);
        }
        true
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
        reason: "RequestRefused".to_owned(),
        action: action.to_owned(),
        note: format!("the request is not followed: {why}"),
    }
}
