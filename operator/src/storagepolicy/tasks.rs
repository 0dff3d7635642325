//! What runs beside the looks: measuring, pruning, backing up. Each ends with a report, whatever happens.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use videofactory_crds::StoragePolicy;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{KeptBecause, KindUsage, PruneOutcome, PruneRun, StorageUsage};
use videofactory_crds::units::Duration;
use videofactory_pipeline::clock;
use videofactory_storage::Bucket;

use super::backup;
use super::decide::{Action, Report};
use super::overlapping_policies::{covered_namespaces, respected_peers};
use super::ownership::{Ownership, acquire};
use super::plan::RunRequest;
use super::prune::{self, KubeJobs, ListingMemory, RECHECK_AFTER, RunContext, RunReport, Usage};
use super::run_history::begun;
use crate::bucket;
use crate::context::Context;

/// Folders of others that the status names.
const MAX_FOLDERS: usize = 10;

/// Does what was decided. No report: it was stopped before it had one, and the next operator continues by the status.
pub async fn act(
    context: &Context,
    listing_memory: &ListingMemory,
    policy: &StoragePolicy,
    action: Action,
    stop: &CancellationToken,
) -> Option<Report> {
    match action {
        // What has no end of its own that would be worth a report is dropped.
        Action::Measure => stop.run_until_cancelled(measure(context, policy)).await,
        Action::BackUp { slot } => stop.run_until_cancelled(back_up(context, policy, slot)).await,
        Action::Prune(run_request) => Some(prune(context, listing_memory, policy, &run_request, stop).await),
    }
}

/// What is reported of something that failed by a fault of ours.
#[must_use]
pub fn broken(action: &Action) -> Report {
    let why = "the operator failed over it, which is a bug: see its log".to_owned();
    match action {
        Action::Measure => Report::Measured(None),
        Action::Prune(run_request) => Report::Pruned(Box::new(failed(run_request, why)), None),
        Action::BackUp { slot } => Report::BackedUp(backup::failed(*slot, why)),
    }
}

async fn open(context: &Context, policy: &StoragePolicy) -> Result<Bucket, String> {
    let opened = bucket::open(&context.client, &context.network, policy).await;
    opened.map_err(|error| error.to_string())
}

