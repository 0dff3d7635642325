//! What this process knows of its policies beside their status: what is under way, what has ended and is not booked,
//! and what was counted and is not told. Losing it costs a measurement or a resumed run, and nothing else.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::decide::{Doing, Known, Report};
use super::neighbours::Place;
use super::runs::freed;
use crate::meter::{self, Changes};

/// How soon a measurement that failed is made again, at first and at last.
const AGAIN: (i64, i64) = (60, 900);

/// What is known of each policy, by UID.
#[derive(Debug, Default)]
pub struct Desk {
    memories: Mutex<HashMap<String, Memory>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Counted, and not in the status.
    pending: Changes,
    /// Counted since what is under way began: a listing may not have seen it.
    during: Changes,
    /// How often what is pending was replaced by a listing.
    epoch: u64,
    usage_told: Option<Timestamp>,
    task: Option<Task>,
    report: Option<Report>,
    measure_from: Option<Timestamp>,
    failures: u32,
    place: Option<Place>,
    other_bucket: bool,
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
    doing: Doing,
    stop: CancellationToken,
    /// Where the policy's files were when it began.
    place: Option<Place>,
    /// Others have deleted files here meanwhile.
    outdated: bool,
}

impl Memory {
    fn freed(&mut self, now: Timestamp) {
        self.freed_at = Some(now);
        self.refused_at = None;
    }
}

impl Desk {
    /// Counts what jobs wrote and deleted.
    pub fn count(&self, uid: &str, changes: &Changes, now: Timestamp) {
        let mut memories = self.memories.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        if changes.values().any(|change| change.bytes < 0) {
            memory.freed(now);
        }
        meter::add(&mut memory.pending, changes);
        if memory.task.is_some() {
            meter::add(&mut memory.during, changes);
        }
    }

    /// The server had no room then for a file of a job.
    pub fn refused(&self, uid: &str, at: Timestamp) {
        let mut memories = self.memories.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        if memory.freed_at.is_none_or(|freed| freed < at) {
            memory.refused_at = memory.refused_at.max(Some(at));
        }
    }

    /// What is known of a policy with its files in this place.
    pub fn known(&self, uid: &str, place: Place) -> Known {
        let mut memories = self.memories.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        memory.other_bucket |= memory.place.as_ref().is_some_and(|before| *before != place);
        memory.place = Some(place);
        Known {
            doing: memory.task.as_ref().map(|task| task.doing),
            report: memory.report.clone(),
            changes: memory.pending.clone(),
            epoch: memory.epoch,
            usage_told: memory.usage_told,
            measure_from: memory.measure_from,
            other_bucket: memory.other_bucket,
            outdated: memory.outdated,
            refused_at: memory.refused_at,
        }
    }

    /// Others have deleted files in this policy's place: what is known of it is to be measured again.
    pub fn outdate(&self, uid: &str, now: Timestamp) {
        let mut memories = self.memories.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        memory.outdated = true;
        memory.freed(now);
        if let Some(task) = &mut memory.task {
            task.outdated = true;
        }
    }

    /// What was known is in the status, or would change nothing there.
    pub fn booked(&self, uid: &str, known: &Known, told: bool, written: bool, now: Timestamp) {
        let mut memories = self.memories.lock();
        let Some(memory) = memories.get_mut(uid) else { return };
        if known.report.is_some() {
            memory.report = None;
        }
        if told {
            // A listing that ended meanwhile has taken in what was told.
            if memory.epoch == known.epoch {
                meter::take_off(&mut memory.pending, &known.changes);
            }
            if written {
                memory.usage_told = Some(now);
            }
        }
    }

    /// Something begins; the token stops it.
    pub fn begin(&self, uid: &str, doing: Doing, stop: CancellationToken) {
        let mut memories = self.memories.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        memory.during.clear();
        memory.task = Some(Task { doing, stop, place: memory.place.clone(), outdated: false });
    }

