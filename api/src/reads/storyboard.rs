//! A job's scenes with what was made of each: what its steps' result documents and its status say. The documents are in the
//! bucket.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use videofactory_client::JobRef;
use videofactory_crds::videojob::{ScenesStatus, VideoMode};
use videofactory_crds::{StepName, StepState, StepStatus, VideoJob, VideoJobStatus};
use videofactory_pipeline::documents::{Clips, Images, Voices};
use videofactory_pipeline::inputs::{image_digest, voice_digest};
use videofactory_pipeline::keys::{ImageFormat, KeyParts};
use videofactory_pipeline::storyboard::{Scene, Storyboard, Takes, overlay};
use videofactory_pipeline::{Digest, Keys, SceneSet, Settings};
use videofactory_storage::Bucket;

use super::artifacts;
use super::media::of_bucket;
use crate::documents::{Documents, cache_key};
use crate::path::JobPath;
use crate::problem::Problem;
use crate::state::State;

/// A part of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Image,
    Voice,
    Clip,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Image, Self::Voice, Self::Clip];

    /// As it stands in a path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Clip => "clip",
        }
    }

    /// The step that makes it.
    #[must_use]
    pub const fn step(self) -> StepName {
        match self {
            Self::Image => StepName::GenerateImages,
            Self::Voice => StepName::NarrateScenes,
            Self::Clip => StepName::AnimateScenes,
        }
    }
}

/// How far a part of a scene is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// It is to be made.
    ToCome,
    Made,
    /// It needs none: a scene without narration has no voice, and one whose picture moves by itself no clip.
    None,
    /// The service refuses what it should show or say.
    Refused,
    /// It may or may not have been paid for.
    Unknown,
}

/// What was made of a job's scenes.
#[derive(Clone, Debug, Default)]
pub struct Made {
    pub storyboard: Storyboard,
    pub images: Images,
    pub voices: Voices,
    pub clips: Clips,
}

impl Made {
    /// Reads it; what is not there yet is empty. Scenes that somebody has given are known before anything is made.
    pub async fn read(state: &State, job: &VideoJob, path: &JobPath) -> Result<Self, Problem> {
        let mut made = match Reader::of(state, job, path).await? {
            Some(reader) => {
                let (storyboard, images, voices, clips) = futures::try_join!(
                    reader.document(StepName::WriteScript),
                    reader.document(StepName::GenerateImages),
                    reader.document(StepName::NarrateScenes),
                    reader.document(StepName::AnimateScenes),
                )?;
                Self { storyboard, images, voices, clips }
            }
            None => Self::default(),
        };
        if made.storyboard.scenes.is_empty() {
            made.storyboard.scenes = job.spec.scenes.iter().flatten().map(Scene::given).collect();
        }
        Ok(made)
    }

    /// The key of a part of a scene, as its step's document names it: empty where there is no file of its own; none where the
    /// document does not name it.
    #[must_use]
    pub fn key(&self, scene: &str, part: Part) -> Option<&str> {
        let of = |id: &str| id == scene;
        match part {
            Part::Image => self.images.scenes.iter().find(|made| of(&made.id)).map(|made| made.key.as_str()),
            Part::Voice => self.voices.scenes.iter().find(|made| of(&made.id)).map(|made| made.key.as_str()),
            Part::Clip => self.clips.scenes.iter().find(|made| of(&made.id)).map(|made| made.key.as_str()),
        }
    }

    /// How long a scene's voice lasts, in seconds.
    #[must_use]
    pub fn seconds(&self, scene: &str) -> Option<f64> {
        let voice = self.voices.scenes.iter().find(|made| made.id == scene)?;
        (!voice.key.is_empty()).then_some(voice.seconds)
    }

