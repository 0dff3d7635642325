//! POST `/restore`: what stands in a backup is made again, and each object answers for itself.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::backup::{Backup, Kind};
use videofactory_client::restore::{Answer, Files, ItemAnswer, Options, Outcome, RestoreError, restore};
use videofactory_pipeline::clock;

use super::{Author, Authors, MANAGER};
use crate::body::is_json;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::reads::backup::{AT_WORK, BackupDocument, busy};
use crate::schemas;

/// Most bytes of a backup: some thousand jobs.
pub const MOST_BACKUP_BYTES: usize = 64 * 1024 * 1024;
/// What takes any backup.
const NO_BOUND: &str =
    "kubectl videofactory restore -f FILE takes a backup of any size, and with -n one namespace of it";

/// What the route needs.
#[derive(Clone)]
struct Desk {
    authors: Authors,
    /// The way to the buckets, where there is one.
    files: Option<Arc<dyn Files>>,
}

/// The route. `files`: the way to the buckets, where there is one.
pub fn routes(authors: Authors, files: Option<Arc<dyn Files>>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(answer))
        .layer(DefaultBodyLimit::max(MOST_BACKUP_BYTES))
        .with_state(Desk { authors, files })
}

/// How to restore.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RestoreQuery {
    /// Change nothing, and say what would be done.
    dry_run: bool,
    /// Let go on what was restored although something failed.
    partial: bool,
}

/// What became of a backup.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreAnswer {
    /// Whether nothing was changed, because the request said so.
    dry_run: bool,
    /// How many objects, by outcome.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    counts: std::collections::BTreeMap<Outcome, usize>,
    /// Each object, in the order of the backup.
    items: Vec<RestoredItem>,
    /// What is to be known besides: Secrets that must be there, and whose the bucket is.
    notes: Vec<String>,
}

impl From<Answer> for RestoreAnswer {
    fn from(answer: Answer) -> Self {
        let counts = answer.counts();
        let Answer { dry_run, items, notes } = answer;
        Self { dry_run, counts, items: items.into_iter().map(RestoredItem::from).collect(), notes }
    }
}

/// What became of one object.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoredItem {
    /// Its kind.
    #[schema(value_type = schemas::BackupKind)]
    kind: Kind,
    /// Its namespace.
    namespace: String,
    /// Its name.
    name: String,
    /// What became of it.
    #[schema(value_type = schemas::RestoreOutcome)]
    outcome: Outcome,
    /// Why, or what else is to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<ItemAnswer> for RestoredItem {
    fn from(ItemAnswer { kind, namespace, name, outcome, detail }: ItemAnswer) -> Self {
        Self { kind, namespace, name, outcome, detail }
    }
}

/// Restores the backup in the body, as whoever asks for it. It goes on to its end, also if nobody waits for the answer.
#[utoipa::path(
    post,
    path = "/restore",
    operation_id = "restore",
    tag = "storage",
    params(RestoreQuery),
    request_body = BackupDocument,
    responses((status = 200, description = "What became of it, object by object", body = RestoreAnswer)),
)]
async fn answer(
    Shared(desk): Shared<Desk>,
    Parameters(query): Parameters<RestoreQuery>,
    request: Request,
) -> Result<Json<RestoreAnswer>, Problem> {
    let (mut parts, body) = request.into_parts();
    let author = Author::of(&mut parts, &desk.authors).await?;
    if !is_json(&parts.headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be a backup, in JSON")
            .hint("send the header Content-Type: application/json"));
    }
    let slot = AT_WORK.try_acquire().map_err(|_| busy())?;
    let text = read(Request::from_parts(parts, body)).await?;
    let options = Options {
        dry_run: query.dry_run,
        partial: query.partial,
        manager: MANAGER.to_owned(),
        now: clock::now(),
    };
    let files = desk.files;
    let restoring = tokio::spawn(async move {
        let _slot = slot;
        let backup = Backup::read(&text).map_err(|error| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).hint("nothing was changed")
        })?;
        let answer = restore(&author.0, &backup, &options, files.as_deref()).await?;
        Ok::<_, Problem>(Json(answer.into()))
    });
    restoring
        .await
        .map_err(|error| Problem::internal("the restore was broken off; ask for it again", &error))?
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Call(error) => error.into(),
            RestoreError::Forbidden { ref hint, .. } => {
                Self::new(StatusCode::FORBIDDEN, error.to_string()).hint(hint)
            }
            RestoreError::OtherBackup { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

async fn read(request: Request) -> Result<String, Problem> {
    use axum::extract::FromRequest;
    let bytes = Bytes::from_request(request, &()).await.map_err(|error| {
        let detail =
            format!("the backup has more than {MOST_BACKUP_BYTES} bytes, or ended before it was complete");
        Problem::new(error.status(), detail).hint(NO_BOUND)
    })?;
    String::from_utf8(bytes.into())
        .map_err(|_| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the backup is no text in UTF-8"))
}
