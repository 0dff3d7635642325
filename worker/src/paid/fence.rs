//! Fences between attempts. An attempt raises its own before anything else; before it submits, and after it
//! has taken the slot, it looks for a later one. So either the later attempt sees the slot, or the earlier
//! one sees the fence: a pod that runs on although it was given up submits nothing beside its successor.

use std::sync::Arc;

use serde::Serialize;
use videofactory_crds::StepName;
use videofactory_pipeline::Keys;

use super::shelf::Shelf;
use crate::outcome::StepError;

/// The fence of one attempt.
#[derive(Clone)]
pub(super) struct Fence {
    shelf: Arc<dyn Shelf>,
    /// What the fences of all attempts begin with.
    prefix: String,
    attempt: i32,
}

#[derive(Serialize)]
struct Raised<'a> {
    pod: &'a str,
}

impl Fence {
    /// Raises the attempt's fence. Stops the attempt if a later one has begun, or if another pod works on the
    /// same one.
    pub async fn raise(
        shelf: Arc<dyn Shelf>,
        keys: &Keys,
        step: StepName,
        attempt: i32,
        pod: &str,
    ) -> Result<Self, StepError> {
        let raised =
            serde_json::to_vec(&Raised { pod }).map_err(|error| StepError::Break(error.to_string()))?;
        let fence = Self { shelf, prefix: keys.fences(step), attempt };
        if !fence.shelf.put_once(&keys.fence(step, attempt), raised).await? {
            tracing::warn!(attempt, "another pod works on this attempt; this one stops");
            return Err(StepError::Stop);
        }
        if fence.is_passed().await? {
            return Err(StepError::Stop);
        }
        Ok(fence)
    }

    /// Whether a later attempt has begun.
    pub async fn is_passed(&self) -> Result<bool, StepError> {
        let keys = self.shelf.list(&self.prefix).await?;
        let later = keys.iter().filter_map(|key| attempt_in(key.strip_prefix(&self.prefix)?)).max();
        let passed = later.is_some_and(|later| later > self.attempt);
        if passed {
            tracing::warn!(attempt = self.attempt, later, "a later attempt has begun; this one stops");
        }
        Ok(passed)
    }
}

fn attempt_in(name: &str) -> Option<i32> {
    name.strip_suffix(".json")?.parse().ok()
}
