//! What the steps that work scene by scene share. What exists is found by asking for it and never made
//! again; what is missing is made, a few scenes at a time. One scene's failure keeps no other from
//! being made, unless it would fail alike.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};
use videofactory_pipeline::storyboard::Scene;

use crate::context::Context;
use crate::outcome::StepError;

/// How many scenes are asked for at a time.
const LOOKS_AT_A_TIME: usize = 16;

/// How a step makes one scene.
pub trait SceneWork: Sync {
    /// What stands in the step's document for a scene.
    type Entry: Send;

    /// The scene's entry, if its artifacts are there.
    fn find(&self, scene: &Scene) -> impl Future<Output = Result<Option<Self::Entry>, StepError>> + Send;

    /// Makes the scene's artifacts and stores them.
    fn make(&self, scene: &Scene) -> impl Future<Output = Result<Self::Entry, StepError>> + Send;
}

/// Finds or makes every scene; the entries in order.
pub async fn each_scene<W: SceneWork>(
    context: &Context,
    scenes: &[Scene],
    work: &W,
) -> Result<Vec<W::Entry>, StepError> {
    let progress = &context.progress;
    progress.begin_scenes(count(scenes.len()));
    let looks = stream::iter(0..scenes.len()).map(|place| work.find(&scenes[place]));
    let mut entries: Vec<Option<W::Entry>> = looks.buffered(LOOKS_AT_A_TIME).try_collect().await?;
    for (place, entry) in entries.iter().enumerate() {
        if entry.is_some() {
            progress.found(count(place));
        }
    }
    let missing: Vec<usize> = (0..scenes.len()).filter(|place| entries[*place].is_none()).collect();
    if context.input.survey && !missing.is_empty() {
        return Err(StepError::OnlySurvey { missing: missing.len(), total: scenes.len() });
    }

    let halted = AtomicBool::new(false);
    let making = stream::iter(missing).map(|place| make_one(context, &halted, place, &scenes[place], work));
    let made: Vec<(usize, Option<_>)> = making.buffer_unordered(scenes_at_a_time()).collect().await;
    let mut failed = Vec::new();
    for (place, result) in made {
        match result {
            Some(Ok(entry)) => entries[place] = Some(entry),
            Some(Err(error)) => failed.push((scenes[place].id.clone(), error)),
            None if context.stop.is_cancelled() => failed.push((scenes[place].id.clone(), StepError::Stop)),
            None => {}
        }
    }
    if failed.iter().any(|(_, error)| !matches!(error, StepError::Stop)) {
        return Err(StepError::MakeScenes { failed, total: scenes.len() });
    }
    // With no failure, a scene without an entry was not begun.
    entries.into_iter().collect::<Option<Vec<_>>>().ok_or(StepError::Stop)
}

/// One scene, or nothing if nothing more may be begun.
async fn make_one<W: SceneWork>(
    context: &Context,
    halted: &AtomicBool,
    place: usize,
    scene: &Scene,
    work: &W,
) -> (usize, Option<Result<W::Entry, StepError>>) {
    if context.stop.is_cancelled() || halted.load(Ordering::Relaxed) {
        return (place, None);
    }
    let result = work.make(scene).await;
    match &result {
        Ok(_) => context.progress.made(count(place)),
        Err(error) => {
            tracing::error!(scene = scene.id, "{error}");
            if error.exit() == videofactory_pipeline::ExitCode::ContentRefused {
                context.progress.refused(count(place));
            }
            halted.fetch_or(error.stops_all_scenes(), Ordering::Relaxed);
        }
    }
    (place, Some(result))
}

/// A file of the user's own that takes a part's place: it must be there.
pub async fn require_asset(context: &Context, scene: &Scene, key: &str) -> Result<(), StepError> {
    if context.bucket.head(key).await?.is_some() {
        return Ok(());
    }
    Err(StepError::FollowSettings(format!(
        "failed to find {key}, which takes the place of a part of scene {}: it is not in the bucket; upload it, or \
         correct sceneOverrides",
        scene.id
    )))
}

/// The embedded providers use the CPU alone, so more than it has cores gains nothing.
fn scenes_at_a_time() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
