//! One prune run against a bucket: list, plan, mark the jobs, delete, report the truth.
//!
//! It knows nothing of the controller: whoever calls it has opened the bucket and says which namespaces' jobs count.

mod deletion;
mod inventory;
mod job_guard;
mod jobs;
mod kube_jobs;
mod listing_memory;
mod plan_file;
mod report;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::PruneOutcome;
use videofactory_pipeline::keys::KeyParts;
use videofactory_storage::{Bucket, PutOptions, StorageError};

pub use job_guard::RECHECK_AFTER;
pub use jobs::{JobVersion, Jobs, Marked};
pub use kube_jobs::KubeJobs;
pub use listing_memory::{BYTES_PER_FILE, ListingMemory};
pub use plan_file::write as write_plan;
pub use report::{Calls, Kept, Measured, RunReport, Unknown, Usage};

use super::plan::{
    Folder, Listing, PrunePlan, References, Rules, RunRequest, Tally, kept, plan, shortfall, size,
};
use deletion::{Deletion, DeletionTotals};
use inventory::{Inventory, InventoryError};
use job_guard::JobGuard;
use listing_memory::ListingPermit;

/// The context of a run.
#[derive(Clone, Copy)]
pub struct RunContext<'a> {
    /// The way to the jobs.
    pub jobs: &'a dyn Jobs,
    /// The namespaces whose jobs may have files here: those of the policies for this place.
    pub namespaces: &'a BTreeSet<String>,
    /// The other policies that have their files here: what they protect stays.
    pub sharing: &'a [StoragePolicy],
    /// Room for what is listed.
    pub listing_memory: &'a ListingMemory,
    /// The time by which ages are counted, from start to end.
    pub now: Timestamp,
    /// How old what is known of the jobs may be when their files are deleted; usually [`RECHECK_AFTER`].
    pub recheck_after: Duration,
}

/// Does one run. It never fails: how far it came stands in its report. Dropped in the middle, or stopped, it leaves
/// nothing that the next run does not finish.
pub async fn prune(
    run_context: &RunContext<'_>,
    policy: &StoragePolicy,
    bucket: &Bucket,
    run_request: &RunRequest,
    stop: &CancellationToken,
) -> RunReport {
    let started = Instant::now();
    let mut run = Run {
        context: run_context,
        policy,
        bucket,
        request: run_request,
        stop,
        report: RunReport::begun(run_request),
        notes: Vec::new(),
        failure: None,
    };
    // What lists holds much: kept out of the callers' own state.
    let outcome = match Box::pin(run.go()).await {
        Ok(outcome) => outcome,
        Err(End::Stopped) => PruneOutcome::Interrupted,
        Err(End::Failed(why)) => {
            run.notes.insert(0, why);
            PruneOutcome::Failed
        }
    };
    let Run { mut report, notes, .. } = run;
    report.outcome = outcome;
    report.message = notes.join("; ");
    report.duration = started.elapsed();
    report
}

/// Lists our folders and adds up what they hold; one class A operation per 1,000 files and folder. Nothing is kept in
/// memory but the sums.
pub async fn measure(bucket: &Bucket) -> Result<Measured, StorageError> {
    inventory::measure(bucket).await
}

/// Why a run went no further.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// It was asked to stop.
    Stopped,
    /// To continue would have failed too, or could not be answered for.
    Failed(String),
}

impl From<StorageError> for End {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What was listed and what shall become of it.
#[derive(Clone)]
struct Planned {
    listing: Arc<Listing>,
    rules: Arc<Rules>,
    references: Arc<References>,
    plan: Arc<PrunePlan>,
}

struct Run<'a> {
    context: &'a RunContext<'a>,
    policy: &'a StoragePolicy,
    bucket: &'a Bucket,
    request: &'a RunRequest,
    stop: &'a CancellationToken,
    report: RunReport,
    /// Sentences for people.
    notes: Vec<String>,
    /// What went wrong without ending the run.
    failure: Option<String>,
}

