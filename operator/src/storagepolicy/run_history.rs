//! The history of runs: the intent before a run, and its report after it. Pure.
//!
//! A run stands in the status before it begins, without an outcome. Who finds one there and does not know of it, knows
//! that it was broken off; what follows is in `interrupted_run`.

use jiff::Timestamp;
use videofactory_crds::StoragePolicyStatus;
use videofactory_crds::bounds::MAX_HISTORY_BYTES;
use videofactory_crds::condition::whole_seconds;
use videofactory_crds::storagepolicy::{BackupOutcome, BackupRun, PruneOutcome, PruneRun};

use super::plan::RunRequest;
use super::usage::size;
use crate::events::{Event, EventReason, MAX_TEXT_BYTES, cut};

/// A run that is about to begin.
#[must_use]
pub fn begun(run_request: &RunRequest) -> PruneRun {
    PruneRun {
        slot: whole_seconds(run_request.slot),
        cause: Some(run_request.cause),
        dry_run: run_request.dry_run.then_some(true),
        older_than: run_request.older_than,
        deleted_objects: None,
        deleted_bytes: None,
        failed_objects: None,
        kept_because: Vec::new(),
        duration: None,
        outcome: None,
        bytes_after: None,
        message: None,
        shortfall: None,
        plan_key: None,
    }
}

/// Writes the intent of a run.
pub fn begin(status: &mut StoragePolicyStatus, run_request: &RunRequest, history: i32) {
    let run = begun(run_request);
    status.last_run = Some(run.slot.clone());
    status.runs.insert(0, run);
    keep(status, history);
}

/// Writes what has become of a run into its intent.
pub fn end(status: &mut StoragePolicyStatus, mut run: PruneRun, history: i32) -> Event {
    for text in [&mut run.message, &mut run.shortfall].into_iter().flatten() {
        *text = cut(text, MAX_TEXT_BYTES);
    }
    let event = event_of(&run);
    match status.runs.first_mut() {
        Some(intent) if intent.outcome.is_none() && intent.slot == run.slot => *intent = run,
        _ => status.runs.insert(0, run),
    }
    keep(status, history);
    event
}

/// Whether a run has made room.
#[must_use]
pub fn freed(run: &PruneRun) -> bool {
    run.dry_run != Some(true) && run.deleted_objects.is_some_and(|deleted| deleted > 0)
}

/// Forgets the oldest runs. The last that was meant stays: it says since when a run is owed, however often somebody
/// has only planned since.
fn keep(status: &mut StoragePolicyStatus, history: i32) {
    let is_meant = |run: &&PruneRun| run.dry_run != Some(true);
    let meant = status.runs.iter().find(is_meant).cloned();
    forget(status, history);
    if let Some(meant) = meant.filter(|_| !status.runs.iter().any(|run| is_meant(&run))) {
        if status.runs.len() > 1 {
            status.runs.pop();
        }
        status.runs.push(meant);
    }
}

fn forget(status: &mut StoragePolicyStatus, history: i32) {
    status.runs.truncate(usize::try_from(history).unwrap_or(1).max(1));
    let mut used = 0;
    let fits = status.runs.iter().take_while(|run| {
        used += serde_json::to_string(run).map_or(0, |text| text.len());
        used <= MAX_HISTORY_BYTES
    });
    let fitting = fits.count().max(1);
    status.runs.truncate(fitting);
}

/// What is reported of a run.
#[must_use]
pub fn event_of(run: &PruneRun) -> Event {
    let objects = run.deleted_objects.unwrap_or_default();
    let bytes = size(run.deleted_bytes.unwrap_or_default());
    let files = if objects == 1 { "1 file".to_owned() } else { format!("{objects} files") };
    let dry = run.dry_run == Some(true);
    let done = if dry {
        format!("{files} of {bytes} would be deleted")
    } else {
        format!("{files} of {bytes} were deleted")
    };
    let plan = run.plan_key.as_deref().map(|key| format!("; the plan is {key}")).unwrap_or_default();
    let why = run.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    let slot = run.slot.0;
    let (warning, reason, note) = match run.outcome {
        None | Some(PruneOutcome::Completed) => {
            let reason = if dry { EventReason::PrunePlanned } else { EventReason::Pruned };
            (run.failed_objects.is_some_and(|failed| failed > 0), reason, format!("{done}{why}{plan}"))
        }
        Some(PruneOutcome::Braked) => {
            let note = format!("{done}, and more that the rules want gone was kept by the brakes{why}{plan}");
            (true, EventReason::PruneBraked, note)
        }
        Some(PruneOutcome::Interrupted) => (
            true,
            EventReason::PruneInterrupted,
            format!("the prune run was interrupted; {done} before{why}{plan}"),
        ),
        Some(PruneOutcome::Cancelled) => (
            true,
            EventReason::PruneCancelled,
            format!("the prune run was interrupted, and does not continue; {done} before{why}{plan}"),
        ),
        Some(PruneOutcome::Failed) => {
            (true, EventReason::PruneFailed, format!("the prune run failed; {done}{why}{plan}"))
        }
    };
    let note = format!("run of {slot:.0}: {note}");
    Event { warning, reason, action: "Prune".to_owned(), note }
}

