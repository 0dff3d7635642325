//! How many requests that continue without their callers are at work at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Seconds after which a permit may be free again.
const RETRY_AFTER: u32 = 5;
/// Requests that make jobs: each has a manifest in memory.
const MAX_CREATIONS: usize = 32;
/// Requests that act on many jobs: each holds a list of them.
const MAX_ACTIONS: usize = 2;
/// Stops of all jobs, which no other request keeps waiting.
const MAX_STOPS: usize = 4;
/// Requests to prune: each may wait for runs to begin.
const MAX_CLEANUPS: usize = 4;
/// Backups and restores: each reads objects by the hundred.
const MAX_BACKUPS: usize = 1;

/// How many requests of one kind are at work at a time, whoever sends them. Clones share the permits.
#[derive(Clone, Debug)]
pub struct TaskLimit {
    free: Arc<Semaphore>,
    what: &'static str,
}

impl TaskLimit {
    /// At most so many. `what`: the requests, in the plural.
    #[must_use]
    pub fn new(most: usize, what: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), what }
    }

    /// A permit, if one is free. To be acquired before anything is listed.
    pub fn try_acquire(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = || Problem::later(format!("other {} are at work; try again", self.what), RETRY_AFTER);
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| full())
    }

    /// A permit, once one is free.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

/// The limits of all kinds of requests in a process.
#[derive(Clone, Debug)]
pub struct TaskLimits {
    /// POST `/jobs`.
    pub creations: TaskLimit,
    /// POST `/jobs/actions`.
    pub actions: TaskLimit,
    /// POST `/jobs/force-stop-all`.
    pub stops: TaskLimit,
    /// POST `/storage/cleanup`.
    pub cleanups: TaskLimit,
    /// GET `/backup`, POST `/restore`, and the backups of policies.
    pub backups: TaskLimit,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            creations: TaskLimit::new(MAX_CREATIONS, "requests to make jobs"),
            actions: TaskLimit::new(MAX_ACTIONS, "requests that act on many jobs"),
            stops: TaskLimit::new(MAX_STOPS, "requests to stop all jobs"),
            cleanups: TaskLimit::new(MAX_CLEANUPS, "requests to prune"),
            backups: TaskLimit::new(MAX_BACKUPS, "backups or restores"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::testing::documented;

    #[test]
    fn a_permit_is_free_again_when_its_request_has_ended() {
        let limit = TaskLimit::new(1, "requests to prune");
        let taken = limit.try_acquire().unwrap();
        let refused = limit.try_acquire().unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(5)));
        assert_eq!(refused.detail, "other requests to prune are at work; try again");
        drop(taken);
        assert!(limit.try_acquire().is_ok());
    }

    #[test]
    fn how_many_are_at_work_at_a_time_is_documented() {
        documented::limit(&format!("Requests that make jobs (`POST /jobs`) | {MAX_CREATIONS} at a time |"));
        let (paths, stops) = ("`/jobs/actions`; `/jobs/force-stop-all`", format!("{MAX_STOPS} at a time"));
        documented::limit(&format!(
            "Requests that act on many jobs: {paths} | {MAX_ACTIONS} at a time; {stops} |"
        ));
        documented::limit(&format!(
            "Requests to prune (`POST /storage/cleanup`) | {MAX_CLEANUPS} at a time |"
        ));
    }
}
