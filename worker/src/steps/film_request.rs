//! From settings and documents to what the film engine is asked for. The files that it names are
//! fetched into the pod's work folder first, each under a name of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::stream::{self, StreamExt};
use videofactory_crds::StepName;
use videofactory_crds::settings::{AudioSource, ClipFit, MusicSource, ThumbnailSource};
use videofactory_embedded::Embedded;
use videofactory_pipeline::Digest;
use videofactory_pipeline::documents::{Clips, Images, SceneVoice, Voices, Words};
use videofactory_pipeline::settings::Settings;
use videofactory_pipeline::storyboard::{self, Storyboard};
use videofactory_pipeline::timeline::{FrameRate, Motion};
use videofactory_providers::{Artist, PictureRequest};
use videofactory_storage::StorageError;

use crate::context::Context;
use crate::outcome::StepError;
use videofactory_film::request as film;

/// How many files are fetched at a time.
const FETCH_CONCURRENCY: usize = 6;

/// What the steps before have made.
pub struct Parts {
    /// The text.
    pub storyboard: Storyboard,
    /// The pictures.
    pub images: Images,
    pub voices: Voices,
    /// How they move.
    pub clips: Clips,
}

/// The request, with all of its files in place.
pub async fn build(context: &Context, parts: &Parts) -> Result<film::FilmRequest, StepError> {
    let settings = &context.input.settings;
    let fps = u32::try_from(settings.format.fps).unwrap_or_default();
    let fps = FrameRate::new(fps).map_err(|error| StepError::FollowSettings(error.to_string()))?;
    let (width, height) = settings.frame();
    let folder = context.paths.work().join("parts");
    tokio::fs::create_dir_all(&folder).await.map_err(|error| StepError::use_file("make", &folder, &error))?;
    let files = Files { context, folder };
    let format = film::Format { width, height, fps };
    let scenes = files.with_channel(files.scenes(parts, format).await?).await?;
    let title = &parts.storyboard.title;
    Ok(film::FilmRequest {
        format,
        language: settings.language.clone(),
        scenes,
        watermark: files.watermark().await?,
        captions: settings.captions.clone(),
        audio: files.audio(settings).await?,
        transition: settings.transition.clone(),
        thumbnail: files.thumbnail(settings, title).await?,
        checks: settings.checks.clone(),
        section_cache: None,
        most_seconds: std::time::Duration::from(settings.length.max).as_secs_f64(),
    })
}

/// Fetches into a folder.
struct Files<'a> {
    context: &'a Context,
    folder: PathBuf,
}

