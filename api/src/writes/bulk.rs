//! POST `/jobs/actions` and `/jobs/force-stop-all`: many jobs at once, each with an answer of its own.

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use videofactory_client::{ItemResult, JobAction, JobFilter, Request, Results, bulk};
use videofactory_crds::Phase;
use videofactory_pipeline::clock;

use super::{DryRun, read_action};
use crate::access::{MANAGER, UserClient};
use crate::body::{Body, object};
use crate::limits::MAX_REASON;
use crate::problem::Problem;
use crate::query::{Parameters, check_length, check_name, job_filter};
use crate::schemas;
use crate::tasks::Tasks;
use crate::unwatched::Unwatched;

/// An action, and the jobs to which it applies.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({"action": "retry", "filter": {"phase": "Failed", "namespace": "demo"}}))]
pub struct ActionsBody {
    /// The action: `retry`, `restart`, `suspend` or `resume`.
    #[schema(required = true, value_type = schemas::BulkAction)]
    action: Option<JobAction>,
    /// The jobs. An empty filter is refused, because it would match all jobs of the cluster.
    #[serde(deserialize_with = "object")]
    filter: FilterBody,
    /// With `suspend`: why. With `resume`: only jobs that are suspended for this reason are resumed; left out: those that
    /// `/jobs/force-stop-all` has suspended. Others are refused: resume each by its name. A job whose `spec.suspend` is true,
    /// too, stays suspended, and its `detail` says so. Other actions take none.
    #[schema(value_type = Option<schemas::SuspensionReason>)]
    reason: Option<String>,
}

/// A filter of jobs. A field that is left out matches all jobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = JobFilter)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FilterBody {
    /// The namespace of the jobs.
    #[schema(value_type = Option<schemas::ObjectName>)]
    namespace: Option<String>,
    /// The phase of the jobs.
    #[schema(value_type = Option<schemas::Phase>)]
    phase: Option<Phase>,
    /// Name of the jobs' Channel.
    #[schema(value_type = Option<schemas::ObjectName>)]
    channel: Option<String>,
    /// Label selector, as Kubernetes writes it. An empty one is refused.
    #[schema(value_type = Option<schemas::LabelSelector>)]
    label_selector: Option<String>,
}

impl FilterBody {
    /// The filter; fails with the field that makes no sense.
    fn read(self) -> Result<JobFilter, Problem> {
        let Self { namespace, phase, channel, label_selector } = self;
        if label_selector.as_ref().is_some_and(|labels| labels.trim().is_empty()) {
            let detail =
                "filter.labelSelector is empty, which would mean all jobs: name labels, or leave it out";
            return Err(Problem::bad_request(detail));
        }
        job_filter("filter.", namespace, phase, channel, label_selector.as_deref())
    }
}

/// Requests an action on every job that matches a filter. Each job has its own result.
///
/// The request is completed even if the caller hangs up.
#[utoipa::path(
    post,
    path = "/jobs/actions",
    operation_id = "act_on_jobs",
    tag = "jobs",
    params(DryRun),
    request_body = ActionsBody,
    responses((status = 200, description = "The result for each job", body = schemas::BulkAnswer)),
)]
pub async fn act(
    user_client: UserClient,
    Shared(tasks): Shared<Tasks>,
    Shared(unwatched): Shared<Unwatched>,
    Parameters(DryRun { dry_run }): Parameters<DryRun>,
    Body(body): Body<ActionsBody>,
) -> Result<Json<Results<ItemResult>>, Problem> {
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
    let filter = body.filter.read()?;
    if filter.is_broad() && filter.namespace.is_none() {
        let detail = "the filter is empty, which would mean every job of the cluster";
        let hint = "name a phase, channel, label or namespace; POST /jobs/force-stop-all stops all there is";
        return Err(Problem::bad_request(detail).hint(hint));
    }
    check_length("reason", body.reason.as_deref(), MAX_REASON)?;
    let request = Request::of_many(read_action(action, body.reason, None)?, clock::now());
    let permit = tasks.limits.actions.try_acquire()?;
    let jobs = bulk::list(&user_client.0, &filter).await?;
    unwatched.check(filter.namespace.as_deref())?;
    let asking = async move {
        let _permit = permit;
        let items = bulk::ask_all(&user_client.0, &jobs, &request, dry_run, MANAGER).await;
        Ok(Results::new(action.as_str(), dry_run, items))
    };
    tasks.run("asking the jobs", asking).await.map(Json)
}

/// Query parameters of POST `/jobs/force-stop-all`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StopAllQuery {
    /// The namespace of the jobs. Left out: all namespaces.
    #[param(inline, value_type = Option<schemas::ObjectName>)]
    namespace: Option<String>,
    /// Whether to change nothing, and only answer what would be done.
    dry_run: bool,
}

/// Suspends every job that has not ended, in a namespace or in the whole cluster: running jobs first.
///
/// The request is completed even if the caller hangs up. When a job is resumed it continues from its checkpoint.
#[utoipa::path(
    post,
    path = "/jobs/force-stop-all",
    operation_id = "stop_all_jobs",
    tag = "jobs",
    params(StopAllQuery),
    responses((status = 200, description = "The result for each job", body = schemas::BulkAnswer)),
)]
pub async fn stop_all(
    user_client: UserClient,
    Shared(tasks): Shared<Tasks>,
    Shared(unwatched): Shared<Unwatched>,
    Parameters(query): Parameters<StopAllQuery>,
) -> Result<Json<Results<ItemResult>>, Problem> {
    let request = Request::stop_all(clock::now(), None);
    check_name("namespace", query.namespace.as_deref())?;
    let permit = tasks.limits.stops.try_acquire()?;
    // Its list, too, is made without the caller: half a stop is none.
    let stopping = async move {
        let _permit = permit;
        let jobs = bulk::unfinished(&user_client.0, query.namespace.clone()).await?;
        unwatched.check(query.namespace.as_deref())?;
        let items = bulk::ask_all(&user_client.0, &jobs, &request, query.dry_run, MANAGER).await;
        Ok(Results::new(request.action.name().as_str(), query.dry_run, items))
    };
    tasks.run("the stop", stopping).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_take_all_is_refused() {
        let read = |labels: Option<&str>| {
            let label_selector = labels.map(str::to_owned);
            FilterBody { namespace: Some("films".to_owned()), label_selector, ..FilterBody::default() }.read()
        };
        for nothing in ["", " "] {
            let refused = read(Some(nothing)).unwrap_err();
            assert!(refused.detail.contains("filter.labelSelector is empty"), "{}", refused.detail);
        }
        assert!(read(Some("team=films")).is_ok() && read(None).is_ok() && read(Some("a b")).is_err());
        assert!(serde_json::from_str::<FilterBody>(r#"{"label": "team=films"}"#).is_err());
    }
}