impl<'a> Run<'a> {
    async fn go(&mut self) -> Result<PruneOutcome, End> {
        let rules =
            Rules::of(self.policy, self.context.sharing).map_err(|error| End::Failed(error.to_string()))?;
        // Held as long as what was listed.
        let (_place, inventory) = self.unless_stopped(Box::pin(self.inventory())).await??;
        self.report_inventory(&inventory);
        let references = self.unless_stopped(self.references()).await??;
        let planned = self.plan(inventory.listing, rules, references).await?;
        self.report_plan(&planned);
        let written = self.unless_stopped(self.write_plan(&planned)).await?;
        let retry = self.note_plan(written)?;
        if !self.request.dry_run {
            self.forget_old_plans(&planned.listing).await;
            self.delete(&planned).await?;
            if retry {
                let written = self.unless_stopped(self.write_plan(&planned)).await?;
                self.note_plan(written)?;
            }
            self.abort_uploads(&planned).await?;
        }
        let braked = planned.plan.braked.objects > 0;
        if braked {
            let Tally { objects, bytes } = planned.plan.braked;
            self.notes.push(format!(
                "the brakes kept {objects} files ({}) that the rules would delete: the next run continues",
                size(bytes)
            ));
        }
        match self.failure.take() {
            Some(why) => Err(End::Failed(why)),
            None if braked => Ok(PruneOutcome::Braked),
            None => Ok(PruneOutcome::Completed),
        }
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, End> {
        self.stop.run_until_cancelled(work).await.ok_or(End::Stopped)
    }

    /// Lists the bucket, where there is room for it. What turns out to be larger than it was thought to be is given up and
    /// listed again once there is.
    async fn inventory(&self) -> Result<(ListingPermit<'a>, Inventory), End> {
        let usage = self.policy.status.as_ref().and_then(|status| status.usage.as_ref());
        let measured = usage.and_then(|usage| u64::try_from(usage.objects?).ok()).unwrap_or_default();
        let listing_memory = self.context.listing_memory;
        for files in [measured, u64::MAX] {
            let permit = listing_memory.acquire(files).await;
            match inventory::take(self.bucket, permit.most).await {
                Ok(inventory) => return Ok((permit, inventory)),
                Err(InventoryError::ListBucket(error)) => return Err(error.into()),
                Err(InventoryError::FitMemory) => {}
            }
        }
        let most = listing_memory.most_files();
        Err(End::Failed(format!(
            "the bucket holds more than the {most} files that a run can hold in memory: raise the memory limit of the \
             operator's container, or give some namespaces a policy with a prefix of its own"
        )))
    }

    fn report_inventory(&mut self, inventory: &Inventory) {
        self.report.usage = Some(inventory::usage(&inventory.listing));
        self.report.unknown = inventory::unknown(&inventory.listing);
        self.report.foreign.clone_from(&inventory.foreign);
        self.report.calls.lists += inventory.lists;
    }

    async fn references(&self) -> Result<References, End> {
        let mut jobs = Vec::new();
        for namespace in self.context.namespaces {
            let listed = self.context.jobs.list(namespace).await;
            jobs.extend(listed.map_err(|error| End::Failed(error.to_string()))?);
        }
        Ok(References::new(self.context.namespaces.clone(), jobs))
    }

    /// On a thread of its own: a plan over a million files takes a second or two.
    async fn plan(&self, listing: Listing, rules: Rules, references: References) -> Result<Planned, End> {
        let (request, now) = (self.request.clone(), self.context.now);
        let planning = tokio::task::spawn_blocking(move || {
            let plan = plan(&listing, &rules, &references, &request, now);
            Planned {
                listing: Arc::new(listing),
                rules: Arc::new(rules),
                references: Arc::new(references),
                plan: Arc::new(plan),
            }
        });
        planning.await.map_err(|error| End::Failed(format!("planning failed, which is a bug: {error}")))
    }

    fn report_plan(&mut self, planned: &Planned) {
        let Planned { listing, plan, .. } = planned;
        self.report.keep(kept(listing, plan));
        self.report.shortfall = shortfall(listing, &planned.rules, plan);
        if self.request.dry_run {
            self.report.deleted = plan.deleted;
        }
    }

    async fn write_plan(&self, planned: &Planned) -> Result<(String, u64), StorageError> {
        let key =
            self.request.plan_key(&self.policy.namespace().unwrap_or_default(), &self.policy.name_any());
        let Planned { listing, rules, plan, .. } = planned.clone();
        let writing = tokio::task::spawn_blocking(move || plan_file::write(&listing, &plan, &rules.rules));
        let failed = |reason: String| StorageError::LocalFile { tried: format!("write {key}"), reason };
        let file = writing.await.map_err(|error| failed(error.to_string()))?;
        let file = file.map_err(|error| failed(error.to_string()))?;
        let stored = self.bucket.put(&key, file, &PutOptions::of_type("application/gzip")).await?;
        Ok((key, stored.size))
    }

    /// Whether the plan is to be written again after deleting: a bucket without space must not keep a run from making
    /// some.
    fn note_plan(&mut self, written: Result<(String, u64), StorageError>) -> Result<bool, End> {
        self.report.calls.puts += 1;
        match written {
            Ok((key, bytes)) => {
                self.report.plan_key = Some(key);
                if let Some(usage) = &mut self.report.usage {
                    usage.total.add(bytes);
                }
                Ok(false)
            }
            Err(error @ StorageError::Full { .. }) => {
                self.notes.push(format!("the plan was not written: {error}"));
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A plan too many is no reason to fail.
    async fn forget_old_plans(&mut self, listing: &Listing) {
        let history = usize::try_from(self.policy.spec.history).unwrap_or(1).max(1);
        let new = self.report.plan_key.as_deref();
        let policy = format!("{}/{}", self.policy.namespace().unwrap_or_default(), self.policy.name_any());
        let old = plan_file::too_many(listing, &policy, new, history);
        if old.is_empty() {
            return;
        }
        let report = self.bucket.delete(&old).await;
        self.report.calls.deletes += report.requests;
        let gone = |key: &String| report.deleted.contains(key);
        let plans = listing.objects().iter().filter(|object| object.folder == Folder::Plans);
        for object in plans.filter(|object| gone(&listing.key(object))) {
            if let Some(usage) = &mut self.report.usage {
                usage.total.take(Tally { objects: 1, bytes: object.size });
            }
        }
    }

    async fn delete(&mut self, planned: &Planned) -> Result<(), End> {
        let Planned { listing, rules, references, plan } = planned;
        let guard = JobGuard::new(self.context, listing, plan, references);
        let (bucket, now, stop) = (self.bucket, self.context.now, self.stop);
        let totals = Deletion { bucket, listing, plan, now, grace: rules.grace, stop }.run(guard).await;
        self.report_deleted(&totals, &planned.rules, plan);
        if let Some(end) = totals.cut {
            return Err(end);
        }
        if totals.failed.objects > 0 {
            let unknown = || "their jobs changed after a try of which nobody knows the end".to_owned();
            let why = totals.first_failure.map_or_else(unknown, |error| error.to_string());
            let count = totals.failed.objects;
            self.failure =
                Some(format!("{count} files could not be deleted, the first of them because: {why}"));
        }
        Ok(())
    }

    fn report_deleted(&mut self, totals: &DeletionTotals, rules: &Rules, plan: &PrunePlan) {
        let report = &mut self.report;
        report.deleted = totals.deleted;
        report.failed = totals.failed;
        report.calls.heads += totals.heads;
        report.calls.deletes += totals.deletes;
        if let Some(usage) = &mut report.usage {
            for (kind, tally) in &totals.gone {
                usage.total.take(*tally);
                usage.by_kind.entry(*kind).or_default().take(*tally);
            }
        }
        let mut sums: HashMap<&'static str, Tally> = HashMap::new();
        for (why, tally) in &totals.kept {
            *sums.entry(why.words()).or_default() += *tally;
        }
        report.keep(sums);
        let left: u64 = totals.kept.values().map(|tally| tally.bytes).sum::<u64>() + totals.failed.bytes;
        let target = u64::try_from(rules.marks.target).unwrap_or_default();
        let after = plan.bytes_after().saturating_add(left);
        if report.shortfall.is_none() && after > target {
            report.shortfall = Some(format!(
                "{} stay, above the target of {}: {} of what was to be deleted are still there; the next run continues",
                size(after),
                size(target),
                size(left)
            ));
        }
    }

    /// Aborts what was left unfinished, but for what somebody may still be at: the uploads of jobs that are at work, or
    /// cannot be seen.
    async fn abort_uploads(&mut self, planned: &Planned) -> Result<(), End> {
        let age = i64::try_from(self.policy.spec.abort_uploads_after.as_secs()).unwrap_or(i64::MAX);
        let begun_before =
            self.context.now.checked_sub(SignedDuration::from_secs(age.max(planned.rules.grace)));
        self.report.calls.lists += 1;
        let begun_before = begun_before.unwrap_or(Timestamp::MIN);
        let references = &planned.references;
        let is_idle = |key: &str| {
            let ours = [Folder::Backups, Folder::Plans].iter().any(|folder| key.starts_with(folder.prefix()));
            ours || KeyParts::of(key).is_some_and(|parts| references.is_idle(&parts))
        };
        let aborting = Box::pin(self.bucket.abort_stale_uploads(is_idle, begun_before));
        let aborted = self.unless_stopped(aborting).await?;
        match aborted {
            Ok(count) => self.report.aborted_uploads = Some(count),
            Err(StorageError::Other { code, .. }) if is_unsupported(&code) => {
                self.notes.push("the server cannot list unfinished uploads, so none were aborted".to_owned());
            }
            // All else has been done: a permission that is missing for this is reported, and no failure.
            Err(error @ StorageError::Credentials { .. }) => self.notes.push(format!(
                "unfinished uploads were not aborted, for which the access key needs s3:ListBucketMultipartUploads and \
                 s3:AbortMultipartUpload: {error}"
            )),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn is_unsupported(code: &str) -> bool {
    matches!(code, "NotImplemented" | "MethodNotAllowed" | "HTTP 405" | "HTTP 501")
}
