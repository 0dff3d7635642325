//! How many requests are at work at a time that go on without their callers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Seconds after which a slot may be free again.
const NEXT_SLOT: u32 = 5;
/// Requests that make jobs: each has a manifest in memory.
const MAX_CREATIONS: usize = 32;
/// Requests to many jobs: each holds a list of them.
const MAX_ACTIONS: usize = 2;
/// Stops of all jobs, which no other request keeps waiting.
const MAX_STOPS: usize = 4;
/// Requests to prune: each may wait for runs to begin.
const MAX_CLEANUPS: usize = 4;
/// Backups and restores: each reads objects by the hundred.
const MAX_BACKUPS: usize = 1;

/// The slots of one kind of requests, whoever sends them. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots {
    free: Arc<Semaphore>,
    what: &'static str,
}

impl Slots {
    /// So many. `what`: the requests, in the plural.
    #[must_use]
    pub fn new(most: usize, what: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), what }
    }

    /// A slot, if one is free. To be taken before anything is listed.
    pub fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = || Problem::later(format!("other {} are at work; try again", self.what), NEXT_SLOT);
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| full())
    }

    /// A slot, once one is free.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

/// The slots of all kinds of requests in a process.
#[derive(Clone, Debug)]
pub struct TaskSlots {
    /// POST `/jobs`.
    pub creations: Slots,
    /// POST `/jobs/actions`.
    pub actions: Slots,
    /// POST `/jobs/force-stop-all`.
    pub stops: Slots,
    /// POST `/storage/cleanup`.
    pub cleanups: Slots,
    /// GET `/backup`, POST `/restore`, and the backups of policies.
    pub backups: Slots,
}

impl Default for TaskSlots {
    fn default() -> Self {
        Self {
            creations: Slots::new(MAX_CREATIONS, "requests to make jobs"),
            actions: Slots::new(MAX_ACTIONS, "requests to many jobs"),
            stops: Slots::new(MAX_STOPS, "requests to many jobs"),
            cleanups: Slots::new(MAX_CLEANUPS, "requests to prune"),
            backups: Slots::new(MAX_BACKUPS, "backups or restores"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::testing::documented;

    #[test]
    fn a_slot_is_free_again_when_its_request_has_ended() {
        let slots = Slots::new(1, "requests to prune");
        let taken = slots.take().unwrap();
        let refused = slots.take().unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::SERVICE_UNAVAILABLE, Some(5)));
        assert_eq!(refused.detail, "other requests to prune are at work; try again");
        drop(taken);
        assert!(slots.take().is_ok());
    }

    #[test]
    fn how_many_are_at_work_at_a_time_is_documented() {
        documented::limit(&format!("Requests that make jobs (`POST /jobs`) | {MAX_CREATIONS} at a time |"));
        let (paths, stops) = ("`/jobs/actions`; `/jobs/force-stop-all`", format!("{MAX_STOPS} at a time"));
        documented::limit(&format!("Requests to many jobs: {paths} | {MAX_ACTIONS} at a time; {stops} |"));
        documented::limit(&format!(
            "Requests to prune (`POST /storage/cleanup`) | {MAX_CLEANUPS} at a time |"
        ));
    }
}
