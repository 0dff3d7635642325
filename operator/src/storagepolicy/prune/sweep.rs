//! Deleting what the plan says, in batches, several under way at once, as long as the jobs concerned stay as they were.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_storage::{Bucket, DeleteReport, StorageError};

use super::super::plan::{Folder, Listing, Object, OwnerIndex, PrunePlan, Tally, Why};
use super::stock::written;
use super::watch::Watch;

/// Files of one request.
const BATCH: usize = 1000;
/// Requests that are under way at a time.
const AT_A_TIME: usize = 6;
/// Files that are looked at once more at a time.
const LOOKS_AT_A_TIME: usize = 16;
/// How near the end of grace a file is looked at once more, in seconds.
const NEAR_GRACE: i64 = 3_600;
/// How often files are tried again that the server could not delete just now.
const MOST_TRIES: u32 = 3;
/// How long before the first of these tries; twice as long before the next.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long taking marks back may last after a stop.
const WHEN_STOPPED: Duration = Duration::from_secs(5);

/// What is told where marks stay.
const LEFT: &str = "some jobs say that files were pruned that are still there";

/// Why deleting ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It was told to.
    Stopped,
    /// Going on would have failed too, or could not be answered for.
    Failed(String),
}

/// What deleting came to.
#[derive(Debug, Default)]
pub(super) struct Swept {
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
    pub(super) cut: Option<Cut>,
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

/// Where files are deleted from, and what was planned.
pub(super) struct Sweep<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) listing: &'a Listing,
    pub(super) plan: &'a PrunePlan,
    pub(super) now: Timestamp,
    /// Seconds below which nothing is deleted.
    pub(super) grace: i64,
    pub(super) stop: &'a CancellationToken,
}

