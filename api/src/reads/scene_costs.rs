//! What the picture and the clip of each scene have cost, as their steps have recorded it with each submission. A voice may
//! be bought with others in one request (`grouping: Film`). What is recorded does not change, so that it is read once for
//! each result of a step and each page of its scenes: a film may have two hundred.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use videofactory_crds::{Money, StepName, VideoJob};
use videofactory_pipeline::contract::{Ending, Submission, SubmissionEnd};
use videofactory_pipeline::{Digest, Keys};
use videofactory_storage::{Bucket, StorageError};

use super::artifacts::bucket;
use super::storyboard::{Made, keys_of};
use crate::documents::cache_key;
use crate::path::JobPath;
use crate::state::State;

/// Submissions for one file that are looked for. A person is asked after two submissions that brought nothing, and may allow
/// one more each time: more than this nobody has allowed.
const MAX_SUBMISSIONS: u32 = 16;
/// Scenes that are looked up at a time.
const CONCURRENCY: usize = 16;

/// Dollars by the scene's id; a scene for which nothing was paid is absent.
type Costs = BTreeMap<String, Money>;

/// What was paid for scenes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneCosts {
    pub images: Costs,
    pub clips: Costs,
}

impl SceneCosts {
    /// Reads it for the files of these scenes that are in the film. A part of it is empty where its step has paid nothing or
    /// is not done, or where the bucket does not answer.
    pub async fn read(state: &State, job: &VideoJob, path: &JobPath, made: &Made, scenes: &[&str]) -> Self {
        let images = made.images.scenes.iter().map(|scene| (scene.id.as_str(), &scene.digest));
        let clips = made.clips.scenes.iter().map(|scene| (scene.id.as_str(), &scene.digest));
        let images = images.filter(|(id, _)| scenes.contains(id)).collect();
        let clips = clips.filter(|(id, _)| scenes.contains(id)).collect();
        let (images, clips) = futures::join!(
            of_step(state, job, path, StepName::GenerateImages, images),
            of_step(state, job, path, StepName::AnimateScenes, clips),
        );
        Self { images: images.unwrap_or_default(), clips: clips.unwrap_or_default() }
    }
}

/// `files`: the digest of what each scene's file was made from.
async fn of_step(
    state: &State,
    job: &VideoJob,
    path: &JobPath,
    step: StepName,
    files: Vec<(&str, &Digest)>,
) -> Option<Costs> {
    let recorded = job.status.as_ref()?.step(step)?;
    recorded.cost.filter(|cost| *cost != Money::ZERO)?;
    if files.is_empty() {
        return None;
    }
    let keys = keys_of(&path.0, job)?;
    let input = Digest::from_hex(recorded.input_digest.as_deref()?)?;
    let bucket = bucket(state, job, path).await.ok()?.with_short_timeouts();
    let scenes: Vec<&str> = files.iter().map(|(scene, _)| *scene).collect();
    let name = format!("{}: costs of {}", cache_key(&bucket, &keys.document(step, &input)), scenes.join(","));
    let reading = async {
        let looks = files.into_iter().map(|(scene, digest)| paid(&bucket, &keys, step, scene, digest));
        let looks: Vec<_> = looks.collect();
        let found: Vec<(String, Money)> =
            stream::iter(looks).buffer_unordered(CONCURRENCY).try_collect().await?;
        let costs: Costs = found.into_iter().filter(|(_, cost)| *cost != Money::ZERO).collect();
        Ok::<_, StorageError>(serde_json::to_value(&costs).unwrap_or_default())
    };
    let kept = state.documents.get_or_read(&name, reading).await.ok()?;
    Costs::deserialize(&*kept).ok()
}

/// What the submissions for a scene's file have cost, until it was delivered.
async fn paid(
    bucket: &Bucket,
    keys: &Keys,
    step: StepName,
    scene: &str,
    digest: &Digest,
) -> Result<(String, Money), StorageError> {
    let mut paid = Money::ZERO;
    for number in 1..=MAX_SUBMISSIONS {
        let end: Option<SubmissionEnd> = bucket.get_json(&keys.slot_end(step, digest, number)).await?;
        if let Some(end) = end {
            paid = paid.plus(end.cost);
            if end.how == Ending::Delivered {
                break;
            }
            continue;
        }
        // Its answer is lost: it may have been paid for, and counts as paid in the step's sum, too.
        let lost: Option<Submission> = bucket.get_json(&keys.slot(step, digest, number)).await?;
        let Some(lost) = lost else { break };
        paid = paid.plus(lost.cost);
    }
    Ok((scene.to_owned(), paid))
}
