//! What people and programs see. Of objects it comes from the process's own stores, so that a list of thousands costs the
//! API server nothing; logs and events come from the API server, asked with the caller's own token.

mod accept;
pub mod accounts;
pub mod advice;
pub mod allowed_namespaces;
pub mod artifacts;
pub mod attempts;
pub mod checkpoint;
mod clip_takes;
mod etag;
pub mod events;
pub mod filter;
pub mod job;
mod jobs;
mod kept_logs;
mod logs;
pub mod media;
pub mod metrics_json;
mod pagination;
pub mod prune_plan;
pub mod scene_costs;
pub mod scenes;
pub mod storage;
pub mod storyboard;
pub mod stream;
pub mod summary;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::State;

/// The routes with their documentation.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(metrics_json::metrics))
        .routes(routes!(jobs::list))
        .routes(routes!(stream::follow))
        .routes(routes!(job::get))
        .routes(routes!(events::list))
        .routes(routes!(logs::read))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::bytes))
        .routes(routes!(scenes::list))
        .routes(routes!(scenes::bytes))
        .routes(routes!(storage::stats))
        .routes(routes!(prune_plan::read))
        .routes(routes!(accounts::list))
}
