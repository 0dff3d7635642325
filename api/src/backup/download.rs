//! GET `/backup`.

use std::time::Duration;

use axum::extract::{FromRef, State as Shared};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::job_ref::is_label;
use videofactory_pipeline::clock;

use super::export_budget::export_now;
use super::{BackupDocument, memory};
use crate::access::{UserClient, UserClientSource};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::tasks::Tasks;

/// Longest time in which a backup must have been read: so long it is in memory.
const TIMEOUT: Duration = Duration::from_mins(10);

/// What the route needs.
#[derive(Clone)]
struct BackupState {
    user_clients: UserClientSource,
    tasks: Tasks,
}

impl FromRef<BackupState> for UserClientSource {
    fn from_ref(state: &BackupState) -> Self {
        state.user_clients.clone()
    }
}

impl FromRef<BackupState> for Tasks {
    fn from_ref(state: &BackupState) -> Self {
        state.tasks.clone()
    }
}

/// The route. `tasks`: within whose limit a backup is made.
pub fn routes(user_clients: UserClientSource, tasks: Tasks) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(backup)).with_state(BackupState { user_clients, tasks })
}

/// Query parameters of GET `/backup`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BackupQuery {
    /// The namespace to back up. Left out: all namespaces, which needs the permission to list their objects.
    #[param(inline, value_type = Option<crate::schemas::ObjectName>, example = "demo")]
    namespace: Option<String>,
}

/// A backup of a namespace or of the whole cluster, with statuses and without Secrets, as POST /restore takes it.
#[utoipa::path(get, path = "/backup", operation_id = "back_up", tag = "storage", params(BackupQuery), responses(
    (status = 200, description = "The backup", body = BackupDocument),
))]
async fn backup(
    user_client: UserClient,
    Shared(tasks): Shared<Tasks>,
    Parameters(query): Parameters<BackupQuery>,
) -> Result<Response, Problem> {
    if query.namespace.as_ref().is_some_and(|namespace| !is_label(namespace)) {
        return Err(Problem::bad_request("namespace is the name of a namespace"));
    }
    let now = clock::now();
    let namespace = query.namespace.as_deref();
    let (text, permit) = {
        let _permit = tasks.limits.backups.try_acquire()?;
        let (written, permit) = export_now(&user_client.0, namespace, now).await?;
        (written.text, permit)
    };
    let disposition = format!("attachment; filename=\"{}\"", file_name(namespace, now));
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_DISPOSITION, disposition)
        .header(CACHE_CONTROL, "no-store")
        .body(memory::body(text, permit, TIMEOUT))
        .map_err(|error| Problem::internal("the backup cannot be sent", &error))
}

fn file_name(namespace: Option<&str>, now: Timestamp) -> String {
    let whose = namespace.map(|namespace| format!("-{namespace}")).unwrap_or_default();
    format!("videofactory-backup{whose}-{}.json", now.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::documented;

    #[test]
    fn a_file_is_named_by_what_it_holds_and_when() {
        let now = "2026-11-29T08:00:00.5Z".parse().unwrap();
        assert_eq!(file_name(Some("films"), now), "videofactory-backup-films-20261129T080000Z.json");
        assert_eq!(file_name(None, now), "videofactory-backup-20261129T080000Z.json");
    }

    #[test]
    fn the_time_to_read_a_backup_is_documented() {
        let minutes = TIMEOUT.as_secs() / 60;
        documented::limit(&format!("Time to read the answer of `GET /backup` | {minutes} minutes |"));
    }
}
