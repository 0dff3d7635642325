//! GET `/metrics`: as JSON for people and scripts, and as text for Prometheus. Scripts read its fields by the names that the
//! system before this one gave them, so they are in snake case.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_with_macros::skip_serializing_none;
use utoipa::ToSchema;
use videofactory_client::JobRef;
use videofactory_client::job_action::phase;
use videofactory_client::job_advice::{Attention, attention};
use videofactory_crds::provideraccount::QuotaUnit;
use videofactory_crds::storagepolicy::StorageLevel;
use videofactory_crds::{Phase, ProviderAccount, StoragePolicy, VideoJob};
use videofactory_pipeline::clock;

use super::accept::{self, Form};
use super::accounts::quotas;
use super::storage::{PolicyStats, StorageStats};
use super::summary::ended_at;
use crate::access::{Caller, Permission};
use crate::problem::Problem;
use crate::schemas;
use crate::state::{MetricsFormat, State};

/// Jobs that ended so long ago count for the success rate.
const RECENT: Duration = Duration::from_hours(7 * 24);
/// The forms of the answer; JSON is for whoever has no wish.
const FORMS: [Form<Option<MetricsFormat>>; 3] = [
    Form { is: None, media_type: ("application", "json"), versions: &[] },
    Form { is: Some(MetricsFormat::Prometheus), media_type: ("text", "plain"), versions: &["0.0.4"] },
    Form {
        is: Some(MetricsFormat::OpenMetrics),
        media_type: ("application", "openmetrics-text"),
        versions: &["1.0.0", "0.0.1"],
    },
];

/// The installation in numbers.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsAnswer {
    /// The jobs.
    pub jobs: JobMetrics,
    /// The buckets.
    pub storage: StorageTotals,
    /// Each quota of each account.
    pub quota: Vec<QuotaMetrics>,
}

/// The jobs in numbers.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobMetrics {
    /// All of them.
    pub total: usize,
    /// How many are in each phase.
    pub by_phase: BTreeMap<String, i64>,
    /// Of those that ended in the last seven days, the part that succeeded: 0 to 1. Absent: none has ended.
    #[schema(minimum = 0, maximum = 1)]
    pub success_rate: Option<f64>,
    /// How many ended in the last seven days.
    pub ended_recently: usize,
    /// How many have failed.
    pub failed: i64,
    /// How many wait until a person changes or decides something, as the alert VideoFactoryJobStalled counts them.
    pub stalled: usize,
    /// The one that waits longest for a quota, a time or a service.
    pub oldest_waiting: Option<OldestWaiting>,
    /// Objects that this version of the operator cannot read.
    pub unreadable: usize,
}

/// The job that waits longest.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldestWaiting {
    /// The job.
    #[schema(value_type = schemas::JobId)]
    pub id: JobRef,
    /// Since when nothing has happened.
    pub since: Timestamp,
}

/// The buckets in numbers.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageTotals {
    /// Bytes in all of them.
    pub bytes: i64,
    /// Sum of their limits, in bytes.
    pub limit_bytes: i64,
    /// Bytes in per cent of the limits together.
    pub percent: Option<i64>,
    /// Each policy's bucket.
    pub policies: Vec<PolicyTotals>,
}

/// A policy's bucket in numbers.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTotals {
    /// Namespace of the policy.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Bytes. Absent: it was not measured yet.
    pub bytes: Option<i64>,
    /// Its limit, in bytes.
    pub limit_bytes: i64,
    /// Bytes in per cent of the limit.
    pub percent: Option<i64>,
    /// How full it is, in a word.
    #[schema(value_type = Option<schemas::StorageLevel>)]
    pub level: Option<StorageLevel>,
}

/// A quota in numbers.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaMetrics {
    /// Namespace of the account.
    pub namespace: String,
    /// Its name.
    pub account: String,
    /// Name of the quota.
    pub quota: String,
    /// The unit that it counts.
    #[schema(value_type = Option<schemas::QuotaUnit>)]
    pub unit: Option<QuotaUnit>,
    /// Units in a window.
    pub limit: i64,
    /// Units spent in the current one.
    pub used: i64,
    /// Units granted and not accounted for yet.
    pub reserved: i64,
    /// Units neither spent nor granted.
    pub remaining: i64,
    /// When the next unit is free, if none is now.
    pub next_unit_at: Option<Timestamp>,
}

