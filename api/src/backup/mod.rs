//! GET `/backup` and POST `/restore`: everything of a namespace, or of the cluster, in one document, and made again of it.
//! Both go to the API server as whoever asks and depend on none of the operator's stores, so that a proxy on somebody's
//! machine can serve them, too.

mod download;
mod export_budget;
mod memory;
mod restore;

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use videofactory_client::restore::Files;

use crate::access::UserClientSource;
use crate::tasks::Tasks;

pub use export_budget::export_queued;
pub use restore::MAX_BYTES;

/// The routes. `files`: the way to the buckets, where there is one. `tasks`: where a restore continues to its end.
#[must_use]
pub fn routes(user_clients: UserClientSource, files: Option<Arc<dyn Files>>, tasks: Tasks) -> OpenApiRouter {
    download::routes(user_clients.clone(), tasks.clone()).merge(restore::routes(user_clients, files, tasks))
}

// It stands for the backup in the document, and is never made.
/// A backup: a list of manifests in one object.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BackupDocument {
    api_version: String,
    kind: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The namespace that was backed up. Absent: all namespaces.
    namespace: Option<String>,
    /// The objects.
    #[schema(value_type = Vec<Object>)]
    items: Vec<String>,
    /// How many objects it holds. Backups of the first version have no count and no digest.
    item_count: Option<i64>,
    /// Digest of its content.
    digest: Option<String>,
}