    /// The pictures and voices that are no longer what is asked for, by scene: they are made again.
    #[must_use]
    pub fn stale(&self, object: &VideoJob) -> BTreeMap<&str, Vec<Part>> {
        let run = object.status.as_ref().and_then(|status| status.run);
        let (Some(settings), Some(run)) = (settings_of(object), run) else { return BTreeMap::new() };
        let takes = raised(object);
        let overrides = object.spec.scene_overrides.as_deref().unwrap_or_default();
        // Where the overrides do not fit the script that is there, the next script is to come first.
        let Ok(wanted) = overlay(self.storyboard.clone(), overrides, &takes) else { return BTreeMap::new() };
        let mut stale: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
        for image in &self.images.scenes {
            let scene = wanted.scenes.iter().find(|scene| scene.id == image.id);
            if scene.is_some_and(|scene| image_digest(run, &settings, scene) != image.digest) {
                stale.entry(&image.id).or_default().push(Part::Image);
            }
        }
        for voice in &self.voices.scenes {
            let scene = wanted.scenes.iter().find(|scene| scene.id == voice.id);
            if scene.is_some_and(|scene| voice_digest(run, &settings, scene) != voice.digest) {
                stale.entry(&voice.id).or_default().push(Part::Voice);
            }
        }
        stale
    }

    /// How far a part is of the scene at this place.
    #[must_use]
    pub fn state(&self, status: Option<&VideoJobStatus>, place: u32, part: Part) -> PartState {
        let scene = usize::try_from(place).ok().and_then(|place| self.storyboard.scenes.get(place));
        match scene.and_then(|scene| self.key(&scene.id, part)) {
            Some("") => return PartState::None,
            Some(_) => return PartState::Made,
            None => {}
        }
        let step = status.and_then(|status| status.step(part.step()));
        match step {
            Some(step) if step.state == Some(StepState::Skipped) => PartState::None,
            Some(StepStatus { scenes: Some(scenes), .. }) => of_sets(scenes, place),
            _ => PartState::ToCome,
        }
    }
}

fn of_sets(scenes: &ScenesStatus, place: u32) -> PartState {
    let has = |set: Option<&String>| {
        set.and_then(|set| set.parse::<SceneSet>().ok()).is_some_and(|set| set.contains(place))
    };
    if has(scenes.refused.as_ref()) {
        PartState::Refused
    } else if has(scenes.unknown.as_ref()) {
        PartState::Unknown
    } else if has(scenes.completed.as_ref()) {
        PartState::Made
    } else {
        PartState::ToCome
    }
}

/// The takes that requests have raised, by scene.
fn raised(object: &VideoJob) -> BTreeMap<String, Takes> {
    let takes = object.status.iter().flat_map(|status| &status.takes);
    let takes = takes.map(|of| {
        let take = |take: Option<i32>| take.unwrap_or(1);
        (of.scene.clone(), Takes { image: take(of.image), voice: take(of.voice), clip: take(of.clip) })
    });
    takes.collect()
}

/// The names of the files of a job's present run.
#[must_use]
pub fn keys_of(job: &JobRef, object: &VideoJob) -> Option<Keys> {
    let status = object.status.as_ref()?;
    Some(Keys::new(&job.namespace, &job.name, status.id.as_deref()?, status.run?))
}

/// Reads the result documents of a job's present run.
struct Reader<'a> {
    bucket: Bucket,
    kept: &'a Documents,
    keys: Keys,
    status: &'a VideoJobStatus,
}

impl<'a> Reader<'a> {
    /// None, if no run has begun.
    async fn of(state: &'a State, job: &'a VideoJob, path: &JobPath) -> Result<Option<Self>, Problem> {
        let (Some(status), Some(keys)) = (job.status.as_ref(), keys_of(&path.0, job)) else {
            return Ok(None);
        };
        let bucket = artifacts::bucket(state, job, path).await?.with_short_timeouts();
        Ok(Some(Self { bucket, kept: &state.documents, keys, status }))
    }

