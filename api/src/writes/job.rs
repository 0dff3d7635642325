//! POST `/jobs/{namespace}/{name}/{action}` and DELETE `/jobs/{namespace}/{name}`.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use kube::Api;
use kube::api::DeleteParams;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use videofactory_client::{JobAction, JobRef, Outcome, Request, bulk, within};
use videofactory_crds::VideoJob;
use videofactory_pipeline::clock;

use super::read_action;
use crate::access::{MANAGER, UserClient};
use crate::body::Body;
use crate::limits::MAX_REASON;
use crate::path::{self, JobParams, JobPath, Segments};
use crate::problem::Problem;
use crate::query::check_length;
use crate::schemas;
use crate::unwatched::Unwatched;

/// Longest result that a review can name.
const MAX_RESULT: usize = 128;

/// What belongs to an action. All of it can be left out.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ActionBody {
    /// With `suspend`: the reason, which the job's message shows. With `resume`: the job is resumed only if it is suspended
    /// for this reason. If its `spec.suspend` is true, too, it stays suspended, and `detail` of the answer says so. Other
    /// actions take none.
    #[schema(value_type = Option<schemas::SuspensionReason>)]
    pub reason: Option<String>,
    /// With `approve` and `reject`: the result that you have seen, `<step>@<output digest>`. If another one is under review
    /// by then, nothing is decided. Other actions take none.
    #[schema(max_length = 128)]
    pub result: Option<String>,
}

/// The result of an action.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionAnswer {
    /// The job, as `<namespace>/<name>`.
    #[schema(value_type = schemas::JobId)]
    pub id: JobRef,
    /// The action.
    #[schema(value_type = schemas::Action)]
    pub action: JobAction,
    /// `requested`: the operator acts on it now. `unchanged`: the job was in this state already.
    #[schema(value_type = schemas::RequestOutcome)]
    pub outcome: Outcome,
    /// Why nothing was changed, or why the job stays suspended although a resume was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The three segments of a path that name a job and an action.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ActionParams {
    /// Namespace of the job. A path may have the job's UID as one segment instead of namespace and name.
    #[param(inline, value_type = schemas::ObjectName, example = "demo")]
    namespace: String,
    /// Name of the job.
    #[param(inline, value_type = schemas::ObjectName, example = "ocean-facts")]
    name: String,
    /// The action.
    #[param(inline, value_type = schemas::Action, example = "retry")]
    action: String,
}

/// Requests an action on a job. The operator acts on it: the job itself says how far it is.
#[utoipa::path(
    post,
    path = "/jobs/{namespace}/{name}/{action}",
    operation_id = "act_on_job",
    tag = "jobs",
    params(ActionParams),
    request_body = ActionBody,
    responses(
        (status = 200, description = "The job was in this state already", body = ActionAnswer),
        (status = 202, description = "The action was requested", body = ActionAnswer),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's state does not allow it; nothing was changed"),
    ),
)]
pub async fn act(
    user_client: UserClient,
    Shared(unwatched): Shared<Unwatched>,
    Segments(ActionParams { namespace, name, action }): Segments<ActionParams>,
    body: Body<ActionBody>,
) -> Result<(StatusCode, Json<ActionAnswer>), Problem> {
    let path = JobPath::read(&namespace, &name)?;
    let action: JobAction = action.parse().map_err(|_| path::unknown_route())?;
    let Body(body) = body;
    check_length("reason", body.reason.as_deref(), MAX_REASON)?;
    check_length("result", body.result.as_deref(), MAX_RESULT)?;
    let request = Request::of_named(read_action(action, body.reason, body.result)?, clock::now());
    if matches!(action, JobAction::Approve | JobAction::Reject) {
        user_client.may("approve", "videojobs", &namespace).await?;
    }
    let job = find(&user_client, &path).await?;
    unwatched.check(Some(&namespace))?;
    let result = bulk::ask(&user_client.0, &job, &request, MANAGER).await?;
    let status = match result.outcome {
        Outcome::Requested => StatusCode::ACCEPTED,
        Outcome::Refused => {
            return Err(Problem::new(StatusCode::CONFLICT, result.detail.unwrap_or_default()));
        }
        Outcome::Unchanged | Outcome::WouldRequest | Outcome::Failed => StatusCode::OK,
    };
    let answer = ActionAnswer { id: result.id, action, outcome: result.outcome, detail: result.detail };
    Ok((status, Json(answer)))
}

/// The job that a path names, as its author may see it.
pub async fn find(user_client: &UserClient, path: &JobPath) -> Result<VideoJob, Problem> {
    let api: Api<VideoJob> = Api::namespaced(user_client.0.clone(), &path.0.namespace);
    let found = within(format!("get VideoJob {}", path.0), api.get_opt(&path.0.name)).await?;
    found.ok_or_else(|| path.not_found())
}

/// Deletes a job. Its spec.artifacts.onDelete says whether its files are deleted, too.
#[utoipa::path(delete, path = "/jobs/{namespace}/{name}", operation_id = "delete_job", tag = "jobs", params(JobParams), responses(
    (status = 202, description = "It is being deleted"),
    (status = 404, description = "There is no such job"),
    (status = 409, description = "It cannot be deleted in its present state"),
))]
pub async fn delete(
    user_client: UserClient,
    Segments(JobParams { namespace, name }): Segments<JobParams>,
) -> Result<StatusCode, Problem> {
    let path = JobPath::read(&namespace, &name)?;
    let api: Api<VideoJob> = Api::namespaced(user_client.0, &namespace);
    let what = format!("delete VideoJob {}", path.0);
    match within(what, api.delete(&name, &DeleteParams::background())).await {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(error) if error.is_not_found() => Err(path.not_found()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented::field;

    #[test]
    fn the_length_of_a_result_is_documented() {
        assert_eq!(field::<ActionBody>("result")["maxLength"], MAX_RESULT);
    }
}
