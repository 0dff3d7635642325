//! Fencing between attempts, and between executions of one attempt. An execution first acquires the attempt's fencing
//! token, and does nothing if another execution holds it. Before each submission it takes a slot, checks for the token
//! of a later attempt, and submits at once: so the later attempt sees the slot, or the earlier one the token. A pod
//! that is paused between its check and its request can still submit once beside its successor; see docs/decisions.

use std::sync::Arc;

use serde::Serialize;
use videofactory_crds::StepName;
use videofactory_pipeline::Keys;

use super::store::WriteOnceStore;
use crate::outcome::StepError;

/// The fencing token of one attempt.
#[derive(Clone)]
pub(super) struct FencingToken {
    store: Arc<dyn WriteOnceStore>,
    keys: Keys,
    step: StepName,
    attempt: i32,
}

#[derive(Serialize)]
struct TokenHolder<'a> {
    pod: &'a str,
}

impl FencingToken {
    /// Acquires the attempt's token. Fails if a later attempt has begun, or if another execution holds the same token:
    /// that one may have submitted something.
    pub async fn acquire(
        store: Arc<dyn WriteOnceStore>,
        keys: &Keys,
        step: StepName,
        attempt: i32,
        pod: &str,
    ) -> Result<Self, StepError> {
        let holder =
            serde_json::to_vec(&TokenHolder { pod }).map_err(|error| StepError::Break(error.to_string()))?;
        let token = Self { store, keys: keys.clone(), step, attempt };
        let is_first = token.store.put_once(&keys.fencing_token(step, attempt), holder).await?;
        let latest = token.latest().await?.unwrap_or(attempt);
        if !is_first {
            tracing::warn!(attempt, latest, "another pod has begun this attempt; this one does nothing");
            return Err(StepError::RunTwice { latest });
        }
        if latest > attempt {
            tracing::warn!(attempt, latest, "a later attempt has begun; this one stops");
            return Err(StepError::RunSuperseded { latest });
        }
        Ok(token)
    }

    /// The latest attempt that has begun.
    async fn latest(&self) -> Result<Option<i32>, StepError> {
        let keys = self.store.list(&self.keys.fencing_tokens(self.step)).await?;
        Ok(keys.iter().filter_map(|key| self.keys.read_fencing_token(self.step, key)).max())
    }

    /// Whether a later attempt has begun.
    pub async fn is_superseded(&self) -> Result<bool, StepError> {
        let later = self.latest().await?;
        let superseded = later.is_some_and(|later| later > self.attempt);
        if superseded {
            tracing::warn!(attempt = self.attempt, later, "a later attempt has begun; this one stops");
        }
        Ok(superseded)
    }
}
