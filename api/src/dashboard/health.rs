//! GET `/dashboard/health`: the checks of the installation, and the runbook's lists for each day, week and month, which tick
//! themselves.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use videofactory_crds::provideraccount::CREDENTIALS_EXPIRE_SOON;
use videofactory_crds::storagepolicy::{BackupOutcome, PruneOutcome, StorageLevel};
use videofactory_crds::videojob::PublicationState;
use videofactory_crds::{ProviderAccount, StoragePolicy, VideoJob};
use videofactory_pipeline::clock;

use super::formatting::{self, Tone};
use super::layout::{self, Frame, Place};
use crate::access::{Caller, Permission};
use crate::checks::Check;
use crate::problem::Problem;
use crate::reads::metrics_json::{self, JobMetrics, QuotaMetrics};
use crate::state::State;

/// How old the last of what is due each week and each month may be.
const WEEK: SignedDuration = SignedDuration::from_hours(8 * 24);
const MONTH: SignedDuration = SignedDuration::from_hours(32 * 24);

/// The page.
#[derive(Template)]
#[template(path = "dashboard/health.html")]
struct HealthPage {
    frame: Frame,
    is_healthy: bool,
    checks: Vec<CheckView>,
    lists: Vec<List>,
    curl: String,
}

/// A check of the installation.
struct CheckView {
    name: String,
    word: &'static str,
    tone: Tone,
    message: String,
    took: String,
}

/// A list of the runbook.
struct List {
    title: &'static str,
    items: Vec<Item>,
}

/// One thing to look after.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    is_done: bool,
    what: &'static str,
    /// What was found.
    found: String,
    /// Where to look; empty: here.
    href: &'static str,
}

/// What the lists are made of.
struct Facts<'a> {
    checks: &'a [Check],
    jobs: &'a JobMetrics,
    quotas: &'a [QuotaMetrics],
    policies: Vec<&'a StoragePolicy>,
    accounts: Vec<&'a ProviderAccount>,
    /// Publications that have ended well, and those that have not.
    published: (usize, usize),
    now: Timestamp,
}

/// The health of the installation.
pub async fn get(Shared(state): Shared<State>, caller: Caller) -> Result<Response, Problem> {
    for path in ["/health/full", "/metrics"] {
        state.authorizer.check(&caller.user, Permission::Path(path)).await?;
    }
    let checks = crate::health::checks(&state).await;
    let now = clock::now();
    let numbers = metrics_json::numbers(&state, now);
    let (policies, accounts) = (state.stores.policies.state(), state.stores.accounts.state());
    let jobs = state.stores.videojobs.state();
    let facts = Facts {
        checks: &checks,
        jobs: &numbers.jobs,
        quotas: &numbers.quota,
        policies: policies.iter().filter_map(|policy| policy.0.as_ref().ok()).collect(),
        accounts: accounts.iter().filter_map(|account| account.0.as_ref().ok()).collect(),
        published: published(jobs.iter().filter_map(|job| job.0.as_ref().ok())),
        now,
    };
    layout::html(&HealthPage {
        frame: Frame::new("Health", Place::Health, caller.name()),
        is_healthy: checks.iter().all(|check| check.healthy),
        lists: lists(&facts),
        checks: checks.iter().map(CheckView::of).collect(),
        curl: format!("curl localhost:{}/health/full", crate::PORT),
    })
}

impl CheckView {
    fn of(check: &Check) -> Self {
        let (word, tone) = if check.healthy { ("well", Tone::Good) } else { ("not well", Tone::Bad) };
        Self {
            name: check.name.clone(),
            word,
            tone,
            message: check.message.clone(),
            took: check.latency_ms.map(|took| format!("{took} ms")).unwrap_or_default(),
        }
    }
}

/// How many publications have ended well, and how many not.
fn published<'a>(jobs: impl Iterator<Item = &'a VideoJob>) -> (usize, usize) {
    let states = jobs.flat_map(|job| job.status.iter()).flat_map(|status| &status.publications);
    let states = states.filter_map(|publication| publication.state);
    states.fold((0, 0), |(well, badly), state| match state {
        PublicationState::Published | PublicationState::Scheduled => (well + 1, badly),
        PublicationState::Refused | PublicationState::Unknown => (well, badly + 1),
        PublicationState::Pending | PublicationState::Uploading => (well, badly),
    })
}

