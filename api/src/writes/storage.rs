//! POST `/storage/cleanup`: prune now.

use axum::Json;
use axum::http::StatusCode;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use videofactory_client::{list, storage_action, within};
use videofactory_crds::{Duration, StoragePolicy};
use videofactory_pipeline::clock;

use super::{Author, MANAGER, Parameters};
use crate::problem::Problem;
use crate::query::check_name;

/// Longest age that can be asked for: ten years.
const MOST_DAYS: u32 = 3_650;

/// Query parameters of POST `/storage/cleanup`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CleanupQuery {
    /// The namespace of the policies. Left out: all namespaces.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    namespace: Option<String>,
    /// Name of the only policy to prune by. Left out: all policies.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    policy: Option<String>,
    /// Age from which finished jobs' files may go, in days. Left out: as the rules say.
    #[param(minimum = 0, maximum = 3650)]
    days: Option<u32>,
    /// Whether the runs only plan.
    dry_run: bool,
}

/// The policies that were asked to prune.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupAnswer {
    /// The policies that were asked, as `<namespace>/<name>`. Each run's outcome is in `status.runs` of its policy, and
    /// in GET `/storage/stats`.
    requested: Vec<String>,
    /// When: the slot of the runs.
    #[schema(value_type = String, format = DateTime)]
    at: jiff::Timestamp,
    /// Age from which finished jobs' files may go, in days; absent: as the rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
    /// Whether the runs only plan.
    dry_run: bool,
}

/// Asks every policy of a namespace, or of the cluster, to prune now.
#[utoipa::path(post, path = "/storage/cleanup", operation_id = "clean_up_storage", tag = "storage", params(CleanupQuery), responses(
    (status = 202, description = "The policies were asked; GET /storage/stats tells how the runs end", body = CleanupAnswer),
    (status = 404, description = "There is no such policy"),
    (status = 409, description = "Somebody else changed the policy meanwhile"),
))]
pub async fn clean_up(
    author: Author,
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
    let at = storage_action::cleanup_time(&policies, clock::now());
    let age = query.days.map(|days| Duration::from_days(u64::from(days)));
    let patch = storage_action::cleanup(at, age, query.dry_run);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let mut requested = Vec::new();
    for policy in policies {
        let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
        let api: Api<StoragePolicy> = Api::namespaced(author.0.clone(), &namespace);
        let what = format!("patch StoragePolicy {namespace}/{name}");
        within(what, api.patch(&name, &params, &Patch::Merge(&patch))).await?;
        requested.push(format!("{namespace}/{name}"));
    }
    let answer = CleanupAnswer { requested, at, days: query.days, dry_run: query.dry_run };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn policies(author: &Author, query: &CleanupQuery) -> Result<Vec<StoragePolicy>, Problem> {
    let mut policies: Vec<StoragePolicy> =
        list(&author.0, query.namespace.as_deref(), &ListParams::default()).await?;
    policies.retain(|policy| query.policy.as_ref().is_none_or(|name| *name == policy.name_any()));
    Ok(policies)
}
