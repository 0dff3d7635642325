//! What this process knows of its policies beside their status: running tasks, reports that are not recorded yet, and
//! usage that is not reported yet. Losing it costs a measurement or a resumed run, and nothing else.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::decide::{Report, RunningTask, Snapshot};
use super::location::BucketLocation;
use super::run_history::freed;
use crate::usage_deltas::{self, Changes};

/// How soon a measurement that failed is made again, at first and at last.
const AGAIN: (i64, i64) = (60, 900);

/// What is known of each policy, by UID.
#[derive(Debug, Default)]
pub struct TaskRegistry {
    states: Mutex<HashMap<String, PolicyState>>,
}

#[derive(Debug, Default)]
struct PolicyState {
    /// Counted, and not in the status.
    pending: Changes,
    /// Counted since what is under way began: a listing may not have seen it.
    during: Changes,
    /// How often what is pending was replaced by a listing.
    epoch: u64,
    usage_reported: Option<Timestamp>,
    task: Option<Task>,
    report: Option<Report>,
    measure_from: Option<Timestamp>,
    failures: u32,
    location: Option<BucketLocation>,
    other_bucket: bool,
    /// The listing by another policy that is for this one too.
    listed: Option<Listed>,
    /// The policy by whose listing this one's usage was last updated, until that one reports the room that it made.
    reported_by: Option<String>,
    /// Others have deleted files here since the last listing began.
    outdated: bool,
    /// When the server last refused a file for want of room, until files were deleted.
    refused_at: Option<Timestamp>,
    /// When files were last deleted: what was refused before says nothing any more.
    freed_at: Option<Timestamp>,
}

/// What is under way.
#[derive(Debug)]
struct Task {
    running: RunningTask,
    stop: CancellationToken,
    /// Where the policy's files were when it began.
    location: Option<BucketLocation>,
    /// Others have deleted files here meanwhile.
    outdated: bool,
}

impl Task {
    /// Whether it ends with what the bucket holds.
    fn lists(&self) -> bool {
        self.running != RunningTask::BackingUp
    }
}

/// A listing that another policy with the same place has begun, and whose end this one awaits.
#[derive(Debug)]
struct Listed {
    /// The policy's UID.
    by: String,
    /// Others have deleted files here meanwhile.
    outdated: bool,
}

impl PolicyState {
    /// Something has ended so: a task for this policy, begun in this place if it is `here`, or a listing for it too.
    /// `outdated`: others have deleted files here meanwhile.
    fn record_end(&mut self, report: Report, here: bool, outdated: bool, now: Timestamp) {
        // What was found in another place says nothing of this one.
        let report = match report {
            Report::Measured(_) if !here => return,
            Report::Pruned(run, _) if !here => Report::Pruned(run, None),
            report => report,
        };
        if let Report::Pruned(run, _) = &report
            && freed(run)
        {
            self.freed(now);
        }
        match &report {
            // What was written before is in the listing; of what was written or deleted meanwhile nobody knows, and too
            // much is safer than too little until the next.
            Report::Measured(Some(_)) | Report::Pruned(_, Some(_)) => {
                self.pending = std::mem::take(&mut self.during);
                self.pending.retain(|_, change| change.bytes > 0 && change.objects > 0);
                self.epoch = self.epoch.wrapping_add(1);
                self.other_bucket = false;
                self.outdated = outdated;
                self.failures = 0;
                self.measure_from = None;
            }
            Report::Measured(None) => {
                let wait = AGAIN.0.saturating_mul(1 << self.failures.min(8)).min(AGAIN.1);
                self.failures = self.failures.saturating_add(1);
                self.measure_from = now.checked_add(SignedDuration::from_secs(wait)).ok();
            }
            _ => {}
        }
        self.report = Some(report);
    }

    fn freed(&mut self, now: Timestamp) {
        self.freed_at = Some(now);
        self.refused_at = None;
    }
}

impl TaskRegistry {
    /// Counts what jobs wrote and deleted.
    pub fn count(&self, uid: &str, changes: &Changes, now: Timestamp) {
        let mut states = self.states.lock();
        let state = states.entry(uid.to_owned()).or_default();
        if changes.values().any(|change| change.bytes < 0) {
            state.freed(now);
        }
        usage_deltas::add(&mut state.pending, changes);
        if state.task.as_ref().is_some_and(Task::lists) || state.listed.is_some() {
            usage_deltas::add(&mut state.during, changes);
        }
    }

    /// The server had no room then for a file of a job.
    pub fn refused(&self, uid: &str, at: Timestamp) {
        let mut states = self.states.lock();
        let state = states.entry(uid.to_owned()).or_default();
        if state.freed_at.is_none_or(|freed| freed < at) {
            state.refused_at = state.refused_at.max(Some(at));
        }
    }

    /// What is known of a policy with its files in this place.
    pub fn snapshot(&self, uid: &str, location: BucketLocation) -> Snapshot {
        let mut states = self.states.lock();
        let state = states.entry(uid.to_owned()).or_default();
        if state.location.as_ref().is_some_and(|before| *before != location) {
            state.other_bucket = true;
            // What was written there is not here, and whoever lists that place does so for others.
            state.pending.clear();
            state.listed = None;
        }
        state.location = Some(location);
        Snapshot {
            running: state.task.as_ref().map(|task| task.running),
            is_listed: state.listed.is_some(),
            report: state.report.clone(),
            changes: state.pending.clone(),
            epoch: state.epoch,
            usage_reported: state.usage_reported,
            measure_from: state.measure_from,
            other_bucket: state.other_bucket,
            outdated: state.outdated,
            refused_at: state.refused_at,
        }
    }

