//! Earlier attempts of a job's steps: when each began and ended, and how. The status shows each step's last one alone;
//! the others have left their outcomes and logs in the bucket.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use videofactory_crds::{StepName, VideoJob};
use videofactory_pipeline::contract::VERSION;
use videofactory_pipeline::{ExitCode, Keys, StepOutcome};
use videofactory_storage::{Bucket, StorageError};

use super::artifacts;
use super::media::of_bucket;
use super::storyboard::keys_of;
use crate::documents::cache_key;
use crate::path::JobPath;
use crate::problem::Problem;
use crate::state::State;

/// Most earlier attempts of a step that are shown: the last ones.
const MAX_EARLIER: i32 = 6;

/// The earlier attempts of each step in the present run, in order.
pub type EarlierAttempts = BTreeMap<StepName, Vec<EarlierAttempt>>;

/// An attempt after which another one has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    pub attempt: i32,
    /// When the first lines of its log were kept, some seconds after its beginning.
    pub began_at: Option<Timestamp>,
    /// When its outcome was kept.
    pub ended_at: Timestamp,
    pub exit: ExitCode,
    /// It was stopped from outside.
    pub interrupted: bool,
    pub message: String,
}

/// The earlier attempts that have left an outcome: one that was killed with its node has not.
pub async fn earlier(state: &State, job: &VideoJob, path: &JobPath) -> Result<EarlierAttempts, Problem> {
    let mut attempts = EarlierAttempts::new();
    let Some((status, keys)) = job.status.as_ref().zip(keys_of(&path.0, job)) else { return Ok(attempts) };
    let mut wanted = Vec::new();
    for step in &status.steps {
        let last = step.attempt.unwrap_or_default();
        let first = last.saturating_sub(MAX_EARLIER).max(1);
        wanted.extend((first..last).map(|attempt| (step.name, attempt)));
    }
    if wanted.is_empty() {
        return Ok(attempts);
    }
    let bucket = artifacts::bucket(state, job, path).await?.with_short_timeouts();
    let reading = wanted.iter().map(|(step, attempt)| kept(state, &bucket, &keys, *step, *attempt));
    for ((step, _), found) in wanted.iter().zip(try_join_all(reading).await?) {
        attempts.entry(*step).or_default().extend(found);
    }
    Ok(attempts)
}

/// What an attempt has left. It is over, so that it stays what it is, also where it has left nothing.
async fn kept(
    state: &State,
    bucket: &Bucket,
    keys: &Keys,
    step: StepName,
    attempt: i32,
) -> Result<Option<EarlierAttempt>, Problem> {
    let name = cache_key(bucket, &keys.outcome(step, attempt));
    let reading = async {
        let found = read(bucket, keys, step, attempt).await.map_err(|error| of_bucket(&error))?;
        Ok::<_, Problem>(serde_json::to_value(&found).unwrap_or_default())
    };
    let kept = state.documents.get_or_read(&name, Box::pin(reading)).await?;
    Ok(<Option<EarlierAttempt> as Deserialize>::deserialize(&*kept).unwrap_or_default())
}

async fn read(
    bucket: &Bucket,
    keys: &Keys,
    step: StepName,
    attempt: i32,
) -> Result<Option<EarlierAttempt>, StorageError> {
    let key = keys.outcome(step, attempt);
    let Some(ended_at) = bucket.head(&key).await?.and_then(|info| info.modified) else { return Ok(None) };
    let outcome = match bucket.get_json::<StepOutcome>(&key).await {
        // One of another release: nothing of it can be shown.
        Err(StorageError::Corrupt { .. }) => None,
        read => read?.filter(|outcome| outcome.version == VERSION),
    };
    let Some(outcome) = outcome else { return Ok(None) };
    let log = bucket.head(&keys.log_chunk(step, attempt, 0)).await?;
    Ok(Some(EarlierAttempt {
        attempt,
        began_at: log.and_then(|info| info.modified).filter(|began| *began < ended_at),
        ended_at,
        exit: outcome.exit,
        interrupted: outcome.interrupted,
        message: outcome.message,
    }))
}