/// Opens the bucket of a policy whose place is this cluster's at this moment.
async fn open_own(context: &Context, policy: &StoragePolicy) -> Result<Bucket, String> {
    let bucket = open(context, policy).await?;
    let cluster = context.cluster.uid(&context.client).await.map_err(|error| error.to_string())?;
    match acquire(&bucket.with_short_timeouts(), cluster, policy).await {
        Ok(Ownership::Ours(_)) => Ok(bucket),
        Ok(Ownership::Others(why)) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

async fn measure(context: &Context, policy: &StoragePolicy) -> Report {
    let measured = match open(context, policy).await {
        Ok(bucket) => prune::measure(&bucket).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match measured {
        Ok(measured) => {
            let before = policy.status.as_ref().and_then(|status| status.usage.as_ref());
            Report::Measured(Some(StorageUsage {
                // Only a run looks at names.
                unknown_objects: before.and_then(|usage| usage.unknown_objects),
                foreign_folders: before.map(|usage| usage.foreign_folders.clone()).unwrap_or_default(),
                ..usage(&measured.usage, clock::now())
            }))
        }
        Err(error) => {
            tracing::warn!(error, "the bucket was not measured");
            Report::Measured(None)
        }
    }
}

async fn back_up(context: &Context, policy: &StoragePolicy, slot: Timestamp) -> Report {
    Report::BackedUp(match open_own(context, policy).await {
        Ok(bucket) => backup::back_up(context, &bucket, policy, slot, clock::now()).await,
        Err(error) => backup::failed(slot, error),
    })
}

async fn prune(
    context: &Context,
    listing_memory: &ListingMemory,
    policy: &StoragePolicy,
    run_request: &RunRequest,
    stop: &CancellationToken,
) -> Report {
    let bucket = match stop.run_until_cancelled(open_own(context, policy)).await {
        Some(Ok(bucket)) => bucket,
        Some(Err(error)) => return Report::Pruned(Box::new(failed(run_request, error)), None),
        None => {
            let run = PruneRun { outcome: Some(PruneOutcome::Interrupted), ..begun(run_request) };
            return Report::Pruned(Box::new(run), None);
        }
    };
    let jobs = KubeJobs::new(context.clone());
    // As far as we see policies.
    let sharing = respected_peers(&context.caches.policies.state(), policy);
    let namespaces = covered_namespaces(policy, &sharing);
    let run_context = RunContext {
        jobs: &jobs,
        namespaces: &namespaces,
        sharing: &sharing,
        listing_memory,
        now: clock::now(),
        recheck_after: RECHECK_AFTER,
    };
    let report = Box::pin(prune::prune(&run_context, policy, &bucket, run_request, stop)).await;
    tracing::info!(?report, "a prune run has ended");
    report_of(run_request, &report, clock::now())
}

fn failed(run_request: &RunRequest, why: String) -> PruneRun {
    PruneRun { outcome: Some(PruneOutcome::Failed), message: Some(why), ..begun(run_request) }
}

/// A report as the status has it.
fn report_of(run_request: &RunRequest, report: &RunReport, now: Timestamp) -> Report {
    let measured = report.usage.as_ref().map(|found| StorageUsage {
        unknown_objects: Some(count(report.unknown.tally.objects)),
        foreign_folders: report.foreign.iter().take(MAX_FOLDERS).cloned().collect(),
        ..usage(found, now)
    });
    let kept = report.kept.iter().map(|kept| KeptBecause {
        reason: kept.reason.clone(),
        objects: count(kept.tally.objects),
        bytes: count(kept.tally.bytes),
    });
    let run = PruneRun {
        deleted_objects: Some(count(report.deleted.objects)),
        deleted_bytes: Some(count(report.deleted.bytes)),
        failed_objects: Some(count(report.failed.objects)).filter(|failed| *failed > 0),
        kept_because: kept.collect(),
        duration: Some(Duration::from_secs(report.duration.as_secs())),
        outcome: Some(report.outcome),
        bytes_after: measured.as_ref().and_then(|usage| usage.bytes),
        message: Some(report.message.clone()).filter(|message| !message.is_empty()),
        shortfall: report.shortfall.clone(),
        plan_key: report.plan_key.clone(),
        ..begun(run_request)
    };
    Report::Pruned(Box::new(run), measured)
}

/// What was found, by kind; the rest is what no rule speaks of.
fn usage(found: &Usage, now: Timestamp) -> StorageUsage {
    let by_kind: Vec<KindUsage> = found
        .by_kind
        .iter()
        .map(|(kind, tally)| KindUsage {
            kind: *kind,
            bytes: count(tally.bytes),
            objects: count(tally.objects),
        })
        .collect();
    let of_kinds: u64 = found.by_kind.values().map(|tally| tally.bytes).sum();
    StorageUsage {
        bytes: Some(count(found.total.bytes)),
        objects: Some(count(found.total.objects)),
        by_kind,
        other_bytes: Some(count(found.total.bytes.saturating_sub(of_kinds))),
        unknown_objects: None,
        foreign_folders: Vec::new(),
        measured_at: Some(whole_seconds(now)),
        percent: None,
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use videofactory_crds::storagepolicy::{ObjectKind, PruneCause};

    use super::super::plan::Tally;
    use super::super::prune::{Calls, Kept, Unknown};
    use super::*;

    fn tally(objects: u64, bytes: u64) -> Tally {
        Tally { objects, bytes }
    }

    fn run_request() -> RunRequest {
        let slot = "2026-01-01T03:00:00Z".parse().unwrap();
        RunRequest { slot, cause: PruneCause::Schedule, dry_run: false, older_than: None }
    }

    #[test]
    fn a_report_is_written_in_full() {
        let report = RunReport {
            slot: run_request().slot,
            cause: PruneCause::Schedule,
            dry_run: false,
            deleted: tally(3, 300),
            failed: tally(1, 100),
            kept: vec![Kept { reason: "in use".into(), tally: tally(2, 200) }],
            duration: std::time::Duration::from_millis(2_700),
            outcome: PruneOutcome::Braked,
            plan_key: Some("plans/films/default/20260101T030000Z.jsonl.gz".into()),
            message: String::new(),
            usage: Some(Usage {
                total: tally(9, 900),
                by_kind: BTreeMap::from([(ObjectKind::Clips, tally(4, 700))]),
            }),
            unknown: Unknown { tally: tally(5, 50), examples: Vec::new() },
            foreign: (0..20).map(|number| format!("folder-{number}/")).collect(),
            shortfall: Some("clips hold it".into()),
            aborted_uploads: None,
            calls: Calls::default(),
        };
        let now = "2026-01-01T03:00:03Z".parse().unwrap();
        let Report::Pruned(run, Some(usage)) = report_of(&run_request(), &report, now) else {
            panic!("not measured")
        };
        assert_eq!(
            (run.deleted_objects, run.deleted_bytes, run.failed_objects),
            (Some(3), Some(300), Some(1))
        );
        assert_eq!((run.cause, run.outcome), (Some(PruneCause::Schedule), Some(PruneOutcome::Braked)));
        assert_eq!((run.bytes_after, run.message.clone()), (Some(900), None));
        assert_eq!(run.duration, Some(Duration::from_secs(2)));
        assert_eq!(run.kept_because[0].bytes, 200);
        assert_eq!((usage.other_bytes, usage.unknown_objects), (Some(200), Some(5)));
        assert_eq!(usage.foreign_folders.len(), MAX_FOLDERS);
        assert_eq!(usage.by_kind[0].objects, 4);
    }

    #[test]
    fn a_fault_of_ours_is_reported_as_a_failure_of_what_was_begun() {
        let Report::Pruned(run, None) = broken(&Action::Prune(run_request())) else { panic!("no run") };
        assert_eq!((run.outcome, run.slot.0), (Some(PruneOutcome::Failed), run_request().slot));
        let Report::BackedUp(run) = broken(&Action::BackUp { slot: run_request().slot }) else {
            panic!("no backup")
        };
        assert!(run.message.is_some_and(|message| message.contains("bug")));
    }
}