    /// It has ended so; without a report if it was dropped in the middle.
    pub fn ended(&self, uid: &str, report: Option<Report>, now: Timestamp) {
        let mut memories = self.memories.lock();
        let Some(memory) = memories.get_mut(uid) else { return };
        let task = memory.task.take();
        let mut during = std::mem::take(&mut memory.during);
        during.retain(|_, change| change.bytes > 0 && change.objects > 0);
        if let Some(Report::Pruned(run, _)) = &report
            && freed(run)
        {
            memory.freed(now);
        }
        match &report {
            // What was written before is in the listing; of what was written or deleted meanwhile nobody knows, and too
            // much is safer than too little until the next.
            Some(Report::Measured(Some(_)) | Report::Pruned(_, Some(_))) => {
                memory.pending = during;
                memory.epoch = memory.epoch.wrapping_add(1);
                if let Some(task) = task.filter(|task| task.place == memory.place) {
                    memory.other_bucket = false;
                    memory.outdated = task.outdated;
                }
                memory.failures = 0;
                memory.measure_from = None;
            }
            Some(Report::Measured(None)) => {
                let wait = AGAIN.0.saturating_mul(1 << memory.failures.min(8)).min(AGAIN.1);
                memory.failures = memory.failures.saturating_add(1);
                memory.measure_from = now.checked_add(SignedDuration::from_secs(wait)).ok();
            }
            _ => {}
        }
        memory.report = report;
    }

    /// Stops a prune run that follows another generation of the spec.
    pub fn cancel_outdated(&self, uid: &str, generation: Option<i64>) {
        let memories = self.memories.lock();
        let Some(task) = memories.get(uid).and_then(|memory| memory.task.as_ref()) else { return };
        if matches!(task.doing, Doing::Pruning(of) if of != generation) {
            task.stop.cancel();
        }
    }

    /// Stops what is under way.
    pub fn cancel(&self, uid: &str) {
        if let Some(task) = self.memories.lock().get(uid).and_then(|memory| memory.task.as_ref()) {
            task.stop.cancel();
        }
    }

    /// The policy is gone, or going: what is under way stops, and nobody waits for its report.
    pub fn forget(&self, uid: &str) {
        self.cancel(uid);
        self.memories.lock().remove(uid);
    }

    /// Only these policies are left.
    pub fn keep_only(&self, uids: &HashSet<String>) {
        self.memories.lock().retain(|uid, memory| {
            let stays = uids.contains(uid);
            if let (false, Some(task)) = (stays, &memory.task) {
                task.stop.cancel();
            }
            stays
        });
    }

    /// Whether something has ended that is not in the status.
    pub fn has_report(&self, uid: &str) -> bool {
        self.memories.lock().get(uid).is_some_and(|memory| memory.report.is_some())
    }

    /// Goes on beside the looks.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits for all that is under way.
    pub async fn end_all(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use videofactory_crds::storagepolicy::{ObjectKind, PruneCause, PruneRun, StorageUsage};

    use super::super::decide::world::at;
    use super::super::plan::Order;
    use super::super::runs::{backup_begun, begun};
    use super::*;
    use crate::meter::Change;

    const P: &str = "p";

    fn place() -> Place {
        ("http://s3:9000".into(), "videos".into(), String::new())
    }

    fn bytes(bytes: i64) -> Changes {
        Changes::from([(ObjectKind::Clips, Change { objects: 1, bytes })])
    }

    fn known(desk: &Desk) -> Known {
        desk.known(P, place())
    }

    fn pending(desk: &Desk) -> i64 {
        known(desk).changes.values().map(|change| change.bytes).sum()
    }

    #[test]
    fn what_is_told_is_taken_off_and_what_came_meanwhile_stays() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
        let seen = known(&desk);
        desk.count(P, &bytes(5), at("2026-01-01T00:00:00Z"));
        desk.booked(P, &seen, false, true, now);
        assert_eq!(pending(&desk), 15, "it was not told");
        desk.booked(P, &seen, true, true, now);
        assert_eq!(pending(&desk), 5);
        assert_eq!(known(&desk).usage_told, Some(now));
    }

