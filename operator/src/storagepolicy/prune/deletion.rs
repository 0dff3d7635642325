//! Deletes what the plan says, in concurrent batches, as long as the jobs concerned do not change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_storage::{Bucket, DeleteReport, KEYS_A_REQUEST, StorageError};

use super::super::plan::{Folder, Listing, Object, OwnerIndex, PrunePlan, Tally, Why};
use super::End;
use super::inventory::written;
use super::job_guard::JobGuard;

/// Requests that are under way at a time.
const CONCURRENCY: usize = 6;
/// Files that are looked at once more at a time.
const READ_CONCURRENCY: usize = 16;
/// How near the end of grace a file is looked at once more, in seconds.
const NEAR_GRACE: i64 = 3_600;
/// How often files are tried that the server could not delete just now, and for how long. Before each try their jobs are
/// looked at again.
const MAX_TRIES: u32 = 6;
const TRIED_FOR: Duration = Duration::from_secs(45);
/// How long before the second try; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long taking marks back may last after a stop.
const WHEN_STOPPED: Duration = Duration::from_secs(5);

/// What is logged where marks stay.
const LEFT: &str = "some jobs say that files were pruned that are still there";

/// How many files and bytes a prune run has deleted and kept so far, and what went wrong.
#[derive(Debug, Default)]
pub(super) struct DeletionTotals {
    /// What is gone by us.
    pub(super) deleted: Tally,
    /// What could not be deleted, or of which nothing is known.
    pub(super) failed: Tally,
    /// What is gone now, by us or by others.
    pub(super) gone: BTreeMap<ObjectKind, Tally>,
    /// What stayed although it was planned to go.
    pub(super) kept: HashMap<Why, Tally>,
    /// The first failure, for people.
    pub(super) first_failure: Option<StorageError>,
    /// Why it ended early, if it did.
    pub(super) cut: Option<End>,
    pub(super) heads: u64,
    pub(super) deletes: u64,
}

/// What is to be deleted next.
struct Batch {
    /// Positions in the listing.
    files: Vec<u32>,
    /// Those that stay after all.
    stay: Vec<(u32, Why)>,
    /// Those that others have deleted.
    vanished: Vec<u32>,
    /// Those that could not be looked at.
    unseen: Vec<(u32, StorageError)>,
    heads: u64,
}

/// Files that are deleted by one request.
struct Attempt {
    /// Positions in the listing.
    files: Vec<u32>,
    /// Of how many the first one was.
    of: usize,
    /// Counted from 1.
    number: u32,
    /// When the first one began.
    since: Instant,
}

/// What happens beside the loop.
enum Event {
    /// The server has answered, or has not.
    Answered(Attempt, DeleteReport),
    /// Files may be tried again.
    Rested(Attempt),
}

/// Where files are deleted from, and what was planned.
pub(super) struct Deletion<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) listing: &'a Listing,
    pub(super) plan: &'a PrunePlan,
    pub(super) now: Timestamp,
    /// Seconds below which nothing is deleted.
    pub(super) grace: i64,
    pub(super) stop: &'a CancellationToken,
}

