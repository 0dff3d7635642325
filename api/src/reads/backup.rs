//! GET `/backup`: everything of a namespace, or of the cluster, in one document. It is read as whoever asks for it, and
//! depends on none of the operator's stores, so that a proxy on somebody's machine can serve it, too.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use jiff::Timestamp;
use kube::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use videofactory_client::CallError;
use videofactory_client::backup::{Budget, Written, gather_in};
use videofactory_client::job_ref::is_label;
use videofactory_pipeline::clock;

use crate::problem::Problem;
use crate::query::Parameters;
use crate::room::{self, Room};
use crate::writes::{Author, Authors};

/// Backups and restores that are worked on at a time: each reads objects by the hundred.
pub(crate) static AT_WORK: Semaphore = Semaphore::const_new(1);
/// Seconds after which to try again while another one is at work.
pub(crate) const TRY_AGAIN: u32 = 10;

/// Longest time in which a backup must have been read: so long it is in memory.
const LONGEST: Duration = Duration::from_mins(10);

/// The route.
pub fn routes(authors: Authors) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(backup)).with_state(authors)
}

// It stands for the backup in the document, and is never made.
/// A backup: a list of manifests in one object.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BackupDocument {
    api_version: String,
    kind: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The namespace that it is of. Left out: all namespaces.
    namespace: Option<String>,
    /// The objects.
    #[schema(value_type = Vec<Object>)]
    items: Vec<String>,
    /// How many objects it holds. Backups of the first version have no count and no digest.
    item_count: Option<i64>,
    /// Digest of its content.
    digest: Option<String>,
}

/// Query parameters of GET `/backup`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BackupQuery {
    /// The namespace to back up. Left out: all namespaces, which needs the permission to list their objects.
    #[param(max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", example = "demo")]
    namespace: Option<String>,
}

/// Everything of a namespace, or of the cluster, with its status and without Secrets, as POST /restore takes it.
#[utoipa::path(get, path = "/backup", operation_id = "back_up", tag = "storage", params(BackupQuery), responses(
    (status = 200, description = "The backup", body = BackupDocument),
))]
async fn backup(author: Author, Parameters(query): Parameters<BackupQuery>) -> Result<Response, Problem> {
    if query.namespace.as_ref().is_some_and(|namespace| !is_label(namespace)) {
        return Err(Problem::bad_request("namespace is the name of a namespace"));
    }
    let now = clock::now();
    let namespace = query.namespace.as_deref();
    let (text, room) = {
        let _slot = AT_WORK.try_acquire().map_err(|_| busy())?;
        let mut room = AtOnce(room::BACKUPS.nothing());
        (gather_in(&author.0, namespace, now, &mut room).await?.text, room.0)
    };
    let disposition = format!("attachment; filename=\"{}\"", file_name(namespace, now));
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_DISPOSITION, disposition)
        .header(CACHE_CONTROL, "no-store")
        .body(room::body(text, room, LONGEST))
        .map_err(|error| Problem::internal("the backup cannot be sent", &error))
}

/// Room in memory that is there, or not.
struct AtOnce(Room);

#[async_trait]
impl Budget for AtOnce {
    type Error = Problem;

    async fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        if self.0.may_hold(bytes) {
            return self.0.grow_to(bytes);
        }
        let detail = "the backup has more bytes than the operator's memory is meant for";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).hint(
            "back up namespace by namespace (?namespace=), or on your own machine: `kubectl videofactory backup -o FILE`",
        ))
    }
}

/// Room that is waited for. What is larger than all of it is alone.
struct InTime(Room);

#[async_trait]
impl Budget for InTime {
    type Error = CallError;

    async fn grow_to(&mut self, bytes: usize) -> Result<(), CallError> {
        self.0.grow_in_time_to(bytes).await;
        Ok(())
    }
}

/// A backup for the operator itself, in the room that those of callers have, and after the one that is being made. The
/// room is taken until it is dropped.
pub async fn gather_in_turn(
    client: &Client,
    namespace: &str,
    now: Timestamp,
) -> Result<(Written, Room), CallError> {
    // It is never closed.
    let _slot = AT_WORK.acquire().await.ok();
    let mut room = InTime(room::BACKUPS.nothing());
    let written = gather_in(client, Some(namespace), now, &mut room).await?;
    Ok((written, room.0))
}

pub(crate) fn busy() -> Problem {
    Problem::later("another backup or restore is at work; try again", TRY_AGAIN)
}

fn file_name(namespace: Option<&str>, now: Timestamp) -> String {
    let whose = namespace.map(|namespace| format!("-{namespace}")).unwrap_or_default();
    format!("videofactory-backup{whose}-{}.json", now.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;
    use crate::room::Rooms;
    use crate::testing::{ROOT, World, job};

    const MIB: usize = 1024 * 1024;

    /// With room for a backup of its jobs, which has some MiB, and for little beside it.
    async fn world() -> (World, &'static Rooms) {
        let world = World::new().await;
        for number in 0..5 {
            let mut job = job("films", &format!("film-{number}"), &json!({}));
            job["spec"]["topic"] = json!("x".repeat(MIB));
            world.know(job);
        }
        (world, Box::leak(Box::new(Rooms::new(12))))
    }

    async fn gathered<B: Budget>(world: &World, budget: &mut B) -> Result<usize, B::Error> {
        let client = world.state.clients.of_token(ROOT).unwrap();
        let written = gather_in(&client, None, "2026-11-29T08:00:00Z".parse().unwrap(), budget).await?;
        Ok(written.text.capacity())
    }

    #[tokio::test]
    async fn a_backup_takes_its_room_as_it_grows_and_is_given_up_where_there_is_none() {
        let (world, rooms) = world().await;
        let mut room = AtOnce(rooms.nothing());
        let bytes = gathered(&world, &mut room).await.unwrap();
        assert!(bytes > 5 * MIB);
        assert!(rooms.take(12 * MIB - bytes + MIB).is_err(), "what it takes is taken");
        drop(rooms.take(12 * MIB - bytes - MIB).unwrap());
        // Another one beside it.
        let refused = gathered(&world, &mut AtOnce(rooms.nothing())).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (503, Some(10)));
        drop(room);
        assert!(rooms.take(12 * MIB).is_ok());
        let small = Box::leak(Box::new(Rooms::new(2)));
        let refused = gathered(&world, &mut AtOnce(small.nothing())).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (503, None), "no later time helps");
    }

    #[tokio::test]
    async fn the_operators_own_backup_waits_for_room() {
        let (world, rooms) = world().await;
        let taken = rooms.take(12 * MIB).unwrap();
        let mut room = InTime(rooms.nothing());
        let mut gathering = Box::pin(gathered(&world, &mut room));
        assert!(timeout(Duration::from_millis(300), &mut gathering).await.is_err());
        drop(taken);
        assert!(gathering.await.unwrap() > 5 * MIB);
        drop(room);
        let small = Box::leak(Box::new(Rooms::new(2)));
        assert!(gathered(&world, &mut InTime(small.nothing())).await.is_ok(), "it is alone");
    }

    #[test]
    fn a_file_is_named_by_what_it_holds_and_when() {
        let now = "2026-11-29T08:00:00.5Z".parse().unwrap();
        assert_eq!(file_name(Some("films"), now), "videofactory-backup-films-20261129T080000Z.json");
        assert_eq!(file_name(None, now), "videofactory-backup-20261129T080000Z.json");
    }
}