    #[test]
    fn a_listing_takes_in_what_was_counted_before_it_and_not_what_came_during_it() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        desk.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
        // Told in the middle: the listing's own figure replaces it all the same.
        let seen = known(&desk);
        desk.booked(P, &seen, true, true, now);
        desk.count(P, &bytes(4), at("2026-01-01T00:00:00Z"));
        let deleted = Changes::from([(ObjectKind::Work, Change { objects: -1, bytes: -50 })]);
        desk.count(P, &deleted, at("2026-01-01T00:00:00Z"));
        desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
        assert_eq!(pending(&desk), 7);
    }

    #[test]
    fn a_listing_that_failed_is_tried_again_later_and_later() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
        let mut waits = Vec::new();
        for _ in 0..6 {
            desk.begin(P, Doing::Measuring, CancellationToken::new());
            desk.ended(P, Some(Report::Measured(None)), now);
            waits.push(known(&desk).measure_from.unwrap().duration_since(now).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
        assert_eq!(pending(&desk), 10, "and nothing counted is lost");
    }

    #[test]
    fn a_report_stays_until_it_is_booked_by_who_has_seen_it() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        desk.begin(P, Doing::Pruning(Some(3)), CancellationToken::new());
        let before = known(&desk);
        desk.ended(P, Some(Report::Measured(None)), now);
        desk.booked(P, &before, true, true, now);
        assert!(desk.has_report(P));
        desk.booked(P, &known(&desk), true, true, now);
        assert!(!desk.has_report(P));
    }

    #[test]
    fn a_policy_that_is_gone_stops_what_is_under_way() {
        let desk = Desk::default();
        let stop = CancellationToken::new();
        desk.begin(P, Doing::Pruning(Some(3)), stop.clone());
        desk.keep_only(&[P.to_owned()].into());
        assert!(!stop.is_cancelled());
        desk.keep_only(&HashSet::new());
        assert!(stop.is_cancelled());
        desk.ended(P, Some(Report::Measured(None)), at("2026-01-01T00:00:00Z"));
        assert!(!desk.has_report(P));
    }

    #[test]
    fn a_bucket_that_was_exchanged_is_known_until_the_new_one_was_listed() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        let is_other = |prefix: &str| {
            desk.known(P, ("http://s3:9000".into(), "videos".into(), prefix.into())).other_bucket
        };
        let listed = || Some(Report::Measured(Some(StorageUsage::default())));
        assert!(!is_other(""));
        // What was begun for the old one tells nothing of the new one.
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        assert!(is_other("films/"));
        desk.ended(P, listed(), now);
        assert!(is_other("films/"));
        for (doing, report) in [
            (Doing::BackingUp, Some(Report::BackedUp(backup_begun(now)))),
            (Doing::Measuring, Some(Report::Measured(None))),
            (Doing::Pruning(Some(3)), None),
        ] {
            desk.begin(P, doing, CancellationToken::new());
            desk.ended(P, report, now);
            assert!(is_other("films/"), "{doing:?}");
        }
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        desk.ended(P, listed(), now);
        assert!(!is_other("films/"));
    }

    #[test]
    fn what_a_listing_has_taken_in_is_not_taken_off_once_more() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        desk.count(P, &bytes(10), at("2026-01-01T00:00:00Z"));
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        desk.count(P, &bytes(3), at("2026-01-01T00:00:00Z"));
        let seen = known(&desk);
        // The listing ends while the status is being written.
        desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
        desk.booked(P, &seen, true, true, now);
        assert_eq!(pending(&desk), 3);
    }

    #[test]
    fn a_refusal_for_want_of_room_is_known_until_files_were_deleted() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        let order = Order { slot: now, cause: PruneCause::WarnCrossed, dry_run: false, older_than: None };
        let prune = |deleted_objects| {
            desk.begin(P, Doing::Pruning(Some(3)), CancellationToken::new());
            let run = PruneRun { deleted_objects, ..begun(&order) };
            desk.ended(P, Some(Report::Pruned(Box::new(run), None)), now);
            known(&desk).refused_at
        };
        desk.refused(P, now);
        assert_eq!(prune(Some(0)), Some(now));
        assert_eq!(prune(None), Some(now));
        assert_eq!(prune(Some(1)), None);
        desk.refused(P, now);
        assert_eq!(known(&desk).refused_at, None, "it was told of only after files were deleted");
        let later = at("2026-01-01T00:01:00Z");
        for freed in [
            |desk: &Desk| desk.outdate(P, at("2026-01-01T00:02:00Z")),
            |desk: &Desk| {
                desk.count(P, &bytes(-10), at("2026-01-01T00:02:00Z"));
            },
        ] {
            let desk = Desk::default();
            desk.refused(P, later);
            assert_eq!(known(&desk).refused_at, Some(later));
            freed(&desk);
            assert_eq!(known(&desk).refused_at, None);
        }
    }

    #[test]
    fn what_others_deleted_is_measured_by_a_listing_that_begins_after_it() {
        let desk = Desk::default();
        let now = at("2026-01-01T00:00:00Z");
        known(&desk);
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        desk.outdate(P, now);
        desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
        assert!(known(&desk).outdated);
        desk.begin(P, Doing::Measuring, CancellationToken::new());
        desk.ended(P, Some(Report::Measured(Some(StorageUsage::default()))), now);
        assert!(!known(&desk).outdated);
    }
}
