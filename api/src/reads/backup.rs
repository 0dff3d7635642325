//! GET `/backup`: everything of a namespace, or of the cluster, in one document. It is read as whoever asks for it, and
//! depends on none of the operator's stores, so that a proxy on somebody's machine can serve it, too.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Semaphore;
use videofactory_client::backup::gather;
use videofactory_client::job_ref::is_label;
use videofactory_pipeline::clock;

use crate::problem::Problem;
use crate::writes::{Author, Authors, Parameters};

/// Backups and restores at a time: each holds a whole document in memory.
pub(crate) static AT_WORK: Semaphore = Semaphore::const_new(1);
/// Seconds after which to try again while another one is at work.
pub(crate) const TRY_AGAIN: u32 = 10;

/// The route.
pub fn router(authors: Authors) -> Router {
    Router::new().route("/backup", get(backup)).with_state(authors)
}

/// Of what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BackupQuery {
    namespace: Option<String>,
}

/// The document, as POST `/restore` takes it.
async fn backup(author: Author, Parameters(query): Parameters<BackupQuery>) -> Result<Response, Problem> {
    if query.namespace.as_ref().is_some_and(|namespace| !is_label(namespace)) {
        return Err(Problem::bad_request("namespace is the name of a namespace"));
    }
    let _slot = AT_WORK.try_acquire().map_err(|_| busy())?;
    let now = clock::now();
    let namespace = query.namespace.as_deref();
    let written = gather(&author.0, namespace, now).await?;
    let disposition = format!("attachment; filename=\"{}\"", file_name(namespace, now));
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_DISPOSITION, disposition)
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(written.text))
        .map_err(|error| Problem::internal("the backup cannot be sent", &error))
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
    use super::*;

    #[test]
    fn a_file_is_named_by_what_it_holds_and_when() {
        let now = "2026-11-29T08:00:00.5Z".parse().unwrap();
        assert_eq!(file_name(Some("films"), now), "videofactory-backup-films-20261129T080000Z.json");
        assert_eq!(file_name(None, now), "videofactory-backup-20261129T080000Z.json");
    }
}