impl Sweep<'_> {
    /// Deletes, and tells what came of it.
    pub(super) async fn run(&self, mut watch: Watch<'_>) -> Swept {
        let mut swept = Swept::default();
        let mut touched = HashSet::new();
        let mut batches = self.plan.deletions.chunks(BATCH);
        let mut under_way: JoinSet<(Vec<u32>, DeleteReport)> = JoinSet::new();
        loop {
            while swept.cut.is_none() && under_way.len() < AT_A_TIME {
                let rest = batches.clone();
                let Some(files) = batches.next() else { break };
                match self.stop.run_until_cancelled(self.prepare(files, &mut watch)).await {
                    Some(Ok(batch)) => self.begin(batch, &mut swept, &mut under_way),
                    Some(Err(error)) => swept.cut = Some(Cut::Failed(error.to_string())),
                    None => swept.cut = Some(Cut::Stopped),
                }
                if swept.cut.is_some() {
                    batches = rest;
                }
            }
            match under_way.join_next().await {
                Some(Ok((files, report))) => self.book(&files, report, &watch, &mut swept, &mut touched),
                Some(Err(error)) => swept.cut = Some(Cut::Failed(error.to_string())),
                None => break,
            }
        }
        for index in batches.flatten() {
            swept.stays(Why::NotReached, self.object(*index));
        }
        self.account_for_all(&mut swept);
        // Who is told to stop has little time left.
        let patience = if swept.cut == Some(Cut::Stopped) { WHEN_STOPPED } else { Duration::MAX };
        match tokio::time::timeout(patience, watch.take_back(&touched)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{LEFT}"),
            Err(_) => tracing::warn!("{LEFT}: there was no time to take that back"),
        }
        swept
    }

    fn object(&self, index: u32) -> &Object {
        &self.listing.objects()[index as usize]
    }

    /// Takes out what must stay after all. The jobs are looked at last: nothing slow comes between that and deleting.
    async fn prepare(&self, files: &[u32], watch: &mut Watch<'_>) -> Result<Batch, crate::client::CallError> {
        let mut batch = self.look_once_more(files).await;
        let owners: HashSet<OwnerIndex> = batch.files.iter().map(|index| self.object(*index).owner).collect();
        watch.admit(&owners).await?;
        let (lost, files) =
            batch.files.into_iter().partition(|index| watch.has_lost(self.object(*index).owner));
        batch.files = files;
        let lost: Vec<u32> = lost;
        batch.stay.extend(lost.into_iter().map(|index| (index, Why::JobChanged)));
        Ok(batch)
    }

    /// Asks the server for the files that may have become others since they were listed.
    async fn look_once_more(&self, files: &[u32]) -> Batch {
        let (near, files): (Vec<u32>, Vec<u32>) =
            files.iter().partition(|index| self.may_be_rewritten(self.object(**index)));
        let mut batch = Batch { files, stay: Vec::new(), vanished: Vec::new(), unseen: Vec::new(), heads: 0 };
        let bucket = self.bucket;
        let mut looks = stream::iter(near)
            .map(|index| (index, self.listing.key(self.object(index))))
            .map(|(index, key)| async move { (index, bucket.head(&key).await) })
            .buffer_unordered(LOOKS_AT_A_TIME);
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

    fn begin(&self, batch: Batch, swept: &mut Swept, under_way: &mut JoinSet<(Vec<u32>, DeleteReport)>) {
        swept.heads += batch.heads;
        for (index, why) in batch.stay {
            swept.stays(why, self.object(index));
        }
        for index in batch.vanished {
            swept.is_gone(self.object(index));
        }
        for (index, error) in batch.unseen {
            swept.failed.add(self.object(index).size);
            swept.first_failure.get_or_insert(error);
        }
        if batch.files.is_empty() {
            return;
        }
        let keys = batch.files.iter().map(|index| self.listing.key(self.object(*index))).collect();
        let bucket = self.bucket.clone();
        under_way.spawn(async move { (batch.files, delete(&bucket, keys).await) });
    }

    fn book(
        &self,
        files: &[u32],
        report: DeleteReport,
        watch: &Watch<'_>,
        swept: &mut Swept,
        touched: &mut HashSet<(OwnerIndex, ObjectKind)>,
    ) {
        swept.deletes += report.requests;
        let failed: HashSet<&str> = report.failed.iter().map(|(key, _)| key.as_str()).collect();
        for index in files {
            let object = self.object(*index);
            // What failed may be gone all the same: its answer may have been lost.
            if let Folder::Kind(kind) = object.folder
                && watch.is_current(object)
            {
                touched.insert((object.owner, kind));
            }
            if !failed.is_empty() && failed.contains(self.listing.key(object).as_str()) {
                swept.failed.add(object.size);
            } else {
                swept.deleted.add(object.size);
                swept.is_gone(object);
            }
        }
        let hopeless = failed.len() == files.len();
        let why = report.outage.or_else(|| report.failed.into_iter().map(|(_, error)| error).next());
        if let Some(error) = why {
            if hopeless && swept.cut.is_none() {
                swept.cut = Some(Cut::Failed(error.to_string()));
            }
            swept.first_failure.get_or_insert(error);
        }
    }

    /// A batch that broke for a fault of ours is counted as failed: nothing is known of it.
    fn account_for_all(&self, swept: &mut Swept) {
        let kept: u64 = swept.kept.values().map(|tally| tally.objects).sum();
        let others = swept.gone.values().map(|tally| tally.objects).sum::<u64>();
        let planned = self.plan.deletions.len() as u64;
        swept.failed.objects = planned.saturating_sub(kept + others);
    }
}

impl Swept {
    fn stays(&mut self, why: Why, object: &Object) {
        self.kept.entry(why).or_default().add(object.size);
    }

    fn is_gone(&mut self, object: &Object) {
        if let Folder::Kind(kind) = object.folder {
            self.gone.entry(kind).or_default().add(object.size);
        }
    }
}

/// Deletes one batch; what the server could not do just now is tried again after a while.
async fn delete(bucket: &Bucket, keys: Vec<String>) -> DeleteReport {
    let mut report = bucket.delete(&keys).await;
    let mut wait = FIRST_WAIT;
    for _ in 1..MOST_TRIES {
        let (again, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut report.failed).into_iter().partition(|(_, error)| error.is_transient());
        if report.outage.is_some() || again.is_empty() {
            report.failed = lost.into_iter().chain(again).collect();
            break;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
        let keys: Vec<String> = again.into_iter().map(|(key, _)| key).collect();
        let second = bucket.delete(&keys).await;
        report.requests += second.requests;
        report.deleted.extend(second.deleted);
        report.failed = lost.into_iter().chain(second.failed).collect();
        report.outage = second.outage;
    }
    report
}