/// A backup that is about to begin.
#[must_use]
pub fn backup_begun(slot: Timestamp) -> BackupRun {
    BackupRun {
        slot: whole_seconds(slot),
        resumed: None,
        outcome: None,
        key: None,
        items: None,
        bytes: None,
        kept: None,
        message: None,
    }
}

/// What is reported of a backup.
#[must_use]
pub fn event_of_backup(run: &BackupRun) -> Event {
    let why = run.message.as_deref().unwrap_or_default();
    let (warning, reason, note) = match run.outcome {
        Some(BackupOutcome::Completed) => {
            let items = run.items.unwrap_or_default();
            let key = run.key.as_deref().unwrap_or_default();
            (false, EventReason::BackedUp, format!("{items} objects are backed up in {key}"))
        }
        _ => (true, EventReason::BackupFailed, format!("the backup of {:.0} failed: {why}", run.slot.0)),
    };
    Event { warning, reason, action: "BackUp".to_owned(), note: cut(&note, MAX_TEXT_BYTES) }
}

#[cfg(test)]
mod tests {
    use videofactory_crds::storagepolicy::PruneCause;

    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn run_request(cause: PruneCause) -> RunRequest {
        let older_than = Some("7d".parse().unwrap());
        RunRequest { slot: at("2026-01-01T10:00:00Z"), cause, dry_run: true, older_than }
    }

    #[test]
    fn a_long_history_of_wordy_runs_has_its_room() {
        let mut status = StoragePolicyStatus::default();
        for minute in 0..100 {
            let run_request = RunRequest {
                slot: at(&format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60)),
                ..run_request(PruneCause::Schedule)
            };
            begin(&mut status, &run_request, 100);
            let words = Some("x".repeat(5_000));
            let report = PruneRun {
                outcome: Some(PruneOutcome::Failed),
                message: words.clone(),
                shortfall: words,
                ..begun(&run_request)
            };
            end(&mut status, report, 100);
        }
        let bytes = serde_json::to_string(&status.runs).unwrap().len();
        assert!((MAX_HISTORY_BYTES / 2..=MAX_HISTORY_BYTES + 200).contains(&bytes), "{bytes}");
        assert_eq!(status.runs[0].slot.0, at("2026-01-01T01:39:00Z"), "the newest is kept");
    }

    #[test]
    fn however_often_it_is_planned_the_last_run_that_was_meant_stays_known() {
        let mut status = StoragePolicyStatus::default();
        begin(&mut status, &RunRequest { dry_run: false, ..run_request(PruneCause::Schedule) }, 3);
        for minute in 1..5 {
            let slot = at(&format!("2026-01-01T11:0{minute}:00Z"));
            begin(&mut status, &RunRequest { slot, dry_run: true, ..run_request(PruneCause::Request) }, 3);
        }
        let kept: Vec<_> = status.runs.iter().map(|run| (run.slot.0, run.dry_run)).collect();
        assert_eq!(
            kept,
            [
                (at("2026-01-01T11:04:00Z"), Some(true)),
                (at("2026-01-01T11:03:00Z"), Some(true)),
                (run_request(PruneCause::Schedule).slot, None),
            ]
        );
    }

    #[test]
    fn a_report_takes_the_place_of_its_intent_and_history_is_kept_short() {
        let mut status = StoragePolicyStatus::default();
        for hour in 0..5 {
            let slot = at(&format!("2026-01-01T0{hour}:00:00Z"));
            let run_request =
                RunRequest { slot, cause: PruneCause::Schedule, dry_run: false, older_than: None };
            begin(&mut status, &run_request, 3);
            let report = PruneRun {
                outcome: Some(PruneOutcome::Completed),
                deleted_objects: Some(hour),
                deleted_bytes: Some(1_000),
                ..begun(&run_request)
            };
            let event = end(&mut status, report, 3);
            assert!(!event.warning && event.note.contains("1 kB were deleted"), "{}", event.note);
        }
        let deleted: Vec<_> = status.runs.iter().filter_map(|run| run.deleted_objects).collect();
        assert_eq!(deleted, [4, 3, 2]);
        assert_eq!(status.last_run.map(|slot| slot.0), Some(at("2026-01-01T04:00:00Z")));
    }
}
