//! What changes something. Every write goes to the API server as whoever asks for it, so that the cluster's own rules
//! decide; nothing here depends on the operator's stores, so that a proxy on somebody's machine can serve it, too.

mod bulk;
pub mod check;
mod create;
mod effects;
mod estimate;
mod job;
mod scene;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::restore::Files;
use videofactory_client::{Action, JobAction};

pub use bulk::ActionsBody;
pub use create::{CreateAnswer, CreateBody, CreatedItem};
pub use estimate::{CreateEstimate, QuotaEstimate};
pub use job::{ActionAnswer, ActionBody};

pub use crate::access::UserClientSource;
use crate::backup;
use crate::problem::Problem;
use crate::tasks::Tasks;
use crate::unwatched::Unwatched;

/// What the routes need.
#[derive(Clone)]
struct WriteState {
    user_clients: UserClientSource,
    tasks: Tasks,
    unwatched: Unwatched,
}

impl FromRef<WriteState> for UserClientSource {
    fn from_ref(state: &WriteState) -> Self {
        state.user_clients.clone()
    }
}

impl FromRef<WriteState> for Tasks {
    fn from_ref(state: &WriteState) -> Self {
        state.tasks.clone()
    }
}

impl FromRef<WriteState> for Unwatched {
    fn from_ref(state: &WriteState) -> Self {
        state.unwatched.clone()
    }
}

/// All that needs nothing but its author: what a proxy on somebody's machine serves itself, backups included. `files`: its
/// way to the buckets.
pub fn router(user_clients: UserClientSource, files: Option<Arc<dyn Files>>) -> Router {
    let tasks = Tasks::default();
    routes(user_clients.clone(), tasks.clone(), Unwatched::default())
        .merge(backup::routes(user_clients, files, tasks))
        .into()
}

/// The routes with their documentation. `tasks`: where batches continue to their end. `unwatched`: where nobody acts on
/// what is written.
pub fn routes(user_clients: UserClientSource, tasks: Tasks, unwatched: Unwatched) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(bulk::act))
        .routes(routes!(bulk::stop_all))
        .routes(routes!(job::delete))
        .routes(routes!(job::act))
        .routes(routes!(scene::edit))
        .routes(routes!(scene::again))
        .routes(routes!(storage::clean_up))
        .with_state(WriteState { user_clients, tasks, unwatched })
}

/// Why a job is suspended, if the caller does not say it.
const USUAL_REASON: &str = "suspended through the API";

/// What is asked of jobs. What the body says beside the action must belong to it: else somebody would believe that it
/// counts.
fn read_action(named: JobAction, reason: Option<String>, result: Option<String>) -> Result<Action, Problem> {
    match (named, reason, result) {
        (JobAction::Retry, None, None) => Ok(Action::Retry),
        (JobAction::Restart, None, None) => Ok(Action::Restart),
        (JobAction::Suspend, reason, None) => Ok(Action::suspend(reason, USUAL_REASON)),
        (JobAction::Resume, reason, None) => Ok(Action::resume(reason)),
        (JobAction::Approve, None, result) => Ok(Action::Approve { result }),
        (JobAction::Reject, None, result) => Ok(Action::Reject { result }),
        (action, Some(_), _) => {
            Err(Problem::bad_request(format!("{action} takes no reason: it belongs to suspend and resume")))
        }
        (action, None, Some(_)) => {
            Err(Problem::bad_request(format!("{action} takes no result: it belongs to approve and reject")))
        }
    }
}

/// `?dry_run=true`: nothing is changed, and the answer says what would be.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DryRun {
    /// Whether to change nothing, and only answer what would be done.
    dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_another_action_is_refused() {
        let text = || Some("why".to_owned());
        for action in [JobAction::Retry, JobAction::Restart, JobAction::Approve, JobAction::Reject] {
            assert!(
                read_action(action, text(), None).unwrap_err().detail.contains("takes no reason"),
                "{action}"
            );
        }
        for action in [JobAction::Retry, JobAction::Restart, JobAction::Suspend, JobAction::Resume] {
            let refused = read_action(action, None, text()).unwrap_err();
            assert!(refused.detail.contains("takes no result"), "{action}: {}", refused.detail);
        }
        for &action in JobAction::ALL {
            assert_eq!(read_action(action, None, None).unwrap().name(), action);
        }
    }
}
