//! What the steps that work scene by scene share. What exists is found by asking for it and never made
//! again; what is missing is made, a few scenes at a time. One scene's failure keeps no other from
//! being made, unless it would fail alike. For a preview one scene alone is wanted: all others are left
//! as they are, also those of which something is under way.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};
use videofactory_pipeline::storyboard::Scene;

use crate::context::Context;
use crate::outcome::StepError;

/// How many scenes are asked for at a time.
const READ_CONCURRENCY: usize = 16;

/// How a step makes one scene.
pub trait SceneWork: Sync {
    /// What stands in the step's document for a scene.
    type Entry: Send;

    /// Whether an outside service does it: then all scenes are worked on at once, each waits for itself, and in a survey
    /// what was paid for is fetched.
    fn is_external(&self) -> bool {
        false
    }

    /// The scene's entry, if its artifacts are there.
    fn find(&self, scene: &Scene) -> impl Future<Output = Result<Option<Self::Entry>, StepError>> + Send;

    /// Notified of the scenes that are missing, before any of them is made.
    fn begin(&self, missing: &[&Scene]) -> impl Future<Output = Result<(), StepError>> + Send {
        let _ = missing;
        std::future::ready(Ok(()))
    }

    /// Makes the scene's artifacts and stores them.
    fn make(&self, scene: &Scene) -> impl Future<Output = Result<Self::Entry, StepError>> + Send;
}

/// Finds or makes every scene that is wanted; the entries in order.
pub async fn each_scene<W: SceneWork>(
    context: &Context,
    scenes: &[Scene],
    work: &W,
) -> Result<Vec<W::Entry>, StepError> {
    let wanted = wanted_places(context, scenes)?;
    let mut entries = find_scenes(context, scenes, &wanted, work).await?;
    let missing: Vec<usize> = wanted.iter().copied().filter(|place| entries[*place].is_none()).collect();
    if context.input.survey && !missing.is_empty() && !work.is_external() {
        return Err(StepError::SubmitInSurvey { missing: missing.len(), total: wanted.len() });
    }
    work.begin(&missing.iter().map(|place| &scenes[*place]).collect::<Vec<_>>()).await?;
    let failed = make_scenes(context, scenes, work, &missing, &mut entries).await;
    conclude(context, &wanted, entries, failed)
}

/// The places of the scenes that this attempt is to make: all, or the previewed one.
pub fn wanted_places(context: &Context, scenes: &[Scene]) -> Result<Vec<usize>, StepError> {
    let Some(id) = context.input.preview_scene.as_deref() else { return Ok((0..scenes.len()).collect()) };
    let place = scenes.iter().position(|scene| id.is_empty() || scene.id == id);
    place.map(|place| vec![place]).ok_or_else(|| {
        let known = scenes.iter().map(|scene| scene.id.as_str()).collect::<Vec<_>>().join(", ");
        StepError::FollowSettings(format!(
            "failed to preview scene {id:?}: the storyboard has no such scene (it has {known}); correct spec.preview"
        ))
    })
}

/// Looks for the scenes that are wanted; those that are there are counted. The entries by place: none for a scene that is
/// not there, or not wanted.
pub async fn find_scenes<W: SceneWork>(
    context: &Context,
    scenes: &[Scene],
    wanted: &[usize],
    work: &W,
) -> Result<Vec<Option<W::Entry>>, StepError> {
    let progress = &context.progress;
    progress.begin_scenes(count(scenes.len()));
    let looks = stream::iter(wanted.iter().copied()).map(|place| work.find(&scenes[place]));
    let found: Vec<Option<W::Entry>> = looks.buffered(READ_CONCURRENCY).try_collect().await?;
    let mut entries: Vec<Option<W::Entry>> = scenes.iter().map(|_| None).collect();
    for (place, entry) in wanted.iter().zip(found) {
        if entry.is_some() {
            progress.found(count(*place));
        }
        entries[*place] = entry;
    }
    Ok(entries)
}

/// Makes the scenes at these places; the failures, each with its scene's id.
pub async fn make_scenes<W: SceneWork>(
    context: &Context,
    scenes: &[Scene],
    work: &W,
    missing: &[usize],
    entries: &mut [Option<W::Entry>],
) -> Vec<(String, StepError)> {
    let at_a_time = if work.is_external() { missing.len().max(1) } else { scenes_at_a_time() };
    let halted = AtomicBool::new(false);
    let making = stream::iter(missing.iter().copied());
    let making = making.map(|place| make_one(context, &halted, place, &scenes[place], work));
    let made: Vec<(usize, Option<_>)> = making.buffer_unordered(at_a_time).collect().await;
    let mut failed = Vec::new();
    for (place, result) in made {
        match result {
            Some(Ok(entry)) => entries[place] = Some(entry),
            Some(Err(error)) => failed.push((scenes[place].id.clone(), error)),
            None if context.stop.is_cancelled() => failed.push((scenes[place].id.clone(), StepError::Stop)),
            None => {}
        }
    }
    failed
}

/// All entries that are wanted, or why there are not all.
pub fn conclude<E>(
    context: &Context,
    wanted: &[usize],
    entries: Vec<Option<E>>,
    mut failed: Vec<(String, StepError)>,
) -> Result<Vec<E>, StepError> {
    let total = wanted.len();
    // Whatever has kept them from being begun says more.
    failed.retain(|(_, error)| !matches!(error, StepError::SkipAfterFailure));
    let only_waits = failed.iter().all(|(_, error)| matches!(error, StepError::AwaitQuota));
    if context.input.survey && only_waits && !failed.is_empty() {
        return Err(StepError::SubmitInSurvey { missing: failed.len(), total });
    }
    if failed.iter().any(|(_, error)| !matches!(error, StepError::Stop)) {
        return Err(StepError::MakeScenes { failed, total });
    }
    // With no failure, a scene without an entry was not begun.
    let entries = entries.into_iter().enumerate().filter(|(place, _)| wanted.contains(place));
    entries.map(|(_, entry)| entry).collect::<Option<Vec<_>>>().ok_or(StepError::Stop)
}

/// One scene, or nothing if nothing more may be begun.
async fn make_one<W: SceneWork>(
    context: &Context,
    halted: &AtomicBool,
    place: usize,
    scene: &Scene,
    work: &W,
) -> (usize, Option<Result<W::Entry, StepError>>) {
    // External accounts halt by themselves: what was paid for is fetched all the same.
    let may_begin = !context.stop.is_cancelled() && (work.is_external() || !halted.load(Ordering::Relaxed));
    if !may_begin {
        return (place, None);
    }
    let result = work.make(scene).await;
    match &result {
        Ok(_) => context.progress.made(count(place)),
        Err(error) => {
            log_failure(context, &[place], &scene.id, error);
            halted.fetch_or(error.stops_all_scenes(), Ordering::Relaxed);
        }
    }
    (place, Some(result))
}

/// Logs and counts a failure of these scenes.
pub fn log_failure(context: &Context, places: &[usize], scene: &str, error: &StepError) {
    match error {
        StepError::AwaitQuota | StepError::SkipAfterFailure | StepError::Stop => {
            tracing::debug!(scene, %error, "the scene is left to a later attempt");
        }
        _ => tracing::error!(scene, %error, "failed to make the scene"),
    }
    for place in places {
        match error {
            StepError::AskPerson(_) => context.progress.unknown(count(*place)),
            _ if error.exit() == videofactory_pipeline::ExitCode::ContentRefused => {
                context.progress.refused(count(*place));
            }
            _ => {}
        }
    }
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

/// A place as progress counts it.
pub fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