impl Deletion<'_> {
    /// Deletes, and returns what came of it.
    pub(super) async fn run(&self, mut guard: JobGuard<'_>) -> DeletionTotals {
        let mut totals = DeletionTotals::default();
        let mut touched = HashSet::new();
        let mut batches = self.plan.deletions.chunks(KEYS_A_REQUEST);
        let mut under_way: JoinSet<Event> = JoinSet::new();
        let bucket = self.bucket.once();
        loop {
            while totals.cut.is_none() && under_way.len() < CONCURRENCY {
                let rest = batches.clone();
                let Some(files) = batches.next() else { break };
                let attempt = Attempt { files: files.to_vec(), of: 0, number: 1, since: Instant::now() };
                match self.admit(attempt, &mut guard, &mut totals).await {
                    Some(attempt) => self.send(&bucket, attempt, &mut under_way),
                    None if totals.cut.is_some() => batches = rest,
                    None => {}
                }
            }
            match under_way.join_next().await {
                Some(Ok(Event::Answered(attempt, report))) => {
                    let again = self.record_batch(&attempt, report, &guard, &mut totals, &mut touched);
                    if let Some(again) = again {
                        self.rest(again, &mut under_way);
                    }
                }
                Some(Ok(Event::Rested(attempt))) => {
                    if let Some(again) = self.admit(attempt, &mut guard, &mut totals).await {
                        self.send(&bucket, again, &mut under_way);
                    }
                }
                Some(Err(error)) => totals.cut = Some(End::Failed(error.to_string())),
                None => break,
            }
        }
        for index in batches.flatten() {
            totals.stays(Why::NotReached, self.object(*index));
        }
        self.account_for_all(&mut totals);
        // Who is asked to stop has little time left.
        let time_limit = if totals.cut == Some(End::Stopped) { WHEN_STOPPED } else { Duration::MAX };
        match tokio::time::timeout(time_limit, guard.take_back(&touched)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{LEFT}"),
            Err(_) => tracing::warn!("{LEFT}: there was no time to take that back"),
        }
        totals
    }

    fn object(&self, index: u32) -> &Object {
        &self.listing.objects()[index as usize]
    }

    /// Takes out what must stay after all. The jobs are looked at last: nothing slow comes between that and deleting.
    async fn prepare(
        &self,
        files: &[u32],
        guard: &mut JobGuard<'_>,
    ) -> Result<Batch, videofactory_client::call::CallError> {
        let mut batch = self.recheck(files).await;
        let owners: HashSet<OwnerIndex> = batch.files.iter().map(|index| self.object(*index).owner).collect();
        guard.admit(&owners).await?;
        let (lost, files) =
            batch.files.into_iter().partition(|index| guard.has_changed(self.object(*index).owner));
        batch.files = files;
        let lost: Vec<u32> = lost;
        batch.stay.extend(lost.into_iter().map(|index| (index, Why::JobChanged)));
        Ok(batch)
    }

    /// Asks the server for the files that may have become others since they were listed.
    async fn recheck(&self, files: &[u32]) -> Batch {
        let (near, files): (Vec<u32>, Vec<u32>) =
            files.iter().partition(|index| self.may_be_rewritten(self.object(**index)));
        let mut batch = Batch { files, stay: Vec::new(), vanished: Vec::new(), unseen: Vec::new(), heads: 0 };
        let bucket = self.bucket;
        let mut looks = stream::iter(near)
            .map(|index| (index, self.listing.key(self.object(index))))
            .map(|(index, key)| async move { (index, bucket.head(&key).await) })
            .buffer_unordered(READ_CONCURRENCY);
        while let Some((index, seen)) = looks.next().await {
            batch.heads += 1;
            let object = self.object(index);
            match seen {
                Ok(None) => batch.vanished.push(index),
                Ok(Some(seen)) if seen.size != object.size || written(&seen) > object.modified => {
                    batch.stay.push((index, Why::Rewritten));
                }
                Ok(Some(_)) => batch.files.push(index),
                Err(error) => batch.unseen.push((index, error)),
            }
        }
        batch
    }

    /// Whether a file may have become another since it was listed: near the end of grace, and what is written again
    /// under the same key.
    fn may_be_rewritten(&self, object: &Object) -> bool {
        let grace_from = self.now.as_second().saturating_sub(self.grace);
        object.folder == Folder::Kind(ObjectKind::Published)
            || i64::from(object.modified) > grace_from.saturating_sub(NEAR_GRACE)
    }

    /// What of these files may be deleted now; nothing, if that is none or cannot be found out.
    async fn admit(
        &self,
        attempt: Attempt,
        guard: &mut JobGuard<'_>,
        totals: &mut DeletionTotals,
    ) -> Option<Attempt> {
        let first = attempt.number == 1;
        let prepared = match totals.cut {
            None => self.stop.run_until_cancelled(self.prepare(&attempt.files, guard)).await,
            Some(_) => None,
        };
        let batch = match prepared {
            Some(Ok(batch)) => batch,
            other => {
                let why = other.and_then(Result::err).map(|error| End::Failed(error.to_string()));
                totals.cut.get_or_insert(why.unwrap_or(End::Stopped));
                // Those that were tried before may be gone.
                let unknown = attempt.files.iter().filter(|_| !first);
                unknown.for_each(|index| totals.failed.add(self.object(*index).size));
                return None;
            }
        };
        totals.heads += batch.heads;
        for (index, why) in batch.stay {
            if first {
                totals.stays(why, self.object(index));
            } else {
                totals.failed.add(self.object(index).size);
            }
        }
        for index in batch.vanished {
            totals.is_gone(self.object(index));
            if !first {
                totals.deleted.add(self.object(index).size);
            }
        }
        for (index, error) in batch.unseen {
            totals.failed.add(self.object(index).size);
            totals.first_failure.get_or_insert(error);
        }
        let of = if first { batch.files.len() } else { attempt.of };
        Some(Attempt { files: batch.files, of, ..attempt }).filter(|attempt| !attempt.files.is_empty())
    }

    fn send(&self, bucket: &Bucket, attempt: Attempt, under_way: &mut JoinSet<Event>) {
        let keys: Vec<String> =
            attempt.files.iter().map(|index| self.listing.key(self.object(*index))).collect();
        let bucket = bucket.clone();
        let delete = async move {
            let report = bucket.delete(&keys).await;
            Event::Answered(attempt, report)
        };
        under_way.spawn(delete.in_current_span());
    }

    fn rest(&self, attempt: Attempt, under_way: &mut JoinSet<Event>) {
        let (stop, wait) = (self.stop.clone(), FIRST_WAIT * 2_u32.pow(attempt.number - 2));
        under_way.spawn(async move {
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
            Event::Rested(attempt)
        });
    }

    /// Records the results for these files; returns those that are to be tried again.
    fn record_batch(
        &self,
        attempt: &Attempt,
        report: DeleteReport,
        guard: &JobGuard<'_>,
        totals: &mut DeletionTotals,
        touched: &mut HashSet<(OwnerIndex, ObjectKind)>,
    ) -> Option<Attempt> {
        totals.deletes += report.requests;
        let may_continue =
            totals.cut.is_none() && attempt.number < MAX_TRIES && attempt.since.elapsed() < TRIED_FOR;
        let failed: HashMap<&str, bool> = report
            .failed
            .iter()
            .map(|(key, error)| (key.as_str(), may_continue && error.is_transient()))
            .collect();
        let (mut again, mut lost) = (Vec::new(), 0);
        for index in &attempt.files {
            let object = self.object(*index);
            // What failed may be gone all the same: its answer may have been lost.
            if let Folder::Kind(kind) = object.folder
                && guard.is_current(object)
            {
                touched.insert((object.owner, kind));
            }
            let end = if failed.is_empty() { None } else { failed.get(self.listing.key(object).as_str()) };
            match end {
                None => {
                    totals.deleted.add(object.size);
                    totals.is_gone(object);
                }
                Some(true) => again.push(*index),
                Some(false) => {
                    lost += 1;
                    totals.failed.add(object.size);
                }
            }
        }
        let lasting = report.failed.into_iter().find(|(_, error)| !(may_continue && error.is_transient()));
        if let Some((_, error)) = lasting {
            if lost == attempt.of {
                totals.cut.get_or_insert(End::Failed(error.to_string()));
            }
            totals.first_failure.get_or_insert(error);
        }
        let next = Attempt { files: again, of: attempt.of, number: attempt.number + 1, since: attempt.since };
        Some(next).filter(|next| !next.files.is_empty())
    }

    /// A batch that broke for a fault of ours is counted as failed: nothing is known of it.
    fn account_for_all(&self, totals: &mut DeletionTotals) {
        let kept: u64 = totals.kept.values().map(|tally| tally.objects).sum();
        let others = totals.gone.values().map(|tally| tally.objects).sum::<u64>();
        let planned = self.plan.deletions.len() as u64;
        totals.failed.objects = planned.saturating_sub(kept + others);
    }
}

impl DeletionTotals {
    fn stays(&mut self, why: Why, object: &Object) {
        self.kept.entry(why).or_default().add(object.size);
    }

    fn is_gone(&mut self, object: &Object) {
        if let Folder::Kind(kind) = object.folder {
            self.gone.entry(kind).or_default().add(object.size);
        }
    }
}
