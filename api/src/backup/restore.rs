//! POST `/restore`: what stands in a backup is made again, and each object answers for itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::Right;
use videofactory_client::backup::{Backup, ReadBackupError};
use videofactory_client::restore::{Answer, Files, Options, RestoreError, restore};
use videofactory_crds::GROUP;
use videofactory_pipeline::clock;

use super::BackupDocument;
use super::memory::{BACKUP_MEMORY, MemoryPermit};
use crate::access::{MANAGER, UserClient, UserClientSource, may};
use crate::body::is_json;
use crate::problem::Problem;
use crate::query::{Parameters, check_name};
use crate::schemas;
use crate::tasks::Tasks;

/// Most bytes of a backup: some thousand jobs.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Longest time in which a backup must have come.
const TIMEOUT: Duration = Duration::from_mins(5);
/// What takes any backup.
const NO_BOUND: &str =
    "kubectl videofactory restore -f FILE takes a backup of any size, and with -n one namespace of it";

/// What the route needs.
#[derive(Clone)]
struct RestoreState {
    user_clients: UserClientSource,
    /// The way to the buckets, where there is one.
    files: Option<Arc<dyn Files>>,
    tasks: Tasks,
}

/// The route. `files`: the way to the buckets, where there is one. `tasks`: where a restore continues to its end.
pub fn routes(user_clients: UserClientSource, files: Option<Arc<dyn Files>>, tasks: Tasks) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(answer)).with_state(RestoreState { user_clients, files, tasks })
}

/// How to restore.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RestoreQuery {
    /// Restore only objects of this namespace. Left out: all objects, which needs the permission to list jobs in all
    /// namespaces.
    #[param(inline, value_type = Option<schemas::ObjectName>, example = "demo")]
    namespace: Option<String>,
    /// Whether to change nothing, and only answer what would be done.
    dry_run: bool,
    /// Whether to release what was restored, although something failed.
    partial: bool,
}

/// Restores the backup in the body, with the caller's own permissions.
///
/// The request is completed even if the caller hangs up.
#[utoipa::path(
    post,
    path = "/restore",
    operation_id = "restore",
    tag = "storage",
    params(RestoreQuery),
    request_body = BackupDocument,
    responses((status = 200, description = "The result for each object", body = schemas::RestoreAnswer)),
)]
async fn answer(
    Shared(state): Shared<RestoreState>,
    Parameters(query): Parameters<RestoreQuery>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let (mut parts, body) = request.into_parts();
    let user_client = UserClient::of(&mut parts, &state.user_clients).await?;
    if !is_json(&parts.headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be a backup, in JSON")
            .hint("send the header Content-Type: application/json"));
    }
    check_name("namespace", query.namespace.as_deref())?;
    // Asked first: a stranger's backup must not take memory from others'.
    let namespace = query.namespace.as_deref();
    may(&user_client.0, Right { verb: "list", group: GROUP, resource: "videojobs", namespace })
        .await
        .map_err(|problem| match namespace {
            None if problem.status == StatusCode::FORBIDDEN => {
                problem.hint("name the namespace of the backup: POST /restore?namespace=<namespace>")
            }
            _ => problem,
        })?;
    let (text, permit) = read(body).await?;
    let task_permit = state.tasks.limits.backups.try_acquire()?;
    let options = Options {
        dry_run: query.dry_run,
        partial: query.partial,
        manager: MANAGER.to_owned(),
        now: clock::now(),
    };
    let files = state.files;
    let restoring = async move {
        let _held = (task_permit, permit);
        let refused = |error: &ReadBackupError| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).hint("nothing was changed")
        };
        let mut backup = Backup::read(&text).map_err(|error| refused(&error))?;
        if let Some(namespace) = &query.namespace {
            backup.retain(namespace).map_err(|error| refused(&error))?;
        }
        let answer = restore(&user_client.0, &backup, &options, files.as_deref()).await?;
        Ok(Json(answer))
    };
    state.tasks.run("the restore", restoring).await
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::CallApiServer(error) => error.into(),
            RestoreError::HoldRight { ref hint, .. } => {
                Self::new(StatusCode::FORBIDDEN, error.to_string()).hint(hint)
            }
            RestoreError::AwaitOtherBackup { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

async fn read(body: Body) -> Result<(String, MemoryPermit), Problem> {
    let (bytes, permit) = BACKUP_MEMORY.read(body, MAX_BYTES, TIMEOUT).await.map_err(|problem| {
        if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
            return problem.hint(NO_BOUND);
        }
        problem
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the backup is no text in UTF-8"))?;
    Ok((text, permit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented;

    #[test]
    fn the_limits_of_a_backup_are_documented() {
        let (size, minutes) = (documented::mib(MAX_BYTES), TIMEOUT.as_secs() / 60);
        documented::limit(&format!("Body of `POST /restore` | {size}, {minutes} minutes |"));
    }
}