impl Files<'_> {
    async fn scenes(&self, parts: &Parts, format: film::Format) -> Result<Vec<film::Scene>, StepError> {
        let images = by_id(&parts.images.scenes, |scene| (&scene.id, scene));
        let voices = by_id(&parts.voices.scenes, |scene| (&scene.id, scene));
        let clips = by_id(&parts.clips.scenes, |scene| (&scene.id, scene));
        let all = &parts.storyboard.scenes;
        let (images, voices, clips) = (&images, &voices, &clips);
        let aspect = format.aspect();
        let fetches = stream::iter(0..all.len()).map(|place| async move {
            let scene = &all[place];
            let absent = |from: StepName| StepError::FindArtifact {
                what: format!("scene {} of {from}", scene.id),
                from,
            };
            let image = images.get(&scene.id).ok_or_else(|| absent(StepName::GenerateImages))?;
            let voice = voices.get(&scene.id).ok_or_else(|| absent(StepName::NarrateScenes))?;
            let clip = clips.get(&scene.id).ok_or_else(|| absent(StepName::AnimateScenes))?;
            let picture = if clip.key.is_empty() {
                let path = self.of_step(scene, &image.key, StepName::GenerateImages).await?;
                film::Picture::Still { path, motion: Motion::for_scene(clip.digest.as_str(), aspect) }
            } else {
                film::Picture::Clip { path: self.of_step(scene, &clip.key, StepName::AnimateScenes).await? }
            };
            Ok(film::Scene {
                id: scene.id.clone(),
                role: film::SceneRole::Story,
                picture,
                fit: fit(&self.context.input.settings),
                voice: self.voice(scene, voice).await?,
                caption: scene.narration.clone(),
                min_seconds: scene.min_seconds,
            })
        });
        let results = fetches.buffered(FETCH_CONCURRENCY).collect().await;
        all_or_failures(results, all)
    }

    /// The scenes between the channel's intro and outro.
    async fn with_channel(&self, mut scenes: Vec<film::Scene>) -> Result<Vec<film::Scene>, StepError> {
        let brand = &self.context.input.brand;
        if !brand.intro.is_empty() {
            let path = self.asset("introKey of the Channel", &brand.intro).await?;
            scenes.insert(0, film::Scene::intro(path));
        }
        if !brand.outro.is_empty() {
            let path = self.asset("outroKey of the Channel", &brand.outro).await?;
            scenes.push(film::Scene::outro(path));
        }
        Ok(scenes)
    }

    async fn watermark(&self) -> Result<Option<film::Watermark>, StepError> {
        let brand = &self.context.input.brand;
        if brand.watermark.is_empty() {
            return Ok(None);
        }
        let path = self.asset("watermarkKey of the Channel", &brand.watermark).await?;
        Ok(Some(film::Watermark { path, look: brand.watermark_look }))
    }

    async fn voice(
        &self,
        scene: &storyboard::Scene,
        voice: &SceneVoice,
    ) -> Result<Option<film::Voice>, StepError> {
        // Captions of a voice that nobody hears would speak of something else than the clips do.
        let unheard = self.context.input.settings.audio.source == AudioSource::Clips;
        if unheard || voice.key.is_empty() {
            return Ok(None);
        }
        let path = self.of_step(scene, &voice.key, StepName::NarrateScenes).await?;
        let words: Words = self.context.bucket.get_json(&voice.words).await?.ok_or_else(|| {
            StepError::FindArtifact { what: voice.words.clone(), from: StepName::NarrateScenes }
        })?;
        let level = words.level;
        let words = words.words.into_iter().map(|word| film::Word {
            text: word.text,
            start: word.start,
            end: word.end,
        });
        Ok(Some(film::Voice { path, words: words.collect(), level }))
    }

    async fn audio(&self, settings: &Settings) -> Result<film::Audio, StepError> {
        let audio = &settings.audio;
        let music = match audio.music.origin() {
            // The same piece whatever is edited in the film.
            MusicSource::Generated => film::Music::Generated { seed: self.context.input.job.id.clone() },
            MusicSource::Asset => {
                film::Music::File { path: self.asset("audio.music.key", &audio.music.key).await? }
            }
            MusicSource::None => film::Music::None,
        };
        Ok(film::Audio::new(audio, music))
    }

    async fn thumbnail(&self, settings: &Settings, title: &str) -> Result<film::Thumbnail, StepError> {
        let thumbnail = &settings.thumbnail;
        let source = match thumbnail.origin() {
            ThumbnailSource::Frame => film::ThumbnailSource::Frame,
            ThumbnailSource::Asset => {
                film::ThumbnailSource::Image(self.asset("thumbnail.key", &thumbnail.key).await?)
            }
            ThumbnailSource::Generated => {
                film::ThumbnailSource::Image(self.draw_thumbnail(settings, title).await?)
            }
        };
        Ok(film::Thumbnail { source, text: thumbnail.text.clone() })
    }

    async fn draw_thumbnail(&self, settings: &Settings, title: &str) -> Result<PathBuf, StepError> {
        let (width, height) = settings.frame();
        let request = PictureRequest {
            model: videofactory_providers::Model::default(),
            prompt: title.to_owned(),
            style: settings.style.suffix.clone(),
            width,
            height,
            seed: self.context.input.input.seed(),
            characters: Vec::new(),
        };
        let picture = Embedded.draw(&request).await?;
        let path = self.folder.join("thumbnail");
        tokio::fs::write(&path, &picture.bytes)
            .await
            .map_err(|error| StepError::use_file("write", &path, &error))?;
        Ok(path)
    }

    /// A file that a step has made, or one of the user's own in its place.
    async fn of_step(
        &self,
        scene: &storyboard::Scene,
        key: &str,
        from: StepName,
    ) -> Result<PathBuf, StepError> {
        let own = [&scene.assets.image, &scene.assets.clip].into_iter().any(|asset| asset == key);
        if own {
            return self.asset(&format!("the assets of scene {}", scene.id), key).await;
        }
        match self.fetch(key).await {
            Err(StorageError::NoSuchKey { .. }) => {
                Err(StepError::FindArtifact { what: key.to_owned(), from })
            }
            other => Ok(other?),
        }
    }

    /// A file of the user's own; `field` is the setting that names it.
    async fn asset(&self, field: &str, key: &str) -> Result<PathBuf, StepError> {
        match self.fetch(key).await {
            Err(StorageError::NoSuchKey { .. }) => Err(StepError::FollowSettings(format!(
                "failed to find {key}, which {field} names: it is not in the bucket; upload it or correct the setting"
            ))),
            other => Ok(other?),
        }
    }

    async fn fetch(&self, key: &str) -> Result<PathBuf, StorageError> {
        let path = self.folder.join(file_name(key));
        self.context.bucket.get_to_file(key, &path).await?;
        Ok(path)
    }
}

/// A key as the name of one file, which file systems end at 255 bytes.
fn file_name(key: &str) -> String {
    let name = key.replace('/', "+");
    if name.len() <= 255 {
        return name;
    }
    format!("{}+{}", Digest::of_bytes(key.as_bytes()), name.get(name.len() - 100..).unwrap_or_default())
}

fn by_id<'a, T>(scenes: &'a [T], pair: impl Fn(&'a T) -> (&'a String, &'a T)) -> BTreeMap<&'a String, &'a T> {
    scenes.iter().map(pair).collect()
}

/// All scenes, or everything that is wrong with them.
fn all_or_failures(
    results: Vec<Result<film::Scene, StepError>>,
    scenes: &[storyboard::Scene],
) -> Result<Vec<film::Scene>, StepError> {
    let (mut all, mut failed) = (Vec::with_capacity(scenes.len()), Vec::new());
    for (result, scene) in results.into_iter().zip(scenes) {
        match result {
            Ok(scene) => all.push(scene),
            Err(error) => failed.push((scene.id.clone(), error)),
        }
    }
    if failed.is_empty() { Ok(all) } else { Err(StepError::MakeScenes { failed, total: scenes.len() }) }
}

/// What is done with a clip that is still too short: the user's own, or the longest that is sold.
fn fit(settings: &Settings) -> ClipFit {
    settings.providers.animation.as_ref().map_or(ClipFit::Slow, |provider| provider.fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_name_of_its_own_that_a_file_can_have() {
        assert_eq!(file_name("assets/music/theme.mp3"), "assets+music+theme.mp3");
        let long = |first: char| format!("assets/{first}{}.mp3", "x".repeat(300));
        let (one, other) = (file_name(&long('a')), file_name(&long('b')));
        assert!(one.len() <= 255 && one != other, "{one} and {other}");
    }
}
