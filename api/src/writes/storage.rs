//! POST `/storage/cleanup`: prune now.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use kube::ResourceExt;
use kube::api::ListParams;
use serde::Deserialize;
use utoipa::IntoParams;
use videofactory_client::storage_action::{self, AskError, Cleanup, PolicyResult};
use videofactory_client::{Results, list};
use videofactory_crds::{Duration, StoragePolicy};
use videofactory_pipeline::clock;

use crate::access::{MANAGER, UserClient};
use crate::problem::Problem;
use crate::query::{Parameters, check_name};
use crate::schemas;
use crate::tasks::Tasks;
use crate::unwatched::Unwatched;

/// Longest age that can be asked for: ten years.
const MAX_DAYS: u32 = 3_650;

/// Query parameters of POST `/storage/cleanup`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CleanupQuery {
    /// The namespace of the policies. Left out: all namespaces.
    #[param(inline, value_type = Option<schemas::ObjectName>)]
    namespace: Option<String>,
    /// Name of one policy. Left out: all policies.
    #[param(inline, value_type = Option<schemas::ObjectName>)]
    policy: Option<String>,
    /// Age in days from which files of finished jobs are deleted. Left out: the ages of the rules.
    #[param(minimum = 0, maximum = 3650)]
    days: Option<u32>,
    /// Whether the runs only plan, and delete nothing.
    dry_run: bool,
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::CallApiServer(error) => error.into(),
            AskError::ReplaceRequest(_) => {
                Self::new(StatusCode::CONFLICT, error.to_string()).hint("GET /storage/stats lists the runs")
            }
        }
    }
}

/// Requests a prune run of every policy, in a namespace or in the whole cluster.
///
/// The request is completed even if the caller hangs up.
#[utoipa::path(post, path = "/storage/cleanup", operation_id = "clean_up_storage", tag = "storage", params(CleanupQuery), responses(
    (status = 202, description = "The result for each policy; GET /storage/stats shows how the runs ended", body = schemas::CleanupAnswer),
    (status = 404, description = "There is no such policy"),
    (status = 409, description = "An earlier request that wants something else waits to begin; nothing was requested"),
))]
pub async fn clean_up(
    user_client: UserClient,
    Shared(tasks): Shared<Tasks>,
    Shared(unwatched): Shared<Unwatched>,
    Parameters(query): Parameters<CleanupQuery>,
) -> Result<(StatusCode, Json<Results<PolicyResult>>), Problem> {
    let results = ask(user_client, &tasks, &unwatched, &query).await?;
    Ok((StatusCode::ACCEPTED, Json(results)))
}

/// Asks the policies, unless too many are asked already.
async fn ask(
    user_client: UserClient,
    tasks: &Tasks,
    unwatched: &Unwatched,
    query: &CleanupQuery,
) -> Result<Results<PolicyResult>, Problem> {
    check_name("namespace", query.namespace.as_deref())?;
    check_name("policy", query.policy.as_deref())?;
    if query.days.is_some_and(|days| days > MAX_DAYS) {
        return Err(Problem::bad_request(format!("days is at most {MAX_DAYS}")));
    }
    let permit = tasks.limits.cleanups.try_acquire()?;
    let policies = policies(&user_client, query).await?;
    unwatched.check(query.namespace.as_deref())?;
    if policies.is_empty() {
        let detail = "there is no StoragePolicy to be asked";
        return Err(
            Problem::new(StatusCode::NOT_FOUND, detail).hint("GET /storage/stats lists those that there are")
        );
    }
    let older_than = query.days.map(|days| Duration::from_days(u64::from(days)));
    let wish = Cleanup { now: clock::now(), older_than, dry_run: query.dry_run };
    let asking = async move {
        let _permit = permit;
        let mut asked = storage_action::clean_up(&user_client.0, &policies, wish, MANAGER).await;
        // Where nothing was asked of anybody, the answer is why.
        if asked.iter().all(|asked| asked.answer.is_err()) {
            asked.swap_remove(0).answer?;
        }
        let items = asked.into_iter().map(PolicyResult::from).collect();
        Ok(Results::new("cleanup", wish.dry_run, items))
    };
    tasks.run("asking the policies", asking).await
}

async fn policies(user_client: &UserClient, query: &CleanupQuery) -> Result<Vec<StoragePolicy>, Problem> {
    let mut policies: Vec<StoragePolicy> =
        list(&user_client.0, query.namespace.as_deref(), &ListParams::default()).await?;
    policies.retain(|policy| query.policy.as_ref().is_none_or(|name| *name == policy.name_any()));
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::testing::{Harness, ROOT, documented};

    #[test]
    fn the_limits_of_requests_are_documented() {
        assert_eq!(documented::parameter::<CleanupQuery>("days")["maximum"], MAX_DAYS);
    }

    #[test]
    fn who_would_replace_another_request_is_refused() {
        let at = "2026-12-24T18:00:00Z".parse().unwrap();
        assert_eq!(Problem::from(AskError::ReplaceRequest(at)).status, StatusCode::CONFLICT);
    }

    #[tokio::test]
    async fn where_too_many_requests_are_at_work_no_policy_is_listed() {
        // Its list is empty, which would be the answer.
        let harness = Harness::new().await;
        let user_client = UserClient(harness.state.clients.of_token(ROOT).unwrap());
        let (tasks, query) = (&harness.state.tasks, CleanupQuery::default());
        let _taken: Vec<_> = iter::from_fn(|| tasks.limits.cleanups.try_acquire().ok()).collect();
        let refused = ask(user_client, tasks, &Unwatched::default(), &query).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(5)));
    }
}