    /// A step's result; empty if there is none yet, or none that this version can read.
    async fn document<T: DeserializeOwned + Default>(&self, step: StepName) -> Result<T, Problem> {
        let begun = self.status.step(step).filter(|step| step.attempt.is_some());
        let input = begun.and_then(|step| step.input_digest.as_deref()).and_then(Digest::from_hex);
        let Some(input) = input else { return Ok(T::default()) };
        let key = self.keys.document(step, &input);
        let name = cache_key(&self.bucket, &key);
        // One that is not there yet is no answer to be kept.
        let read = async {
            let read = Box::pin(self.bucket.get_json::<Value>(&key)).await;
            read.map_err(|error| Some(of_bucket(&error)))?.ok_or(None)
        };
        let document = match self.kept.get_or_read(&name, read).await {
            Ok(document) => document,
            Err(None) => return Ok(T::default()),
            Err(Some(problem)) => return Err(problem),
        };
        Ok(<T as serde::Deserialize>::deserialize(&*document).unwrap_or_default())
    }
}

/// The key of a part of a scene, as its step's document names it: where one file is wanted, not all documents are read.
pub async fn named(
    state: &State,
    job: &VideoJob,
    path: &JobPath,
    scene: &str,
    part: Part,
) -> Result<Option<String>, Problem> {
    let Some(reader) = Reader::of(state, job, path).await? else { return Ok(None) };
    let mut made = Made::default();
    match part {
        Part::Image => made.images = reader.document(part.step()).await?,
        Part::Voice => made.voices = reader.document(part.step()).await?,
        Part::Clip => made.clips = reader.document(part.step()).await?,
    }
    Ok(made.key(scene, part).map(str::to_owned))
}

/// The settings of a job's present run; none where they do not fit together.
#[must_use]
pub fn settings_of(object: &VideoJob) -> Option<Settings> {
    let channel = object.status.as_ref().and_then(|status| status.channel.as_ref());
    let defaults = channel.and_then(|channel| channel.spec.defaults.as_ref());
    let is_draft = object.spec.mode == VideoMode::Draft;
    Settings::resolve(&object.spec.settings, defaults, is_draft).ok()
}

/// Where a picture or a voice of a scene is if it was made already, in this take: while its step works no document names it
/// yet, and of an earlier take none does any more. A clip's name depends on more than is known here: `clip_takes.rs`.
#[must_use]
pub fn foreseen(
    job: &JobRef,
    object: &VideoJob,
    scene: &Scene,
    part: Part,
    take: Option<i32>,
) -> Vec<String> {
    let run = object.status.as_ref().and_then(|status| status.run);
    let (Some(settings), Some(keys), Some(run)) = (settings_of(object), keys_of(job, object), run) else {
        return Vec::new();
    };
    let mut scene = scene.clone();
    match part {
        Part::Image => {
            scene.takes.image = take.unwrap_or(scene.takes.image);
            let digest = image_digest(run, &settings, &scene);
            ImageFormat::ALL.map(|format| keys.image(&digest, format)).into()
        }
        Part::Voice => {
            scene.takes.voice = take.unwrap_or(scene.takes.voice);
            vec![keys.voice(&voice_digest(run, &settings, &scene))]
        }
        Part::Clip => Vec::new(),
    }
}

