//! POST `/jobs/actions` and `/jobs/force-stop-all`: many jobs at once, each with an answer of its own.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use videofactory_client::{ItemResult, JobAction, JobFilter, Outcome, Request, bulk};
use videofactory_crds::Phase;
use videofactory_pipeline::clock;

use super::{Author, DryRun, MANAGER, Parameters};
use crate::body::Body;
use crate::problem::Problem;

/// What is asked of whom.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActionsBody {
    /// What to ask: `retry`, `restart`, `suspend` or `resume`.
    #[schema(value_type = String)]
    action: Option<JobAction>,
    /// Of which jobs. Without any filter the request is refused: all of a cluster are meant seldom.
    #[schema(value_type = Object)]
    filter: JobFilter,
    /// Of a suspension: why.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// Whether nothing was changed, because the request said so.
    dry_run: bool,
    /// How many jobs, by outcome.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    counts: BTreeMap<Outcome, usize>,
    /// Each job.
    #[schema(value_type = Vec<Object>)]
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

/// Asks something of every job that a filter takes.
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
    let request = Request {
        action,
        at: clock::now(),
        reason: body.reason.unwrap_or_else(|| "suspended through the API".to_owned()),
        output: None,
        of_many: true,
    };
    let jobs = bulk::list(&author.0, &body.filter).await?;
    let items = bulk::ask_all(&author.0, &jobs, &request, dry_run, MANAGER).await;
    Ok(Json(BulkAnswer::new(dry_run, items)))
}

/// Which jobs to stop.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopAllQuery {
    namespace: Option<String>,
    dry_run: bool,
}

/// Holds every job that has not ended: of a namespace, or of the cluster. A held job goes on from its checkpoint when it
/// is resumed.
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
    let filter = JobFilter { namespace: query.namespace, ..JobFilter::default() };
    let mut jobs = bulk::list(&author.0, &filter).await?;
    jobs.retain(|job| !Phase::is_terminal(videofactory_client::job_action::phase(job)));
    let items = bulk::ask_all(&author.0, &jobs, &request, query.dry_run, MANAGER).await;
    Ok(Json(BulkAnswer::new(query.dry_run, items)))
}
