//! POST `/storage/cleanup`: prune now.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use kube::ResourceExt;
use kube::api::ListParams;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use videofactory_client::storage_action::{self, AskError, Asked, Cleanup, PolicyResult};
use videofactory_client::{Outcome, list};
use videofactory_crds::{Duration, StoragePolicy};
use videofactory_pipeline::clock;

use crate::access::{Author, MANAGER};
use crate::problem::Problem;
use crate::query::{Parameters, check_name};
use crate::tasks::Tasks;

/// Longest age that can be asked for: ten years.
const MOST_DAYS: u32 = 3_650;
/// Requests that are at work at a time: each goes on without its caller, and may wait for runs to begin.
const MOST_AT_WORK: usize = 4;
static AT_WORK: Semaphore = Semaphore::const_new(MOST_AT_WORK);

/// Query parameters of POST `/storage/cleanup`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CleanupQuery {
    /// The namespace of the policies. Left out: all namespaces.
    #[param(inline, value_type = Option<crate::schemas::ObjectName>)]
    namespace: Option<String>,
    /// Name of one policy. Left out: all policies.
    #[param(inline, value_type = Option<crate::schemas::ObjectName>)]
    policy: Option<String>,
    /// Age in days from which files of finished jobs are deleted. Left out: the ages of the rules.
    #[param(minimum = 0, maximum = 3650)]
    days: Option<u32>,
    /// Whether the runs only plan, and delete nothing.
    dry_run: bool,
}

/// The result of a cleanup request.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupAnswer {
    /// How many policies, by outcome.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    counts: BTreeMap<Outcome, usize>,
    /// Each policy.
    items: Vec<CleanupItem>,
    /// Age from which files of finished jobs are deleted. Absent: the ages of the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "7d")]
    older_than: Option<Duration>,
    /// Whether the runs only plan, and delete nothing.
    dry_run: bool,
}

/// The result for one policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanupItem {
    /// The policy, as `<namespace>/<name>`.
    id: String,
    /// Requested, refused because another request waits to begin, or failed.
    #[schema(value_type = crate::schemas::RequestOutcome)]
    outcome: Outcome,
    /// Time of the request, or of an earlier one that wants the same and has not begun. The run is due at this time or
    /// later; its outcome is in `status.runs` of the policy, and in GET `/storage/stats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    requested_at: Option<jiff::Timestamp>,
    /// Why it was not requested, or which run it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<PolicyResult> for CleanupItem {
    fn from(PolicyResult { id, outcome, requested_at, detail }: PolicyResult) -> Self {
        Self { id, outcome, requested_at, detail }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Call(error) => error.into(),
            AskError::Busy(_) => Self::new(StatusCode::CONFLICT, error.to_string())
                .hint("GET /storage/stats tells of the runs"),
        }
    }
}

/// Requests a prune run of every policy, in a namespace or in the whole cluster.
///
/// The request is completed even if the caller hangs up.
#[utoipa::path(post, path = "/storage/cleanup", operation_id = "clean_up_storage", tag = "storage", params(CleanupQuery), responses(
    (status = 202, description = "The result for each policy; GET /storage/stats shows how the runs ended", body = CleanupAnswer),
    (status = 404, description = "There is no such policy"),
    (status = 409, description = "An earlier request that wants something else waits to begin; nothing was requested"),
))]
pub async fn clean_up(
    author: Author,
    Shared(tasks): Shared<Tasks>,
    Parameters(query): Parameters<CleanupQuery>,
) -> Result<(StatusCode, Json<CleanupAnswer>), Problem> {
    check_name("namespace", query.namespace.as_deref())?;
    check_name("policy", query.policy.as_deref())?;
    if query.days.is_some_and(|days| days > MOST_DAYS) {
        return Err(Problem::bad_request(format!("days is at most {MOST_DAYS}")));
    }
    let policies = policies(&author, &query).await?;
    if policies.is_empty() {
        let detail = "there is no StoragePolicy to be asked";
        return Err(
            Problem::new(StatusCode::NOT_FOUND, detail).hint("GET /storage/stats lists those that there are")
        );
    }
    let older_than = query.days.map(|days| Duration::from_days(u64::from(days)));
    let wish = Cleanup { now: clock::now(), older_than, dry_run: query.dry_run };
    let slot = AT_WORK
        .try_acquire()
        .map_err(|_| Problem::later("other requests to prune are at work; try again", 5))?;
    let asking = async move {
        let _slot = slot;
        let mut asked = storage_action::clean_up(&author.0, &policies, wish, MANAGER).await;
        // Where nothing was asked of anybody, the answer is why.
        if asked.iter().all(|asked| asked.answer.is_err()) {
            asked.swap_remove(0).answer?;
        }
        Ok(CleanupAnswer::new(asked, wish))
    };
    let answer = tasks.run("asking the policies", asking).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

impl CleanupAnswer {
    fn new(asked: Vec<Asked>, wish: Cleanup) -> Self {
        let items: Vec<CleanupItem> =
            asked.into_iter().map(|asked| PolicyResult::from(asked).into()).collect();
        let mut counts = BTreeMap::new();
        for item in &items {
            *counts.entry(item.outcome).or_default() += 1;
        }
        Self { counts, items, older_than: wish.older_than, dry_run: wish.dry_run }
    }
}

async fn policies(author: &Author, query: &CleanupQuery) -> Result<Vec<StoragePolicy>, Problem> {
    let mut policies: Vec<StoragePolicy> =
        list(&author.0, query.namespace.as_deref(), &ListParams::default()).await?;
    policies.retain(|policy| query.policy.as_ref().is_none_or(|name| *name == policy.name_any()));
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented;

    #[test]
    fn the_limits_of_requests_are_documented() {
        assert_eq!(documented::parameter::<CleanupQuery>("days")["maximum"], MOST_DAYS);
        documented::limit(&format!(
            "Requests to prune (`POST /storage/cleanup`) | {MOST_AT_WORK} at a time |"
        ));
    }

    #[test]
    fn who_would_replace_another_request_is_refused() {
        let at = "2026-12-24T18:00:00Z".parse().unwrap();
        assert_eq!(Problem::from(AskError::Busy(at)).status, StatusCode::CONFLICT);
    }
}