    /// Others have deleted files in this policy's place: what is known of it is to be measured again.
    pub fn outdate(&self, uid: &str, now: Timestamp) {
        let mut states = self.states.lock();
        let state = states.entry(uid.to_owned()).or_default();
        state.outdated = true;
        state.freed(now);
        if let Some(task) = &mut state.task {
            task.outdated = true;
        }
        if let Some(listed) = &mut state.listed {
            listed.outdated = true;
        }
    }

    /// A run of this policy has deleted files where another has some too: that one measures again, unless it was informed
    /// by the run's own listing.
    pub fn space_was_freed(&self, by: &str, other: &str, now: Timestamp) {
        let reported = {
            let mut states = self.states.lock();
            let state = states.entry(other.to_owned()).or_default();
            state.freed(now);
            state.reported_by.take_if(|reported_by| reported_by == by).is_some()
        };
        if !reported {
            self.outdate(other, now);
        }
    }

    /// What was known is in the status, or would change nothing there.
    pub fn acknowledge(&self, uid: &str, snapshot: &Snapshot, reported: bool, written: bool, now: Timestamp) {
        let mut states = self.states.lock();
        let Some(state) = states.get_mut(uid) else { return };
        if snapshot.report.is_some() {
            state.report = None;
        }
        if reported {
            // A listing that ended meanwhile has taken in what was reported.
            if state.epoch == snapshot.epoch {
                usage_deltas::take_off(&mut state.pending, &snapshot.changes);
            }
            if written {
                state.usage_reported = Some(now);
            }
        }
    }

    /// Something begins; the token stops it. A listing is for the `sharing` policies too, unless one of them is at one
    /// itself.
    pub fn begin(&self, uid: &str, running: RunningTask, stop: CancellationToken, sharing: &[String]) {
        let mut states = self.states.lock();
        let state = states.entry(uid.to_owned()).or_default();
        let task = Task { running, stop, location: state.location.clone(), outdated: false };
        let lists = task.lists();
        state.task = Some(task);
        if !lists {
            return;
        }
        state.during.clear();
        state.listed = None;
        for other in sharing.iter().filter(|other| *other != uid) {
            let state = states.entry(other.clone()).or_default();
            if state.listed.is_none() && !state.task.as_ref().is_some_and(Task::lists) {
                state.during.clear();
                state.listed = Some(Listed { by: uid.to_owned(), outdated: false });
            }
        }
    }

    /// It has ended so; without a report if it was dropped in the middle. Returns the other policies that were informed of
    /// it.
    pub fn ended(&self, uid: &str, report: Option<Report>, now: Timestamp) -> Vec<String> {
        let mut states = self.states.lock();
        let listed = match &report {
            Some(Report::Measured(usage) | Report::Pruned(_, usage)) => usage.clone(),
            Some(Report::BackedUp(_)) | None => None,
        };
        let mut reported = Vec::new();
        for (other, state) in states.iter_mut() {
            let Some(listed_by) = state.listed.take_if(|listed| listed.by == uid) else { continue };
            // A report that waits to be recorded is not dropped for this one: then it measures by itself.
            if state.report.is_none() {
                state.reported_by = listed.is_some().then(|| uid.to_owned());
                state.record_end(Report::Measured(listed.clone()), true, listed_by.outdated, now);
                reported.push(other.clone());
            }
        }
        if let Some(state) = states.get_mut(uid)
            && let Some(task) = state.task.take()
            && let Some(report) = report
        {
            let here = task.location.is_none() || task.location == state.location;
            state.record_end(report, here, task.outdated, now);
        }
        reported
    }

    /// Stops a prune run that follows another generation of the spec.
    pub fn cancel_outdated(&self, uid: &str, generation: Option<i64>) {
        let states = self.states.lock();
        let Some(task) = states.get(uid).and_then(|state| state.task.as_ref()) else { return };
        if matches!(task.running, RunningTask::Pruning(of) if of != generation) {
            task.stop.cancel();
        }
    }

    /// Stops what is under way.
    pub fn cancel(&self, uid: &str) {
        if let Some(task) = self.states.lock().get(uid).and_then(|state| state.task.as_ref()) {
            task.stop.cancel();
        }
    }

    /// The policy is gone, or going: what is under way stops, and nobody waits for its report.
    pub fn forget(&self, uid: &str) {
        self.cancel(uid);
        let mut states = self.states.lock();
        states.remove(uid);
        await_nobody(&mut states);
    }

    /// Only these policies are left.
    pub fn keep_only(&self, uids: &HashSet<String>) {
        let mut states = self.states.lock();
        states.retain(|uid, state| {
            let stays = uids.contains(uid);
            if let (false, Some(task)) = (stays, &state.task) {
                task.stop.cancel();
            }
            stays
        });
        await_nobody(&mut states);
    }

    /// Whether something has ended that is not in the status.
    pub fn has_report(&self, uid: &str) -> bool {
        self.states.lock().get(uid).is_some_and(|state| state.report.is_some())
    }
}

/// Whose listing went with its policy is listed for by nobody.
fn await_nobody(states: &mut HashMap<String, PolicyState>) {
    let left: HashSet<String> = states.keys().cloned().collect();
    for state in states.values_mut() {
        state.listed.take_if(|listed| !left.contains(&listed.by));
    }
}
