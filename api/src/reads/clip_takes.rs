//! Where a take of a scene's clip is. A clip is named after the length that its service has sold, which no record of an
//! earlier take keeps: it is found among the clips that are there.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use videofactory_client::JobRef;
use videofactory_crds::VideoJob;
use videofactory_pipeline::inputs::{clip_digest, image_digest};
use videofactory_pipeline::storyboard::Scene;
use videofactory_storage::{Bucket, StorageError};

use super::storyboard::{keys_of, settings_of};
use crate::found_clips::FoundClips;

/// Longest clip that is looked for, in seconds: longer than any that a service sells.
const MAX_SECONDS: u32 = 180;

/// Where clips are looked for.
pub struct Clips<'a> {
    /// The job's bucket.
    pub bucket: &'a Bucket,
    /// What was found lately.
    pub found: &'a FoundClips,
    /// Whose clips.
    pub job: &'a VideoJob,
}

impl Clips<'_> {
    /// The key of the newest clip of a scene in this take, if there is one: by a listing of the job's clips, unless the
    /// request `continues` a clip that was found before.
    pub async fn find(
        &self,
        scene: &Scene,
        take: i32,
        continues: bool,
    ) -> Result<Option<String>, StorageError> {
        let id = JobRef::of(self.job);
        let wanted = candidates(&id, self.job, scene, take);
        let known = if continues { self.found.among(&wanted) } else { None };
        // It may have been pruned since.
        if let Some(known) = known
            && self.bucket.head(&known).await?.is_some()
        {
            return Ok(Some(known));
        }
        let Some(keys) = keys_of(&id, self.job) else { return Ok(None) };
        let newest = newest(self.bucket, &keys.clips(), &wanted).await?;
        if let Some(key) = &newest {
            self.found.remember(key);
        }
        Ok(newest)
    }
}

async fn newest(
    bucket: &Bucket,
    prefix: &str,
    wanted: &BTreeSet<String>,
) -> Result<Option<String>, StorageError> {
    let mut clips = bucket.list(prefix);
    let mut newest = None;
    while let Some(clip) = clips.try_next().await? {
        if wanted.contains(&clip.key) {
            newest = newest.max(Some((clip.modified, clip.key)));
        }
    }
    Ok(newest.map(|(_, key)| key))
}

/// The names that the clip may have: made of the picture of the same take, or, where the clip alone was made again, of
/// the picture in the film.
fn candidates(id: &JobRef, job: &VideoJob, scene: &Scene, take: i32) -> BTreeSet<String> {
    let run = job.status.as_ref().and_then(|status| status.run);
    let (Some(settings), Some(keys), Some(run)) = (settings_of(job), keys_of(id, job), run) else {
        return BTreeSet::new();
    };
    let mut names = BTreeSet::new();
    for image_take in [take, scene.takes.image] {
        let mut scene = scene.clone();
        (scene.takes.image, scene.takes.clip) = (image_take, take);
        let image = image_digest(run, &settings, &scene);
        let digests = (1..=MAX_SECONDS).map(|seconds| clip_digest(run, &settings, &scene, &image, seconds));
        names.extend(digests.map(|digest| keys.clip(&digest)));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn scene(image: i32, clip: i32) -> Scene {
        let mut scene = Scene { id: "s1".to_owned(), image_prompt: "a whale".to_owned(), ..Scene::default() };
        (scene.takes.image, scene.takes.clip) = (image, clip);
        scene
    }

    #[test]
    fn a_clip_is_found_whatever_its_length_and_whichever_picture_it_moves() {
        let object: VideoJob = serde_json::from_value(testing::made()).unwrap();
        let id = JobRef::of(&object);
        let (settings, keys) = (settings_of(&object).unwrap(), keys_of(&id, &object).unwrap());
        let made = |image: i32, clip: i32, seconds: u32| {
            let scene = scene(image, clip);
            let image = image_digest(1, &settings, &scene);
            keys.clip(&clip_digest(1, &settings, &scene, &image, seconds))
        };
        let of_take = |take: i32| candidates(&id, &object, &scene(1, 3), take);
        for (image, clip, seconds) in [(1, 1, 6), (1, 2, 8), (2, 2, 6)] {
            assert!(of_take(clip).contains(&made(image, clip, seconds)), "{image} {clip} {seconds}");
            assert!(!of_take(4).contains(&made(image, clip, seconds)), "it is another take");
        }
        assert!(made(1, 1, 6).starts_with(&keys.clips()));
    }
}
