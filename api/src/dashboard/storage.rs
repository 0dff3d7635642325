//! GET `/dashboard/storage`: how full the buckets are, what pruning did, and what comes next.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;
use videofactory_client::policy_run::RunStats;
use videofactory_crds::StoragePolicy;
use videofactory_crds::storagepolicy::{PruneOutcome, PruneRun, StorageLevel};
use videofactory_pipeline::{clock, keys};

use super::address;
use super::buttons::Call;
use super::formatting::{self, Moment, Tone};
use super::layout::{self, Frame, Place, Unreadable};
use crate::access::Caller;
use crate::health::UNSEEN;
use crate::problem::Problem;
use crate::query::{NamespaceQuery, Parameters};
use crate::reads::prune_plan::own_plan;
use crate::reads::storage::{self, PolicyStats};
use crate::state::State;

/// What R2 gives free each month: bytes, writes and listings, reads.
const FREE_BYTES: i64 = 10_000_000_000;
const FREE_WRITES: i64 = 1_000_000;
const FREE_READS: i64 = 10_000_000;
/// Whose free tier that is.
const R2: &str = ".r2.cloudflarestorage.com";

/// The page.
#[derive(Template)]
#[template(path = "dashboard/storage.html")]
struct StoragePage {
    frame: Frame,
    policies: Vec<PolicyView>,
    unreadable: Vec<Unreadable>,
}

/// A policy's bucket.
struct PolicyView {
    id: String,
    level: String,
    tone: Tone,
    message: String,
    used: String,
    limit: String,
    percent: String,
    objects: String,
    gauge: Gauge,
    kinds: Vec<KindView>,
    free: Vec<FreeView>,
    measured: Option<Moment>,
    next_run: Option<Moment>,
    next_run_in: String,
    next_backup: Option<Moment>,
    backup: String,
    runs: Vec<RunView>,
    calls: Vec<Call>,
}

/// Use against the marks, in thousandths of the gauge's width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Gauge {
    used: i64,
    is_over: bool,
    marks: Vec<Mark>,
    words: String,
}

/// A water mark.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    name: &'static str,
    at: i64,
    size: String,
    meaning: &'static str,
}

struct KindView {
    name: &'static str,
    size: String,
    objects: String,
    share: i64,
}

/// A part of the free tier.
struct FreeView {
    name: &'static str,
    words: String,
    percent: i64,
}

/// A prune run.
struct RunView {
    at: Moment,
    outcome: String,
    tone: Tone,
    what: String,
    kept: Vec<String>,
    message: String,
    /// Where its plan is; empty: it has left none.
    plan: String,
}

/// The buckets.
pub async fn get(
    Shared(state): Shared<State>,
    caller: Caller,
    Parameters(query): Parameters<NamespaceQuery>,
) -> Result<Response, Problem> {
    let listed = storage::listed(&state, &caller, &query).await?;
    let readable = listed.iter().filter_map(|policy| policy.0.as_ref().ok());
    let now = clock::now();
    let mut views: Vec<PolicyView> = readable.map(|policy| PolicyView::of(policy, now)).collect();
    views.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    layout::html(&StoragePage {
        frame: Frame::new("Storage", Place::Storage, caller.name()),
        policies: views,
        unreadable: layout::unreadable(&listed),
    })
}

impl PolicyView {
    fn of(policy: &StoragePolicy, now: Timestamp) -> Self {
        let stats = PolicyStats::of(policy);
        let (level, tone) = level(&stats);
        let runs = policy.status.iter().flat_map(|status| &status.runs);
        let backup = stats.last_backup.as_ref().map(|last| {
            let outcome = last.outcome.map_or_else(|| "under way".to_owned(), |outcome| outcome.to_string());
            format!("{outcome}, {}", formatting::from_now(last.due_at, now))
        });
        Self {
            level,
            tone,
            message: stats.message.clone().unwrap_or_else(|| UNSEEN.to_owned()),
            used: stats.size_bytes.map_or_else(|| "not measured yet".to_owned(), formatting::bytes),
            limit: formatting::bytes(stats.limit_bytes),
            percent: stats.percent.map(|percent| format!("{percent} %")).unwrap_or_default(),
            objects: stats
                .objects
                .map(|objects| format!("{} files", formatting::number(objects)))
                .unwrap_or_default(),
            gauge: Gauge::of(&stats),
            kinds: kinds(&stats),
            free: if policy.spec.bucket.endpoint.contains(R2) { free(&stats) } else { Vec::new() },
            measured: stats.measured_at.map(formatting::moment),
            next_run: stats.next_run_at.map(formatting::moment),
            next_run_in: stats.next_run_at.map(|at| formatting::from_now(at, now)).unwrap_or_default(),
            next_backup: stats.next_backup_at.map(formatting::moment),
            backup: backup.unwrap_or_else(|| "none yet".to_owned()),
            runs: runs
                .map(|run| RunView {
                    plan: plan(&stats.namespace, &stats.name, run),
                    ..RunView::of(run.clone().into())
                })
                .collect(),
            calls: calls(&stats.namespace, &stats.name),
            id: stats.id,
        }
    }
}

