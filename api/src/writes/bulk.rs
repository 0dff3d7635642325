//! POST `/jobs/actions` and `/jobs/force-stop-all`: many jobs at once, each with an answer of its own.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use videofactory_client::{ItemResult, JobAction, JobFilter, Outcome, Request, bulk};
use videofactory_crds::Phase;
use videofactory_pipeline::clock;

use super::{Author, DryRun, MANAGER, Parameters};
use crate::body::{Body, object};
use crate::problem::Problem;
use crate::query::{LONGEST_REASON, LONGEST_SELECTOR, check_length, check_name};
use crate::schemas;

/// What is asked of whom.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"action": "retry", "filter": {"phase": "Failed", "namespace": "demo"}}))]
pub struct ActionsBody {
    /// What to ask: `retry`, `restart`, `suspend` or `resume`.
    #[schema(required = true, value_type = schemas::BulkAction)]
    action: Option<JobAction>,
    /// Of which jobs. Without any filter the request is refused: all of a cluster are meant seldom.
    #[serde(deserialize_with = "object")]
    #[schema(value_type = FilterSchema)]
    filter: JobFilter,
    /// Of a suspension: why.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// Which jobs; what is left out means all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobFilter)]
#[serde(deny_unknown_fields)]
pub struct FilterSchema {
    /// Of this namespace.
    #[schema(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    namespace: Option<String>,
    /// In this phase.
    #[schema(value_type = Option<schemas::Phase>)]
    phase: Option<String>,
    /// Of the Channel with this name.
    #[schema(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    channel: Option<String>,
    /// With these labels, as a selector of Kubernetes.
    #[schema(max_length = 1024, example = "team=films,!draft")]
    label: Option<String>,
}

/// What became of a request to one job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemResult)]
#[serde(deny_unknown_fields)]
pub struct ItemSchema {
    /// The job.
    #[schema(value_type = schemas::JobId)]
    job: String,
    /// What became of it.
    #[schema(value_type = schemas::RequestOutcome)]
    outcome: String,
    /// Why, where it was not asked.
    detail: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkAnswer {
    /// Whether nothing was changed, because the request said so.
    dry_run: bool,
    /// How many jobs, by outcome.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    counts: BTreeMap<Outcome, usize>,
    /// Each job.
    #[schema(value_type = Vec<ItemSchema>)]
    items: Vec<ItemResult>,
}

impl BulkAnswer {
    fn new(dry_run: bool, items: Vec<ItemResult>) -> Self {
        let mut counts = BTreeMap::new();
        for item in &items {
            *counts.entry(item.outcome).or_default() += 1;
        }
        Self { dry_run, counts, items }
    }
}

/// Asks something of every job that a filter takes; each answers for itself.
#[utoipa::path(
    post,
    path = "/jobs/actions",
    operation_id = "act_on_jobs",
    tag = "jobs",
    params(DryRun),
    request_body = ActionsBody,
    responses((status = 200, description = "What became of it, job by job", body = BulkAnswer)),
)]
pub async fn act(
    author: Author,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    Body(body): Body<ActionsBody>,
) -> Result<Json<BulkAnswer>, Problem> {
    let action = match body.action {
        Some(action @ (JobAction::Approve | JobAction::Reject)) => {
            let detail = format!("{action} is for one job at a time: a person has seen its output");
            return Err(Problem::bad_request(detail).hint(format!("POST /jobs/<namespace>/<name>/{action}")));
        }
        Some(action) => action,
        None => {
            let detail = "the body names no action: write retry, restart, suspend or resume";
            return Err(Problem::bad_request(detail));
        }
    };
    if body.filter.is_broad() && body.filter.namespace.is_none() {
        let detail = "the filter is empty, which would mean every job of the cluster";
        let hint = "name a phase, channel, label or namespace; POST /jobs/force-stop-all stops all there is";
        return Err(Problem::bad_request(detail).hint(hint));
    }
    check_length("reason", body.reason.as_deref(), LONGEST_REASON)?;
    let request = Request {
        action,
        at: clock::now(),
        reason: body.reason.unwrap_or_else(|| "suspended through the API".to_owned()),
        output: None,
        of_many: true,
    };
    check(&body.filter)?;
    let jobs = bulk::list(&author.0, &body.filter).await?;
    let items = bulk::ask_all(&author.0, &jobs, &request, dry_run, MANAGER).await;
    Ok(Json(BulkAnswer::new(dry_run, items)))
}

/// Fails unless names are names: they become part of a path and of selectors.
fn check(filter: &JobFilter) -> Result<(), Problem> {
    check_name("filter.namespace", filter.namespace.as_deref())?;
    check_name("filter.channel", filter.channel.as_deref())?;
    check_length("filter.label", filter.label.as_deref(), LONGEST_SELECTOR)
}

/// Which jobs to stop.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StopAllQuery {
    /// Of this namespace. Left out: of all.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    namespace: Option<String>,
    /// Whether nothing is to be changed.
    dry_run: bool,
}

/// Holds every job that has not ended: of a namespace, or of the cluster. A held job goes on from its checkpoint when it
/// is resumed.
#[utoipa::path(
    post,
    path = "/jobs/force-stop-all",
    operation_id = "stop_all_jobs",
    tag = "jobs",
    params(StopAllQuery),
    responses((status = 200, description = "What became of it, job by job", body = BulkAnswer)),
)]
pub async fn stop_all(
    author: Author,
    Parameters(query): Parameters<StopAllQuery>,
) -> Result<Json<BulkAnswer>, Problem> {
    let request = Request {
        action: JobAction::Suspend,
        at: clock::now(),
        reason: "all jobs were stopped (force-stop-all)".to_owned(),
        output: None,
        of_many: true,
    };
    check_name("namespace", query.namespace.as_deref())?;
    let filter = JobFilter { namespace: query.namespace, ..JobFilter::default() };
    let mut jobs = bulk::list(&author.0, &filter).await?;
    jobs.retain(|job| !Phase::is_terminal(videofactory_client::job_action::phase(job)));
    let items = bulk::ask_all(&author.0, &jobs, &request, query.dry_run, MANAGER).await;
    Ok(Json(BulkAnswer::new(query.dry_run, items)))
}
