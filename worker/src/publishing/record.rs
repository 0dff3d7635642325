//! The record of a publication: written once for a run and target, consulted before anything else. It names the film,
//! because a published one cannot be taken back: for another film of the same run it says so, rather than pass for it.

use serde::{Deserialize, Serialize};
use videofactory_pipeline::contract::Publication;
use videofactory_storage::PutOnce;

use crate::context::Context;
use crate::outcome::StepError;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    publication: Publication,
    /// Of the film that was published.
    #[serde(default)]
    sha256: String,
}

impl Record {
    fn of(self, target: &str, sha256: &str) -> Result<Publication, StepError> {
        if self.sha256 == sha256 {
            return Ok(self.publication);
        }
        Err(earlier_film(target))
    }
}

/// The target has another film of this run, which cannot be taken back.
#[must_use]
pub fn earlier_film(target: &str) -> StepError {
    StepError::FollowSettings(format!(
        "failed to publish: target {target:?} has an earlier film of this run; request a restart to publish the edited one"
    ))
}

fn key(context: &Context, target: &str) -> String {
    context.keys.record(target)
}

/// The publication of this film to a target, if there was one.
pub async fn find(context: &Context, target: &str, sha256: &str) -> Result<Option<Publication>, StepError> {
    let record = context.bucket.get_json::<Record>(&key(context, target)).await?;
    record.map(|record| record.of(target, sha256)).transpose()
}

/// Writes the record; the publication that is in force.
pub async fn keep(
    context: &Context,
    target: &str,
    sha256: &str,
    publication: Publication,
) -> Result<Publication, StepError> {
    let key = key(context, target);
    let record = Record { publication, sha256: sha256.to_owned() };
    match context.bucket.put_json_once(&key, &record).await? {
        PutOnce::Created(_) => Ok(record.publication),
        PutOnce::AlreadyExists(_) => {
            context.bucket.get_json(&key).await?.unwrap_or(record).of(target, sha256)
        }
    }
}