fn level(stats: &PolicyStats) -> (String, Tone) {
    if !stats.ready {
        return ("cannot be used".to_owned(), Tone::Bad);
    }
    match stats.level {
        None => ("not measured yet".to_owned(), Tone::Quiet),
        Some(level @ StorageLevel::Normal) => (level.to_string(), Tone::Good),
        Some(level @ StorageLevel::Warning) => (level.to_string(), Tone::Warn),
        Some(level @ (StorageLevel::Stopped | StorageLevel::Full)) => (level.to_string(), Tone::Bad),
    }
}

impl Gauge {
    fn of(stats: &PolicyStats) -> Self {
        let limit = stats.limit_bytes.max(1);
        let at = |bytes: i64| i64::try_from(i128::from(bytes) * 1000 / i128::from(limit)).unwrap_or(i64::MAX);
        let mark = |name: &'static str, bytes: i64, meaning: &'static str| Mark {
            name,
            at: at(bytes).clamp(0, 997),
            size: formatting::bytes(bytes),
            meaning,
        };
        let marks = vec![
            mark("target", stats.target_bytes, "pruning brings it down to this"),
            mark("warn", stats.warn_bytes, "a prune run begins"),
            mark("stop", stats.stop_bytes, "new jobs wait"),
            mark("limit", stats.limit_bytes, "only films whose scenes are made are finished"),
        ];
        let used = stats.size_bytes.unwrap_or_default();
        let words = format!("{} of {} used", formatting::bytes(used), formatting::bytes(stats.limit_bytes));
        Self { used: at(used).clamp(0, 1000), is_over: used >= stats.stop_bytes, marks, words }
    }
}

fn kinds(stats: &PolicyStats) -> Vec<KindView> {
    let all = stats.size_bytes.unwrap_or_default().max(1);
    let share =
        |bytes: i64| i64::try_from(i128::from(bytes) * 100 / i128::from(all)).unwrap_or(100).clamp(0, 100);
    let mut views: Vec<KindView> = stats
        .by_kind
        .iter()
        .map(|of| KindView {
            name: keys::folder(of.kind),
            size: formatting::bytes(of.size_bytes),
            objects: formatting::number(of.objects),
            share: share(of.size_bytes),
        })
        .collect();
    views.sort_unstable_by_key(|view| std::cmp::Reverse(view.share));
    views
}

fn free(stats: &PolicyStats) -> Vec<FreeView> {
    let percent =
        |used: i64, free: i64| i64::try_from(i128::from(used) * 100 / i128::from(free)).unwrap_or(i64::MAX);
    let operations = stats.operations.as_ref();
    let count = |name, used: Option<i64>, free: i64| FreeView {
        name,
        words: used.map_or_else(
            || "not known yet".to_owned(),
            |used| format!("about {} of {} a month", formatting::number(used), formatting::number(free)),
        ),
        percent: percent(used.unwrap_or_default(), free).min(100),
    };
    let bytes = stats.size_bytes.unwrap_or_default();
    vec![
        FreeView {
            name: "Space",
            words: format!("{} of {}", formatting::bytes(bytes), formatting::bytes(FREE_BYTES)),
            percent: percent(bytes, FREE_BYTES).min(100),
        },
        count("Writes and listings", operations.and_then(|of| of.class_a_per_month), FREE_WRITES),
        count("Reads", operations.and_then(|of| of.class_b_per_month), FREE_READS),
    ]
}

