//! Backups are exported within a budget of memory, which they take as they grow: those of callers if there is enough at
//! once, the operator's own when there is.

use async_trait::async_trait;
use axum::http::StatusCode;
use jiff::Timestamp;
use kube::Client;
use videofactory_client::CallError;
use videofactory_client::backup::{Budget, Written, export_within};

use super::memory::{BACKUP_MEMORY, MemoryBudget, MemoryPermit};
use crate::problem::Problem;
use crate::task_limits::TaskLimit;

/// Memory that is there, or not.
struct ImmediateBudget(MemoryPermit);

#[async_trait]
impl Budget for ImmediateBudget {
    type Error = Problem;

    async fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        if self.0.may_hold(bytes) {
            return self.0.try_grow_to(bytes);
        }
        let detail = "the backup has more bytes than the operator's memory is meant for";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).hint(
            "back up namespace by namespace (?namespace=), or on your own machine: `kubectl videofactory backup --file FILE`",
        ))
    }
}

/// Memory that is there for the operator's own backup, or not yet. What is larger than all of it is alone.
struct QueuedBudget(MemoryPermit);

/// Why a backup of the operator's own was not written.
enum ExportError {
    /// So many bytes are not there yet.
    ReserveMemory(usize),
    /// The API server could not be asked.
    CallApiServer(CallError),
}

impl From<CallError> for ExportError {
    fn from(error: CallError) -> Self {
        Self::CallApiServer(error)
    }
}

#[async_trait]
impl Budget for QueuedBudget {
    type Error = ExportError;

    async fn grow_to(&mut self, bytes: usize) -> Result<(), ExportError> {
        self.0.try_grow_to(bytes).map_err(|_| ExportError::ReserveMemory(bytes))
    }
}

/// A backup for a caller, if there is memory for it. The memory is taken until the permit is dropped.
pub async fn export_now(
    client: &Client,
    namespace: Option<&str>,
    now: Timestamp,
) -> Result<(Written, MemoryPermit), Problem> {
    let mut memory = ImmediateBudget(BACKUP_MEMORY.nothing());
    let written = export_within(client, namespace, now, &mut memory).await?;
    Ok((written, memory.0))
}

/// A backup for the operator itself, in the memory that those of callers have, and after the one that is being made (`limit`).
/// The memory is taken until the permit is dropped.
pub async fn export_queued(
    limit: &TaskLimit,
    client: &Client,
    namespace: &str,
    now: Timestamp,
) -> Result<(Written, MemoryPermit), CallError> {
    export_later((limit, &BACKUP_MEMORY), client, namespace, now).await
}

/// Where memory is missing, what was gathered is given up, and begun again when there is as much: a restore is not to wait
/// for who waits for memory.
async fn export_later(
    (limit, budget): (&TaskLimit, &'static MemoryBudget),
    client: &Client,
    namespace: &str,
    now: Timestamp,
) -> Result<(Written, MemoryPermit), CallError> {
    let mut memory = budget.nothing();
    loop {
        match try_export(limit, memory, client, namespace, now).await {
            Ok(gathered) => return Ok(gathered),
            Err(ExportError::CallApiServer(error)) => return Err(error),
            Err(ExportError::ReserveMemory(bytes)) => memory = budget.acquire(bytes).await,
        }
    }
}

async fn try_export(
    limit: &TaskLimit,
    memory: MemoryPermit,
    client: &Client,
    namespace: &str,
    now: Timestamp,
) -> Result<(Written, MemoryPermit), ExportError> {
    let _permit = limit.acquire().await;
    let mut memory = QueuedBudget(memory);
    let written = export_within(client, Some(namespace), now, &mut memory).await?;
    Ok((written, memory.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;

    use super::*;
    use crate::testing::{Harness, ROOT, job};

    const MIB: usize = 1024 * 1024;

    fn budget(mib: u32) -> &'static MemoryBudget {
        Box::leak(Box::new(MemoryBudget::new(mib)))
    }

    /// With a backup of its jobs of some MiB, and a budget for it and for little beside it.
    async fn harness() -> (Harness, &'static MemoryBudget) {
        let harness = Harness::new().await;
        for number in 0..5 {
            let mut job = job("films", &format!("film-{number}"), &json!({}));
            job["spec"]["topic"] = json!("x".repeat(MIB));
            harness.know(job);
        }
        (harness, budget(12))
    }

    fn now() -> Timestamp {
        "2026-11-29T08:00:00Z".parse().unwrap()
    }

    async fn gathered(harness: &Harness, memory: &mut ImmediateBudget) -> Result<usize, Problem> {
        let client = harness.state.clients.of_token(ROOT).unwrap();
        let written = export_within(&client, None, now(), memory).await?;
        Ok(written.text.capacity())
    }

    #[tokio::test]
    async fn a_backup_takes_its_memory_as_it_grows_and_is_given_up_where_there_is_none() {
        let (harness, shared) = harness().await;
        let mut memory = ImmediateBudget(shared.nothing());
        let bytes = gathered(&harness, &mut memory).await.unwrap();
        assert!(bytes > 5 * MIB);
        assert!(shared.try_acquire(12 * MIB - bytes + MIB).is_err(), "what it takes is taken");
        drop(shared.try_acquire(12 * MIB - bytes - MIB).unwrap());
        // Another one beside it.
        let refused = gathered(&harness, &mut ImmediateBudget(shared.nothing())).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (503, Some(10)));
        drop(memory);
        assert!(shared.try_acquire(12 * MIB).is_ok());
        let refused = gathered(&harness, &mut ImmediateBudget(budget(2).nothing())).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (503, None), "no later time helps");
    }

    #[tokio::test]
    async fn the_operators_own_backup_waits_for_memory_and_nobody_waits_for_it_meanwhile() {
        let (harness, shared) = harness().await;
        let client = harness.state.clients.of_token(ROOT).unwrap();
        let taken = shared.try_acquire(11 * MIB).unwrap();
        let limit = TaskLimit::new(1, "backups");
        let mut gathering = Box::pin(export_later((&limit, shared), &client, "films", now()));
        assert!(timeout(Duration::from_millis(300), &mut gathering).await.is_err());
        tokio::select! {
            _ = &mut gathering => panic!("there is no memory for it"),
            taken = limit.acquire() => drop(taken.unwrap()),
        }
        drop(shared.try_acquire(MIB).unwrap());
        drop(taken);
        let (written, memory) = gathering.await.unwrap();
        assert!(written.text.capacity() > 5 * MIB);
        assert!(shared.try_acquire(12 * MIB).is_err(), "what it takes is taken");
        drop(memory);
        assert!(shared.try_acquire(12 * MIB).is_ok());
        assert!(export_later((&limit, budget(2)), &client, "films", now()).await.is_ok(), "it is alone");
    }
}
