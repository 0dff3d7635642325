//! What changes something. Every write goes to the API server as whoever asks for it, so that the cluster's own rules
//! decide; nothing here depends on the operator's stores, so that a proxy on somebody's machine can serve it, too.

mod bulk;
pub mod check;
mod create;
mod job;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::restore::Files;

pub use bulk::{ActionsBody, BulkAnswer};
pub use create::{CreateAnswer, CreateBody, CreateEstimate, CreatedItem};
pub use job::{ActionAnswer, ActionBody};
pub use storage::CleanupAnswer;

pub use crate::access::Authors;
use crate::backup;
use crate::tasks::Tasks;

/// What the routes need.
#[derive(Clone)]
struct WriteState {
    authors: Authors,
    tasks: Tasks,
}

impl FromRef<WriteState> for Authors {
    fn from_ref(state: &WriteState) -> Self {
        state.authors.clone()
    }
}

impl FromRef<WriteState> for Tasks {
    fn from_ref(state: &WriteState) -> Self {
        state.tasks.clone()
    }
}

/// All that needs nothing but its author: what a proxy on somebody's machine serves itself, backups included. `files`: its
/// way to the buckets.
pub fn router(authors: Authors, files: Option<Arc<dyn Files>>) -> Router {
    let tasks = Tasks::default();
    routes(authors.clone(), tasks.clone()).merge(backup::routes(authors, files, tasks)).into()
}

/// The routes with their documentation. `tasks`: where batches go on to their end.
pub fn routes(authors: Authors, tasks: Tasks) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(bulk::act))
        .routes(routes!(bulk::stop_all))
        .routes(routes!(job::delete))
        .routes(routes!(job::act))
        .routes(routes!(storage::clean_up))
        .with_state(WriteState { authors, tasks })
}

/// Why a job is held, for whoever looks at it: what the caller says, if that says anything.
fn hold_reason(given: Option<String>) -> String {
    given.filter(|reason| !reason.trim().is_empty()).unwrap_or_else(|| "suspended through the API".to_owned())
}

/// `?dry_run=true`: nothing is changed, and the answer says what would be.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DryRun {
    /// Whether nothing is to be changed.
    dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_always_has_a_reason() {
        assert_eq!(hold_reason(Some("too expensive".to_owned())), "too expensive");
        for blank in [None, Some(String::new()), Some(" \n".to_owned())] {
            assert_eq!(hold_reason(blank), "suspended through the API");
        }
    }
}