impl RunView {
    fn of(run: RunStats) -> Self {
        let planned = if run.dry_run { "would delete" } else { "deleted" };
        let took = run
            .duration_seconds
            .map(|seconds| format!(" in {}", formatting::span(i64::try_from(seconds).unwrap_or(i64::MAX))));
        let cause = run.cause.map(|cause| format!("{cause}: ")).unwrap_or_default();
        let failed = if run.failed_objects > 0 {
            format!(", {} could not be deleted", run.failed_objects)
        } else {
            String::new()
        };
        let (outcome, tone) = match run.outcome {
            None => ("under way".to_owned(), Tone::Busy),
            Some(outcome @ PruneOutcome::Completed) => (outcome.to_string(), Tone::Good),
            Some(outcome @ PruneOutcome::Failed) => (outcome.to_string(), Tone::Bad),
            Some(outcome) => (outcome.to_string(), Tone::Warn),
        };
        let kept = run.kept_because.iter();
        Self {
            at: formatting::moment(run.due_at),
            outcome: if run.dry_run { format!("{outcome} (plan only)") } else { outcome },
            tone,
            what: format!(
                "{cause}{planned} {} files, {}{}{failed}",
                run.deleted_objects,
                formatting::bytes(run.deleted_bytes),
                took.unwrap_or_default()
            ),
            kept: kept
                .map(|of| {
                    format!("{} files, {}: {}", of.objects, formatting::bytes(of.size_bytes), of.reason)
                })
                .collect(),
            plan: String::new(),
            message: [run.message, run.shortfall].into_iter().flatten().collect::<Vec<_>>().join(" "),
        }
    }
}

/// Where a run's plan can be read.
fn plan(namespace: &str, name: &str, run: &PruneRun) -> String {
    let has_plan = own_plan(namespace, name, run).is_some();
    if has_plan { format!("/storage/{namespace}/{name}/plans/{}", run.slot.0) } else { String::new() }
}

fn calls(namespace: &str, name: &str) -> Vec<Call> {
    let path = |dry_run: &str| {
        address::with("/storage/cleanup", &[("namespace", namespace), ("policy", name), ("dry_run", dry_run)])
    };
    let plugin = |flag: &str| format!("kubectl videofactory cleanup -n {namespace} --policy {name}{flag}");
    vec![
        Call::post("Plan only", path("true"), None).plugin(plugin(" --dry-run")),
        Call::post("Prune now", path(""), None).plugin(plugin("")).look("danger").confirm(format!(
            "Prune {namespace}/{name} now? Files that its rules name are deleted. Plan only shows which."
        )),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn policy(bytes: i64) -> StoragePolicy {
        let ready = json!([{"type": "Ready", "status": "True", "reason": "Available", "message": "fine", "lastTransitionTime": "2026-12-24T18:00:00Z"}]);
        let run = json!({"slot": "2026-12-24T03:00:00Z", "cause": "Schedule", "deletedObjects": 12, "deletedBytes": 1_500_000, "duration": "65s",
                         "outcome": "Completed", "keptBecause": [{"reason": "newer than 7d", "objects": 3, "bytes": 900}]});
        let status = json!({"conditions": ready, "level": "Warning", "runs": [run],
                            "usage": {"bytes": bytes, "objects": 7, "byKind": [{"kind": "work", "bytes": 1, "objects": 1}, {"kind": "videos", "bytes": bytes - 1, "objects": 6}]}});
        serde_json::from_value(testing::policy("films", &status)).unwrap()
    }

    #[test]
    fn a_bucket_is_shown_against_its_marks() {
        let view = PolicyView::of(&policy(9_000_000_000), Timestamp::UNIX_EPOCH);
        assert_eq!(
            (view.gauge.used, view.gauge.is_over, view.gauge.words.as_str()),
            (900, false, "9 GB of 10 GB used")
        );
        let marks: Vec<(&str, i64)> = view.gauge.marks.iter().map(|mark| (mark.name, mark.at)).collect();
        assert_eq!(marks, [("target", 800), ("warn", 900), ("stop", 950), ("limit", 997)]);
        assert_eq!((view.kinds[0].name, view.kinds[0].share), ("videos", 99));
        assert_eq!((view.level.as_str(), view.tone), ("Warning", Tone::Warn));
        assert!(view.free.is_empty(), "it is not R2");
        assert!(PolicyView::of(&policy(20_000_000_000), Timestamp::UNIX_EPOCH).gauge.is_over);
    }

    #[test]
    fn a_run_says_what_it_did_and_what_it_kept() {
        let view = PolicyView::of(&policy(9), Timestamp::UNIX_EPOCH);
        let run = &view.runs[0];
        assert_eq!(run.what, "Schedule: deleted 12 files, 1.5 MB in 1 min 5 s");
        assert_eq!(
            (run.outcome.as_str(), run.kept.as_slice()),
            ("Completed", ["3 files, 900 B: newer than 7d".to_owned()].as_slice())
        );
        assert_eq!(run.plan, "", "it has left none");
        assert_eq!(view.message, "fine");
        let unseen: StoragePolicy = serde_json::from_value(testing::policy("films", &json!({}))).unwrap();
        let view = PolicyView::of(&unseen, Timestamp::UNIX_EPOCH);
        assert_eq!((view.level.as_str(), view.message.as_str()), ("cannot be used", UNSEEN));
        assert_eq!(view.calls[0].path, "/storage/cleanup?namespace=films&policy=default&dry_run=true");
    }
}