fn lists(facts: &Facts<'_>) -> Vec<List> {
    vec![
        List { title: "Each day", items: vec![services(facts), people(facts), space(facts)] },
        List { title: "Each week", items: vec![failed(facts), pruned(facts), quotas(facts)] },
        List { title: "Each month", items: vec![backups(facts), publications(facts), keys(facts)] },
    ]
}

/// An item about objects: it is done if nothing is wrong with any.
fn item(what: &'static str, href: &'static str, wrong: &[String], well: String) -> Item {
    let found = match wrong {
        [] => well,
        [one] => one.clone(),
        [one, others @ ..] => format!("{one}, and {} more", others.len()),
    };
    Item { is_done: wrong.is_empty(), what, found, href }
}

fn services(facts: &Facts<'_>) -> Item {
    let ill = facts.checks.iter().filter(|check| !check.healthy);
    let wrong: Vec<String> = ill.map(|check| format!("{}: {}", check.name, check.message)).collect();
    item("All services are well", "", &wrong, format!("{} checks", facts.checks.len()))
}

fn people(facts: &Facts<'_>) -> Item {
    let waiting = facts.jobs.stalled;
    let wrong: Vec<String> = (waiting > 0)
        .then(|| formatting::count(waiting, "job waits for a person", "jobs wait for a person"))
        .into_iter()
        .collect();
    item("No job is stuck or waits for a person", "/dashboard?needs=person", &wrong, "none".to_owned())
}

fn name_of(metadata: &ObjectMeta) -> String {
    let [namespace, name] =
        [&metadata.namespace, &metadata.name].map(|part| part.as_deref().unwrap_or_default());
    format!("{namespace}/{name}")
}

fn space(facts: &Facts<'_>) -> Item {
    let wrong: Vec<String> = facts
        .policies
        .iter()
        .filter_map(|policy| {
            let level = policy.status.as_ref()?.level.filter(|level| *level != StorageLevel::Normal)?;
            Some(format!("{} is at {level}", name_of(&policy.metadata)))
        })
        .collect();
    let well =
        formatting::count(facts.policies.len(), "bucket is below its mark", "buckets are below their marks");
    item("Buckets have room", "/dashboard/storage", &wrong, well)
}

fn failed(facts: &Facts<'_>) -> Item {
    let failed = usize::try_from(facts.jobs.failed).unwrap_or_default();
    let wrong: Vec<String> = (failed > 0)
        .then(|| formatting::count(failed, "job has failed", "jobs have failed"))
        .into_iter()
        .collect();
    item("Failed jobs were looked at", "/dashboard?phase=Failed", &wrong, "none has failed".to_owned())
}

fn pruned(facts: &Facts<'_>) -> Item {
    let is_recent = |policy: &StoragePolicy| {
        let runs = policy.status.iter().flat_map(|status| &status.runs);
        let mut runs =
            runs.filter(|run| run.dry_run != Some(true) && run.outcome == Some(PruneOutcome::Completed));
        runs.any(|run| facts.now.duration_since(run.slot.0) <= WEEK)
    };
    let wrong = overdue(facts, WEEK, "was not pruned for a week", is_recent);
    item(
        "Old clips were cleaned up",
        "/dashboard/storage",
        &wrong,
        "no bucket has gone a week without it".to_owned(),
    )
}

fn quotas(facts: &Facts<'_>) -> Item {
    let spent = facts.quotas.iter().filter(|quota| quota.remaining == 0 && quota.limit > 0);
    let wrong: Vec<String> = spent
        .map(|quota| format!("{}/{}: {} is used up", quota.namespace, quota.account, quota.quota))
        .collect();
    item(
        "Quotas have something left",
        "/dashboard/accounts",
        &wrong,
        format!("{} quotas", facts.quotas.len()),
    )
}

fn backups(facts: &Facts<'_>) -> Item {
    let is_recent = |policy: &StoragePolicy| {
        let backup = policy.status.as_ref().and_then(|status| status.backup.as_ref());
        backup.is_some_and(|last| {
            last.outcome == Some(BackupOutcome::Completed) && facts.now.duration_since(last.slot.0) <= MONTH
        })
    };
    let wrong = overdue(facts, MONTH, "has no backup of this month", is_recent);
    item(
        "There is a backup",
        "/dashboard/storage",
        &wrong,
        "no bucket has gone a month without one".to_owned(),
    )
}