/// Whether a key is of a file of this job: whoever may write a status must not read other films by it.
#[must_use]
pub fn is_own(job: &JobRef, key: &str) -> bool {
    KeyParts::of(key).is_some_and(|parts| parts.namespace == job.namespace && parts.name == job.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use videofactory_pipeline::documents::{SceneClip, SceneImage};

    use super::*;
    use crate::testing::{self, DIGEST};

    #[test]
    fn a_part_is_as_its_document_says_and_before_there_is_one_as_its_step_does() {
        let scene = |id: &str| Scene { id: id.to_owned(), ..Scene::default() };
        let digest = Digest::from_hex(DIGEST).unwrap();
        let image = SceneImage { id: "s1".to_owned(), digest: digest.clone(), key: "clips/a".to_owned() };
        let clip = SceneClip { id: "s1".to_owned(), digest, key: String::new() };
        let made = Made {
            storyboard: Storyboard {
                scenes: ["s1", "s2", "s3", "s4"].map(scene).into(),
                ..Storyboard::default()
            },
            images: Images { scenes: vec![image], ..Images::default() },
            clips: Clips { scenes: vec![clip], ..Clips::default() },
            ..Made::default()
        };
        let status: VideoJobStatus = serde_json::from_value(json!({"steps": [
            {"name": "generate-images", "state": "Running", "scenes": {"total": 4, "completed": "0-1", "refused": "2", "unknown": "3"}},
            {"name": "narrate-scenes", "state": "Skipped"},
        ]}))
        .unwrap();
        let of_part = |part: Part| [0, 1, 2, 3].map(|place| made.state(Some(&status), place, part));
        let (to_come, none) = (PartState::ToCome, PartState::None);
        assert_eq!(
            of_part(Part::Image),
            [PartState::Made, PartState::Made, PartState::Refused, PartState::Unknown]
        );
        assert_eq!(of_part(Part::Voice), [none; 4]);
        assert_eq!(of_part(Part::Clip), [none, to_come, to_come, to_come]);
        assert_eq!(made.state(None, 9, Part::Image), to_come);
    }

    #[test]
    fn what_was_made_from_another_text_is_stale() {
        let mut job = testing::made();
        let object = |job: &serde_json::Value| -> VideoJob { serde_json::from_value(job.clone()).unwrap() };
        let scene = Scene { id: "s1".to_owned(), image_prompt: "a whale".to_owned(), ..Scene::default() };
        let digest = image_digest(1, &settings_of(&object(&job)).unwrap(), &scene);
        let image = SceneImage { id: "s1".to_owned(), digest, key: "clips/a".to_owned() };
        let made = Made {
            storyboard: Storyboard { scenes: vec![scene], ..Storyboard::default() },
            images: Images { scenes: vec![image], ..Images::default() },
            ..Made::default()
        };
        assert!(made.stale(&object(&job)).is_empty());
        job["spec"]["sceneOverrides"] = json!([{"id": "s1", "imagePrompt": "a squid"}]);
        assert_eq!(made.stale(&object(&job)), BTreeMap::from([("s1", vec![Part::Image])]));
        job["spec"]["sceneOverrides"] = json!([{"id": "s9", "imagePrompt": "a squid"}]);
        assert!(made.stale(&object(&job)).is_empty(), "there is no such scene in this script");
        job["spec"]["sceneOverrides"] = json!([]);
        job["status"]["takes"] = json!([{"scene": "s1", "image": 2}]);
        assert_eq!(made.stale(&object(&job)), BTreeMap::from([("s1", vec![Part::Image])]));
    }

    #[test]
    fn another_take_of_a_picture_is_another_file_of_the_same_job() {
        let object: VideoJob = serde_json::from_value(testing::made()).unwrap();
        let id = JobRef::of(&object);
        let scene = Scene { id: "s1".to_owned(), image_prompt: "a whale".to_owned(), ..Scene::default() };
        let keys = |part: Part, take: Option<i32>| foreseen(&id, &object, &scene, part, take);
        assert_eq!(keys(Part::Image, None), keys(Part::Image, Some(1)));
        assert_ne!(keys(Part::Image, Some(2)), keys(Part::Image, Some(1)));
        assert_eq!(
            (keys(Part::Image, None).len(), keys(Part::Voice, None).len(), keys(Part::Clip, None).len()),
            (2, 1, 0)
        );
        for key in keys(Part::Image, None).iter().chain(&keys(Part::Voice, Some(2))) {
            assert!(is_own(&id, key), "{key}");
        }
        assert!(!is_own(&id, &format!("videos/news/ocean-3f9c2a1e/r1/{DIGEST}.mp4")));
        assert!(!is_own(&id, "assets/a.png"));
    }
}