/// The installation in numbers: as JSON, or as text for Prometheus where Accept asks for it.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "health", responses(
    (status = 200, description = "The numbers", content(
        (MetricsAnswer = "application/json"),
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    )),
    (status = 406, description = "Accept names none of these"),
))]
pub async fn metrics(
    Shared(state): Shared<State>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.authorizer.check(&caller.user, Permission::Path("/metrics")).await?;
    let accepted: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let Some(format) = accept::choose(&accepted.join(","), &FORMS) else {
        let detail = "the metrics are application/json, text/plain or application/openmetrics-text";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, detail));
    };
    let mut response = match format {
        None => Json(numbers(&state, clock::now())).into_response(),
        Some(format) => text(&state, format)?,
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn text(state: &State, format: MetricsFormat) -> Result<Response, Problem> {
    let text = state
        .process
        .metrics(format)
        .map_err(|error| Problem::internal("the metrics cannot be written", &error))?;
    let media_type = match format {
        MetricsFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        MetricsFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    };
    Ok(([(CONTENT_TYPE, media_type)], text).into_response())
}

/// The installation in numbers.
pub fn numbers(state: &State, now: Timestamp) -> MetricsAnswer {
    let jobs = state.stores.videojobs.state();
    let read: Vec<&VideoJob> = jobs.iter().filter_map(|job| job.0.as_ref().ok()).collect();
    let policies = state.stores.policies.state();
    let accounts = state.stores.accounts.state();
    let mut quota: Vec<QuotaMetrics> =
        accounts.iter().filter_map(|account| account.0.as_ref().ok()).flat_map(quota_metrics).collect();
    quota.sort_unstable_by(|one, other| {
        let place =
            |quota: &QuotaMetrics| (quota.namespace.clone(), quota.account.clone(), quota.quota.clone());
        place(one).cmp(&place(other))
    });
    MetricsAnswer {
        jobs: job_metrics(&read, jobs.len() - read.len(), now),
        storage: storage(policies.iter().filter_map(|policy| policy.0.as_ref().ok())),
        quota,
    }
}

/// How many jobs are in each phase; a phase without any counts, too.
fn by_phase<'a>(jobs: impl IntoIterator<Item = &'a VideoJob>) -> BTreeMap<String, i64> {
    let mut phases: BTreeMap<String, i64> = Phase::ALL.iter().map(|phase| (phase.to_string(), 0)).collect();
    for job in jobs {
        *phases.entry(phase(job).to_string()).or_default() += 1;
    }
    phases
}

fn job_metrics(jobs: &[&VideoJob], unreadable: usize, now: Timestamp) -> JobMetrics {
    let by_phase = by_phase(jobs.iter().copied());
    let recently = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let (mut succeeded, mut ended_recently) = (0_u32, 0_u32);
    for job in jobs.iter().filter(|job| ended_at(job).is_some_and(|at| at > recently)) {
        ended_recently += 1;
        succeeded += u32::from(phase(job) == Phase::Succeeded);
    }
    let waiting = jobs.iter().filter(|job| phase(job) == Phase::Waiting && attention(job).is_none());
    let oldest = waiting
        .filter_map(|job| Some((waits_since(job)?, JobRef::of(job))))
        .min()
        .map(|(since, id)| OldestWaiting { id, since });
    JobMetrics {
        total: jobs.len() + unreadable,
        success_rate: (ended_recently > 0).then(|| f64::from(succeeded) / f64::from(ended_recently)),
        ended_recently: ended_recently as usize,
        failed: by_phase.get(&Phase::Failed.to_string()).copied().unwrap_or_default(),
        stalled: jobs.iter().filter(|job| attention(job) == Some(Attention::Stalled)).count(),
        oldest_waiting: oldest,
        by_phase,
        unreadable,
    }
}

/// Since when a waiting job waits: since its step asks for units, or else since anything last began or ended.
fn waits_since(job: &VideoJob) -> Option<Timestamp> {
    let status = job.status.as_ref()?;
    let current = status.current_step.and_then(|step| status.step(step));
    let asked = current.into_iter().flat_map(|step| &step.demands).filter_map(|demand| demand.since.as_ref());
    let moved = status.steps.iter().flat_map(|step| [&step.started_at, &step.finished_at]).flatten();
    let created = job.meta().creation_timestamp.as_ref();
    asked.map(|at| at.0).min().or_else(|| moved.map(|at| at.0).max()).or(created.map(|at| at.0))
}