/// The buckets for which something has not been done for this long. A younger one has not missed anything yet.
fn overdue(
    facts: &Facts<'_>,
    limit: SignedDuration,
    missed: &str,
    is_recent: impl Fn(&StoragePolicy) -> bool,
) -> Vec<String> {
    let is_old = |policy: &StoragePolicy| {
        let created = policy.metadata.creation_timestamp.as_ref();
        created.is_none_or(|created| facts.now.duration_since(created.0) > limit)
    };
    let overdue = facts.policies.iter().filter(|policy| is_old(policy) && !is_recent(policy));
    overdue.map(|policy| format!("{} {missed}", name_of(&policy.metadata))).collect()
}

fn publications(facts: &Facts<'_>) -> Item {
    let (well, badly) = facts.published;
    let wrong: Vec<String> = (badly > 0)
        .then(|| format!("{badly} of {} were refused, or are unknown", well + badly))
        .into_iter()
        .collect();
    item("Publications ended well", "/dashboard", &wrong, format!("{well} of {well}"))
}

fn keys(facts: &Facts<'_>) -> Item {
    let ends = |account: &&&ProviderAccount| {
        let at = account.spec.credentials_expire_at.as_ref();
        at.is_some_and(|at| at.0.duration_since(facts.now) <= CREDENTIALS_EXPIRE_SOON)
    };
    let soon = facts.accounts.iter().filter(ends);
    let wrong: Vec<String> =
        soon.map(|account| format!("those of {} end soon", name_of(&account.metadata))).collect();
    let well = format!("none ends in the next {} days", CREDENTIALS_EXPIRE_SOON.as_hours() / 24);
    item("API keys stay valid", "/dashboard/accounts", &wrong, well)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn the_lists_tick_themselves() {
        let now: Timestamp = "2026-12-24T00:00:00Z".parse().unwrap();
        let run =
            |slot: &str, dry_run: bool| json!({"slot": slot, "dryRun": dry_run, "outcome": "Completed"});
        let policy = |runs: serde_json::Value, level: &str| -> StoragePolicy {
            let backup = json!({"slot": "2026-12-20T04:00:00Z", "outcome": "Completed"});
            serde_json::from_value(testing::policy(
                "films",
                &json!({"runs": runs, "level": level, "backup": backup}),
            ))
            .unwrap()
        };
        let good = policy(json!([run("2026-12-23T03:00:00Z", false)]), "Normal");
        let bad =
            policy(json!([run("2026-12-23T03:00:00Z", true), run("2026-12-01T03:00:00Z", false)]), "Stopped");
        let jobs = JobMetrics {
            total: 3,
            by_phase: std::collections::BTreeMap::new(),
            success_rate: None,
            ended_recently: 0,
            failed: 2,
            stalled: 0,
            oldest_waiting: None,
            unreadable: 0,
        };
        let done = |policies: Vec<&StoragePolicy>| {
            let facts = Facts {
                checks: &[],
                jobs: &jobs,
                quotas: &[],
                policies,
                accounts: Vec::new(),
                published: (3, 0),
                now,
            };
            let items = lists(&facts).into_iter().flat_map(|list| list.items);
            items.map(|item| item.is_done).collect::<Vec<_>>()
        };
        assert_eq!(done(vec![&good]), [true, true, true, false, true, true, true, true, true]);
        assert_eq!(done(vec![&good, &bad]), [true, true, false, false, false, true, true, true, true]);
        let bare = |created: &str| -> StoragePolicy {
            let mut policy = testing::policy("films", &json!({}));
            policy["metadata"]["creationTimestamp"] = json!(created);
            serde_json::from_value(policy).unwrap()
        };
        let due = |created: &str| {
            let done = done(vec![&bare(created)]);
            (!done[4], !done[6])
        };
        // A new installation has missed neither a week's pruning nor a month's backup.
        assert_eq!(due("2026-12-23T00:00:00Z"), (false, false));
        assert_eq!(due("2026-12-15T00:00:00Z"), (true, false));
        assert_eq!(due("2026-11-15T00:00:00Z"), (true, true));
        assert_eq!(item("x", "", &["a".to_owned(), "b".to_owned()], String::new()).found, "a, and 1 more");
    }
}
