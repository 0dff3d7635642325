//! What people and programs see. Of objects it comes from the process's own stores, so that a list of thousands costs the
//! API server nothing; logs and events come from the API server, asked with the caller's own token.

mod accept;
mod accounts;
mod advice;
mod artifacts;
mod checkpoint;
mod etag;
mod events;
mod filter;
mod job;
mod jobs;
mod kept_logs;
mod logs;
mod media;
mod metrics;
mod page;
mod scope;
mod storage;
mod stream;
mod summary;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::State;

/// The routes with their documentation.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(metrics::metrics))
        .routes(routes!(jobs::list))
        .routes(routes!(stream::follow))
        .routes(routes!(job::get))
        .routes(routes!(events::list))
        .routes(routes!(logs::read))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::bytes))
        .routes(routes!(storage::stats))
        .routes(routes!(accounts::list))
}