fn storage<'a>(policies: impl Iterator<Item = &'a StoragePolicy>) -> StorageTotals {
    let StorageStats { size_bytes, limit_bytes, percent, items } = StorageStats::of(policies);
    let totals = |of: PolicyStats| PolicyTotals {
        namespace: of.namespace,
        name: of.name,
        bytes: of.size_bytes,
        limit_bytes: of.limit_bytes,
        percent: of.percent,
        level: of.level,
    };
    let policies = items.into_iter().map(totals).collect();
    StorageTotals { bytes: size_bytes, limit_bytes, percent, policies }
}

fn quota_metrics(account: &ProviderAccount) -> Vec<QuotaMetrics> {
    let of_quota = |quota: super::accounts::QuotaStats| QuotaMetrics {
        namespace: account.namespace().unwrap_or_default(),
        account: account.name_any(),
        quota: quota.name,
        unit: quota.unit,
        limit: quota.limit,
        used: quota.used,
        reserved: quota.reserved,
        remaining: quota.remaining,
        next_unit_at: quota.next_unit_at,
    };
    quotas(account).into_iter().map(of_quota).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(name: &str, status: &Value) -> VideoJob {
        serde_json::from_value(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "VideoJob",
            "metadata": {"name": name, "namespace": "films", "creationTimestamp": "2026-12-01T00:00:00Z"},
            "spec": {"topic": "the ocean"}, "status": status,
        }))
        .unwrap()
    }

    fn ended(name: &str, phase: &str, at: &str) -> VideoJob {
        let condition = json!({"type": "Succeeded", "status": "True", "reason": "Completed", "message": "",
                               "lastTransitionTime": at});
        job(name, &json!({"phase": phase, "conditions": [condition]}))
    }

    #[test]
    fn the_success_rate_is_of_what_ended_lately() {
        let all = [
            ("a", "Succeeded", "2026-12-24T00:00:00Z"),
            ("b", "Succeeded", "2026-12-23T00:00:00Z"),
            ("c", "Succeeded", "2026-12-18T00:00:00Z"),
            ("d", "Failed", "2026-12-20T00:00:00Z"),
            ("e", "Failed", "2026-12-01T00:00:00Z"),
        ];
        let mut jobs: Vec<VideoJob> = all.iter().map(|(name, phase, at)| ended(name, phase, at)).collect();
        jobs.push(job("f", &Value::Null));
        let read: Vec<&VideoJob> = jobs.iter().collect();
        let numbers = job_metrics(&read, 1, "2026-12-24T12:00:00Z".parse().unwrap());
        assert_eq!((numbers.success_rate, numbers.ended_recently), (Some(0.75), 4));
        assert_eq!((numbers.total, numbers.failed, numbers.unreadable), (7, 2, 1));
        assert_eq!((numbers.by_phase["Pending"], numbers.by_phase["Running"]), (1, 0));
        assert_eq!(job_metrics(&[], 0, Timestamp::UNIX_EPOCH).success_rate, None);
    }

    #[test]
    fn who_waits_longest_is_distinguished_from_who_is_stuck() {
        let stalled = json!({"type": "Stalled", "status": "True", "reason": "OutcomeUnknown", "message": "",
                             "lastTransitionTime": "2026-12-02T00:00:00Z"});
        let asks = |since: &str| {
            json!({"phase": "Waiting", "currentStep": "animate-scenes", "steps": [
                {"name": "animate-scenes", "startedAt": "2026-12-20T00:00:00Z",
                 "demands": [{"account": "grok", "since": since}]}]})
        };
        let begun = json!({"phase": "Waiting", "steps": [
            {"name": "write-script", "startedAt": "2026-12-12T00:00:00Z"}]});
        let all = [
            ("a", asks("2026-12-11T00:00:00Z")),
            ("b", asks("2026-12-10T00:00:00Z")),
            ("c", begun),
            ("d", json!({"phase": "Waiting", "conditions": [stalled]})),
        ];
        let jobs: Vec<VideoJob> = all.iter().map(|(name, status)| job(name, status)).collect();
        let numbers = job_metrics(&jobs.iter().collect::<Vec<_>>(), 0, Timestamp::UNIX_EPOCH);
        assert_eq!(numbers.stalled, 1);
        let oldest = numbers.oldest_waiting.unwrap();
        assert_eq!(
            (oldest.id.to_string().as_str(), oldest.since),
            ("films/b", "2026-12-10T00:00:00Z".parse().unwrap())
        );
    }
}
